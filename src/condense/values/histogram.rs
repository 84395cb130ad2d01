//! Buckets with explicit bounds, and quantiles by interpolation between them.

use std::sync::Arc;

use crate::metric::Histogram;

/// Values in each bucket; one bucket more than bounds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ExplicitBuckets {
    bounds: Arc<[f64]>,
    counts: Vec<u64>,
}

/// Whether bounds and counts fit together. Without bounds and counts it is still a count and a sum.
pub(super) fn is_consistent(histogram: &Histogram<'_>) -> bool {
    let (bounds, counts) = (histogram.bounds.len(), histogram.counts.len());
    let fits = counts == bounds + 1 || (bounds == 0 && counts == 0);
    fits && histogram.bounds.is_sorted_by(|a, b| a < b)
}

impl ExplicitBuckets {
    pub(super) fn of(histogram: &Histogram<'_>) -> Self {
        Self { bounds: histogram.bounds.into(), counts: histogram.counts.to_vec() }
    }

    pub(super) fn empty(bounds: &[f64]) -> Self {
        Self { bounds: bounds.into(), counts: Vec::new() }
    }

    pub(super) fn bounds(&self) -> &[f64] {
        &self.bounds
    }

    pub(super) fn counts(&self) -> &[u64] {
        &self.counts
    }

    pub(super) fn add(&mut self, counts: &[u64]) {
        self.counts.resize(self.counts.len().max(counts.len()), 0);
        for (mine, more) in self.counts.iter_mut().zip(counts) {
            *mine = mine.saturating_add(*more);
        }
    }

    /// Moves this base to a newer sample and adds the difference to `into`; `false` when the sample is no continuation.
    pub(super) fn grow(&mut self, newer: &Histogram<'_>, into: &mut Self) -> bool {
        let continues = *self.bounds == *newer.bounds
            && self.counts.len() == newer.counts.len()
            && self.counts.iter().zip(newer.counts).all(|(base, newer)| newer >= base);
        if continues {
            into.counts.resize(newer.counts.len(), 0);
            for ((into, base), newer) in into.counts.iter_mut().zip(&self.counts).zip(newer.counts) {
                *into = into.saturating_add(newer - base);
            }
            self.counts.copy_from_slice(newer.counts);
        }
        continues
    }

    pub(super) fn clear(&mut self) {
        self.counts.fill(0);
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&self.counts[..]) + size_of_val(&self.bounds[..])
    }

    /// The value below which this share lies: linear within a bucket, the edge of the last finite one beyond it.
    ///
    /// Source: `histogram_quantile` of Prometheus; a first bucket with a bound above zero begins at zero.
    pub(super) fn quantile(&self, quantile: f64) -> Option<f64> {
        let total: u64 = self.counts.iter().fold(0, |total, count| total.saturating_add(*count));
        let (first, last) = (*self.bounds.first()?, *self.bounds.last()?);
        if total == 0 {
            return None;
        }
        let rank = quantile * total as f64;
        let mut below = 0.0;
        for (index, &count) in self.counts.iter().enumerate() {
            let reached = below + count as f64;
            if count > 0 && reached >= rank {
                let Some(&upper) = self.bounds.get(index) else { return Some(last) };
                let lower = match index.checked_sub(1) {
                    Some(before) => self.bounds[before],
                    None if first > 0.0 => 0.0,
                    None => return Some(first),
                };
                return Some(lower + (upper - lower) * (rank - below) / count as f64);
            }
            below = reached;
        }
        Some(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn buckets(bounds: &[f64], counts: &[u64]) -> ExplicitBuckets {
        ExplicitBuckets { bounds: bounds.into(), counts: counts.to_vec() }
    }

    #[test]
    fn quantiles_are_interpolated() {
        let latency = buckets(&[10.0, 20.0, 40.0], &[50, 40, 10, 0]);
        assert_eq!(latency.quantile(0.5), Some(10.0));
        assert_eq!(latency.quantile(0.7), Some(15.0));
        assert_eq!(latency.quantile(0.95), Some(30.0));
        assert_eq!(buckets(&[10.0], &[0, 7]).quantile(0.5), Some(10.0), "beyond the last bound nothing is known");
        assert_eq!(buckets(&[10.0], &[0, 0]).quantile(0.5), None);
        assert_eq!(buckets(&[], &[7]).quantile(0.5), None);
    }

    #[test]
    fn bounds_and_counts_must_fit_together() {
        let histogram = |bounds, counts| Histogram { count: 1, sum: None, min: None, max: None, bounds, counts };
        assert!(is_consistent(&histogram(&[1.0, 2.0], &[0, 1, 0])) && is_consistent(&histogram(&[], &[])));
        assert!(
            !is_consistent(&histogram(&[1.0, 2.0], &[0, 1])) && !is_consistent(&histogram(&[2.0, 1.0], &[0, 1, 0]))
        );
    }

    proptest! {
        #[test]
        fn quantiles_grow_with_their_share(counts in prop::collection::vec(0_u64..1000, 4)) {
            let buckets = buckets(&[1.0, 2.0, 5.0], &counts);
            let values: Vec<_> = (0..=20).filter_map(|step| buckets.quantile(f64::from(step) / 20.0)).collect();
            prop_assert!(values.is_sorted());
            prop_assert!(values.iter().all(|value| (0.0..=5.0).contains(value)));
        }
    }
}
