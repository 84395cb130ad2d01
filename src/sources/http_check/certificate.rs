//! How long a server's certificate is still valid, and what that means.
//!
//! Only the server's own certificate is looked at: TLS has already checked its chain, and hands out no more.

use std::time::Duration;

use x509_parser::prelude::{FromDer, X509Certificate};

use super::Levels;
use crate::clock::Timestamp;
use crate::metric::Rating;

/// When a certificate ends, seen from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expiry {
    not_after: Timestamp,
    now: Timestamp,
}

/// Reads when a DER certificate ends; `None` when it cannot be read.
pub(super) fn expiry(der: &[u8], now: Timestamp) -> Option<Expiry> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let seconds = certificate.validity().not_after.timestamp();
    Some(Expiry { not_after: Timestamp::from_secs(u64::try_from(seconds).unwrap_or(0)), now })
}

impl Expiry {
    /// Seconds that are left, negative when it has ended. Source of the sign: OpenTelemetry's `httpcheck.tls.cert_remaining`.
    pub(super) fn remaining_seconds(self) -> f64 {
        (self.not_after.as_secs_f64() - self.now.as_secs_f64()).round()
    }

    /// Its rating and a sentence.
    pub(super) fn rate(self, levels: Levels) -> (Rating, String) {
        let date = self.not_after.to_string();
        let day = date.split('T').next().unwrap_or_default();
        if self.not_after <= self.now {
            return (Rating::Critical, format!("expired on {day}; renew it"));
        }
        let left = self.not_after.since(self.now);
        let within = |level: Option<Duration>| level.is_some_and(|level| left <= level);
        let rating = match (within(levels.critical), within(levels.warning)) {
            (true, _) => Rating::Critical,
            (_, true) => Rating::Warning,
            _ => return (Rating::Ok, format!("valid until {day}")),
        };
        (rating, format!("expires in {}, on {day}; renew it", days(left)))
    }
}

fn days(left: Duration) -> String {
    match left.as_secs() / 86_400 {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: u64 = 86_400;

    fn rated(seconds_left: i64) -> (Rating, String) {
        let now = Timestamp::from_secs(1_764_065_400);
        let not_after = Timestamp::from_secs(now.as_secs_f64() as u64).0 as i64 + seconds_left * 1_000_000_000;
        let day = |days: u64| Some(Duration::from_secs(days * DAY));
        Expiry { not_after: Timestamp(not_after as u64), now }.rate(Levels { warning: day(30), critical: day(7) })
    }

    #[test]
    fn thirty_and_seven_days_and_the_end() {
        for (days, rating, text) in [
            (31, Rating::Ok, "valid until 2025-12-26"),
            (30, Rating::Warning, "expires in 30 days, on 2025-12-25; renew it"),
            (8, Rating::Warning, "expires in 8 days, on 2025-12-03; renew it"),
            (7, Rating::Critical, "expires in 7 days, on 2025-12-02; renew it"),
            (1, Rating::Critical, "expires in 1 day, on 2025-11-26; renew it"),
            (0, Rating::Critical, "expired on 2025-11-25; renew it"),
            (-400, Rating::Critical, "expired on 2024-10-21; renew it"),
        ] {
            assert_eq!(rated(days * DAY as i64), (rating, text.to_owned()), "{days}");
        }
        assert_eq!(rated(60).1, "expires in less than a day, on 2025-11-25; renew it");
    }

    #[test]
    fn reads_the_end_of_a_real_certificate() {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2030, 1, 2);
        let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let found = expiry(certificate.der(), Timestamp::from_secs(1_893_456_000)).unwrap();
        assert_eq!(found.remaining_seconds(), DAY as f64);
        let late = expiry(certificate.der(), Timestamp::from_secs(1_893_456_000 + 2 * DAY)).unwrap();
        assert_eq!(late.remaining_seconds(), -(DAY as f64));
    }

    proptest! {
        #[test]
        fn any_bytes_end_without_a_panic(der: Vec<u8>) {
            expiry(&der, Timestamp(1));
        }
    }
}
