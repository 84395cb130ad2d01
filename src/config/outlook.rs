//! What a config will lead to: the load it puts on Cloud ALM's limits, and the colour its tiles can show.

use std::fmt;

use super::AgentConfig;
use super::problem::Place;
use super::said::Reader;
use crate::condense::{SourceConfig, SourceKind};

/// With more rated rows than this a service whose one row is red still has a score that looks yellow.
pub const MAX_ROWS_OF_A_CLEAR_TILE: usize = 4;

/// What is sent at most, in a day without changes of statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Requests.
    pub requests_per_day: u64,
    /// Requests that `requests_per_minute` allows.
    pub requests_allowed_per_day: u64,
    /// Data points, if every service uses its `max_metrics`.
    pub points_per_day: u64,
    /// Bytes of series state that the agent may use.
    pub max_state_bytes: u64,
}

impl Estimate {
    /// Of a config.
    pub fn of(config: &AgentConfig) -> Self {
        const DAY_SECONDS: u64 = 24 * 3600;
        let windows = DAY_SECONDS / config.condense.push_interval.as_secs().max(1);
        let per_request = (config.cloud_alm.deliver.max_points_per_request as u64).max(1);
        let statuses =
            |name| config.condense.sources.iter().filter(|source| &source.key.service == name).count() as u64 + 1;
        let points: Vec<u64> = config
            .condense
            .services
            .iter()
            .map(|service| service.max_metrics as u64 + statuses(&service.name))
            .collect();
        Self {
            requests_per_day: windows * points.iter().map(|points| points.div_ceil(per_request)).sum::<u64>(),
            requests_allowed_per_day: u64::from(config.cloud_alm.deliver.requests_per_minute) * 24 * 60,
            points_per_day: windows * points.iter().sum::<u64>(),
            max_state_bytes: config.condense.max_state_bytes as u64,
        }
    }

    /// Whether the budget is enough for it.
    pub const fn fits(&self) -> bool {
        self.requests_per_day <= self.requests_allowed_per_day
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests_per_day, requests_allowed_per_day, points_per_day, .. } = self;
        write!(
            f,
            "at most {requests_per_day} requests a day of {requests_allowed_per_day} allowed, with up to {points_per_day} data points; status changes come on top"
        )
    }
}

/// What rates a service, as far as the config tells; recipes add more.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rows {
    rated: usize,
    has_telemetry: bool,
    has_essential: bool,
}

impl Rows {
    /// Adds those of a source. All routes of a service share one status.
    pub(super) fn count(&mut self, source: &SourceConfig, rated_rules: usize) {
        let shares = source.kind == SourceKind::Push && self.has_telemetry;
        self.rated += rated_rules + usize::from(!shares);
        self.has_telemetry |= source.kind == SourceKind::Push;
        self.has_essential |= source.status.essential;
    }
}

/// The score of a service is a mean: among many good rows one bad one does not turn the tile red, unless it is fatal.
pub(super) fn warn_of_pale_tile(service: &str, rows: Rows, place: &Place, reader: &mut Reader<'_>) {
    if rows.rated > MAX_ROWS_OF_A_CLEAR_TILE && !rows.has_essential {
        let rows = rows.rated;
        let message = format!(
            "service {service:?} has {rows} rated rows and none is essential: one that is down leaves its tile yellow"
        );
        reader.warn(place, message, "say essential = true at the check whose failure means that the service is down");
    }
}
