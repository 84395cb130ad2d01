//! Exponential buckets: merged at the coarser scale of two, read by geometric interpolation.
//!
//! Source: the OpenTelemetry data model, "exponential histogram": bucket `i` holds `(base^i, base^(i+1)]` with `base = 2^(2^-scale)`;
//! halving the resolution maps index `i` to `i >> 1`.

use crate::metric::{Buckets, Exponential};

/// The most buckets of one side. A sample that spans more loses resolution, never memory: SDKs keep at most 160.
const MAX_BUCKETS: i64 = 320;
/// Scales beyond this are nonsense (SDKs use -10 to 20); they are held here, so that halving the resolution always ends.
const MAX_SCALE: i32 = 1000;

/// See the module's text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ExponentialBuckets {
    scale: i32,
    zero: u64,
    positive: Side,
    negative: Side,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Side {
    offset: i64,
    counts: Vec<u64>,
}

impl ExponentialBuckets {
    pub(super) fn of(sample: &Exponential<'_>) -> Self {
        let mut buckets = Self {
            scale: sample.scale.clamp(-MAX_SCALE, MAX_SCALE),
            zero: sample.zero_count,
            positive: Side::default(),
            negative: Side::default(),
        };
        let shift = Side::shift_for(&sample.positive).max(Side::shift_for(&sample.negative));
        buckets.scale = buckets.scale.saturating_sub(shift as i32);
        buckets.positive = Side::of(&sample.positive, shift);
        buckets.negative = Side::of(&sample.negative, shift);
        buckets
    }

    /// Adds others at the coarser scale, coarser still if they would span too much.
    pub(super) fn add(&mut self, other: &Self) {
        let mut other = other.clone();
        let scale = self.scale.min(other.scale);
        self.coarsen(scale);
        other.coarsen(scale);
        while self.positive.span_with(&other.positive) > MAX_BUCKETS
            || self.negative.span_with(&other.negative) > MAX_BUCKETS
        {
            let coarser = self.scale.saturating_sub(1);
            self.coarsen(coarser);
            other.coarsen(coarser);
        }
        self.zero = self.zero.saturating_add(other.zero);
        self.positive.add(&other.positive);
        self.negative.add(&other.negative);
    }

    /// What was added since `earlier`; `None` when something shrank.
    pub(super) fn since(&self, earlier: &Self) -> Option<Self> {
        let scale = self.scale.min(earlier.scale);
        let (mut newer, mut earlier) = (self.clone(), earlier.clone());
        newer.coarsen(scale);
        earlier.coarsen(scale);
        newer.zero = newer.zero.checked_sub(earlier.zero)?;
        newer.positive.subtract(&earlier.positive)?;
        newer.negative.subtract(&earlier.negative)?;
        Some(newer)
    }

    pub(super) fn clear(&mut self) {
        self.zero = 0;
        // The scale starts over with the next sample.
        self.scale = i32::MAX;
        (self.positive, self.negative) = (Side::default(), Side::default());
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&self.positive.counts[..]) + size_of_val(&self.negative.counts[..])
    }

    /// The value below which this share lies.
    pub(super) fn quantile(&self, quantile: f64) -> Option<f64> {
        let total = self.negative.total() + self.zero as f64 + self.positive.total();
        if total <= 0.0 {
            return None;
        }
        let rank = quantile * total;
        let mut below = self.negative.total();
        if rank < below {
            // Negative values run backwards: the largest bucket holds the smallest value.
            return self.negative.value_at(below - rank, self.scale).map(|value| -value);
        }
        if rank <= below + self.zero as f64 && self.zero > 0 {
            return Some(0.0);
        }
        below += self.zero as f64;
        self.positive.value_at(rank - below, self.scale).or(Some(0.0))
    }

    fn coarsen(&mut self, scale: i32) {
        if self.scale == i32::MAX {
            self.scale = scale;
        }
        let shift = i64::from(self.scale) - i64::from(scale);
        if shift > 0 {
            self.positive.coarsen(shift);
            self.negative.coarsen(shift);
            self.scale = scale;
        }
    }
}

impl Side {
    /// How many times the resolution must be halved for a sample to fit.
    fn shift_for(buckets: &Buckets<'_>) -> u32 {
        let first = i64::from(buckets.offset);
        let last = first + buckets.counts.len() as i64;
        (0..63).find(|shift| (last >> shift) - (first >> shift) < MAX_BUCKETS).unwrap_or(63)
    }

    fn of(buckets: &Buckets<'_>, shift: u32) -> Self {
        let mut side = Self { offset: i64::from(buckets.offset), counts: buckets.counts.to_vec() };
        side.trim();
        side.coarsen(i64::from(shift));
        side
    }

    /// Leaves out empty buckets at both ends.
    fn trim(&mut self) {
        let last = self.counts.iter().rposition(|&count| count > 0).map_or(0, |at| at + 1);
        self.counts.truncate(last);
        let first = self.counts.iter().position(|&count| count > 0).unwrap_or(0);
        self.counts.drain(..first);
        self.offset += first as i64;
    }

    fn coarsen(&mut self, shift: i64) {
        if shift == 0 || self.counts.is_empty() {
            return;
        }
        let shift = shift.min(62);
        let first = self.offset >> shift;
        let last = (self.offset + self.counts.len() as i64 - 1) >> shift;
        let mut counts = vec![0_u64; (last - first + 1) as usize];
        for (index, &count) in self.counts.iter().enumerate() {
            let at = (((self.offset + index as i64) >> shift) - first) as usize;
            counts[at] = counts[at].saturating_add(count);
        }
        (self.offset, self.counts) = (first, counts);
    }

