//! Histograms and summaries from their rows: one distribution for each label set, whatever the order of the rows.

use std::hash::{BuildHasher, Hasher};

use hashbrown::HashTable;
use rapidhash::quality::RandomState;

use super::family::{FamilyId, Role, Type};
use super::labels::Labels;
use super::line::Sample;
use super::number::{self, Timestamp};

/// A quantile of a summary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantile {
    /// Which one, from 0 to 1.
    pub quantile: f64,
    /// Its value; NaN where nothing was observed lately.
    pub value: f64,
}

/// A histogram or summary, put together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DistributionView<'p> {
    /// Finite upper bounds (inclusive), increasing. Empty in summaries.
    pub bounds: &'p [f64],
    /// Observations in each bucket alone; one more than `bounds`, the last being above all bounds. Empty in summaries.
    pub counts: &'p [u64],
    /// Quantiles of a summary, as the page orders them.
    pub quantiles: &'p [Quantile],
    /// Number of observations: the sum of `counts` in histograms.
    pub count: u64,
    /// Sum of observations, where the page gives one.
    pub sum: Option<f64>,
}

/// Rows gathered by label set.
#[derive(Debug, Default)]
pub(super) struct Distributions<'a> {
    groups: Vec<Group<'a>>,
    by_labels: HashTable<u32>,
    hasher: RandomState,
    rows: Vec<Row>,
    bounds: Vec<f64>,
    counts: Vec<u64>,
    quantiles: Vec<Quantile>,
    /// Group of the row before: rows of a group mostly stand together.
    last: Option<u32>,
}

/// One distribution.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) family: FamilyId,
    pub(super) labels: Labels<'a>,
    pub(super) timestamp: Option<Timestamp>,
    pub(super) start: Option<Timestamp>,
    hash: u64,
    is_summary: bool,
    sum: Option<f64>,
    count: Option<f64>,
    outcome: Outcome,
}

#[derive(Debug, Clone)]
enum Outcome {
    Histogram {
        bounds: (usize, usize),
        counts: (usize, usize),
        count: u64,
    },
    Summary {
        quantiles: (usize, usize),
        count: u64,
    },
    /// No count, or buckets that contradict each other.
    Unusable,
}

/// A bucket (bound, cumulative count) or a quantile (which, value).
#[derive(Debug, Clone, Copy)]
struct Row {
    group: u32,
    key: f64,
    value: f64,
}

impl<'a> Distributions<'a> {
    /// Takes in a row of a histogram or summary. `false` where it makes no sense as one: a bucket without bound.
    pub(super) fn add(&mut self, family: FamilyId, kind: Type, role: Role, sample: &Sample<'a>) -> bool {
        let key_label = match role {
            Role::Bucket => Some("le"),
            Role::Quantile => Some("quantile"),
            _ => None,
        };
        let key = match key_label {
            None => None,
            Some(name) => {
                match sample.labels.get(name).and_then(|text| number::value(&text)).filter(|key| !key.is_nan()) {
                    None => return false,
                    key => key,
                }
            }
        };
        let labels = key_label.map_or(sample.labels, |name| sample.labels.without(name));
        let index = self.group(family, labels);
        let group = &mut self.groups[index as usize];
        group.is_summary = kind == Type::Summary;
        group.timestamp = group.timestamp.max(sample.timestamp);
        match (role, key) {
            (Role::Sum, _) => group.sum = Some(sample.value),
            (Role::Count, _) => group.count = Some(sample.value),
            (Role::Created, _) => {
                group.start = start_of(sample.value);
            }
            (_, Some(key)) => self.rows.push(Row { group: index, key, value: sample.value }),
            (_, None) => return false,
        }
        true
    }

    /// Sets the start of a distribution, if there is one with these labels.
    pub(super) fn set_start(&mut self, family: FamilyId, labels: Labels<'a>, start: Option<Timestamp>) {
        let hash = set_hash(&self.hasher, family, labels);
        if let Some(index) = self.find(hash, family, labels) {
            self.groups[index as usize].start = start;
        }
    }

    /// Puts everything together. Returns how many had to be dropped.
    pub(super) fn finish(&mut self) -> usize {
        // Buckets by bound; quantiles keep the page's order. Both are sorted already on almost every page.
        let groups = &self.groups;
        self.rows.sort_by(|a, b| {
            let by_group = a.group.cmp(&b.group);
            if groups[a.group as usize].is_summary { by_group } else { by_group.then(a.key.total_cmp(&b.key)) }
        });
        let mut dropped = 0;
        let mut from = 0;
        for index in 0..self.groups.len() {
            let to = from + self.rows[from..].iter().take_while(|row| row.group as usize == index).count();
            let is_summary = self.groups[index].is_summary;
            let outcome = if is_summary { self.summary(index, from, to) } else { self.histogram(index, from, to) };
            dropped += usize::from(outcome.is_none());
            self.groups[index].outcome = outcome.unwrap_or(Outcome::Unusable);
            from = to;
        }
        dropped
    }

