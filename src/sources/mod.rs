//! Where health and metric data comes from: one folder a source.
//!
//! A source owns its connection to the managed system and nothing else: it hands [`Points`](crate::metric::Points) and
//! [`Observation`](crate::metric::Observation)s to the [`Intake`](crate::metric::Intake). What they mean is the condenser's business.
//! Sources never see each other.

pub mod host;
pub mod http_check;
pub mod otlp;
pub mod prometheus;
