//! A window closes: each row gets its value, each point its fate.

use std::collections::BTreeMap;

use super::attach::{rule_id, status_name};
use super::combine::{by_instance, combine, common, quotas, usual};
use super::condenser::Condenser;
use super::config::Across;
use super::rows::RowState;
use super::rules::{Limit, RuleKind, ValueOf};
use super::series::SeriesTable;
use super::status::{Member, Observed, StatusKey, StatusKind};
use super::values::Totals;
use super::watch::{Said, label_in, rate, sentence};
use crate::clock::Timestamp;
use crate::metric::{Body, Labels, Rating, Row};

/// What a row came to in a window.
struct Outcome {
    value: f64,
    limit: Option<f64>,
    /// The point's own time of a last value.
    time: Option<Timestamp>,
    /// The series that it was made of.
    made_of: Vec<u32>,
    resource: Option<Labels>,
}

impl Condenser {
    /// Closes the window of every service and opens the next: the rows by service.
    pub(super) fn close_rows(&mut self, now: Timestamp) -> BTreeMap<u32, Vec<Row>> {
        self.join_limits();
        let mut rows: BTreeMap<u32, Vec<Row>> = BTreeMap::new();
        let mut observed = Vec::new();
        for (number, row) in self.rows.iter_mut() {
            let Some(outcome) = outcome(row, &self.table) else { continue };
            if let Some(resource) = outcome.resource {
                row.resource = Some(resource);
            }
            let (kind, rated) = (row.spec.rule.kind, !row.spec.rule.thresholds.is_empty());
            let share = outcome.limit.map(|limit| outcome.value / limit * 100.0);
            row.rating = rate(&row.spec.rule, outcome.value, share, row.rating);
            if kind == RuleKind::Status || (kind == RuleKind::Gauge && rated) {
                observed.push(observe_row(number, row, outcome.value, outcome.limit, now));
            }
            if kind == RuleKind::Status {
                // The agent makes the status itself; the points it was read from are merged into it.
                continue;
            }
            let points = represent(&mut self.table, &outcome.made_of);
            let time = outcome.time.unwrap_or(now);
            let body = body(row, outcome.value, outcome.limit);
            row.shown = Some((body.clone(), time));
            rows.entry(row.service).or_default().push(emitted(row, body, time, points));
        }
        self.settle();
        for (key, mut status) in observed {
            status.confirm = self.confirm_of(status.source);
            self.board.observe(key, status);
        }
        self.mark_maintenance(&mut rows, now);
        self.look_for_silent_senders(now);
        rows
    }

    fn confirm_of(&self, source: Option<u32>) -> super::config::Confirm {
        let source = source.and_then(|source| self.config.sources.get(source as usize));
        source.map(|source| source.status.confirm).unwrap_or_default()
    }

    /// Gives every point of the window that was not dropped before its fate.
    fn settle(&mut self) {
        for (_, series) in self.table.series.iter_mut() {
            if series.points > 0 {
                let represented = u64::from(std::mem::take(&mut series.represented));
                self.fates.merged += u64::from(series.points) - represented;
                self.pending -= u64::from(series.points);
                series.points = 0;
            }
            series.state.close();
        }
        self.table.recount();
    }

    /// A quota is no alarm during maintenance either.
    fn mark_maintenance(&self, rows: &mut BTreeMap<u32, Vec<Row>>, now: Timestamp) {
        for (service, rows) in rows {
            if self.services[*service as usize].calendar.active(now).is_none() {
                continue;
            }
            for row in rows {
                if let Body::Quota { rating, .. } = &mut row.body {
                    *rating = Rating::Info;
                }
            }
        }
    }

