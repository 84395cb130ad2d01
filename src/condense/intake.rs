//! Points come in: each finds its series, and its value goes into the open window.

use super::condenser::Condenser;
use super::config::{Recipes, SourceKind};
use super::fates::DropReason;
use super::series::{ResourceContext, Target};
use super::status::{Member, StatusKey};
use super::values::{Arrival, State, Taken};
use crate::clock::Timestamp;
use crate::metric::{Attributes, Point, Points};

/// Slots that no series has: what an alias may stand for instead.
const NOT_SELECTED: u32 = u32::MAX;
const CUT: u32 = u32::MAX - 1;

/// What a metric of a block turned out to be.
#[derive(Debug, Clone, Copy)]
enum Resolved {
    Refused(DropReason),
    Metric { slot: u32, number: u32, service: u32 },
}

impl Condenser {
    pub(super) fn take_points(&mut self, points: &Points, now: Timestamp) {
        let resources = self.resolve_resources(points, now);
        self.detect_recipes(points, &resources);
        let metrics = self.resolve_metrics(points, &resources, now);
        if points.is_complete() {
            self.block = self.block.wrapping_add(1);
        }
        let recent = now.minus(self.config.push_interval * 2);
        let arrival = Arrival { now, recent };
        for point in points.points() {
            match metrics.get(point.metric as usize) {
                Some(&Resolved::Metric { slot, number, service }) => {
                    self.take_point(point, points, arrival, (slot, number, service));
                }
                Some(Resolved::Refused(reason)) => self.fates.drop(*reason, 1),
                None => self.fates.drop(DropReason::Malformed, 1),
            }
        }
        if points.is_complete() {
            let mut sources: Vec<u32> =
                points.resources().iter().filter_map(|resource| Some(resource.source?.0)).collect();
            sources.dedup();
            for source in sources {
                self.end_source(source, Some(self.block));
            }
        }
    }

    /// Ends all series of a source that were not in the given complete block.
    pub(super) fn end_source(&mut self, index: u32, block: Option<u32>) {
        let Some(source) = self.sources.get_mut(index as usize) else { return };
        let table = &mut self.table.series;
        source.series.retain(|slot| {
            let Some(series) = table.get_mut(*slot).filter(|series| series.source == index) else { return false };
            if !series.ended && block != Some(series.block) {
                series.ended = true;
                series.state.end();
            }
            true
        });
    }

