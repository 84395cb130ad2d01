//! Scraping of exposition pages.

mod config;

pub use config::Config;
