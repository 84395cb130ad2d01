//! Is it the rows, or is it the lane?
//!
//! A request that is refused as a whole (400) or over which the service fails (500) says nothing about its rows yet. They are taken apart until
//! single rows are refused; a single row is buried only once something else of its lane is accepted. A known status serves as proof: when not
//! even that is taken, it is the lane, which is parked with everything it has.

use std::time::Duration;

use super::settle::rows_of;
use super::{Flight, Now, Origin, Scheduler};
use crate::deliver::lane::{Suspect, halve};
use crate::deliver::verdict::Cause;
use crate::http::Backoff;
use crate::metric::Class;
use crate::sap::cloud_alm::Correlation;

/// How often the service may fail over the same rows before they are taken apart, if it takes others meanwhile.
const MAX_FAILURES: u32 = 5;
/// Single rows refused in a row, nothing accepted between: then the lane is at fault, not its rows.
const MAX_CONDEMNED: usize = 3;
impl Scheduler {
    /// Something in it is not accepted: halves, down to the row that is refused alone.
    pub(super) fn isolate(&mut self, flight: Flight, cause: Cause, correlation: &Correlation, now: Now) {
        let service = flight.service.clone();
        let Some(lane) = self.lanes.get_mut(&service) else { return };
        match flight.origin {
            // Not even a known status is taken, so it is not the rows.
            Origin::Proof => return self.park(&service, cause, now),
            Origin::Probe => {
                self.give_back(flight);
                return self.park(&service, cause, now);
            }
            Origin::Queues if lane.suspects.is_empty() && lane.condemned.is_empty() => lane.proven = false,
            // The service failed over it before, which proves nothing.
            Origin::Suspect { failures: 1.., .. } if lane.condemned.is_empty() => lane.proven = false,
            Origin::Queues | Origin::Suspect { .. } => {}
        }
        if rows_of(&flight.parts) > 1 {
            return self.apart(flight, 0, 0);
        }
        if lane.proven {
            return self.bury(&flight.parts, &cause, correlation, now);
        }
        self.condemn(flight, cause, correlation, now);
    }

    /// A single row was refused, and nothing shows yet that its lane works.
    fn condemn(&mut self, flight: Flight, cause: Cause, correlation: &Correlation, now: Now) {
        let service = flight.service;
        let Some(lane) = self.lanes.get_mut(&service) else { return };
        let is_status = flight.parts.iter().any(|part| part.class == Class::Status);
        let first = flight.parts.first().and_then(|part| {
            let batch = self.store.load(part)?;
            batch.rows.get(part.rows.start as usize).cloned()
        });
        lane.condemned.extend(flight.parts);
        lane.condemned_for = Some((cause.clone(), correlation.clone()));
        if !lane.suspects.is_empty() {
            return;
        }
        lane.proof = first.and_then(|row| lane.statuses.known_other_than(&row));
        if lane.proof.is_some() {
            return;
        }
        if is_status || lane.condemned.len() >= MAX_CONDEMNED {
            return self.park(&service, cause, now);
        }
        if !lane.has_work() {
            self.bury_condemned(&service, now);
        }
    }

    /// In two halves, each on its own.
    pub(super) fn apart(&mut self, flight: Flight, failures: u32, accepted_before: u64) {
        let Some(lane) = self.lanes.get_mut(&flight.service) else { return };
        let (first, second) = halve(flight.parts);
        for parts in [second, first] {
            if !parts.is_empty() {
                lane.suspects.push_front(Suspect { failures, accepted_before, ..Suspect::new(parts) });
            }
        }
    }

    /// The service failed. Over these rows, if it takes others meanwhile; else altogether, and then nothing is said of the rows.
    pub(super) fn doubt(&mut self, flight: Flight, cause: &Cause, correlation: &Correlation, now: Now) {
        let (failures, accepted_before) = match flight.origin {
            Origin::Suspect { failures, accepted_before } if failures > 0 => (failures + 1, accepted_before),
            _ => (1, self.accepted),
        };
        let others_got_through = self.accepted > accepted_before;
        self.way.failed(None, true, cause.clone(), now.instant);
        if matches!(flight.origin, Origin::Probe | Origin::Proof) {
            return self.give_back(flight);
        }
        if failures >= MAX_FAILURES && others_got_through {
            if rows_of(&flight.parts) > 1 {
                // Its halves need one more failure each while others get through, not five.
                return self.apart(flight, MAX_FAILURES - 1, self.accepted);
            }
            return self.bury(&flight.parts, cause, correlation, now);
        }
        let Some(lane) = self.lanes.get_mut(&flight.service) else { return };
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(15));
        let wait = (0..failures.min(MAX_FAILURES)).map(|_| backoff.next_wait()).last();
        let not_before = wait.map(|wait| now.instant + wait);
        // Behind the other suspects, so that others can get through.
        lane.suspects.push_back(Suspect { parts: flight.parts, failures, accepted_before, not_before });
    }
}
