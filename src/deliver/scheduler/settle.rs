//! What becomes of a request that was tried.

use std::time::Duration;

use super::{Flight, Learned, MAX_REFUSALS, Now, Origin, PieceId, Refusal, Scheduler};
use crate::deliver::lane::{Part, Suspect};
use crate::deliver::store::{Fate, Grave};
use crate::deliver::verdict::{Cause, Scope, Verdict};
use crate::metric::{Class, ServiceName};
use crate::sap::cloud_alm::Correlation;

/// How long everything waits on a 429 that does not say it.
const THROTTLED_WAIT: Duration = Duration::from_secs(20);
/// A size below this is not learned: no request is that small a limit.
const LEAST_LEARNED: usize = 4 * 1024;

impl Scheduler {
    /// Tells what became of a piece. `correlation` are the ids of the answer, if there was one.
    pub fn settle(&mut self, id: PieceId, verdict: Verdict, correlation: &Correlation, now: Now) {
        let Some(flight) = self.flights.remove(&id) else { return };
        if let Some(lane) = self.lanes.get_mut(&flight.service)
            && (flight.origin == Origin::Proof || flight.parts.iter().any(|part| part.class == Class::Status))
        {
            lane.status_in_flight = false;
        }
        *self.outcomes.entry(verdict.as_str()).or_default() += 1;
        if let Some(cause) = cause_of(&verdict) {
            self.remember(&flight.service, cause, correlation, now);
        }
        match verdict {
            Verdict::Delivered => {
                for part in &flight.parts {
                    self.store.settle(part, Fate::Delivered);
                }
                self.accept(&flight, now);
            }
            Verdict::Partial(partial) => {
                if partial.rejected > 0 {
                    let cause = Cause::Answer { status: 200, excerpt: partial.message };
                    self.remember(&flight.service, &cause, correlation, now);
                }
                self.store.settle_partly(&flight.parts, partial.rejected, flight.wire_points as u64);
                self.accept(&flight, now);
            }
            Verdict::Retry { after, reachable, cause } => {
                self.way.failed(after, reachable, cause, now.instant);
                self.rest(&flight.service, now);
                self.give_back(flight);
            }
            Verdict::Throttled { after } => {
                self.budget.refused();
                self.way.pause(after.unwrap_or(THROTTLED_WAIT), None, now.instant);
                self.give_back(flight);
            }
            Verdict::Again(_) => self.give_back(flight),
            Verdict::NoToken { error, retry_after } => {
                self.budget.refund(flight.class == Class::Status, flight.started);
                let refused = error.is_refusal();
                let cause = Cause::Token(error);
                if refused {
                    self.way.park(cause, Some(retry_after), now.instant);
                } else {
                    self.way.pause(retry_after, Some(cause), now.instant);
                }
                self.give_back(flight);
            }
            Verdict::Park { scope: Scope::Everything, cause } => {
                self.way.park(cause, None, now.instant);
                self.give_back(flight);
            }
            Verdict::Park { scope: Scope::Lane, cause } => {
                let service = flight.service.clone();
                self.give_back(flight);
                self.park(&service, cause, now);
                self.way.opened();
            }
            Verdict::Split(cause) => self.split(flight, &cause, correlation, now),
            Verdict::Isolate(cause) => {
                self.way.opened();
                self.isolate(flight, cause, correlation, now);
            }
            Verdict::Doubt(cause) => self.doubt(flight, &cause, correlation, now),
        }
    }

    fn remember(&mut self, service: &ServiceName, cause: &Cause, correlation: &Correlation, now: Now) {
        tracing::warn!(service = %service, cause = %cause, correlation = ?correlation.0, "a push was not taken");
        if self.refusals.len() == MAX_REFUSALS {
            self.refusals.pop_front();
        }
        self.refusals.push_back(Refusal {
            time: now.wall,
            service: service.clone(),
            cause: cause.clone(),
            correlation: correlation.clone(),
        });
    }

    /// Something was taken: the way is open, and what this lane condemned was at fault itself.
    fn accept(&mut self, flight: &Flight, now: Now) {
        self.accepted += 1;
        self.way.opened();
        let Some(lane) = self.lanes.get_mut(&flight.service) else { return };
        lane.accepted(now.wall);
        self.bury_condemned(&flight.service, now);
    }

    pub(super) fn bury_condemned(&mut self, service: &ServiceName, now: Now) {
        let Some(lane) = self.lanes.get_mut(service) else { return };
        let Some((cause, correlation)) = lane.condemned_for.take() else { return };
        let condemned = std::mem::take(&mut lane.condemned);
        self.bury(&condemned, &cause, &correlation, now);
    }

