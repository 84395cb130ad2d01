//! Rules of lines together: families, their metadata, their order, and what values each type allows.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::buckets::Buckets;
use crate::prometheus::error::{Fault, ParseError, Rule};
use crate::prometheus::family::{Role, Type};
use crate::prometheus::format::Format;
use crate::prometheus::labels::Labels;
use crate::prometheus::line::{Metadata, Sample};
use crate::prometheus::number::{self, Timestamp};

/// Judge of a page.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    format: Format,
    /// Names of families and of every sample they may have.
    taken: HashSet<String>,
    current: Option<Current<'a>>,
    late: Vec<ParseError>,
}

/// The family at hand.
#[derive(Debug)]
struct Current<'a> {
    name: Cow<'a, str>,
    first_line: usize,
    last_line: usize,
    kind: Option<Type>,
    has_help: bool,
    unit: Option<&'a str>,
    groups: HashMap<Vec<(String, String)>, Group>,
    /// Key of the group of the sample before.
    last_group: Option<Vec<(String, String)>>,
    series: HashSet<(String, Vec<(String, String)>)>,
}

/// Samples of one label set.
#[derive(Debug, Default)]
struct Group {
    timestamp: Option<Timestamp>,
    last_quantile: Option<f64>,
    buckets: Buckets,
}

impl<'a> Rules<'a> {
    pub(super) fn new(format: Format) -> Self {
        Self { format, taken: HashSet::new(), current: None, late: Vec::new() }
    }

    /// Judges a metadata line.
    pub(super) fn metadata(&mut self, metadata: &Metadata<'a>, line: usize) -> Result<(), Rule> {
        if self.current.as_ref().is_none_or(|current| current.name != *metadata.family()) {
            self.begin(metadata.family().clone(), None, line);
        }
        let Some(current) = &mut self.current else { return Ok(()) };
        if current.last_group.is_some() {
            return Err(Rule::MetadataAfterSamples);
        }
        let repeated = match metadata {
            Metadata::Help { .. } => std::mem::replace(&mut current.has_help, true),
            Metadata::Type { kind, .. } => current.kind.replace(*kind).is_some(),
            Metadata::Unit { unit, .. } => current.unit.replace(unit).is_some(),
        };
        if repeated { Err(Rule::RepeatedMetadata) } else { Ok(()) }
    }

    /// Judges a sample.
    pub(super) fn sample(&mut self, sample: &Sample<'a>, line: usize) -> Result<(), Rule> {
        let format = self.format;
        let role = match self.current.as_ref().and_then(|current| current.role_of(&sample.name, format)) {
            Some(role) => role,
            None => {
                self.begin(sample.name.clone(), Some(Type::Unknown), line);
                Role::Value
            }
        };
        let Some(current) = &mut self.current else { return Ok(()) };
        current.last_line = line;
        let key = current.key_of(sample, role)?;
        current.order(sample, role, format)?;
        let kind = current.kind();
        if let Some(group) = current.last_group.as_ref().and_then(|name| current.groups.get_mut(name)) {
            group.bounds(kind, role, key, sample.value)?;
        }
        if format == Format::OpenMetrics {
            values(kind, role, sample.value)?;
        }
        let takes_exemplar = match kind {
            Type::Counter => role == Role::Value,
            Type::Histogram | Type::GaugeHistogram => role == Role::Bucket,
            _ => false,
        };
        if sample.exemplar.is_some() && !takes_exemplar { Err(Rule::ExemplarPlace) } else { Ok(()) }
    }

    /// Judges the last family.
    pub(super) fn finish(&mut self) {
        if let Some(current) = self.current.take() {
            let line = current.first_line;
            let last_line = current.last_line;
            for rule in self.claim(&current) {
                self.late.push(Fault::rule(0, rule).at(line, ""));
            }
            for rule in current.judge_groups(self.format) {
                self.late.push(Fault::rule(0, rule).at(last_line, ""));
            }
        }
    }

    /// Errors found when a family ended.
    pub(super) fn take_late(&mut self) -> impl Iterator<Item = ParseError> + use<'a> {
        std::mem::take(&mut self.late).into_iter()
    }

    fn begin(&mut self, name: Cow<'a, str>, kind: Option<Type>, line: usize) {
        self.finish();
        self.current = Some(Current {
            name,
            first_line: line,
            last_line: line,
            kind,
            has_help: false,
            unit: None,
            groups: HashMap::new(),
            last_group: None,
            series: HashSet::new(),
        });
    }

    /// Takes the names of a family, and judges its metadata as a whole.
    fn claim(&mut self, family: &Current<'_>) -> Vec<Rule> {
        let mut broken = Vec::new();
        let suffixes = family.kind().suffixes(self.format).iter().map(|(suffix, _)| *suffix);
        let names: HashSet<String> = suffixes.chain([""]).map(|suffix| format!("{}{suffix}", family.name)).collect();
        if names.iter().any(|name| self.taken.contains(name)) {
            broken.push(Rule::ClashingName);
        }
        self.taken.extend(names);
        if let Some(unit) = family.unit.filter(|unit| !unit.is_empty()) {
            if family.name.strip_suffix(unit).is_none_or(|base| !base.ends_with('_')) {
                broken.push(Rule::UnitSuffix);
            }
            if matches!(family.kind(), Type::Info | Type::StateSet) {
                broken.push(Rule::UnitOfType);
            }
        }
        broken
    }
}

