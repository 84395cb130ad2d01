//! From an exposition page to points, as OpenTelemetry maps them.
//!
//! * Names stay as they are. Labels become attributes, an empty one is none. `job` and `instance` of the page become `exported_job` and
//!   `exported_instance`, as Prometheus does, unless they are honoured. A page's own `up` and `scrape_*` need no new names: nothing is
//!   synthesised beside them, the state of the target is a status.
//! * Counters are monotonic sums with the start that the page gives; gauges and the untyped are gauges; infos and states are sums that are
//!   not monotonic. Histograms of gauges are dropped and counted.
//! * `target_info` and the target's address are the resource; `otel_scope_*` labels are the scope.
//! * A point that is too old or too far ahead is refused and counted: Cloud ALM would refuse it later.
//!
//! A sample costs no allocation of its own: attributes are written into the block, and neighbours of one name share their metric.
//!
//! Source: OpenTelemetry "Prometheus and OpenMetrics Compatibility"; Prometheus' `honor_labels`.

use std::time::Duration;

use url::Url;

use super::Config;
use super::units::ucum;
use crate::clock::Timestamp;
use crate::metric::{
    AttributeValue, AttributeWriter, Histogram, Metric, MetricKind, Point, Points, PointsBuilder, Resource, SourceId,
    Span, Summary, Temporality, Value,
};
use crate::prometheus::{Format, Labels, Limits, MetricView, Page, Problem, Type, ValueView, is_stale};
use crate::sources::gauges::SCOPE;

/// Points older than this are refused.
const MAX_AGE: Duration = Duration::from_secs(24 * 3_600);
/// Points further ahead than this are refused.
const MAX_AHEAD: Duration = Duration::from_secs(3_600);
/// Start of the labels that name an OpenTelemetry scope.
const SCOPE_PREFIX: &str = "otel_scope_";

/// What the mapping of one target knows.
#[derive(Debug, Clone)]
pub(super) struct Mapping {
    source: SourceId,
    url: Url,
    address: String,
    limits: Limits,
    honor_labels: bool,
    honor_timestamps: bool,
}

/// A page as points, and what was not taken.
#[derive(Debug, Default)]
pub(super) struct Mapped {
    /// The points. Complete, unless the page was cut.
    pub(super) points: Box<Points>,
    /// Samples on the page.
    pub(super) samples: usize,
    /// The first problem of the page, with its place.
    pub(super) first_problem: Option<String>,
    /// Lines that could not be read.
    pub(super) bad_lines: usize,
    /// Why there is more than was read.
    pub(super) cut: Option<Cut>,
    /// Points that are too old.
    pub(super) too_old: u64,
    /// Points that are too far ahead.
    pub(super) future: u64,
    /// Metrics of kinds that OpenTelemetry has no place for, or that contradict themselves.
    pub(super) unusable: u64,
}

/// Why a page was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// It has more samples than are read.
    Samples,
    /// It has more lines of metadata than are read.
    Metadata,
    /// It lacks the end that its format demands, so it may have been cut on its way.
    Unfinished,
}

impl Mapping {
    pub(super) fn new(config: &Config, address: &str) -> Self {
        Self {
            source: config.source,
            url: config.url.clone(),
            address: address.to_owned(),
            limits: Limits { samples: config.max_samples, labels: config.max_labels, ..Limits::default() },
            honor_labels: config.honor_labels,
            honor_timestamps: config.honor_timestamps,
        }
    }

    /// Reads a page that was scraped at `now`.
    pub(super) fn map(&self, body: &[u8], format: Format, now: Timestamp) -> Mapped {
        let page = Page::read(body, format, self.limits);
        let cut = cut(&page, self.limits.samples);
        let mut out = Mapped {
            samples: page.samples(),
            first_problem: page.errors().first().map(ToString::to_string),
            bad_lines: page.error_count() - usize::from(cut.is_some()),
            cut,
            unusable: page.dropped() as u64,
            ..Mapped::default()
        };
        let scopes = memchr::memmem::find(body, SCOPE_PREFIX.as_bytes()).is_some();
        let mut block = Block::new(self, page.target_info(), scopes);
        for metric in page.metrics() {
            match self.time(&metric, now) {
                Ok(time) => out.unusable += u64::from(!block.add(&metric, time)),
                Err(Untimely::TooOld) => out.too_old += 1,
                Err(Untimely::Future) => out.future += 1,
            }
        }
        if cut.is_none() {
            block.builder.complete();
        }
        *out.points = block.builder.finish();
        out
    }

