//! Many data points in one block.
//!
//! [`Points`] is what one push or one scrape brings in: a flat list of points, with everything of variable length (names, attributes,
//! buckets) in shared arenas. A receiver keeps the request's bytes as they came and points into them; a reader of text writes what it needs
//! into a second arena through [`PointsBuilder`]. So a push of a thousand points costs a handful of allocations, and identities are decoded
//! only for series that nobody has seen yet.
//!
//! Promise: every [`Span`] in a finished block lies inside it; accessors of a foreign span yield the empty slice and never panic.

use bytes::Bytes;

use super::{Attributes, SourceId};
use crate::clock::Timestamp;

/// A place in a block's bytes: first in the request's own, behind them in the written ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Offset of the first element.
    pub start: u32,
    /// Number of elements.
    pub len: u32,
}

/// A resource and the source it was routed to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Resource {
    /// Its attributes, in wire form.
    pub attributes: Span,
    /// Which source of the configuration its points belong to; `None` when no route matched: such points are refused, never guessed.
    pub source: Option<SourceId>,
}

/// How a stream's values relate to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Temporality {
    /// Each value counts since the stream's start.
    Cumulative,
    /// Each value counts since the one before.
    Delta,
}

/// What kind of stream a metric is. Source: opentelemetry-proto `metrics.proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// A value at a time.
    Gauge,
    /// A sum; only a monotonic one has a rate.
    Sum {
        /// Whether it only grows.
        monotonic: bool,
        /// Its temporality.
        temporality: Temporality,
    },
    /// A histogram with explicit bounds.
    Histogram(Temporality),
    /// A histogram with exponential buckets.
    Exponential(Temporality),
    /// Quantiles computed by the sender.
    Summary,
}

/// One metric of one resource and scope.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Index of its [`Resource`].
    pub resource: u32,
    /// Name of the instrumentation scope, may be empty.
    pub scope: Span,
    /// Its name.
    pub name: Span,
    /// Its unit (UCUM), may be empty.
    pub unit: Span,
    /// Its description, may be empty.
    pub description: Span,
    /// What kind of stream it is.
    pub kind: MetricKind,
}

/// One data point.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// Index of its [`Metric`].
    pub metric: u32,
    /// Its attributes, in wire form.
    pub attributes: Span,
    /// Start of its stream or interval, unset when not told.
    pub start: Timestamp,
    /// When it was observed, unset when not told.
    pub time: Timestamp,
    /// Its value.
    pub value: Value,
}

/// The value of a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// The series has ended (OTLP's "no recorded value", Prometheus' stale marker).
    Ended,
    /// A number. Whole numbers beyond 2^53 lose their last digits, as they would in the destination's `asDouble`.
    Number(f64),
    /// Index into [`Points::histogram`].
    Histogram(u32),
    /// Index into [`Points::exponential`].
    Exponential(u32),
    /// Index into [`Points::summary`].
    Summary(u32),
}

/// A histogram with explicit bounds: `counts` has one element more than `bounds`, or both are empty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Histogram<'a> {
    /// Number of values.
    pub count: u64,
    /// Their sum, if known.
    pub sum: Option<f64>,
    /// The smallest, if known.
    pub min: Option<f64>,
    /// The largest, if known.
    pub max: Option<f64>,
    /// Upper bounds of all buckets but the last.
    pub bounds: &'a [f64],
    /// Values in each bucket.
    pub counts: &'a [u64],
}

/// One side of an exponential histogram: bucket `i` holds values in `(base^(offset+i), base^(offset+i+1)]`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Buckets<'a> {
    /// Index of the first bucket.
    pub offset: i32,
    /// Values in each bucket.
    pub counts: &'a [u64],
}

/// An exponential histogram: `base = 2^(2^-scale)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exponential<'a> {
    /// Number of values.
    pub count: u64,
    /// Their sum, if known.
    pub sum: Option<f64>,
    /// The smallest, if known.
    pub min: Option<f64>,
    /// The largest, if known.
    pub max: Option<f64>,
    /// The resolution.
    pub scale: i32,
    /// Values that count as zero.
    pub zero_count: u64,
    /// Values above zero.
    pub positive: Buckets<'a>,
    /// Values below zero.
    pub negative: Buckets<'a>,
}

