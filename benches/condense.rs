//! What a known point costs on its way into its series.
//!
//! The promise (P1) leaves 500 ns a point for the whole path on one core; the condenser's share of it is meant to stay below 120 ns with
//! 10,000 series. `in order` is what senders do; `shuffled` is the case in which the next alias cannot be guessed.

use std::hint::black_box;
use std::time::Duration;

use calm_agent::clock::Timestamp;
use calm_agent::condense::{
    Condenser, Config, Confirm, Identity, RecipeLibrary, Recipes, ServiceConfig, SourceConfig, SourceKind, StatusPolicy,
};
use calm_agent::metric::{
    AttributeWriter, Entry, Histogram, Metric, MetricKind, Point, PointsBuilder, Resource, ServiceId, ServiceName,
    SourceId, SourceKey, Span, Temporality, Value,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const SERIES: u32 = 10_000;
const BLOCK: u32 = 1_000;
const BEGIN: u64 = 1_767_787_200;

fn condenser() -> Condenser {
    let service = ServiceConfig {
        name: ServiceName::new("orders"),
        id: ServiceId::parse("0f2c8d1e-0000-4000-8000-0123456789ab").expect("it is a UUID"),
        max_metrics: SERIES as usize * 3,
        resource_labels: None,
        maintenance: Vec::new(),
    };
    let source = SourceConfig {
        key: SourceKey { service: ServiceName::new("orders"), name: "otlp".into() },
        kind: SourceKind::Push,
        recipes: Recipes::None,
        rules: Vec::new(),
        forward_rest: false,
        status: StatusPolicy { confirm: Confirm::default(), essential: false },
        across: None,
        labels: None,
    };
    let config = Config {
        services: vec![service],
        sources: vec![source],
        push_interval: Duration::from_secs(300),
        first_window: Duration::from_secs(300),
        identity: Identity::Label,
        max_state_bytes: 256 << 20,
        recipes_dir: None,
        heartbeat_service: None,
    };
    let library = RecipeLibrary::built_in().expect("the package's recipes are right");
    Condenser::new(config, library, Timestamp::from_secs(BEGIN)).expect("the configuration is right")
}

/// All series once, in blocks of a thousand points of twenty metrics each, as an SDK sends them.
fn blocks(kind: MetricKind, order: &[u32], round: u64) -> Vec<Entry> {
    let mut blocks = Vec::new();
    for chunk in order.chunks(BLOCK as usize) {
        let mut builder = PointsBuilder::new();
        let attributes = builder.write_with(|out| {
            let mut writer = AttributeWriter::new(out);
            writer.text("service.name", "orders-srv");
            writer.text("service.instance.id", "0b8f3c1a-7b7e-4ea1-a3ac-5c1b8f0e6d11");
            writer.text("telemetry.sdk.language", "nodejs");
        });
        builder.resource(Resource { attributes, source: Some(SourceId(0)) });
        let scope = builder.write(b"io.example.instrumentation");
        let metrics: Vec<u32> = (0..20)
            .map(|number| {
                let name = builder.write(format!("http.server.request.body.size.{number}").as_bytes());
                let (unit, description) = (builder.write(b"By"), Span::default());
                builder.metric(Metric { resource: 0, scope, name, unit, description, kind })
            })
            .collect();
        for &series in chunk {
            let attributes = builder.write_with(|out| {
                let mut writer = AttributeWriter::new(out);
                writer.text("http.request.method", "GET");
                writer.text("http.route", &format!("/orders/{{id}}/items/{}", series / 20));
                writer.text("server.address", "orders.example.internal");
            });
            let value = match kind {
                MetricKind::Histogram(_) => builder.histogram(&Histogram {
                    count: 10 * round,
                    sum: Some(100.0 * round as f64),
                    min: None,
                    max: None,
                    bounds: &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0],
                    counts: &[round, round, round, round, round, round, round, round, round, round, 0],
                }),
                _ => Value::Number((series as u64 + round) as f64),
            };
            builder.point(Point {
                metric: metrics[series as usize % 20],
                attributes,
                start: Timestamp::from_secs(BEGIN),
                time: Timestamp::from_secs(BEGIN + round),
                value,
            });
        }
        blocks.push(Entry::Points(Box::new(builder.finish())));
    }
    blocks
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time, and without building its input")]
fn time_of(work: impl FnOnce()) -> Duration {
    let begun = std::time::Instant::now();
    work();
    begun.elapsed()
}

fn known_points(criterion: &mut Criterion) {
    let in_order: Vec<u32> = (0..SERIES).collect();
    let mut shuffled = in_order.clone();
    fastrand::Rng::with_seed(7).shuffle(&mut shuffled);
    let cumulative = MetricKind::Sum { monotonic: true, temporality: Temporality::Cumulative };
    let histogram = MetricKind::Histogram(Temporality::Cumulative);
    let mut group = criterion.benchmark_group("condense");
    group.throughput(Throughput::Elements(u64::from(SERIES)));
    for (name, kind, order) in [
        ("gauges, in order", MetricKind::Gauge, &in_order),
        ("gauges, shuffled", MetricKind::Gauge, &shuffled),
        ("counters, in order", cumulative, &in_order),
        ("histograms, in order", histogram, &in_order),
    ] {
        let mut condenser = condenser();
        for entry in blocks(kind, &in_order, 1) {
            condenser.apply(&entry, Timestamp::from_secs(BEGIN + 1));
        }
        let mut round = 1;
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                let mut spent = Duration::ZERO;
                for _ in 0..times {
                    round += 1;
                    let (entries, now) = (blocks(kind, order, round), Timestamp::from_secs(BEGIN + round));
                    spent += time_of(|| entries.iter().for_each(|entry| drop(black_box(condenser.apply(entry, now)))));
                }
                spent
            });
        });
        let view = condenser.view(Timestamp::from_secs(BEGIN + round));
        assert_eq!(view.series, SERIES as usize, "every series is known");
        assert_eq!(view.pending_points, u64::from(SERIES) * round, "every point went into its window");
    }
    group.finish();
}

fn windows(criterion: &mut Criterion) {
    let order: Vec<u32> = (0..SERIES).collect();
    let mut group = criterion.benchmark_group("condense");
    group.throughput(Throughput::Elements(u64::from(SERIES)));
    group.sample_size(20);
    let mut condenser = condenser();
    let mut round = 1;
    group.bench_function("close a window", |bencher| {
        bencher.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                round += 300;
                let now = Timestamp::from_secs(BEGIN + round);
                for entry in blocks(MetricKind::Gauge, &order, round) {
                    condenser.apply(&entry, now);
                }
                spent += time_of(|| drop(black_box(condenser.tick(now.plus(Duration::from_secs(300))))));
            }
            spent
        });
    });
    group.finish();
}

criterion_group!(benches, known_points, windows);
criterion_main!(benches);
