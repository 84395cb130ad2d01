//! The poll loop of every pulled source.
//!
//! ```text
//!   start ──► wait (spread) ──► pull ──► offer to the intake ──► say how it went ──► wait for the next tick
//!                                ▲                                                        │
//!                                └────────────────────────────────────────────────────────┘   stop: at any point
//! ```
//!
//! Each source is a task of its own: a dead or slow target delays nobody else. Ticks lie on a fixed grid that begins shortly after the
//! start, each source at its own place in it, so that many sources do not ask at once and none drifts. Runs of one source never overlap:
//! ticks that pass meanwhile are left out. An intake without room makes the source wait, not lose.

use std::future::{Future, poll_fn};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::metric::{Entry, Full, Intake, SourceId, SourceKey};
use crate::shutdown::{Stop, Tasks};
use crate::telemetry::{Board, Component, Ledger, RefusalReason, State};

/// The first runs are spread over this time, or the interval if that is shorter. The first window closes after 15 s and should have
/// something of every source.
const SPREAD: Duration = Duration::from_secs(5);

/// A source that is asked.
pub trait Pull: Send + 'static {
    /// What kind of source it is, as the config calls it.
    const KIND: &'static str;

    /// Its number.
    fn source(&self) -> SourceId;

    /// Its service and name.
    fn key(&self) -> &SourceKey;

    /// How often it is asked.
    fn interval(&self) -> Duration;

    /// Asks once. Must end by itself, whatever the other side does, and may be dropped at any point.
    fn pull(&mut self) -> impl Future<Output = Pulled> + Send;
}

/// What one run brought.
#[derive(Debug)]
pub struct Pulled {
    /// For the intake, in this order.
    pub entries: Vec<Entry>,
    /// How it went.
    pub outcome: Outcome,
    /// Points that were not taken, for the ledger.
    pub refused: Vec<(RefusalReason, u64)>,
    /// Samples that were read, for the log.
    pub samples: usize,
}

/// How a run went, in a sentence without a full stop where there is something to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Ok,
    /// Something was read, and something was cut or refused.
    Degraded(String),
    /// Nothing could be read.
    Failed(String),
}

/// What every source needs around it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Around {
    /// Where entries go.
    pub intake: Intake,
    /// Where its state is shown.
    pub board: Arc<Board>,
    /// Where refused points are counted.
    pub ledger: Arc<Ledger>,
}

/// A source in its loop.
#[derive(Debug)]
pub struct Poller<P> {
    pull: P,
    around: Around,
}

/// Starts a source as a task of its own, which ends when the set does.
pub fn start<P: Pull>(tasks: &Tasks, pull: P, around: Around) {
    let name = format!("{} {}", P::KIND, pull.key());
    let stop = tasks.stop().clone();
    let mut poller = Poller::new(pull, around);
    tasks.spawn(name, async move { poller.run(&stop).await });
}

impl<P: Pull> Poller<P> {
    /// A source that has not run yet.
    pub const fn new(pull: P, around: Around) -> Self {
        Self { pull, around }
    }

    /// Runs until the signal is given.
    pub async fn run(&mut self, stop: &Stop) {
        let component = self.component();
        self.around.board.set(component.clone(), State::Starting, "");
        let _grave = Grave { board: Arc::clone(&self.around.board), component };
        // The config allows no less than a second; a division by zero must not hang on that.
        let interval = self.pull.interval().max(Duration::from_millis(1));
        let rounds = async {
            let mut tick = Instant::now() + first_wait(self.pull.key(), interval);
            loop {
                sleep_until(tick).await;
                if self.once().await.is_err() {
                    // The agent is stopping; the signal is on its way.
                    return;
                }
                let passed = tick.elapsed().as_nanos() / interval.as_nanos();
                tick += interval.saturating_mul(u32::try_from(passed + 1).unwrap_or(u32::MAX));
            }
        };
        stop.until(rounds).await;
    }

    /// Runs once: asks, offers what came, says how it went.
    ///
    /// # Errors
    /// [`Full`] when nobody takes entries any more.
    pub async fn once(&mut self) -> Result<Outcome, Full> {
        let began = Instant::now();
        let Pulled { entries, outcome, refused, samples } = self.pull.pull().await;
        let millis = began.elapsed().as_millis();
        tracing::debug!(kind = P::KIND, source = %self.pull.key(), samples, millis, ?outcome, "asked a source");
        for (reason, points) in refused {
            self.around.ledger.refuse(reason, points);
        }
        let component = self.component();
        match &outcome {
            Outcome::Ok => self.around.board.succeeded(component),
            Outcome::Degraded(reason) => self.around.board.succeeded_in_part(component, reason),
            Outcome::Failed(reason) => self.around.board.set(component, State::Failed, reason),
        }
        offer(&self.around.intake, entries).await?;
        Ok(outcome)
    }

    fn component(&self) -> Component {
        let SourceKey { service, name } = self.pull.key();
        Component::Source { service: service.to_string(), name: name.to_string(), kind: P::KIND }
    }
}

