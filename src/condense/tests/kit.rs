//! What the stories are told with: a condenser on a clock of its own, and blocks of points in a few words.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::condense::rules::{Rule, RuleText};
use crate::condense::*;
use crate::metric::*;

/// When every story begins. A Wednesday noon, so that no weekly window is open by accident.
pub(super) const BEGIN: u64 = 1_767_787_200;
/// The length of a window in the stories.
pub(super) const WINDOW: u64 = 60;

pub(super) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_secs(BEGIN + seconds)
}

pub(super) fn service(name: &str) -> ServiceConfig {
    ServiceConfig {
        name: ServiceName::new(name),
        id: ServiceId::parse("0f2c8d1e-0000-4000-8000-0123456789ab").unwrap(),
        max_metrics: 100,
        resource_labels: None,
        maintenance: Vec::new(),
    }
}

pub(super) fn source(service: &str, name: &str, kind: SourceKind) -> SourceConfig {
    SourceConfig {
        key: SourceKey { service: ServiceName::new(service), name: name.into() },
        kind,
        recipes: Recipes::None,
        rules: Vec::new(),
        forward_rest: false,
        status: StatusPolicy { confirm: Confirm::default(), essential: false },
        across: None,
        labels: None,
    }
}

pub(super) fn rules(toml: &str) -> Vec<Rule> {
    #[derive(serde::Deserialize)]
    struct File {
        rule: Vec<RuleText>,
    }
    let file: File = toml::from_str(toml).unwrap();
    file.rule.iter().map(|text| Rule::parse(text).unwrap()).collect()
}

/// One service "orders" with these sources.
pub(super) fn config(sources: Vec<SourceConfig>) -> Config {
    Config {
        services: vec![service("orders")],
        sources,
        push_interval: Duration::from_secs(WINDOW),
        first_window: Duration::from_secs(15),
        identity: Identity::Label,
        max_state_bytes: 64 << 20,
        recipes_dir: None,
        heartbeat_service: None,
    }
}

/// One push source, changed as a story needs it.
pub(super) fn pushed(change: impl FnOnce(&mut SourceConfig)) -> Config {
    let mut source = source("orders", "otlp", SourceKind::Push);
    change(&mut source);
    config(vec![source])
}

/// A condenser and the time.
pub(super) struct Kit {
    pub(super) condenser: Condenser,
    pub(super) now: u64,
    pub(super) fates: Fates,
}

impl Kit {
    pub(super) fn new(config: Config) -> Self {
        let condenser = Condenser::new(config, RecipeLibrary::built_in().unwrap(), at(0)).unwrap();
        Self { condenser, now: 0, fates: Fates::default() }
    }

    pub(super) fn told(&mut self, effects: Effects) -> Vec<Row> {
        self.fates.add(&effects.fates);
        effects.batches.into_iter().flat_map(|batch| batch.rows).collect()
    }

    pub(super) fn apply(&mut self, seconds: u64, entry: &Entry) -> Vec<Row> {
        self.now = seconds;
        let effects = self.condenser.apply(entry, at(seconds));
        self.told(effects)
    }

    pub(super) fn push(&mut self, seconds: u64, block: Block) -> Vec<Row> {
        self.apply(seconds, &Entry::Points(Box::new(block.0.finish())))
    }

    pub(super) fn tick(&mut self, seconds: u64) -> Vec<Row> {
        self.now = seconds;
        let effects = self.condenser.tick(at(seconds));
        self.told(effects)
    }

    /// Closes the open window and returns its rows.
    pub(super) fn close(&mut self) -> Vec<Row> {
        let mut rows = Vec::new();
        loop {
            let next = self.condenser.next_tick();
            let closes = self.condenser.view(next).window_closes;
            self.now = (next.as_nanos() / 1_000_000_000) - BEGIN;
            let effects = self.condenser.tick(next);
            let last = next >= closes;
            rows.extend(self.told(effects));
            if last {
                return rows;
            }
        }
    }

    pub(super) fn observe(
        &mut self,
        seconds: u64,
        source: u32,
        name: &str,
        (rating, text): (Rating, &str),
    ) -> Vec<Row> {
        self.apply(
            seconds,
            &Entry::Observation(Observation {
                source: SourceId(source),
                name: name.into(),
                labels: Labels::default(),
                rating,
                text: text.to_owned(),
                time: at(seconds),
            }),
        )
    }
}

/// Rows that are no statuses, as "name{labels} = value unit".
pub(super) fn numbers(rows: &[Row]) -> Vec<String> {
    let mut shown: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let labels: Vec<String> = row.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let value = match &row.body {
                Body::Gauge(value) => short(*value),
                Body::Quota { used, limit, rating } => format!("{} of {} {rating}", short(*used), short(*limit)),
                Body::Status { .. } => return None,
            };
            Some(format!("{}{labels} = {value} {}", row.name, row.unit))
        })
        .collect();
    shown.sort();
    shown
}