/// A summary: quantiles computed by the sender, as (quantile, value).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary<'a> {
    /// Number of values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// Quantile (0 to 1) and value.
    pub quantiles: &'a [(f64, f64)],
}

#[derive(Debug, Clone, Copy)]
struct HistogramEntry {
    count: u64,
    sum: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    bounds: Span,
    counts: Span,
}

#[derive(Debug, Clone, Copy)]
struct ExponentialEntry {
    count: u64,
    sum: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    scale: i32,
    zero_count: u64,
    positive: (i32, Span),
    negative: (i32, Span),
}

#[derive(Debug, Clone, Copy)]
struct SummaryEntry {
    count: u64,
    sum: f64,
    quantiles: Span,
}

/// A block of points. See the module's text.
#[derive(Debug, Clone, Default)]
pub struct Points {
    body: Bytes,
    written: Vec<u8>,
    floats: Vec<f64>,
    counts: Vec<u64>,
    pairs: Vec<(f64, f64)>,
    histograms: Vec<HistogramEntry>,
    exponentials: Vec<ExponentialEntry>,
    summaries: Vec<SummaryEntry>,
    resources: Vec<Resource>,
    metrics: Vec<Metric>,
    points: Vec<Point>,
    complete: bool,
    routed_under: Option<u32>,
}

impl Points {
    /// The resources.
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// The metrics.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// The points, in the order of the sender.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Whether the block shows everything its source has now: a series that is missing from it has ended (a scrape, but no push).
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Under which configuration a push was routed: source numbers mean nothing under another. `None` for pulled data, whose sources are
    /// stopped before a new configuration comes into force.
    pub const fn routed_under(&self) -> Option<u32> {
        self.routed_under
    }

    /// The bytes of a span; empty for a span that is not of this block.
    #[inline]
    pub fn bytes(&self, span: Span) -> &[u8] {
        let (start, len) = (span.start as usize, span.len as usize);
        let (bytes, start) = if start < self.body.len() {
            (&self.body[..], start)
        } else {
            (&self.written[..], start - self.body.len())
        };
        bytes.get(start..start + len).unwrap_or_default()
    }

    /// The text of a span; empty when it is not UTF-8 (builders check that it is).
    #[inline]
    pub fn text(&self, span: Span) -> &str {
        std::str::from_utf8(self.bytes(span)).unwrap_or_default()
    }

    /// The attributes of a span.
    #[inline]
    pub fn attributes(&self, span: Span) -> Attributes<'_> {
        Attributes::new(self.bytes(span))
    }

    /// The source of a point, through its metric and resource.
    #[inline]
    pub fn source(&self, point: &Point) -> Option<SourceId> {
        let metric = self.metrics.get(point.metric as usize)?;
        self.resources.get(metric.resource as usize)?.source
    }

    /// A histogram by its index.
    pub fn histogram(&self, index: u32) -> Option<Histogram<'_>> {
        let entry = self.histograms.get(index as usize)?;
        Some(Histogram {
            count: entry.count,
            sum: entry.sum,
            min: entry.min,
            max: entry.max,
            bounds: slice(&self.floats, entry.bounds),
            counts: slice(&self.counts, entry.counts),
        })
    }

    /// An exponential histogram by its index.
    pub fn exponential(&self, index: u32) -> Option<Exponential<'_>> {
        let entry = self.exponentials.get(index as usize)?;
        let side = |(offset, span)| Buckets { offset, counts: slice(&self.counts, span) };
        Some(Exponential {
            count: entry.count,
            sum: entry.sum,
            min: entry.min,
            max: entry.max,
            scale: entry.scale,
            zero_count: entry.zero_count,
            positive: side(entry.positive),
            negative: side(entry.negative),
        })
    }

    /// A summary by its index.
    pub fn summary(&self, index: u32) -> Option<Summary<'_>> {
        let entry = self.summaries.get(index as usize)?;
        Some(Summary { count: entry.count, sum: entry.sum, quantiles: slice(&self.pairs, entry.quantiles) })
    }

    /// Tells each resource which source it belongs to, as the routes of a receiver decide under the configuration numbered `generation`.
    pub fn route(&mut self, generation: u32, mut decide: impl FnMut(Attributes<'_>) -> Option<SourceId>) {
        self.routed_under = Some(generation);
        for index in 0..self.resources.len() {
            let source = decide(self.attributes(self.resources[index].attributes));
            self.resources[index].source = source;
        }
    }

    /// Keeps only the points that `wanted` says yes to; returns how many went.
    pub fn retain(&mut self, mut wanted: impl FnMut(&Point) -> bool) -> usize {
        let before = self.points.len();
        self.points.retain(|point| wanted(point));
        before - self.points.len()
    }

    /// About how much memory the block holds, in bytes.
    pub fn size_bytes(&self) -> usize {
        self.body.len()
            + self.written.len()
            + size_of_val(&self.points[..])
            + size_of_val(&self.metrics[..])
            + size_of_val(&self.floats[..])
            + size_of_val(&self.counts[..])
    }
}