/// Offers all entries in their order, and waits for all acknowledgements together: they may come with the journal's next commit.
async fn offer(intake: &Intake, entries: Vec<Entry>) -> Result<(), Full> {
    let mut waiting: Vec<_> = entries.into_iter().map(|entry| Box::pin(intake.pull(entry))).collect();
    let mut outcome = Ok(());
    poll_fn(|context| {
        waiting.retain_mut(|entry| match entry.as_mut().poll(context) {
            Poll::Pending => true,
            Poll::Ready(answer) => {
                outcome = outcome.and(answer);
                false
            }
        });
        if waiting.is_empty() { Poll::Ready(outcome) } else { Poll::Pending }
    })
    .await
}

/// The place of a source in the grid: by its key, so that a restart does not change it.
fn first_wait(key: &SourceKey, interval: Duration) -> Duration {
    // Its keys are fixed, unlike those of a random state.
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let share = (hasher.finish() >> 32) as f64 / 2_f64.powi(32);
    SPREAD.min(interval).mul_f64(share)
}

/// Says on the board that a source has gone, should a panic end it.
struct Grave {
    board: Arc<Board>,
    component: Component,
}

impl Drop for Grave {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let reason = "ended by an error in the agent itself; restart it, and report what its log says";
            self.board.set(self.component.clone(), State::Failed, reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, Timestamp};
    use crate::metric::{Offer, ServiceName};
    use std::sync::Mutex;
    use tokio::sync::mpsc;

    type Runs = Arc<Mutex<Vec<(Duration, Duration)>>>;

    /// Takes as long as the script says (the last entry for ever after) and remembers when it began and ended.
    struct Scripted {
        key: SourceKey,
        every: u64,
        seconds: Vec<u64>,
        origin: Instant,
        runs: Runs,
        outcome: Outcome,
    }

    impl Pull for Scripted {
        const KIND: &'static str = "scripted";

        fn source(&self) -> SourceId {
            SourceId(7)
        }

        fn key(&self) -> &SourceKey {
            &self.key
        }

        fn interval(&self) -> Duration {
            Duration::from_secs(self.every)
        }

        async fn pull(&mut self) -> Pulled {
            let began = self.origin.elapsed();
            let run = self.runs.lock().unwrap().len();
            let takes = self.seconds[run.min(self.seconds.len() - 1)];
            assert!(takes != 99, "on purpose");
            tokio::time::sleep(Duration::from_secs(takes)).await;
            self.runs.lock().unwrap().push((began, self.origin.elapsed()));
            let refused = vec![(RefusalReason::Limit, 2)];
            Pulled { entries: vec![Entry::Ended(SourceId(7))], outcome: self.outcome.clone(), refused, samples: 1 }
        }
    }

    fn key(name: &str) -> SourceKey {
        SourceKey { service: ServiceName::new("orders"), name: name.into() }
    }

    fn scripted(name: &str, every: u64, seconds: &[u64]) -> (Scripted, Runs) {
        let runs = Runs::default();
        let source = Scripted {
            key: key(name),
            every,
            seconds: seconds.to_vec(),
            origin: Instant::now(),
            runs: Arc::clone(&runs),
            outcome: Outcome::Ok,
        };
        (source, runs)
    }

    fn around(capacity: usize) -> (Around, mpsc::Receiver<Offer>) {
        let (intake, offers) = Intake::channel(capacity);
        let board = Arc::new(Board::new(Clock::starting_at(Timestamp::from_secs(1_000))));
        (Around { intake, board, ledger: Arc::new(Ledger::default()) }, offers)
    }

    /// Takes whatever comes.
    fn accepting(tasks: &Tasks) -> Around {
        let (around, mut offers) = around(8);
        tasks.spawn("journal", async move {
            while let Some(offer) = offers.recv().await {
                let _ = offer.acknowledge.send(());
            }
        });
        around
    }

    fn begins(runs: &Runs) -> Vec<u64> {
        runs.lock().unwrap().iter().map(|(began, _)| began.as_secs()).collect()
    }

    fn component(name: &str) -> Component {
        Component::Source { service: "orders".into(), name: name.into(), kind: "scripted" }
    }

    #[tokio::test(start_paused = true)]
    async fn runs_on_a_grid_without_drift_and_leaves_out_what_it_missed() {
        let tasks = Tasks::default();
        let around = accepting(&tasks);
        let (source, runs) = scripted("a", 10, &[3, 3, 25, 0]);
        start(&tasks, source, around);
        tokio::time::sleep(Duration::from_secs(70)).await;
        let begins = begins(&runs);
        let first = begins[0];
        assert!(first < 5, "{begins:?}");
        let offsets: Vec<u64> = begins.iter().map(|begin| begin - first).collect();
        assert_eq!(offsets[..5], [0, 10, 20, 50, 60], "the third took 25 s and left out two ticks");
        let overlapping = runs.lock().unwrap().windows(2).any(|pair| pair[1].0 < pair[0].1);
        assert!(!overlapping);
    }

