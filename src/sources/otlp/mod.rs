//! The OTLP/HTTP receiver.

mod config;

pub use config::{Config, Limits, OtherSignals, Route};
