//! The condenser: a pure function from what comes in and the time to what goes out.
//!
//! ```text
//!   Points ──► series ──► rows ──────────── window closes ──► one Fresh batch per service
//!                 │ thresholds                                 one Status batch per service (all statuses, repeated)
//!   Observation ──┴──► statuses ── confirmed change ─────────► one Status batch at once
//! ```
//!
//! Owns all state of meaning: series, rows, statuses, what is pending. Promises: each accepted point gets exactly one [fate](Fates); nothing is
//! repeated but statuses; the same calls in the same order yield the same batches. Never does I/O, never waits, never reads a clock.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::config::{Config, Recipes, ServiceConfig};
use super::fates::{DropReason, Fates};
use super::plan::SourcePlan;
use super::recipes::{RecipeError, RecipeLibrary};
use super::rows::{Room, Rows};
use super::rules::{Glob, Rule};
use super::senders::Senders;
use super::series::SeriesTable;
use super::status::{Board, Calendar};
use super::watch::Watch;
use crate::clock::Timestamp;
use crate::metric::{Batch, Class, Entry, Rating, Row, ServiceName, SourceId};

/// Series that were silent for this long, or for [`FORGET_WINDOWS`] if that is longer, are forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(3600);
const FORGET_WINDOWS: u32 = 5;
/// How often maintenance windows and silent senders are looked at between windows.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// The most warnings of a service that are kept for the status page.
const MAX_WARNINGS: usize = 50;

/// Why a configuration cannot be condensed by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CondenseError {
    /// A recipe is missing or wrong.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// A maintenance window names a time zone that is not known here.
    #[error("service {service}: there is no time zone {zone:?}; write an IANA name such as Europe/Berlin")]
    Zone {
        /// The service.
        service: ServiceName,
        /// The zone.
        zone: String,
    },
}

/// What a call brought about.
#[derive(Debug, Default, PartialEq)]
pub struct Effects {
    /// What goes out.
    pub batches: Vec<Batch>,
    /// Points whose fate was decided.
    pub fates: Fates,
}

/// See the module's text.
#[derive(Debug)]
pub struct Condenser {
    pub(super) config: Config,
    pub(super) library: RecipeLibrary,
    pub(super) services: Vec<Service>,
    pub(super) sources: Vec<Source>,
    pub(super) table: SeriesTable,
    pub(super) rows: Rows,
    pub(super) board: Board,
    /// What is read from each point of some series.
    pub(super) watches: HashMap<u32, Vec<Watch>>,
    /// Services whose statuses may have changed since they were last told.
    pub(super) restless: BTreeSet<u32>,
    pub(super) fates: Fates,
    pub(super) pending: u64,
    pub(super) closes: Timestamp,
    /// Numbers complete blocks.
    pub(super) block: u32,
    /// Changes whenever rules do: what was not selected may be selected now.
    pub(super) generation: u32,
    pub(super) forward: Arc<Rule>,
    looks: Timestamp,
}

/// A service at work.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) config: ServiceConfig,
    pub(super) calendar: Calendar,
    pub(super) resource_labels: Vec<Glob>,
    pub(super) room: Room,
    pub(super) warnings: Vec<String>,
}

/// A source at work.
#[derive(Debug)]
pub(super) struct Source {
    /// `None`: the configuration knows no such service, so that its points have nowhere to go.
    pub(super) service: Option<u32>,
    pub(super) plan: SourcePlan,
    /// The series that hold limits, by rule.
    pub(super) limits: Limits,
    pub(super) senders: Senders,
    /// The slots of its series; some may have been forgotten since, or be another's by now.
    pub(super) series: Vec<u32>,
}

/// The series that measure quotas.
#[derive(Debug, Default)]
pub(super) struct Limits {
    pub(super) by_rule: BTreeMap<usize, Vec<u32>>,
    /// Changes with each series that comes or goes.
    pub(super) version: u32,
}

