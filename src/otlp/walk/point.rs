//! The four messages that are data points.

use super::{Attributes, Walk, each};
use crate::clock::Timestamp;
use crate::metric::{Buckets, Exponential, Field, Histogram, Malformed, PointsBuilder, Summary, WireReader, WireValue};
use crate::otlp::sink::{Head, MAX_BUCKETS, Rules};

/// The bit of `DataPointFlags` that says that there is no value.
const NO_RECORDED_VALUE: u64 = 1;

/// Lists of the point in hand; their room is used again for the next one.
#[derive(Default)]
pub(super) struct Scratch {
    counts: Vec<u64>,
    negative: Vec<u64>,
    bounds: Vec<f64>,
    quantiles: Vec<(f64, f64)>,
}

/// What all kinds of points have; the field numbers of attributes and flags differ.
#[derive(Default)]
struct Common<'a> {
    attributes: Attributes<'a>,
    start: u64,
    time: u64,
    flags: u64,
}

impl<'a> Common<'a> {
    #[inline]
    fn field(&mut self, message: &'a [u8], field: &Field<'a>, attributes: u32, flags: u32) {
        match field.value {
            WireValue::Bytes(_) if field.number == attributes => self.attributes.add(message, field),
            WireValue::Fixed64(nanos) if field.number == 2 => self.start = nanos,
            WireValue::Fixed64(nanos) if field.number == 3 => self.time = nanos,
            WireValue::Varint(bits) if field.number == flags => self.flags = bits,
            _ => {}
        }
    }

    #[inline]
    fn head(&self, builder: &mut PointsBuilder, rules: &Rules) -> Head {
        Head {
            attributes: self.attributes.check(builder, rules),
            start: Timestamp(self.start),
            time: Timestamp(self.time),
            ended: self.flags & NO_RECORDED_VALUE != 0,
        }
    }
}

/// A number point as nearly every sender writes it: tags and lengths of one byte, attributes side by side, nothing but what we know.
struct Plain<'a> {
    common: Common<'a>,
    value: Option<f64>,
}

impl<'a> Plain<'a> {
    /// `None` for any other shape, well formed or not: the general way then has its say.
    #[inline]
    fn read(message: &'a [u8]) -> Option<Self> {
        let (mut common, mut value) = (Common::default(), None);
        let (mut rest, mut attributes) = (message, None);
        while let [tag, after @ ..] = rest {
            rest = match tag {
                // Attributes 7, with a length of one byte.
                0x3a => {
                    let (&length, after) = after.split_first().filter(|(length, _)| **length < 0x80)?;
                    let begin = message.len() - rest.len();
                    let after = after.get(usize::from(length)..)?;
                    let end = message.len() - after.len();
                    let run = attributes.get_or_insert((begin, begin));
                    if run.1 != begin {
                        return None;
                    }
                    run.1 = end;
                    after
                }
                // The fixed fields: start 2, time 3, double 4, integer 6.
                0x11 | 0x19 | 0x21 | 0x31 => {
                    let (bits, after) = after.split_first_chunk()?;
                    let bits = u64::from_le_bytes(*bits);
                    match tag {
                        0x11 => common.start = bits,
                        0x19 => common.time = bits,
                        0x21 => value = Some(f64::from_bits(bits)),
                        _ => value = Some(bits as i64 as f64),
                    }
                    after
                }
                _ => return None,
            };
        }
        common.attributes.run = attributes.map_or(&[][..], |(begin, end)| &message[begin..end]);
        Some(Self { common, value })
    }
}

