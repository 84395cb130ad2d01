//! The managed services, with what watches them. Sources get their numbers here, densely and in the order of the file.

use std::collections::{HashMap, HashSet};

use super::{routes, sources};
use crate::condense::{ServiceConfig, SourceConfig};
use crate::config::catalogue::{Root, ServiceSaid};
use crate::config::outlook::{self, Rows};
use crate::config::problem::Place;
use crate::config::said::{Reader, nearest};
use crate::metric::{ServiceName, SourceId, SourceKey};
use crate::sources::{host, http_check, otlp, prometheus};

/// Services and sources, as far as they are right.
#[derive(Default)]
pub(super) struct Assembled {
    pub(super) services: Vec<ServiceConfig>,
    pub(super) sources: Vec<SourceConfig>,
    pub(super) otlp: Option<otlp::Config>,
    pub(super) prometheus: Vec<prometheus::Config>,
    pub(super) http_checks: Vec<http_check::Config>,
    pub(super) hosts: Vec<host::Config>,
    names: HashSet<SourceKey>,
    rows: HashMap<ServiceName, Rows>,
    routes: HashMap<ServiceName, u32>,
}

impl Assembled {
    /// Takes a name; it must be the only one of its service.
    pub(super) fn claim(&mut self, key: &SourceKey, place: &Place, reader: &mut Reader<'_>) {
        if !self.names.insert(key.clone()) {
            let message = format!(
                "there is already a check or source named {:?} in service {:?}",
                &*key.name,
                key.service.as_str()
            );
            reader.error(place, message, "give it a `name` of its own: names are what Cloud ALM shows");
        }
    }

    /// Gives a source its number. `rated_rules` of its rules become rated rows.
    pub(super) fn add(&mut self, source: SourceConfig, rated_rules: usize) -> SourceId {
        self.rows.entry(source.key.service.clone()).or_default().count(&source, rated_rules);
        self.sources.push(source);
        SourceId(u32::try_from(self.sources.len() - 1).unwrap_or(u32::MAX))
    }

    /// The name of a route that has none of its own: `otlp`, `otlp-2` and so on.
    pub(super) fn next_route(&mut self, service: &ServiceName) -> SourceKey {
        let number = self.routes.entry(service.clone()).or_default();
        loop {
            *number += 1;
            let name = if *number == 1 { "otlp".to_owned() } else { format!("otlp-{number}") };
            let key = SourceKey { service: service.clone(), name: name.into() };
            if !self.names.contains(&key) {
                return key;
            }
        }
    }
}

/// All of them.
pub(super) fn assemble(root: &Root, known_recipes: &[String], reader: &mut Reader<'_>) -> Assembled {
    let mut assembled = Assembled::default();
    let said = root.services.value.as_deref().unwrap_or_default();
    // A list that could not be read was reported as such.
    if said.is_empty() && (root.services.value.is_some() || !root.services.is_said()) {
        let hint = "add [[services]] with name and service_id, or let `calm-agent init` write them";
        reader.warn(&Place::START, "no service is configured, so nothing will be monitored", hint);
    }
    let mut seen = (HashSet::new(), HashSet::new());
    for service in said {
        let Some(name) = &service.name.value else { continue };
        unique(name, "name", &service.name.place, &mut seen.0, reader);
        if let Some(id) = &service.service_id.value {
            unique(id.as_str(), "service_id", &service.service_id.place, &mut seen.1, reader);
            assembled.services.push(service_config(service, name, id));
        }
        let name = ServiceName::new(name.as_str());
        for check in service.http_check.value.iter().flatten() {
            sources::http_check(&name, check, &mut assembled, reader);
        }
        for target in service.prometheus.value.iter().flatten() {
            sources::prometheus(&name, target, (&mut assembled, known_recipes), reader);
        }
        for machine in service.host.value.iter().flatten() {
            sources::host(&name, machine, (&mut assembled, known_recipes), reader);
        }
    }
    routes::otlp(root, (&mut assembled, known_recipes), reader);
    for service in said {
        if let Some(name) = &service.name.value
            && let Some(rows) = assembled.rows.get(&ServiceName::new(name.as_str()))
        {
            outlook::warn_of_pale_tile(name, *rows, &service.place, reader);
        }
    }
    assembled
}

fn service_config(said: &ServiceSaid, name: &str, id: &crate::metric::ServiceId) -> ServiceConfig {
    ServiceConfig {
        name: ServiceName::new(name),
        id: id.clone(),
        max_metrics: usize::try_from(said.max_metrics.value.0).unwrap_or(usize::MAX),
        resource_labels: said.resource_labels.value.clone(),
        maintenance: said.maintenance.value.clone().unwrap_or_default(),
    }
}

fn unique(value: &str, key: &str, place: &Place, seen: &mut HashSet<String>, reader: &mut Reader<'_>) {
    if !seen.insert(value.to_owned()) {
        let message = format!("`{key}` {value:?} belongs to another service of this file already");
        reader.error(place, message, "each service has a name and an object in Landscape Management of its own");
    }
}

/// A name that is said elsewhere must be that of a service.
pub(super) fn must_exist(key: &str, (name, place): (&str, &Place), root: &Root, reader: &mut Reader<'_>) {
    let services = root.services.value.iter().flatten().filter_map(|service| service.name.value.as_deref());
    if services.clone().any(|service| service == name) {
        return;
    }
    let hint = match nearest(name, services.clone()) {
        Some(near) => format!("did you mean {near:?}?"),
        None if services.clone().next().is_none() => "add a [[services]] table for it".to_owned(),
        None => format!(
            "services of this file: {}",
            services.map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
        ),
    };
    reader.error(place, format!("`{key}`: there is no service {name:?}"), hint);
}
