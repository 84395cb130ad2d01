//! A new configuration takes over.

use super::kit::*;
use crate::condense::*;
use crate::metric::*;

const ONE: &[(&str, &str)] = &[("service.name", "o")];

fn reconfigure(kit: &mut Kit, seconds: u64, config: Config) -> Vec<Row> {
    let effects = kit.condenser.reconfigure(config, at(seconds)).unwrap();
    kit.told(effects)
}

/// *Scenario*: a source moves in the list and a rule is added. *Guarantees*: its counter goes on from its base, its open points stay.
#[test]
fn what_stays_keeps_its_state() {
    let mut kit = Kit::new(pushed(|_| {}));
    kit.push(2, Block::new(ONE).counter("c", &[], 2, 100.0).gauge("g", &[], 2, 1.0));
    let mut stays = source("orders", "otlp", SourceKind::Push);
    stays.rules = rules("[[rule]]\nselect = 'c'\nname = 'renamed'");
    reconfigure(&mut kit, 5, config(vec![source("orders", "new", SourceKind::Push), stays]));
    assert_eq!((kit.condenser.pending_points(), kit.fates.dropped(DropReason::NotSelected)), (1, 1));
    let mut block = Block(PointsBuilder::new());
    block.resource(1, ONE);
    block.metric_of(0, "c", "", CUMULATIVE).point(&[], None, 12, 130.0);
    kit.push(12, block);
    assert_eq!(numbers(&kit.close()), ["renamed = 3 1/s"]);
}

/// *Guarantees*: a summary keeps its percentile over a reload, and a rule that is new may ask for the rate of what was a gauge.
#[test]
fn what_is_made_of_a_series_may_change() {
    let mut kit = Kit::new(pushed(|_| {}));
    let summary = |time| {
        let mut block = Block::new(ONE).gauge("vm_rows", &[], time, time as f64);
        block.metric("gc", "s", MetricKind::Summary).summary(time, time, time as f64, &[(0.5, 1.0), (0.9, 4.0)]);
        block
    };
    kit.push(2, summary(2));
    kit.close();
    reconfigure(
        &mut kit,
        16,
        pushed(|source| {
            source.forward_rest = true;
            source.rules = rules("[[rule]]\nselect = 'vm_rows'\nvalue = 'rate'");
        }),
    );
    for time in [20, 30] {
        kit.push(time, summary(time));
    }
    assert_eq!(numbers(&kit.close()), ["gc = 1 s", "gc.count_rate = 1 1/s", "gc.p90 = 4 s", "vm_rows.rate = 1 1/s"]);
}

/// *Guarantees*: what left is told once, as information, and its open points are dropped with their reason.
#[test]
fn what_leaves_is_told_once() {
    let sources =
        || vec![source("orders", "otlp", SourceKind::Push), source("orders", "shop front", SourceKind::Check)];
    let mut kit = Kit::new(config(sources()));
    kit.push(2, Block::new(ONE).gauge("g", &[], 2, 1.0));
    kit.observe(3, 1, "shop front", (Rating::Ok, "up"));
    let told = reconfigure(&mut kit, 20, config(vec![source("orders", "otlp", SourceKind::Push)]));
    assert_eq!(status(&told, "shop front"), [(Rating::Info, "no longer monitored".to_owned())]);
    assert!(status(&kit.close(), "shop front").is_empty());
    kit.push(80, Block::new(ONE).gauge("g", &[], 80, 1.0));
    let told = reconfigure(&mut kit, 90, config(Vec::new()));
    assert_eq!(status(&told, "Telemetry"), [(Rating::Info, "no longer monitored".to_owned())]);
    assert_eq!((kit.fates.dropped(DropReason::ServiceRemoved), kit.condenser.pending_points()), (1, 0));
}

/// *Guarantees*: a service that left is told at its own object; a mute and a confirmed rating survive.
#[test]
fn services_leave_and_stay() {
    let two = |names: &[&str]| {
        let sources = names.iter().map(|service| source(service, "check", SourceKind::Check)).collect();
        Config { services: names.iter().map(|name| service(name)).collect(), ..config(sources) }
    };
    let mut kit = Kit::new(two(&["billing", "orders"]));
    kit.observe(1, 0, "check", (Rating::Ok, "up"));
    kit.observe(1, 1, "check", (Rating::Ok, "up"));
    kit.condenser.mute(&ServiceName::new("orders"), at(500), "upgrade", at(2));
    let effects = kit.condenser.reconfigure(two(&["orders"]), at(30)).unwrap();
    let gone: Vec<_> = effects.batches.iter().filter(|batch| batch.service.as_str() == "billing").collect();
    assert_eq!(gone.len(), 1);
    assert_eq!(
        statuses(&gone[0].rows),
        ["Service health: info, no longer monitored", "check: info, no longer monitored"]
    );
    let rows = kit.close();
    assert_eq!(status(&rows, "check"), [(Rating::Info, "maintenance (upgrade): up".to_owned())]);
}

/// *Guarantees*: a wrong configuration changes nothing.
#[test]
fn a_wrong_configuration_is_refused() {
    let mut kit = Kit::new(pushed(|_| {}));
    let error = |kit: &mut Kit, config| kit.condenser.reconfigure(config, at(1)).unwrap_err().to_string();
    let unknown = pushed(|source| source.recipes = Recipes::Named(vec!["nod".to_owned()]));
    assert!(error(&mut kit, unknown).contains("there is no recipe \"nod\""));
    let mut zone = pushed(|_| {});
    zone.services[0].maintenance =
        vec![Maintenance { days: [true; 7], start_minute: 0, length_minutes: 1, zone: "Mars/Base".into() }];
    assert!(error(&mut kit, zone).contains("no time zone \"Mars/Base\""));
    kit.push(2, Block::new(ONE).gauge("g", &[], 2, 1.0));
    assert_eq!(numbers(&kit.close()), ["g = 1 1"]);
}

/// *Guarantees*: the heartbeat moves with its key.
#[test]
fn the_heartbeat_moves() {
    let with = |home: Option<&str>| Config {
        services: vec![service("orders"), service("billing")],
        heartbeat_service: home.map(ServiceName::new),
        ..config(Vec::new())
    };
    let mut kit = Kit::new(with(Some("orders")));
    kit.close();
    let effects = kit.condenser.reconfigure(with(Some("billing")), at(20)).unwrap();
    let told: Vec<_> = effects
        .batches
        .iter()
        .flat_map(|batch| batch.rows.iter().map(|row| (batch.service.as_str(), row.body.rating())))
        .collect();
    assert_eq!(told, [("orders", Some(Rating::Info)), ("billing", Some(Rating::Ok))]);
    assert!(
        status(&reconfigure(&mut kit, 40, with(None)), "calm-agent").iter().all(|(rating, _)| *rating == Rating::Info)
    );
}
