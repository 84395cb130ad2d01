//! Faults that a service shows on demand.
//!
//! Owns what can go wrong and the queue per service from which the next fault is taken. Promises that faults are consumed in order, each as
//! often as asked, and that a fault which does not execute the request leaves no trace of it but the record in the request log.

use std::collections::VecDeque;
use std::time::Duration;

use axum::http::header::HeaderValue;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// How many faults may wait in one service's queue.
pub(crate) const FAULTS_KEPT: usize = 100;
/// The longest delay that can be asked for, so that no connection is held for ever.
pub(crate) const DELAY_MAX: Duration = Duration::from_secs(600);

/// The forms in which `Retry-After` was seen or must be survived.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum RetryAfter {
    /// No header at all.
    #[default]
    Missing,
    /// A number of seconds.
    Seconds {
        /// The number; 0 in `limits` means "until there is room".
        seconds: u64,
    },
    /// An HTTP-date that far ahead.
    HttpDate {
        /// How far.
        seconds: u64,
    },
    /// An HTTP-date of yesterday.
    Past,
    /// A number of seconds that would last for decades.
    Absurd,
    /// Text that is neither.
    Garbage,
}

impl RetryAfter {
    /// The header's value at `now`.
    pub(crate) fn header(&self, now: Timestamp) -> Option<HeaderValue> {
        let date = |time: Timestamp| httpdate::fmt_http_date(time.as_system_time());
        let text = match self {
            Self::Missing => return None,
            Self::Seconds { seconds } => seconds.to_string(),
            Self::HttpDate { seconds } => date(now.plus(Duration::from_secs(*seconds))),
            Self::Past => date(now.minus(Duration::from_secs(86_400))),
            Self::Absurd => "999999999".to_owned(),
            Self::Garbage => "soon".to_owned(),
        };
        HeaderValue::from_str(&text).ok()
    }
}

/// One fault. All fields have defaults: `{"status": 503}` is complete.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Fault {
    /// Answer with this status, without executing the request unless `execute` is set.
    pub(crate) status: Option<u16>,
    /// The body of that answer; a short text if not given.
    pub(crate) body: Option<String>,
    /// The content type of `body`; `text/plain` if not given.
    pub(crate) content_type: Option<String>,
    /// `Retry-After` of that answer.
    pub(crate) retry_after: RetryAfter,
    /// How often; until it is reset if not given.
    pub(crate) times: Option<u32>,
    /// Wait so long before anything else.
    pub(crate) delay_ms: u64,
    /// Execute the request although `status` hides its outcome.
    pub(crate) execute: bool,
    /// Execute the request, then close the connection without an answer.
    pub(crate) drop: bool,
    /// Close the connection before executing anything.
    pub(crate) reset: bool,
    /// Cut the answer's body in the middle.
    pub(crate) truncate: bool,
    /// Pushes only: accept the request, show nothing of it, and let the consumer complain with this text.
    pub(crate) consumer_error: Option<String>,
    /// Only requests that name this managed service.
    pub(crate) service_id: Option<String>,
}

impl Fault {
    /// How long to wait.
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms).min(DELAY_MAX)
    }

    /// What is wrong with it, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self.status {
            Some(status) if !(200..=599).contains(&status) => Err(format!("status {status} is outside 200 … 599")),
            _ if self.times == Some(0) => Err("times must be at least 1".to_owned()),
            _ => Ok(()),
        }
    }

    fn applies_to(&self, service_id: Option<&str>) -> bool {
        self.service_id.as_deref().is_none_or(|wanted| service_id == Some(wanted))
    }
}

/// The faults of one service that are still to come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Faults(VecDeque<Fault>);

impl Faults {
    /// Replaces the queue; refuses what makes no sense.
    pub(crate) fn set(&mut self, faults: Vec<Fault>) -> Result<(), String> {
        if faults.len() > FAULTS_KEPT {
            return Err(format!("{} faults are more than {FAULTS_KEPT}", faults.len()));
        }
        faults.iter().try_for_each(Fault::check)?;
        self.0 = faults.into();
        Ok(())
    }

    /// The fault for the next request, if one waits.
    pub(crate) fn take(&mut self, service_id: Option<&str>) -> Option<Fault> {
        let at = self.0.iter().position(|fault| fault.applies_to(service_id))?;
        let fault = self.0.get(at)?.clone();
        match fault.times {
            Some(1) => {
                self.0.remove(at);
            }
            Some(times) => {
                if let Some(waiting) = self.0.get_mut(at) {
                    waiting.times = Some(times - 1);
                }
            }
            None => {}
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_secs(1_784_700_000)
    }

    fn header(form: &RetryAfter) -> Option<String> {
        form.header(now()).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn retry_after_has_every_form_a_client_must_survive() {
        assert_eq!(header(&RetryAfter::Missing), None);
        assert_eq!(header(&RetryAfter::Seconds { seconds: 7 }).as_deref(), Some("7"));
        assert_eq!(header(&RetryAfter::HttpDate { seconds: 30 }).as_deref(), Some("Wed, 22 Jul 2026 06:00:30 GMT"));
        assert_eq!(header(&RetryAfter::Past).as_deref(), Some("Tue, 21 Jul 2026 06:00:00 GMT"));
        assert!(header(&RetryAfter::Absurd).unwrap().parse::<u64>().unwrap() > 86_400 * 365);
        assert!(header(&RetryAfter::Garbage).unwrap().parse::<u64>().is_err());
    }

    #[test]
    fn faults_are_taken_in_order_and_as_often_as_asked() {
        let fault = |status, times| Fault { status: Some(status), times, ..Fault::default() };
        let mut faults = Faults::default();
        faults.set(vec![fault(503, Some(2)), fault(401, Some(1)), fault(500, None)]).unwrap();
        let taken: Vec<_> = (0..5).filter_map(|_| faults.take(None)?.status).collect();
        assert_eq!(taken, [503, 503, 401, 500, 500]);
    }

    #[test]
    fn a_fault_for_one_service_lets_the_others_pass() {
        let mut faults = Faults::default();
        faults.set(vec![Fault { service_id: Some("a".to_owned()), drop: true, ..Fault::default() }]).unwrap();
        assert!(faults.take(Some("b")).is_none() && faults.take(None).is_none());
        assert!(faults.take(Some("a")).unwrap().drop);
    }

    #[test]
    fn nonsense_is_refused_and_changes_nothing() {
        let mut faults = Faults::default();
        assert!(faults.set(vec![Fault { status: Some(42), ..Fault::default() }]).is_err());
        assert!(faults.set(vec![Fault { times: Some(0), ..Fault::default() }]).is_err());
        assert!(faults.set(vec![Fault::default(); FAULTS_KEPT + 1]).is_err());
        assert!(faults.take(None).is_none());
        assert!(serde_json::from_str::<Fault>(r#"{"statsu": 503}"#).is_err());
    }
}
