//! What goes out next: a state machine without I/O.
//!
//! ```text
//!   offer ──► lane of the service ──► next: piece ──► in flight ──► settle(verdict)
//!               statuses (latest)        ▲  budget,                     │
//!               fresh                    │  gate, turns                 ├─ delivered, expired, buried: its fate in the ledger
//!               backlog ◄── next window  │                              └─ else back to its lane, its class kept
//!               suspects ────────────────┘
//! ```
//!
//! Order: statuses, then fresh windows, then backlog; among lanes of equal urgency the one whose last turn was longest ago. A request for
//! statuses takes the fresh rows of its service along, a fresh one the backlog's, as far as there is room: requests are what is scarce.
//! At most two are in flight, and the second is kept for statuses unless the first takes long.
//!
//! Everything that leaves has exactly one fate; nothing is dropped for a credential, an address or an outage. Told the time, never asks.

mod form;
mod piece;
mod pressure;
mod settle;
mod suspicion;
mod view;

pub use piece::{Next, Piece, PieceId};

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::budget::Budget;
use super::gate::Way;
use super::lane::{Lane, Part, State};
use super::outbox::{EntryId, Outbox};
use super::store::{Fate, Store, rows};
use super::{Config, Encoding};
use crate::clock::Timestamp;
use crate::metric::{Batch, Class, ServiceName};
use crate::sap::cloud_alm::{Correlation, Limits};
use crate::telemetry::Ledger;

/// Requests in flight at most.
const MAX_IN_FLIGHT: usize = 2;
/// A request that takes longer no longer keeps the second place free for statuses.
const SLOW: Duration = Duration::from_secs(1);
/// How often old rows are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(30);
/// How long a lane rests when its rows cannot be read.
const UNREADABLE_WAIT: Duration = Duration::from_secs(30);
/// The most refusals that are kept for `status`.
pub const MAX_REFUSALS: usize = 20;

/// The time, both ways.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For waits.
    pub instant: Instant,
    /// For ages.
    pub wall: Timestamp,
}

/// A request that was refused, for people and for SAP's support.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// When.
    pub time: Timestamp,
    /// For which service.
    pub service: ServiceName,
    /// Why.
    pub cause: super::Cause,
    /// Under which ids SAP's side logged it.
    pub correlation: Correlation,
}

/// A piece in flight.
#[derive(Debug)]
struct Flight {
    service: ServiceName,
    class: Class,
    parts: Vec<Part>,
    wire_points: usize,
    bytes: usize,
    started: Instant,
    origin: Origin,
}

/// Where a piece came from, which decides where it goes back to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    /// The queues.
    Queues,
    /// On its own, since a request with it was refused.
    Suspect { failures: u32, accepted_before: u64 },
    /// One row of a parked lane, or while everything is parked.
    Probe,
    /// A known status, to tell a bad row from a bad lane.
    Proof,
}

/// A size that was learned from a 413.
#[derive(Debug, Clone, Copy)]
pub(super) struct Learned {
    pub(super) bytes: usize,
    at: Instant,
}

/// The state machine.
#[derive(Debug)]
pub struct Scheduler {
    config: Config,
    pub(super) store: Store,
    pub(super) lanes: BTreeMap<ServiceName, Lane>,
    flights: BTreeMap<PieceId, Flight>,
    pub(super) budget: Budget,
    pub(super) way: Way,
    pub(super) learned: Option<Learned>,
    accepted: u64,
    /// Requests by what their answers meant.
    outcomes: BTreeMap<&'static str, u64>,
    turns: u64,
    swept: Instant,
    pub(super) refusals: VecDeque<Refusal>,
}

impl Scheduler {
    /// Takes over what waits in the outbox from a run before.
    pub fn new(config: Config, outbox: Box<dyn Outbox>, ledger: Arc<Ledger>, now: Now) -> Self {
        let budget = Budget::new(config.requests_per_minute, now.instant);
        let mut scheduler = Self {
            config,
            store: Store::new(outbox, ledger),
            lanes: BTreeMap::new(),
            flights: BTreeMap::new(),
            budget,
            way: Way::new(),
            learned: None,
            accepted: 0,
            outcomes: BTreeMap::new(),
            turns: 0,
            swept: now.instant,
            refusals: VecDeque::new(),
        };
        for waiting in scheduler.store.outbox.waiting() {
            for rows in waiting.rows {
                let Ok(batch) = scheduler.store.outbox.load(waiting.id) else { continue };
                // What waited through a restart is no longer fresh.
                let class = if batch.class == Class::Status { Class::Status } else { Class::Backlog };
                scheduler.adopt(Part { entry: waiting.id, rows, class, time: batch.time }, &batch);
            }
        }
        scheduler
    }

    /// Takes a batch into the outbox and queues it.
    ///
    /// # Errors
    /// When the outbox cannot keep it; it was then not taken.
    pub fn offer(&mut self, batch: Batch, now: Now) -> std::io::Result<()> {
        if batch.rows.is_empty() {
            return Ok(());
        }
        let batch = Arc::new(batch);
        let entry = self.store.outbox.append(Arc::clone(&batch))?;
        self.offer_stored(entry, &batch, now);
        Ok(())
    }

    /// Queues a batch that is in the outbox already: one commit there may hold several.
    pub fn offer_stored(&mut self, entry: EntryId, batch: &Batch, now: Now) {
        let rows = 0..batch.rows.len() as u32;
        self.adopt(Part { entry, rows, class: batch.class, time: batch.time }, batch);
        self.relieve(now);
    }

