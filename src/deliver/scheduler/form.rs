//! From a lane's queues to one request.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Flight, Now, Origin, Piece, PieceId, Scheduler, State, UNREADABLE_WAIT};
use crate::clock::Timestamp;
use crate::deliver::lane::{Lane, Part};
use crate::deliver::store::{Fate, Grave, Store};
use crate::deliver::verdict::Cause;
use crate::metric::{Batch, Class, Row, ServiceName};
use crate::sap::cloud_alm::{Correlation, PackError, Packer};
use crate::telemetry::DropReason;

/// After this a size that was learned is doubled again: what refused it may have been a passing gateway.
pub(super) const RELEARN_AFTER: Duration = Duration::from_secs(3_600);
/// A row must arrive before it is too old: this much of the age is kept for the way, up to a minute.
const MARGIN: u32 = 100;

/// Fills a packer from queues and settles on the way what cannot go.
pub(super) struct Filler<'s> {
    store: &'s mut Store,
    packer: Packer,
    taken: Vec<Part>,
    /// Rows from before this are expired.
    oldest: Timestamp,
    now: Timestamp,
    unreadable: bool,
}

enum Took {
    Yes,
    Full,
    Gone,
}

impl<'s> Filler<'s> {
    fn new(store: &'s mut Store, packer: Packer, oldest: Timestamp, now: Timestamp) -> Self {
        Self { store, packer, taken: Vec::new(), oldest, now, unreadable: false }
    }

    /// Takes parts from the front of a queue until the request is full; says whether there is still room.
    fn fill(&mut self, queue: &mut VecDeque<Part>) -> bool {
        while let Some(part) = queue.pop_front() {
            let Some(batch) = self.store.load(&part) else {
                self.unreadable = true;
                queue.push_front(part);
                return false;
            };
            if let Some(rest) = self.take(&part, &batch) {
                queue.push_front(rest);
                return false;
            }
        }
        true
    }

    /// Takes the rows of a part; returns those that found no room.
    fn take(&mut self, part: &Part, batch: &Batch) -> Option<Part> {
        let mut run = part.rows.start;
        for index in part.rows.clone() {
            let Some(row) = batch.rows.get(index as usize) else { break };
            let one = part.cut(index..index + 1);
            match self.take_row(row, &one) {
                Took::Yes => {}
                Took::Gone => {
                    self.keep(part, run, index);
                    run = index + 1;
                }
                Took::Full => {
                    self.keep(part, run, index);
                    return Some(part.cut(index..part.rows.end));
                }
            }
        }
        self.keep(part, run, part.rows.end);
        None
    }

    fn take_row(&mut self, row: &Row, one: &Part) -> Took {
        if is_old(row, self.oldest) {
            self.store.settle(one, Fate::Expired);
            return Took::Gone;
        }
        let unfit = match self.packer.push(row) {
            Ok(()) => return Took::Yes,
            Err(PackError::Full) => return Took::Full,
            Err(PackError::TooLarge) => Cause::Unfit("it is larger than a request may be"),
            Err(PackError::NotFinite) => {
                self.store.settle(one, Fate::Dropped(DropReason::NotANumber));
                return Took::Gone;
            }
        };
        let correlation = Correlation::default();
        self.store.bury(one, &Grave { time: self.now, cause: &unfit, correlation: &correlation });
        Took::Gone
    }

    fn keep(&mut self, part: &Part, start: u32, end: u32) {
        if start < end {
            self.taken.push(part.cut(start..end));
        }
    }

    /// Settles a status that waited under suspicion while a newer one came: it must not arrive after it.
    fn is_overtaken(&mut self, lane: &Lane, part: &Part) -> bool {
        if part.class != Class::Status || part.len() != 1 {
            return false;
        }
        let batch = self.store.load(part);
        let row = batch.as_ref().and_then(|batch| batch.rows.get(part.rows.start as usize));
        let overtaken = row.is_some_and(|row| lane.statuses.supersede(row));
        if overtaken {
            self.store.settle(part, Fate::Merged);
        }
        overtaken
    }

    fn statuses(&mut self, lane: &mut Lane, now: Now) -> bool {
        let mut room = true;
        for pending in lane.statuses.take_due(now.instant) {
            let took = if room { self.take_row(&pending.row, &pending.part) } else { Took::Full };
            match took {
                Took::Yes => self.taken.push(pending.part),
                Took::Gone => {}
                Took::Full => {
                    room = false;
                    lane.statuses.give_back(pending.part, &pending.row);
                }
            }
        }
        room
    }
}

/// Whether a row was measured before `oldest`; one without a time gets that of its arrival.
pub(super) fn is_old(row: &Row, oldest: Timestamp) -> bool {
    row.time.is_set() && row.time < oldest
}