/// Statuses, as "name: rating, text".
pub(super) fn statuses(rows: &[Row]) -> Vec<String> {
    rows.iter()
        .filter_map(|row| match &row.body {
            Body::Status { rating, text } => Some(format!("{}: {rating}, {text}", row.name)),
            _ => None,
        })
        .collect()
}

/// The statuses of one name alone.
pub(super) fn status(rows: &[Row], name: &str) -> Vec<(Rating, String)> {
    rows.iter()
        .filter(|row| *row.name == *name)
        .filter_map(|row| match &row.body {
            Body::Status { rating, text } => Some((*rating, text.to_string())),
            _ => None,
        })
        .collect()
}

fn short(value: f64) -> String {
    format!("{}", (value * 1e6).round() / 1e6)
}

/// A block of points under construction.
pub(super) struct Block(pub(super) PointsBuilder);

/// A metric of a block.
pub(super) struct Of<'b> {
    builder: &'b mut PointsBuilder,
    metric: u32,
}

pub(super) const CUMULATIVE: MetricKind = MetricKind::Sum { monotonic: true, temporality: Temporality::Cumulative };
pub(super) const DELTA: MetricKind = MetricKind::Sum { monotonic: true, temporality: Temporality::Delta };

fn attributes(builder: &mut PointsBuilder, pairs: &[(&str, &str)]) -> Span {
    builder.write_with(|out| {
        let mut writer = AttributeWriter::new(out);
        for (key, value) in pairs {
            writer.text(key, value);
        }
    })
}

impl Block {
    /// With one resource of source 0.
    pub(super) fn new(resource: &[(&str, &str)]) -> Self {
        let mut block = Self(PointsBuilder::new());
        block.resource(0, resource);
        block
    }

    pub(super) fn resource(&mut self, source: u32, pairs: &[(&str, &str)]) -> &mut Self {
        let attributes = attributes(&mut self.0, pairs);
        self.0.resource(Resource { attributes, source: Some(SourceId(source)) });
        self
    }

    pub(super) fn complete(mut self) -> Self {
        self.0.complete();
        self
    }

    /// A metric of resource 0.
    pub(super) fn metric(&mut self, name: &str, unit: &str, kind: MetricKind) -> Of<'_> {
        self.metric_of(0, name, unit, kind)
    }

    pub(super) fn metric_of(&mut self, resource: u32, name: &str, unit: &str, kind: MetricKind) -> Of<'_> {
        let scope = self.0.write(b"scope");
        let (name, unit) = (self.0.write(name.as_bytes()), self.0.write(unit.as_bytes()));
        let metric = self.0.metric(Metric { resource, scope, name, unit, description: Span::default(), kind });
        Of { builder: &mut self.0, metric }
    }

    /// A gauge without unit, at one time.
    pub(super) fn gauge(mut self, name: &str, labels: &[(&str, &str)], time: u64, value: f64) -> Self {
        self.metric(name, "", MetricKind::Gauge).point(labels, None, time, value);
        self
    }

    /// A cumulative counter without start.
    pub(super) fn counter(mut self, name: &str, labels: &[(&str, &str)], time: u64, value: f64) -> Self {
        self.metric(name, "", CUMULATIVE).point(labels, None, time, value);
        self
    }
}

impl Of<'_> {
    pub(super) fn point(&mut self, labels: &[(&str, &str)], start: Option<u64>, time: u64, value: f64) -> &mut Self {
        self.value(labels, start, time, Value::Number(value))
    }

    pub(super) fn ended(&mut self, labels: &[(&str, &str)], time: u64) -> &mut Self {
        self.value(labels, None, time, Value::Ended)
    }

    pub(super) fn histogram(&mut self, labels: &[(&str, &str)], time: u64, counts: &[u64], sum: f64) -> &mut Self {
        let histogram = Histogram {
            count: counts.iter().sum(),
            sum: Some(sum),
            min: None,
            max: None,
            bounds: &[10.0, 100.0],
            counts,
        };
        let value = self.builder.histogram(&histogram);
        self.value(labels, None, time, value)
    }

    pub(super) fn summary(&mut self, time: u64, count: u64, sum: f64, quantiles: &[(f64, f64)]) -> &mut Self {
        let value = self.builder.summary(&Summary { count, sum, quantiles });
        self.value(&[], None, time, value)
    }

    fn value(&mut self, labels: &[(&str, &str)], start: Option<u64>, time: u64, value: Value) -> &mut Self {
        let attributes = attributes(self.builder, labels);
        let start = start.map_or(Timestamp::UNSET, at);
        self.builder.point(Point { metric: self.metric, attributes, start, time: at(time), value });
        self
    }
}

/// A name that many may share.
pub(super) fn name(text: &str) -> Arc<str> {
    text.into()
}
