//! What is asked about the scheduler: whether it is done, how its lanes are, what was refused.

use std::collections::BTreeMap;

use super::{Refusal, Scheduler, State};
use crate::deliver::gate::Gate;
use crate::deliver::lane::Lane;
use crate::deliver::store::DeadLetter;
use crate::deliver::verdict::Cause;
use crate::metric::ServiceName;
use crate::telemetry;

impl Scheduler {
    /// Whether nothing waits and nothing is in flight.
    pub fn is_idle(&self) -> bool {
        self.flights.is_empty() && !self.lanes.values().any(Lane::has_work)
    }

    /// Whether something waits and nothing of it can go before a person puts something right.
    pub(in crate::deliver) fn waits_for_a_person(&self) -> bool {
        let mut waiting = self.lanes.values().filter(|lane| lane.has_work()).peekable();
        waiting.peek().is_some()
            && (self.way.is_parked() || waiting.all(|lane| matches!(lane.state, State::Parked { .. })))
    }

    /// Requests by what their answers meant.
    pub(in crate::deliver) const fn outcomes(&self) -> &BTreeMap<&'static str, u64> {
        &self.outcomes
    }

    /// Every service with a lane.
    pub(in crate::deliver) fn services(&self) -> impl Iterator<Item = &ServiceName> {
        self.lanes.keys()
    }

    /// How a lane is, in the words of the board.
    pub(in crate::deliver) fn lane_state(&self, service: &ServiceName) -> (telemetry::State, String) {
        match self.lanes.get(service).map(|lane| &lane.state) {
            Some(State::Parked { cause, .. }) => (telemetry::State::Parked, cause.to_string()),
            Some(State::Open) | None => match &self.way.gate {
                Gate::Paused { cause: Some(cause), .. } => (telemetry::State::Degraded, cause.to_string()),
                Gate::Open | Gate::Paused { .. } | Gate::Parked { .. } => (telemetry::State::Ok, String::new()),
            },
        }
    }

    /// How the credential is, in the words of the board.
    pub(in crate::deliver) fn credential_state(&self) -> (telemetry::State, String) {
        match &self.way.gate {
            Gate::Parked { cause, .. } => (telemetry::State::Parked, cause.to_string()),
            Gate::Paused { cause: Some(cause @ Cause::Token(_)), .. } => {
                (telemetry::State::Degraded, cause.to_string())
            }
            Gate::Open | Gate::Paused { .. } => (telemetry::State::Ok, String::new()),
        }
    }

    /// Rows that were buried, oldest first.
    pub fn dead_letters(&self) -> impl Iterator<Item = &DeadLetter> {
        self.store.dead()
    }

    /// Takes them out. They have their fate in the ledger: who offers them again accepts them anew.
    pub fn take_dead_letters(&mut self) -> Vec<DeadLetter> {
        self.store.take_dead()
    }

    /// The last refusals, oldest first.
    pub fn refusals(&self) -> impl Iterator<Item = &Refusal> {
        self.refusals.iter()
    }
}
