//! An agent at work: reload and drain.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::core::{Core, Inputs};
use super::house::House;
use super::journal::Memory;
use super::report;
use super::status::Status;
use crate::condense;
use crate::config::AgentConfig;
use crate::error::{Exit, Failure};
use crate::http::ClientConfig;
use crate::metric::Intake;
use crate::shutdown::{Stop, Tasks};
use crate::sources::otlp::Receiver;
use crate::sources::{Around, start};
use crate::sources::{host::Host, http_check::HttpCheck, prometheus::Scrape};
use crate::telemetry::export::{self, Export};
use crate::telemetry::{Component, State};

/// The share of the shutdown's deadline for sources and loop; the rest is the dispatcher's.
const INTAKE_SHARE: f64 = 0.4;
/// How long sources may take to let go of a request when the configuration changes.
const RELOAD_PATIENCE: Duration = Duration::from_secs(10);

/// What the loop is asked after a reload.
pub(super) type Reload = (condense::Config, oneshot::Sender<Result<(), condense::CondenseError>>);

/// Everything that `start` starts.
pub(super) struct Parts {
    pub config: AgentConfig,
    pub house: Arc<House>,
    pub core: Core<Memory>,
    pub inputs: Inputs,
    pub intake: Intake,
    pub receiver: Option<Arc<Receiver>>,
    pub reloads: mpsc::Sender<Reload>,
    pub surface: Tasks,
}

/// See the module's text.
pub struct Running {
    config: AgentConfig,
    house: Arc<House>,
    intake: Intake,
    receiver: Option<Arc<Receiver>>,
    reloads: mpsc::Sender<Reload>,
    pulled: Tasks,
    receivers: Tasks,
    core: Tasks,
    delivery: Tasks,
    surface: Tasks,
    export: Option<Export>,
    /// Counts configurations, as the loop does.
    generation: u32,
}

/// How the end went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drained {
    /// Accepted points that were not delivered.
    pub queued: u64,
    /// Tasks that did not end in time.
    pub late: Vec<String>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("config", &self.config.path).finish_non_exhaustive()
    }
}

impl Running {
    pub(super) fn start(parts: Parts) -> Self {
        let Parts { config, house, core, inputs, intake, receiver, reloads, surface } = parts;
        let [pulled, receivers, core_tasks, delivery] = std::array::from_fn(|_| Tasks::new(Stop::new()));

        let stop = core_tasks.stop().clone();
        core_tasks.spawn("loop", async move { core.run(inputs, stop).await });
        let (dispatcher, stop) = (Arc::clone(&house.dispatcher), delivery.stop().clone());
        let grace = config.agent.shutdown_timeout.mul_f64(1.0 - INTAKE_SHARE);
        delivery.spawn("dispatcher", async move { dispatcher.run(&stop, grace).await });
        let (keys, stop) = (Arc::clone(&house.keys), surface.stop().clone());
        surface.spawn("service key", async move { keys.run(&stop).await });
        let (tokens, stop) = (Arc::clone(&house.tokens), surface.stop().clone());
        surface.spawn("token", async move { tokens.run(&stop).await });
        if let Some(receiver) = &receiver {
            let (receiver, stop) = (Arc::clone(receiver), receivers.stop().clone());
            house.board.set(Component::Receiver("otlp"), State::Ok, "");
            receivers.spawn("otlp receiver", async move { receiver.run(stop).await });
        }
        let export = start_export(&config, &house);
        let mut running = Self {
            config,
            house,
            intake,
            receiver,
            reloads,
            pulled,
            receivers,
            core: core_tasks,
            delivery,
            surface,
            export,
            generation: 0,
        };
        running.start_sources();
        running.house.board.set(Component::Agent, State::Ok, "");
        running
    }

    /// What every part of the agent sees.
    pub fn house(&self) -> Arc<House> {
        Arc::clone(&self.house)
    }

    /// The configuration in force.
    pub const fn config(&self) -> &AgentConfig {
        &self.config
    }

    /// The tasks of the surface: what is spawned here ends last.
    pub const fn surface(&self) -> &Tasks {
        &self.surface
    }

    /// The state of everything.
    pub fn status(&self) -> Status {
        report::status(&self.house)
    }

