//! Confirmation, maintenance, roll-up, silence.

use super::kit::*;
use crate::condense::*;
use crate::metric::*;

fn checks(essential: bool) -> Config {
    let mut front = source("orders", "shop front", SourceKind::Check);
    front.status.essential = essential;
    config(vec![front, source("orders", "127.0.0.1:9100/metrics", SourceKind::Pull)])
}

/// *Scenario*: a check fails now and then, then for good. *Guarantees*: a change goes out at once when it is confirmed, not before, and is
/// repeated every window.
#[test]
fn a_status_changes_when_it_is_confirmed_and_is_repeated() {
    let mut kit = Kit::new(checks(false));
    let first = kit.observe(1, 0, "shop front", (Rating::Ok, "200 in 12 ms"));
    assert_eq!(statuses(&first), ["Service health: ok, nothing is wrong in 1 status", "shop front: ok, 200 in 12 ms"]);
    assert!(kit.observe(20, 0, "shop front", (Rating::Critical, "connection refused")).is_empty());
    assert!(kit.observe(30, 0, "shop front", (Rating::Ok, "200")).is_empty());
    assert_eq!(
        statuses(&kit.observe(40, 0, "shop front", (Rating::Critical, "connection <refused>"))),
        ["Service health: critical, shop front: connection ‹refused›", "shop front: critical, connection ‹refused›",]
    );
    let repeated = kit.close();
    assert_eq!(status(&repeated, "shop front"), [(Rating::Critical, "connection ‹refused›".to_owned())]);
    assert!(repeated.iter().all(|row| row.points == 0), "the agent made them itself");
    assert!(kit.observe(76, 0, "shop front", (Rating::Ok, "200")).is_empty());
    assert_eq!(
        status(&kit.observe(86, 0, "shop front", (Rating::Ok, "200")), "shop front"),
        [(Rating::Ok, "200".to_owned())]
    );
}

/// *Guarantees*: what is essential makes the whole service fatal when it is down, but not when it only warns; the check itself is fatal with it.
#[test]
fn an_essential_check_makes_the_service_fatal() {
    let mut kit = Kit::new(checks(true));
    kit.observe(1, 1, "Target 127.0.0.1:9100/metrics", (Rating::Ok, "read"));
    kit.observe(1, 0, "shop front", (Rating::Warning, "slow"));
    let slow = kit.observe(2, 0, "shop front", (Rating::Warning, "slow"));
    assert_eq!(status(&slow, "shop front")[0].0, Rating::Warning);
    kit.observe(20, 0, "shop front", (Rating::Critical, "down"));
    let down = kit.observe(30, 0, "shop front", (Rating::Critical, "down"));
    assert_eq!(status(&down, "shop front")[0].0, Rating::Fatal);
    assert_eq!(status(&down, "Service health")[0].0, Rating::Fatal);
    let view = kit.condenser.view(at(30));
    let tile = view.services[0].tile.unwrap();
    assert_eq!((tile.score, tile.colour), (0, Colour::Red));
    assert_eq!(view.services[0].rating, Some(Rating::Fatal));
}

/// *Guarantees*: other statuses of an essential source do not turn the tile red.
#[test]
fn only_its_own_status_is_essential() {
    let mut kit = Kit::new(checks(true));
    kit.observe(1, 0, "shop front", (Rating::Ok, "up"));
    kit.observe(1, 0, "shop front certificate", (Rating::Critical, "expires in 6 days"));
    let told = kit.observe(20, 0, "shop front certificate", (Rating::Critical, "expires in 6 days"));
    assert_eq!(status(&told, "Service health")[0].0, Rating::Critical);
}

/// *Guarantees*: a flapping status changes at most once in 10 s; the last change wins and needs no further observation.
#[test]
fn a_flapping_status_is_held_back() {
    let mut config = checks(false);
    config.sources[0].status.confirm = Confirm { bad: 1, of: 1 };
    config.first_window = std::time::Duration::from_secs(60);
    let mut kit = Kit::new(config);
    let name = "shop front";
    assert_eq!(status(&kit.observe(20, 0, name, (Rating::Ok, "up")), name).len(), 1);
    assert!(status(&kit.observe(22, 0, name, (Rating::Critical, "down")), name).is_empty());
    assert_eq!(kit.condenser.next_tick(), at(30));
    assert!(status(&kit.observe(24, 0, name, (Rating::Ok, "up")), name).is_empty());
    assert!(status(&kit.observe(26, 0, name, (Rating::Critical, "down again")), name).is_empty());
    assert_eq!(status(&kit.tick(30), name), [(Rating::Critical, "down again".to_owned())]);
    kit.observe(31, 0, name, (Rating::Ok, "up"));
    kit.observe(32, 0, name, (Rating::Critical, "down"));
    assert!(status(&kit.tick(40), name).is_empty(), "in the end nothing had changed");
}

