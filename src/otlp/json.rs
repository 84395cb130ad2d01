//! OTLP/JSON, read piece by piece into the same block as protobuf.
//!
//! Each level is parsed with the list of its children left as raw text, which are then parsed one at a time: never more than one point
//! stands as a structure, and fields may come in any order. Attributes are written in protobuf's form, so that a series has one identity whichever
//! encoding its sender chose.
//!
//! What senders really write is read: 64-bit numbers as text or as numbers (the Node SDK), enumerations by name or number, `"NaN"`, `null`
//! for anything, unknown keys. What would silently read as nothing is not: keys in `snake_case` or of another signal refuse the request and
//! name the key.
//!
//! Source: the OTLP specification, "JSON Protobuf Encoding", and the JSON mapping of proto3.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::sink::{Head, Opened, Rules, Sink, check_attributes, check_name};
use super::{Decoded, Reason, Unreadable};
use crate::clock::Timestamp;
use crate::metric::{
    AttributeWriter, Buckets, Exponential, Histogram, MetricKind, PointsBuilder, Span, Summary, Temporality,
};

mod attribute;
mod number;
mod shape;

use shape::{Data, Elements, KeyValue, List, Metric, Point, Request, ResourceMetrics, ScopeMetrics, Text};

/// The bit of `DataPointFlags` that says that there is no value.
const NO_RECORDED_VALUE: u64 = 1;

pub(super) fn read(body: &[u8], rules: &Rules) -> Result<Decoded, Unreadable> {
    let request: Request<'_> = serde_json::from_slice(body).map_err(|cause| broken(body, body, &cause))?;
    if let Some(found) = request.foreign {
        return Err(Unreadable::Dialect { found: found.into_owned(), expected: "resourceMetrics" });
    }
    let mut reader = Reader { body, sink: Sink::new(PointsBuilder::new(), rules), rules };
    reader.elements(request.resource_metrics, Reader::resource_metrics)?;
    Ok(reader.sink.finish())
}

/// What becomes of one element of a list.
type Take<R, T> = fn(&mut R, T) -> Result<(), Unreadable>;

struct Reader<'a, 'r> {
    body: &'a [u8],
    sink: Sink<'r>,
    rules: &'r Rules,
}

