//! What a check is told.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use url::Url;

use crate::http::{Auth, ClientConfig};
use crate::metric::{Rating, SourceId, SourceKey};

/// One check.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Its number in the running configuration.
    pub source: SourceId,
    /// Its service and name; the name is the status's.
    pub key: SourceKey,
    /// What is asked.
    pub url: Url,
    /// `GET` or `HEAD`.
    pub method: Method,
    /// How often.
    pub interval: Duration,
    /// How it signs in.
    pub auth: Auth,
    /// How it is reached.
    pub http: ClientConfig,
    /// Which status codes are good when the body says nothing itself.
    pub expect_status: Vec<RangeInclusive<u16>>,
    /// Text that a good body holds.
    pub expect_body: Option<String>,
    /// How many redirects are followed, on the same host only.
    pub max_redirects: u8,
    /// Response times that are too long. Source of the defaults (2 s, 4 s): Focused Run's availability monitoring.
    pub latency: Levels,
    /// Days left of the server's certificate that are too few. Source of the defaults (30 d, 7 d): SAP's guidance for BTP certificates.
    pub tls_expiry: Levels,
    /// How the body is read.
    pub health: HealthFormat,
    /// The most bytes of a body.
    pub max_body_bytes: usize,
}

/// How a check asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// With a body to look at.
    Get,
    /// Without one.
    Head,
}

/// Two thresholds of a duration; `None` is no threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    /// From here on a warning.
    pub warning: Option<Duration>,
    /// From here on critical.
    pub critical: Option<Duration>,
}

/// How a health document is recognised.
#[derive(Debug, Clone, PartialEq)]
pub enum HealthFormat {
    /// By content type and shape.
    Auto,
    /// Not at all: the status code alone counts.
    Off,
    /// By a JSON pointer to a word, and what the words mean.
    Pointer {
        /// RFC 6901.
        pointer: String,
        /// Word to rating; an unknown word is critical.
        ratings: BTreeMap<String, Rating>,
    },
}