    fn span_with(&self, other: &Self) -> i64 {
        if self.counts.is_empty() || other.counts.is_empty() {
            return 0;
        }
        let first = self.offset.min(other.offset);
        let last = (self.offset + self.counts.len() as i64).max(other.offset + other.counts.len() as i64);
        last - first
    }

    fn add(&mut self, other: &Self) {
        if other.counts.is_empty() {
            return;
        }
        if self.counts.is_empty() {
            self.clone_from(other);
            return;
        }
        let first = self.offset.min(other.offset);
        let in_front = (self.offset - first) as usize;
        self.counts.splice(0..0, std::iter::repeat_n(0, in_front));
        self.offset = first;
        let at = (other.offset - first) as usize;
        self.counts.resize(self.counts.len().max(at + other.counts.len()), 0);
        for (mine, more) in self.counts[at..].iter_mut().zip(&other.counts) {
            *mine = mine.saturating_add(*more);
        }
    }

    fn subtract(&mut self, earlier: &Self) -> Option<()> {
        for (index, &count) in earlier.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let at = usize::try_from(earlier.offset + index as i64 - self.offset).ok()?;
            let mine = self.counts.get_mut(at)?;
            *mine = mine.checked_sub(count)?;
        }
        Some(())
    }

    fn total(&self) -> f64 {
        self.counts.iter().map(|&count| count as f64).sum()
    }

    /// The value at a rank, counted from the smallest magnitude.
    fn value_at(&self, rank: f64, scale: i32) -> Option<f64> {
        let mut below = 0.0;
        let last = self.counts.iter().rposition(|&count| count > 0)?;
        for (index, &count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let reached = below + count as f64;
            if reached >= rank || index == last {
                let within = ((rank - below) / count as f64).clamp(0.0, 1.0);
                let exponent = (self.offset + index as i64) as f64 + within;
                return Some((exponent * (-f64::from(scale)).exp2()).exp2());
            }
            below = reached;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(scale: i32, zero: u64, offset: i32, counts: &[u64]) -> ExponentialBuckets {
        let positive = Buckets { offset, counts };
        ExponentialBuckets::of(&Exponential {
            count: zero + counts.iter().sum::<u64>(),
            sum: None,
            min: None,
            max: None,
            scale,
            zero_count: zero,
            positive,
            negative: Buckets::default(),
        })
    }

    fn close_to(value: Option<f64>, expected: f64) -> bool {
        value.is_some_and(|value| (value - expected).abs() < 1e-9)
    }

    #[test]
    fn quantiles_lie_within_their_bucket() {
        // Scale 0: (1, 2], (2, 4], (4, 8].
        let buckets = sample(0, 0, 0, &[4, 4, 2]);
        assert!(close_to(buckets.quantile(0.4), 2.0));
        assert!(close_to(buckets.quantile(0.8), 4.0));
        assert!(close_to(buckets.quantile(0.9), 32.0_f64.sqrt()));
        assert!(close_to(sample(0, 9, 0, &[1]).quantile(0.5), 0.0));
        assert_eq!(sample(0, 0, 0, &[]).quantile(0.5), None);
    }

    #[test]
    fn negative_values_count_backwards() {
        let mut buckets = sample(0, 0, 0, &[]);
        buckets.negative = Side { offset: 0, counts: vec![1, 1] };
        assert!(close_to(buckets.quantile(0.0), -4.0));
        assert!(close_to(buckets.quantile(0.5), 0.0) || buckets.quantile(0.49).is_some_and(|value| value < -1.0));
    }

    #[test]
    fn two_scales_meet_at_the_coarser_one() {
        let mut fine = sample(1, 1, 0, &[1, 1, 1, 1]);
        fine.add(&sample(0, 0, 1, &[5]));
        assert_eq!((fine.scale, fine.zero, &fine.positive.counts), (0, 1, &vec![2, 7]));
    }

    #[test]
    fn a_difference_is_taken_at_the_coarser_scale_and_a_shrunken_bucket_is_a_reset() {
        let earlier = sample(1, 0, 0, &[1, 1]);
        let difference = sample(0, 2, 0, &[5, 1]).since(&earlier).unwrap();
        assert_eq!((difference.zero, &difference.positive.counts), (2, &vec![3, 1]));
        assert!(sample(1, 0, 0, &[0, 1]).since(&earlier).is_none());
    }

    #[test]
    fn hostile_offsets_cost_no_memory() {
        let mut low = sample(20, 0, i32::MIN, &[1]);
        low.add(&sample(20, 0, i32::MAX, &[1]));
        assert!(low.positive.counts.len() as i64 <= MAX_BUCKETS);
        assert_eq!(low.positive.total(), 2.0);
    }

    #[test]
    fn a_cleared_one_takes_the_scale_of_the_next() {
        let mut buckets = sample(-2, 0, 0, &[3]);
        buckets.clear();
        assert_eq!(buckets.quantile(0.5), None);
        buckets.add(&sample(4, 0, 7, &[2]));
        assert_eq!((buckets.scale, buckets.positive.offset), (4, 7));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_in_merging(
            a in prop::collection::vec(0_u64..9, 0..400), b in prop::collection::vec(0_u64..9, 0..400),
            scales in (-4_i32..8, -4_i32..8), offsets in (-500_i32..500, -500_i32..500)
        ) {
            let mut merged = sample(scales.0, 1, offsets.0, &a);
            let other = sample(scales.1, 2, offsets.1, &b);
            let total = merged.positive.total() + other.positive.total();
            let before = merged.clone();
            merged.add(&other);
            prop_assert_eq!(merged.positive.total(), total);
            prop_assert!(merged.positive.counts.len() as i64 <= MAX_BUCKETS);
            prop_assert!(merged.since(&before).is_some());
        }
    }
}
