//! Families: which metadata a sample belongs to, and which part of its metric it is.

use std::borrow::Cow;
use std::hash::BuildHasher;

use hashbrown::HashTable;
use rapidhash::quality::RandomState;

use super::format::Format;
use super::line::{Metadata, Sample};

/// Type of a metric. Text has the first three, `Summary` and `Unknown` (as `untyped`); OpenMetrics has all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// A total that only grows until its process restarts.
    Counter,
    /// A value that goes up and down.
    Gauge,
    /// Counts by upper bound, since the start.
    Histogram,
    /// Counts by upper bound, now.
    GaugeHistogram,
    /// Quantiles computed by the target.
    Summary,
    /// Labels that say what something is; the value is 1.
    Info,
    /// States, each 0 or 1.
    StateSet,
    /// Not said.
    Unknown,
}

impl Type {
    /// Reads the word of a `# TYPE` line of either format.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Some(match word {
            "counter" => Self::Counter,
            "gauge" => Self::Gauge,
            "histogram" => Self::Histogram,
            "gaugehistogram" => Self::GaugeHistogram,
            "summary" => Self::Summary,
            "info" => Self::Info,
            "stateset" => Self::StateSet,
            "unknown" | "untyped" => Self::Unknown,
            _ => return None,
        })
    }

    /// OpenMetrics' word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
            Self::Unknown => "unknown",
        }
    }

    /// Suffixes of the samples of a family of this type, with the part each is.
    #[must_use]
    pub fn suffixes(self, format: Format) -> &'static [(&'static str, Role)] {
        match (self, format) {
            (Self::Counter, Format::OpenMetrics) => &[("_total", Role::Value), ("_created", Role::Created)],
            (Self::Histogram, Format::Text) => {
                &[("_bucket", Role::Bucket), ("_sum", Role::Sum), ("_count", Role::Count)]
            }
            (Self::Histogram, Format::OpenMetrics) => {
                &[("_bucket", Role::Bucket), ("_sum", Role::Sum), ("_count", Role::Count), ("_created", Role::Created)]
            }
            (Self::GaugeHistogram, _) => &[("_bucket", Role::Bucket), ("_gsum", Role::Sum), ("_gcount", Role::Count)],
            (Self::Summary, Format::Text) => &[("", Role::Quantile), ("_sum", Role::Sum), ("_count", Role::Count)],
            (Self::Summary, Format::OpenMetrics) => {
                &[("", Role::Quantile), ("_sum", Role::Sum), ("_count", Role::Count), ("_created", Role::Created)]
            }
            (Self::Info, Format::OpenMetrics) => &[("_info", Role::Value)],
            _ => &[("", Role::Value)],
        }
    }
}

/// Which part of its metric a sample is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The value itself.
    Value,
    /// A bucket of a histogram, told by `le`.
    Bucket,
    /// A quantile of a summary, told by `quantile`.
    Quantile,
    /// Sum of the observations.
    Sum,
    /// Number of the observations.
    Count,
    /// Time at which the metric started.
    Created,
}

/// A family and what its metadata lines say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family<'a> {
    /// Name without the suffixes of its samples.
    pub name: Cow<'a, str>,
    /// Its type.
    pub kind: Type,
    /// What it means.
    pub help: Option<Cow<'a, str>>,
    /// Its unit as a word, never empty.
    pub unit: Option<&'a str>,
}

impl<'a> Family<'a> {
    fn new(name: Cow<'a, str>) -> Self {
        Self { name, kind: Type::Unknown, help: None, unit: None }
    }

    /// Part of this family that a sample of this name is; `None` where it belongs to another one.
    #[must_use]
    pub fn role_of(&self, sample: &str, format: Format) -> Option<Role> {
        let suffix = sample.strip_prefix(&*self.name)?;
        if suffix.is_empty() {
            // Belongs here even where the type knows no such sample.
            return Some(if self.kind == Type::Summary { Role::Quantile } else { Role::Value });
        }
        self.kind.suffixes(format).iter().find(|(candidate, _)| *candidate == suffix).map(|(_, role)| *role)
    }
}

/// Position of a family among [`Families`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FamilyId(u32);

/// The families of a page, in its order. Allocates for families, never for samples of a known one.
#[derive(Debug)]
pub struct Families<'a> {
    format: Format,
    list: Vec<Family<'a>>,
    by_name: HashTable<FamilyId>,
    hasher: RandomState,
    current: Option<FamilyId>,
}

