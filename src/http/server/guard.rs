//! The bearer token that callers must bring.
//!
//! A token from a file is read again at most every [`REREAD_INTERVAL`], so that it can be rotated; while the file cannot be read, the last
//! good one counts. Source: RFC 6750.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use tokio::time::Instant;

use super::ListenError;
use crate::http::SecretSource;
use crate::secret::{self, FileError, Guard, Secret};

/// How soon a new token counts.
const REREAD_INTERVAL: Duration = Duration::from_secs(10);

pub(super) struct Token {
    source: SecretSource,
    current: Mutex<(Secret, Instant)>,
}

impl Token {
    pub(super) fn read(source: SecretSource) -> Result<Self, ListenError> {
        let token = load(&source)?;
        if token.is_empty() {
            return Err(ListenError::EmptyToken);
        }
        Ok(Self { source, current: Mutex::new((token, Instant::now())) })
    }

    /// Whether an `Authorization` header carries the token.
    pub(super) fn admits(&self, header: Option<&HeaderValue>) -> bool {
        let Some((scheme, given)) = header.and_then(|header| split(header.as_bytes())) else { return false };
        scheme.eq_ignore_ascii_case(b"bearer") && secret::matches(given, self.current().expose().as_bytes())
    }

    fn current(&self) -> Secret {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(self.source, SecretSource::File(_)) && current.1.elapsed() >= REREAD_INTERVAL {
            current.1 = Instant::now();
            match load(&self.source) {
                Ok(token) if !token.is_empty() => current.0 = token,
                Ok(_) => tracing::warn!("the bearer token's file is empty; the former token counts"),
                Err(error) => tracing::warn!(%error, "cannot read the bearer token again; the former one counts"),
            }
        }
        current.0.clone()
    }
}

fn load(source: &SecretSource) -> Result<Secret, FileError> {
    match source {
        SecretSource::Value(secret) => Ok(secret.clone()),
        SecretSource::File(path) => Ok(Secret::new(secret::read_file(path, Guard::OwnerOnly)?.expose().trim())),
    }
}

fn split(header: &[u8]) -> Option<(&[u8], &[u8])> {
    let blank = header.iter().position(|byte| *byte == b' ')?;
    Some((&header[..blank], header[blank..].trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(token: &Token, header: &str) -> bool {
        token.admits(Some(&HeaderValue::from_str(header).unwrap()))
    }

    #[test]
    fn only_the_token_is_let_in() {
        let token = Token::read(SecretSource::Value(Secret::new("planted-value"))).unwrap();
        assert!(admits(&token, "Bearer planted-value") && admits(&token, "bearer  planted-value"));
        for wrong in ["planted-value", "Basic planted-value", "Bearer planted-valu", "Bearer ", "Bearer", ""] {
            assert!(!admits(&token, wrong), "{wrong}");
        }
        assert!(!token.admits(None));
    }

    #[test]
    fn an_empty_token_is_none() {
        assert!(matches!(Token::read(SecretSource::Value(Secret::new(""))), Err(ListenError::EmptyToken)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_rotated_token_counts_and_a_lost_file_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        secret::write_file(&path, "former\n").unwrap();
        let token = Token::read(SecretSource::File(path.clone())).unwrap();
        secret::write_file(&path, "latter\n").unwrap();
        assert!(admits(&token, "Bearer former"), "not read anew for every request");
        tokio::time::advance(REREAD_INTERVAL).await;
        assert!(admits(&token, "Bearer latter") && !admits(&token, "Bearer former"));
        std::fs::remove_file(&path).unwrap();
        tokio::time::advance(REREAD_INTERVAL).await;
        assert!(admits(&token, "Bearer latter"));
    }
}
