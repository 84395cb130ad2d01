//! Delivery as the status page and `status` show it.

use serde::Serialize;

use super::gate::Gate;
use super::lane::{Lane, Part, State};
use super::scheduler::{Now, Scheduler};
use crate::clock::Timestamp;
use crate::metric::Batch;
use crate::sap::uaa::TokenStatus;

/// Everything about delivery at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Snapshot {
    /// Each service's lane, by name.
    pub lanes: Vec<LaneStatus>,
    /// The way to Cloud ALM: `ok`, `degraded` (it pauses) or `parked`.
    pub state: &'static str,
    /// Why, when it is not ok.
    pub reason: Option<String>,
    /// What a person can do about it.
    pub hint: Option<String>,
    /// What waits.
    pub queue: QueueStatus,
    /// The budget of requests.
    pub budget: BudgetStatus,
    /// The token.
    pub token: TokenStatus,
    /// The last refusals, newest first.
    pub refusals: Vec<RefusalStatus>,
    /// Rows that were buried and can be looked at.
    pub dead_letters: usize,
    /// The size of a request that was learned from refusals, if one was.
    pub learned_bytes: Option<usize>,
}

/// The lane of one service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LaneStatus {
    /// The service.
    pub service: String,
    /// Its id in Landscape Management.
    pub service_id: String,
    /// `ok`, `degraded` or `parked`.
    pub state: &'static str,
    /// Why, when it is not ok.
    pub reason: Option<String>,
    /// What a person can do about it.
    pub hint: Option<String>,
    /// When Cloud ALM last took something, RFC 3339.
    pub last_accepted: Option<String>,
    /// Rows that wait.
    pub queued_rows: usize,
    /// When the window of its oldest row closed, RFC 3339.
    pub oldest: Option<String>,
}

/// What waits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueueStatus {
    /// Accepted points.
    pub points: u64,
    /// Bytes in the outbox.
    pub bytes: u64,
    /// When the window of the oldest closed, RFC 3339.
    pub oldest: Option<String>,
}

/// The budget of requests.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BudgetStatus {
    /// The rate that is allowed now.
    pub requests_per_minute: u32,
    /// How many went out in the last minute.
    pub used_last_minute: usize,
}

/// One refusal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RefusalStatus {
    /// When, RFC 3339.
    pub time: String,
    /// For which service.
    pub service: String,
    /// Why.
    pub cause: String,
    /// Ids for SAP's support.
    pub correlation: Vec<(String, String)>,
}

impl Scheduler {
    /// When the window of the oldest row that waits closed.
    pub(super) fn oldest_waiting(&self) -> Option<Timestamp> {
        self.lanes.values().filter_map(oldest).min()
    }

    /// The state of everything, for people.
    pub fn snapshot(&mut self, token: TokenStatus, now: Now) -> Snapshot {
        let lanes: Vec<LaneStatus> = self.lanes.iter().map(|(name, lane)| lane_status(name.as_str(), lane)).collect();
        let (state, cause) = match &self.way.gate {
            Gate::Open => ("ok", None),
            Gate::Paused { cause, .. } => ("degraded", cause.as_ref()),
            Gate::Parked { cause, .. } => ("parked", Some(cause)),
        };
        let refusals = self.refusals.iter().rev().map(|refusal| RefusalStatus {
            time: refusal.time.to_string(),
            service: refusal.service.to_string(),
            cause: refusal.cause.to_string(),
            correlation: refusal.correlation.0.clone(),
        });
        Snapshot {
            state,
            reason: cause.map(ToString::to_string),
            hint: cause.and_then(super::Cause::hint),
            queue: QueueStatus {
                points: self.store.queued(),
                bytes: self.store.outbox.bytes(),
                oldest: lanes.iter().filter_map(|lane| lane.oldest.clone()).min(),
            },
            budget: BudgetStatus {
                requests_per_minute: self.budget.rate(),
                used_last_minute: self.budget.used_last_minute(now.instant),
            },
            token,
            refusals: refusals.collect(),
            dead_letters: self.store.dead().count(),
            learned_bytes: self.learned.map(|learned| learned.bytes),
            lanes,
        }
    }
}

fn lane_status(name: &str, lane: &Lane) -> LaneStatus {
    let (state, cause) = match &lane.state {
        State::Parked { cause, .. } => ("parked", Some(cause)),
        State::Open if lane.not_before.is_some() || !lane.condemned.is_empty() => ("degraded", None),
        State::Open => ("ok", None),
    };
    LaneStatus {
        service: name.to_owned(),
        service_id: lane.service_id.to_string(),
        state,
        reason: cause.map(ToString::to_string),
        hint: cause.and_then(super::Cause::hint),
        last_accepted: lane.last_accepted.map(|time| time.to_string()),
        queued_rows: lane.parts().map(Part::len).sum::<usize>() + lane.statuses.len(),
        oldest: oldest(lane).map(|time| time.to_string()),
    }
}

fn oldest(lane: &Lane) -> Option<Timestamp> {
    lane.parts().map(|part| part.time).filter(|time| time.is_set()).min()
}

/// A request as `once --print` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rendered {
    /// The service.
    pub service: String,
    /// Where it would go.
    pub url: String,
    /// Its body, as JSON whatever the encoding on the wire.
    pub body: serde_json::Value,
}

/// The requests that a batch would become; nothing is sent.
pub fn render(config: &super::Config, api: &url::Url, batch: &Batch) -> Vec<Rendered> {
    use crate::sap::cloud_alm::{Encoding, Limits, PackError, Packer};
    let url = config.target().url(api, &batch.service_id).to_string();
    let limits = Limits { bytes: config.max_request_bytes, points: config.max_points_per_request };
    let packer = || Packer::new(Encoding::Json, limits, config.fold_labels);
    let mut full = vec![packer()];
    for row in &batch.rows {
        let last = full.last_mut().map(|last| last.push(row));
        if last == Some(Err(PackError::Full)) {
            let mut next = packer();
            // A row that does not fit into an empty one is not sent either.
            let _ = next.push(row);
            full.push(next);
        }
    }
    let bodies = full.into_iter().filter(|packer| !packer.is_empty()).map(Packer::finish);
    bodies
        .map(|body| Rendered {
            service: batch.service.to_string(),
            url: url.clone(),
            body: serde_json::from_slice(&body).unwrap_or_default(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fresh, gauge};
    use super::*;

    #[test]
    fn prints_the_requests_that_would_be_sent() {
        let config = super::super::Config { max_points_per_request: 2, ..super::super::Config::default() };
        let rows = (0..5).map(|index| gauge(&format!("m{index}"), 1.5)).collect();
        let api = "https://eu10.alm.cloud.sap/api".parse().unwrap();
        let rendered = render(&config, &api, &fresh("orders", 0, rows));
        let counts: Vec<_> = rendered
            .iter()
            .map(|one| one.body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap().len())
            .collect();
        assert_eq!(counts, [2, 2, 1]);
        assert!(
            rendered[0].url.starts_with("https://eu10.alm.cloud.sap/api/calm-metrics/v1/metrics?useCase=hm&serviceId=")
        );
        assert_eq!(rendered[0].service, "orders");
    }
}