    fn time(&self, metric: &MetricView<'_>, now: Timestamp) -> Result<Timestamp, Untimely> {
        let Some(told) = metric.timestamp.filter(|_| self.honor_timestamps) else { return Ok(now) };
        // A time before 1970 or beyond 2262 is out of bounds in its direction.
        let nanos = told.unix_nanos().unwrap_or(if told.unix_seconds() < 0.0 { 0 } else { i64::MAX });
        let time = Timestamp(u64::try_from(nanos).unwrap_or(0));
        if now.since(time) > MAX_AGE {
            Err(Untimely::TooOld)
        } else if time.since(now) > MAX_AHEAD {
            Err(Untimely::Future)
        } else {
            Ok(time)
        }
    }
}

/// Whether the page has more than was read. Only the first problems are kept, so the last one may have to be guessed.
fn cut(page: &Page<'_>, most: usize) -> Option<Cut> {
    let kept = page.errors();
    let known = kept.iter().find_map(|error| match error.problem {
        Problem::TooManySamples { .. } => Some(Cut::Samples),
        Problem::TooManyMetadataLines { .. } => Some(Cut::Metadata),
        Problem::MissingEof => Some(Cut::Unfinished),
        _ => None,
    });
    known.or((page.error_count() > kept.len() && page.samples() >= most).then_some(Cut::Samples))
}

enum Untimely {
    TooOld,
    Future,
}

/// The block as it grows.
struct Block<'m> {
    mapping: &'m Mapping,
    builder: PointsBuilder,
    /// Whether the page has labels of scopes at all; most have none.
    scopes: bool,
    agent: Span,
    last: Option<Last>,
    quantiles: Vec<(f64, f64)>,
}

/// The metric of the point before.
#[derive(Clone, Copy)]
struct Last {
    index: u32,
    name: Span,
    scope: Span,
    kind: MetricKind,
}

impl<'m> Block<'m> {
    fn new(mapping: &'m Mapping, info: Option<Labels<'_>>, scopes: bool) -> Self {
        let mut builder = PointsBuilder::new();
        let attributes = builder.write_with(|out| mapping.resource(&mut AttributeWriter::new(out), info));
        builder.resource(Resource { attributes, source: Some(mapping.source) });
        let agent = builder.write(SCOPE.as_bytes());
        Self { mapping, builder, scopes, agent, last: None, quantiles: Vec::new() }
    }

    /// Adds a metric's point; `false` where there is no place for it.
    fn add(&mut self, metric: &MetricView<'_>, time: Timestamp) -> bool {
        if self.scopes && metric.name == "otel_scope_info" {
            return true;
        }
        let Some(kind) = kind(metric) else { return false };
        let index = self.metric(metric, kind);
        let (mapping, scopes) = (self.mapping, self.scopes);
        let attributes = self.builder.write_with(|out| mapping.attributes(out, metric.labels, scopes));
        let start = metric.start.and_then(|start| start.unix_nanos()).and_then(|nanos| u64::try_from(nanos).ok());
        // A start after the point itself says that a clock is wrong, not when counting began.
        let start = start.map(Timestamp).filter(|start| *start <= time).unwrap_or_default();
        let value = self.value(metric.value);
        self.builder.point(Point { metric: index, attributes, start, time, value });
        true
    }