impl<'a> Families<'a> {
    /// None yet.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self { format, list: Vec::new(), by_name: HashTable::new(), hasher: RandomState::new(), current: None }
    }

    /// Takes in a metadata line; a repeated one overrides.
    pub fn describe(&mut self, metadata: Metadata<'a>) {
        let id = match self.find(metadata.family()) {
            Some(id) => id,
            None => self.insert(metadata.family().clone()),
        };
        self.current = Some(id);
        let family = &mut self.list[id.index()];
        match metadata {
            Metadata::Help { text, .. } => family.help = (!text.is_empty()).then_some(text),
            Metadata::Type { kind, .. } => family.kind = kind,
            Metadata::Unit { unit, .. } => family.unit = (!unit.is_empty()).then_some(unit),
        }
    }

    /// Family and part of a sample: the family at hand, else one that was described anywhere before, else a new one of
    /// unknown type.
    pub fn place(&mut self, sample: &Sample<'a>) -> (FamilyId, Role) {
        let sample = &sample.name;
        if let Some(id) = self.current
            && let Some(role) = self.list[id.index()].role_of(sample, self.format)
        {
            return (id, role);
        }
        let (id, role) = self.look_up(sample).unwrap_or_else(|| (self.insert(sample.clone()), Role::Value));
        self.current = Some(id);
        (id, role)
    }

    /// The family at a position this list gave out.
    #[must_use]
    pub fn get(&self, id: FamilyId) -> &Family<'a> {
        &self.list[id.index()]
    }

    /// Position of a family by its name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<FamilyId> {
        self.by_name.find(self.hasher.hash_one(name), |id| self.list[id.index()].name == name).copied()
    }

    /// All of them, in the order of the page.
    pub fn iter(&self) -> impl Iterator<Item = &Family<'a>> {
        self.list.iter()
    }

    fn look_up(&self, sample: &str) -> Option<(FamilyId, Role)> {
        let role_in = |id: FamilyId| Some((id, self.get(id).role_of(sample, self.format)?));
        if let Some(found) = self.find(sample).and_then(role_in) {
            return Some(found);
        }
        let (base, _) = sample.rsplit_once('_')?;
        self.find(base).and_then(role_in)
    }

    fn insert(&mut self, name: Cow<'a, str>) -> FamilyId {
        // Bounded by the samples and metadata lines of a page, which are far below.
        let id = FamilyId(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        let (list, hasher) = (&mut self.list, &self.hasher);
        let hash = hasher.hash_one(&*name);
        list.push(Family::new(name));
        self.by_name.insert_unique(hash, id, |other| hasher.hash_one(&*list[other.index()].name));
        id
    }
}

impl FamilyId {
    /// The position as an index.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus::Labels;

    fn typed<'a>(families: &mut Families<'a>, name: &'a str, kind: Type) {
        families.describe(Metadata::Type { family: name.into(), kind });
    }

    fn place(families: &mut Families<'static>, sample: &'static str) -> (String, Type, Role) {
        let name = sample.into();
        let sample = Sample { name, labels: Labels::default(), value: 0.0, timestamp: None, exemplar: None };
        let (id, role) = families.place(&sample);
        let family = families.get(id);
        (family.name.clone().into_owned(), family.kind, role)
    }

    #[test]
    fn words_of_types_come_back() {
        for word in ["counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset", "unknown"] {
            assert_eq!(Type::of(word).unwrap().as_str(), word);
        }
        assert_eq!(Type::of("untyped"), Some(Type::Unknown));
        assert_eq!(Type::of("Counter"), None);
    }

    #[test]
    fn a_counter_is_named_by_its_format() {
        let mut open = Families::new(Format::OpenMetrics);
        typed(&mut open, "x", Type::Counter);
        assert_eq!(place(&mut open, "x_total"), ("x".into(), Type::Counter, Role::Value));
        assert_eq!(place(&mut open, "x_created"), ("x".into(), Type::Counter, Role::Created));
        let mut text = Families::new(Format::Text);
        typed(&mut text, "x", Type::Counter);
        assert_eq!(place(&mut text, "x"), ("x".into(), Type::Counter, Role::Value));
        assert_eq!(place(&mut text, "x_total"), ("x_total".into(), Type::Unknown, Role::Value));
    }

    #[test]
    fn parts_find_their_family_wherever_it_was_described() {
        let mut families = Families::new(Format::Text);
        typed(&mut families, "h", Type::Histogram);
        typed(&mut families, "s", Type::Summary);
        typed(&mut families, "s_count", Type::Gauge);
        assert_eq!(place(&mut families, "h_bucket"), ("h".into(), Type::Histogram, Role::Bucket));
        assert_eq!(place(&mut families, "h_sum"), ("h".into(), Type::Histogram, Role::Sum));
        assert_eq!(place(&mut families, "other"), ("other".into(), Type::Unknown, Role::Value));
        assert_eq!(place(&mut families, "s_count"), ("s_count".into(), Type::Gauge, Role::Value));
        assert_eq!(place(&mut families, "s"), ("s".into(), Type::Summary, Role::Quantile));
        assert_eq!(place(&mut families, "h"), ("h".into(), Type::Histogram, Role::Value));
        assert_eq!(place(&mut families, "h_total"), ("h_total".into(), Type::Unknown, Role::Value));
        assert_eq!(families.iter().count(), 5);
    }

    #[test]
    fn empty_metadata_says_nothing() {
        let mut families = Families::new(Format::OpenMetrics);
        families.describe(Metadata::Help { family: "a".into(), text: "".into() });
        families.describe(Metadata::Unit { family: "a".into(), unit: "" });
        let family = families.get(families.find("a").unwrap());
        assert_eq!((&family.help, family.unit), (&None, None));
    }
}
