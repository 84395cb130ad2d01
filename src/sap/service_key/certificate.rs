//! What a client certificate says about itself: whose it is and when it ends.

use std::time::Duration;

use x509_parser::prelude::{FromDer, X509Certificate};

use crate::clock::Timestamp;

/// From here on the end of a certificate is told as a warning. Source: BTP's default validity is 7 days, at most 30 for managed
/// certificates, so a longer notice would be permanent.
const WARN_BEFORE: Duration = Duration::from_secs(3 * DAY);
const DAY: u64 = 86_400;

/// Subject and end of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The subject's distinguished name.
    pub subject: String,
    /// The last moment at which it is valid.
    pub not_after: Timestamp,
}

impl CertificateFacts {
    /// Of one certificate in DER form; `None` when it cannot be read.
    pub fn of_der(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let not_after = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0);
        Some(Self { subject: certificate.subject().to_string(), not_after: Timestamp::from_secs(not_after) })
    }

    /// Whole days until it ends, negative when it has ended.
    pub fn days_left(&self, now: Timestamp) -> i64 {
        let left = self.not_after.as_secs_f64() - now.as_secs_f64();
        (left / DAY as f64).floor() as i64
    }

    /// A sentence when it has ended or will soon.
    pub fn warning(&self, now: Timestamp) -> Option<String> {
        if now > self.not_after {
            Some(format!("the client certificate expired on {}: make a new key", self.not_after))
        } else if self.not_after.since(now) < WARN_BEFORE {
            Some(format!("the client certificate expires on {}: rotate the key", self.not_after))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_how_long_it_lasts() {
        let facts = CertificateFacts { subject: "CN=a".into(), not_after: Timestamp::from_secs(10 * DAY) };
        assert_eq!(facts.days_left(Timestamp::from_secs(0)), 10);
        assert_eq!(facts.days_left(Timestamp::from_secs(10 * DAY + 1)), -1);
        assert_eq!(facts.warning(Timestamp::from_secs(0)), None);
        assert!(facts.warning(Timestamp::from_secs(8 * DAY)).is_some_and(|text| text.contains("expires")));
        assert!(facts.warning(Timestamp::from_secs(11 * DAY)).is_some_and(|text| text.contains("expired")));
    }

    #[test]
    fn reads_a_real_certificate_and_refuses_noise() {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "agent of acme");
        params.not_after = rcgen::date_time_ymd(2030, 1, 2);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let facts = CertificateFacts::of_der(certificate.der()).unwrap();
        assert!(facts.subject.contains("agent of acme"), "{}", facts.subject);
        assert_eq!(facts.not_after.to_string(), "2030-01-02T00:00:00Z");
        assert_eq!(CertificateFacts::of_der(b"no certificate"), None);
    }
}
