//! The rows of the services: what each is called, which series it is made of, and how many there may be.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::config::Across;
use super::rules::{Rule, RuleKind, ValueOf};
use crate::clock::Timestamp;
use crate::metric::{Body, Labels, MetricKind, Rating};
use crate::units;

/// The most names of cut metrics that are kept for the status page; the rest is only counted.
const MAX_CUT_NAMES: usize = 100;

/// What makes a row one and the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RowKey {
    pub(crate) source: u32,
    pub(crate) name: Arc<str>,
    pub(crate) unit: Arc<str>,
    pub(crate) labels: Labels,
    /// What the instances that it combines have in common.
    pub(crate) group: Labels,
}

/// What a row shows, apart from whom it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct RowSpec {
    pub(crate) rule: Arc<Rule>,
    pub(crate) value: ValueOf,
    pub(crate) kind: MetricKind,
    /// 100 for a ratio that is shown in percent, else 1.
    pub(crate) scale: f64,
    pub(crate) across: Option<Across>,
}

/// A row and its series.
#[derive(Debug)]
pub(crate) struct RowState {
    pub(crate) key: RowKey,
    pub(crate) service: u32,
    /// The name on the wire: the key's, or one that tells it from another source's.
    pub(crate) name: Arc<str>,
    pub(crate) spec: RowSpec,
    pub(crate) members: Vec<u32>,
    /// The series that measure a quota, and which state of the rule's limits they were chosen from.
    pub(crate) limits: Vec<u32>,
    pub(crate) limits_version: Option<u32>,
    /// What the resources of all that was ever combined have in common; it only shrinks, so that a row does not change its labels with
    /// every instance that comes and goes.
    pub(crate) resource: Option<Labels>,
    /// How it was rated last, for hysteresis.
    pub(crate) rating: Rating,
    /// The resource labels that its name on the wire was taken with.
    wire_labels: Labels,
    /// What was sent last.
    pub(crate) shown: Option<(Body, Timestamp)>,
}

/// What a service may hold, and what it could not.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// How many rows count against the limit.
    pub(crate) rows: usize,
    /// Metrics whose series were cut, with how many times that was decided.
    pub(crate) cut: BTreeMap<Arc<str>, u64>,
    /// Changes whenever room becomes free: what was cut may be tried again.
    pub(crate) generation: u32,
}

/// All rows of all services. A row's number is never used again, so that a status made of it cannot be taken for another's.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    rows: BTreeMap<u32, RowState>,
    next: u32,
    index: HashMap<RowKey, u32>,
    /// Which source has which (service, name, labels, resource labels) on the wire.
    wire: HashMap<(u32, Arc<str>, Labels, Labels), u32>,
}

impl Rows {
    /// The row of a key.
    pub(crate) fn find(&self, key: &RowKey) -> Option<u32> {
        self.index.get(key).copied()
    }

    /// Adds a row. `wire_labels` are the resource labels it will go out with, as far as they are part of its identity. Says whether another
    /// source has an equal one already, in which case `prefix` stands in front of its name.
    pub(crate) fn add(
        &mut self,
        service: u32,
        key: RowKey,
        spec: RowSpec,
        (wire_labels, prefix): (&Labels, &str),
    ) -> (u32, bool) {
        let wire = |name: &Arc<str>| (service, name.clone(), key.labels.clone(), wire_labels.clone());
        let taken = self.wire.get(&wire(&key.name)).is_some_and(|&owner| owner != key.source);
        let name = if taken { format!("{prefix} {}", key.name).into() } else { key.name.clone() };
        self.wire.entry(wire(&name)).or_insert(key.source);
        let row = RowState {
            key: key.clone(),
            service,
            name,
            spec,
            members: Vec::new(),
            limits: Vec::new(),
            limits_version: None,
            resource: None,
            rating: Rating::Ok,
            wire_labels: wire_labels.clone(),
            shown: None,
        };
        let number = self.next;
        self.next += 1;
        self.rows.insert(number, row);
        self.index.insert(key, number);
        (number, taken)
    }

    /// A row.
    pub(crate) fn get(&self, number: u32) -> Option<&RowState> {
        self.rows.get(&number)
    }