    /// Takes a new configuration over without dropping connections or data. Keys that need a restart are named in the log.
    ///
    /// # Errors
    /// When its rules cannot be used; nothing has then changed.
    pub async fn reload(&mut self, config: AgentConfig) -> Result<(), Failure> {
        self.house.keys.reload();
        self.house.dispatcher.wake();
        for what in needs_restart(&self.config, &config) {
            tracing::warn!(what, "changed in the configuration, and counts after a restart only");
        }
        // Pulled sources end first, so that none reports under a number that means another one by then.
        let pulled = std::mem::replace(&mut self.pulled, Tasks::new(Stop::new()));
        if let Err(late) = pulled.drain(RELOAD_PATIENCE).await {
            tracing::warn!(?late, "sources were cut off for the new configuration");
        }
        let (done, answered) = oneshot::channel();
        let asked = self.reloads.send((config.condense.clone(), done)).await.is_ok();
        let answer = if asked { answered.await.ok() } else { None };
        let taken = match answer {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => {
                Err(Failure::new(Exit::Config, "the rules of the new configuration cannot be used").because(error))
            }
            None => Err(Failure::new(Exit::Failed, "the agent is stopping")),
        };
        if taken.is_ok() {
            self.generation += 1;
            if let (Some(receiver), Some(otlp)) = (&self.receiver, &config.otlp) {
                receiver.reload(otlp, self.generation);
            }
            self.forget_what_left(&config);
            self.config = config;
        }
        self.start_sources();
        taken
    }

    /// Notes how a reload went, for the page: the last good configuration stays in force.
    pub fn note_reload(&self, problem: Option<String>) {
        let state = if problem.is_some() { State::Degraded } else { State::Ok };
        self.house.board.set(Component::Configuration, state, problem.clone().unwrap_or_default());
        self.house.reload_problem.store(problem.map(Arc::new));
    }

    /// Ends in the order of the flow, within the configured deadline.
    pub async fn drain(self) -> Drained {
        let Self { config, house, intake, receiver, pulled, receivers, core, delivery, surface, export, .. } = self;
        house.board.set(Component::Agent, State::Stopping, "");
        let total = config.agent.shutdown_timeout;
        let share = total.mul_f64(INTAKE_SHARE / 2.0);
        let mut late = Vec::new();
        let (first, second) = tokio::join!(pulled.drain(share), receivers.drain(share));
        late.extend([first, second].into_iter().filter_map(Result::err).flatten());
        drop((intake, receiver));
        late.extend(core.drain(share).await.err().into_iter().flatten());
        // The dispatcher keeps its own deadline; a little more lets it report.
        late.extend(delivery.drain(total).await.err().into_iter().flatten());
        if let Some(export) = export {
            let _ = tokio::time::timeout(share, export.stop()).await;
        }
        late.extend(surface.drain(share).await.err().into_iter().flatten());
        Drained { queued: house.ledger.balance().queued, late }
    }

    fn start_sources(&mut self) {
        let Self { config, house, intake, pulled, .. } = self;
        let around =
            Around { intake: intake.clone(), board: Arc::clone(&house.board), ledger: Arc::clone(&house.ledger) };
        for source in &config.prometheus {
            start(pulled, Scrape::new(source.clone(), house.clock.clone()), around.clone());
        }
        for check in &config.http_checks {
            start(pulled, HttpCheck::new(check.clone(), house.clock.clone()), around.clone());
        }
        for host in &config.hosts {
            start(pulled, Host::new(host.clone(), house.clock.clone()), around.clone());
        }
    }

    /// Takes sources and lanes off the board that the new configuration does not have.
    fn forget_what_left(&self, config: &AgentConfig) {
        let stays = |service: &str, name: Option<&str>| match name {
            Some(name) => config
                .condense
                .sources
                .iter()
                .any(|source| source.key.service.as_str() == service && &*source.key.name == name),
            None => config.condense.services.iter().any(|known| known.name.as_str() == service),
        };
        self.house.dispatcher.forget_idle(|service| stays(service.as_str(), None));
        for component in self.house.board.all().into_keys() {
            let gone = match &component {
                Component::Source { service, name, .. } => !stays(service, Some(name)),
                Component::Lane(service) => !stays(service, None),
                _ => false,
            };
            if gone {
                self.house.board.remove(&component);
            }
        }
    }
}

fn start_export(config: &AgentConfig, house: &House) -> Option<Export> {
    let telemetry = config.telemetry.as_ref()?;
    let told = export::Config {
        endpoint: telemetry.endpoint.clone(),
        interval: telemetry.interval,
        http: ClientConfig::default(),
    };
    match Export::start(&told, &house.instruments) {
        Ok(export) => Some(export),
        Err(error) => {
            tracing::warn!(%error, "the self-metrics are not exported");
            None
        }
    }
}

/// What a reload cannot change.
fn needs_restart(old: &AgentConfig, new: &AgentConfig) -> Vec<&'static str> {
    let listener = |config: &AgentConfig| config.otlp.as_ref().map(|otlp| otlp.http.clone());
    let differs = BTreeMap::from([
        ("cloud_alm", old.cloud_alm != new.cloud_alm),
        ("agent", old.agent != new.agent),
        ("admin", old.admin != new.admin),
        ("receivers.otlp.http", listener(old) != listener(new)),
        ("log", old.log != new.log),
        ("telemetry", old.telemetry != new.telemetry),
    ]);
    differs.into_iter().filter_map(|(what, differs)| differs.then_some(what)).collect()
}
