//! When to try again.

use std::time::Duration;

use http::{HeaderMap, header};

use crate::clock::Timestamp;

/// The longest wait that a `Retry-After` can ask for. A broken or hostile server must not stop us for a year.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(15 * 60);

/// What `Retry-After` asks for: seconds (a fraction is tolerated) or an HTTP date, held to between nothing and [`MAX_RETRY_AFTER`].
/// `None` when the header is missing or unreadable. Source: RFC 9110, section 10.2.3.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<f64>() {
        Ok(seconds) if seconds.is_nan() => return None,
        Ok(seconds) => Duration::try_from_secs_f64(seconds.clamp(0.0, 1e9)).ok()?,
        Err(_) => Timestamp::from(httpdate::parse_http_date(text).ok()?).since(now),
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// Exponential backoff with full jitter.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    tries: u32,
}

impl Backoff {
    /// Waits up to `first`, then up to twice that, and so on up to `most`.
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, tries: 0 }
    }

    /// The next wait: anything from a tenth of the step to the whole of it, so that many agents do not come at once and none comes at once.
    pub fn next_wait(&mut self) -> Duration {
        let step = self.first.saturating_mul(1 << self.tries.min(20)).min(self.most);
        self.tries = self.tries.saturating_add(1);
        step.mul_f64(0.1 + 0.9 * fastrand::f64())
    }

    /// How often it was asked since the last success.
    pub const fn tries(&self) -> u32 {
        self.tries
    }

    /// Starts anew, after a success.
    pub const fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, text.parse().unwrap());
        retry_after(&headers, Timestamp::from_secs(784_111_777))
    }

    #[test]
    fn reads_every_form_and_holds_it_in_bounds() {
        for (text, seconds) in [
            ("0", Some(0)),
            ("7", Some(7)),
            (" 12 ", Some(12)),
            ("-5", Some(0)),
            ("99999999999999999999", Some(900)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:27 GMT", Some(0)),
            ("Sat, 06 Nov 2094 08:49:37 GMT", Some(900)),
            ("Sunday, 06-Nov-94 08:49:47 GMT", Some(10)),
            ("soon", None),
            ("NaN", None),
            ("inf", Some(900)),
        ] {
            assert_eq!(asked(text), seconds.map(Duration::from_secs), "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), Timestamp::UNSET), None);
    }

    #[test]
    fn backoff_doubles_up_to_its_most_and_starts_anew() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(15));
        for most in [1, 2, 4, 8, 15, 15] {
            let (least, most) = (Duration::from_millis(100 * most), Duration::from_secs(most));
            let wait = backoff.next_wait();
            assert!((least..=most).contains(&wait), "{wait:?} of {most:?}");
        }
        backoff.reset();
        assert!(backoff.next_wait() <= Duration::from_secs(1));
    }
}