/// *Guarantees*: in a maintenance window and while muted, statuses and quotas are information; the truth follows when it ends.
#[test]
fn maintenance_is_information() {
    let mut config = checks(true);
    config.sources[0].status.confirm = Confirm { bad: 1, of: 1 };
    // The stories begin on a Wednesday at noon.
    let mut days = [false; 7];
    days[2] = true;
    let window = Maintenance { days, start_minute: 12 * 60 + 5, length_minutes: 5, zone: "UTC".into() };
    config.services[0].maintenance = vec![window];
    let mut kit = Kit::new(config);
    kit.observe(10, 0, "shop front", (Rating::Critical, "down"));
    let mut told = Vec::new();
    while kit.condenser.next_tick() <= at(320) {
        told = kit.tick((kit.condenser.next_tick().as_nanos() / 1_000_000_000) - BEGIN);
        if kit.now >= 300 {
            break;
        }
    }
    assert_eq!(statuses(&told)[1], "shop front: info, maintenance: down");
    assert_eq!(kit.condenser.view(at(310)).services[0].maintenance.as_deref(), Some("maintenance"));
    let told = kit.tick(600);
    assert_eq!(status(&told, "shop front"), [(Rating::Fatal, "down".to_owned())]);
    let effects = kit.condenser.mute(&ServiceName::new("orders"), at(900), "upgrade", at(620));
    let told = kit.told(effects);
    assert_eq!(status(&told, "Service health")[0].0, Rating::Info);
    assert_eq!(status(&told, "shop front"), [(Rating::Info, "maintenance (upgrade): down".to_owned())]);
    let effects = kit.condenser.unmute(&ServiceName::new("orders"), at(640));
    assert_eq!(status(&kit.told(effects), "shop front")[0].0, Rating::Fatal);
}

/// *Guarantees*: a sender that used to push and fell silent is a warning after five windows, and ok at once when it is back.
#[test]
fn a_silent_sender_is_missed() {
    let mut kit = Kit::new(pushed(|_| {}));
    let waiting = kit.close();
    let told = status(&waiting, "Telemetry");
    assert_eq!(told[0].0, Rating::Info);
    assert!(told[0].1.contains("has sent nothing yet"), "{told:?}");
    let push =
        |kit: &mut Kit, name, time| kit.push(time, Block::new(&[("service.name", name)]).gauge("a", &[], time, 1.0));
    assert_eq!(status(&push(&mut kit, "web", 26), "Telemetry"), [(Rating::Ok, "data arrives".to_owned())]);
    push(&mut kit, "worker", 26);
    for minute in 1..5 {
        push(&mut kit, "worker", 26 + minute * 60);
        assert_eq!(status(&kit.close(), "Telemetry")[0].0, Rating::Ok, "minute {minute}");
    }
    let mut told = Vec::new();
    for _ in 0..2 {
        told.extend(status(&kit.close(), "Telemetry"));
    }
    assert_eq!(told.last().unwrap(), &(Rating::Warning, "web has sent nothing for 5 min".to_owned()));
    let now = kit.now + 5;
    assert!(status(&push(&mut kit, "worker", now), "Telemetry").is_empty());
    assert_eq!(status(&push(&mut kit, "web", now + 20), "Telemetry"), [(Rating::Ok, "data arrives".to_owned())]);
}

/// *Guarantees*: a rule makes a status of each point, confirmed like any other, with its own sentence.
#[test]
fn a_rule_reads_a_status_from_a_number() {
    let mut kit = Kit::new(pushed(|source| {
        source.rules = rules(
            r#"
            [[rule]]
            select = "db.pool.pending"
            as = "status"
            name = "Database pool"
            warning = "> 0"
            labels = []
            text = "{value} requests wait for a connection of {pool}"
            "#,
        );
    }));
    let push = |kit: &mut Kit, time, value| {
        kit.push(
            time,
            Block::new(&[("service.name", "o"), ("service.instance.id", "pod-1")]).gauge(
                "db.pool.pending",
                &[("pool", "main")],
                time,
                value,
            ),
        )
    };
    let told = push(&mut kit, 1, 0.0);
    assert_eq!(status(&told, "Database pool"), [(Rating::Ok, "0 requests wait for a connection of main".to_owned())]);
    assert!(push(&mut kit, 20, 3.0).is_empty());
    let told = push(&mut kit, 30, 4.0);
    assert_eq!(
        status(&told, "Database pool"),
        [(Rating::Warning, "4 requests wait for a connection of main".to_owned())]
    );
    let rows = kit.close();
    assert!(numbers(&rows).is_empty());
    assert_eq!(kit.fates.merged, 3, "the agent makes the status itself");
    let mut stale = Block::new(&[("service.name", "o"), ("service.instance.id", "pod-1")]);
    stale.metric("db.pool.pending", "", MetricKind::Gauge).ended(&[("pool", "main")], 80);
    kit.push(80, stale);
    assert_eq!(status(&kit.close(), "Database pool"), [(Rating::Info, "no longer reported".to_owned())]);
    assert!(status(&kit.close(), "Database pool").is_empty());
}