    #[tokio::test(start_paused = true)]
    async fn one_endless_target_of_fifty_delays_nobody() {
        let tasks = Tasks::default();
        let around = accepting(&tasks);
        let mut all = Vec::new();
        for index in 0..50 {
            let (source, runs) = scripted(&format!("s{index}"), 15, if index == 0 { &[1_000_000] } else { &[1] });
            start(&tasks, source, around.clone());
            all.push(runs);
        }
        tokio::time::sleep(Duration::from_secs(151)).await;
        assert!(begins(&all[0]).is_empty());
        assert!(all[1..].iter().all(|runs| begins(runs).len() >= 10));
        let firsts: std::collections::BTreeSet<u128> =
            all[1..].iter().map(|runs| runs.lock().unwrap()[0].0.as_millis()).collect();
        assert!(firsts.len() > 40, "spread over the first seconds: {firsts:?}");
    }

    #[test]
    fn the_place_in_the_grid_survives_a_restart_and_lies_within_the_interval() {
        let second = Duration::from_secs(1);
        for name in ["a", "b", "c"] {
            assert_eq!(first_wait(&key(name), second), first_wait(&key(name), second));
            assert!(first_wait(&key(name), second) < second);
            assert!(first_wait(&key(name), second * 3_600) < SPREAD);
        }
        assert_ne!(first_wait(&key("a"), second), first_wait(&key("b"), second));
    }

    #[tokio::test(start_paused = true)]
    async fn an_intake_without_room_makes_it_wait_and_a_stop_frees_it() {
        let tasks = Tasks::default();
        let (around, mut offers) = around(1);
        let (source, runs) = scripted("a", 10, &[0]);
        start(&tasks, source, around);
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert_eq!(begins(&runs).len(), 1, "it waits for the acknowledgement of the first");
        offers.recv().await.unwrap().acknowledge.send(()).unwrap();
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(begins(&runs).len(), 2);
        assert_eq!(tasks.drain(Duration::from_secs(1)).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn entries_keep_their_order_and_wait_together() {
        let (around, mut offers) = around(2);
        let entries = (0..5).map(|number| Entry::Ended(SourceId(number))).collect();
        let journal = async {
            let mut held = Vec::new();
            // Two find room at once; taking one makes room for the next. None is acknowledged before the last has come.
            while held.len() < 5 {
                held.push(offers.recv().await.unwrap());
            }
            let order: Vec<u32> = held
                .iter()
                .map(|offer| match offer.entry {
                    Entry::Ended(SourceId(number)) => number,
                    _ => unreachable!(),
                })
                .collect();
            held.into_iter().for_each(|offer| offer.acknowledge.send(()).unwrap());
            order
        };
        let (answer, order) = tokio::join!(offer(&around.intake, entries), journal);
        assert_eq!((answer, order), (Ok(()), vec![0, 1, 2, 3, 4]));
    }

    #[tokio::test(start_paused = true)]
    async fn once_says_how_it_went_and_the_board_remembers() {
        let tasks = Tasks::default();
        let around = accepting(&tasks);
        let (source, _) = scripted("a", 10, &[0]);
        let mut poller = Poller::new(source, around.clone());
        for (outcome, state, reason, success) in [
            (Outcome::Ok, State::Ok, "", Some(1_000)),
            (Outcome::Degraded("cut".into()), State::Degraded, "cut", Some(1_010)),
            (Outcome::Failed("refused".into()), State::Failed, "refused", Some(1_010)),
        ] {
            poller.pull.outcome = outcome.clone();
            assert_eq!(poller.once().await, Ok(outcome));
            let entry = around.board.get(&component("a")).unwrap();
            assert_eq!((entry.state, entry.reason.as_str()), (state, reason));
            assert_eq!(entry.last_success, success.map(Timestamp::from_secs));
            tokio::time::advance(Duration::from_secs(10)).await;
        }
        assert_eq!(around.ledger.refused(RefusalReason::Limit), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn once_hears_when_nobody_listens() {
        let (around, offers) = around(1);
        drop(offers);
        let (source, _) = scripted("a", 10, &[0]);
        assert!(Poller::new(source, around).once().await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_panics_is_shown_as_failed_and_the_others_go_on() {
        let tasks = Tasks::default();
        let around = accepting(&tasks);
        let (broken, _) = scripted("broken", 10, &[0, 99]);
        let (fine, runs) = scripted("fine", 10, &[0]);
        start(&tasks, broken, around.clone());
        start(&tasks, fine, around.clone());
        tokio::time::sleep(Duration::from_secs(60)).await;
        let entry = around.board.get(&component("broken")).unwrap();
        assert_eq!(entry.state, State::Failed);
        assert!(entry.reason.contains("restart"));
        assert!(begins(&runs).len() >= 5);
    }
}
