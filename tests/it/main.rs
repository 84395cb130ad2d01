//! Stories of the whole program, in one binary.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and writes the files that it hands to the program"
)]

#[cfg(feature = "sandbox")]
mod agent;
mod architecture;
mod config;
mod documents;
mod openmetrics;
