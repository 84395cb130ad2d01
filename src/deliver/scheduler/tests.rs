//! Each row of the table of verdicts as a story.

use super::simulation::{SOON, World, cause, gauges, park, retry};
use super::*;
use crate::deliver::testing::{batch, change, fresh, gauge, status};
use crate::deliver::{MemoryOutbox, Scope, Verdict};
use crate::metric::Rating;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

fn world() -> World {
    World::new(Config::default())
}

#[test]
fn statuses_first_with_the_fresh_of_their_service_then_fresh_then_backlog() {
    let mut world = world();
    world.offer(batch("old", Class::Backlog, 0, gauges(0..2)));
    world.offer(fresh("new", 0, gauges(0..2)));
    world.offer(fresh("both", 0, gauges(0..1)));
    world.offer(change("both", 0, "Reachable", Rating::Ok));
    world.run_well(MINUTE);
    let order: Vec<_> = world.seen.iter().map(|seen| (seen.service.as_str(), seen.names.len())).collect();
    assert_eq!(order, [("both", 2), ("new", 2), ("old", 2)]);
    assert_eq!(world.balance().delivered, 10);
}

#[test]
fn one_request_carries_all_pending_changes_of_a_service_and_only_the_latest() {
    let mut world = world();
    for (name, rating) in [("x", Rating::Ok), ("y", Rating::Warning), ("x", Rating::Fatal)] {
        world.offer(change("a", 0, name, rating));
    }
    world.run_well(MINUTE);
    assert_eq!(world.seen.len(), 1);
    let expected = [("x", "fatal"), ("y", "warning")].map(|(name, rating)| (name.to_owned(), rating.to_owned()));
    assert_eq!(world.seen[0].ratings, expected.into());
}

#[test]
fn lanes_take_turns() {
    let mut world = World::new(Config { max_points_per_request: 10, ..Config::default() });
    for service in ["a", "b", "c"] {
        world.offer(fresh(service, 0, gauges(0..100)));
    }
    world.run_well(MINUTE);
    let first: Vec<_> = world.seen.iter().take(6).map(|seen| seen.service.as_str()).collect();
    assert_eq!(first, ["a", "b", "c", "a", "b", "c"]);
}

#[test]
fn a_slow_request_does_not_hold_up_a_status_and_another_slow_one_may_go_beside_it() {
    let mut world = World::new(Config { max_points_per_request: 10, ..Config::default() });
    world.offer(fresh("a", 0, gauges(0..30)));
    world.run(Duration::from_millis(500), |_| (Verdict::Delivered, Duration::from_secs(20)));
    assert_eq!(world.seen.len(), 1, "the second place is kept");
    world.offer(change("b", 0, "Reachable", Rating::Fatal));
    world.run(Duration::from_millis(400), |_| (Verdict::Delivered, SOON));
    assert_eq!(world.seen[1].service, "b");
    world.run(Duration::from_secs(5), |_| (Verdict::Delivered, Duration::from_secs(20)));
    assert_eq!(world.seen.len(), 3, "the first is slow, so nothing is kept for statuses any more");
}

#[test]
fn too_large_is_halved_learned_and_nothing_is_lost() {
    let mut world = World::new(Config { max_request_bytes: 40_000, ..Config::default() });
    world.offer(fresh("a", 0, gauges(0..1_000)));
    world.run(10 * MINUTE, |seen| {
        if seen.bytes > 15_000 { (Verdict::Split(cause(413)), SOON) } else { (Verdict::Delivered, SOON) }
    });
    assert_eq!(world.balance().delivered, 2_000);
    let refused = world.seen.iter().filter(|seen| seen.bytes > 15_000).count();
    assert_eq!(refused, 2, "40,000 and 20,000 were too much, then it was known");
    assert!(world.seen.iter().all(|seen| seen.class == Class::Fresh), "pieces keep their class");
    assert!(world.scheduler.learned.is_some_and(|learned| learned.bytes <= 10_000));
}

#[test]
fn a_row_that_is_too_large_alone_is_buried() {
    let mut world = world();
    world.offer(fresh("a", 0, vec![gauge(&"x".repeat(1_000), 1.0)]));
    world.offer(fresh("b", 0, gauges(0..1)));
    world.run(10 * MINUTE, |seen| {
        if seen.bytes > 1_000 { (Verdict::Split(cause(413)), SOON) } else { (Verdict::Delivered, SOON) }
    });
    assert_eq!((world.balance().delivered, world.scheduler.dead_letters().count()), (2, 1));
}

