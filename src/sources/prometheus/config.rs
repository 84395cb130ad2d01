//! What a scrape is told.

use std::time::Duration;

use url::Url;

use crate::http::{Auth, ClientConfig};
use crate::metric::{SourceId, SourceKey};

/// One target.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Its number in the running configuration.
    pub source: SourceId,
    /// Its service and name (default: host:port/path).
    pub key: SourceKey,
    /// The page.
    pub url: Url,
    /// How often it is read.
    pub interval: Duration,
    /// How it signs in.
    pub auth: Auth,
    /// How it is reached; the timeout is at most the interval.
    pub http: ClientConfig,
    /// The most bytes of a page, after decompression.
    pub max_body_bytes: usize,
    /// The most samples of a page.
    pub max_samples: usize,
    /// The most labels of a sample.
    pub max_labels: usize,
    /// Whether `job` and `instance` labels of the page are kept as they are; otherwise they become `exported_job` and
    /// `exported_instance`, as Prometheus does.
    pub honor_labels: bool,
    /// Whether timestamps of the page count; otherwise the time of the scrape does.
    pub honor_timestamps: bool,
}
