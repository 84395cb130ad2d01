//! Who pushes, and who has fallen silent.
//!
//! A push cannot be asked whether it is well. So each sender that was heard of is expected again: after five silent windows the status
//! `Telemetry` says so, as a warning. Senders are told apart by `service.name`, since pods come and go on purpose.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::condenser::Condenser;
use super::config::{Confirm, SourceKind};
use super::status::{Member, Observed, StatusKey, StatusKind};
use crate::clock::Timestamp;
use crate::metric::{Labels, Rating};

/// The name of the status.
const TELEMETRY: &str = "Telemetry";
/// How many windows a sender may be silent.
const SILENT_WINDOWS: u32 = 5;
/// The most senders of one source that are told apart.
const MAX_SENDERS: usize = 64;
/// A sender that was silent for this long is no longer expected, as long as another one of its source still sends.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(24 * 3600);

/// The senders of one source.
#[derive(Debug)]
pub(super) struct Senders {
    seen: BTreeMap<Arc<str>, Timestamp>,
    since: Timestamp,
}

impl Senders {
    /// None yet.
    pub(super) const fn new(now: Timestamp) -> Self {
        Self { seen: BTreeMap::new(), since: now }
    }

    /// Whether nobody was heard of.
    pub(super) fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// A sender was heard of; returns when it was before.
    pub(super) fn heard(&mut self, sender: &Arc<str>, now: Timestamp) -> Option<Timestamp> {
        if let Some(seen) = self.seen.get_mut(sender) {
            return Some(std::mem::replace(seen, now));
        }
        if self.seen.len() < MAX_SENDERS {
            self.seen.insert(sender.clone(), now);
            return None;
        }
        // One too many to be told apart: as if it had always been there.
        Some(now)
    }

    /// Each sender and when it was last heard of.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, Timestamp)> {
        self.seen.iter().map(|(sender, seen)| (sender, *seen))
    }

    fn give_up(&mut self, now: Timestamp) -> Vec<Arc<str>> {
        let gone = |seen: Timestamp| now.since(seen) > GIVEN_UP_AFTER;
        if self.seen.values().all(|seen| gone(*seen)) {
            return Vec::new();
        }
        let names: Vec<_> = self.seen.iter().filter(|(_, seen)| gone(**seen)).map(|(name, _)| name.clone()).collect();
        for name in &names {
            self.seen.remove(name);
        }
        names
    }
}

impl Condenser {
    /// Tells the statuses of all pushing sources by what was heard of their senders.
    pub(super) fn look_for_silent_senders(&mut self, now: Timestamp) {
        for index in 0..self.sources.len() as u32 {
            self.look_at_senders(index, now);
        }
    }

    /// Tells the status of one pushing source.
    pub(super) fn look_at_senders(&mut self, index: u32, now: Timestamp) {
        let silent_after = self.config.push_interval * SILENT_WINDOWS;
        let (Some(source), Some(config)) =
            (self.sources.get_mut(index as usize), self.config.sources.get(index as usize))
        else {
            return;
        };
        let (Some(service), SourceKind::Push) = (source.service, config.kind) else { return };
        let key = StatusKey { service, name: TELEMETRY.into(), labels: Labels::default() };
        let route = &config.key.name;
        let given_up = source.senders.give_up(now);
        let mut told = Vec::new();
        for (sender, seen) in source.senders.iter() {
            let name = if sender.is_empty() { route } else { sender };
            let silence = now.since(seen);
            let (rating, text) = if silence >= silent_after {
                (Rating::Warning, format!("{name} has sent nothing for {}", whole_minutes(silence)))
            } else {
                (Rating::Ok, "data arrives".to_owned())
            };
            told.push((Member::Sender(index, sender.clone()), name.clone(), rating, text));
        }
        let waiting = Member::Source(index);
        if told.is_empty() {
            let text = format!("{route} has sent nothing yet since {}", source.senders.since);
            told.push((waiting.clone(), route.clone(), Rating::Info, text));
        } else {
            let gone = |status: &StatusKey, member: &Member| {
                *status == key
                    && (*member == waiting
                        || matches!(member, Member::Sender(of, name) if *of == index && given_up.contains(name)))
            };
            // A sender follows, so the status itself stays and nothing has to be told.
            for (member, instance, rating, text) in told.drain(..) {
                let observed = observed(config.status.essential, member, instance, (rating, text), now);
                self.board.observe(key.clone(), observed);
            }
            self.board.retire(gone, "", now);
        }
        for (member, instance, rating, text) in told {
            self.board.observe(key.clone(), observed(config.status.essential, member, instance, (rating, text), now));
        }
        self.restless.insert(service);
    }
}

fn observed(
    essential: bool,
    member: Member,
    instance: Arc<str>,
    (rating, text): (Rating, String),
    now: Timestamp,
) -> Observed {
    Observed {
        kind: StatusKind::Telemetry,
        source: None,
        member,
        // The sentence names the sender already.
        instance: if rating.is_bad() { "".into() } else { instance },
        rating,
        text,
        time: now,
        confirm: Confirm { bad: 1, of: 1 },
        essential,
    }
}

fn whole_minutes(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}
