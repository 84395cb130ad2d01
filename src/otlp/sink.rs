//! What both encodings hand their findings to: the rules for points, in one place.
//!
//! A reader opens a resource, a scope and a metric, then offers points. The sink refuses what breaks a [`Rules`], and enters resources and
//! metrics into the block only when a point of theirs is taken: a million empty metrics cost nothing.

use crate::clock::Timestamp;
use crate::metric::{
    AttributeValue, Attributes, Exponential, Histogram, Metric, MetricKind, Point, PointsBuilder, Resource, Span,
    Summary, Value,
};

use super::{Decoded, Reason, Refusals};

/// Bytes of a metric's name, unit, scope, or of an attribute's key. Source: the OpenTelemetry API allows 255 characters for a name.
pub(super) const MAX_NAME_BYTES: usize = 256;
/// Bytes of an attribute's text.
pub(super) const MAX_TEXT_BYTES: usize = 4_096;
/// Buckets or quantiles of one point. SDKs make at most 160 by themselves.
pub(super) const MAX_BUCKETS: usize = 1_024;
/// Buckets and quantiles of one request: packed varints take a byte on the wire and eight here.
pub(super) const MAX_REQUEST_BUCKETS: usize = 1 << 20;
/// Scales of exponential histograms. Source: the metrics data model, on what implementations support.
const SCALES: std::ops::RangeInclusive<i32> = -10..=20;

/// What a point must keep to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The earliest time.
    pub oldest: Timestamp,
    /// The latest time.
    pub newest: Timestamp,
    /// Points of one request.
    pub points: usize,
    /// Attributes of one point, and of one resource.
    pub attributes: usize,
}

/// A point without its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    /// Checked attributes, or what is wrong with them.
    pub(super) attributes: Result<Span, Reason>,
    pub(super) start: Timestamp,
    pub(super) time: Timestamp,
    /// The sender says that there is no value.
    pub(super) ended: bool,
}

/// A metric before any point of it was taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opened {
    pub(super) name: Result<Span, Reason>,
    pub(super) unit: Result<Span, Reason>,
    pub(super) description: Span,
    pub(super) kind: Result<MetricKind, Reason>,
}

#[derive(Debug)]
pub(super) struct Sink<'r> {
    pub(super) builder: PointsBuilder,
    pub(super) refusals: Refusals,
    rules: &'r Rules,
    resource: (Result<Span, Reason>, Option<u32>),
    scope: Result<Span, Reason>,
    metric: Result<Metric, Reason>,
    metric_index: Option<u32>,
    name: Span,
    buckets: usize,
}

impl<'r> Sink<'r> {
    pub(super) fn new(builder: PointsBuilder, rules: &'r Rules) -> Self {
        Self {
            builder,
            refusals: Refusals::default(),
            rules,
            resource: (Ok(Span::default()), None),
            scope: Ok(Span::default()),
            metric: Err(Reason::NoData),
            metric_index: None,
            name: Span::default(),
            buckets: 0,
        }
    }

    pub(super) fn finish(self) -> Decoded {
        Decoded { points: self.builder.finish(), refusals: self.refusals }
    }

    pub(super) fn open_resource(&mut self, attributes: Result<Span, Reason>) {
        self.resource = (attributes, None);
    }

    pub(super) fn open_scope(&mut self, name: Result<Span, Reason>) {
        self.scope = name;
    }

    pub(super) fn open_metric(&mut self, opened: &Opened) {
        self.metric_index = None;
        self.name = opened.name.unwrap_or_default();
        self.metric = self.complete(opened);
    }

    fn complete(&self, opened: &Opened) -> Result<Metric, Reason> {
        self.resource.0?;
        let metric = Metric {
            resource: 0,
            scope: self.scope?,
            name: opened.name?,
            unit: opened.unit?,
            description: opened.description,
            kind: opened.kind?,
        };
        if metric.name.len == 0 { Err(Reason::NoName) } else { Ok(metric) }
    }

    /// Counts refused points of the open metric.
    pub(super) fn refuse(&mut self, reason: Reason, points: u64) {
        let name = std::str::from_utf8(self.builder.bytes(self.name)).unwrap_or_default();
        self.refusals.add(reason, points, name);
    }

    #[inline]
    pub(super) fn number(&mut self, head: &Head, value: Option<f64>) {
        let value = match value {
            _ if head.ended => Ok(Value::Ended),
            Some(number) => Ok(Value::Number(number)),
            None => Err(Reason::NoValue),
        };
        self.take(head, value, |_, value| value);
    }