    fn resolve_resources(&mut self, points: &Points, now: Timestamp) -> Vec<Result<u32, DropReason>> {
        let mut resolved = Vec::with_capacity(points.resources().len());
        for resource in points.resources() {
            let known = resource
                .source
                .map(|source| source.0)
                .and_then(|source| Some((source, self.sources.get(source as usize)?.service?)));
            let Some((source, service)) = known else {
                resolved.push(Err(DropReason::NoRoute));
                continue;
            };
            let has_room = self.table.used_bytes() < self.config.max_state_bytes;
            let service = &self.services[service as usize];
            let make = |attributes: Attributes<'_>| {
                has_room.then(|| ResourceContext::of(source, attributes, &service.resource_labels))
            };
            let slot = match self.table.resource(source, points.attributes(resource.attributes), make) {
                Ok(Some(slot)) => Ok(slot),
                Ok(None) => Err(DropReason::StateBytes),
                Err(_) => Err(DropReason::Malformed),
            };
            if let Ok(slot) = slot {
                self.heard_of(slot, source, now);
            }
            resolved.push(slot);
        }
        resolved
    }

    fn heard_of(&mut self, slot: u32, source: u32, now: Timestamp) {
        let Some(resource) = self.table.resources.get_mut(slot) else { return };
        resource.seen = now;
        if self.config.sources[source as usize].kind == SourceKind::Push {
            let before = self.sources[source as usize].senders.heard(&resource.sender, now);
            if before.is_none_or(|before| now.since(before) > self.config.push_interval) {
                self.look_at_senders(source, now);
            }
        }
    }

    /// Switches recipes on whose producer shows itself for the first time.
    fn detect_recipes(&mut self, points: &Points, resources: &[Result<u32, DropReason>]) {
        let mut changed = Vec::new();
        for metric in points.metrics() {
            let Some(Ok(resource)) = resources.get(metric.resource as usize).copied() else { continue };
            let Some(source) = self.table.resources.get(resource).map(|resource| resource.source) else { continue };
            let is_auto = self.config.sources[source as usize].recipes == Recipes::Auto;
            if !is_auto || self.table.find_metric(resource, metric, points).is_some() {
                continue;
            }
            let (name, scope) = (points.text(metric.name), points.text(metric.scope));
            let active = &mut self.sources[source as usize].plan.recipes;
            for recipe in self.library.iter().filter(|recipe| recipe.detects(name, scope)) {
                if !active.iter().any(|known| known.name == recipe.name) {
                    active.push(recipe.clone());
                    changed.push(source);
                }
            }
        }
        if !changed.is_empty() {
            self.replan(|source| changed.contains(&source));
        }
    }

    fn resolve_metrics(
        &mut self,
        points: &Points,
        resources: &[Result<u32, DropReason>],
        now: Timestamp,
    ) -> Vec<Resolved> {
        let mut resolved = Vec::with_capacity(points.metrics().len());
        for metric in points.metrics() {
            let resource = match resources.get(metric.resource as usize) {
                Some(Ok(resource)) => *resource,
                Some(Err(reason)) => {
                    resolved.push(Resolved::Refused(*reason));
                    continue;
                }
                None => {
                    resolved.push(Resolved::Refused(DropReason::NoRoute));
                    continue;
                }
            };
            let slot = self.table.find_metric(resource, metric, points).or_else(|| {
                let owner = self.table.resources.get(resource)?;
                let source = &self.sources[owner.source as usize];
                let plan = source.plan.for_metric(points.text(metric.name), &self.forward);
                let has_room = self.table.used_bytes() < self.config.max_state_bytes;
                has_room.then(|| self.table.add_metric(resource, metric, points, plan)).flatten()
            });
            let context = slot.and_then(|slot| Some((slot, self.table.metrics.get_mut(slot)?)));
            resolved.push(match context {
                None => Resolved::Refused(DropReason::StateBytes),
                Some((_, context)) if context.plan.is_empty() => {
                    context.seen = now;
                    Resolved::Refused(DropReason::NotSelected)
                }
                Some((slot, context)) => {
                    context.seen = now;
                    match self.sources[context.source as usize].service {
                        Some(service) => Resolved::Metric { slot, number: context.number, service },
                        None => Resolved::Refused(DropReason::NoRoute),
                    }
                }
            });
        }
        resolved
    }

    #[inline]
    fn take_point(
        &mut self,
        point: &Point,
        points: &Points,
        arrival: Arrival,
        (metric, number, service): (u32, u32, u32),
    ) {
        let attributes = points.bytes(point.attributes);
        let known = match self.table.alias(number, attributes) {
            Some(target) if self.table.series.is_current(target) => Some(Ok(target.slot)),
            Some(target) => self.known_refusal(target, service).map(Err),
            None => None,
        };
        let found =
            known.unwrap_or_else(|| self.identify(metric, number, Attributes::new(attributes), (point, points)));
        let slot = match found {
            Ok(slot) => slot,
            Err(reason) => return self.fates.drop(reason, 1),
        };
        let Some(series) = self.table.series.get_mut(slot) else { return };
        let taken = series.state.take(point, points, arrival);
        let watched = series.watched;
        series.seen = arrival.now;
        series.block = self.block;
        if taken == Taken::Held {
            series.points += 1;
            series.ended = false;
            self.pending += 1;
        } else {
            series.ended = taken == Taken::Ended;
            self.account(taken);
        }
        if watched {
            self.observe_watches(slot, arrival.now);
        }
    }

    /// Why points with these attributes were refused before, if that still holds.
    fn known_refusal(&self, target: Target, service: u32) -> Option<DropReason> {
        match target.slot {
            NOT_SELECTED if target.generation == self.generation => Some(DropReason::NotSelected),
            CUT if target.generation == self.services[service as usize].room.generation => {
                Some(DropReason::Cardinality)
            }
            _ => None,
        }
    }

    /// What becomes of a point that is not part of the window.
    #[cold]
    const fn account(&mut self, taken: Taken) {
        match taken {
            Taken::NotANumber => self.fates.drop(DropReason::NotANumber, 1),
            Taken::Malformed => self.fates.drop(DropReason::Malformed, 1),
            Taken::Held | Taken::Duplicate | Taken::Ended => self.fates.merged += 1,
        }
    }

    /// The series of attributes that were not seen in this form before.
    #[cold]
    fn identify(
        &mut self,
        metric: u32,
        number: u32,
        attributes: Attributes<'_>,
        (point, points): (&Point, &Points),
    ) -> Result<u32, DropReason> {
        let found = self.table.find_series(metric, attributes).map_err(|_| DropReason::Malformed)?;
        if let Some(target) = found {
            self.table.set_alias(number, attributes.as_bytes(), target);
            return Ok(target.slot);
        }
        let service = self.service_of_metric(metric).ok_or(DropReason::ServiceRemoved)?;
        let context = self.table.metrics.get(metric).ok_or(DropReason::ServiceRemoved)?;
        let (kind, source) = (context.plan.effective_kind(context.kind), context.source);
        let plan = context.plan.for_series(self.table.sought());
        if plan.is_empty() {
            let target = Target { slot: NOT_SELECTED, generation: self.generation };
            self.table.set_alias(number, attributes.as_bytes(), target);
            return Err(DropReason::NotSelected);
        }
        if self.table.used_bytes() >= self.config.max_state_bytes {
            return Err(DropReason::StateBytes);
        }
        let target = self.table.add_series(metric, State::new(kind)).ok_or(DropReason::StateBytes)?;
        let quantiles = match point.value {
            crate::metric::Value::Summary(index) => points.summary(index).map_or(&[][..], |summary| summary.quantiles),
            _ => &[],
        };
        self.sources[source as usize].series.push(target.slot);
        if !self.attach(target.slot, &plan, quantiles) {
            self.table.remove_series(target.slot);
            let target = Target { slot: CUT, generation: self.services[service as usize].room.generation };
            self.table.set_alias(number, attributes.as_bytes(), target);
            return Err(DropReason::Cardinality);
        }
        self.table.set_alias(number, attributes.as_bytes(), target);
        Ok(target.slot)
    }

    fn service_of_metric(&self, metric: u32) -> Option<u32> {
        self.sources.get(self.table.metrics.get(metric)?.source as usize)?.service
    }

    /// Forgets a series and whatever hangs on it.
    pub(super) fn forget_series(&mut self, slot: u32, reason: DropReason) {
        let Some(series) = self.table.remove_series(slot) else { return };
        self.drop_pending(series.points, reason);
        self.leave_rows(slot, &series.rows, series.source);
    }

    /// Lists the series of each source anew, once a window: what was forgotten leaves the lists, whose slots may have been used again.
    pub(super) fn list_series(&mut self) {
        self.sources.iter_mut().for_each(|source| source.series.clear());
        for (slot, series) in self.table.series.iter() {
            if let Some(source) = self.sources.get_mut(series.source as usize) {
                source.series.push(slot);
            }
        }
    }

    /// Statuses whose series have ended or were forgotten: told once as information. Then what was silent since `before` is forgotten.
    pub(super) fn forget(&mut self, now: Timestamp, before: Timestamp) -> Vec<(u32, crate::metric::Row)> {
        let silent: Vec<u32> =
            self.table.series.iter().filter(|(_, series)| series.seen < before).map(|(slot, _)| slot).collect();
        for slot in silent {
            self.forget_series(slot, DropReason::ServiceRemoved);
        }
        self.table.sweep(before);
        self.list_series();
        let (table, rows, watches) = (&self.table, &self.rows, &self.watches);
        let has_ended = |slot: u32| table.series.get(slot).is_none_or(|series| series.ended);
        let gone = |key: &StatusKey, member: &Member| match member {
            Member::Series(target) => {
                let watched = watches.get(&target.slot).is_some_and(|all| all.iter().any(|watch| watch.key == *key));
                !watched || !table.series.is_current(*target) || has_ended(target.slot)
            }
            Member::Row(number) => rows.get(*number).is_none_or(|row| row.members.iter().all(|slot| has_ended(*slot))),
            Member::Source(_) | Member::Sender(..) | Member::Agent => false,
        };
        self.board.retire(gone, "no longer reported", now)
    }
}
