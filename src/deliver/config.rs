//! What delivery is told. Each unknown of the contract is a key here, with the value that is known to work or safe.

use std::time::Duration;

use crate::http::ClientConfig;
use crate::sap::cloud_alm::{Encoding, METRICS_PATH, Target};

/// Delivery to the inbound metrics API.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The query parameter `useCase`. Source: SAP sample XP267 (`hm`).
    pub use_case: String,
    /// Path behind the key's `endpoints.Api`. Source: SAP sample XP267 (`/calm-metrics/v1/metrics`).
    pub metrics_path: String,
    /// More query parameters, as they are.
    pub extra_query: Vec<(String, String)>,
    /// The query parameter `dev`: consumers run synchronously and answer with their errors. For trials only.
    pub dev: bool,
    /// How a request is encoded.
    pub encoding: Encoding,
    /// How a request is compressed. Whether the API takes gzip is not known.
    pub compression: Compression,
    /// The most bytes of a request, as encoded and before compression.
    pub max_request_bytes: usize,
    /// The most data points of a request.
    pub max_points_per_request: usize,
    /// The most requests in any 60 s, retries included.
    pub requests_per_minute: u32,
    /// Batches older than this are expired: the API refuses them.
    pub max_age: Duration,
    /// Whether gauges and quotas of older windows are sent after an outage.
    pub backfill: bool,
    /// Whether labels are also folded into the metric's name.
    pub fold_labels: bool,
    /// The most bytes that wait.
    pub queue_max_bytes: u64,
    /// How Cloud ALM is reached.
    pub http: ClientConfig,
}

/// How a request is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not.
    None,
    /// gzip.
    Gzip,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            use_case: "hm".to_owned(),
            metrics_path: METRICS_PATH.to_owned(),
            extra_query: Vec::new(),
            dev: false,
            encoding: Encoding::Json,
            compression: Compression::None,
            max_request_bytes: 900_000,
            max_points_per_request: 5_000,
            requests_per_minute: 80,
            max_age: Duration::from_secs(24 * 3_600),
            backfill: true,
            fold_labels: false,
            queue_max_bytes: 1 << 30,
            http: ClientConfig::default(),
        }
    }
}

impl Config {
    /// Where pushes go.
    pub fn target(&self) -> Target {
        Target {
            path: self.metrics_path.clone(),
            use_case: self.use_case.clone(),
            dev: self.dev,
            extra_query: self.extra_query.clone(),
        }
    }
}
