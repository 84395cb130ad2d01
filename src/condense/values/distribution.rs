//! Histograms and summaries: how many values, their sum, and how they lie.
//!
//! Whatever the shape and the temporality, a window ends as [`Totals`]: those of several instances are merged before an average or a
//! percentile is read. A histogram whose bounds change, or that shrinks, was reset; it counts nothing across that.

use super::delta::{Covered, Recent};
use super::exponential::ExponentialBuckets;
use super::histogram::{self, ExplicitBuckets};
use super::streams::{Place, Streams};
use super::{Arrival, Taken, per_second};
use crate::clock::Timestamp;
use crate::condense::rules::ValueOf;
use crate::metric::{Exponential, Histogram, Points, Summary, Temporality, Value};

/// A point's value as it came, borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sample<'a> {
    Explicit(Histogram<'a>),
    Exponential(Exponential<'a>),
    Summary(Summary<'a>),
}

/// Values and how they lie. Counters only grow within a stream; see [`Totals::grow`].
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Totals {
    count: u64,
    /// `None` once a part had no sum.
    sum: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    shape: Shape,
}

#[derive(Debug, Clone, Default, PartialEq)]
enum Shape {
    #[default]
    Unknown,
    Explicit(ExplicitBuckets),
    Exponential(ExponentialBuckets),
    /// Quantiles as the sender computed them; they cannot be merged, only replaced.
    Quantiles(Vec<(f64, f64)>),
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Distribution {
    temporality: Temporality,
    streams: Streams<Totals>,
    window: Totals,
    points: u32,
    covered: Covered,
    recent: Recent,
}

impl<'a> Sample<'a> {
    /// Of a point's value; `None` when it is no distribution, or one that contradicts itself.
    pub(super) fn of(value: Value, points: &'a Points) -> Option<Self> {
        match value {
            Value::Histogram(index) => points.histogram(index).filter(histogram::is_consistent).map(Self::Explicit),
            Value::Exponential(index) => points.exponential(index).map(Self::Exponential),
            Value::Summary(index) => points.summary(index).map(Self::Summary),
            Value::Number(_) | Value::Ended => None,
        }
    }

    const fn count(&self) -> u64 {
        match self {
            Self::Explicit(sample) => sample.count,
            Self::Exponential(sample) => sample.count,
            Self::Summary(sample) => sample.count,
        }
    }

    fn sum(&self) -> Option<f64> {
        let sum = match self {
            Self::Explicit(sample) => sample.sum,
            Self::Exponential(sample) => sample.sum,
            Self::Summary(sample) => Some(sample.sum),
        };
        sum.filter(|sum| sum.is_finite())
    }

    fn extremes(&self) -> (Option<f64>, Option<f64>) {
        match self {
            Self::Explicit(sample) => (sample.min, sample.max),
            Self::Exponential(sample) => (sample.min, sample.max),
            Self::Summary(_) => (None, None),
        }
    }
}

impl Totals {
    /// All of a sample.
    fn of(sample: &Sample<'_>) -> Self {
        let mut totals = Self { sum: Some(0.0), ..Self::default() };
        totals.add_sample(sample);
        totals
    }

    fn add_sample(&mut self, sample: &Sample<'_>) {
        self.add_counts(sample.count(), sample.sum());
        match sample {
            Sample::Explicit(sample) => match &mut self.shape {
                Shape::Explicit(mine) if mine.bounds() == sample.bounds => mine.add(sample.counts),
                shape => *shape = Shape::Explicit(ExplicitBuckets::of(sample)),
            },
            Sample::Exponential(sample) => match &mut self.shape {
                Shape::Exponential(mine) => mine.add(&ExponentialBuckets::of(sample)),
                shape => *shape = Shape::Exponential(ExponentialBuckets::of(sample)),
            },
            Sample::Summary(sample) => self.set_quantiles(sample.quantiles),
        }
    }

    fn add_counts(&mut self, count: u64, sum: Option<f64>) {
        self.count = self.count.saturating_add(count);
        self.sum = self.sum.zip(sum).map(|(mine, more)| mine + more);
    }

    fn set_quantiles(&mut self, quantiles: &[(f64, f64)]) {
        let Shape::Quantiles(mine) = &mut self.shape else {
            self.shape = Shape::Quantiles(quantiles.to_vec());
            return;
        };
        mine.clear();
        mine.extend_from_slice(quantiles);
    }

    /// Moves a stream's base to a newer sample and adds the difference to `window`. `false`: the stream was reset, nothing was added.
    fn grow(&mut self, sample: &Sample<'_>, window: &mut Self) -> bool {
        let grown = sample.count() >= self.count
            && match (&mut self.shape, sample) {
                (Shape::Explicit(base), Sample::Explicit(sample)) => {
                    window.shape.fit(sample.bounds);
                    if let Shape::Explicit(into) = &mut window.shape { base.grow(sample, into) } else { false }
                }
                (Shape::Exponential(base), Sample::Exponential(sample)) => {
                    let newer = ExponentialBuckets::of(sample);
                    let difference = newer.since(base);
                    if let Some(difference) = &difference {
                        match &mut window.shape {
                            Shape::Exponential(into) => into.add(difference),
                            shape => *shape = Shape::Exponential(difference.clone()),
                        }
                        *base = newer;
                    }
                    difference.is_some()
                }
                (Shape::Quantiles(_), Sample::Summary(sample)) => {
                    window.set_quantiles(sample.quantiles);
                    true
                }
                _ => false,
            };
        if grown {
            let sum = sample.sum().zip(self.sum).map(|(newer, base)| newer - base);
            window.add_counts(sample.count() - self.count, sum);
            (self.count, self.sum) = (sample.count(), sample.sum());
        } else {
            *self = Self::of(sample);
        }
        grown
    }

    /// Adds those of another instance. Shapes that do not fit together leave only the count and the sum.
    pub(crate) fn merge(&mut self, other: &Self) {
        if self.count == 0 && matches!(self.shape, Shape::Unknown) {
            self.clone_from(other);
            return;
        }
        self.add_counts(other.count, other.sum);
        self.min = smaller(self.min, other.min);
        self.max = larger(self.max, other.max);
        let merged = match (&mut self.shape, &other.shape) {
            (Shape::Explicit(mine), Shape::Explicit(theirs)) if mine.bounds() == theirs.bounds() => {
                mine.add(theirs.counts());
                true
            }
            (Shape::Exponential(mine), Shape::Exponential(theirs)) => {
                mine.add(theirs);
                true
            }
            (Shape::Quantiles(mine), Shape::Quantiles(theirs)) => {
                // Quantiles of two cannot be merged; the worse of them is what a person wants to know.
                for (quantile, value) in mine {
                    let theirs = theirs.iter().find(|(other, _)| other == quantile);
                    *value = theirs.map_or(*value, |(_, theirs)| value.max(*theirs));
                }
                true
            }
            _ => false,
        };
        if !merged {
            self.shape = Shape::Unknown;
        }
    }

    /// A value of them, if it is known and finite.
    pub(crate) fn number(&self, value: ValueOf) -> Option<f64> {
        let number = match value {
            ValueOf::Average | ValueOf::Last if self.count > 0 => self.sum.map(|sum| sum / self.count as f64),
            ValueOf::Min => self.min.or_else(|| self.quantile(0.0)),
            ValueOf::Max => self.max.or_else(|| self.quantile(1.0)),
            ValueOf::Percentile(percent) => self.quantile(f64::from(percent) / 100.0),
            ValueOf::Average | ValueOf::Last | ValueOf::Rate | ValueOf::Delta => None,
        };
        number.filter(|number| number.is_finite())
    }

    fn quantile(&self, quantile: f64) -> Option<f64> {
        let value = match &self.shape {
            Shape::Explicit(buckets) => buckets.quantile(quantile),
            Shape::Exponential(buckets) => buckets.quantile(quantile),
            Shape::Quantiles(quantiles) => {
                quantiles.iter().find(|(given, _)| (given - quantile).abs() < 1e-9).map(|(_, value)| *value)
            }
            Shape::Unknown => None,
        }?;
        // What the sender knows of its extremes is better than the edge of a bucket.
        let value = self.min.map_or(value, |min| value.max(min));
        Some(self.max.map_or(value, |max| value.min(max)))
    }

    fn heap_bytes(&self) -> usize {
        match &self.shape {
            Shape::Unknown => 0,
            Shape::Explicit(buckets) => buckets.heap_bytes(),
            Shape::Exponential(buckets) => buckets.heap_bytes(),
            Shape::Quantiles(quantiles) => size_of_val(&quantiles[..]),
        }
    }

    /// Empties the counts; the shape's memory is kept for the next window.
    fn clear(&mut self) {
        (self.count, self.sum, self.min, self.max) = (0, Some(0.0), None, None);
        match &mut self.shape {
            Shape::Unknown => {}
            Shape::Explicit(buckets) => buckets.clear(),
            Shape::Exponential(buckets) => buckets.clear(),
            // Which ones there are is remembered.
            Shape::Quantiles(quantiles) => quantiles.iter_mut().for_each(|(_, value)| *value = f64::NAN),
        }
    }
}

impl Shape {
    /// Becomes explicit buckets with these bounds, emptied if they were others.
    fn fit(&mut self, bounds: &[f64]) {
        if !matches!(self, Self::Explicit(buckets) if buckets.bounds() == bounds) {
            *self = Self::Explicit(ExplicitBuckets::empty(bounds));
        }
    }
}

impl Distribution {
    pub(super) fn new(temporality: Temporality) -> Self {
        Self {
            temporality,
            streams: Streams::default(),
            window: Totals { sum: Some(0.0), ..Totals::default() },
            points: 0,
            covered: Covered::default(),
            recent: Recent::default(),
        }
    }

    pub(super) fn take(&mut self, start: Timestamp, time: Timestamp, sample: Sample<'_>, arrival: Arrival) -> Taken {
        let taken = match self.temporality {
            Temporality::Cumulative => self.take_cumulative(start, time, &sample, arrival),
            Temporality::Delta => self.take_delta(start, time, &sample),
        };
        if taken == Taken::Held {
            self.points = self.points.saturating_add(1);
        }
        taken
    }

    fn take_cumulative(&mut self, start: Timestamp, time: Timestamp, sample: &Sample<'_>, arrival: Arrival) -> Taken {
        match self.streams.place(start, time, arrival, || Totals::of(sample)) {
            Place::Known(mut known) => {
                if known.base().grow(sample, &mut self.window) {
                    known.counted();
                } else {
                    known.reset();
                }
            }
            Place::New { counts } => {
                if counts {
                    self.window.add_sample(sample);
                } else if let Sample::Summary(summary) = sample {
                    // Quantiles are the sender's own view of now and need no base.
                    self.window.set_quantiles(summary.quantiles);
                }
            }
            Place::Old => return Taken::Duplicate,
        }
        Taken::Held
    }

    fn take_delta(&mut self, start: Timestamp, time: Timestamp, sample: &Sample<'_>) -> Taken {
        let print = sample.count() ^ sample.sum().unwrap_or(0.0).to_bits();
        if self.recent.is_repeated(start, time, print) {
            return Taken::Duplicate;
        }
        self.window.add_sample(sample);
        let (min, max) = sample.extremes();
        self.window.min = smaller(self.window.min, min);
        self.window.max = larger(self.window.max, max);
        self.covered.take(start, time);
        Taken::Held
    }

    pub(super) fn close(&mut self) {
        self.window.clear();
        self.streams.close();
        self.covered.close();
        self.points = 0;
    }

    pub(super) fn end(&mut self) {
        self.streams.end();
    }

    /// Counts per second and counts: what adds up without looking at buckets.
    pub(super) fn number(&self, value: ValueOf) -> Option<f64> {
        let elapsed = match self.temporality {
            Temporality::Cumulative => self.streams.elapsed(),
            Temporality::Delta => self.covered.elapsed(),
        };
        match value {
            ValueOf::Rate => per_second(self.window.count as f64, elapsed),
            ValueOf::Delta if self.points > 0 => Some(self.window.count as f64),
            _ => None,
        }
    }

    pub(super) fn quantiles(&self) -> &[(f64, f64)] {
        match &self.window.shape {
            Shape::Quantiles(quantiles) => quantiles,
            _ => &[],
        }
    }

    pub(super) fn window(&self) -> Option<&Totals> {
        (self.points > 0).then_some(&self.window)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        // The window and each stream hold one shape of about the same size.
        self.window.heap_bytes() * (1 + self.streams.len()) + self.streams.len() * size_of::<Totals>()
    }
}

fn smaller(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.zip(b).map(|(a, b)| a.min(b)).or(a).or(b)
}

fn larger(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.zip(b).map(|(a, b)| a.max(b)).or(a).or(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn explicit<'a>(counts: &'a [u64], sum: f64) -> Sample<'a> {
        let bounds: &[f64] = if counts.len() == 3 { &[10.0, 20.0] } else { &[10.0] };
        Sample::Explicit(Histogram { count: counts.iter().sum(), sum: Some(sum), min: None, max: None, bounds, counts })
    }

    fn exponential<'a>(counts: &'a [u64], sum: f64) -> Sample<'a> {
        Sample::Exponential(Exponential {
            count: counts.iter().sum(),
            sum: Some(sum),
            min: None,
            max: None,
            scale: 0,
            zero_count: 0,
            positive: crate::metric::Buckets { offset: 0, counts },
            negative: crate::metric::Buckets::default(),
        })
    }

    fn take(into: &mut Distribution, start: u64, time: u64, sample: Sample<'_>) -> Taken {
        into.take(at(start), at(time), sample, Arrival { now: at(time), recent: at(100) })
    }

    fn average(of: &Distribution) -> Option<f64> {
        of.window().and_then(|totals| totals.number(ValueOf::Average))
    }

    #[test]
    fn a_cumulative_histogram_shows_what_the_window_added() {
        for make in [explicit as for<'a> fn(&'a [u64], f64) -> Sample<'a>, exponential] {
            let mut histogram = Distribution::new(Temporality::Cumulative);
            take(&mut histogram, 0, 200, make(&[90, 9, 1], 5000.0));
            assert_eq!(average(&histogram), None, "the first one sets the base");
            take(&mut histogram, 0, 210, make(&[90, 19, 1], 5150.0));
            assert_eq!(average(&histogram), Some(15.0));
            assert_eq!(histogram.number(ValueOf::Rate), Some(1.0));
            histogram.close();
            assert_eq!(average(&histogram), None);
            take(&mut histogram, 0, 220, make(&[91, 19, 1], 5152.0));
            assert_eq!(average(&histogram), Some(2.0));
        }
    }

    #[test]
    fn a_reset_counts_nothing_and_a_fresh_start_counts_all() {
        let mut histogram = Distribution::new(Temporality::Cumulative);
        take(&mut histogram, 0, 200, explicit(&[9, 0, 0], 45.0));
        take(&mut histogram, 0, 210, explicit(&[3, 0, 0], 15.0));
        assert_eq!((average(&histogram), histogram.number(ValueOf::Rate)), (None, None));
        take(&mut histogram, 210, 220, explicit(&[0, 4, 0], 60.0));
        assert_eq!(average(&histogram), Some(15.0));
        assert_eq!(histogram.number(ValueOf::Rate), Some(0.4));
    }

    #[test]
    fn other_bounds_are_another_beginning() {
        let mut histogram = Distribution::new(Temporality::Cumulative);
        take(&mut histogram, 0, 200, explicit(&[9, 0, 0], 45.0));
        take(&mut histogram, 0, 210, explicit(&[10, 5], 145.0));
        assert_eq!(average(&histogram), None);
        take(&mut histogram, 0, 220, explicit(&[11, 5], 148.0));
        assert_eq!(average(&histogram), Some(3.0));
    }

    #[test]
    fn delta_histograms_add_up_and_know_their_extremes() {
        let mut histogram = Distribution::new(Temporality::Delta);
        let sample = |counts, sum| match explicit(counts, sum) {
            Sample::Explicit(sample) => Sample::Explicit(Histogram { min: Some(2.0), max: Some(12.0), ..sample }),
            other => other,
        };
        take(&mut histogram, 100, 110, sample(&[1, 1, 0], 14.0));
        assert_eq!(take(&mut histogram, 100, 110, sample(&[1, 1, 0], 14.0)), Taken::Duplicate);
        take(&mut histogram, 110, 120, sample(&[2, 0, 0], 6.0));
        let totals = histogram.window().unwrap();
        assert_eq!(totals.number(ValueOf::Average), Some(5.0));
        assert_eq!(totals.number(ValueOf::Max), Some(12.0));
        assert!(totals.number(ValueOf::Percentile(99)).unwrap() <= 12.0);
        assert_eq!(histogram.number(ValueOf::Rate), Some(0.2));
    }

    #[test]
    fn a_summary_has_an_average_of_the_window_and_the_senders_quantiles() {
        let mut summary = Distribution::new(Temporality::Cumulative);
        let sample = |count, sum, p95| {
            let quantiles: &'static [(f64, f64)] = Box::leak(Box::new([(0.5, 1.0), (0.95, p95)]));
            Sample::Summary(Summary { count, sum, quantiles })
        };
        take(&mut summary, 0, 200, sample(100, 100.0, 3.0));
        assert_eq!(summary.window().unwrap().number(ValueOf::Percentile(95)), Some(3.0));
        take(&mut summary, 0, 210, sample(110, 130.0, 4.0));
        let totals = summary.window().unwrap();
        assert_eq!(totals.number(ValueOf::Average), Some(3.0));
        assert_eq!(totals.number(ValueOf::Percentile(95)), Some(4.0));
        assert_eq!(totals.number(ValueOf::Percentile(99)), None, "nobody computed it");
        take(&mut summary, 0, 220, sample(110, 130.0, f64::NAN));
        assert_eq!(summary.window().unwrap().number(ValueOf::Percentile(95)), None);
    }

    #[test]
    fn instances_are_merged_and_what_does_not_fit_keeps_the_average() {
        let totals = |counts: &[u64], sum| Totals::of(&explicit(counts, sum));
        let mut merged = Totals::default();
        merged.merge(&totals(&[1, 0, 0], 5.0));
        merged.merge(&totals(&[0, 1, 0], 15.0));
        assert_eq!((merged.number(ValueOf::Average), merged.number(ValueOf::Percentile(50))), (Some(10.0), Some(10.0)));
        merged.merge(&totals(&[1, 0], 1.0));
        assert_eq!((merged.number(ValueOf::Average), merged.number(ValueOf::Percentile(50))), (Some(7.0), None));
    }

    #[test]
    fn without_a_sum_there_is_no_average() {
        let mut histogram = Distribution::new(Temporality::Delta);
        let Sample::Explicit(sample) = explicit(&[1, 1, 0], 0.0) else { return };
        take(&mut histogram, 100, 110, Sample::Explicit(Histogram { sum: None, ..sample }));
        assert_eq!(average(&histogram), None);
        assert!(histogram.window().unwrap().number(ValueOf::Percentile(95)).is_some());
    }
}
