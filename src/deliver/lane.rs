//! What waits for one service, and whether it may go.
//!
//! ```text
//!            refused (403, 404, every point 400)          small request taken, or key touched
//!   open ─────────────────────────────────────► parked ─────────────────────────────────────► open
//!                                                 │  ▲
//!                                                 └──┘ one small request after 30 s, 1 min, … 5 min
//! ```
//!
//! Pure: it is told the time.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use tokio::time::Instant;

use super::outbox::EntryId;
use super::statuses::Statuses;
use super::verdict::Cause;
use crate::clock::Timestamp;
use crate::http::Backoff;
use crate::metric::{Class, Row, ServiceId};
use crate::sap::cloud_alm::Correlation;

/// The first and the longest wait between two probes of a parked lane.
const PROBE_FIRST: Duration = Duration::from_secs(30);
const PROBE_MOST: Duration = Duration::from_secs(300);
/// Waits of a lane whose requests fail, while others may succeed.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MOST: Duration = Duration::from_secs(15);

/// Rows of one batch, next to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub entry: EntryId,
    pub rows: Range<u32>,
    pub class: Class,
    /// When their window closed.
    pub time: Timestamp,
}

/// Rows that are sent on their own, since a request with them was refused.
#[derive(Debug, Clone)]
pub(super) struct Suspect {
    pub parts: Vec<Part>,
    /// How often the service failed over them.
    pub failures: u32,
    /// How many requests had been accepted when it first did.
    pub accepted_before: u64,
    pub not_before: Option<Instant>,
}

#[derive(Debug, Clone)]
pub(super) enum State {
    Open,
    Parked { cause: Cause, next_probe: Instant, wait: Duration },
}

/// The lane of one service.
#[derive(Debug)]
pub(super) struct Lane {
    pub service_id: ServiceId,
    pub statuses: Statuses,
    pub fresh: VecDeque<Part>,
    pub backlog: VecDeque<Part>,
    pub suspects: VecDeque<Suspect>,
    /// Single rows that were refused; buried once something else of the lane is accepted.
    pub condemned: Vec<Part>,
    /// Why, and the ids of that answer.
    pub condemned_for: Option<(Cause, Correlation)>,
    /// Whether something was accepted since the lane fell under suspicion.
    pub proven: bool,
    /// A known status is to be sent to tell a bad row from a bad lane.
    pub proof: Option<Row>,
    pub state: State,
    pub not_before: Option<Instant>,
    pub backoff: Backoff,
    /// When it had its last turn, in turns of all.
    pub served: u64,
    pub status_in_flight: bool,
    pub last_accepted: Option<Timestamp>,
    pub thinned_to: usize,
    pub probes: usize,
}

impl Part {
    pub(super) const fn len(&self) -> usize {
        (self.rows.end - self.rows.start) as usize
    }

    pub(super) fn cut(&self, rows: Range<u32>) -> Self {
        Self { rows, ..self.clone() }
    }
}

impl Suspect {
    pub(super) const fn new(parts: Vec<Part>) -> Self {
        Self { parts, failures: 0, accepted_before: 0, not_before: None }
    }

    /// The class of its most urgent row.
    fn class(&self) -> Class {
        self.parts.iter().map(|part| part.class).min().unwrap_or(Class::Backlog)
    }
}

impl Lane {
    pub(super) fn new(service_id: ServiceId) -> Self {
        Self {
            service_id,
            statuses: Statuses::default(),
            fresh: VecDeque::new(),
            backlog: VecDeque::new(),
            suspects: VecDeque::new(),
            condemned: Vec::new(),
            condemned_for: None,
            proven: true,
            proof: None,
            state: State::Open,
            not_before: None,
            backoff: Backoff::new(RETRY_FIRST, RETRY_MOST),
            served: 0,
            status_in_flight: false,
            last_accepted: None,
            thinned_to: 0,
            probes: 0,
        }
    }

