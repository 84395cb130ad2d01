//! What the condenser is told.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::rules::Rule;
use crate::metric::{ServiceId, ServiceName, SourceKey};

/// The condenser's whole configuration. Sources are found by their index, the [`SourceId`](crate::metric::SourceId).
#[derive(Debug, Clone)]
pub struct Config {
    /// The managed services.
    pub services: Vec<ServiceConfig>,
    /// The sources; each belongs to one of the services.
    pub sources: Vec<SourceConfig>,
    /// Length of a window.
    pub push_interval: Duration,
    /// Length of the first window after a start.
    pub first_window: Duration,
    /// How rows of one metric are told apart.
    pub identity: Identity,
    /// The most bytes of series state; new series beyond it are refused.
    pub max_state_bytes: usize,
    /// A folder with recipes beside those compiled in; its files win over built-in ones of the same name.
    pub recipes_dir: Option<PathBuf>,
    /// The service under which the agent reports its own health.
    pub heartbeat_service: Option<ServiceName>,
}

/// A managed service.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceConfig {
    /// Its name here.
    pub name: ServiceName,
    /// Its object in Landscape Management.
    pub id: ServiceId,
    /// The most rows, statuses not counted.
    pub max_metrics: usize,
    /// Resource attributes that go out, as globs; `None`: the default list (service.name, service.version, service.instance.id,
    /// host.name, cloudfoundry.*, k8s.*, sap.*).
    pub resource_labels: Option<Vec<String>>,
    /// When statuses go out as info.
    pub maintenance: Vec<Maintenance>,
}

/// A source, as far as meaning is concerned.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// Its service and name.
    pub key: SourceKey,
    /// What kind of source it is.
    pub kind: SourceKind,
    /// Which recipes read it.
    pub recipes: Recipes,
    /// Rules of its own; they come before the recipes'.
    pub rules: Vec<Rule>,
    /// Whether what neither a rule nor a recipe selects is forwarded as it is. A source with neither forwards everything.
    pub forward_rest: bool,
    /// How its statuses are confirmed and weighed.
    pub status: StatusPolicy,
    /// How several instances are combined; `None`: by kind (rates summed, gauges averaged, …).
    pub across: Option<Across>,
    /// Attributes that go out as labels; `None`: all.
    pub labels: Option<Vec<Arc<str>>>,
}

/// What kind of source it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// Asked by us: it reports its own reachability as an observation.
    Pull,
    /// Comes to us: it has a status `Telemetry`, and is late after five silent windows.
    Push,
    /// A check: its observations are the statuses.
    Check,
}

/// Which recipes read a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipes {
    /// Those whose metric names or scopes are seen.
    Auto,
    /// These, by name.
    Named(Vec<String>),
    /// None.
    None,
}

/// How rows of one metric are told apart in Cloud ALM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// By their attributes, which it shows as labels.
    Label,
    /// By attributes folded into the name, should a tenant not show labels.
    Name,
}

/// When a change of a status counts, and what weight it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusPolicy {
    /// When it counts.
    pub confirm: Confirm,
    /// Whether being down makes the whole service fatal.
    pub essential: bool,
}

/// Bad after `bad` of the last `of` observations; good again after two good ones in a row (one, where `of` is one).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirm {
    /// How many must be bad.
    pub bad: u8,
    /// Of how many.
    pub of: u8,
}

impl Default for Confirm {
    fn default() -> Self {
        Self { bad: 2, of: 3 }
    }
}

/// How several instances of a service become one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Across {
    /// Added.
    Sum,
    /// Averaged.
    Average,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// Not at all: a row each, labelled.
    Each,
}

/// A weekly maintenance window in a time zone: `Sun 02:00-04:00 Europe/Berlin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maintenance {
    /// On which days it begins; one flag a day, Monday first.
    pub days: [bool; 7],
    /// Minutes after midnight at which it begins.
    pub start_minute: u16,
    /// How many minutes it lasts; it may run past midnight.
    pub length_minutes: u16,
    /// IANA name of the zone.
    pub zone: String,
}
