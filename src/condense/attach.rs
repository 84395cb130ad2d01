//! A new series becomes part of rows and statuses, as far as there is room for them.

use std::sync::Arc;

use super::condenser::{Condenser, Limits, warn};
use super::config::{Across, Identity};
use super::fates::DropReason;
use super::plan::{SeriesPlan, outputs};
use super::rows::{RowKey, RowSpec, scale_and_unit};
use super::rules::{Rule, RuleKind, ValueOf};
use super::series::labels_of;
use super::status::StatusKey;
use super::values::State;
use super::watch::{Watch, instance_name};
use crate::metric::{Attributes, Labels, MetricKind, Rating};

/// What a row takes of memory beside its labels, which its series already pay for.
const ROW_BYTES: usize = 512;

/// What is known of a series while it is attached.
struct Joining {
    slot: u32,
    source: u32,
    service: u32,
    metric: Arc<str>,
    unit: Arc<str>,
    kind: MetricKind,
    resource_labels: Labels,
    group: Labels,
}

impl Condenser {
    /// Makes a series part of what its plan says. `false`: there was no room for any of it.
    pub(super) fn attach(&mut self, slot: u32, plan: &SeriesPlan, quantiles: &[(f64, f64)]) -> bool {
        let Some(joining) = self.joining(slot) else { return false };
        let mut attached = false;
        for rule in &plan.limits {
            self.sources[joining.source as usize].limits.add(rule, slot);
            attached = true;
        }
        for rule in &plan.values {
            for (value, suffix) in outputs(rule, joining.kind, quantiles) {
                attached |= self.attach_value(&joining, rule, value, &suffix);
            }
        }
        attached
    }

    fn joining(&self, slot: u32) -> Option<Joining> {
        let series = self.table.series.get(slot)?;
        let metric = self.table.metrics.get(series.metric)?;
        let resource = self.table.resources.get(series.resource)?;
        Some(Joining {
            slot,
            source: series.source,
            service: self.sources.get(series.source as usize)?.service?,
            metric: metric.name.clone(),
            unit: metric.unit.clone(),
            kind: metric.plan.effective_kind(metric.kind),
            resource_labels: resource.labels.clone(),
            group: resource.group.clone(),
        })
    }

    fn attach_value(&mut self, joining: &Joining, rule: &Arc<Rule>, value: ValueOf, suffix: &str) -> bool {
        let source = &self.config.sources[joining.source as usize];
        let attributes = self.table.attributes(joining.slot);
        let labels = labels_of(attributes, |key| match (&rule.labels, &source.labels) {
            (Some(wanted), _) | (None, Some(wanted)) => wanted.iter().any(|label| **label == *key),
            (None, None) => true,
        });
        let (scale, unit) = scale_and_unit(rule, value, joining.kind, (&joining.metric, &joining.unit));
        let across = rule.across.or(source.across);
        let each = across == Some(Across::Each);
        if rule.kind == RuleKind::Status
            && value == ValueOf::Last
            && rule.limit.is_none()
            && is_plain(joining.kind)
            && !each
        {
            self.attach_watch(joining, rule, labels, (scale, unit));
            return true;
        }
        let base = rule.name.as_ref().unwrap_or(&joining.metric);
        let key = RowKey {
            source: joining.source,
            name: wire_name(&format!("{base}{suffix}"), &labels, self.config.identity),
            unit,
            labels,
            group: if each { joining.resource_labels.clone() } else { joining.group.clone() },
        };
        let spec = RowSpec { rule: rule.clone(), value, kind: joining.kind, scale, across };
        let Some(row) = self.row_for(joining, key, spec) else { return false };
        let (Some(row_state), Some(series)) = (self.rows.get_mut(row), self.table.series.get_mut(joining.slot)) else {
            return false;
        };
        if !series.rows.contains(&row) {
            row_state.members.push(joining.slot);
            row_state.limits_version = None;
            series.rows.push(row);
        }
        true
    }

    /// The row of a key: the one that is there, if it shows the same, or a new one, if there is room.
    fn row_for(&mut self, joining: &Joining, key: RowKey, spec: RowSpec) -> Option<u32> {
        if let Some(slot) = self.rows.find(&key) {
            return self.rows.get(slot).filter(|row| row.spec.is_like(&spec)).map(|_| slot);
        }
        let source = &self.config.sources[joining.source as usize];
        let service = &mut self.services[joining.service as usize];
        if spec.is_counted() {
            if service.room.rows >= service.config.max_metrics {
                service.room.cut(&key.name);
                return None;
            }
            service.room.rows += 1;
        }
        // Where attributes are folded into the name, the name alone tells rows apart.
        let wire_labels = match self.config.identity {
            Identity::Label => joining.resource_labels.clone(),
            Identity::Name => Labels::default(),
        };
        let name = key.name.clone();
        let (slot, clash) = self.rows.add(joining.service, key, spec, (&wire_labels, &source.key.name));
        self.table.charge(ROW_BYTES);
        if clash {
            warn(
                &mut service.warnings,
                format!(
                    "two sources yield {name} with equal attributes; that of {0} is sent as \"{0} {name}\"",
                    source.key.name
                ),
            );
        }
        Some(slot)
    }