    fn metric(&mut self, metric: &MetricView<'_>, kind: MetricKind) -> u32 {
        let told = if self.scopes { metric.labels.get("otel_scope_name") } else { None };
        let told = told.as_deref().unwrap_or(SCOPE).as_bytes();
        if let Some(last) = self.last
            && last.kind == kind
            && self.builder.bytes(last.name) == metric.name.as_bytes()
            && self.builder.bytes(last.scope) == told
        {
            return last.index;
        }
        let scope = if told == SCOPE.as_bytes() { self.agent } else { self.builder.write(told) };
        let name = self.builder.write(metric.name.as_bytes());
        let unit = self.builder.write(ucum(metric.family.unit.unwrap_or_default()).as_bytes());
        let description = self.builder.write(metric.family.help.as_deref().unwrap_or_default().as_bytes());
        let index = self.builder.metric(Metric { resource: 0, scope, name, unit, description, kind });
        self.last = Some(Last { index, name, scope, kind });
        index
    }

    fn value(&mut self, value: ValueView<'_>) -> Value {
        match value {
            ValueView::Number(number) if is_stale(number) => Value::Ended,
            ValueView::Number(number) => Value::Number(number),
            ValueView::Histogram(seen) => {
                let (count, sum, bounds, counts) = (seen.count, seen.sum, seen.bounds, seen.counts);
                self.builder.histogram(&Histogram { count, sum, min: None, max: None, bounds, counts })
            }
            ValueView::Summary(seen) => {
                self.quantiles.clear();
                self.quantiles.extend(seen.quantiles.iter().map(|quantile| (quantile.quantile, quantile.value)));
                let (count, sum) = (seen.count, seen.sum.unwrap_or(0.0));
                self.builder.summary(&Summary { count, sum, quantiles: &self.quantiles })
            }
        }
    }
}

impl Mapping {
    fn resource(&self, writer: &mut AttributeWriter<'_>, info: Option<Labels<'_>>) {
        writer.text("service.instance.id", &self.address);
        writer.text("server.address", self.url.host_str().unwrap_or_default());
        writer.value("server.port", AttributeValue::Int(self.url.port_or_known_default().unwrap_or_default().into()));
        writer.text("url.scheme", self.url.scheme());
        for label in info.iter().flat_map(|labels| labels.iter()) {
            let (name, value) = (label.name(), label.value());
            let ours = matches!(&*name, "service.instance.id" | "server.address" | "server.port" | "url.scheme");
            if !ours && !value.is_empty() && !matches!(&*name, "job" | "instance") {
                writer.text(&name, &value);
            }
        }
    }

    fn attributes(&self, out: &mut Vec<u8>, labels: Labels<'_>, scopes: bool) {
        let mut writer = AttributeWriter::new(out);
        for label in labels.iter() {
            let (name, value) = (label.name(), label.value());
            if value.is_empty() || scopes && name.starts_with(SCOPE_PREFIX) {
                continue;
            }
            match &*name {
                "job" | "instance" if !self.honor_labels => writer.text(&exported(&name, labels), &value),
                name => writer.text(name, &value),
            }
        }
    }
}

/// The name under which a label of the page stands aside, as Prometheus makes it: one more prefix where that is taken as well.
fn exported(name: &str, labels: Labels<'_>) -> String {
    let mut renamed = format!("exported_{name}");
    while labels.iter().any(|label| label.name() == renamed) {
        renamed.insert_str(0, "exported_");
    }
    renamed
}

/// The kind of stream; `None` for a histogram of gauges, whose counts go down.
const fn kind(metric: &MetricView<'_>) -> Option<MetricKind> {
    let cumulative = Temporality::Cumulative;
    Some(match (metric.value, metric.kind) {
        (ValueView::Number(_), Type::Counter) => MetricKind::Sum { monotonic: true, temporality: cumulative },
        (ValueView::Number(_), Type::Info | Type::StateSet) => {
            MetricKind::Sum { monotonic: false, temporality: cumulative }
        }
        (ValueView::Number(_), _) => MetricKind::Gauge,
        (ValueView::Histogram(_), Type::GaugeHistogram) => return None,
        (ValueView::Histogram(_), _) => MetricKind::Histogram(cumulative),
        (ValueView::Summary(_), _) => MetricKind::Summary,
    })
}

#[cfg(test)]
mod tests;
