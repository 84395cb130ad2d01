//! The agent's loop: entries in, batches out, one owner of the condenser.
//!
//! Everything that changes what the agent knows passes through here, one thing at a time: offers of the sources, commands of people, ticks of
//! the clock, a new configuration. The order of a turn is fixed: append to the journal, apply, hand the batches to the outbox, count, answer.
//! So an answer is never given for something that is not yet owed.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;

use super::control::{Ask, Command, Item, ItemValue, Reply};
use super::history::History;
use super::journal::Journal;
use super::running::Reload;
use crate::clock::{Clock, Timestamp};
use crate::condense::{self, Condenser, Effects, View};
use crate::deliver::Dispatcher;
use crate::metric::{Batch, Body, Class, Entry, Offer, Rating, Row, ServiceId, ServiceName};
use crate::shutdown::Stop;
use crate::telemetry::{DropReason, Ledger};

/// Offers applied in one turn before anything else is looked at.
const TURN: usize = 64;
/// How often the published view is renewed while things change, and how long the loop sleeps at most.
const VIEW_INTERVAL: Duration = Duration::from_secs(1);

/// What the loop shows to the outside.
#[derive(Debug)]
pub(super) struct Shown {
    /// When it was so.
    pub time: Timestamp,
    /// The condenser's view of all services.
    pub view: View,
    /// The last values of each row.
    pub history: History,
}

impl Shown {
    /// What a condenser shows, before anything went out.
    pub(super) fn of(condenser: &Condenser, now: Timestamp) -> Self {
        Self { time: now, view: condenser.view(now), history: History::default() }
    }
}

/// The loop's state.
pub(super) struct Core<J> {
    pub(super) clock: Clock,
    pub(super) condenser: Condenser,
    pub(super) journal: J,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) shown: Arc<ArcSwap<Shown>>,
    pub(super) history: History,
    /// Counts configurations, as the receiver does.
    pub(super) generation: u32,
}

/// What reaches the loop.
pub(super) struct Inputs {
    /// From the sources.
    pub offers: mpsc::Receiver<Offer>,
    /// From the control socket.
    pub commands: mpsc::Receiver<Ask>,
    /// After a reload; answered when it is in force.
    pub reloads: mpsc::Receiver<Reload>,
}

impl<J: Journal> Core<J> {
    /// Runs until `stop`, then takes what was offered before it, closes the windows, and returns.
    pub(super) async fn run(mut self, mut inputs: Inputs, stop: Stop) {
        let mut offers = Vec::with_capacity(TURN);
        let mut shown_at = Timestamp::UNSET;
        loop {
            let now = self.clock.now();
            if now >= self.condenser.next_tick() {
                let effects = self.condenser.tick(now);
                self.settle(effects);
            }
            if now.since(shown_at) >= VIEW_INTERVAL {
                shown_at = now;
                self.show();
            }
            let wait = self.condenser.next_tick().since(now).min(VIEW_INTERVAL);
            tokio::select! {
                biased;
                () = stop.stopped() => break,
                Some((command, answer)) = inputs.commands.recv() => {
                    let reply = self.obey(command);
                    let _ = answer.send(reply);
                }
                Some((config, done)) = inputs.reloads.recv() => {
                    // What was offered under the old configuration is taken under it.
                    while let Ok(offer) = inputs.offers.try_recv() {
                        offers.push(offer);
                        self.take(&mut offers).await;
                    }
                    let _ = done.send(self.reconfigure(config));
                }
                _ = inputs.offers.recv_many(&mut offers, TURN) => self.take(&mut offers).await,
                () = tokio::time::sleep(wait) => {}
            }
        }
        inputs.offers.close();
        while inputs.offers.recv_many(&mut offers, TURN).await > 0 {
            self.take(&mut offers).await;
        }
        let now = self.clock.now();
        let effects = self.condenser.stop(now);
        self.settle(effects);
        self.show();
    }

    fn reconfigure(&mut self, config: condense::Config) -> Result<(), condense::CondenseError> {
        let now = self.clock.now();
        let effects = self.condenser.reconfigure(config, now)?;
        self.generation += 1;
        self.settle(effects);
        self.show();
        Ok(())
    }

    /// Journal first, then the effect, then the answer.
    async fn take(&mut self, offers: &mut Vec<Offer>) {
        if self.journal.append(offers).await.is_err() {
            // Dropping an offer unanswered tells its sender that it was not taken.
            offers.clear();
            return;
        }
        let now = self.clock.now();
        for Offer { entry, acknowledge } in offers.drain(..) {
            if let Entry::Points(points) = &entry {
                if points.routed_under().is_some_and(|routed| routed != self.generation) {
                    // Routed under the configuration before: unanswered, so its sender comes again and is routed anew.
                    continue;
                }
                self.ledger.accept(points.points().len() as u64);
            }
            let effects = self.condenser.apply(&entry, now);
            self.settle(effects);
            // A sender that has gone away does not undo what it gave.
            let _ = acknowledge.send(());
        }
    }

