//! The walk over a protobuf request: request → resource → scope → metric, each level a loop, no level twice.
//!
//! Protobuf allows the fields of a message in any order, so each level is looked over once for what its parts need to know (a resource's
//! attributes, a scope's name, a metric's name and kind) before its parts are entered; parts are stepped over by their length, which costs
//! nanoseconds. What repeats is merged as protobuf merges it: lists are joined, of single values the last one counts. Fields that are not
//! known are stepped over.
//!
//! Framing that is broken anywhere on the way refuses the whole request; what lies inside an attribute refuses its point alone.

use bytes::Bytes;

use super::sink::{Opened, Rules, Sink, check_attributes, check_name};
use super::{Decoded, Reason};
use crate::metric::{Field, Malformed, MetricKind, PointsBuilder, Span, Temporality, WireReader, WireValue};

mod point;

use point::Scratch;

pub(super) fn walk(body: Bytes, rules: &Rules) -> Result<Decoded, Malformed> {
    let request = body.clone();
    let mut walk = Walk { sink: Sink::new(PointsBuilder::over(body), rules), rules, scratch: Scratch::default() };
    messages(&request, 1, |resource| walk.resource_metrics(resource))?;
    Ok(walk.sink.finish())
}

struct Walk<'r> {
    sink: Sink<'r>,
    rules: &'r Rules,
    scratch: Scratch,
}

impl Walk<'_> {
    /// `ResourceMetrics`: resource 1, `scope_metrics` 2.
    fn resource_metrics(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let mut attributes = Attributes::default();
        // A repeated resource is merged: its attributes are joined.
        messages(message, 1, |resource| attributes.collect(resource, 1))?;
        let attributes = attributes.check(&mut self.sink.builder, self.rules);
        self.sink.open_resource(attributes);
        messages(message, 2, |scope| self.scope_metrics(scope))
    }

    /// `ScopeMetrics`: scope 1 {name 1}, metrics 2.
    fn scope_metrics(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let mut name: &[u8] = &[];
        messages(message, 1, |scope| {
            each(scope, |field| {
                if let (1, WireValue::Bytes(text)) = (field.number, field.value) {
                    name = text;
                }
                Ok(())
            })
        })?;
        let name = self.named(name);
        self.sink.open_scope(name);
        messages(message, 2, |metric| self.metric(metric))
    }

    /// `Metric`: name 1, description 2, unit 3, and one of gauge 5, sum 7, histogram 9, exponential histogram 10, summary 11.
    fn metric(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let (mut name, mut description, mut unit): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
        let mut data: Option<(u32, usize)> = None;
        each(message, |field| {
            let WireValue::Bytes(bytes) = field.value else { return Ok(()) };
            match field.number {
                1 => name = bytes,
                2 => description = bytes,
                3 => unit = bytes,
                // Of a oneof the last member counts, and what repeats of it without another in between is merged.
                5 | 7 | 9 | 10 | 11 if data.is_none_or(|(number, _)| number != field.number) => {
                    data = Some((field.number, field.start));
                }
                _ => {}
            }
            Ok(())
        })?;
        let mut opened = Opened {
            name: self.named(name),
            unit: self.named(unit),
            description: self.sink.builder.span_of(description),
            kind: Err(Reason::NoData),
        };
        let Some((number, from)) = data else {
            self.sink.open_metric(&opened);
            self.sink.refuse(Reason::NoData, 1);
            return Ok(());
        };
        let members = &message[from..];
        let mut stream = Stream::default();
        if number != 5 && number != 11 {
            messages(members, number, |member| stream.read(member))?;
        }
        opened.kind = stream.kind(number);
        self.sink.open_metric(&opened);
        messages(members, number, |member| messages(member, 1, |point| self.point(number, point)))
    }

    #[inline]
    fn point(&mut self, number: u32, message: &[u8]) -> Result<(), Malformed> {
        match number {
            5 | 7 => self.number_point(message),
            9 => self.histogram_point(message),
            10 => self.exponential_point(message),
            _ => self.summary_point(message),
        }
    }

    fn named(&mut self, name: &[u8]) -> Result<Span, Reason> {
        check_name(name)?;
        Ok(self.sink.builder.span_of(name))
    }
}

/// What a sum or histogram says of itself: `aggregation_temporality` 2, `is_monotonic` 3; gauges and summaries have neither.
#[derive(Default)]
struct Stream {
    temporality: u64,
    monotonic: bool,
}

impl Stream {
    fn read(&mut self, member: &[u8]) -> Result<(), Malformed> {
        each(member, |field| {
            match (field.number, field.value) {
                (2, WireValue::Varint(temporality)) => self.temporality = temporality,
                (3, WireValue::Varint(monotonic)) => self.monotonic = monotonic != 0,
                _ => {}
            }
            Ok(())
        })
    }

    fn kind(&self, number: u32) -> Result<MetricKind, Reason> {
        let temporality = match self.temporality {
            1 => Ok(Temporality::Delta),
            2 => Ok(Temporality::Cumulative),
            _ => Err(Reason::Temporality),
        };
        Ok(match number {
            5 => MetricKind::Gauge,
            7 => MetricKind::Sum { monotonic: self.monotonic, temporality: temporality? },
            9 => MetricKind::Histogram(temporality?),
            10 => MetricKind::Exponential(temporality?),
            _ => MetricKind::Summary,
        })
    }
}

/// Attribute fields of one message: one slice as long as they lie side by side, a copy when they do not.
#[derive(Debug, Default)]
struct Attributes<'a> {
    run: &'a [u8],
    end: usize,
    scattered: Vec<u8>,
}

impl<'a> Attributes<'a> {
    /// Takes every field `number` of a message.
    fn collect(&mut self, message: &'a [u8], number: u32) -> Result<(), Malformed> {
        // A second message is another place: nothing of it adjoins the first one.
        self.end = usize::MAX;
        each(message, |field| {
            if field.number == number && matches!(field.value, WireValue::Bytes(_)) {
                self.add(message, &field);
            }
            Ok(())
        })
    }

    #[inline]
    fn add(&mut self, message: &'a [u8], field: &Field<'a>) {
        if self.run.is_empty() {
            self.run = &message[field.start..field.end];
            self.end = field.end;
        } else if self.scattered.is_empty() && self.end == field.start {
            self.run = &message[field.start - self.run.len()..field.end];
            self.end = field.end;
        } else {
            if self.scattered.is_empty() {
                self.scattered.extend_from_slice(self.run);
            }
            self.scattered.extend_from_slice(&message[field.start..field.end]);
        }
    }

    #[inline]
    fn check(&self, builder: &mut PointsBuilder, rules: &Rules) -> Result<Span, Reason> {
        let bytes = if self.scattered.is_empty() { self.run } else { &self.scattered };
        check_attributes(bytes, rules.attributes)?;
        // The empty slice has no place in the body.
        Ok(if bytes.is_empty() { Span::default() } else { builder.span_of(bytes) })
    }
}

/// Calls `take` with each field.
#[inline]
fn each<'a>(message: &'a [u8], mut take: impl FnMut(Field<'a>) -> Result<(), Malformed>) -> Result<(), Malformed> {
    let mut reader = WireReader::new(message);
    while let Some(field) = reader.next_field()? {
        take(field)?;
    }
    Ok(())
}

/// Calls `enter` with each message in field `number`.
#[inline]
fn messages<'a>(
    message: &'a [u8],
    number: u32,
    mut enter: impl FnMut(&'a [u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    each(message, |field| match field.value {
        WireValue::Bytes(bytes) if field.number == number => enter(bytes),
        _ => Ok(()),
    })
}