#[test]
fn poison_is_isolated_to_the_row_and_everything_else_is_delivered() {
    let mut world = world();
    world.offer(fresh("a", 0, gauges(0..100)));
    let poison = |seen: &super::simulation::Seen| seen.names.iter().any(|name| name == "m37" || name == "m99");
    world.run(30 * MINUTE, |seen| {
        if poison(seen) { (Verdict::Isolate(cause(400)), SOON) } else { (Verdict::Delivered, SOON) }
    });
    let buried: Vec<_> = world.scheduler.dead_letters().map(|letter| letter.row.name.to_string()).collect();
    assert_eq!(buried, ["m37", "m99"]);
    let balance = world.balance();
    assert_eq!((balance.delivered, balance.rejected), (196, 4));
}

#[test]
fn a_lane_that_takes_nothing_is_parked_and_loses_nothing() {
    let mut world = world();
    world.offer(change("a", 0, "Reachable", Rating::Ok));
    world.offer(change("a", 0, "Port", Rating::Ok));
    world.run_well(MINUTE);
    world.offer(fresh("a", 60, gauges(0..8)));
    world.run(2 * HOUR, |_| (Verdict::Isolate(cause(400)), SOON));
    assert!(matches!(world.scheduler.lanes.values().next().unwrap().state, State::Parked { .. }));
    assert_eq!(world.balance().queued, 16);
    assert!(world.seen.len() < 50, "it is left in peace: {}", world.seen.len());
    world.run_well(HOUR);
    assert_eq!(world.balance().delivered, 16);
    assert_eq!(world.scheduler.dead_letters().count(), 0);
}

#[test]
fn a_refused_status_parks_a_lane_that_nothing_proves() {
    let mut world = world();
    world.offer(change("a", 0, "Reachable", Rating::Ok));
    world.run(MINUTE, |_| (Verdict::Isolate(cause(400)), SOON));
    assert!(matches!(world.scheduler.lanes.values().next().unwrap().state, State::Parked { .. }));
}

#[test]
fn a_bad_status_beside_a_good_one_is_buried() {
    let mut world = world();
    world.offer(batch("a", Class::Status, 0, vec![status("bad", Rating::Ok), status("good", Rating::Ok)]));
    let bad = |seen: &super::simulation::Seen| seen.names.iter().any(|name| name == "bad");
    world.run(
        10 * MINUTE,
        |seen| if bad(seen) { (Verdict::Isolate(cause(422)), SOON) } else { (Verdict::Delivered, SOON) },
    );
    let buried: Vec<_> = world.scheduler.dead_letters().map(|letter| letter.row.name.to_string()).collect();
    assert_eq!(buried, ["bad"]);
    assert!(world.scheduler.is_idle());
}

#[test]
fn a_status_under_suspicion_does_not_come_after_a_newer_one() {
    let mut world = world();
    world.offer(batch("a", Class::Status, 0, vec![status("x", Rating::Fatal), status("y", Rating::Ok)]));
    world.run(Duration::from_millis(110), |_| (Verdict::Doubt(cause(500)), SOON));
    world.offer(change("a", 1, "x", Rating::Ok));
    world.run_well(MINUTE);
    let last = world.seen.iter().rev().find_map(|seen| seen.ratings.get("x")).unwrap();
    assert_eq!(last, "ok");
    assert!(world.seen[1..].iter().all(|seen| seen.ratings.get("x").is_none_or(|rating| rating == "ok")));
}

#[test]
fn a_lone_bad_row_is_buried() {
    let mut world = world();
    world.offer(fresh("a", 0, gauges(0..1)));
    world.run(MINUTE, |_| (Verdict::Isolate(cause(400)), SOON));
    assert_eq!(world.balance().rejected, 2);
    assert!(world.scheduler.is_idle());
}

#[test]
fn a_failure_over_one_request_buries_only_if_others_get_through() {
    let mut world = world();
    world.offer(fresh("a", 0, gauges(0..4)));
    world.run(3 * HOUR, |_| (Verdict::Doubt(cause(500)), SOON));
    assert_eq!(world.balance().queued, 8, "all fail, so nothing is said of these");
    let fails = |seen: &super::simulation::Seen| seen.names.iter().any(|name| name == "m2");
    for minute in 0..120 {
        world.offer(fresh("b", 3 * 3_600 + minute * 60, gauges(10..12)));
        world.run(
            MINUTE,
            |seen| if fails(seen) { (Verdict::Doubt(cause(500)), SOON) } else { (Verdict::Delivered, SOON) },
        );
    }
    let buried: Vec<_> = world.scheduler.dead_letters().map(|letter| letter.row.name.to_string()).collect();
    assert_eq!(buried, ["m2"]);
    assert_eq!(world.balance().delivered, 6 + 120 * 4);
}