    /// The usable ones, in the order of the page.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Group<'a>, DistributionView<'_>)> {
        self.groups.iter().filter_map(|group| Some((group, self.view(group)?)))
    }

    fn view(&self, group: &Group<'a>) -> Option<DistributionView<'_>> {
        let sum = group.sum;
        match group.outcome.clone() {
            Outcome::Unusable => None,
            Outcome::Histogram { bounds, counts, count } => Some(DistributionView {
                bounds: &self.bounds[bounds.0..bounds.1],
                counts: &self.counts[counts.0..counts.1],
                quantiles: &[],
                count,
                sum,
            }),
            Outcome::Summary { quantiles, count } => Some(DistributionView {
                bounds: &[],
                counts: &[],
                quantiles: &self.quantiles[quantiles.0..quantiles.1],
                count,
                sum,
            }),
        }
    }

    fn summary(&mut self, index: usize, from: usize, to: usize) -> Option<Outcome> {
        let count = whole(self.groups[index].count?)?;
        let start = self.quantiles.len();
        self.quantiles.extend(self.rows[from..to].iter().map(|row| Quantile { quantile: row.key, value: row.value }));
        Some(Outcome::Summary { quantiles: (start, self.quantiles.len()), count })
    }

    /// Cumulative buckets become buckets of their own. Where `_count` and the bucket `+Inf` differ (targets do not write
    /// both at one instant) the bucket counts, as a histogram must agree with itself.
    fn histogram(&mut self, index: usize, from: usize, to: usize) -> Option<Outcome> {
        let count = whole(self.groups[index].count?)?;
        let (bounds_start, counts_start) = (self.bounds.len(), self.counts.len());
        let mut below = 0;
        let mut total = None;
        for row in &self.rows[from..to] {
            let cumulative = whole(row.value)?;
            if row.key == f64::INFINITY {
                total = Some(cumulative);
                continue;
            }
            // The same bound written twice (`1` and `1.0`) is one bucket.
            if self.bounds.len() > bounds_start && self.bounds.last() == Some(&row.key) {
                continue;
            }
            self.bounds.push(row.key);
            self.counts.push(cumulative.checked_sub(below)?);
            below = cumulative;
        }
        let total = total.unwrap_or(count);
        self.counts.push(total.checked_sub(below)?);
        Some(Outcome::Histogram {
            bounds: (bounds_start, self.bounds.len()),
            counts: (counts_start, self.counts.len()),
            count: total,
        })
    }

    fn group(&mut self, family: FamilyId, labels: Labels<'a>) -> u32 {
        if let Some(last) = self.last {
            let group = &self.groups[last as usize];
            if group.family == family && group.labels.is_same_set(labels) {
                return last;
            }
        }
        let hash = set_hash(&self.hasher, family, labels);
        let index = self.find(hash, family, labels).unwrap_or_else(|| self.insert(hash, family, labels));
        self.last = Some(index);
        index
    }

    fn find(&self, hash: u64, family: FamilyId, labels: Labels<'_>) -> Option<u32> {
        let same = |index: &u32| {
            let group = &self.groups[*index as usize];
            group.family == family && group.labels.is_same_set(labels)
        };
        self.by_labels.find(hash, same).copied()
    }

    fn insert(&mut self, hash: u64, family: FamilyId, labels: Labels<'a>) -> u32 {
        let index = u32::try_from(self.groups.len()).unwrap_or(u32::MAX);
        self.groups.push(Group {
            family,
            labels,
            timestamp: None,
            start: None,
            hash,
            is_summary: false,
            sum: None,
            count: None,
            outcome: Outcome::Unusable,
        });
        let groups = &self.groups;
        self.by_labels.insert_unique(hash, index, |other| groups[*other as usize].hash);
        index
    }
}

/// Hash of a label set of a family that does not depend on the order of the labels.
pub(super) fn set_hash(hasher: &RandomState, family: FamilyId, labels: Labels<'_>) -> u64 {
    let one = |label: super::Label<'_>| {
        let (name, value) = label.raw();
        let mut state = hasher.build_hasher();
        state.write(name.as_bytes());
        state.write_u8(b'=');
        state.write(value.as_bytes());
        state.finish()
    };
    labels.iter().fold(hasher.hash_one(family.index()), |sum, label| sum.wrapping_add(one(label)))
}

/// A start as the page writes it, in seconds; a value that is no time is no start.
pub(super) fn start_of(seconds: f64) -> Option<Timestamp> {
    Timestamp::from_unix_seconds(seconds).filter(|_| seconds > 0.0)
}

/// A count as the whole number that it must be.
fn whole(value: f64) -> Option<u64> {
    // 2^64 is the first that does not fit.
    ((0.0..18_446_744_073_709_551_616.0).contains(&value) && value.fract() == 0.0).then_some(value as u64)
}
