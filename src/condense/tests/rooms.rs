//! Bounds: rows, names, bytes.

use super::kit::*;
use crate::condense::*;
use crate::metric::*;

const ONE: &[(&str, &str)] = &[("service.name", "o")];

fn many(count: usize, time: u64) -> Block {
    (0..count)
        .fold(Block::new(ONE), |block, number| block.gauge("m", &[("n", &number.to_string())], time, number as f64))
}

/// *Guarantees*: rows seen first stay, what is over the cap is counted and named, statuses are exempt; when rows fall silent for an hour their
/// room is free again.
#[test]
fn the_cap_keeps_what_was_there_first() {
    let mut config = pushed(|_| {});
    config.services[0].max_metrics = 3;
    let mut kit = Kit::new(config);
    kit.push(1, many(5, 1));
    kit.push(2, many(5, 2));
    let rows = kit.close();
    assert_eq!(numbers(&rows), ["m{n=0} = 0 1", "m{n=1} = 1 1", "m{n=2} = 2 1"]);
    assert_eq!(status(&rows, "Telemetry").len(), 1);
    assert_eq!(kit.fates.dropped(DropReason::Cardinality), 4);
    let view = &kit.condenser.view(at(15)).services[0];
    assert_eq!((view.metrics, view.max_metrics, view.cut.clone()), (3, 3, vec![name("m")]));
    assert!(view.warnings.iter().any(|text| text.contains("max_metrics = 3")));
    while kit.now < 3700 {
        kit.close();
    }
    assert_eq!(kit.condenser.view(at(kit.now)).series, 0);
    let now = kit.now + 1;
    kit.push(now, Block::new(ONE).gauge("m", &[("n", "4")], now, 4.0));
    assert_eq!(numbers(&kit.close()), ["m{n=4} = 4 1"]);
}

/// *Guarantees*: what was cut is tried again when room becomes free, though it never fell silent itself.
#[test]
fn room_that_becomes_free_is_used() {
    let mut config = pushed(|_| {});
    config.services[0].max_metrics = 1;
    let mut kit = Kit::new(config);
    kit.push(1, Block::new(ONE).gauge("first", &[], 1, 1.0));
    let mut shown = Vec::new();
    while kit.now < 3800 {
        let now = kit.now + 1;
        kit.push(now, Block::new(ONE).gauge("second", &[], now, 2.0));
        shown = numbers(&kit.close());
    }
    assert_eq!(shown, ["second = 2 1"]);
}

/// *Guarantees*: beyond the bound on bytes new series are refused and known ones go on; forgetting gives the bytes back.
#[test]
fn the_bound_on_bytes_holds() {
    let mut config = pushed(|_| {});
    config.services[0].max_metrics = 1_000_000;
    config.max_state_bytes = 200_000;
    let mut kit = Kit::new(config);
    for round in 0..20 {
        let mut block = Block::new(ONE);
        for number in 0..500 {
            block = block.gauge("m", &[("n", &format!("{round}-{number}"))], 1, 1.0);
        }
        kit.push(1, block.gauge("m", &[("n", "0-0")], 1, 1.0));
    }
    let view = kit.condenser.view(at(1));
    assert!(view.state_bytes < 260_000, "{}", view.state_bytes);
    assert!(view.series > 50 && view.series < 1000, "{}", view.series);
    assert!(kit.fates.dropped(DropReason::StateBytes) > 8000);
    kit.close();
    kit.push(20, Block::new(ONE).gauge("m", &[("n", "0-0")], 20, 7.0));
    assert_eq!(numbers(&kit.close()), ["m{n=0-0} = 7 1"]);
    while kit.now < 3800 {
        kit.close();
    }
    let empty = kit.condenser.view(at(kit.now));
    assert_eq!(empty.series, 0);
    assert!(empty.state_bytes < 60_000, "{}: only aliases are left", empty.state_bytes);
}

/// *Guarantees*: an equal series of a second source of the service is told apart by that source's name, with a warning.
#[test]
fn equal_series_of_two_sources_are_told_apart() {
    let mut kit =
        Kit::new(config(vec![source("orders", "one", SourceKind::Push), source("orders", "two", SourceKind::Push)]));
    let mut block = Block(PointsBuilder::new());
    block.resource(0, ONE).resource(1, ONE);
    for (resource, value) in [(0, 1.0), (1, 2.0)] {
        block.metric_of(resource, "up", "", MetricKind::Gauge).point(&[], None, 1, value);
    }
    kit.push(1, block);
    assert_eq!(numbers(&kit.close()), ["two up = 2 1", "up = 1 1"]);
    let view = &kit.condenser.view(at(15)).services[0];
    assert!(view.warnings[0].contains("two sources yield up"), "{:?}", view.warnings);
    assert_eq!(view.senders.len(), 2);
}

/// *Guarantees*: a source's `labels` and a service's `resource_labels` decide what goes out.
#[test]
fn labels_that_are_not_wanted_stay_here() {
    let mut config = pushed(|source| source.labels = Some(vec![name("queue")]));
    config.services[0].resource_labels = Some(vec!["host.*".to_owned()]);
    let mut kit = Kit::new(config);
    kit.push(
        1,
        Block::new(&[("service.name", "o"), ("host.name", "h")]).gauge("q", &[("queue", "a"), ("user", "x")], 1, 1.0),
    );
    let rows = kit.close();
    assert_eq!(numbers(&rows), ["q{queue=a} = 1 1"]);
    let row = rows.iter().find(|row| &*row.name == "q").unwrap();
    assert_eq!(row.resource.iter().map(|(key, _)| &**key).collect::<Vec<_>>(), ["host.name"]);
}