    /// Finds the series that measure each quota, where that may have changed.
    fn join_limits(&mut self) {
        let (sources, table) = (&self.sources, &self.table);
        for (_, row) in self.rows.iter_mut() {
            let Some(source) = sources.get(row.key.source as usize) else { continue };
            if row.spec.rule.limit_series().is_none() || row.limits_version == Some(source.limits.version) {
                continue;
            }
            let candidates = source.limits.by_rule.get(&rule_id(&row.spec.rule)).map_or(&[][..], Vec::as_slice);
            row.limits = candidates
                .iter()
                .copied()
                .filter(|limit| row.members.iter().any(|one| joins(table, *one, *limit)))
                .collect();
            row.limits_version = Some(source.limits.version);
        }
    }
}

/// Whether a series measures another: of the same resource, and equal in all labels that both have.
fn joins(table: &SeriesTable, used: u32, limit: u32) -> bool {
    let resource = |slot: u32| table.series.get(slot).map(|series| series.resource);
    if resource(used) != resource(limit) {
        return false;
    }
    table.attributes(limit).iter().map_while(Result::ok).all(|(key, value)| {
        let other = table.attributes(used).iter().map_while(Result::ok).find(|(name, _)| *name == key);
        other.is_none_or(|(_, other)| other == value)
    })
}

/// The value of a row in this window; `None` when nothing new came in.
fn outcome(row: &RowState, table: &SeriesTable) -> Option<Outcome> {
    let spec = &row.spec;
    let fresh: Vec<u32> = row
        .members
        .iter()
        .copied()
        .filter(|slot| table.series.get(*slot).is_some_and(|series| series.points > 0 && !series.ended))
        .collect();
    if let Some(value) = merged_value(row, table, &fresh) {
        return Some(finished(row, table, value * spec.scale, None, fresh));
    }
    let values: Vec<(u32, u32, f64)> = fresh
        .iter()
        .filter_map(|slot| {
            let series = table.series.get(*slot)?;
            let number = series.state.number(spec.value).or_else(|| series.state.totals()?.number(spec.value))?;
            Some((*slot, series.resource, number * spec.scale))
        })
        .collect();
    let made_of: Vec<u32> = values.iter().map(|(slot, ..)| *slot).collect();
    let by_resource: Vec<(u32, f64)> = values.iter().map(|(_, resource, value)| (*resource, *value)).collect();
    if spec.rule.limit.is_some() {
        let (value, limit, limits) = limited(row, table, &by_resource)?;
        let mut made_of = made_of;
        made_of.extend(limits);
        return Some(finished(row, table, value, limit, made_of));
    }
    let across = match spec.across {
        Some(Across::Each) | None => usual(spec.value, spec.kind),
        Some(across) => across,
    };
    let value = by_instance(by_resource, spec.rule.within, across)?;
    Some(finished(row, table, value, None, made_of))
}

/// The value of merged histograms, unless the rule wants instances combined by their values.
fn merged_value(row: &RowState, table: &SeriesTable, fresh: &[u32]) -> Option<f64> {
    let spec = &row.spec;
    let merges = !matches!(spec.value, ValueOf::Rate | ValueOf::Delta)
        && matches!(spec.across, None | Some(Across::Each))
        && spec.rule.limit.is_none();
    if !merges {
        return None;
    }
    let mut all: Option<Totals> = None;
    for slot in fresh {
        let totals = table.series.get(*slot)?.state.totals()?;
        match &mut all {
            None if fresh.len() == 1 => return totals.number(spec.value),
            None => all = Some(totals.clone()),
            Some(all) => all.merge(totals),
        }
    }
    all?.number(spec.value)
}

