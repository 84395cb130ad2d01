//! What sources observe, and what the agent says of itself.

use super::condenser::{Condenser, warn};
use super::config::Confirm;
use super::status::{Member, Observed, StatusKey, StatusKind};
use crate::clock::Timestamp;
use crate::metric::{Labels, Observation, Rating, SourceId};

/// The name of the status by which the agent reports itself.
pub(super) const HEARTBEAT: &str = "calm-agent";

impl Condenser {
    pub(super) fn take_observation(&mut self, observation: &Observation) {
        let SourceId(index) = observation.source;
        let Some(source) = self.config.sources.get(index as usize) else { return };
        let Some(service) = self.sources.get(index as usize).and_then(|source| source.service) else { return };
        let own_name = *observation.name == *source.key.name
            || observation.name.strip_prefix("Target ").is_some_and(|rest| rest == &*source.key.name);
        let mut key = StatusKey { service, name: observation.name.clone(), labels: observation.labels.clone() };
        let observed = Observed {
            kind: StatusKind::Observed,
            source: Some(index),
            member: Member::Source(index),
            instance: source.key.name.clone(),
            rating: observation.rating,
            text: observation.text.clone(),
            time: observation.time,
            confirm: source.status.confirm,
            essential: source.status.essential && own_name,
        };
        if self.board.get(&key).is_some_and(|status| status.source != Some(index)) {
            let name = format!("{} {}", source.key.name, key.name);
            warn(
                &mut self.services[service as usize].warnings,
                format!("two sources have a status {:?}; that of {} is sent as {name:?}", key.name, source.key.name),
            );
            key.name = name.into();
        }
        self.board.observe(key, observed);
        self.restless.insert(service);
    }

    pub(super) fn beat(&mut self, rating: Rating, text: &str, now: Timestamp) {
        let Some(service) = self.config.heartbeat_service.as_ref().and_then(|name| self.service_index(name)) else {
            return;
        };
        let key = StatusKey { service, name: HEARTBEAT.into(), labels: Labels::default() };
        self.board.observe(
            key,
            Observed {
                kind: StatusKind::Agent,
                source: None,
                member: Member::Agent,
                instance: "".into(),
                rating,
                text: text.to_owned(),
                time: now,
                confirm: Confirm { bad: 1, of: 1 },
                essential: false,
            },
        );
        self.restless.insert(service);
    }

    pub(super) fn heartbeat(&mut self, now: Timestamp) {
        self.beat(Rating::Ok, "the agent is running", now);
    }
}
