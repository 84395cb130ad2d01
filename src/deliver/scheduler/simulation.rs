//! The scheduler against a Cloud ALM of a few lines, in virtual time: what holds whatever happens.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;

use super::*;
use crate::deliver::testing::{EPOCH, batch, change, fresh, gauge, status};
use crate::deliver::{Cause, MemoryOutbox, Scope, Verdict};
use crate::metric::Rating;
use crate::telemetry::Balance;

/// A request as it arrives.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub at: Duration,
    pub service: String,
    pub class: Class,
    pub names: Vec<String>,
    /// The rating of each status in it.
    pub ratings: BTreeMap<String, String>,
    pub bytes: usize,
}

pub(super) struct World {
    pub scheduler: Scheduler,
    pub ledger: Arc<Ledger>,
    pub at: Duration,
    pub seen: Vec<Seen>,
    start: Instant,
    flying: Vec<(Duration, PieceId, Verdict)>,
}

pub(super) const SOON: Duration = Duration::from_millis(100);

pub(super) fn cause(status: u16) -> Cause {
    Cause::Answer { status, excerpt: String::new() }
}

pub(super) fn retry(reachable: bool) -> Verdict {
    Verdict::Retry { after: None, reachable, cause: cause(503) }
}

pub(super) fn park(scope: Scope) -> Verdict {
    Verdict::Park { scope, cause: cause(403) }
}

impl World {
    pub(super) fn new(config: Config) -> Self {
        Self::with_outbox(config, MemoryOutbox::default())
    }

    pub(super) fn with_outbox(config: Config, outbox: MemoryOutbox) -> Self {
        let (start, ledger) = (Instant::now(), Arc::new(Ledger::default()));
        let now = Now { instant: start, wall: Timestamp::from_secs(EPOCH) };
        let scheduler = Scheduler::new(config, Box::new(outbox), Arc::clone(&ledger), now);
        Self { scheduler, ledger, at: Duration::ZERO, seen: Vec::new(), start, flying: Vec::new() }
    }

    pub(super) fn now(&self) -> Now {
        Now { instant: self.start + self.at, wall: Timestamp::from_secs(EPOCH).plus(self.at) }
    }

    pub(super) fn offer(&mut self, batch: Batch) {
        self.ledger.accept(batch.points());
        self.scheduler.offer(batch, self.now()).unwrap();
    }

    /// Lets time pass; every request is answered as `answer` says, after the time that it says.
    pub(super) fn run(&mut self, duration: Duration, mut answer: impl FnMut(&Seen) -> (Verdict, Duration)) {
        let end = self.at + duration;
        loop {
            let wake = match self.scheduler.next(self.now()) {
                Next::Send(piece) => {
                    let seen = self.look(&piece);
                    let (verdict, takes) = answer(&seen);
                    self.seen.push(seen);
                    self.flying.push((self.at + takes, piece.id, verdict));
                    assert!(self.flying.len() <= MAX_IN_FLIGHT);
                    continue;
                }
                Next::Wait(wake) => wake.map(|at| at.saturating_duration_since(self.start)),
            };
            let event = self.flying.iter().map(|(at, ..)| *at).chain(wake).min().unwrap_or(end).min(end);
            assert!(event > self.at || self.flying.iter().any(|(at, ..)| *at <= event) || event == end, "it spins");
            self.at = event;
            let (ended, flying) = std::mem::take(&mut self.flying).into_iter().partition(|(at, ..)| *at <= event);
            self.flying = flying;
            let ended: Vec<(Duration, PieceId, Verdict)> = ended;
            if ended.is_empty() && event == end {
                return;
            }
            for (_, id, verdict) in ended {
                self.scheduler.settle(id, verdict, &Correlation::default(), self.now());
            }
        }
    }

    /// All is well from now on.
    pub(super) fn run_well(&mut self, duration: Duration) {
        self.run(duration, |_| (Verdict::Delivered, SOON));
    }

    pub(super) fn balance(&self) -> Balance {
        let balance = self.ledger.balance();
        assert!(balance.balanced, "{balance:?}");
        balance
    }

    pub(super) fn most_in_a_minute(&self) -> usize {
        let minute = Duration::from_secs(60);
        let count = |i: usize| self.seen[i..].iter().take_while(|seen| seen.at - self.seen[i].at < minute).count();
        (0..self.seen.len()).map(count).max().unwrap_or(0)
    }

    fn look(&self, piece: &Piece) -> Seen {
        let request: ExportMetricsServiceRequest = serde_json::from_slice(&piece.body).unwrap();
        let metrics = request.resource_metrics.iter().flat_map(|r| &r.scope_metrics).flat_map(|s| &s.metrics);
        let body = String::from_utf8(piece.body.to_vec()).unwrap();
        let mut ratings = BTreeMap::new();
        for metric in body.split("{\"name\":\"").skip(2) {
            let name = metric.split('"').next().unwrap();
            if let Some(rating) = metric.split("sap.calm.hm.metric.rating\",\"value\":{\"stringValue\":\"").nth(1) {
                ratings.insert(name.to_owned(), rating.split('"').next().unwrap().to_owned());
            }
        }
        Seen {
            at: self.at,
            service: piece.service.to_string(),
            class: piece.class,
            names: metrics.map(|metric| metric.name.clone()).collect(),
            ratings,
            bytes: piece.body.len(),
        }
    }
}

pub(super) fn gauges(range: std::ops::Range<usize>) -> Vec<crate::metric::Row> {
    range.map(|index| gauge(&format!("m{index}"), index as f64)).collect()
}

