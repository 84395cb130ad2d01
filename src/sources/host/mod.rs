//! This machine: CPU, memory, filesystems, load.

mod config;

pub use config::Config;