impl Condenser {
    /// Starts with a first, shorter window.
    ///
    /// # Errors
    /// [`CondenseError`] when a recipe or a time zone is not known.
    pub fn new(config: Config, library: RecipeLibrary, now: Timestamp) -> Result<Self, CondenseError> {
        let services = build_services(&config)?;
        let sources = build_sources(&config, &library, now)?;
        let first = config.first_window.min(config.push_interval);
        let mut condenser = Self {
            table: SeriesTable::new(config.max_state_bytes),
            library,
            services,
            sources,
            rows: Rows::default(),
            board: Board::default(),
            watches: HashMap::new(),
            restless: BTreeSet::new(),
            fates: Fates::default(),
            pending: 0,
            closes: now.plus(first),
            block: 0,
            generation: 0,
            forward: Arc::new(Rule::forward()),
            looks: now.plus(LOOK_EVERY),
            config,
        };
        condenser.heartbeat(now);
        Ok(condenser)
    }

    /// Takes an entry in. Status changes that it confirms go out at once.
    pub fn apply(&mut self, entry: &Entry, now: Timestamp) -> Effects {
        match entry {
            Entry::Points(points) => self.take_points(points, now),
            Entry::Observation(observation) => self.take_observation(observation),
            Entry::Ended(SourceId(source)) => self.end_source(*source, None),
        }
        self.effects(now)
    }

    /// When [`Self::tick`] has something to do next.
    pub fn next_tick(&self) -> Timestamp {
        let looks = self.looks_matter().then_some(self.looks);
        [self.board.next_due(), looks].into_iter().flatten().fold(self.closes, Timestamp::min)
    }

    /// Does what time alone brings: closes the window, sends what was held back, begins and ends maintenance.
    pub fn tick(&mut self, now: Timestamp) -> Effects {
        if now >= self.looks {
            self.looks = now.plus(LOOK_EVERY);
            self.look_for_silent_senders(now);
        }
        self.restless.extend(0..self.services.len() as u32);
        if now < self.closes {
            return self.effects(now);
        }
        self.closes = next_close(self.closes, self.config.push_interval, now);
        self.close_windows(now)
    }

    /// Accepted points that wait for their window to close.
    pub const fn pending_points(&self) -> u64 {
        self.pending
    }

    /// Closes the last windows; the heartbeat says that the agent stops, as information.
    pub fn stop(&mut self, now: Timestamp) -> Effects {
        self.beat(Rating::Info, "the agent was stopped", now);
        self.close_windows(now)
    }

    /// Shows a service's statuses as information until a time. A service that is not known is left alone.
    pub fn mute(&mut self, service: &ServiceName, until: Timestamp, reason: &str, now: Timestamp) -> Effects {
        if let Some(index) = self.service_index(service) {
            self.services[index as usize].calendar.mute(until, reason);
            self.restless.insert(index);
        }
        self.effects(now)
    }

    /// Ends a mute: the true ratings follow at once.
    pub fn unmute(&mut self, service: &ServiceName, now: Timestamp) -> Effects {
        if let Some(index) = self.service_index(service) {
            self.services[index as usize].calendar.unmute();
            self.restless.insert(index);
        }
        self.effects(now)
    }

    fn close_windows(&mut self, now: Timestamp) -> Effects {
        let mut rows = self.close_rows(now);
        let forget = FORGET_AFTER.max(self.config.push_interval * FORGET_WINDOWS);
        let mut statuses: BTreeMap<u32, Vec<Row>> = BTreeMap::new();
        for (service, row) in self.forget(now, now.minus(forget)) {
            statuses.entry(service).or_default().push(row);
        }
        self.restless.clear();
        let mut batches = Vec::new();
        for index in 0..self.services.len() as u32 {
            let maintenance = self.services[index as usize].calendar.active(now);
            let mut told = statuses.remove(&index).unwrap_or_default();
            told.extend(self.board.repeat(index, maintenance.as_deref(), now));
            batches.extend(self.batch(index, Class::Status, told, now));
            batches.extend(self.batch(index, Class::Fresh, rows.remove(&index).unwrap_or_default(), now));
        }
        Effects { batches, fates: std::mem::take(&mut self.fates) }
    }

