//! Availability checks over HTTP.
//!
//! A check asks one URL and says what it saw: a status under its own name with one sentence, a second one for the server's certificate, and
//! the numbers behind both. It says what it saw *once*: whether a change counts is the condenser's decision. Redirects are followed on the
//! same host only, never from `https` to `http`, and credentials stay with the origin they were given for.
//!
//! Names of numbers are those of OpenTelemetry's HTTP check receiver (`httpcheck.duration`, `httpcheck.tls.cert_remaining`, attribute
//! `http.url`); numbers of an IETF health document are called `httpcheck.health.MEASUREMENT`.

mod certificate;
mod config;
mod health;
mod judge;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, header};
use tokio::time::{Instant, timeout};
use url::Url;

use self::certificate::Expiry;
use self::judge::{Judgement, Seen, judge};
use super::gauges::Gauges;
use super::source::{Outcome, Pull, Pulled};
use super::target::{Target, Trouble, shown};
use crate::clock::Clock;
use crate::http::{Answer, Request};
use crate::metric::{Entry, Observation, Rating, SourceId, SourceKey};

pub use config::{Config, HealthFormat, Levels, Method};

/// What a check would like to read: a health document rather than a page.
const ACCEPT: HeaderValue = HeaderValue::from_static(
    "application/health+json, application/vnd.spring-boot.actuator.v3+json, application/json;q=0.9, text/plain;q=0.8, */*;q=0.5",
);

/// One check.
#[derive(Debug)]
pub struct HttpCheck {
    config: Config,
    clock: Clock,
    target: Target,
    certificate_name: Arc<str>,
    shown_url: String,
    had_document: bool,
}

/// An answer at the end of its redirects.
#[derive(Debug)]
struct Probe {
    answer: Answer,
    took: Duration,
    redirect: Option<String>,
}

impl HttpCheck {
    /// A check that has not run yet. Nothing is read or connected before the first run.
    pub fn new(config: Config, clock: Clock) -> Self {
        let target = Target::new(config.url.clone(), config.auth.clone(), config.http.clone());
        let certificate_name = format!("{} certificate", config.key.name).into();
        let shown_url = shown(&config.url);
        Self { config, clock, target, certificate_name, shown_url, had_document: false }
    }

    /// Asks, and follows redirects within the timeout of the whole.
    async fn probe(&mut self) -> Result<Probe, Trouble> {
        let began = Instant::now();
        let (whole, address) = (self.target.timeout(), self.target.address().to_owned());
        match timeout(whole, self.follow()).await {
            Ok(Ok((answer, redirect))) => Ok(Probe { answer, took: began.elapsed(), redirect }),
            Ok(Err(trouble)) => Err(trouble),
            Err(_) => Err(Trouble::Timeout { address, after: whole }),
        }
    }

    async fn follow(&mut self) -> Result<(Answer, Option<String>), Trouble> {
        let mut url = self.config.url.clone();
        let mut left = self.config.max_redirects;
        // Who expects a redirect itself does not want it followed.
        let wants_redirect = self.config.expect_status.iter().any(|codes| *codes.start() >= 300 && *codes.end() < 400);
        loop {
            let mut request = Request::get(url.clone());
            if self.config.method == Method::Head {
                request.method = http::Method::HEAD;
            }
            request.headers.insert(header::ACCEPT, ACCEPT);
            let answer = self.target.ask(request, self.config.max_body_bytes).await?;
            let Some(next) = location(&answer, &url).filter(|_| !wants_redirect && self.config.max_redirects > 0)
            else {
                return Ok((answer, None));
            };
            if let Some(refused) = refuse(&url, &next) {
                return Ok((answer, Some(refused)));
            }
            if left == 0 {
                let most = self.config.max_redirects;
                return Ok((answer, Some(format!("redirects more than {most} times, last to {}", shown(&next)))));
            }
            left -= 1;
            url = next;
        }
    }

    fn observation(&self, name: &Arc<str>, rating: Rating, text: String) -> Entry {
        let (source, time) = (self.config.source, self.clock.now());
        Entry::Observation(Observation { source, name: Arc::clone(name), labels: [].into(), rating, text, time })
    }