fn slice<T>(all: &[T], span: Span) -> &[T] {
    all.get(span.start as usize..span.start as usize + span.len as usize).unwrap_or_default()
}

/// Builds a [`Points`] block.
#[derive(Debug, Default)]
pub struct PointsBuilder(Points);

impl PointsBuilder {
    /// Over a request's body, into which spans may point. A body of 4 GiB or more has no spans: callers bound it far below.
    pub fn over(body: Bytes) -> Self {
        Self(Points { body, ..Points::default() })
    }

    /// With nothing but what will be written.
    pub fn new() -> Self {
        Self::default()
    }

    /// Marks the block as everything its source has now.
    pub const fn complete(&mut self) {
        self.0.complete = true;
    }

    /// The span of a slice of the body, or of a copy when `bytes` lies elsewhere.
    pub fn span_of(&mut self, bytes: &[u8]) -> Span {
        let offset = (bytes.as_ptr() as usize).wrapping_sub(self.0.body.as_ptr() as usize);
        if offset < self.0.body.len() && offset + bytes.len() <= self.0.body.len() {
            Span { start: offset as u32, len: bytes.len() as u32 }
        } else {
            self.write(bytes)
        }
    }

    /// Copies bytes into the block.
    pub fn write(&mut self, bytes: &[u8]) -> Span {
        self.write_with(|out| out.extend_from_slice(bytes))
    }

    /// Lets `write` append to the block's own bytes, and returns what it appended.
    pub fn write_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Span {
        let start = self.0.written.len();
        write(&mut self.0.written);
        Span { start: (self.0.body.len() + start) as u32, len: (self.0.written.len() - start) as u32 }
    }

    /// Adds a resource; returns its index.
    pub fn resource(&mut self, resource: Resource) -> u32 {
        self.0.resources.push(resource);
        self.0.resources.len() as u32 - 1
    }

    /// Replaces a resource's attributes: they may come after its scopes.
    pub fn set_resource_attributes(&mut self, index: u32, attributes: Span) {
        if let Some(resource) = self.0.resources.get_mut(index as usize) {
            resource.attributes = attributes;
        }
    }

    /// Adds a metric; returns its index.
    pub fn metric(&mut self, metric: Metric) -> u32 {
        self.0.metrics.push(metric);
        self.0.metrics.len() as u32 - 1
    }

    /// A metric that was added, to complete it: its fields may come in any order.
    pub fn metric_mut(&mut self, index: u32) -> Option<&mut Metric> {
        self.0.metrics.get_mut(index as usize)
    }

    /// Adds a point.
    #[inline]
    pub fn point(&mut self, point: Point) {
        self.0.points.push(point);
    }

    /// Takes back the points from `index` on, such as those of a metric that turned out broken.
    pub fn truncate_points(&mut self, index: usize) {
        self.0.points.truncate(index);
    }

    /// How many points there are so far.
    pub fn point_count(&self) -> usize {
        self.0.points.len()
    }

    /// The bytes of a span so far.
    pub fn bytes(&self, span: Span) -> &[u8] {
        self.0.bytes(span)
    }