impl Current<'_> {
    fn kind(&self) -> Type {
        self.kind.unwrap_or(Type::Unknown)
    }

    fn role_of(&self, sample: &str, format: Format) -> Option<Role> {
        let suffix = sample.strip_prefix(&*self.name)?;
        self.kind().suffixes(format).iter().find(|(candidate, _)| *candidate == suffix).map(|(_, role)| *role)
    }

    /// The bound or quantile of a sample that needs one; checks the label that its type needs.
    fn key_of(&self, sample: &Sample<'_>, role: Role) -> Result<Option<f64>, Rule> {
        let number = |label| sample.labels.get(label).and_then(|text| Some((number::value(&text)?, text)));
        match role {
            Role::Bucket => match number("le") {
                Some((bound, text)) if !bound.is_nan() && (bound != f64::INFINITY || text == "+Inf") => Ok(Some(bound)),
                _ => Err(Rule::BucketBound),
            },
            Role::Quantile => match number("quantile") {
                Some((quantile, _)) if (0.0..=1.0).contains(&quantile) => Ok(Some(quantile)),
                _ => Err(Rule::QuantileRange),
            },
            _ if self.kind() == Type::StateSet && sample.labels.get(&self.name).is_none() => Err(Rule::StateLabel),
            _ => Ok(None),
        }
    }

    /// The order of samples of a family; makes the sample's group the last one.
    fn order(&mut self, sample: &Sample<'_>, role: Role, format: Format) -> Result<(), Rule> {
        let kind = self.kind();
        let hidden = match (role, kind) {
            (Role::Bucket, _) => Some("le"),
            (Role::Quantile, _) => Some("quantile"),
            (_, Type::StateSet) => Some(&*self.name),
            _ => None,
        };
        // Nothing tells one info metric from another, so that all are one group.
        let key = if kind == Type::Info { Vec::new() } else { sorted(sample.labels, hidden) };
        let is_same_group = self.last_group.as_ref() == Some(&key);
        let is_known = self.groups.contains_key(&key);
        let group = self.groups.entry(key.clone()).or_default();
        let before = std::mem::replace(&mut group.timestamp, sample.timestamp);
        self.last_group = Some(key);
        let is_new = self.series.insert((sample.name.clone().into_owned(), sorted(sample.labels, None)));
        if format == Format::Text {
            return if is_new { Ok(()) } else { Err(Rule::DuplicateSample) };
        }
        if !is_same_group {
            return if is_known { Err(Rule::Grouping) } else { Ok(()) };
        }
        if before.is_some() != sample.timestamp.is_some() {
            return Err(Rule::MixedTimes);
        }
        // Several points of a series are told apart by time; equal times may stem from rounding.
        if !is_new && sample.timestamp.is_none() {
            return Err(Rule::DuplicateSample);
        }
        if before > sample.timestamp && kind != Type::Info {
            return Err(Rule::TimeOrder);
        }
        if before != sample.timestamp {
            // The next point of the same metric.
            let buckets = std::mem::take(&mut group.buckets);
            group.last_quantile = None;
            if matches!(kind, Type::Histogram | Type::GaugeHistogram) {
                buckets.judge(format, kind == Type::GaugeHistogram)?;
            }
        }
        Ok(())
    }

    fn judge_groups(&self, format: Format) -> Vec<Rule> {
        let kind = self.kind();
        if !matches!(kind, Type::Histogram | Type::GaugeHistogram) {
            return Vec::new();
        }
        let judge = |group: &Group| group.buckets.judge(format, kind == Type::GaugeHistogram).err();
        self.groups.values().filter_map(judge).collect()
    }
}

impl Group {
    /// Bounds and quantiles increase, buckets do not decrease.
    fn bounds(&mut self, kind: Type, role: Role, key: Option<f64>, value: f64) -> Result<(), Rule> {
        match kind {
            Type::Histogram | Type::GaugeHistogram => {
                let is_count = matches!(role, Role::Bucket | Role::Count);
                if is_count && value.is_finite() && value.fract() != 0.0 {
                    return Err(Rule::CountFraction);
                }
                self.buckets.add(role, key, value)
            }
            Type::Summary if role == Role::Quantile => {
                let before = std::mem::replace(&mut self.last_quantile, key);
                if before.is_some() && before >= key { Err(Rule::BoundOrder) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }
}

/// What values each type allows. Source: OpenMetrics 1.0.0, "Metric types".
fn values(kind: Type, role: Role, value: f64) -> Result<(), Rule> {
    match (kind, role) {
        (Type::StateSet, _) if value != 0.0 && value != 1.0 => Err(Rule::StateValue),
        (Type::Info, _) if value != 1.0 => Err(Rule::InfoValue),
        (Type::Summary, Role::Quantile) if value < 0.0 => Err(Rule::QuantileNegative),
        (Type::Counter | Type::Histogram | Type::GaugeHistogram | Type::Summary, role) if role != Role::Quantile => {
            let may_be_negative = role == Role::Created || (kind == Type::GaugeHistogram && role == Role::Sum);
            if value.is_nan() {
                Err(Rule::CountNan)
            } else if value < 0.0 && !may_be_negative {
                Err(Rule::CountNegative)
            } else if role == Role::Count && value.is_finite() && value.fract() != 0.0 {
                Err(Rule::CountFraction)
            } else {
                Ok(())
            }
        }
        _ => Ok(()),
    }
}

/// A label set in one order, unescaped, without the label that tells rows of one metric apart.
fn sorted(labels: Labels<'_>, hidden: Option<&str>) -> Vec<(String, String)> {
    let mut set: Vec<(String, String)> = labels
        .iter()
        .map(|label| (label.name().into_owned(), label.value().into_owned()))
        .filter(|(name, _)| Some(name.as_str()) != hidden)
        .collect();
    set.sort_unstable();
    set
}