/// Any mix of answers, seeded: no point is lost or counted twice, no minute is over the budget, and when all is well again all goes out.
#[test]
fn whatever_is_answered_every_point_has_one_fate() {
    for seed in 0..40 {
        let mut random = fastrand::Rng::with_seed(seed);
        let config =
            Config { requests_per_minute: 30 + random.u32(..90), max_request_bytes: 3_000, ..Config::default() };
        let most = config.requests_per_minute as usize;
        let mut world = World::new(config);
        for window in 0..30_u64 {
            for service in ["a", "b", "c", "d"] {
                let at = window * 60;
                world.offer(fresh(service, at, gauges(0..random.usize(1..40))));
                let rating = if random.bool() { Rating::Ok } else { Rating::Critical };
                world.offer(batch(
                    service,
                    Class::Status,
                    at,
                    vec![status("Reachable", rating), status("Port", rating)],
                ));
            }
            world.run(Duration::from_secs(60), |_| {
                (any_verdict(&mut random), Duration::from_millis(random.u64(10..3_000)))
            });
            world.balance();
        }
        assert!(world.most_in_a_minute() <= most, "seed {seed}");
        world.run_well(Duration::from_secs(3 * 3_600));
        let balance = world.balance();
        assert_eq!(balance.queued, 0, "seed {seed}: {balance:?} {:?}", world.scheduler.lanes);
        assert!(balance.delivered > 0);
        assert!(balance.dropped.is_empty(), "seed {seed}: {balance:?}");
    }
}

fn any_verdict(random: &mut fastrand::Rng) -> Verdict {
    match random.u32(0..20) {
        0 => Verdict::Split(cause(413)),
        1 => Verdict::Isolate(cause(400)),
        2 => Verdict::Doubt(cause(500)),
        3 => retry(random.bool()),
        4 => Verdict::Throttled { after: random.bool().then_some(Duration::from_secs(7)) },
        5 => park(Scope::Lane),
        6 if random.u32(0..10) == 0 => park(Scope::Everything),
        7 => Verdict::Again(cause(401)),
        8 => Verdict::Partial(crate::sap::cloud_alm::Partial { rejected: random.u64(..5), message: String::new() }),
        _ => Verdict::Delivered,
    }
}

/// D10: a change is out within a second while a backlog drains at full budget.
#[test]
fn a_status_change_goes_out_within_a_second_while_a_backlog_drains() {
    let mut world = World::new(Config { max_request_bytes: 20_000, ..Config::default() });
    for window in 0..600_u64 {
        for service in ["a", "b", "c"] {
            world.offer(batch(service, Class::Backlog, window, gauges(0..200)));
        }
    }
    world.run_well(Duration::from_secs(180));
    let mut offered = Vec::new();
    for turn in 0..40_u64 {
        let service = ["a", "b", "c"][turn as usize % 3];
        let rating = if turn % 2 == 0 { Rating::Critical } else { Rating::Ok };
        world.offer(change(service, world.at.as_secs(), &format!("check {turn}"), rating));
        offered.push((world.at, format!("check {turn}")));
        world.run_well(Duration::from_millis(10_700));
    }
    for (at, name) in offered {
        let seen = world.seen.iter().find(|seen| seen.names.contains(&name)).unwrap();
        assert!(seen.at + SOON - at <= Duration::from_secs(1), "{name}: {:?}", seen.at - at);
    }
    let in_last_minute = world.seen.iter().filter(|seen| seen.at > world.at - Duration::from_secs(60)).count();
    assert!(in_last_minute >= 68, "the backlog goes on draining: {in_last_minute}");
    assert!(world.most_in_a_minute() <= 80);
    world.balance();
}

/// D5: a day without Cloud ALM. Memory has its cap, what is too old expires, statuses are out within a minute, requests are full.
#[test]
fn after_a_day_of_outage_statuses_go_first_and_the_rest_in_full_requests() {
    let cap = 8 << 20;
    let config = Config { queue_max_bytes: cap, max_request_bytes: 100_000, ..Config::default() };
    let mut world = World::new(config);
    for window in 0..26 * 12_u64 {
        for service in ["a", "b", "c", "d", "e"] {
            world.offer(fresh(service, window * 300, gauges(0..60)));
            world.offer(change(
                service,
                window * 300,
                "Reachable",
                if window % 2 == 0 { Rating::Ok } else { Rating::Fatal },
            ));
        }
        world.run(Duration::from_secs(300), |_| (retry(false), Duration::from_secs(10)));
        assert!(world.scheduler.store.outbox.bytes() <= cap);
    }
    let balance = world.balance();
    assert!(balance.expired + balance.merged > 0 && balance.delivered == 0, "{balance:?}");
    assert!(balance.dropped.is_empty(), "thinned, not cut: {balance:?}");
    let (before, back) = (world.seen.len(), world.at);
    world.run_well(Duration::from_secs(1_800));
    let after = &world.seen[before..];
    for service in ["a", "b", "c", "d", "e"] {
        let first = after.iter().find(|seen| seen.service == service).unwrap();
        assert!(first.ratings.contains_key("Reachable") && first.at - back <= Duration::from_secs(60), "{first:?}");
    }
    let full = after.iter().filter(|seen| seen.bytes >= 95_000).count();
    assert!(full >= 20, "{full} full requests of {}", after.len());
    assert!(after.iter().all(|seen| seen.bytes <= 100_000));
    assert_eq!(world.balance().queued, 0);
}