impl Walk<'_> {
    /// `NumberDataPoint`: attributes 7, start 2, time 3, `as_double` 4, `as_int` 6, flags 8.
    #[inline]
    pub(super) fn number_point(&mut self, message: &[u8]) -> Result<(), Malformed> {
        if let Some(plain) = Plain::read(message) {
            let head = plain.common.head(&mut self.sink.builder, self.rules);
            self.sink.number(&head, plain.value);
            return Ok(());
        }
        let (mut common, mut value) = (Common::default(), None);
        each(message, |field| {
            match (field.number, field.value) {
                (4, WireValue::Fixed64(bits)) => value = Some(f64::from_bits(bits)),
                (6, WireValue::Fixed64(bits)) => value = Some(bits as i64 as f64),
                _ => common.field(message, &field, 7, 8),
            }
            Ok(())
        })?;
        let head = common.head(&mut self.sink.builder, self.rules);
        self.sink.number(&head, value);
        Ok(())
    }

    /// `HistogramDataPoint`: attributes 9, start 2, time 3, count 4, sum 5, `bucket_counts` 6, `explicit_bounds` 7, flags 10, min 11, max 12.
    pub(super) fn histogram_point(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let Scratch { counts, bounds, .. } = &mut self.scratch;
        counts.clear();
        bounds.clear();
        let mut common = Common::default();
        let (mut count, mut sum, mut min, mut max) = (0, None, None, None);
        each(message, |field| {
            match (field.number, field.value) {
                (4, WireValue::Fixed64(number)) => count = number,
                (5, WireValue::Fixed64(bits)) => sum = Some(f64::from_bits(bits)),
                (6, value) => fixed(value, |bits| push(counts, bits))?,
                (7, value) => fixed(value, |bits| push(bounds, f64::from_bits(bits)))?,
                (11, WireValue::Fixed64(bits)) => min = Some(f64::from_bits(bits)),
                (12, WireValue::Fixed64(bits)) => max = Some(f64::from_bits(bits)),
                _ => common.field(message, &field, 9, 10),
            }
            Ok(())
        })?;
        let head = common.head(&mut self.sink.builder, self.rules);
        self.sink.histogram(&head, &Histogram { count, sum, min, max, bounds, counts });
        Ok(())
    }

    /// `ExponentialHistogramDataPoint`: attributes 1, start 2, time 3, count 4, sum 5, scale 6, `zero_count` 7, positive 8, negative 9,
    /// flags 10, min 12, max 13.
    pub(super) fn exponential_point(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let Scratch { counts, negative, .. } = &mut self.scratch;
        counts.clear();
        negative.clear();
        let (mut common, mut offsets) = (Common::default(), (0, 0));
        let (mut count, mut zero_count, mut scale) = (0, 0, 0);
        let (mut sum, mut min, mut max) = (None, None, None);
        each(message, |field| {
            match (field.number, field.value) {
                (4, WireValue::Fixed64(number)) => count = number,
                (5, WireValue::Fixed64(bits)) => sum = Some(f64::from_bits(bits)),
                (6, WireValue::Varint(bits)) => scale = zigzag(bits),
                (7, WireValue::Fixed64(number)) => zero_count = number,
                (8, WireValue::Bytes(buckets)) => read_buckets(buckets, &mut offsets.0, counts)?,
                (9, WireValue::Bytes(buckets)) => read_buckets(buckets, &mut offsets.1, negative)?,
                (12, WireValue::Fixed64(bits)) => min = Some(f64::from_bits(bits)),
                (13, WireValue::Fixed64(bits)) => max = Some(f64::from_bits(bits)),
                _ => common.field(message, &field, 1, 10),
            }
            Ok(())
        })?;
        let head = common.head(&mut self.sink.builder, self.rules);
        let positive = Buckets { offset: offsets.0, counts };
        let below = Buckets { offset: offsets.1, counts: negative };
        let exponential = Exponential { count, sum, min, max, scale, zero_count, positive, negative: below };
        self.sink.exponential(&head, &exponential);
        Ok(())
    }

    /// `SummaryDataPoint`: attributes 7, start 2, time 3, count 4, sum 5, `quantile_values` 6 {quantile 1, value 2}, flags 8.
    pub(super) fn summary_point(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let quantiles = &mut self.scratch.quantiles;
        quantiles.clear();
        let (mut common, mut count, mut sum) = (Common::default(), 0, 0.0);
        each(message, |field| {
            match (field.number, field.value) {
                (4, WireValue::Fixed64(number)) => count = number,
                (5, WireValue::Fixed64(bits)) => sum = f64::from_bits(bits),
                (6, WireValue::Bytes(quantile)) => push(quantiles, read_quantile(quantile)?),
                _ => common.field(message, &field, 7, 8),
            }
            Ok(())
        })?;
        let head = common.head(&mut self.sink.builder, self.rules);
        self.sink.summary(&head, &Summary { count, sum, quantiles });
        Ok(())
    }
}

/// Keeps one element beyond what is allowed, so that the sink sees that there were too many.
fn push<T>(list: &mut Vec<T>, element: T) {
    if list.len() <= 2 * MAX_BUCKETS {
        list.push(element);
    }
}

/// A repeated 64-bit number, packed or not.
fn fixed(value: WireValue<'_>, mut take: impl FnMut(u64)) -> Result<(), Malformed> {
    match value {
        WireValue::Fixed64(bits) => take(bits),
        WireValue::Bytes(packed) => {
            let (numbers, rest) = packed.as_chunks();
            if !rest.is_empty() {
                return Err(Malformed("packed list cut off"));
            }
            numbers.iter().for_each(|bytes| take(u64::from_le_bytes(*bytes)));
        }
        _ => {}
    }
    Ok(())
}

/// `Buckets`: offset 1, `bucket_counts` 2, packed varints or not. Buckets that repeat are merged: their lists are joined.
fn read_buckets(message: &[u8], offset: &mut i32, counts: &mut Vec<u64>) -> Result<(), Malformed> {
    each(message, |field| {
        match (field.number, field.value) {
            (1, WireValue::Varint(bits)) => *offset = zigzag(bits),
            (2, WireValue::Varint(number)) => push(counts, number),
            (2, WireValue::Bytes(packed)) => {
                let mut reader = WireReader::new(packed);
                while !reader.is_empty() {
                    push(counts, reader.varint()?);
                }
            }
            _ => {}
        }
        Ok(())
    })
}

fn read_quantile(message: &[u8]) -> Result<(f64, f64), Malformed> {
    let (mut quantile, mut value) = (0.0, 0.0);
    each(message, |field| {
        match (field.number, field.value) {
            (1, WireValue::Fixed64(bits)) => quantile = f64::from_bits(bits),
            (2, WireValue::Fixed64(bits)) => value = f64::from_bits(bits),
            _ => {}
        }
        Ok(())
    })?;
    Ok((quantile, value))
}

/// A `sint32`: its low 32 bits, zigzag.
const fn zigzag(bits: u64) -> i32 {
    let bits = bits as u32;
    (bits >> 1) as i32 ^ -((bits & 1) as i32)
}
