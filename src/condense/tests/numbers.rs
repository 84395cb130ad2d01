//! Windows, rates, histograms, instances.

use super::kit::*;
use crate::condense::*;
use crate::metric::*;

const ORDERS: &[(&str, &str)] = &[("service.name", "orders-srv"), ("service.version", "1.2")];

/// *Scenario*: a source without rules or recipe. *Guarantees*: the first window closes after 15 s, the next ones on their beat; last values
/// carry the point's own time; nothing is repeated.
#[test]
fn a_window_shows_last_values_and_repeats_nothing() {
    let mut kit = Kit::new(pushed(|_| {}));
    kit.push(1, Block::new(ORDERS).gauge("queue.size", &[("queue", "a"), ("empty", "")], 1, 4.0));
    kit.push(11, Block::new(ORDERS).gauge("queue.size", &[("queue", "a"), ("empty", "")], 10, 6.0));
    assert_eq!(kit.condenser.next_tick(), at(15));
    assert_eq!(kit.condenser.pending_points(), 2);
    let rows = kit.close();
    assert_eq!(numbers(&rows), ["queue.size{queue=a} = 6 1"]);
    let row = rows.iter().find(|row| &*row.name == "queue.size").unwrap();
    assert_eq!((row.time, row.points), (at(10), 1));
    assert_eq!(row.resource.iter().map(|(key, _)| &**key).collect::<Vec<_>>(), ["service.name", "service.version"]);
    assert_eq!((kit.fates.merged, kit.condenser.pending_points()), (1, 0));
    assert_eq!(kit.condenser.view(at(15)).window_closes, at(75));
    assert!(numbers(&kit.close()).is_empty());
}

/// *Guarantees*: counters show a rate from their second point on, over the points' own times.
#[test]
fn counters_become_rates() {
    let mut kit = Kit::new(pushed(|_| {}));
    kit.push(5, Block::new(ORDERS).counter("jobs.done", &[], 5, 1000.0));
    assert!(numbers(&kit.close()).is_empty(), "one point is no rate");
    assert_eq!(kit.fates.merged, 1);
    kit.push(25, Block::new(ORDERS).counter("jobs.done", &[], 25, 1030.0));
    let rows = kit.close();
    assert_eq!(numbers(&rows), ["jobs.done.rate = 1.5 1/s"]);
    assert_eq!(
        rows.iter().find(|row| &*row.name == "jobs.done.rate").unwrap().time,
        at(75),
        "a derived value is of its window"
    );
}

/// *Guarantees*: a process that has just started is counted from its start; delta intervals are added; an interval that comes twice counts once.
#[test]
fn fresh_starts_and_deltas_count_at_once() {
    let mut kit = Kit::new(pushed(|_| {}));
    let mut block = Block::new(ORDERS);
    block.metric("requests", "{request}", CUMULATIVE).point(&[], Some(0), 10, 50.0);
    block.metric("bytes", "By", DELTA).point(&[], Some(0), 5, 10.0).point(&[], Some(0), 5, 10.0).point(
        &[],
        Some(5),
        10,
        30.0,
    );
    kit.push(10, block);
    assert_eq!(kit.fates.merged, 1);
    assert_eq!(numbers(&kit.close()), ["bytes.rate = 4 By/s", "requests.rate = 5 {request}/s"]);
}

/// *Guarantees*: histograms show their average under the bare name, a 95th percentile and how often; summaries what their sender computed.
#[test]
fn histograms_and_summaries_become_averages_and_percentiles() {
    let mut kit = Kit::new(pushed(|_| {}));
    for (time, counts, sum, count) in [(5, [0, 0, 0], 0.0, 0), (15, [80, 20, 0], 1500.0, 10)] {
        let mut block = Block::new(ORDERS);
        let cumulative = MetricKind::Histogram(Temporality::Cumulative);
        block.metric("http.server.duration", "ms", cumulative).histogram(&[], time, &counts, sum);
        let summed = count as f64 * 2.0;
        block.metric("gc", "s", MetricKind::Summary).summary(
            time,
            count,
            summed,
            &[(0.5, 1.0), (0.95, f64::NAN), (0.99, 3.0)],
        );
        kit.push(time, block);
    }
    assert_eq!(
        numbers(&kit.close()),
        [
            "gc = 2 s",
            "gc.count_rate = 1 1/s",
            "http.server.duration = 15 ms",
            "http.server.duration.count_rate = 10 1/s",
            "http.server.duration.p95 = 77.5 ms",
        ]
    );
}