    pub(super) fn bury(&mut self, parts: &[Part], cause: &Cause, correlation: &Correlation, now: Now) {
        for part in parts {
            self.store.bury(part, &Grave { time: now.wall, cause, correlation });
        }
    }

    fn rest(&mut self, service: &ServiceName, now: Now) {
        if let Some(lane) = self.lanes.get_mut(service) {
            lane.not_before = Some(now.instant + lane.backoff.next_wait());
        }
    }

    /// Everything of a flight goes back to where it came from, in its order.
    pub(super) fn give_back(&mut self, flight: Flight) {
        let Some(lane) = self.lanes.get_mut(&flight.service) else { return };
        match flight.origin {
            Origin::Suspect { failures, accepted_before } => {
                lane.suspects.push_front(Suspect { parts: flight.parts, failures, accepted_before, not_before: None });
            }
            Origin::Proof if !lane.condemned.is_empty() => {
                let row = lane
                    .condemned
                    .first()
                    .and_then(|part| self.store.load(part)?.rows.get(part.rows.start as usize).cloned());
                lane.proof = row.and_then(|row| lane.statuses.known_other_than(&row));
            }
            Origin::Proof => {}
            Origin::Queues | Origin::Probe => {
                for part in flight.parts.into_iter().rev() {
                    self.requeue(&flight.service, part);
                }
            }
        }
    }

    fn requeue(&mut self, service: &ServiceName, part: Part) {
        let Some(lane) = self.lanes.get_mut(service) else { return };
        match part.class {
            Class::Status => {
                let row = self.store.load(&part).and_then(|batch| batch.rows.get(part.rows.start as usize).cloned());
                let superseded = row.and_then(|row| lane.statuses.give_back(part, &row));
                if let Some(older) = superseded {
                    self.store.settle(&older, Fate::Merged);
                }
            }
            Class::Fresh if lane.fresh.iter().any(|newer| newer.time > part.time) => {
                // A newer window has closed while it was in flight.
                let part = Part { class: Class::Backlog, ..part };
                Self::to_backlog_front(&self.config, &mut self.store, lane, part);
            }
            Class::Fresh => lane.fresh.push_front(part),
            Class::Backlog => lane.backlog.push_front(part),
        }
    }

    fn to_backlog_front(
        config: &crate::deliver::Config,
        store: &mut crate::deliver::store::Store,
        lane: &mut crate::deliver::lane::Lane,
        part: Part,
    ) {
        if config.backfill {
            lane.backlog.push_front(part);
        } else {
            store.settle(&part, Fate::Expired);
        }
    }

    pub(super) fn park(&mut self, service: &ServiceName, cause: Cause, now: Now) {
        if let Some(lane) = self.lanes.get_mut(service) {
            tracing::warn!(service = %service, cause = %cause, "the service's lane is parked; nothing is lost");
            lane.park(cause, now.instant);
        }
    }

    /// Too large: the half of it is tried, and nothing larger for a while.
    fn split(&mut self, flight: Flight, cause: &Cause, correlation: &Correlation, now: Now) {
        self.way.opened();
        if rows_of(&flight.parts) <= 1 {
            self.bury(&flight.parts, cause, correlation, now);
            return;
        }
        let bytes = (flight.bytes / 2).max(LEAST_LEARNED);
        if self.learned.is_none_or(|learned| bytes < learned.bytes) {
            tracing::info!(bytes, "a request was too large; this size is kept to from now on");
            self.learned = Some(Learned { bytes, at: now.instant });
        }
        if flight.bytes / 2 < LEAST_LEARNED || matches!(flight.origin, Origin::Suspect { .. }) {
            self.apart(flight, 0, 0);
        } else {
            self.give_back(flight);
        }
    }
}

pub(super) fn rows_of(parts: &[Part]) -> usize {
    parts.iter().map(Part::len).sum()
}

const fn cause_of(verdict: &Verdict) -> Option<&Cause> {
    match verdict {
        Verdict::Retry { cause, .. }
        | Verdict::Split(cause)
        | Verdict::Isolate(cause)
        | Verdict::Doubt(cause)
        | Verdict::Again(cause)
        | Verdict::Park { cause, .. } => Some(cause),
        Verdict::Delivered | Verdict::Partial(_) | Verdict::Throttled { .. } | Verdict::NoToken { .. } => None,
    }
}