/// *Guarantees*: of several instances the worst counts, and is named.
#[test]
fn the_worst_instance_counts_and_is_named() {
    let mut kit = Kit::new(pushed(|source| {
        source.rules = rules("[[rule]]\nselect = 'pending'\nas = 'status'\ncritical = '> 5'");
        source.status.confirm = Confirm { bad: 1, of: 1 };
    }));
    for (pod, value) in [("pod-1", 1.0), ("pod-2", 9.0)] {
        kit.push(1, Block::new(&[("service.name", "o"), ("service.instance.id", pod)]).gauge("pending", &[], 1, value));
    }
    let told = status(&kit.close(), "pending.status");
    assert_eq!(told.last().unwrap(), &(Rating::Critical, "pod-2: pending is 9".to_owned()));
}

/// *Guarantees*: thresholds on a gauge make a status beside it; so do thresholds on a rate, once a window.
#[test]
fn thresholds_on_a_gauge_make_a_status_beside_it() {
    let mut kit = Kit::new(pushed(|source| {
        source.rules = rules(
            "[[rule]]\nselect = 'load'\nwarning = '> 5'\n[[rule]]\nselect = 'errors'\nas = 'status'\ncritical = '> 1'\nname = 'Errors'",
        );
        source.status.confirm = Confirm { bad: 1, of: 1 };
    }));
    for (time, errors) in [(2, 0.0), (12, 30.0)] {
        kit.push(
            time,
            Block::new(&[("service.name", "o")]).gauge("load", &[], time, 7.0).counter("errors", &[], time, errors),
        );
    }
    let rows = kit.close();
    assert_eq!(numbers(&rows), ["load = 7 1"]);
    assert_eq!(status(&rows, "load.status"), [(Rating::Warning, "load is 7".to_owned())]);
    assert_eq!(status(&rows, "Errors"), [(Rating::Critical, "Errors is 3 1/s".to_owned())]);
}

/// *Guarantees*: the heartbeat says that the agent runs, and at an orderly stop that it was stopped, as information.
#[test]
fn the_heartbeat_says_when_the_agent_stops() {
    let mut config = checks(false);
    config.heartbeat_service = Some(ServiceName::new("orders"));
    let mut kit = Kit::new(config);
    kit.push(5, {
        let mut block = Block::new(&[]);
        block.metric("a", "", MetricKind::Gauge).point(&[], None, 5, 1.0);
        block
    });
    assert_eq!(status(&kit.close(), "calm-agent"), [(Rating::Ok, "the agent is running".to_owned())]);
    kit.push(20, Block::new(&[]).gauge("a", &[], 20, 1.0));
    let effects = kit.condenser.stop(at(21));
    let rows = kit.told(effects);
    assert_eq!(status(&rows, "calm-agent"), [(Rating::Info, "the agent was stopped".to_owned())]);
    assert_eq!(numbers(&rows), ["a = 1 1"], "the last window is closed");
    assert_eq!(kit.condenser.pending_points(), 0);
}

/// *Guarantees*: two sources with a status of one name are told apart, with a warning.
#[test]
fn equal_status_names_are_told_apart() {
    let mut kit = Kit::new(checks(false));
    kit.observe(1, 0, "disk", (Rating::Ok, "fine"));
    let told = kit.observe(1, 1, "disk", (Rating::Ok, "fine too"));
    assert_eq!(statuses(&told), ["127.0.0.1:9100/metrics disk: ok, fine too"]);
    assert!(kit.condenser.view(at(1)).services[0].warnings[0].contains("two sources have a status"));
}

/// *Guarantees*: more than four rated rows without an essential check are worth a warning.
#[test]
fn dilution_is_warned_of() {
    let mut kit = Kit::new(checks(false));
    for number in 0..5 {
        kit.observe(1, 0, &format!("check {number}"), (Rating::Ok, "fine"));
    }
    let warned =
        |kit: &Kit| kit.condenser.view(at(1)).services[0].warnings.iter().any(|text| text.contains("essential"));
    assert!(warned(&kit));
    let mut essential = Kit::new(checks(true));
    for number in 0..5 {
        essential.observe(1, 0, &format!("check {number}"), (Rating::Ok, "fine"));
    }
    assert!(!warned(&essential));
}
