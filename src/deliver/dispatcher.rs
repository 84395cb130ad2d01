//! The driver: it moves time and bytes for the scheduler, and decides nothing.
//!
//! One loop asks the scheduler what goes out, keeps at most two exchanges going, and tells it what became of them. It ends in order: when
//! told to stop it goes on until nothing may go any more, or its deadline; what is left stays in the outbox.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Config;
use super::exporter::{Exporter, Outcome};
use super::outbox::{EntryId, Outbox};
use super::scheduler::{Next, Now, Piece, PieceId, Scheduler};
use super::snapshot::Snapshot;
use super::store::DeadLetter;
use crate::clock::Clock;
use crate::http::BuildError;
use crate::metric::{Batch, ServiceName};
use crate::sap::service_key::KeyReceiver;
use crate::sap::uaa::TokenSource;
use crate::shutdown::Stop;
use crate::telemetry::instruments::{Instruments, declared};
use crate::telemetry::{Board, Component, Ledger, State};

/// What the dispatcher works with.
#[derive(Debug)]
pub struct Surroundings {
    /// The service key, as it changes.
    pub keys: KeyReceiver,
    /// Tokens for it.
    pub tokens: Arc<TokenSource>,
    /// Where fates are counted.
    pub ledger: Arc<Ledger>,
    /// Where the states of lanes and credential are shown.
    pub board: Arc<Board>,
    /// The time.
    pub clock: Clock,
}

/// Delivers what is offered. Shared by reference.
#[derive(Debug)]
pub struct Dispatcher {
    scheduler: Mutex<Scheduler>,
    exporter: Exporter,
    surroundings: Surroundings,
    changed: Notify,
}

/// How a drain ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Drained {
    /// Whether everything has its fate.
    pub complete: bool,
    /// Accepted points that still wait.
    pub queued_points: u64,
    /// Rows that Cloud ALM did not take.
    pub dead_letters: usize,
    /// The state at the end, with the reasons.
    pub snapshot: Snapshot,
}

type Exchange<'d> = Pin<Box<dyn Future<Output = (PieceId, ServiceName, Outcome)> + Send + 'd>>;