    fn answered(&mut self, probe: &Probe) -> Vec<Entry> {
        let Probe { answer, took, redirect } = probe;
        let content_type = answer.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let Judgement { rating, text, measurements, had_document } = judge(
            &self.config,
            &Seen {
                status: answer.status,
                content_type: content_type.unwrap_or_default(),
                body: &answer.body,
                truncated: answer.truncated,
                took: *took,
                redirect: redirect.as_deref(),
                had_document: self.had_document,
            },
        );
        self.had_document |= had_document;
        let now = self.clock.now();
        let expiry = answer.certificate.as_deref().and_then(|der| certificate::expiry(der, now));

        let mut gauges = Gauges::new(self.config.source, &[], now);
        let url = ("http.url", self.shown_url.as_str());
        gauges.add("httpcheck.duration", "ms", &[url], (took.as_secs_f64() * 1_000.0).round());
        if let Some(expiry) = expiry {
            gauges.add("httpcheck.tls.cert_remaining", "s", &[url], expiry.remaining_seconds());
        }
        for found in &measurements {
            let name = format!("httpcheck.health.{}", found.name);
            let attributes = [url, ("component", found.component.as_str()), ("component.id", found.id.as_str())];
            gauges.add(&name, ucum(&found.unit), &attributes, found.value);
        }

        let mut entries = vec![self.observation(&self.config.key.name, rating, text)];
        entries.extend(self.certificate(expiry));
        entries.push(Entry::Points(gauges.finish()));
        entries
    }

    fn certificate(&self, expiry: Option<Expiry>) -> Option<Entry> {
        let levels = self.watches_certificate()?;
        let (rating, text) = expiry?.rate(levels);
        Some(self.observation(&self.certificate_name, rating, text))
    }

    fn watches_certificate(&self) -> Option<Levels> {
        let levels = self.config.tls_expiry;
        (levels.warning.is_some() || levels.critical.is_some()).then_some(levels)
    }

    fn unanswered(&self, trouble: &Trouble) -> Pulled {
        let (rating, text) = if trouble.is_ours() {
            // The service may be well: what is missing is on this side.
            (Rating::Warning, format!("cannot be checked: {trouble}"))
        } else {
            (Rating::Critical, trouble.to_string())
        };
        let mut entries = vec![self.observation(&self.config.key.name, rating, text.clone())];
        if matches!(trouble, Trouble::Expired { .. }) && self.watches_certificate().is_some() {
            entries.push(self.observation(&self.certificate_name, Rating::Critical, "expired; renew it".to_owned()));
        }
        entries.push(Entry::Ended(self.config.source));
        Pulled { entries, outcome: Outcome::Failed(text), refused: Vec::new(), samples: 0 }
    }
}

impl Pull for HttpCheck {
    const KIND: &'static str = "http_check";

    fn source(&self) -> SourceId {
        self.config.source
    }

    fn key(&self) -> &SourceKey {
        &self.config.key
    }

    fn interval(&self) -> Duration {
        self.config.interval
    }

    async fn pull(&mut self) -> Pulled {
        match self.probe().await {
            // Any answer is a success of the check; what it means is in the statuses.
            Ok(probe) => {
                Pulled { entries: self.answered(&probe), outcome: Outcome::Ok, refused: Vec::new(), samples: 1 }
            }
            Err(trouble) => self.unanswered(&trouble),
        }
    }
}

/// Where an answer redirects to, if it does.
fn location(answer: &Answer, from: &Url) -> Option<Url> {
    if !matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    from.join(answer.headers.get(header::LOCATION)?.to_str().ok()?).ok()
}

/// Why a redirect is not followed.
fn refuse(from: &Url, to: &Url) -> Option<String> {
    if to.host_str() != from.host_str() {
        let host = to.host_str().unwrap_or("nowhere");
        return Some(format!("redirects to {host}, another host; does it ask for a sign-in?"));
    }
    let downgrade = from.scheme() == "https" && to.scheme() != "https";
    if downgrade || !matches!(to.scheme(), "http" | "https") {
        return Some(format!("redirects from {} to {}, which is not followed", from.scheme(), to.scheme()));
    }
    None
}

/// The unit of a health document in UCUM, where it is one of the draft's words.
fn ucum(unit: &str) -> &str {
    match unit {
        "percent" => "%",
        "" => "1",
        "bytes" => "By",
        "seconds" => "s",
        "milliseconds" => "ms",
        other => other,
    }
}

#[cfg(test)]
mod tests;