    /// A row, to change it.
    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut RowState> {
        self.rows.get_mut(&number)
    }

    /// All rows.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &RowState)> {
        self.rows.iter().map(|(number, row)| (*number, row))
    }

    /// All rows, to change them.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut RowState)> {
        self.rows.iter_mut().map(|(number, row)| (*number, row))
    }

    /// Gives all rows the numbers of their sources and services after a reload.
    pub(crate) fn renumber(&mut self, source: impl Fn(u32) -> u32, service: impl Fn(u32) -> u32) {
        self.index.clear();
        self.wire = std::mem::take(&mut self.wire)
            .into_iter()
            .map(|((old, name, labels, resource), owner)| ((service(old), name, labels, resource), source(owner)))
            .collect();
        for (number, row) in &mut self.rows {
            row.key.source = source(row.key.source);
            row.service = service(row.service);
            self.index.insert(row.key.clone(), *number);
        }
    }

    /// Takes a series out of a row; the row itself is taken out with its last member.
    pub(crate) fn leave(&mut self, number: u32, series: u32) -> Option<RowState> {
        let row = self.get_mut(number)?;
        row.members.retain(|&member| member != series);
        row.limits.retain(|&limit| limit != series);
        if !row.members.is_empty() {
            return None;
        }
        let row = self.rows.remove(&number)?;
        self.index.remove(&row.key);
        let wire = (row.service, row.name.clone(), row.key.labels.clone(), row.wire_labels.clone());
        if self.wire.get(&wire) == Some(&row.key.source) {
            self.wire.remove(&wire);
        }
        Some(row)
    }
}

impl RowSpec {
    /// Whether the row counts against `max_metrics`.
    pub(crate) fn is_counted(&self) -> bool {
        self.rule.kind != RuleKind::Status
    }

    /// Whether two rules make the same of their series, so that both may feed one row.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.rule.kind == other.rule.kind && self.value == other.value
    }
}

impl Room {
    /// Remembers that a metric was cut.
    pub(crate) fn cut(&mut self, name: &Arc<str>) {
        if self.cut.len() < MAX_CUT_NAMES || self.cut.contains_key(name) {
            *self.cut.entry(name.clone()).or_default() += 1;
        }
    }
}