    pub(super) fn histogram(&mut self, head: &Head, histogram: &Histogram<'_>) {
        let (bounds, counts) = (histogram.bounds, histogram.counts);
        let fits = counts.len() == bounds.len() + 1 || (counts.is_empty() && bounds.is_empty());
        let shape = if fits && bounds.is_sorted_by(|a, b| a < b) && !bounds.iter().any(|bound| bound.is_nan()) {
            self.spend(bounds.len() + counts.len())
        } else {
            Err(Reason::Buckets)
        };
        self.structured(head, shape, |builder| builder.histogram(histogram));
    }

    pub(super) fn exponential(&mut self, head: &Head, exponential: &Exponential<'_>) {
        let shape = if SCALES.contains(&exponential.scale) {
            self.spend(exponential.positive.counts.len() + exponential.negative.counts.len())
        } else {
            Err(Reason::Buckets)
        };
        self.structured(head, shape, |builder| builder.exponential(exponential));
    }

    pub(super) fn summary(&mut self, head: &Head, summary: &Summary<'_>) {
        let shape = self.spend(summary.quantiles.len());
        self.structured(head, shape, |builder| builder.summary(summary));
    }

    fn structured(&mut self, head: &Head, shape: Result<(), Reason>, build: impl FnOnce(&mut PointsBuilder) -> Value) {
        let shape = if head.ended { Ok(()) } else { shape };
        self.take(head, shape, |builder, ()| if head.ended { Value::Ended } else { build(builder) });
    }

    fn spend(&mut self, buckets: usize) -> Result<(), Reason> {
        self.buckets += buckets;
        // Bounds and counts of one histogram are two lists.
        if buckets > 2 * MAX_BUCKETS || self.buckets > MAX_REQUEST_BUCKETS {
            Err(Reason::TooManyBuckets)
        } else {
            Ok(())
        }
    }

    /// Takes the point, or counts why not. The value is built only for a point that is taken.
    #[inline]
    fn take<T>(&mut self, head: &Head, value: Result<T, Reason>, build: impl FnOnce(&mut PointsBuilder, T) -> Value) {
        match self.admit(head).and_then(|attributes| Ok((attributes, value?))) {
            Ok((attributes, value)) => {
                let metric = self.enter_metric();
                let value = build(&mut self.builder, value);
                self.builder.point(Point { metric, attributes, start: head.start, time: head.time, value });
            }
            Err(reason) => self.refuse(reason, 1),
        }
    }

    #[inline]
    fn admit(&self, head: &Head) -> Result<Span, Reason> {
        self.metric?;
        if self.builder.point_count() >= self.rules.points {
            return Err(Reason::TooManyPoints);
        }
        if head.time.is_set() && head.time < self.rules.oldest {
            return Err(Reason::TooOld);
        }
        if head.time > self.rules.newest {
            return Err(Reason::InFuture);
        }
        head.attributes
    }

    fn enter_metric(&mut self) -> u32 {
        if let (None, Ok(mut metric)) = (self.metric_index, self.metric) {
            metric.resource = self.enter_resource();
            self.metric_index = Some(self.builder.metric(metric));
        }
        self.metric_index.unwrap_or_default()
    }

    fn enter_resource(&mut self) -> u32 {
        let (attributes, index) = self.resource;
        let attributes = attributes.unwrap_or_default();
        let index = index.unwrap_or_else(|| self.builder.resource(Resource { attributes, source: None }));
        self.resource.1 = Some(index);
        index
    }
}

/// Checks a name's length and encoding.
pub(super) fn check_name(bytes: &[u8]) -> Result<(), Reason> {
    if bytes.len() > MAX_NAME_BYTES {
        Err(Reason::TooLong)
    } else if bytes.is_ascii() || std::str::from_utf8(bytes).is_ok() {
        Ok(())
    } else {
        Err(Reason::NotText)
    }
}

/// Checks an attribute list in wire form, whose outer fields are known to be whole: its number, its lengths, its encoding.
#[inline]
pub(super) fn check_attributes(bytes: &[u8], most: usize) -> Result<(), Reason> {
    // Nearly every list is ASCII throughout, lengths and tags included; then no text in it needs a look of its own.
    if is_ascii(bytes) { check_plain(bytes, most) } else { check_each(bytes, most) }
}

/// As the standard library's, but made for lists of about a hundred bytes, where that one costs four times as much.
#[inline]
fn is_ascii(bytes: &[u8]) -> bool {
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = bytes.as_chunks();
    let seen = words.iter().fold(0, |seen, word| seen | u64::from_ne_bytes(*word));
    let seen = rest.iter().fold(seen, |seen, byte| seen | u64::from(*byte));
    seen & HIGH_BITS == 0
}

fn check_plain(bytes: &[u8], most: usize) -> Result<(), Reason> {
    let (mut rest, mut count) = (bytes, 0);
    while !rest.is_empty() {
        let Some(length) = plain_length(rest) else { return check_each(bytes, most) };
        rest = &rest[length..];
        count += 1;
    }
    if count > most { Err(Reason::TooManyAttributes) } else { Ok(()) }
}