/// *Guarantees*: pods of one service are one row; rates are added, gauges averaged, histograms merged; what tells the pods apart goes.
#[test]
fn instances_of_a_service_are_combined() {
    let mut kit = Kit::new(pushed(|_| {}));
    for (time, done) in [(2, 0.0), (12, 40.0)] {
        for (pod, load) in [("pod-1", 1.0), ("pod-2", 3.0)] {
            let mut block = Block::new(&[("service.name", "orders-srv"), ("service.instance.id", pod)])
                .gauge("load", &[], time, load)
                .counter("done", &[], time, done);
            let delta = MetricKind::Histogram(Temporality::Delta);
            block.metric("latency", "ms", delta).histogram(&[], time, &[1, 0, 0], load);
            kit.push(time, block);
        }
    }
    let rows = kit.close();
    assert_eq!(
        numbers(&rows),
        ["done.rate = 8 1/s", "latency = 2 ms", "latency.count_rate = 0.4 1/s", "latency.p95 = 9.5 ms", "load = 2 1"]
    );
    let load = rows.iter().find(|row| &*row.name == "load").unwrap();
    assert_eq!(load.points, 2);
    assert!(load.resource.iter().all(|(key, _)| &**key != "service.instance.id"));
}

/// *Guarantees*: `across` changes that; `each` keeps a row for each instance, labelled by its resource.
#[test]
fn across_is_obeyed() {
    for (across, expected) in [
        (Across::Sum, vec!["load = 4 1"]),
        (Across::Max, vec!["load = 3 1"]),
        (Across::Each, vec!["load = 1 1", "load = 3 1"]),
    ] {
        let mut kit = Kit::new(pushed(|source| source.across = Some(across)));
        for (pod, load) in [("pod-1", 1.0), ("pod-2", 3.0)] {
            kit.push(2, Block::new(&[("service.name", "o"), ("service.instance.id", pod)]).gauge("load", &[], 2, load));
        }
        let rows = kit.close();
        assert_eq!(numbers(&rows), expected);
        let labelled =
            rows.iter().filter(|row| row.resource.iter().any(|(key, _)| &**key == "service.instance.id")).count();
        assert_eq!(labelled, if across == Across::Each { 2 } else { 0 });
    }
}

/// *Guarantees*: different services behind one route stay apart.
#[test]
fn services_behind_one_route_are_no_instances_of_each_other() {
    let mut kit = Kit::new(pushed(|_| {}));
    for (name, load) in [("web", 1.0), ("worker", 3.0)] {
        kit.push(2, Block::new(&[("service.name", name)]).gauge("load", &[], 2, load));
    }
    assert_eq!(numbers(&kit.close()), ["load = 1 1", "load = 3 1"]);
}

/// *Guarantees*: what is no number is dropped and counted; ratios go out in percent; `_created` never goes out.
#[test]
fn what_cannot_be_shown_is_dropped_and_what_can_is_shown_well() {
    let mut kit = Kit::new(pushed(|_| {}));
    let block = Block::new(ORDERS)
        .gauge("process.cpu.utilization", &[], 2, 0.25)
        .gauge("broken", &[], 2, f64::NAN)
        .gauge("endless", &[], 2, f64::INFINITY)
        .gauge("requests_created", &[], 2, 1.7e9);
    kit.push(2, block);
    assert_eq!(numbers(&kit.close()), ["process.cpu.utilization = 25 %"]);
    assert_eq!(kit.fates.dropped(DropReason::NotANumber), 2);
    assert_eq!(kit.fates.dropped(DropReason::NotSelected), 1);
}

/// *Guarantees*: a series that a complete scrape no longer shows, that says it has ended, or whose target is down, has no value; when it
/// comes back a counter begins anew instead of reaching across the gap.
#[test]
fn ended_series_have_no_value() {
    let mut kit = Kit::new(config(vec![source("orders", "target", SourceKind::Pull)]));
    let page = |time, b: Option<f64>| {
        let block = Block::new(ORDERS).gauge("a", &[], time, 1.0).counter("c", &[], time, time as f64);
        match b {
            Some(value) => block.gauge("b", &[], time, value).complete(),
            None => block.complete(),
        }
    };
    kit.push(2, page(2, Some(2.0)));
    kit.push(12, page(12, None));
    assert_eq!(numbers(&kit.close()), ["a = 1 1", "c.rate = 1 1/s"], "b was there, and has gone");
    kit.push(20, page(20, Some(3.0)));
    kit.apply(30, &Entry::Ended(SourceId(0)));
    assert_eq!(numbers(&kit.close()), Vec::<String>::new());
    kit.push(80, page(80, Some(4.0)));
    assert_eq!(numbers(&kit.close()), ["a = 1 1", "b = 4 1"], "no rate over the time in which it was down");
    let mut stale = Block::new(ORDERS);
    stale.metric("a", "", MetricKind::Gauge).point(&[], None, 140, 9.0).ended(&[], 141);
    kit.push(141, stale);
    assert!(numbers(&kit.close()).is_empty());
}

