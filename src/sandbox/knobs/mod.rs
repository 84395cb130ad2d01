//! The knobs: everything about the landscape that a test or a curious person can turn.
//!
//! Owns the values; [`http`] owns how they are reached. Promises that the defaults are the contract as the public pages describe it, and that
//! a reset brings exactly them back. What the pages leave open is a knob with the strict reading as its default.

pub(crate) mod faults;
pub(crate) mod http;
pub(crate) mod limits;

use serde::{Deserialize, Serialize};

use super::health::Scoring;
use super::record::Service;
use faults::Faults;
use limits::Limits;

/// Which behaviour of the token service is shown where its versions differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UaaVersion {
    /// As measured on UAA 4.30.0: `unauthorized`, `GET` works, percent-encoded Basic credentials never do.
    Old,
    /// Later ones: `invalid_client`, `GET` refused, `X-CF-ENCODED-CREDENTIALS: true` honoured.
    New,
}

/// Habits of the token service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenKnobs {
    /// `expires_in` of the tokens made from now on.
    pub(crate) life_seconds: u64,
    /// The key is deleted: no more tokens, and those it got are refused.
    pub(crate) key_revoked: bool,
    /// Count up to make the API refuse all tokens issued so far, while the key still gets new ones.
    pub(crate) generation: u64,
    /// The authorities the key has, without their prefix; what is missing here is missing in tokens made from now on.
    pub(crate) authorities: Vec<String>,
    /// The subdomain is unknown: an HTML page with 404.
    pub(crate) zone_missing: bool,
    /// Whose habits.
    pub(crate) version: UaaVersion,
}

impl Default for TokenKnobs {
    fn default() -> Self {
        Self {
            life_seconds: 43_199,
            key_revoked: false,
            generation: 0,
            authorities: ["metrics.write", "hm.write", "metrics.read", "hm.read", "landscape.read"]
                .map(|name| format!("calm-api.{name}"))
                .to_vec(),
            zone_missing: false,
            version: UaaVersion::Old,
        }
    }
}

/// The client certificate of the x509 key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateKnobs {
    /// How long from now the certificate is valid; negative: it has already ended. A change issues a new one and rewrites the key file.
    pub(crate) validity_seconds: i64,
    /// Whether the token service still accepts it (403 otherwise).
    pub(crate) accepted: bool,
}

impl Default for CertificateKnobs {
    fn default() -> Self {
        // What BTP grants by default to certificates it manages itself.
        Self { validity_seconds: 7 * 86_400, accepted: true }
    }
}

/// The clock of the landscape.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClockKnobs {
    /// How far it is ahead of this machine's; negative: behind.
    pub(crate) skew_seconds: i64,
}

/// All of them.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Knobs {
    /// Faults of the token service.
    pub(crate) token: Faults,
    /// Faults of inbound metrics.
    pub(crate) push: Faults,
    /// Faults of outbound metrics.
    pub(crate) outbound: Faults,
    /// Faults of Landscape Management.
    pub(crate) landscape: Faults,
    /// Limits and habits of the metrics services.
    pub(crate) limits: Limits,
    /// Habits of the token service.
    pub(crate) tokens: TokenKnobs,
    /// The client certificate.
    pub(crate) x509: CertificateKnobs,
    /// The score's formula.
    pub(crate) score: Scoring,
    /// The clock.
    pub(crate) clock: ClockKnobs,
}

impl Knobs {
    /// The fault queue of a service; a path that no service owns has none.
    pub(crate) fn faults(&mut self, service: Service) -> Option<&mut Faults> {
        match service {
            Service::Token => Some(&mut self.token),
            Service::Push => Some(&mut self.push),
            Service::Outbound => Some(&mut self.outbound),
            Service::Landscape => Some(&mut self.landscape),
            Service::Api => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_contract() {
        let knobs = Knobs::default();
        assert_eq!((knobs.limits.json_bytes, knobs.limits.protobuf_bytes), (1_000_000, 150_000));
        assert_eq!((knobs.limits.points, knobs.limits.requests_per_minute), (5_000, 100));
        assert_eq!((knobs.limits.max_age_seconds, knobs.limits.max_future_seconds), (86_400, 3_600));
        assert!(!knobs.limits.gzip && knobs.limits.protobuf);
        assert_eq!(knobs.tokens.life_seconds, 43_199);
        assert!(knobs.tokens.authorities.contains(&"calm-api.hm.write".to_owned()));
    }
}
