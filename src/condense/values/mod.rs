//! What a series knows of its values: the open window, and for cumulative streams the base they are counted from.
//!
//! Numbers come in, and at the close of a window a value goes out: the last, a rate, an average, a percentile. Nothing here knows names,
//! rules or services. Promises: a rate is never negative and never reaches across a reset; a value is finite or there is none.

mod counter;
mod delta;
mod distribution;
mod exponential;
mod gauge;
mod histogram;
mod streams;

use std::time::Duration;

pub(crate) use distribution::{Distribution, Sample, Totals};

use super::rules::ValueOf;
use crate::clock::Timestamp;
use crate::metric::{MetricKind, Point, Points, Temporality, Value};
use counter::Counter;
use delta::Delta;
use gauge::Gauge;

/// When something arrived, and which stream starts are recent enough to count from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// When it came in.
    pub(crate) now: Timestamp,
    /// A stream that started at or after this counts from its start; an older one only sets its base.
    pub(crate) recent: Timestamp,
}

/// What a point did to its series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is part of the open window.
    Held,
    /// It said what was known already.
    Duplicate,
    /// Its number is none.
    NotANumber,
    /// Its value does not fit its metric.
    Malformed,
    /// The series has ended.
    Ended,
}

/// The state of one series.
#[derive(Debug)]
pub(crate) enum State {
    /// A value at a time.
    Gauge(Gauge),
    /// A monotonic cumulative sum.
    Counter(Box<Counter>),
    /// A delta sum.
    Delta(Box<Delta>),
    /// A histogram or summary.
    Distribution(Box<Distribution>),
}

impl State {
    /// For a metric of this kind.
    pub(crate) fn new(kind: MetricKind) -> Self {
        use Temporality::{Cumulative, Delta as Deltas};
        match kind {
            MetricKind::Gauge | MetricKind::Sum { monotonic: false, temporality: Cumulative } => {
                Self::Gauge(Gauge::default())
            }
            MetricKind::Sum { monotonic: true, temporality: Cumulative } => Self::Counter(Box::default()),
            MetricKind::Sum { temporality: Deltas, .. } => Self::Delta(Box::default()),
            MetricKind::Histogram(temporality) | MetricKind::Exponential(temporality) => {
                Self::Distribution(Box::new(Distribution::new(temporality)))
            }
            MetricKind::Summary => Self::Distribution(Box::new(Distribution::new(Cumulative))),
        }
    }

    /// Whether it is one for a metric of this kind; rules may ask for the growth of what says it is a gauge.
    pub(crate) fn suits(&self, kind: MetricKind) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(&Self::new(kind))
    }

    /// The quantiles that a summary's sender computes.
    pub(crate) fn quantiles(&self) -> &[(f64, f64)] {
        match self {
            Self::Distribution(distribution) => distribution.quantiles(),
            _ => &[],
        }
    }

    /// Takes a point in.
    #[inline]
    pub(crate) fn take(&mut self, point: &Point, points: &Points, arrival: Arrival) -> Taken {
        let time = if point.time.is_set() { point.time } else { arrival.now };
        match (self, point.value) {
            (state, Value::Ended) => {
                state.end();
                Taken::Ended
            }
            (Self::Gauge(gauge), Value::Number(value)) => finite(value, || gauge.take(time, value)),
            (Self::Counter(counter), Value::Number(value)) => {
                finite(value, || counter.take(point.start, time, value, arrival))
            }
            (Self::Delta(delta), Value::Number(value)) => finite(value, || delta.take(point.start, time, value)),
            (Self::Distribution(distribution), value) => match Sample::of(value, points) {
                Some(sample) => distribution.take(point.start, time, sample, arrival),
                None => Taken::Malformed,
            },
            _ => Taken::Malformed,
        }
    }

    /// The series shows nothing now: no last value, and no base that a restart could have invalidated.
    pub(crate) fn end(&mut self) {
        match self {
            Self::Gauge(gauge) => *gauge = Gauge::default(),
            Self::Counter(counter) => counter.end(),
            Self::Delta(_) => {}
            Self::Distribution(distribution) => distribution.end(),
        }
    }

    /// Opens the next window.
    pub(crate) fn close(&mut self) {
        match self {
            Self::Gauge(gauge) => gauge.close(),
            Self::Counter(counter) => counter.close(),
            Self::Delta(delta) => delta.close(),
            Self::Distribution(distribution) => distribution.close(),
        }
    }

    /// A number of the open window, if it has one. `None` for the values of a distribution, which are read after merging.
    pub(crate) fn number(&self, value: ValueOf) -> Option<f64> {
        let number = match self {
            Self::Gauge(gauge) => gauge.number(value),
            Self::Counter(counter) => counter.number(value),
            Self::Delta(delta) => delta.number(value),
            Self::Distribution(distribution) => distribution.number(value),
        };
        number.filter(|number| number.is_finite())
    }

    /// The last number that is known, of this window or an earlier one: what a limit is.
    pub(crate) const fn standing(&self) -> Option<f64> {
        match self {
            Self::Gauge(gauge) => gauge.standing(),
            _ => None,
        }
    }

    /// The point's own time of a last value; `None` where the window's end says it better.
    pub(crate) fn time_of(&self, value: ValueOf) -> Option<Timestamp> {
        match (self, value) {
            (Self::Gauge(gauge), ValueOf::Last) => Some(gauge.time()),
            _ => None,
        }
    }

    /// The distribution of the open window.
    pub(crate) fn totals(&self) -> Option<&Totals> {
        match self {
            Self::Distribution(distribution) => distribution.window(),
            _ => None,
        }
    }

    /// About how many bytes it holds beyond its own size.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::Gauge(_) => 0,
            Self::Counter(counter) => size_of::<Counter>() + counter.heap_bytes(),
            Self::Delta(_) => size_of::<Delta>(),
            Self::Distribution(distribution) => size_of::<Distribution>() + distribution.heap_bytes(),
        }
    }
}

#[inline]
fn finite(value: f64, take: impl FnOnce() -> Taken) -> Taken {
    if value.is_finite() { take() } else { Taken::NotANumber }
}

/// An amount per second, if any time has passed.
fn per_second(amount: f64, elapsed: Duration) -> Option<f64> {
    (!elapsed.is_zero()).then(|| amount / elapsed.as_secs_f64())
}
