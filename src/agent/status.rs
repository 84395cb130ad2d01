//! The agent's state as one document: what `/status` answers, what the page draws, what `status` prints.
//!
//! The shape is part of the fixed interface; fields are added, never changed. Times are RFC 3339 in UTC.

use serde::{Deserialize, Serialize};

/// The whole document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the agent.
    pub version: String,
    /// `starting`, `ok`, `degraded`, `parked`, `failed` or `stopping`.
    pub state: String,
    /// Since when the agent runs.
    pub started: String,
    /// Where each accepted data point is.
    pub ledger: LedgerStatus,
    /// The managed services.
    pub services: Vec<ServiceStatus>,
    /// Where their data comes from.
    pub sources: Vec<SourceStatus>,
    /// What waits.
    pub queue: QueueStatus,
    /// The request budget.
    pub budget: BudgetStatus,
    /// The access token.
    pub token: TokenStatus,
    /// What the receiver saw.
    pub receiver: Option<ReceiverStatus>,
    /// `durable` or `ephemeral`: what outlives this machine.
    pub storage: String,
    /// Whether anything gets through to Cloud ALM at present.
    pub delivering: bool,
    /// The newest refusals, with the correlation ids that SAP's support asks for.
    pub refusals: Vec<RefusalStatus>,
    /// What a person should know, as sentences.
    pub warnings: Vec<String>,
}

/// Where each accepted data point is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerStatus {
    /// Acknowledged.
    pub accepted: u64,
    /// Answered with success.
    pub delivered: u64,
    /// Waiting.
    pub queued: u64,
    /// Folded into others.
    pub merged: u64,
    /// Refused by Cloud ALM.
    pub rejected: u64,
    /// Grown too old.
    pub expired: u64,
    /// Dropped, by reason.
    pub dropped: std::collections::BTreeMap<String, u64>,
    /// Refused before acceptance, by reason.
    pub refused: std::collections::BTreeMap<String, u64>,
    /// Whether the equation holds.
    pub balanced: bool,
}

/// One managed service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Its name in the configuration.
    pub name: String,
    /// Its object in Landscape Management.
    pub service_id: String,
    /// State of its way to Cloud ALM.
    pub state: String,
    /// Why, when it is not ok.
    pub reason: String,
    /// Its roll-up rating.
    pub rating: String,
    /// When Cloud ALM last took something for it.
    pub last_accepted: Option<String>,
    /// The colour its tile should have: `green`, `yellow`, `red`, or `grey` while nothing is rated.
    pub tile: String,
    /// The score behind the colour, in percent.
    pub score: Option<f64>,
    /// Its rows, as Cloud ALM would list them.
    pub rows: Vec<RowStatus>,
    /// Metrics that were cut by `max_metrics`, by name.
    pub cut: Vec<String>,
    /// Why its statuses go out as information now, if they do.
    pub maintenance: Option<String>,
}

/// One row of a service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RowStatus {
    /// Its name.
    pub name: String,
    /// Its label, as Cloud ALM writes it: `key:value;key:value`.
    pub label: String,
    /// `Performance`, `Quota` or `Status`: Cloud ALM's words.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its rating; `info` for a plain number.
    pub rating: String,
    /// Its value as it is shown.
    pub value: String,
    /// When it was so.
    pub time: Option<String>,
    /// Its last values, oldest first, for the plot.
    pub history: Vec<f64>,
}

/// One source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Its name within the service.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Its service.
    pub service: String,
    /// Its state.
    pub state: String,
    /// When it last worked.
    pub last_success: Option<String>,
    /// Why it does not.
    pub error: Option<String>,
}

/// What waits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStatus {
    /// Accepted data points that wait.
    pub points: u64,
    /// About how many bytes they take.
    pub bytes: u64,
    /// The oldest batch.
    pub oldest: Option<String>,
}

/// The request budget.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetStatus {
    /// Requests a minute that are allowed now.
    pub requests_per_minute: u32,
    /// Requests in the last minute.
    pub used_last_minute: u32,
}

/// The access token. Never the token itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenStatus {
    /// When it expires.
    pub expires: Option<String>,
    /// What it allows.
    pub scopes: Vec<String>,
    /// Why there is none, or no new one.
    pub error: Option<String>,
}

/// What the receiver saw.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverStatus {
    /// Where it listens.
    pub address: String,
    /// Requests it answered.
    pub requests: u64,
    /// Pushes of traces and logs that were discarded.
    pub other_signals: u64,
    /// Names of services whose pushes matched no route.
    pub unrouted: Vec<String>,
}

/// One refusal by Cloud ALM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalStatus {
    /// When.
    pub time: String,
    /// For which service.
    pub service: String,
    /// What was refused, and what the answer said.
    pub message: String,
    /// Its correlation ids.
    pub correlation: String,
}
