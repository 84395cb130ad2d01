//! What the host source is told.

use std::time::Duration;

use crate::metric::{SourceId, SourceKey};

/// This machine as a source. Names and attributes are OpenTelemetry's (`system.*`); the recipe `host` says what is a quota.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Its number in the running configuration.
    pub source: SourceId,
    /// Its service and name (default: `host`).
    pub key: SourceKey,
    /// How often it is read.
    pub interval: Duration,
    /// Mount points that are watched, as globs; empty: every real filesystem.
    pub filesystems: Vec<String>,
}
