//! A token, and what is told about it.

use std::fmt;

use http::HeaderValue;
use serde::Serialize;
use tokio::time::Instant;

use crate::clock::Timestamp;

/// What a token says about itself. Never verified: the API does that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// When it ends (`exp`).
    pub expires: Option<Timestamp>,
    /// The identity zone it is for (`zid`).
    pub zone_id: Option<String>,
    /// Whom it was given to (`cid`).
    pub client_id: Option<String>,
    /// What it allows, with the prefix of the landscape (`scope`, `authorities`).
    pub scopes: Vec<String>,
}

/// What the token service answered.
#[derive(Debug, Clone)]
pub struct Issued {
    /// `Bearer …`, marked sensitive.
    pub authorization: HeaderValue,
    /// Seconds of life, if it said so (`expires_in`).
    pub expires_in: Option<u64>,
    /// What the token says about itself, with the scopes of the answer beside it.
    pub claims: Claims,
}

/// A token in use.
#[derive(Clone)]
pub struct Token {
    pub(super) authorization: HeaderValue,
    pub(super) claims: Claims,
    /// Grows with every token of a source, starting at 1.
    pub(super) generation: u64,
    pub(super) key_generation: u64,
    /// Fetched because the one before was refused by the API, not because it grew old.
    pub(super) replacement: bool,
    pub(super) obtained: Instant,
    pub(super) renew_at: Instant,
    pub(super) ends: Instant,
    pub(super) expires: Timestamp,
}

impl Token {
    /// The value of the `Authorization` header, marked sensitive.
    pub const fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }

    /// Its number: grows with every token.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// When it ends, by our clock.
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// What it says about itself.
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Which of `suffixes` no scope of the token ends with. Empty as well when the token is opaque: then nobody knows.
    pub fn missing_scopes<'s>(&self, suffixes: &[&'s str]) -> Vec<&'s str> {
        missing_scopes(&self.claims.scopes, suffixes)
    }
}

/// Which of `suffixes` no scope ends with; none when nothing is known of the scopes. They read `<app name of the master>.calm-api.x.y`.
pub fn missing_scopes<'s>(scopes: &[String], suffixes: &[&'s str]) -> Vec<&'s str> {
    if scopes.is_empty() {
        return Vec::new();
    }
    let has = |suffix: &str| {
        scopes
            .iter()
            .any(|scope| scope.strip_suffix(suffix).is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('.')))
    };
    suffixes.iter().copied().filter(|suffix| !has(suffix)).collect()
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("generation", &self.generation)
            .field("expires", &self.expires)
            .field("scopes", &self.claims.scopes)
            .finish_non_exhaustive()
    }
}

/// The token as `status` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TokenStatus {
    /// When it ends, RFC 3339; null without one.
    pub expires: Option<String>,
    /// What it allows.
    pub scopes: Vec<String>,
    /// Why the last request for one failed, until one succeeds.
    pub last_error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_known_by_their_end() {
        let scopes = ["alm!b1.calm-api.metrics.write", "other.xcalm-api.hm.write"].map(str::to_owned);
        assert_eq!(missing_scopes(&scopes, &super::super::PUSH_SCOPES), ["calm-api.hm.write"]);
        assert!(missing_scopes(&[], &super::super::PUSH_SCOPES).is_empty(), "an opaque token tells nothing");
    }
}