    /// Says what changed, and what became of points.
    pub(super) fn effects(&mut self, now: Timestamp) -> Effects {
        let mut batches = Vec::new();
        for index in std::mem::take(&mut self.restless) {
            let Some(service) = self.services.get(index as usize) else { continue };
            let maintenance = service.calendar.active(now);
            let changes = self.board.changes(index, maintenance.as_deref(), now);
            batches.extend(self.batch(index, Class::Status, changes, now));
        }
        Effects { batches, fates: std::mem::take(&mut self.fates) }
    }

    fn batch(&self, service: u32, class: Class, rows: Vec<Row>, time: Timestamp) -> Option<Batch> {
        let config = &self.services.get(service as usize)?.config;
        (!rows.is_empty()).then(|| batch_for(config, class, rows, time))
    }

    pub(super) fn service_index(&self, name: &ServiceName) -> Option<u32> {
        self.services.iter().position(|service| service.config.name == *name).map(|index| index as u32)
    }

    /// Points of a series that will never be part of a row.
    pub(super) const fn drop_pending(&mut self, points: u32, reason: DropReason) {
        self.pending -= points as u64;
        self.fates.drop(reason, points as u64);
    }

    fn looks_matter(&self) -> bool {
        self.services.iter().any(|service| service.calendar.can_change())
            || self.sources.iter().any(|source| !source.senders.is_empty())
    }
}

/// A batch of a service.
pub(super) fn batch_for(service: &ServiceConfig, class: Class, rows: Vec<Row>, time: Timestamp) -> Batch {
    Batch { service: service.name.clone(), service_id: service.id.clone(), class, time, rows }
}

/// Remembers a warning once.
pub(super) fn warn(warnings: &mut Vec<String>, text: String) {
    if warnings.len() < MAX_WARNINGS && !warnings.contains(&text) {
        warnings.push(text);
    }
}

/// The next close that lies ahead, on the beat of the windows: a late tick does not shift it.
fn next_close(closed: Timestamp, interval: Duration, now: Timestamp) -> Timestamp {
    let interval = interval.max(Duration::from_secs(1));
    let missed = now.since(closed).as_nanos() / interval.as_nanos();
    let beats = u32::try_from(missed + 1).unwrap_or(u32::MAX);
    closed.plus(interval.saturating_mul(beats))
}

pub(super) fn build_services(config: &Config) -> Result<Vec<Service>, CondenseError> {
    let built = config.services.iter().map(|service| {
        let calendar = Calendar::new(&service.maintenance)
            .map_err(|zone| CondenseError::Zone { service: service.name.clone(), zone })?;
        let labels = service.resource_labels.clone();
        let labels = labels.unwrap_or_else(|| RESOURCE_LABELS.map(str::to_owned).to_vec());
        Ok(Service {
            config: service.clone(),
            calendar,
            resource_labels: labels.iter().map(|label| Glob::new(label)).collect(),
            room: Room::default(),
            warnings: Vec::new(),
        })
    });
    built.collect()
}

/// Resource attributes that go out unless the service says otherwise.
const RESOURCE_LABELS: [&str; 7] =
    ["service.name", "service.version", "service.instance.id", "host.name", "cloudfoundry.*", "k8s.*", "sap.*"];

pub(super) fn build_sources(
    config: &Config,
    library: &RecipeLibrary,
    now: Timestamp,
) -> Result<Vec<Source>, CondenseError> {
    let built = config.sources.iter().map(|source| {
        let recipes = match &source.recipes {
            Recipes::Auto | Recipes::None => Vec::new(),
            Recipes::Named(names) => {
                names.iter().map(|name| library.get(name).cloned()).collect::<Result<Vec<_>, _>>()?
            }
        };
        let service = config.services.iter().position(|service| service.name == source.key.service);
        Ok(Source {
            service: service.map(|index| index as u32),
            plan: SourcePlan {
                own: source.rules.iter().cloned().map(Arc::new).collect(),
                recipes,
                forward_rest: source.forward_rest,
            },
            limits: Limits::default(),
            senders: Senders::new(now),
            series: Vec::new(),
        })
    });
    built.collect()
}