    /// Everything that waits but statuses.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Part> {
        let suspects = self.suspects.iter().flat_map(|suspect| &suspect.parts);
        self.fresh.iter().chain(&self.backlog).chain(suspects).chain(&self.condemned)
    }

    /// Whether anything waits.
    pub(super) fn has_work(&self) -> bool {
        self.proof.is_some()
            || !(self.statuses.is_empty()
                && self.fresh.is_empty()
                && self.backlog.is_empty()
                && self.suspects.is_empty())
    }

    /// When it can send something of this class; `None` when there is nothing. A parked lane probes at the end of the line.
    pub(super) fn ready_at(&self, class: Class, now: Instant) -> Option<Instant> {
        if let State::Parked { next_probe, .. } = &self.state {
            return (class == Class::Backlog && self.has_work()).then_some(*next_probe);
        }
        let suspects = self.suspects.iter().filter(|suspect| suspect.class() == class);
        let suspect = suspects.map(|suspect| suspect.not_before.unwrap_or(now)).min();
        let queued = match class {
            Class::Status if self.proof.is_some() => Some(now),
            Class::Status if self.status_in_flight => None,
            Class::Status => self.statuses.due_at(now),
            Class::Fresh => (!self.fresh.is_empty()).then_some(now),
            Class::Backlog => (!self.backlog.is_empty()).then_some(now),
        };
        let work = [suspect, queued].into_iter().flatten().min()?;
        Some(self.not_before.map_or(work, |not_before| work.max(not_before)))
    }

    /// The first suspect of this class that may go.
    pub(super) fn take_suspect(&mut self, class: Class, now: Instant) -> Option<Suspect> {
        let may_go = |suspect: &Suspect| suspect.class() == class && suspect.not_before.is_none_or(|time| time <= now);
        let index = self.suspects.iter().position(may_go)?;
        self.suspects.remove(index)
    }

    /// A person has to put something right. Keeps the pace of its probes when it is parked already.
    pub(super) fn park(&mut self, cause: Cause, now: Instant) {
        let wait = match &self.state {
            State::Open => PROBE_FIRST,
            State::Parked { wait, .. } => wait.saturating_mul(2).min(PROBE_MOST),
        };
        self.state = State::Parked { cause, next_probe: now + wait, wait };
        self.proof = None;
        // They get one more chance when the lane works: what was wrong may have been the lane.
        for part in self.condemned.drain(..) {
            self.suspects.push_back(Suspect::new(vec![part]));
        }
    }

    /// Something of it was accepted.
    pub(super) fn accepted(&mut self, at: Timestamp) {
        self.state = State::Open;
        self.not_before = None;
        self.backoff.reset();
        self.proven = true;
        self.last_accepted = Some(at);
    }

    /// Somebody touched the key: if it is parked, it is tried now.
    pub(super) fn wake(&mut self, now: Instant) {
        self.not_before = None;
        if let State::Parked { next_probe, wait, .. } = &mut self.state {
            *next_probe = now;
            *wait = PROBE_FIRST / 2;
        }
    }
}

/// Parts in two halves by their rows, the first not larger than the second.
pub(super) fn halve(parts: Vec<Part>) -> (Vec<Part>, Vec<Part>) {
    let mut left = parts.iter().map(Part::len).sum::<usize>() / 2;
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for part in parts {
        if left >= part.len() {
            left -= part.len();
            first.push(part);
        } else {
            let middle = part.rows.start + left as u32;
            if left > 0 {
                first.push(part.cut(part.rows.start..middle));
                left = 0;
            }
            second.push(part.cut(middle..part.rows.end));
        }
    }
    (first, second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(rows: Range<u32>) -> Part {
        Part { entry: EntryId(1), rows, class: Class::Fresh, time: Timestamp::UNSET }
    }

    #[test]
    fn halves_lose_no_row() {
        type Rows = &'static [(u32, u32)];
        let cases: [(Rows, Rows, Rows); 4] = [
            (&[(0, 5)], &[(0, 2)], &[(2, 5)]),
            (&[(0, 2), (4, 6)], &[(0, 2)], &[(4, 6)]),
            (&[(0, 1), (3, 4), (5, 9)], &[(0, 1), (3, 4), (5, 6)], &[(6, 9)]),
            (&[(7, 9)], &[(7, 8)], &[(8, 9)]),
        ];
        for (all, first, second) in cases {
            let (a, b) = halve(all.iter().map(|(start, end)| part(*start..*end)).collect());
            let rows = |parts: Vec<Part>| parts.iter().map(|part| (part.rows.start, part.rows.end)).collect::<Vec<_>>();
            assert_eq!((rows(a), rows(b)), (first.to_vec(), second.to_vec()));
        }
    }

    #[test]
    fn probes_come_slower_until_something_is_accepted() {
        let now = Instant::now();
        let mut lane = Lane::new(super::super::testing::service_id("a"));
        lane.fresh.push_back(part(0..1));
        let mut waits = Vec::new();
        for _ in 0..6 {
            lane.park(Cause::Unauthorized, now);
            assert_eq!(lane.ready_at(Class::Fresh, now), None);
            waits.push((lane.ready_at(Class::Backlog, now).unwrap() - now).as_secs());
        }
        assert_eq!(waits, [30, 60, 120, 240, 300, 300]);
        lane.accepted(Timestamp::UNSET);
        assert_eq!(lane.ready_at(Class::Fresh, now), Some(now));
        lane.park(Cause::Unauthorized, now);
        lane.wake(now);
        assert_eq!(lane.ready_at(Class::Backlog, now), Some(now));
    }
}