impl Scheduler {
    /// Forms a request of this lane and puts it in flight. `None` when nothing of it can go.
    pub(super) fn form(&mut self, name: &ServiceName, class: Class, now: Now) -> Option<Piece> {
        let limits = self.limits(now);
        let packer = Packer::new(self.encoding(), limits, self.config.fold_labels);
        let oldest = self.oldest(now);
        let probing = self.way.is_parked();
        let lane = self.lanes.get_mut(name)?;
        lane.served = self.turns;
        let mut filler = Filler::new(&mut self.store, packer, oldest, now.wall);
        let parked = if let State::Parked { next_probe, wait, .. } = &mut lane.state {
            *next_probe = now.instant + *wait;
            true
        } else {
            false
        };
        let origin = if parked || probing {
            probe(lane, &mut filler);
            Origin::Probe
        } else if class == Class::Status
            && let Some(mut row) = lane.proof.take()
        {
            row.time = now.wall;
            // A known status fits; it went out before.
            let _ = filler.packer.push(&row);
            Origin::Proof
        } else if let Some(suspect) = lane.take_suspect(class, now.instant) {
            let mut parts: VecDeque<Part> = suspect.parts.into();
            parts.retain(|part| !filler.is_overtaken(lane, part));
            filler.fill(&mut parts);
            let origin = Origin::Suspect { failures: suspect.failures, accepted_before: suspect.accepted_before };
            if !parts.is_empty() {
                // Only when a smaller size was learned meanwhile.
                lane.suspects.push_front(crate::deliver::lane::Suspect::new(parts.into()));
            }
            origin
        } else {
            queues(lane, class, &mut filler, now);
            Origin::Queues
        };
        let Filler { packer, taken, unreadable, .. } = filler;
        if unreadable {
            lane.not_before = Some(now.instant + UNREADABLE_WAIT);
        }
        if packer.is_empty() {
            return None;
        }
        let (wire_points, body) = (packer.points(), packer.finish());
        let has_status = origin == Origin::Proof || taken.iter().any(|part| part.class == Class::Status);
        lane.status_in_flight |= has_status;
        let id = PieceId(self.turns);
        let flight = Flight {
            service: name.clone(),
            class,
            parts: taken,
            wire_points,
            bytes: body.len(),
            started: now.instant,
            origin,
        };
        self.flights.insert(id, flight);
        Some(Piece { id, service: name.clone(), service_id: lane.service_id.clone(), class, body, wire_points })
    }

    /// The time before which a row counts as expired.
    pub(super) fn oldest(&self, now: Now) -> Timestamp {
        let age = self.config.max_age;
        now.wall.minus(age.saturating_sub((age / MARGIN).min(Duration::from_secs(60))))
    }
}

/// Fills from the queue of `class` and, while there is room, from the next less urgent one.
fn queues(lane: &mut Lane, class: Class, filler: &mut Filler<'_>, now: Now) {
    match class {
        Class::Status => {
            if filler.statuses(lane, now) {
                filler.fill(&mut lane.fresh);
            }
        }
        Class::Fresh => {
            if filler.fill(&mut lane.fresh) {
                filler.fill(&mut lane.backlog);
            }
        }
        Class::Backlog => {
            filler.fill(&mut lane.backlog);
        }
    }
}

/// One row, each time another one: the row itself may be what is refused.
fn probe(lane: &mut Lane, filler: &mut Filler<'_>) {
    lane.probes += 1;
    let index = (lane.probes - 1) % (lane.statuses.len() + 1);
    if let Some(pending) = lane.statuses.take_any(index).or_else(|| nothing_else(lane)) {
        if matches!(filler.take_row(&pending.row, &pending.part), Took::Yes) {
            filler.taken.push(pending.part);
        }
        return;
    }
    // A probe is small, so the first row of whatever waits longest is enough.
    let lists = [&mut lane.fresh, &mut lane.backlog];
    for list in lists {
        if one_row(list, filler) {
            return;
        }
    }
    let Some(mut suspect) = lane.suspects.pop_front() else { return };
    let mut parts: VecDeque<Part> = std::mem::take(&mut suspect.parts).into();
    one_row(&mut parts, filler);
    if !parts.is_empty() {
        suspect.parts = parts.into();
        lane.suspects.push_front(suspect);
    }
}

/// A status, when the turn is that of another row and there is none.
fn nothing_else(lane: &mut Lane) -> Option<crate::deliver::statuses::Pending> {
    let others = lane.fresh.is_empty() && lane.backlog.is_empty() && lane.suspects.is_empty();
    if others { lane.statuses.take_any(0) } else { None }
}

fn one_row(queue: &mut VecDeque<Part>, filler: &mut Filler<'_>) -> bool {
    while let Some(part) = queue.pop_front() {
        let Some(batch) = filler.store.load(&part) else {
            filler.unreadable = true;
            queue.push_front(part);
            return false;
        };
        let first = part.cut(part.rows.start..part.rows.start + 1);
        if part.len() > 1 {
            queue.push_front(part.cut(part.rows.start + 1..part.rows.end));
        }
        filler.take(&first, &batch);
        if !filler.packer.is_empty() {
            return true;
        }
    }
    false
}