#[test]
fn a_parked_lane_is_probed_with_one_row_and_others_go_on() {
    let mut world = world();
    world.offer(fresh("bad", 0, gauges(0..100)));
    world.offer(fresh("good", 0, gauges(0..100)));
    let answer = |seen: &super::simulation::Seen| {
        if seen.service == "bad" { (park(Scope::Lane), SOON) } else { (Verdict::Delivered, SOON) }
    };
    world.run(HOUR, answer);
    let bad: Vec<_> = world.seen.iter().filter(|seen| seen.service == "bad").collect();
    assert_eq!(bad[0].names.len(), 100);
    assert!(bad[1..].iter().all(|seen| seen.names.len() == 1), "probes are small");
    let waits: Vec<u64> = bad.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs()).collect();
    assert_eq!(waits[..5], [30, 60, 120, 240, 300]);
    assert_eq!((world.balance().delivered, world.balance().queued), (200, 200));
    world.run_well(10 * MINUTE);
    assert_eq!(world.balance().delivered, 400, "nothing was lost");
}

#[test]
fn touching_the_key_tries_a_parked_lane_at_once() {
    let mut world = world();
    world.offer(fresh("a", 0, gauges(0..10)));
    world.run(HOUR, |_| (park(Scope::Lane), SOON));
    let now = world.now();
    world.scheduler.wake(now);
    world.run_well(Duration::from_secs(5));
    assert_eq!(world.balance().delivered, 20);
}

#[test]
fn a_refused_credential_parks_everything_and_is_shown_twelve_times_an_hour() {
    let mut world = world();
    for service in ["a", "b", "c"] {
        world.offer(fresh(service, 0, gauges(0..50)));
    }
    world.run(4 * HOUR, |_| (park(Scope::Everything), SOON));
    for (index, first) in world.seen.iter().enumerate() {
        let within = world.seen[index..].iter().take_while(|seen| seen.at - first.at < HOUR).count();
        assert!(within <= 12, "{within}");
    }
    assert!(world.seen.len() > 40 && world.seen[1..].iter().all(|seen| seen.names.len() == 1));
    assert_eq!(world.balance().queued, 300);
    world.run_well(10 * MINUTE);
    assert_eq!(world.balance().delivered, 300);
}

#[test]
fn throttling_stops_everything_until_it_is_over_and_halves_the_rate() {
    let mut world = World::new(Config { max_points_per_request: 1, ..Config::default() });
    world.offer(fresh("a", 0, gauges(0..2_000)));
    world.run_well(5 * MINUTE);
    assert_eq!(world.scheduler.budget.rate(), 80);
    let before = world.seen.len();
    world.run(Duration::from_secs(5), |_| (Verdict::Throttled { after: Some(Duration::from_secs(40)) }, SOON));
    assert_eq!(world.seen.len(), before + 1, "the first refusal stopped everything");
    assert_eq!(world.scheduler.budget.rate(), 40);
    let refused = world.seen.last().unwrap().at;
    world.offer(change("b", 300, "Reachable", Rating::Fatal));
    world.run_well(2 * MINUTE);
    assert!(world.seen[before + 1].at - refused >= Duration::from_secs(40));
    assert_eq!(world.seen[before + 1].service, "b", "then the status first");
}

#[test]
fn an_outage_is_asked_about_at_most_every_quarter_minute_and_nothing_is_lost() {
    let mut world = world();
    for service in ["a", "b", "c"] {
        world.offer(fresh(service, 0, gauges(0..10)));
    }
    world.run(HOUR, |_| (retry(true), SOON));
    let waits: Vec<_> = world.seen.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(31)), "{waits:?}");
    assert!(world.seen.len() < 1_000);
    world.run_well(10 * MINUTE);
    assert_eq!(world.balance().delivered, 60);
}

#[test]
fn a_newer_status_wins_over_one_that_comes_back() {
    let mut world = world();
    world.offer(change("a", 0, "Reachable", Rating::Ok));
    world.run(Duration::from_millis(50), |_| (retry(true), SOON));
    world.offer(change("a", 1, "Reachable", Rating::Fatal));
    world.run_well(MINUTE);
    let ratings: Vec<_> = world.seen.iter().map(|seen| seen.ratings["Reachable"].as_str()).collect();
    assert_eq!(ratings, ["ok", "fatal"]);
}

#[test]
fn a_new_token_is_one_more_try_at_once() {
    let mut world = world();
    world.offer(fresh("a", 0, gauges(0..10)));
    let mut tries = 0;
    world.run(Duration::from_secs(1), |_| {
        tries += 1;
        if tries == 1 { (Verdict::Again(cause(401)), SOON) } else { (Verdict::Delivered, SOON) }
    });
    assert_eq!((world.seen.len(), world.balance().delivered), (2, 20));
}

