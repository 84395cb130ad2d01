//! A value at a time: the last one by its own time, and the extremes and mean of the window.

use super::Taken;
use crate::clock::Timestamp;
use crate::condense::rules::ValueOf;

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    last: f64,
    time: Timestamp,
    min: f64,
    max: f64,
    sum: f64,
    count: u32,
}

impl Gauge {
    #[inline]
    pub(super) fn take(&mut self, time: Timestamp, value: f64) -> Taken {
        if self.count == 0 {
            // Whatever its time: a window never shows again what an earlier one has shown.
            (self.min, self.max, self.sum, self.time) = (value, value, 0.0, time);
        }
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum += value;
        self.count = self.count.saturating_add(1);
        // What arrives late does not overwrite what is newer.
        if time >= self.time {
            (self.last, self.time) = (value, time);
        }
        Taken::Held
    }

    pub(super) const fn close(&mut self) {
        self.count = 0;
    }

    pub(super) fn number(&self, value: ValueOf) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        match value {
            ValueOf::Last => Some(self.last),
            ValueOf::Min => Some(self.min),
            ValueOf::Max => Some(self.max),
            ValueOf::Average => Some(self.sum / f64::from(self.count)),
            ValueOf::Rate | ValueOf::Delta | ValueOf::Percentile(_) => None,
        }
    }

    pub(super) const fn standing(&self) -> Option<f64> {
        if self.time.is_set() { Some(self.last) } else { None }
    }

    pub(super) const fn time(&self) -> Timestamp {
        self.time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_is_the_newest_by_its_own_time() {
        let mut gauge = Gauge::default();
        for (time, value) in [(10, 4.0), (30, 1.0), (20, 9.0)] {
            gauge.take(Timestamp::from_secs(time), value);
        }
        assert_eq!(gauge.number(ValueOf::Last), Some(1.0));
        assert_eq!((gauge.number(ValueOf::Min), gauge.number(ValueOf::Max)), (Some(1.0), Some(9.0)));
        assert_eq!(gauge.number(ValueOf::Average), Some(14.0 / 3.0));
        assert_eq!(gauge.time(), Timestamp::from_secs(30));
        assert_eq!(gauge.number(ValueOf::Rate), None);
    }

    #[test]
    fn a_clock_that_was_ahead_does_not_freeze_the_value() {
        let mut gauge = Gauge::default();
        gauge.take(Timestamp::from_secs(3000), 1.0);
        gauge.close();
        gauge.take(Timestamp::from_secs(100), 2.0);
        assert_eq!((gauge.number(ValueOf::Last), gauge.time()), (Some(2.0), Timestamp::from_secs(100)));
    }

    #[test]
    fn a_window_without_a_point_has_no_value_but_a_limit_stands() {
        let mut gauge = Gauge::default();
        assert_eq!(gauge.standing(), None);
        gauge.take(Timestamp::from_secs(1), -5.0);
        gauge.close();
        assert_eq!((gauge.number(ValueOf::Last), gauge.standing()), (None, Some(-5.0)));
        gauge.take(Timestamp::from_secs(2), -7.0);
        assert_eq!(gauge.number(ValueOf::Max), Some(-7.0), "extremes are of this window alone");
    }
}