/// The scale and the unit of a value. `base`: the row's name without the suffix of the value.
pub(crate) fn scale_and_unit(rule: &Rule, value: ValueOf, kind: MetricKind, metric: (&str, &str)) -> (f64, Arc<str>) {
    let (name, unit) = metric;
    let counts_values = matches!(kind, MetricKind::Histogram(_) | MetricKind::Exponential(_) | MetricKind::Summary);
    let is_rate = value == ValueOf::Rate;
    let own = match (value, counts_values) {
        (ValueOf::Rate | ValueOf::Delta, true) => {
            if is_rate {
                "1/s".to_owned()
            } else {
                "1".to_owned()
            }
        }
        (ValueOf::Rate, false) => units::per_second(unit),
        _ => units::or_one(unit).to_owned(),
    };
    let shown = rule.name.as_deref().unwrap_or(name);
    // Seconds per second are a ratio, as in the utilization of a processor.
    let plain = unit.is_empty() || unit == "1" || (is_rate && unit == "s");
    let percent_wanted = rule.unit.as_deref().is_none_or(|unit| unit == "%" || unit == "1");
    let countable = !counts_values || !matches!(value, ValueOf::Rate | ValueOf::Delta);
    let named_rate = !is_rate || rule.name.is_some();
    if plain && percent_wanted && countable && named_rate && units::is_ratio(shown, "") {
        return (100.0, "%".into());
    }
    // A unit of a rule that leaves the choice of values open is that of the values, not of how often they come.
    let fits = rule.value.is_some() || !counts_values || !is_rate;
    let unit = rule.unit.as_deref().filter(|_| fits).map_or(own, str::to_owned);
    (1.0, unit.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condense::rules::RuleText;
    use crate::metric::Temporality;

    fn rule(name: Option<&str>, unit: Option<&str>) -> Arc<Rule> {
        let text = RuleText {
            select: "m".into(),
            name: name.map(str::to_owned),
            unit: unit.map(str::to_owned),
            ..RuleText::default()
        };
        Arc::new(Rule::parse(&text).unwrap())
    }

    fn spec() -> RowSpec {
        RowSpec { rule: rule(None, None), value: ValueOf::Last, kind: MetricKind::Gauge, scale: 1.0, across: None }
    }

    fn key(source: u32, name: &str) -> RowKey {
        RowKey { source, name: name.into(), unit: "1".into(), labels: Labels::default(), group: Labels::default() }
    }

    #[test]
    fn equal_rows_of_two_sources_are_told_apart_by_the_source() {
        let mut rows = Rows::default();
        let none = Labels::default();
        let (first, clash) = rows.add(0, key(0, "up"), spec(), (&none, "a"));
        assert!(!clash);
        let (second, clash) = rows.add(0, key(1, "up"), spec(), (&none, "b"));
        assert!(clash);
        assert_eq!((&*rows.get(first).unwrap().name, &*rows.get(second).unwrap().name), ("up", "b up"));
        let (_, clash) = rows.add(1, key(2, "up"), spec(), (&none, "c"));
        assert!(!clash, "another service has its own names");
    }

    #[test]
    fn a_row_goes_with_its_last_series_and_frees_its_name() {
        let mut rows = Rows::default();
        let (slot, _) = rows.add(0, key(0, "m"), spec(), (&Labels::default(), "a"));
        rows.get_mut(slot).unwrap().members.extend([7, 8]);
        assert!(rows.leave(slot, 7).is_none());
        assert_eq!(rows.leave(slot, 8).map(|row| row.name), Some("m".into()));
        assert_eq!((rows.find(&key(0, "m")), rows.iter().count()), (None, 0));
        assert!(!rows.add(0, key(1, "m"), spec(), (&Labels::default(), "b")).1);
    }

    #[test]
    fn units_and_scales_follow_the_name_and_the_value() {
        let gauge = MetricKind::Gauge;
        let sum = MetricKind::Sum { monotonic: true, temporality: Temporality::Cumulative };
        let histogram = MetricKind::Histogram(Temporality::Delta);
        let cases = [
            (rule(None, None), ValueOf::Last, gauge, ("cpu.utilization", "1"), (100.0, "%")),
            (rule(None, None), ValueOf::Last, gauge, ("cpu.utilization", "%"), (1.0, "%")),
            (rule(None, None), ValueOf::Last, gauge, ("pool.borrowed", "1"), (1.0, "1")),
            (rule(None, None), ValueOf::Last, gauge, ("memory", "By"), (1.0, "By")),
            (rule(None, None), ValueOf::Rate, sum, ("bytes", "By"), (1.0, "By/s")),
            (rule(None, None), ValueOf::Rate, sum, ("hits", ""), (1.0, "1/s")),
            (rule(None, None), ValueOf::Rate, sum, ("hit_ratio", ""), (1.0, "1/s")),
            (rule(Some("system.cpu.utilization"), None), ValueOf::Rate, sum, ("cpu_seconds", "s"), (100.0, "%")),
            (rule(None, Some("bytes")), ValueOf::Last, gauge, ("memory", "By"), (1.0, "bytes")),
            (rule(None, Some("share")), ValueOf::Last, gauge, ("x_ratio", "1"), (1.0, "share")),
            (rule(None, None), ValueOf::Average, histogram, ("duration", "ms"), (1.0, "ms")),
            (rule(None, Some("millis")), ValueOf::Rate, histogram, ("duration", "ms"), (1.0, "1/s")),
            (rule(None, Some("millis")), ValueOf::Percentile(95), histogram, ("duration", "ms"), (1.0, "millis")),
        ];
        for (rule, value, kind, metric, (scale, unit)) in cases {
            assert_eq!(scale_and_unit(&rule, value, kind, metric), (scale, Arc::from(unit)), "{metric:?} {value:?}");
        }
    }

    #[test]
    fn the_names_of_what_was_cut_are_bounded() {
        let mut room = Room::default();
        for number in 0..500 {
            room.cut(&format!("m{}", number % 200).into());
        }
        assert_eq!(room.cut.len(), MAX_CUT_NAMES);
        assert_eq!(room.cut["m0"], 3);
    }
}
