//! A monotonic cumulative sum: what it grew by in the window, and over which time.

use super::streams::{Place, Streams};
use super::{Arrival, Taken, per_second};
use crate::clock::Timestamp;
use crate::condense::rules::ValueOf;

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    streams: Streams<f64>,
    increase: f64,
    /// The newest value, for who asks for the total itself.
    last: f64,
    points: u32,
}

impl Counter {
    #[inline]
    pub(super) fn take(&mut self, start: Timestamp, time: Timestamp, value: f64, arrival: Arrival) -> Taken {
        match self.streams.place(start, time, arrival, || value) {
            Place::Known(mut known) => {
                let base = std::mem::replace(known.base(), value);
                if value >= base {
                    self.increase += value - base;
                    known.counted();
                } else {
                    known.reset();
                }
            }
            Place::New { counts } => {
                if counts {
                    self.increase += value.max(0.0);
                }
            }
            Place::Old => return Taken::Duplicate,
        }
        self.last = value;
        self.points = self.points.saturating_add(1);
        Taken::Held
    }

    pub(super) fn close(&mut self) {
        self.streams.close();
        (self.increase, self.points) = (0.0, 0);
    }

    pub(super) fn end(&mut self) {
        self.streams.end();
        self.points = 0;
    }

    pub(super) fn number(&self, value: ValueOf) -> Option<f64> {
        match value {
            ValueOf::Rate => per_second(self.increase, self.streams.elapsed()),
            ValueOf::Delta => (!self.streams.elapsed().is_zero()).then_some(self.increase),
            ValueOf::Last => (self.points > 0).then_some(self.last),
            ValueOf::Average | ValueOf::Min | ValueOf::Max | ValueOf::Percentile(_) => None,
        }
    }

    pub(super) const fn heap_bytes(&self) -> usize {
        // Base, start, time and begin of each stream.
        self.streams.len() * 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    /// Takes (start, time, value) in; streams that start at 100 or later are recent.
    fn counter(points: &[(u64, u64, f64)]) -> Counter {
        let mut counter = Counter::default();
        for &(start, time, value) in points {
            counter.take(at(start), at(time), value, Arrival { now: at(time), recent: at(100) });
        }
        counter
    }

    fn rate(points: &[(u64, u64, f64)]) -> Option<f64> {
        counter(points).number(ValueOf::Rate)
    }

    #[test]
    fn the_rate_is_taken_over_the_points_own_times() {
        assert_eq!(rate(&[(0, 200, 50.0), (0, 210, 70.0), (0, 220, 80.0)]), Some(1.5));
    }

    #[test]
    fn the_first_point_only_sets_the_base() {
        assert_eq!(rate(&[(0, 200, 1e9)]), None);
        assert_eq!(rate(&[(50, 200, 1e9)]), None, "its start is too long ago");
    }

    #[test]
    fn a_fresh_start_counts_from_there() {
        assert_eq!(rate(&[(190, 200, 20.0)]), Some(2.0));
    }

    #[test]
    fn a_restart_is_no_spike_and_no_loss() {
        // 10 in 10 s, then a new process that counts 5 in 5 s.
        assert_eq!(rate(&[(20, 200, 1000.0), (20, 210, 1010.0), (212, 217, 5.0)]), Some(1.0));
    }

    #[test]
    fn a_reset_nobody_announced_counts_nothing() {
        assert_eq!(rate(&[(0, 200, 1000.0), (0, 210, 1020.0), (0, 220, 900.0)]), Some(2.0));
        assert_eq!(rate(&[(0, 200, 1000.0), (0, 210, 900.0)]), None);
        assert_eq!(rate(&[(0, 200, 1000.0), (0, 210, 900.0), (0, 220, 910.0)]), Some(1.0));
    }

    #[test]
    fn two_senders_of_one_identity_are_no_resets() {
        let points = [(10, 200, 1000.0), (20, 200, 5.0), (10, 210, 1010.0), (20, 210, 25.0)];
        assert_eq!(rate(&points), Some(3.0), "the rates of both are added");
    }

    #[test]
    fn what_is_repeated_or_late_changes_nothing() {
        let mut counter = counter(&[(0, 200, 10.0), (0, 210, 20.0)]);
        let arrival = Arrival { now: at(220), recent: at(100) };
        assert_eq!(counter.take(at(0), at(210), 20.0, arrival), Taken::Duplicate);
        assert_eq!(counter.take(at(0), at(205), 12.0, arrival), Taken::Duplicate);
        assert_eq!(counter.number(ValueOf::Rate), Some(1.0));
    }

    #[test]
    fn the_next_window_counts_from_the_last_point_of_this_one() {
        let mut counter = counter(&[(0, 200, 10.0), (0, 210, 20.0)]);
        counter.close();
        assert_eq!(counter.number(ValueOf::Rate), None);
        counter.take(at(0), at(230), 60.0, Arrival { now: at(230), recent: at(100) });
        assert_eq!(counter.number(ValueOf::Rate), Some(2.0));
        assert_eq!(counter.number(ValueOf::Delta), Some(40.0));
        assert_eq!(counter.number(ValueOf::Last), Some(60.0));
    }

    #[test]
    fn an_end_drops_a_base_that_cannot_prove_it_was_not_reset() {
        let mut plain = counter(&[(0, 200, 10.0), (0, 210, 20.0)]);
        plain.end();
        plain.take(at(0), at(300), 500.0, Arrival { now: at(300), recent: at(100) });
        assert_eq!(plain.number(ValueOf::Rate), Some(1.0), "what was counted before the end stays true");
        let mut started = counter(&[(5, 200, 10.0)]);
        started.end();
        started.take(at(5), at(210), 20.0, Arrival { now: at(210), recent: at(100) });
        assert_eq!(started.number(ValueOf::Rate), Some(1.0));
    }

    proptest! {
        #[test]
        fn a_rate_is_never_negative_and_never_above_the_steepest_step(
            steps in prop::collection::vec((1_u64..60, 0.0_f64..100.0, 0_u8..10), 1..60)
        ) {
            let mut counter = Counter::default();
            let (mut start, mut time, mut value) = (200, 200, 0.0);
            let mut steepest = 0.0_f64;
            for (seconds, growth, event) in steps {
                time += seconds;
                match event {
                    // A restart that says so: it counts from its own start.
                    0 => (start, value) = (time - seconds, growth),
                    // A restart that does not.
                    1 => value = 0.0,
                    _ => value += growth,
                }
                steepest = steepest.max(growth / seconds as f64);
                counter.take(at(start), at(time), value, Arrival { now: at(time), recent: at(100) });
                if event == 2 {
                    counter.close();
                }
                let rate = counter.number(ValueOf::Rate).unwrap_or(0.0);
                prop_assert!(rate >= 0.0 && rate <= steepest * (1.0 + 1e-9), "{rate} > {steepest}");
            }
        }
    }
}