/// What is used and of how much, and the limits' series.
fn limited(row: &RowState, table: &SeriesTable, used: &[(u32, f64)]) -> Option<(f64, Option<f64>, Vec<u32>)> {
    let rule = &row.spec.rule;
    let mut used = used.to_vec();
    used.sort_by_key(|(resource, _)| *resource);
    let (mut measured, mut unmeasured) = (Vec::new(), Vec::new());
    for chunk in used.chunk_by(|(a, _), (b, _)| a == b) {
        let values: Vec<f64> = chunk.iter().map(|(_, value)| *value).collect();
        let Some(value) = combine(rule.within, &values) else { continue };
        match limit_of(row, table, chunk[0].0) {
            Some(limit) if rule.rest_of_limit => measured.push((limit - value, limit)),
            Some(limit) => measured.push((value, limit)),
            None => unmeasured.push(value),
        }
    }
    let limits: Vec<u32> = row
        .limits
        .iter()
        .copied()
        .filter(|slot| table.series.get(*slot).is_some_and(|series| series.points > 0 && !series.ended))
        .collect();
    if let Some((value, limit)) = quotas(&measured, row.spec.across) {
        return Some((value, Some(limit), limits));
    }
    // Without a limit a quota is the number that it is.
    let across = row.spec.across.unwrap_or_else(|| usual(row.spec.value, row.spec.kind));
    let value = if rule.rest_of_limit { None } else { combine(across, &unmeasured) }?;
    Some((value, None, Vec::new()))
}

/// The limit of an instance: a number, or the latest of the series that hold it. What is not above zero says "none".
fn limit_of(row: &RowState, table: &SeriesTable, resource: u32) -> Option<f64> {
    match row.spec.rule.limit.as_ref()? {
        Limit::Constant(limit) => Some(limit * row.spec.scale),
        Limit::Series(_) => {
            let limits: Vec<f64> = row
                .limits
                .iter()
                .filter_map(|slot| table.series.get(*slot))
                .filter(|series| series.resource == resource && !series.ended)
                .filter_map(|series| series.state.standing())
                .filter(|limit| *limit > 0.0)
                .collect();
            combine(row.spec.rule.within, &limits).map(|limit| limit * row.spec.scale)
        }
    }
}

fn finished(row: &RowState, table: &SeriesTable, value: f64, limit: Option<f64>, made_of: Vec<u32>) -> Outcome {
    let mut time: Option<Timestamp> = None;
    let mut resource = row.resource.clone();
    for slot in &made_of {
        let Some(series) = table.series.get(*slot) else { continue };
        time = time.max(series.state.time_of(row.spec.value));
        if let Some(context) = table.resources.get(series.resource) {
            resource = Some(resource.map_or_else(|| context.labels.clone(), |known| common(&known, &context.labels)));
        }
    }
    Outcome { value, limit, time, made_of, resource }
}

/// Marks series as represented by a row; returns how many were not represented by another one before.
fn represent(table: &mut SeriesTable, made_of: &[u32]) -> u32 {
    let mut points = 0;
    for slot in made_of {
        if let Some(series) = table.series.get_mut(*slot)
            && series.points > 0
            && !std::mem::replace(&mut series.represented, true)
        {
            points += 1;
        }
    }
    points
}

fn body(row: &RowState, value: f64, limit: Option<f64>) -> Body {
    match (row.spec.rule.kind, limit) {
        (RuleKind::Quota, Some(limit)) => Body::Quota { used: value, limit, rating: row.rating },
        _ => Body::Gauge(value),
    }
}

fn emitted(row: &RowState, body: Body, time: Timestamp, points: u32) -> Row {
    Row {
        name: row.name.clone(),
        unit: row.key.unit.clone(),
        labels: row.key.labels.clone(),
        resource: row.resource.clone().unwrap_or_default(),
        time,
        body,
        points,
    }
}

/// The status that a row's value makes.
fn observe_row(number: u32, row: &RowState, value: f64, limit: Option<f64>, now: Timestamp) -> (StatusKey, Observed) {
    let rule = &row.spec.rule;
    let said = Said { rule, name: &row.name, value, limit, unit: &row.key.unit };
    let text = sentence(&said, label_in(&row.key.labels));
    let key =
        StatusKey { service: row.service, name: status_name(rule, &row.key.name), labels: row.key.labels.clone() };
    let observed = Observed {
        kind: StatusKind::Rule,
        source: Some(row.key.source),
        member: Member::Row(number),
        instance: "".into(),
        rating: row.rating,
        text,
        time: now,
        confirm: super::config::Confirm::default(),
        essential: false,
    };
    (key, observed)
}
