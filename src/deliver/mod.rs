//! From batches to accepted requests.

mod config;

pub use config::{Compression, Config, Encoding};
