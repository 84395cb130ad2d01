//! Every source once, without an agent that goes on: for `once`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::build::{condenser, delivery};
use crate::clock::Clock;
use crate::condense::{Condenser, Effects};
use crate::config::AgentConfig;
use crate::deliver::Drained;
use crate::error::{Exit, Failure};
use crate::metric::{Batch, Entry, Intake, Offer};
use crate::shutdown::Tasks;
use crate::sources::{Around, Outcome, Poller, Pull};
use crate::sources::{host::Host, http_check::HttpCheck, prometheus::Scrape};
use crate::telemetry::{Board, DropReason, Ledger};

/// Between two readings of a source whose numbers need two: a rate, the CPU.
const PAUSE: Duration = Duration::from_secs(1);
/// Entries on their way.
const INTAKE_ENTRIES: usize = 16;

/// Collects and delivers once.
pub struct Collector {
    config: AgentConfig,
    clock: Clock,
    ledger: Arc<Ledger>,
    board: Arc<Board>,
}

/// What the sources had to say.
#[derive(Debug)]
pub struct Collected {
    /// What would be sent, one batch a service and class.
    pub batches: Vec<Batch>,
    /// Each source with how it went.
    pub outcomes: Vec<(String, Outcome)>,
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector").finish_non_exhaustive()
    }
}

impl Collector {
    /// For a configuration.
    pub fn new(config: AgentConfig, clock: Clock) -> Self {
        let board = Arc::new(Board::new(clock.clone()));
        Self { config, clock, ledger: Arc::default(), board }
    }

    /// Reads every pulled source twice, a moment apart, so that rates have two points and one look can confirm the other.
    ///
    /// # Errors
    /// When the rules of the configuration cannot be used.
    pub async fn collect(&self) -> Result<Collected, Failure> {
        let mut condenser = condenser(&self.config, &self.clock)?;
        let (intake, mut offers) = Intake::channel(INTAKE_ENTRIES);
        let tasks = Tasks::default();
        let (tell, mut told) = mpsc::channel(self.config.condense.sources.len().max(1));
        self.start(&tasks, &intake, &tell);
        drop((intake, tell));
        let mut batches = Vec::new();
        while let Some(Offer { entry, acknowledge }) = offers.recv().await {
            if let Entry::Points(points) = &entry {
                self.ledger.accept(points.points().len() as u64);
            }
            let effects = condenser.apply(&entry, self.clock.now());
            self.settle(effects, &condenser, &mut batches);
            let _ = acknowledge.send(());
        }
        let effects = condenser.stop(self.clock.now());
        self.settle(effects, &condenser, &mut batches);
        let mut outcomes = Vec::new();
        while let Some(outcome) = told.recv().await {
            outcomes.push(outcome);
        }
        Ok(Collected { batches: merged(batches), outcomes })
    }

    /// Delivers what was collected, or a batch of somebody's own.
    ///
    /// # Errors
    /// When there is no key, or the HTTP client cannot be built.
    pub async fn deliver(&self, batches: Vec<Batch>, deadline: Duration) -> Result<Drained, Failure> {
        let dispatcher = delivery(&self.config, &self.ledger, &self.board, &self.clock)?.dispatcher;
        let failed = |error| Failure::new(Exit::Failed, "the outbox cannot keep a batch").because(error);
        for batch in batches {
            dispatcher.offer(batch).map_err(failed)?;
        }
        Ok(dispatcher.drain(deadline).await)
    }

    /// The books of this run.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn settle(&self, effects: Effects, condenser: &Condenser, batches: &mut Vec<Batch>) {
        self.ledger.merge(effects.fates.merged);
        for reason in DropReason::ALL {
            self.ledger.drop_points(reason, effects.fates.dropped(reason));
        }
        self.ledger.set_in_windows(condenser.pending_points());
        batches.extend(effects.batches);
    }

    fn start(&self, tasks: &Tasks, intake: &Intake, tell: &mpsc::Sender<(String, Outcome)>) {
        let around =
            Around { intake: intake.clone(), board: Arc::clone(&self.board), ledger: Arc::clone(&self.ledger) };
        for config in &self.config.prometheus {
            twice(tasks, Scrape::new(config.clone(), self.clock.clone()), around.clone(), tell.clone());
        }
        for config in &self.config.http_checks {
            twice(tasks, HttpCheck::new(config.clone(), self.clock.clone()), around.clone(), tell.clone());
        }
        for config in &self.config.hosts {
            twice(tasks, Host::new(config.clone(), self.clock.clone()), around.clone(), tell.clone());
        }
    }
}

fn twice<P: Pull>(tasks: &Tasks, pull: P, around: Around, tell: mpsc::Sender<(String, Outcome)>) {
    let name = pull.key().to_string();
    let mut poller = Poller::new(pull, around);
    tasks.spawn(format!("once {name}"), async move {
        let _ = poller.once().await;
        tokio::time::sleep(PAUSE).await;
        if let Ok(outcome) = poller.once().await {
            // The receiver lives as long as the sources do.
            let _ = tell.send((name, outcome)).await;
        }
    });
}

/// One batch a service and class; of several rows of one status the last one stands.
fn merged(batches: Vec<Batch>) -> Vec<Batch> {
    let mut all: Vec<Batch> = Vec::new();
    for batch in batches {
        match all.iter_mut().find(|known| known.service == batch.service && known.class == batch.class) {
            Some(known) => {
                known.rows.retain(|row| !batch.rows.iter().any(|new| new.name == row.name && new.labels == row.labels));
                known.rows.extend(batch.rows);
            }
            None => all.push(batch),
        }
    }
    all
}
