//! The rating of a status or quota, ordered by how bad it is.

use std::fmt;
use std::str::FromStr;

/// What Health Monitoring colours by. Source: the ratings that SAP's own command sends (`ok`, `warning`, `critical`, `error`, `fatal`,
/// `info`); `error` is read and treated as critical, since the reading side only counts ok, warning and critical.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rating {
    /// Says something, counts for nothing.
    Info,
    /// As it should be.
    Ok,
    /// Worth a look.
    Warning,
    /// Broken.
    Critical,
    /// Broken, and the service with it: one of these turns the whole tile red.
    Fatal,
}

/// A text that is no rating.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no rating; one of info, ok, warning, critical, fatal")]
pub struct BadRating(String);

impl Rating {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Fatal => "fatal",
        }
    }

    /// Whether it says that something is wrong.
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Warning | Self::Critical | Self::Fatal)
    }
}

impl fmt::Display for Rating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Rating {
    type Err = BadRating;

    fn from_str(text: &str) -> Result<Self, BadRating> {
        match text.to_ascii_lowercase().as_str() {
            "info" => Ok(Self::Info),
            "ok" => Ok(Self::Ok),
            "warning" => Ok(Self::Warning),
            "critical" | "error" => Ok(Self::Critical),
            "fatal" => Ok(Self::Fatal),
            _ => Err(BadRating(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_and_order_is_how_bad_it_is() {
        let all = [Rating::Info, Rating::Ok, Rating::Warning, Rating::Critical, Rating::Fatal];
        assert!(all.is_sorted());
        for rating in all {
            assert_eq!(rating.as_str().parse(), Ok(rating));
        }
        assert_eq!("ERROR".parse(), Ok(Rating::Critical));
        assert!("red".parse::<Rating>().is_err());
    }
}
