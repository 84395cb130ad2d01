//! The statuses of one service that wait: only the latest of each, and a flapping one at most every ten seconds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::lane::Part;
use crate::metric::{Labels, Row};

/// How often a status may change in Cloud ALM.
const CHANGE_EVERY: Duration = Duration::from_secs(10);
/// The most statuses of a service whose last state is remembered; more are sent all the same, without the limit on flapping.
const MAX_REMEMBERED: usize = 1_000;

/// What tells statuses of a service apart.
type Key = (Arc<str>, Labels);

#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub part: Part,
    pub row: Row,
}

#[derive(Debug)]
struct Sent {
    row: Row,
    /// When it last changed; never, if it was sent once or always the same.
    changed: Option<Instant>,
}

/// What waits, and what was sent last.
#[derive(Debug, Default)]
pub(super) struct Statuses {
    pending: BTreeMap<Key, Pending>,
    sent: BTreeMap<Key, Sent>,
}

fn key(row: &Row) -> Key {
    (Arc::clone(&row.name), Arc::clone(&row.labels))
}

impl Statuses {
    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Takes a newer one; returns the older one that it replaces.
    pub(super) fn offer(&mut self, part: Part, row: Row) -> Option<Part> {
        self.pending.insert(key(&row), Pending { part, row }).map(|old| old.part)
    }

    /// Takes one back that was not delivered; returns it when a newer one waits or went out already.
    pub(super) fn give_back(&mut self, part: Part, row: &Row) -> Option<Part> {
        if self.supersede(row) {
            return Some(part);
        }
        self.pending.insert(key(row), Pending { part, row: row.clone() });
        None
    }

    /// Whether a newer one than `row` waits or went out: `row` must not come after it.
    pub(super) fn supersede(&self, row: &Row) -> bool {
        let key = key(row);
        self.pending.contains_key(&key) || self.sent.get(&key).is_some_and(|sent| sent.row.time > row.time)
    }

    /// When the first of them may go.
    pub(super) fn due_at(&self, now: Instant) -> Option<Instant> {
        self.pending.values().map(|pending| self.due(pending, now)).min()
    }

    /// Takes all that may go.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Pending> {
        let due: Vec<Key> =
            self.pending.iter().filter(|(_, one)| self.due(one, now) <= now).map(|(key, _)| key.clone()).collect();
        let taken: Vec<Pending> = due.iter().filter_map(|key| self.pending.remove(key)).collect();
        for pending in &taken {
            self.remember(&pending.row, now);
        }
        taken
    }

    /// Takes one, whether it may go or not: for a probe.
    pub(super) fn take_any(&mut self, index: usize) -> Option<Pending> {
        let key = self.pending.keys().nth(index)?.clone();
        self.pending.remove(&key)
    }

    /// A status that was sent before, other than `row`: it tells a bad row from a bad service.
    pub(super) fn known_other_than(&self, row: &Row) -> Option<Row> {
        let not = key(row);
        self.sent.iter().find(|(key, _)| **key != not).map(|(_, sent)| sent.row.clone())
    }

    /// Takes out those for which `gone` says so.
    pub(super) fn take_if(&mut self, gone: impl Fn(&Row) -> bool) -> Vec<Part> {
        let mut taken = Vec::new();
        self.pending.retain(|_, pending| {
            let goes = gone(&pending.row);
            if goes {
                taken.push(pending.part.clone());
            }
            !goes
        });
        taken
    }

    fn due(&self, pending: &Pending, now: Instant) -> Instant {
        match self.sent.get(&key(&pending.row)) {
            Some(Sent { row, changed: Some(changed) }) if row.body.rating() != pending.row.body.rating() => {
                *changed + CHANGE_EVERY
            }
            _ => now,
        }
    }

    fn remember(&mut self, row: &Row, now: Instant) {
        let key = key(row);
        if let Some(sent) = self.sent.get_mut(&key) {
            if sent.row.body.rating() != row.body.rating() {
                sent.changed = Some(now);
            }
            sent.row = row.clone();
        } else if self.sent.len() < MAX_REMEMBERED {
            self.sent.insert(key, Sent { row: row.clone(), changed: None });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::outbox::EntryId;
    use super::super::testing::status;
    use super::*;
    use crate::clock::Timestamp;
    use crate::metric::{Class, Rating};

    fn part(entry: u64) -> Part {
        Part { entry: EntryId(entry), rows: 0..1, class: Class::Status, time: Timestamp::UNSET }
    }

    #[test]
    fn the_latest_of_a_name_wins() {
        let now = Instant::now();
        let mut statuses = Statuses::default();
        assert_eq!(statuses.offer(part(1), status("a", Rating::Ok)), None);
        assert_eq!(statuses.offer(part(2), status("a", Rating::Fatal)), Some(part(1)));
        assert_eq!(statuses.give_back(part(0), &status("a", Rating::Ok)), Some(part(0)), "it is older");
        let taken = statuses.take_due(now);
        assert_eq!((taken.len(), taken[0].row.body.rating()), (1, Some(Rating::Fatal)));
        assert_eq!(statuses.give_back(part(2), &status("a", Rating::Fatal)), None);
        assert_eq!(statuses.due_at(now), Some(now), "a repetition is no change");
    }

    #[test]
    fn a_flapping_one_changes_every_ten_seconds_and_ends_right() {
        let start = Instant::now();
        let mut statuses = Statuses::default();
        let mut seen = Vec::new();
        for second in 0..60_u64 {
            let now = start + Duration::from_secs(second);
            let rating = if second % 2 == 0 { Rating::Critical } else { Rating::Ok };
            if second < 30 {
                statuses.offer(part(second), status("a", rating));
            }
            seen.extend(statuses.take_due(now).iter().map(|pending| (second, pending.row.body.rating().unwrap())));
        }
        let changes: Vec<_> = seen.windows(2).filter(|pair| pair[0].1 != pair[1].1).map(|pair| pair[1].0).collect();
        assert!(changes.windows(2).all(|pair| pair[1] - pair[0] >= 10), "{changes:?}");
        assert_eq!(seen.last().unwrap().1, Rating::Ok, "the last one wins");
    }

    #[test]
    fn the_first_change_goes_at_once() {
        let start = Instant::now();
        let mut statuses = Statuses::default();
        statuses.offer(part(1), status("a", Rating::Ok));
        statuses.take_due(start);
        statuses.offer(part(2), status("a", Rating::Critical));
        assert_eq!(statuses.due_at(start), Some(start));
        assert!(statuses.known_other_than(&status("a", Rating::Ok)).is_none());
        assert!(statuses.known_other_than(&status("b", Rating::Ok)).is_some());
    }
}
