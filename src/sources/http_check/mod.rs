//! Availability checks over HTTP.

mod config;

pub use config::{Config, HealthFormat, Levels, Method};