/// The length of the first attribute, if it has the usual shape: tag and length of a byte each, the key, then a text value. In ASCII bytes a
/// length has no high bit, so it is whole.
#[inline]
fn plain_length(bytes: &[u8]) -> Option<usize> {
    let &[_, pair, 0x0a, key, ..] = bytes else { return None };
    let (pair, key) = (usize::from(pair), usize::from(key));
    let &[0x12, any, 0x0a, text, ..] = bytes.get(4 + key..)? else { return None };
    let (any, text) = (usize::from(any), usize::from(text));
    (any == text + 2 && pair == key + any + 4 && 2 + pair <= bytes.len()).then_some(2 + pair)
}

fn check_each(bytes: &[u8], most: usize) -> Result<(), Reason> {
    let mut count = 0;
    for attribute in Attributes::new(bytes).iter() {
        let (key, value) = attribute.map_err(|_| Reason::Attributes)?;
        count += 1;
        let length = match value {
            AttributeValue::String(text) => text.len(),
            AttributeValue::Other(encoded) => encoded.len(),
            _ => 0,
        };
        if count > most {
            return Err(Reason::TooManyAttributes);
        }
        if key.len() > MAX_NAME_BYTES || length > MAX_TEXT_BYTES {
            return Err(Reason::TooLong);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::AttributeWriter;
    use proptest::prelude::*;

    fn list(pairs: &[(&str, AttributeValue<'_>)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = AttributeWriter::new(&mut bytes);
        for (key, value) in pairs {
            writer.value(key, *value);
        }
        bytes
    }

    #[test]
    fn attributes_are_counted_and_measured() {
        let text = AttributeValue::String("v");
        assert_eq!(check_attributes(&list(&[("a", text), ("b", AttributeValue::Int(-1))]), 2), Ok(()));
        assert_eq!(check_attributes(&list(&[("a", text), ("b", text)]), 1), Err(Reason::TooManyAttributes));
        assert_eq!(check_attributes(&list(&[("ä", text), ("b", text)]), 1), Err(Reason::TooManyAttributes));
        let long = "x".repeat(MAX_TEXT_BYTES + 1);
        assert_eq!(check_attributes(&list(&[("a", AttributeValue::String(&long))]), 9), Err(Reason::TooLong));
        assert_eq!(check_attributes(&list(&[(&long, text)]), 9), Err(Reason::TooLong));
        assert_eq!(check_attributes(&list(&[("", AttributeValue::String(""))]), 9), Ok(()));
    }

    #[test]
    fn names_are_measured_and_read() {
        assert_eq!(check_name(&[b'x'; MAX_NAME_BYTES]), Ok(()));
        assert_eq!(check_name(&[b'x'; MAX_NAME_BYTES + 1]), Err(Reason::TooLong));
        assert_eq!(check_name(&[0xff]), Err(Reason::NotText));
        assert_eq!(check_name("größe".as_bytes()), Ok(()));
    }

    proptest! {
        #[test]
        fn ascii_is_what_the_standard_library_says(bytes: Vec<u8>, text in "[ -~]{0,40}ä?[ -~]{0,40}") {
            prop_assert_eq!(is_ascii(&bytes), bytes.is_ascii());
            prop_assert_eq!(is_ascii(text.as_bytes()), text.is_ascii());
        }

        /// The short way over ASCII lists says what the long way says, whatever the bytes are.
        #[test]
        fn the_short_way_agrees_with_the_long_one(
            pairs in prop::collection::vec(("[ -~]{0,20}", "[ -~]{0,140}"), 0..6),
            flip in any::<prop::sample::Index>(),
            byte in 0_u8..128,
            broken in any::<bool>(),
        ) {
            let pairs: Vec<_> = pairs.iter().map(|(key, text)| (&**key, AttributeValue::String(text))).collect();
            let mut bytes = list(&pairs);
            if broken && !bytes.is_empty() {
                let at = flip.index(bytes.len());
                bytes[at] = byte;
            }
            // The outer fields are whole where this is called, so lists that a flip broke there are left out.
            let mut reader = crate::metric::WireReader::new(&bytes);
            let whole = std::iter::from_fn(|| match reader.next_field() {
                Ok(None) => None,
                Ok(Some(field)) => Some(matches!(field.value, crate::metric::WireValue::Bytes(_))),
                Err(_) => Some(false),
            }).take(1_000).all(|field| field);
            prop_assume!(whole);
            prop_assert_eq!(check_attributes(&bytes, 4), check_each(&bytes, 4));
        }
    }
}