impl<'a> Reader<'a, '_> {
    fn resource_metrics(&mut self, message: ResourceMetrics<'a>) -> Result<(), Unreadable> {
        camel_case(message.snake.is_some(), "scope_metrics", "scopeMetrics")?;
        let attributes = self.attributes(message.resource.and_then(|resource| resource.attributes));
        self.sink.open_resource(attributes);
        self.elements(message.scope_metrics, Self::scope_metrics)
    }

    fn scope_metrics(&mut self, message: ScopeMetrics<'a>) -> Result<(), Unreadable> {
        let ScopeMetrics { scope, metrics } = message;
        let name = self.named(scope.as_ref().and_then(|scope| scope.name.as_ref()));
        self.sink.open_scope(name);
        self.elements(metrics, Self::metric)
    }

    fn metric(&mut self, metric: Metric<'a>) -> Result<(), Unreadable> {
        let mut opened = Opened {
            name: self.named(metric.name.as_ref()),
            unit: self.named(metric.unit.as_ref()),
            description: self.sink.builder.write(metric.description.as_ref().map_or(&[], |text| text.0.as_bytes())),
            kind: Err(Reason::NoData),
        };
        let (take, data): (Take<Self, Point<'a>>, Data<'a>) =
            match (metric.gauge, metric.sum, metric.histogram, metric.exponential_histogram, metric.summary) {
                (Some(data), ..) => {
                    opened.kind = Ok(MetricKind::Gauge);
                    (Self::number_point, data)
                }
                (_, Some(data), ..) => {
                    let monotonic = data.is_monotonic.unwrap_or_default();
                    opened.kind = temporality(&data).map(|temporality| MetricKind::Sum { monotonic, temporality });
                    (Self::number_point, data)
                }
                (_, _, Some(data), ..) => {
                    opened.kind = temporality(&data).map(MetricKind::Histogram);
                    (Self::histogram_point, data)
                }
                (_, _, _, Some(data), _) => {
                    opened.kind = temporality(&data).map(MetricKind::Exponential);
                    (Self::exponential_point, data)
                }
                (_, _, _, _, Some(data)) => {
                    opened.kind = Ok(MetricKind::Summary);
                    (Self::summary_point, data)
                }
                _ => {
                    self.sink.open_metric(&opened);
                    self.sink.refuse(Reason::NoData, 1);
                    return Ok(());
                }
            };
        camel_case(data.snake.is_some(), "data_points", "dataPoints")?;
        self.sink.open_metric(&opened);
        self.elements(data.data_points, take)
    }

    fn number_point(&mut self, mut point: Point<'a>) -> Result<(), Unreadable> {
        let head = self.head(&mut point);
        let value = match (point.as_double, point.as_int) {
            (Some(double), _) => Some(double.0),
            (None, int) => int.map(|int| int.0 as f64),
        };
        self.sink.number(&head, value);
        Ok(())
    }

    fn histogram_point(&mut self, mut point: Point<'a>) -> Result<(), Unreadable> {
        let head = self.head(&mut point);
        let bounds = floats(point.explicit_bounds);
        let counts = counts(point.bucket_counts);
        let histogram = Histogram {
            count: point.count.unwrap_or_default().0,
            sum: point.sum.map(|number| number.0),
            min: point.min.map(|number| number.0),
            max: point.max.map(|number| number.0),
            bounds: &bounds,
            counts: &counts,
        };
        self.sink.histogram(&head, &histogram);
        Ok(())
    }

    fn exponential_point(&mut self, mut point: Point<'a>) -> Result<(), Unreadable> {
        let head = self.head(&mut point);
        let side = |buckets: Option<shape::Buckets>| {
            let buckets = buckets.unwrap_or_default();
            (buckets.offset.unwrap_or_default().0, counts(buckets.bucket_counts))
        };
        let (positive, negative) = (side(point.positive), side(point.negative));
        let exponential = Exponential {
            count: point.count.unwrap_or_default().0,
            sum: point.sum.map(|number| number.0),
            min: point.min.map(|number| number.0),
            max: point.max.map(|number| number.0),
            scale: point.scale.unwrap_or_default().0,
            zero_count: point.zero_count.unwrap_or_default().0,
            positive: Buckets { offset: positive.0, counts: &positive.1 },
            negative: Buckets { offset: negative.0, counts: &negative.1 },
        };
        self.sink.exponential(&head, &exponential);
        Ok(())
    }

    fn summary_point(&mut self, mut point: Point<'a>) -> Result<(), Unreadable> {
        let head = self.head(&mut point);
        let value = |number: Option<number::Double>| number.unwrap_or_default().0;
        let quantiles: Vec<_> = point
            .quantile_values
            .unwrap_or_default()
            .items
            .into_iter()
            .map(|pair| (value(pair.quantile), value(pair.value)))
            .collect();
        let (count, sum) = (point.count.unwrap_or_default().0, value(point.sum));
        self.sink.summary(&head, &Summary { count, sum, quantiles: &quantiles });
        Ok(())
    }

    /// What all kinds of points have.
    fn head(&mut self, point: &mut Point<'a>) -> Head {
        Head {
            attributes: self.attributes(point.attributes.take()),
            start: Timestamp(point.start_time_unix_nano.unwrap_or_default().0),
            time: Timestamp(point.time_unix_nano.unwrap_or_default().0),
            ended: point.flags.unwrap_or_default().0 & NO_RECORDED_VALUE != 0,
        }
    }

    fn attributes(&mut self, list: Option<List<KeyValue<'a>>>) -> Result<Span, Reason> {
        let list = list.unwrap_or_default();
        if list.items.is_empty() {
            return Ok(Span::default());
        }
        if list.overflowed {
            return Err(Reason::TooManyAttributes);
        }
        let mut outcome = Ok(());
        let span = self.sink.builder.write_with(|out| {
            let mut writer = AttributeWriter::new(out);
            outcome = list.items.iter().try_for_each(|pair| attribute::write(pair, &mut writer));
        });
        outcome?;
        check_attributes(self.sink.builder.bytes(span), self.rules.attributes)?;
        Ok(span)
    }

    fn named(&mut self, name: Option<&Text<'a>>) -> Result<Span, Reason> {
        let name = name.map_or(&[][..], |name| name.0.as_bytes());
        check_name(name)?;
        Ok(self.sink.builder.write(name))
    }

    /// Hands each element of a list to `take`, without ever holding the list.
    fn elements<T: Deserialize<'a>>(
        &mut self,
        list: Option<&'a RawValue>,
        take: Take<Self, T>,
    ) -> Result<(), Unreadable> {
        let Some(list) = list else { return Ok(()) };
        let mut failure = None;
        let walked = Elements::walk(list, |element| match take(self, element) {
            Ok(()) => true,
            Err(error) => {
                failure = Some(error);
                false
            }
        });
        match (failure, walked) {
            (Some(failure), _) => Err(failure),
            (None, Err(cause)) => Err(broken(self.body, list.get().as_bytes(), &cause)),
            (None, Ok(())) => Ok(()),
        }
    }
}

fn temporality(data: &Data<'_>) -> Result<Temporality, Reason> {
    match data.aggregation_temporality.unwrap_or_default().0 {
        1 => Ok(Temporality::Delta),
        2 => Ok(Temporality::Cumulative),
        _ => Err(Reason::Temporality),
    }
}

fn floats(list: Option<List<number::Double>>) -> Vec<f64> {
    list.unwrap_or_default().items.into_iter().map(|number| number.0).collect()
}

fn counts(list: Option<List<number::Whole<u64>>>) -> Vec<u64> {
    list.unwrap_or_default().items.into_iter().map(|number| number.0).collect()
}

fn camel_case(is_there: bool, found: &str, expected: &'static str) -> Result<(), Unreadable> {
    if is_there { Err(Unreadable::Dialect { found: found.to_owned(), expected }) } else { Ok(()) }
}

/// Turns a position within a fragment into one of the body.
fn broken(body: &[u8], fragment: &[u8], cause: &serde_json::Error) -> Unreadable {
    let offset = (fragment.as_ptr() as usize).saturating_sub(body.as_ptr() as usize);
    let before: usize =
        fragment.split_inclusive(|byte| *byte == b'\n').take(cause.line().saturating_sub(1)).map(<[u8]>::len).sum();
    let text = cause.to_string();
    // The crate's own place counts within the fragment, and would mislead.
    let cause_text = text.rsplit_once(" at line ").map_or(&*text, |(text, _)| text);
    Unreadable::Json { at: offset + before + cause.column(), cause: cause_text.to_owned() }
}
