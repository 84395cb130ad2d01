//! A delta sum: what its intervals add up to in the window, and over which time.

use super::{Taken, per_second};
use crate::clock::Timestamp;
use crate::condense::rules::ValueOf;

/// How many of the newest intervals are remembered to recognise one that was sent twice.
const REMEMBERED: usize = 4;

/// The newest intervals: start, end, and the bits of the value.
#[derive(Debug, Default)]
pub(super) struct Recent {
    intervals: [(u64, u64, u64); REMEMBERED],
    next: u8,
}

impl Recent {
    /// Whether this very interval was seen lately; remembers it otherwise. Without a time two intervals cannot be told apart.
    pub(super) fn is_repeated(&mut self, start: Timestamp, time: Timestamp, value: u64) -> bool {
        let interval = (start.as_nanos(), time.as_nanos(), value);
        if self.intervals.contains(&interval) {
            return true;
        }
        self.intervals[usize::from(self.next) % REMEMBERED] = interval;
        self.next = (self.next + 1) % REMEMBERED as u8;
        false
    }
}

/// The time that delta intervals cover.
#[derive(Debug, Default)]
pub(super) struct Covered {
    from: Timestamp,
    to: Timestamp,
    /// End of the newest interval of an earlier window: the begin of one that does not tell its start.
    before: Timestamp,
}

impl Covered {
    pub(super) fn take(&mut self, start: Timestamp, time: Timestamp) {
        let start = if start.is_set() { start } else { self.to.max(self.before) };
        if start.is_set() && start < time && (!self.from.is_set() || start < self.from) {
            self.from = start;
        }
        self.to = self.to.max(time);
    }

    pub(super) fn elapsed(&self) -> std::time::Duration {
        if self.from.is_set() { self.to.since(self.from) } else { std::time::Duration::ZERO }
    }

    pub(super) fn close(&mut self) {
        self.before = self.before.max(self.to);
        (self.from, self.to) = (Timestamp::UNSET, Timestamp::UNSET);
    }
}

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Delta {
    sum: f64,
    covered: Covered,
    points: u32,
    recent: Recent,
}

impl Delta {
    pub(super) fn take(&mut self, start: Timestamp, time: Timestamp, value: f64) -> Taken {
        if self.recent.is_repeated(start, time, value.to_bits()) {
            return Taken::Duplicate;
        }
        self.sum += value;
        self.covered.take(start, time);
        self.points = self.points.saturating_add(1);
        Taken::Held
    }

    pub(super) fn close(&mut self) {
        self.covered.close();
        (self.sum, self.points) = (0.0, 0);
    }

    pub(super) fn number(&self, value: ValueOf) -> Option<f64> {
        match value {
            // A monotonic sum cannot shrink; a delta below zero is an error of its sender, not a negative rate.
            ValueOf::Rate if self.points > 0 => per_second(self.sum.max(0.0), self.covered.elapsed()),
            ValueOf::Delta | ValueOf::Last if self.points > 0 => Some(self.sum),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    #[test]
    fn intervals_add_up_over_the_time_they_cover() {
        let mut delta = Delta::default();
        for (start, time, value) in [(100, 110, 5.0), (110, 120, 15.0)] {
            assert_eq!(delta.take(at(start), at(time), value), Taken::Held);
        }
        assert_eq!((delta.number(ValueOf::Delta), delta.number(ValueOf::Rate)), (Some(20.0), Some(1.0)));
        delta.close();
        assert_eq!((delta.number(ValueOf::Delta), delta.number(ValueOf::Rate)), (None, None));
    }

    #[test]
    fn an_interval_that_is_sent_twice_counts_once() {
        let mut delta = Delta::default();
        delta.take(at(100), at(110), 5.0);
        delta.take(at(110), at(120), 5.0);
        assert_eq!(delta.take(at(100), at(110), 5.0), Taken::Duplicate);
        assert_eq!(delta.take(at(100), at(110), 6.0), Taken::Held, "another value is another sender's");
        assert_eq!(delta.number(ValueOf::Delta), Some(16.0));
    }

    #[test]
    fn an_interval_without_a_start_begins_where_the_last_one_ended() {
        let mut delta = Delta::default();
        delta.take(Timestamp::UNSET, at(110), 5.0);
        assert_eq!(delta.number(ValueOf::Rate), None, "nobody knows over which time");
        delta.close();
        delta.take(Timestamp::UNSET, at(120), 30.0);
        assert_eq!(delta.number(ValueOf::Rate), Some(3.0));
    }
}