    fn settle(&mut self, effects: Effects) {
        let Effects { batches, fates } = effects;
        self.ledger.merge(fates.merged);
        for reason in DropReason::ALL {
            self.ledger.drop_points(reason, fates.dropped(reason));
        }
        for batch in batches {
            self.hand_over(batch);
        }
        self.ledger.set_in_windows(self.condenser.pending_points());
    }

    fn hand_over(&mut self, batch: Batch) {
        self.ledger.make(batch.rows.iter().filter(|row| row.points == 0).count() as u64);
        self.history.note(&batch);
        let points = batch.points();
        if let Err(error) = self.dispatcher.offer(batch) {
            tracing::error!(%error, points, "the outbox cannot keep a batch");
            self.ledger.drop_points(DropReason::QueueFull, points);
        }
    }

    fn show(&mut self) {
        let time = self.clock.now();
        let view = self.condenser.view(time);
        self.history.keep_only(&view);
        self.shown.store(Arc::new(Shown { time, view, history: self.history.clone() }));
    }

    fn obey(&mut self, command: Command) -> Reply {
        let now = self.clock.now();
        match command {
            Command::Send(item) => self.send(&item, now),
            Command::Mute { service, seconds, reason } => {
                let until = now.plus(Duration::from_secs(seconds));
                let effects = self.condenser.mute(&ServiceName::new(&*service), until, &reason, now);
                self.answer(&service, effects, format!("{service} is muted until {until}"))
            }
            Command::Unmute { service } => {
                let effects = self.condenser.unmute(&ServiceName::new(&*service), now);
                self.answer(&service, effects, format!("{service} is not muted any more"))
            }
        }
    }

    fn answer(&mut self, service: &str, effects: Effects, done: String) -> Reply {
        self.settle(effects);
        self.show();
        if self.service_id(service).is_some() { Reply::Done(done) } else { unknown(service) }
    }

    fn service_id(&self, service: &str) -> Option<ServiceId> {
        let shown = self.shown.load();
        shown.view.services.iter().find(|known| known.name.as_str() == service).map(|known| known.id.clone())
    }

    fn send(&mut self, item: &Item, now: Timestamp) -> Reply {
        let Some(id) = self.service_id(&item.service) else { return unknown(&item.service) };
        match batch_of(item, id, now) {
            Ok(batch) => {
                self.ledger.accept(batch.points());
                self.hand_over(batch);
                Reply::Done(format!("{} is on its way for {}", item.metric, item.service))
            }
            Err(reason) => Reply::Refused(reason),
        }
    }
}

fn unknown(service: &str) -> Reply {
    Reply::Refused(format!("the agent knows no service {service:?}; its name is that of a [[services]] entry"))
}

/// One metric of a script as a batch of its own: it stands for one accepted point.
///
/// # Errors
/// Why the item is none, as a sentence.
pub fn batch_of(item: &Item, service_id: ServiceId, now: Timestamp) -> Result<Batch, String> {
    let (body, unit, class) = match &item.value {
        ItemValue::Gauge { value, .. } if !value.is_finite() => return Err("the value is not a finite number".into()),
        ItemValue::Gauge { value, unit } => (Body::Gauge(*value), unit.as_str(), Class::Fresh),
        ItemValue::Quota { used, limit, .. } if !used.is_finite() || !limit.is_finite() || *limit <= 0.0 => {
            return Err("a quota needs a finite number and a limit above zero".into());
        }
        ItemValue::Quota { used, limit, unit } => (
            Body::Quota { used: *used, limit: *limit, rating: quota_rating(used / limit) },
            unit.as_str(),
            Class::Fresh,
        ),
        ItemValue::Status { rating, text } => {
            let rating: Rating = rating.parse().map_err(|error| format!("{error}"))?;
            (Body::Status { rating, text: condense::one_line(text).into() }, "", Class::Status)
        }
    };
    let row = Row {
        name: item.metric.as_str().into(),
        unit: unit.into(),
        labels: [].into(),
        resource: [].into(),
        time: now,
        body,
        points: 1,
    };
    Ok(Batch { service: ServiceName::new(item.service.as_str()), service_id, class, time: now, rows: vec![row] })
}

/// Without thresholds of its own, a quota is rated as SAP's sample rates it: above 70 % warning, above 85 % critical. Source: XP267.
fn quota_rating(share: f64) -> Rating {
    match share {
        share if share > 0.85 => Rating::Critical,
        share if share > 0.70 => Rating::Warning,
        _ => Rating::Ok,
    }
}
