//! A new configuration takes over what stayed.
//!
//! Sources are recognised by their key, services by their name. What stayed keeps its series, bases and confirmed statuses; only what is made
//! of them is decided anew. What left is told once: its statuses as information, its open points as dropped.

use std::collections::{BTreeMap, HashMap};

use super::condenser::{CondenseError, Condenser, Effects, Service, batch_for, build_services, build_sources};
use super::config::{Config, Recipes};
use super::fates::DropReason;
use super::series::ResourceContext;
use super::status::{Member, StatusKey};
use crate::clock::Timestamp;
use crate::metric::{Attributes, Class, Row};

impl Condenser {
    /// Takes a new configuration over.
    ///
    /// # Errors
    /// [`CondenseError`]; everything stays as it was.
    pub fn reconfigure(&mut self, config: Config, now: Timestamp) -> Result<Effects, CondenseError> {
        let mut services = build_services(&config)?;
        let mut sources = build_sources(&config, &self.library, now)?;
        let numbers = Numbers::new(&self.config, &config);
        for (old, service) in self.services.iter().enumerate() {
            if let Some(new) = numbers.service(old as u32) {
                let new = &mut services[new as usize];
                new.calendar = std::mem::take(&mut new.calendar).keep_mute(&service.calendar);
            }
        }
        for (old, source) in self.sources.iter_mut().enumerate() {
            let Some(new) = numbers.source(old as u32) else { continue };
            let takes_over = &mut sources[new as usize];
            std::mem::swap(&mut takes_over.senders, &mut source.senders);
            if config.sources[new as usize].recipes == Recipes::Auto
                && self.config.sources[old].recipes == Recipes::Auto
            {
                takes_over.plan.recipes.clone_from(&source.plan.recipes);
            }
        }
        self.forget_what_left(&numbers);
        let left = self.board.renumber(|old| numbers.service(old), |old| numbers.source(old), now);
        let old_services = std::mem::replace(&mut self.services, services);
        self.sources = sources;
        self.closes = self.closes.min(now.plus(config.push_interval));
        self.config = config;
        self.renumber_series(&numbers);
        self.list_series();
        self.replan(|_| true);
        let mut batches = told(left, &old_services, now);
        batches.extend(self.move_heartbeat(now));
        self.restless.extend(0..self.services.len() as u32);
        let effects = self.effects(now);
        batches.extend(effects.batches);
        Ok(Effects { batches, fates: effects.fates })
    }

    fn forget_what_left(&mut self, numbers: &Numbers) {
        let left: Vec<u32> = self
            .table
            .series
            .iter()
            .filter(|(_, series)| numbers.source(series.source).is_none())
            .map(|(slot, _)| slot)
            .collect();
        for slot in left {
            self.forget_series(slot, DropReason::ServiceRemoved);
        }
        // Whatever has no series is found again when it is heard of.
        self.table.sweep(Timestamp(u64::MAX));
    }

    fn renumber_series(&mut self, numbers: &Numbers) {
        self.table.clear_aliases();
        let new_number = |old: u32| numbers.source(old).unwrap_or(u32::MAX);
        self.table.resources.reparent(new_number);
        let slots: Vec<u32> = self.table.resources.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            let attributes = self.table.resources.key(slot).to_vec();
            let Some(resource) = self.table.resources.get_mut(slot) else { continue };
            resource.source = new_number(resource.source);
            let service = self.sources.get(resource.source as usize).and_then(|source| source.service);
            if let Some(service) = service {
                let service = &self.services[service as usize];
                resource.describe(ResourceContext::of(
                    resource.source,
                    Attributes::new(&attributes),
                    &service.resource_labels,
                ));
            }
        }
        for (_, metric) in self.table.metrics.iter_mut() {
            metric.source = new_number(metric.source);
        }
        for (_, series) in self.table.series.iter_mut() {
            series.source = new_number(series.source);
        }
        // Rows are made anew by the plan; those of before belong to other numbers.
        self.rows.renumber(new_number, |old| numbers.service(old).unwrap_or(u32::MAX));
    }

    fn move_heartbeat(&mut self, now: Timestamp) -> Vec<crate::metric::Batch> {
        let home = self.config.heartbeat_service.as_ref().and_then(|name| self.service_index(name));
        let moved = |key: &StatusKey, member: &Member| {
            *member == Member::Agent && *key.name == *super::observe::HEARTBEAT && Some(key.service) != home
        };
        let left = self.board.retire(moved, "no longer monitored", now);
        self.heartbeat(now);
        told(left, &self.services, now)
    }
}

/// Old numbers to new ones.
struct Numbers {
    services: Vec<Option<u32>>,
    sources: Vec<Option<u32>>,
}

impl Numbers {
    fn new(old: &Config, new: &Config) -> Self {
        let services: HashMap<_, _> =
            new.services.iter().zip(0_u32..).map(|(service, at)| (&service.name, at)).collect();
        let sources: HashMap<_, _> = new
            .sources
            .iter()
            .zip(0_u32..)
            .filter(|(source, _)| services.contains_key(&source.key.service))
            .map(|(source, at)| (&source.key, at))
            .collect();
        Self {
            services: old.services.iter().map(|service| services.get(&service.name).copied()).collect(),
            sources: old.sources.iter().map(|source| sources.get(&source.key).copied()).collect(),
        }
    }

    fn service(&self, old: u32) -> Option<u32> {
        self.services.get(old as usize).copied().flatten()
    }

    fn source(&self, old: u32) -> Option<u32> {
        self.sources.get(old as usize).copied().flatten()
    }
}

/// Batches for services by their numbers.
fn told(rows: Vec<(u32, Row)>, services: &[Service], now: Timestamp) -> Vec<crate::metric::Batch> {
    let mut by_service: BTreeMap<u32, Vec<Row>> = BTreeMap::new();
    for (service, row) in rows {
        by_service.entry(service).or_default().push(row);
    }
    by_service
        .into_iter()
        .filter_map(|(service, rows)| {
            Some(batch_for(&services.get(service as usize)?.config, Class::Status, rows, now))
        })
        .collect()
}
