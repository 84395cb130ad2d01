//! Where health and metric data comes from: one folder a source.
//!
//! A source owns its connection to the managed system and nothing else: it hands [`Points`](crate::metric::Points) and
//! [`Observation`](crate::metric::Observation)s to the [`Intake`](crate::metric::Intake). What they mean is the condenser's business.
//! Sources never see each other.
//!
//! * Pulled sources ([`prometheus`], [`http_check`], [`host`]) implement [`Pull`]: ask once, end by yourself. [`start`] runs each in a loop of
//!   its own.
//! * Pushed ones ([`otlp`]) bring their own listener.

pub mod host;
pub mod http_check;
pub mod otlp;
pub mod prometheus;

mod gauges;
mod source;
mod target;

pub use source::{Around, Outcome, Poller, Pull, Pulled, start};

#[cfg(test)]
mod tests;