impl Dispatcher {
    /// Takes over what waits in `outbox`.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new(config: Config, outbox: Box<dyn Outbox>, surroundings: Surroundings) -> Result<Self, BuildError> {
        let Surroundings { keys, tokens, ledger, clock, .. } = &surroundings;
        let exporter = Exporter::new(config.clone(), keys.clone(), Arc::clone(tokens), clock.clone())?;
        let scheduler = Scheduler::new(config, outbox, Arc::clone(ledger), now(clock));
        Ok(Self { scheduler: Mutex::new(scheduler), exporter, surroundings, changed: Notify::new() })
    }

    /// Takes a batch: when this returns, it is in the outbox. Statuses go out at once.
    ///
    /// # Errors
    /// When the outbox cannot keep it; it was then not taken.
    pub fn offer(&self, batch: Batch) -> std::io::Result<()> {
        let offered = self.lock().offer(batch, self.now());
        self.changed.notify_one();
        offered
    }

    /// Takes a batch that is in the outbox already.
    pub fn offer_stored(&self, entry: EntryId, batch: &Batch) {
        self.lock().offer_stored(entry, batch, self.now());
        self.changed.notify_one();
    }

    /// Lets `/metrics` and the OTLP export read what delivery knows.
    pub fn register(self: &Arc<Self>, instruments: &Instruments) {
        type Read = fn(&Dispatcher, &Snapshot) -> f64;
        let one = |declaration, read: Read| {
            let this = Arc::clone(self);
            instruments.register_one(declaration, move || read(&this, &this.snapshot()));
        };
        one(declared::BUDGET, |_, shown| f64::from(shown.budget.requests_per_minute));
        one(declared::BUDGET_USED, |_, shown| shown.budget.used_last_minute as f64);
        one(declared::LANES_PARKED, |_, shown| shown.lanes.iter().filter(|lane| lane.state == "parked").count() as f64);
        one(declared::OUTBOX_BYTES, |_, shown| shown.queue.bytes as f64);
        one(declared::OLDEST, |this, _| {
            let oldest = this.lock().oldest_waiting();
            oldest.map_or(0.0, |oldest| this.surroundings.clock.now().since(oldest).as_secs_f64())
        });
        one(declared::TOKEN_LEFT, |this, _| {
            let expires = this.surroundings.tokens.expires();
            expires.map_or(0.0, |expires| expires.since(this.surroundings.clock.now()).as_secs_f64())
        });
        let this = Arc::clone(self);
        instruments.register(declared::CERTIFICATE_LEFT, move || {
            let key = this.surroundings.keys.current().key;
            let days = key.certificate().map(|certificate| certificate.days_left(this.surroundings.clock.now()));
            days.map(|days| (None, days as f64)).into_iter().collect()
        });
        let this = Arc::clone(self);
        instruments.register(declared::REQUESTS_OUT, move || {
            let scheduler = this.lock();
            scheduler.outcomes().iter().map(|(outcome, count)| (Some((*outcome).to_owned()), *count as f64)).collect()
        });
    }

    /// Tries what is parked now: SIGHUP. (A touched key file does the same by itself.)
    pub fn wake(&self) {
        self.lock().wake(self.now());
        self.changed.notify_one();
    }

    /// Forgets lanes of services that are no longer configured, once they are empty.
    pub fn forget_idle(&self, keep: impl Fn(&ServiceName) -> bool) {
        self.lock().forget_idle(keep);
    }

    /// The state of everything, for people.
    pub fn snapshot(&self) -> Snapshot {
        self.lock().snapshot(self.surroundings.tokens.token_status(), self.now())
    }

    /// Rows that were buried, oldest first.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.lock().dead_letters().cloned().collect()
    }

    /// Takes them out. They have their fate in the ledger: who offers them again accepts them anew.
    pub fn take_dead_letters(&self) -> Vec<DeadLetter> {
        self.lock().take_dead_letters()
    }

    /// Delivers until `stop`, then for at most `grace` what still may go.
    pub async fn run(&self, stop: &Stop, grace: Duration) {
        let mut exchanges = Vec::new();
        tokio::select! {
            () = self.drive(&mut exchanges, false) => {}
            () = stop.stopped() => {}
        }
        let _ = tokio::time::timeout(grace, self.drive(&mut exchanges, true)).await;
        self.show();
    }

    /// Delivers until nothing waits, everything that waits is parked, or `deadline` is over: for commands that run once.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        let mut exchanges = Vec::new();
        let _ = tokio::time::timeout(deadline, self.drive(&mut exchanges, true)).await;
        let complete = self.lock().is_idle();
        let snapshot = self.snapshot();
        Drained { complete, queued_points: snapshot.queue.points, dead_letters: snapshot.dead_letters, snapshot }
    }

    /// The loop. With `ending` it returns when nothing is left that could go without a person.
    async fn drive<'d>(&'d self, exchanges: &mut Vec<Exchange<'d>>, ending: bool) {
        let mut keys = self.surroundings.keys.clone();
        loop {
            let next = self.lock().next(self.now());
            let wake = match next {
                Next::Send(piece) => {
                    exchanges.push(self.exchange(piece));
                    continue;
                }
                Next::Wait(wake) => wake,
            };
            if ending && exchanges.is_empty() && (self.lock().is_idle() || self.lock().waits_for_a_person()) {
                return;
            }
            tokio::select! {
                (id, service, outcome) = first(exchanges) => {
                    let correlation = outcome.reply.map(|reply| reply.correlation).unwrap_or_default();
                    self.lock().settle(id, outcome.verdict, &correlation, self.now());
                    self.show_lane(&service);
                }
                _ = keys.changed() => self.wake(),
                () = self.changed.notified() => {}
                () = until(wake) => {}
            }
        }
    }

    fn exchange(&self, piece: Piece) -> Exchange<'_> {
        Box::pin(async move {
            let outcome = self.exporter.send(&piece).await;
            (piece.id, piece.service, outcome)
        })
    }

    fn show(&self) {
        let names: Vec<ServiceName> = self.lock().services().cloned().collect();
        for name in names {
            self.show_lane(&name);
        }
    }

    /// Tells the board what became of a lane and of the credential.
    fn show_lane(&self, service: &ServiceName) {
        let scheduler = self.lock();
        let (lane, credential) = (scheduler.lane_state(service), scheduler.credential_state());
        drop(scheduler);
        let board = &self.surroundings.board;
        let tell = |component, state: (State, String)| match state {
            (State::Ok, _) => board.succeeded(component),
            (state, reason) => board.set(component, state, reason),
        };
        tell(Component::Lane(service.to_string()), lane);
        tell(Component::Credential, credential);
    }

    fn now(&self) -> Now {
        now(&self.surroundings.clock)
    }

    fn lock(&self) -> MutexGuard<'_, Scheduler> {
        self.scheduler.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now(clock: &Clock) -> Now {
    Now { instant: Instant::now(), wall: clock.now() }
}

/// The first exchange that ends; never, when there is none.
async fn first(exchanges: &mut Vec<Exchange<'_>>) -> (PieceId, ServiceName, Outcome) {
    poll_fn(|context| {
        for index in 0..exchanges.len() {
            if let Poll::Ready(ended) = exchanges[index].as_mut().poll(context) {
                drop(exchanges.swap_remove(index));
                return Poll::Ready(ended);
            }
        }
        Poll::Pending
    })
    .await
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
