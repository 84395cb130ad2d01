//! A page put together: each metric once, with its type, labels, start and time.
//!
//! * A histogram or summary is one metric for each label set; without `_count` it is dropped, without `_sum` it has no sum.
//! * `_created` is the start of its metric and never a metric of its own. In text it looks like a gauge: it is a start where
//!   a counter, histogram or summary of the name exists, otherwise (`kube_pod_created`) it is what it says.
//! * `target_info` describes the target and is no metric.
//! * Lines that cannot be read are counted; the first few are kept.
//!
//! Source: OpenTelemetry "Prometheus and OpenMetrics Compatibility".

use std::borrow::Cow;

use hashbrown::HashTable;
use rapidhash::quality::RandomState;

use super::error::ParseError;
use super::family::{Families, Family, FamilyId, Role, Type};
use super::format::Format;
use super::histogram::{DistributionView, Distributions, set_hash, start_of};
use super::labels::Labels;
use super::limits::Limits;
use super::line::Sample;
use super::number::Timestamp;
use super::parser::{Event, Parser};

/// Errors of a page that are kept with their place; the others are counted.
const ERRORS_KEPT: usize = 20;
/// Name of the metric whose labels describe the target.
const TARGET_INFO: &str = "target_info";
/// Suffix of start times.
const CREATED: &str = "_created";

/// A metric of a page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricView<'p> {
    /// Name as the page has it: of the sample (`x_total`), or of the family for histograms and summaries.
    pub name: &'p str,
    /// Its family, with help and unit.
    pub family: &'p Family<'p>,
    /// Its type; `Unknown` for a sample that its family's type does not know.
    pub kind: Type,
    /// Its labels, without `le` and `quantile`.
    pub labels: Labels<'p>,
    /// Explicit time, if the page gives one.
    pub timestamp: Option<Timestamp>,
    /// When it started to count, if the page says so.
    pub start: Option<Timestamp>,
    /// What it says.
    pub value: ValueView<'p>,
}

/// Value of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueView<'p> {
    /// Of a counter, gauge, info, state or unknown.
    Number(f64),
    /// Of a histogram or gauge histogram.
    Histogram(DistributionView<'p>),
    /// Of a summary.
    Summary(DistributionView<'p>),
}

/// A page, read and put together.
#[derive(Debug)]
pub struct Page<'a> {
    families: Families<'a>,
    numbers: Vec<Number<'a>>,
    distributions: Distributions<'a>,
    starts: Starts<'a>,
    target_info: Option<Labels<'a>>,
    samples: usize,
    errors: Vec<ParseError>,
    error_count: usize,
    dropped: usize,
}

/// A sample that is a metric by itself.
#[derive(Debug)]
struct Number<'a> {
    family: FamilyId,
    kind: Type,
    name: Cow<'a, str>,
    labels: Labels<'a>,
    timestamp: Option<Timestamp>,
    value: f64,
}

impl<'a> Page<'a> {
    /// Reads and assembles `body`.
    #[must_use]
    pub fn read(body: &'a [u8], format: Format, limits: Limits) -> Self {
        let mut page = Self {
            families: Families::new(format),
            numbers: Vec::new(),
            distributions: Distributions::default(),
            starts: Starts::default(),
            target_info: None,
            samples: 0,
            errors: Vec::new(),
            error_count: 0,
            dropped: 0,
        };
        for event in Parser::with_limits(body, format, limits) {
            match event {
                Ok(Event::Metadata(metadata)) => page.families.describe(metadata),
                Ok(Event::Sample(sample)) => page.add(sample),
                Err(error) => page.note(error),
            }
        }
        if format == Format::Text {
            page.find_starts();
        }
        page.dropped += page.distributions.finish();
        page
    }

