//! What the receiver is told.

use std::time::Duration;

use crate::http::ListenerConfig;
use crate::metric::SourceId;

/// The receiver.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where it listens.
    pub http: ListenerConfig,
    /// What traces and logs that come unasked are answered.
    pub other_signals: OtherSignals,
    /// Which resource belongs to which source; the first match wins.
    pub routes: Vec<Route>,
    /// The bounds.
    pub limits: Limits,
    /// Points older than this are refused by partial success (the destination would refuse them).
    pub max_age: Duration,
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Resource attribute and the globs of which one must match (`*` any characters, `?` one); all attributes must hold. Empty: everything.
    pub matches: Vec<(String, Vec<String>)>,
    /// Where its points go.
    pub source: SourceId,
}

/// What traces and logs are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherSignals {
    /// With success; they are counted and shown, not kept.
    Discard,
    /// With 404.
    Refuse,
}

/// Bounds of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body as it comes.
    pub wire_bytes: usize,
    /// Bytes of a body after decompression.
    pub body_bytes: usize,
    /// Points of a request; those beyond are refused by partial success.
    pub points: usize,
    /// Attributes of a point.
    pub attributes: usize,
    /// Requests in work at the same time.
    pub requests: usize,
    /// Connections at the same time.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wire_bytes: 4 << 20,
            body_bytes: 16 << 20,
            points: 20_000,
            attributes: 64,
            requests: 16,
            connections: 256,
        }
    }
}
