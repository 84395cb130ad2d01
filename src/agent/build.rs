//! From a configuration to components, in the order in which they depend on each other.
//!
//! Building binds every port and reads the key, and starts nothing: what cannot work is said before the first request goes out.

use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::mpsc;

use super::control::{self, Ask};
use super::core::{Core, Inputs};
use super::history::History;
use super::house::House;
use super::journal::Memory;
use super::recipes;
use super::report;
use super::running::{Parts, Running};
use crate::clock::Clock;
use crate::condense::Condenser;
use crate::config::AgentConfig;
use crate::deliver::{Dispatcher, MemoryOutbox, Surroundings};
use crate::error::{Exit, Failure};
use crate::metric::{Intake, Offer};
use crate::sap::service_key::{KeyOptions, KeyWatcher};
use crate::sap::uaa::TokenSource;
use crate::secret::private_folder;
use crate::shutdown::{Stop, Tasks};
use crate::sources::otlp::Receiver;
use crate::telemetry::instruments::Instruments;
use crate::telemetry::{Board, Component, Ledger, State};

/// Entries that wait for the loop. A push that finds no room is told to come again.
const INTAKE_ENTRIES: usize = 64;

/// An agent that is ready to start.
pub struct Built {
    config: AgentConfig,
    house: Arc<House>,
    core: Core<Memory>,
    intake: Intake,
    offers: mpsc::Receiver<Offer>,
    commands: mpsc::Receiver<Ask>,
    receiver: Option<Receiver>,
    surface: Tasks,
}

impl std::fmt::Debug for Built {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Built").field("config", &self.config.path).finish_non_exhaustive()
    }
}

/// What it takes to deliver.
pub(super) struct Delivery {
    pub(super) keys: Arc<KeyWatcher>,
    pub(super) tokens: Arc<TokenSource>,
    pub(super) dispatcher: Arc<Dispatcher>,
}

/// Key, tokens and dispatcher for a configuration.
///
/// # Errors
/// When there is no key, it cannot be read, or the HTTP client cannot be built.
pub(super) fn delivery(
    config: &AgentConfig,
    ledger: &Arc<Ledger>,
    board: &Arc<Board>,
    clock: &Clock,
) -> Result<Delivery, Failure> {
    let Some(location) = config.cloud_alm.service_key.clone() else {
        return Err(Failure::new(Exit::Config, format!("{} names no service key", config.path.display()))
            .hint("add service_key_file under [cloud_alm], then: calm-agent key import FILE"));
    };
    let api_url = config.cloud_alm.api_url.as_ref().map(ToString::to_string);
    let keys = Arc::new(KeyWatcher::new(location, KeyOptions { api_url, ..KeyOptions::default() })?);
    let http = config.cloud_alm.deliver.http.clone();
    let tokens = Arc::new(TokenSource::new(keys.receiver(), http, clock.clone()));
    let surroundings = Surroundings {
        keys: keys.receiver(),
        tokens: Arc::clone(&tokens),
        ledger: Arc::clone(ledger),
        board: Arc::clone(board),
        clock: clock.clone(),
    };
    let outbox = Box::<MemoryOutbox>::default();
    let dispatcher = Dispatcher::new(config.cloud_alm.deliver.clone(), outbox, surroundings).map_err(|error| {
        Failure::new(Exit::Config, "Cloud ALM cannot be reached with this configuration").because(error)
    })?;
    Ok(Delivery { keys, tokens, dispatcher: Arc::new(dispatcher) })
}

/// The condenser of a configuration.
pub(super) fn condenser(config: &AgentConfig, clock: &Clock) -> Result<Condenser, Failure> {
    let library = recipes(config.agent.recipes_dir.as_deref())?;
    Condenser::new(config.condense.clone(), library, clock.now())
        .map_err(|error| Failure::new(Exit::Config, "the rules of the configuration cannot be used").because(error))
}

impl Built {
    /// Builds everything.
    ///
    /// # Errors
    /// The first thing that cannot work, with its cause and the next action.
    pub async fn new(config: AgentConfig, clock: Clock) -> Result<Self, Failure> {
        let board = Arc::new(Board::new(clock.clone()));
        board.set(Component::Agent, State::Starting, "");
        let ledger = Arc::new(Ledger::default());
        let Delivery { keys, tokens, dispatcher } = delivery(&config, &ledger, &board, &clock)?;
        let condenser = condenser(&config, &clock)?;
        private_folder(&config.agent.data_dir)?;
        let surface = Tasks::new(Stop::new());
        let commands = control::listen(&config.agent.data_dir, &surface).await?;
        let (intake, offers) = Intake::channel(INTAKE_ENTRIES);
        let receiver = match &config.otlp {
            Some(otlp) => Some(Receiver::bind(otlp, intake.clone(), clock.clone()).await?),
            None => None,
        };
        let house = Arc::new(House {
            started: clock.now(),
            shown: Arc::new(ArcSwap::from_pointee(super::core::Shown::of(&condenser, clock.now()))),
            clock,
            ledger,
            board,
            instruments: Arc::new(Instruments::default()),
            keys,
            tokens,
            dispatcher,
            receiver: OnceLock::new(),
            reload_problem: ArcSwapOption::empty(),
        });
        if let Some(receiver) = &receiver {
            let _ = house.receiver.set((receiver.local_addr().to_string(), receiver.stats()));
        }
        report::register(&house);
        let core = Core {
            clock: house.clock.clone(),
            condenser,
            journal: Memory,
            dispatcher: Arc::clone(&house.dispatcher),
            ledger: Arc::clone(&house.ledger),
            shown: Arc::clone(&house.shown),
            history: History::default(),
            generation: 0,
        };
        Ok(Self { config, house, core, intake, offers, commands, receiver, surface })
    }

    /// What every part of the agent sees.
    pub fn house(&self) -> Arc<House> {
        Arc::clone(&self.house)
    }

    /// Where the OTLP receiver listens.
    pub fn otlp_address(&self) -> Option<std::net::SocketAddr> {
        self.receiver.as_ref().map(Receiver::local_addr)
    }

    /// Starts every part. Call inside the runtime.
    pub fn start(self) -> Running {
        let Self { config, house, core, intake, offers, commands, receiver, surface } = self;
        let (reloads, asked) = mpsc::channel(1);
        let inputs = Inputs { offers, commands, reloads: asked };
        Running::start(Parts {
            config,
            house,
            core,
            inputs,
            intake,
            receiver: receiver.map(Arc::new),
            reloads,
            surface,
        })
    }
}