#[test]
fn without_a_token_nothing_is_spent() {
    use crate::sap::uaa::TokenError;
    let mut world = world();
    world.offer(fresh("a", 0, gauges(0..10)));
    let denied = || Verdict::NoToken {
        error: Arc::new(TokenError::BadRequest { status: 400, said: "no".into() }),
        retry_after: Duration::from_secs(300),
    };
    world.run(HOUR, |_| (denied(), Duration::ZERO));
    assert!(world.seen.len() <= 12);
    let now = world.now();
    assert_eq!(world.scheduler.budget.used_last_minute(now.instant), 0);
    world.run_well(10 * MINUTE);
    assert_eq!(world.balance().delivered, 20);
}

#[test]
fn what_is_too_old_expires_and_is_counted() {
    let mut world = World::new(Config { max_age: HOUR, ..Config::default() });
    world.offer(fresh("a", 0, gauges(0..10)));
    world.offer(change("a", 0, "Reachable", Rating::Ok));
    world.run(2 * HOUR, |_| (retry(false), SOON));
    assert_eq!(world.balance().expired, 20);
    assert!(world.scheduler.is_idle(), "an old status is not sent either");
}

#[test]
fn a_window_that_was_late_becomes_backlog_or_expires_without_backfill() {
    for (backfill, expired, delivered) in [(true, 0, 40), (false, 20, 20)] {
        let mut world = World::new(Config { backfill, ..Config::default() });
        world.offer(fresh("a", 0, gauges(0..10)));
        world.run(MINUTE, |_| (retry(false), SOON));
        world.offer(fresh("a", 60, gauges(10..20)));
        world.run_well(5 * MINUTE);
        let balance = world.balance();
        assert_eq!((balance.expired, balance.delivered), (expired, delivered));
        let first = world.seen.iter().rev().take_while(|seen| seen.at > MINUTE).last().unwrap();
        assert_eq!(first.names[0], "m10", "the fresh one is first");
    }
}

#[test]
fn a_partial_success_is_shared_out_and_not_sent_again() {
    let mut world = world();
    world.offer(fresh("a", 0, gauges(0..10)));
    let partial = crate::sap::cloud_alm::Partial { rejected: 3, message: "too old".into() };
    world.run(MINUTE, |_| (Verdict::Partial(partial.clone()), SOON));
    let balance = world.balance();
    assert_eq!((world.seen.len(), balance.rejected, balance.delivered), (1, 6, 14));
    assert_eq!(world.scheduler.refusals().count(), 1, "it is told");
}

#[test]
fn the_cap_thins_in_time_before_it_drops() {
    let window_bytes = {
        let mut probe = world();
        probe.offer(fresh("a", 0, gauges(0..10)));
        probe.scheduler.store.outbox.bytes()
    };
    let mut world = World::new(Config { queue_max_bytes: window_bytes * 8, ..Config::default() });
    for window in 0..30 {
        world.offer(batch("a", Class::Backlog, window * 60, gauges(0..10)));
    }
    let balance = world.balance();
    assert!(balance.dropped.is_empty() && balance.merged >= 20 * 22, "{balance:?}");
    // Rows that are nowhere else are never given up by thinning.
    for window in 30..60_usize {
        world.offer(batch("a", Class::Backlog, window as u64 * 60, gauges(window * 100..window * 100 + 10)));
    }
    let balance = world.balance();
    assert!(balance.dropped.get("queue_full").is_some_and(|dropped| *dropped > 0), "{balance:?}");
    assert!(world.scheduler.store.outbox.bytes() <= window_bytes * 8);
}

#[test]
fn what_waits_in_the_outbox_is_taken_over_and_statuses_stay_the_latest() {
    let mut outbox = MemoryOutbox::default();
    outbox.append(fresh("a", 0, gauges(0..10)).into()).unwrap();
    outbox.append(change("a", 0, "Reachable", Rating::Ok).into()).unwrap();
    let newest = outbox.append(change("a", 9, "Reachable", Rating::Fatal).into()).unwrap();
    outbox.settle(crate::deliver::EntryId(1), 3..5).unwrap();
    assert_eq!(newest.0, 3);
    let mut world = World::with_outbox(Config::default(), outbox);
    world.ledger.accept(16);
    assert_eq!(world.balance().queued, 16);
    world.run_well(MINUTE);
    assert_eq!(world.seen[0].ratings["Reachable"], "fatal");
    assert_eq!(world.balance().delivered, 16);
}

#[test]
fn lanes_of_removed_services_go_when_they_are_empty() {
    let mut world = world();
    world.offer(fresh("a", 0, gauges(0..1)));
    world.scheduler.forget_idle(|_| false);
    assert_eq!(world.scheduler.lanes.len(), 1, "it still has work");
    world.run_well(MINUTE);
    world.scheduler.forget_idle(|_| false);
    assert!(world.scheduler.lanes.is_empty());
}