    /// Adds a histogram and returns it as a value.
    pub fn histogram(&mut self, histogram: &Histogram<'_>) -> Value {
        let entry = HistogramEntry {
            count: histogram.count,
            sum: histogram.sum,
            min: histogram.min,
            max: histogram.max,
            bounds: extend(&mut self.0.floats, histogram.bounds),
            counts: extend(&mut self.0.counts, histogram.counts),
        };
        self.0.histograms.push(entry);
        Value::Histogram(self.0.histograms.len() as u32 - 1)
    }

    /// Adds an exponential histogram and returns it as a value.
    pub fn exponential(&mut self, exponential: &Exponential<'_>) -> Value {
        let counts = &mut self.0.counts;
        let mut side = |buckets: Buckets<'_>| (buckets.offset, extend(counts, buckets.counts));
        let entry = ExponentialEntry {
            count: exponential.count,
            sum: exponential.sum,
            min: exponential.min,
            max: exponential.max,
            scale: exponential.scale,
            zero_count: exponential.zero_count,
            positive: side(exponential.positive),
            negative: side(exponential.negative),
        };
        self.0.exponentials.push(entry);
        Value::Exponential(self.0.exponentials.len() as u32 - 1)
    }

    /// Adds a summary and returns it as a value.
    pub fn summary(&mut self, summary: &Summary<'_>) -> Value {
        let quantiles = extend(&mut self.0.pairs, summary.quantiles);
        self.0.summaries.push(SummaryEntry { count: summary.count, sum: summary.sum, quantiles });
        Value::Summary(self.0.summaries.len() as u32 - 1)
    }

    /// The finished block.
    pub fn finish(self) -> Points {
        self.0
    }
}

fn extend<T: Copy>(all: &mut Vec<T>, more: &[T]) -> Span {
    let start = all.len() as u32;
    all.extend_from_slice(more);
    Span { start, len: more.len() as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_lie_in_the_body_or_in_what_was_written() {
        let body = Bytes::from_static(b"name unit");
        let mut builder = PointsBuilder::over(body.clone());
        let inside = builder.span_of(&body[5..9]);
        let outside = builder.span_of(b"elsewhere");
        let points = builder.finish();
        assert_eq!((points.text(inside), points.text(outside)), ("unit", "elsewhere"));
        assert_eq!(inside.start, 5);
    }

    #[test]
    fn a_foreign_span_is_empty() {
        let points = PointsBuilder::new().finish();
        assert_eq!(points.bytes(Span { start: 7, len: 9 }), b"");
        assert!(points.histogram(0).is_none() && points.summary(3).is_none());
    }

    #[test]
    fn structured_values_come_back() {
        let mut builder = PointsBuilder::new();
        let histogram =
            Histogram { count: 3, sum: Some(6.0), min: None, max: Some(4.0), bounds: &[1.0, 2.0], counts: &[1, 1, 1] };
        let exponential = Exponential {
            count: 2,
            sum: None,
            min: None,
            max: None,
            scale: 3,
            zero_count: 1,
            positive: Buckets { offset: -2, counts: &[1] },
            negative: Buckets::default(),
        };
        let summary = Summary { count: 9, sum: 1.5, quantiles: &[(0.5, 1.0), (0.99, 2.0)] };
        let values = [builder.histogram(&histogram), builder.exponential(&exponential), builder.summary(&summary)];
        let points = builder.finish();
        assert_eq!(values, [Value::Histogram(0), Value::Exponential(0), Value::Summary(0)]);
        assert_eq!(points.histogram(0), Some(histogram));
        assert_eq!(points.exponential(0), Some(exponential));
        assert_eq!(points.summary(0), Some(summary));
    }

    #[test]
    fn routing_decides_by_resource_attributes() {
        let mut builder = PointsBuilder::new();
        let attributes =
            builder.write_with(|out| super::super::AttributeWriter::new(out).text("service.name", "orders"));
        builder.resource(Resource { attributes, source: None });
        builder.resource(Resource::default());
        let mut points = builder.finish();
        points.route(3, |attributes| attributes.text("service.name").map(|_| SourceId(4)));
        assert_eq!(points.routed_under(), Some(3));
        let sources: Vec<_> = points.resources().iter().map(|resource| resource.source).collect();
        assert_eq!(sources, [Some(SourceId(4)), None]);
    }
}
