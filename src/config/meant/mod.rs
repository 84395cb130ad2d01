//! The second stage: from what was said to what is meant. Here is judged how values fit together.
//!
//! Promises: every finding is reported, none hides another; a value that the first stage refused was reported there and is passed over.

mod cloud_alm;
mod reach;
mod routes;
mod services;
mod setup;
mod sources;

use super::Request;
use super::catalogue::{AdminSaid, AgentSaid, ListenSaid, LogSaid, Root, TelemetrySaid};
use super::problem::Place;
use super::said::{Preset, Reader};
use super::types::{Admin, AgentConfig, AgentTable, LogConfig, TelemetryConfig};
use crate::condense;
use crate::metric::ServiceName;

/// The whole config; none when something of it is wrong, which was then reported.
pub(crate) fn config(root: &Root, request: &Request<'_>, reader: &mut Reader<'_>) -> Option<AgentConfig> {
    let said = &root.cloud_alm.value;
    let agent = agent(&root.agent.value);
    let known_recipes = (request.recipes)(agent.recipes_dir.as_deref());
    let assembled = services::assemble(root, &known_recipes, reader);
    heartbeat(root, reader);
    let key = if root.cloud_alm.spoilt { None } else { cloud_alm::service_key(said, root.setup.is_said(), reader) };
    let deliver = cloud_alm::deliver(said, agent.queue_max_bytes, reader);
    let api_url = said.api_url.value.as_ref();
    if let (Some(link), Some(place)) = (api_url, &said.api_url.place) {
        reach::refuse_exposed(link, place, "api_url", reader);
    }
    let admin = admin(&root.admin.value, reader);
    two_on_one_address(root, reader);
    let setup = root.setup.value.as_ref().map(|said| setup::setup(said, reader));
    let telemetry = root.telemetry.value.as_ref().and_then(|said| telemetry(said, reader));
    let (service_key, service_key_path_for_setup) = key?;
    Some(AgentConfig {
        path: request.path.to_owned(),
        cloud_alm: super::types::CloudAlm {
            service_key,
            service_key_path_for_setup,
            api_url: api_url.map(|link| link.0.clone()),
            deliver,
            verify_every: said.verify_every.value.map(|every| every.0),
        },
        condense: condense::Config {
            services: assembled.services,
            sources: assembled.sources,
            push_interval: said.push_interval.value.0,
            first_window: said.push_interval.value.0.min(cloud_alm::FIRST_WINDOW),
            identity: said.identity.value.0,
            max_state_bytes: usize::try_from(root.agent.value.max_state_bytes.value.0).unwrap_or(usize::MAX),
            recipes_dir: agent.recipes_dir.clone(),
            heartbeat_service: agent.heartbeat_service.clone(),
        },
        agent,
        admin,
        otlp: assembled.otlp,
        prometheus: assembled.prometheus,
        http_checks: assembled.http_checks,
        hosts: assembled.hosts,
        log: log(&root.log.value),
        telemetry,
        setup,
    })
}

fn agent(said: &AgentSaid) -> AgentTable {
    AgentTable {
        data_dir: said.data_dir.value.0.clone(),
        queue_max_bytes: said.queue_max_bytes.value.0,
        durability: said.durability.value.0,
        shutdown_timeout: said.shutdown_timeout.value.0,
        heartbeat_service: said.heartbeat_service.value.as_deref().map(ServiceName::new),
        storage: said.storage.value.map(|storage| storage.0),
        recipes_dir: said.recipes_dir.value.as_ref().map(|path| path.0.clone()),
    }
}

fn heartbeat(root: &Root, reader: &mut Reader<'_>) {
    let said = &root.agent.value.heartbeat_service;
    let (Some(name), Some(place)) = (&said.value, &said.place) else { return };
    services::must_exist("heartbeat_service", (name, place), root, reader);
}

fn admin(said: &AdminSaid, reader: &mut Reader<'_>) -> Option<Admin> {
    let Preset { value: ListenSaid::At(address), place, .. } = said.listen.clone() else { return None };
    let by_default = place == Place::Default;
    let place = if by_default { said.place.clone() } else { place };
    Some(Admin { listener: reach::listener(address, &place, &said.guard.0, reader), by_default })
}

fn log(said: &LogSaid) -> LogConfig {
    LogConfig { level: said.level.value.0, format: said.format.value.0 }
}

fn telemetry(said: &TelemetrySaid, reader: &mut Reader<'_>) -> Option<TelemetryConfig> {
    let endpoint = said.endpoint.value.as_ref()?;
    reach::refuse_exposed(endpoint, &said.endpoint.place, "endpoint", reader);
    Some(TelemetryConfig { endpoint: endpoint.0.clone(), interval: said.interval.value.0 })
}

/// Port 0 takes a free one, as often as it is asked for.
fn two_on_one_address(root: &Root, reader: &mut Reader<'_>) {
    let Some(otlp) = &root.receivers.value.otlp.value else { return };
    let ListenSaid::At(admin) = root.admin.value.listen.value else { return };
    if otlp.http.value == Some(admin) && admin.port() != 0 {
        let message = format!("the agent's own server listens on {admin} already");
        reader.error(
            &otlp.http.place,
            message,
            "give one of the two another port; customary are 4318 here and 13131 for [admin]",
        );
    }
}