    fn attach_watch(&mut self, joining: &Joining, rule: &Arc<Rule>, labels: Labels, (scale, unit): (f64, Arc<str>)) {
        let resource = self.table.series.get(joining.slot).map(|series| series.resource);
        let attributes = resource.map_or(Attributes::default(), |slot| Attributes::new(self.table.resources.key(slot)));
        let watch = Watch {
            key: StatusKey { service: joining.service, name: status_name(rule, &joining.metric), labels },
            rule: rule.clone(),
            scale,
            unit,
            instance: instance_name(attributes),
            rating: Rating::Ok,
        };
        let watches = self.watches.entry(joining.slot).or_default();
        // Two recipes may read the same status; it is observed once.
        if watches.iter().all(|known| known.key != watch.key) {
            watches.push(watch);
        }
        if let Some(series) = self.table.series.get_mut(joining.slot) {
            series.watched = true;
        }
    }

    /// Decides anew what becomes of all series of some sources, because their rules changed.
    pub(super) fn replan(&mut self, concerns: impl Fn(u32) -> bool) {
        self.generation = self.generation.wrapping_add(1);
        let forward = self.forward.clone();
        let sources = &self.sources;
        for (_, metric) in self.table.metrics.iter_mut() {
            if concerns(metric.source)
                && let Some(source) = sources.get(metric.source as usize)
            {
                metric.plan = source.plan.for_metric(&metric.name, &forward);
            }
        }
        let mut slots: Vec<u32> =
            self.table.series.iter().filter(|(_, series)| concerns(series.source)).map(|(slot, _)| slot).collect();
        slots.sort_unstable();
        for &slot in &slots {
            self.detach(slot);
        }
        for slot in slots {
            let Some(metric) = self.table.series.get(slot).map(|series| series.metric) else { continue };
            let Some(metric) = self.table.metrics.get(metric) else { continue };
            let plan = metric.plan.for_series(self.table.attributes(slot));
            let kind = metric.plan.effective_kind(metric.kind);
            let Some(series) = self.table.series.get_mut(slot) else { continue };
            if !series.state.suits(kind) {
                series.state = State::new(kind);
            }
            let quantiles = series.state.quantiles().to_vec();
            if plan.is_empty() {
                self.forget_series(slot, DropReason::NotSelected);
            } else if !self.attach(slot, &plan, &quantiles) {
                self.forget_series(slot, DropReason::Cardinality);
            }
        }
        for service in &mut self.services {
            service.room.generation = service.room.generation.wrapping_add(1);
        }
    }

    /// Takes a series out of everything it is part of, but keeps what it knows.
    fn detach(&mut self, slot: u32) {
        let Some(series) = self.table.series.get_mut(slot) else { return };
        series.watched = false;
        let (rows, source) = (std::mem::take(&mut series.rows), series.source);
        self.leave_rows(slot, &rows, source);
    }

    /// Takes a series out of its rows, limits and statuses; what becomes empty goes, and its room is free again.
    pub(super) fn leave_rows(&mut self, slot: u32, rows: &[u32], source: u32) {
        for row in rows {
            let Some(row) = self.rows.leave(*row, slot) else { continue };
            self.table.release(ROW_BYTES);
            if row.spec.is_counted()
                && let Some(service) = self.services.get_mut(row.service as usize)
            {
                service.room.rows = service.room.rows.saturating_sub(1);
                service.room.generation = service.room.generation.wrapping_add(1);
            }
        }
        if let Some(source) = self.sources.get_mut(source as usize) {
            source.limits.remove(slot);
        }
        self.watches.remove(&slot);
    }
}

impl Limits {
    fn add(&mut self, rule: &Arc<Rule>, series: u32) {
        let series_of_rule = self.by_rule.entry(rule_id(rule)).or_default();
        if !series_of_rule.contains(&series) {
            series_of_rule.push(series);
        }
        self.version = self.version.wrapping_add(1);
    }

    pub(super) fn remove(&mut self, series: u32) {
        let before: usize = self.by_rule.values().map(Vec::len).sum();
        self.by_rule.values_mut().for_each(|all| all.retain(|one| *one != series));
        if self.by_rule.values().map(Vec::len).sum::<usize>() != before {
            self.version = self.version.wrapping_add(1);
        }
    }
}

/// A rule is the same as long as it is the same object.
pub(super) fn rule_id(rule: &Arc<Rule>) -> usize {
    Arc::as_ptr(rule) as usize
}

/// What a status of numbers is called: as its rule says, or after its metric.
pub(super) fn status_name(rule: &Rule, metric: &str) -> Arc<str> {
    match (&rule.name, rule.kind) {
        (Some(name), RuleKind::Status) => name.clone(),
        (Some(name), _) => format!("{name}.status").into(),
        (None, _) => format!("{metric}.status").into(),
    }
}

/// Whether each point of it has a value of its own.
const fn is_plain(kind: MetricKind) -> bool {
    use crate::metric::Temporality::Cumulative;
    matches!(kind, MetricKind::Gauge | MetricKind::Sum { monotonic: false, temporality: Cumulative })
}

/// With `identity = "name"` the attributes are part of the name.
fn wire_name(name: &str, labels: &Labels, identity: Identity) -> Arc<str> {
    if identity == Identity::Label || labels.is_empty() {
        return name.into();
    }
    let pairs: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("{name}{{{}}}", pairs.join(",")).into()
}