/// *Guarantees*: the order of attributes does not split a series.
#[test]
fn the_order_of_attributes_is_no_identity() {
    let mut kit = Kit::new(pushed(|_| {}));
    kit.push(
        2,
        Block::new(&[("service.name", "o"), ("host.name", "h")]).counter("c", &[("a", "1"), ("b", "2")], 2, 10.0),
    );
    kit.push(
        12,
        Block::new(&[("host.name", "h"), ("service.name", "o")]).counter("c", &[("b", "2"), ("a", "1")], 12, 30.0),
    );
    assert_eq!(numbers(&kit.close()), ["c.rate{a=1,b=2} = 2 1/s"]);
    assert_eq!(kit.condenser.view(at(15)).series, 1);
}

/// *Guarantees*: rules choose, name, fold and derive.
#[test]
fn rules_choose_and_name() {
    let mut kit = Kit::new(pushed(|source| {
        source.rules = rules(
            r#"
            [[rule]]
            select = 'cpu_seconds{mode!="idle"}'
            value = "rate"
            name = "system.cpu.utilization"
            labels = []
            [[rule]]
            select = "load"
            value = "max"
            [[rule]]
            select = "cpu_seconds{mode=\"idle\"}"
            value = "limit - rate"
            limit = "1"
            within = "avg"
            labels = []
            name = "busy"
            unit = "1"
            "#,
        );
    }));
    for (time, busy, idle) in [(2, 0.0, 0.0), (12, 2.0, 8.0)] {
        let mut block = Block::new(ORDERS).gauge("load", &[], time, busy).gauge("other", &[], time, 1.0);
        block.metric("cpu_seconds", "s", CUMULATIVE).point(&[("mode", "user"), ("cpu", "0")], None, time, busy).point(
            &[("mode", "idle"), ("cpu", "0")],
            None,
            time,
            idle,
        );
        kit.push(time, block);
    }
    assert_eq!(numbers(&kit.close()), ["busy = 0.2 1", "load.max = 2 1", "system.cpu.utilization = 20 %"]);
    assert_eq!(kit.fates.dropped(DropReason::NotSelected), 2);
}

/// *Guarantees*: with `identity = "name"` attributes are part of the name too.
#[test]
fn attributes_are_folded_into_the_name_on_demand() {
    let mut kit = Kit::new(Config { identity: Identity::Name, ..pushed(|_| {}) });
    kit.push(2, Block::new(ORDERS).gauge("q", &[("b", "2"), ("a", "1")], 2, 1.0));
    assert_eq!(numbers(&kit.close()), ["q{a=1,b=2}{a=1,b=2} = 1 1"]);
}

/// *Guarantees*: a counter on a page without types has a rate where a rule asks for it.
#[test]
fn a_rule_may_ask_for_the_rate_of_an_untyped_series() {
    let mut kit = Kit::new(pushed(|source| source.rules = rules("[[rule]]\nselect = 'vm_rows'\nvalue = 'rate'")));
    kit.push(2, Block::new(ORDERS).gauge("vm_rows", &[], 2, 100.0));
    kit.push(12, Block::new(ORDERS).gauge("vm_rows", &[], 12, 120.0));
    assert_eq!(numbers(&kit.close()), ["vm_rows.rate = 2 1/s"]);
}

/// *Guarantees*: points of a resource without a route, and what cannot be read, are dropped with their reasons.
#[test]
fn what_has_no_route_or_is_broken_is_counted() {
    let mut kit = Kit::new(pushed(|_| {}));
    let mut builder = PointsBuilder::new();
    builder.resource(Resource::default());
    let broken = builder.write(&[0x0a, 200, 1]);
    builder.resource(Resource { attributes: Span::default(), source: Some(SourceId(0)) });
    let name = builder.write(b"m");
    let metric = |resource, kind| Metric {
        resource,
        scope: Span::default(),
        name,
        unit: Span::default(),
        description: Span::default(),
        kind,
    };
    let metrics = [
        builder.metric(metric(0, MetricKind::Gauge)),
        builder.metric(metric(1, MetricKind::Gauge)),
        builder.metric(metric(1, MetricKind::Summary)),
    ];
    let point = |metric, attributes| Point { metric, attributes, start: at(0), time: at(1), value: Value::Number(1.0) };
    builder.point(point(metrics[0], Span::default()));
    builder.point(point(metrics[1], broken));
    builder.point(point(metrics[2], Span::default()));
    builder.point(point(77, Span::default()));
    kit.apply(1, &Entry::Points(Box::new(builder.finish())));
    assert_eq!((kit.fates.dropped(DropReason::NoRoute), kit.fates.dropped(DropReason::Malformed)), (1, 3));
}