    /// What goes out next. Every [`Next::Send`] must be answered with [`settle`](Self::settle).
    pub fn next(&mut self, now: Now) -> Next {
        if now.instant.saturating_duration_since(self.swept) >= SWEEP_EVERY {
            self.swept = now.instant;
            self.sweep(now);
        }
        let allowed = match self.way.allows(MAX_IN_FLIGHT, now.instant) {
            Ok(allowed) => allowed,
            Err(until) => return Next::Wait(Some(until)),
        };
        if self.flights.len() >= allowed {
            return Next::Wait(None);
        }
        let mut wake: Option<Instant> = None;
        let mut waits = false;
        for class in [Class::Status, Class::Fresh, Class::Backlog] {
            match self.next_of(class, now) {
                Ok(Some(piece)) => return Next::Send(piece),
                Ok(None) => {}
                Err(Blocked { at, is_due }) => {
                    waits |= is_due;
                    wake = [wake, at].into_iter().flatten().min();
                }
            }
        }
        if !waits {
            self.budget.idle();
        }
        Next::Wait(wake)
    }

    /// The key was touched, or somebody asks: what is parked is tried now.
    pub fn wake(&mut self, now: Now) {
        self.way.wake(now.instant);
        for lane in self.lanes.values_mut() {
            lane.wake(now.instant);
        }
    }

    /// A service left the configuration: what it still has is sent, but nothing is kept of it afterwards.
    pub fn forget_idle(&mut self, keep: impl Fn(&ServiceName) -> bool) {
        let flying: Vec<ServiceName> = self.flights.values().map(|flight| flight.service.clone()).collect();
        self.lanes.retain(|name, lane| keep(name) || lane.has_work() || flying.contains(name));
    }

    fn adopt(&mut self, part: Part, batch: &Batch) {
        let points = rows(batch, &part).iter().map(|row| u64::from(row.points)).sum();
        self.store.enter(points);
        let lane = self.lanes.entry(batch.service.clone()).or_insert_with(|| Lane::new(batch.service_id.clone()));
        lane.service_id = batch.service_id.clone();
        match part.class {
            Class::Status => {
                for (index, row) in part.rows.clone().zip(rows(batch, &part)) {
                    if let Some(older) = lane.statuses.offer(part.cut(index..index + 1), row.clone()) {
                        self.store.settle(&older, Fate::Merged);
                    }
                }
            }
            Class::Fresh => {
                for mut older in std::mem::take(&mut lane.fresh) {
                    if older.time < part.time {
                        older.class = Class::Backlog;
                        Self::to_backlog(&self.config, &mut self.store, lane, older);
                    } else {
                        lane.fresh.push_back(older);
                    }
                }
                lane.fresh.push_back(part);
            }
            Class::Backlog => Self::to_backlog(&self.config, &mut self.store, lane, part),
        }
    }

    fn to_backlog(config: &Config, store: &mut Store, lane: &mut Lane, part: Part) {
        if config.backfill {
            lane.backlog.push_back(part);
        } else {
            store.settle(&part, Fate::Expired);
        }
    }

    /// The next piece of one class. `Ok(None)` when nothing of it waits.
    fn next_of(&mut self, class: Class, now: Now) -> Result<Option<Piece>, Blocked> {
        loop {
            let ready = self.lanes.iter().filter_map(|(name, lane)| {
                Some((lane.ready_at(class, now.instant)?.max(now.instant), lane.served, name))
            });
            let Some((at, _, name)) = ready.min() else { return Ok(None) };
            if at > now.instant {
                return Err(Blocked { at: Some(at), is_due: false });
            }
            let name = name.clone();
            self.place(class, now)?;
            if let Err(at) = self.budget.ready(class == Class::Status, now.instant) {
                return Err(Blocked { at: Some(at), is_due: true });
            }
            self.turns += 1;
            if let Some(piece) = self.form(&name, class, now) {
                self.budget.spend(class == Class::Status, now.instant);
                return Ok(Some(piece));
            }
            // All of it had grown too old, or cannot be read now; either way this lane is no longer first.
        }
    }

    /// Whether there is a place in flight for this class.
    fn place(&self, class: Class, now: Now) -> Result<(), Blocked> {
        let others = || self.flights.values().filter(|flight| flight.class != Class::Status);
        if class == Class::Status {
            return Ok(());
        }
        match others().map(|flight| flight.started + SLOW).max() {
            Some(at) if at > now.instant => Err(Blocked { at: Some(at), is_due: true }),
            _ => Ok(()),
        }
    }

    fn limits(&mut self, now: Now) -> Limits {
        let most = self.config.max_request_bytes;
        let bytes = match &mut self.learned {
            Some(learned) => {
                if now.instant.saturating_duration_since(learned.at) >= form::RELEARN_AFTER {
                    *learned = Learned { bytes: (learned.bytes * 2).min(most), at: now.instant };
                }
                learned.bytes.min(most)
            }
            None => most,
        };
        Limits { bytes, points: self.config.max_points_per_request }
    }

    const fn encoding(&self) -> Encoding {
        self.config.encoding
    }
}

/// Why nothing of a class goes now.
#[derive(Debug)]
struct Blocked {
    at: Option<Instant>,
    /// Whether it would go if there were room; otherwise its own time has not come.
    is_due: bool,
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