    /// The metrics: first those with one sample each in the order of the page, then histograms and summaries.
    pub fn metrics(&self) -> impl Iterator<Item = MetricView<'_>> {
        let numbers = self.numbers.iter().map(|number| MetricView {
            name: &number.name,
            family: self.families.get(number.family),
            kind: number.kind,
            labels: number.labels,
            timestamp: number.timestamp,
            start: if number.kind == Type::Counter { self.starts.get(number.family, number.labels) } else { None },
            value: ValueView::Number(number.value),
        });
        let distributions = self.distributions.iter().map(|(group, view)| {
            let family = self.families.get(group.family);
            MetricView {
                name: &family.name,
                family,
                kind: family.kind,
                labels: group.labels,
                timestamp: group.timestamp,
                start: group.start,
                value: if family.kind == Type::Summary { ValueView::Summary(view) } else { ValueView::Histogram(view) },
            }
        });
        numbers.chain(distributions)
    }

    /// Labels of `target_info`, which describe the target as a resource.
    #[must_use]
    pub fn target_info(&self) -> Option<Labels<'_>> {
        self.target_info
    }

    /// Samples that were read.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// The first errors, at most 20.
    #[must_use]
    pub fn errors(&self) -> &[ParseError] {
        &self.errors
    }

    /// All errors, the kept ones included.
    #[must_use]
    pub fn error_count(&self) -> usize {
        self.error_count
    }

    /// Histograms and summaries that had no count or contradicted themselves, and rows of them without bound or quantile.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    fn add(&mut self, sample: Sample<'a>) {
        self.samples += 1;
        let (family, role) = self.families.place(&sample);
        let kind = self.families.get(family).kind;
        match kind {
            Type::Histogram | Type::GaugeHistogram | Type::Summary if role != Role::Value => {
                if !self.distributions.add(family, kind, role, &sample) {
                    self.dropped += 1;
                }
            }
            Type::Counter if role == Role::Created => self.starts.add(family, sample.labels, start_of(sample.value)),
            Type::Info | Type::Gauge | Type::Unknown if sample.name == TARGET_INFO => {
                self.target_info = Some(sample.labels);
            }
            _ => {
                let kind = match kind {
                    // `x` in a histogram `x`: no part of it.
                    Type::Histogram | Type::GaugeHistogram | Type::Summary => Type::Unknown,
                    kind => kind,
                };
                let Sample { name, labels, value, timestamp, .. } = sample;
                self.numbers.push(Number { family, kind, name, labels, timestamp, value });
            }
        }
    }

    fn note(&mut self, error: ParseError) {
        self.error_count += 1;
        if self.errors.len() < ERRORS_KEPT {
            self.errors.push(error);
        }
    }

    /// Text exposes starts as gauges, anywhere on the page: takes them out once all families are known.
    fn find_starts(&mut self) {
        let mut name = String::new();
        let (families, starts, distributions) = (&self.families, &mut self.starts, &mut self.distributions);
        self.numbers.retain(|number| {
            let Some(base) = number.name.strip_suffix(CREATED) else { return true };
            if !matches!(number.kind, Type::Gauge | Type::Unknown) {
                return true;
            }
            name.clear();
            name.push_str(base);
            name.push_str("_total");
            for candidate in [base, &name] {
                let Some(id) = families.find(candidate) else { continue };
                match families.get(id).kind {
                    Type::Counter => starts.add(id, number.labels, start_of(number.value)),
                    Type::Histogram | Type::Summary => {
                        distributions.set_start(id, number.labels, start_of(number.value));
                    }
                    _ => continue,
                }
                return false;
            }
            true
        });
    }
}

/// Start times of counters by label set.
#[derive(Debug, Default)]
struct Starts<'a> {
    list: HashTable<(u64, FamilyId, Labels<'a>, Timestamp)>,
    hasher: RandomState,
}

impl<'a> Starts<'a> {
    fn add(&mut self, family: FamilyId, labels: Labels<'a>, start: Option<Timestamp>) {
        let Some(start) = start else { return };
        let hash = set_hash(&self.hasher, family, labels);
        self.list.insert_unique(hash, (hash, family, labels, start), |entry| entry.0);
    }

    fn get(&self, family: FamilyId, labels: Labels<'_>) -> Option<Timestamp> {
        if self.list.is_empty() {
            return None;
        }
        let hash = set_hash(&self.hasher, family, labels);
        self.list.find(hash, |entry| entry.1 == family && entry.2.is_same_set(labels)).map(|entry| entry.3)
    }
}

#[cfg(test)]
mod tests;
