//! Attribute lists in OTLP's own wire form.
//!
//! Every source's labels become the same bytes: repeated `KeyValue` fields as OTLP encodes them. A receiver borrows them from the request, a
//! scraper or JSON reader writes them with [`AttributeWriter`]. So there is one reader, and the bytes themselves can serve as the key of a
//! cache in front of the canonical identity (order is not canonical: two orders are two byte strings of one identity).
//!
//! Source: opentelemetry-proto `common.proto`: KeyValue {key = 1, value = 2}, AnyValue {string 1, bool 2, int 3, double 4, array 5, kvlist 6,
//! bytes 7}. The number of the outer field depends on the message and is ignored here.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::wire::{Field, Malformed, WireReader, WireValue, put_bytes, put_varint, varint_len};

/// A borrowed attribute list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Attributes<'a>(&'a [u8]);

/// The value of an attribute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AttributeValue<'a> {
    /// Text.
    String(&'a str),
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// A list, map or byte string, as its encoded `AnyValue`. It takes part in identity and is shown as `[…]`.
    Other(&'a [u8]),
    /// No value at all.
    Empty,
}

impl<'a> Attributes<'a> {
    /// Over bytes that hold nothing but attribute fields.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The encoded form.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Each key with its value, in the order of the sender. Ends at the first malformed one, which is yielded as an error.
    pub fn iter(self) -> impl Iterator<Item = Result<(&'a str, AttributeValue<'a>), Malformed>> {
        let mut reader = WireReader::new(self.0);
        let mut broken = false;
        std::iter::from_fn(move || {
            if broken {
                return None;
            }
            let next = next_pair(&mut reader)?;
            broken = next.is_err();
            Some(next)
        })
    }

    /// The value of `key`, if it is there and text. Malformed rests are not found.
    pub fn text(self, key: &str) -> Option<&'a str> {
        self.iter().map_while(Result::ok).find_map(|(name, value)| match value {
            AttributeValue::String(text) if name == key => Some(text),
            _ => None,
        })
    }
}

impl<'a> AttributeValue<'a> {
    /// As text for a label: numbers and truth values as JSON writes them, a structure as `[…]`.
    pub fn to_text(self) -> Cow<'a, str> {
        match self {
            Self::String(text) => Cow::Borrowed(text),
            Self::Bool(value) => Cow::Borrowed(if value { "true" } else { "false" }),
            Self::Int(value) => Cow::Owned(value.to_string()),
            Self::Double(value) => {
                let mut text = String::new();
                // Writing into a string cannot fail.
                let _ = write!(text, "{value}");
                Cow::Owned(text)
            }
            Self::Other(_) => Cow::Borrowed("[…]"),
            Self::Empty => Cow::Borrowed(""),
        }
    }
}

/// The next attribute; fields of other wire types are none.
fn next_pair<'a>(reader: &mut WireReader<'a>) -> Option<Result<(&'a str, AttributeValue<'a>), Malformed>> {
    loop {
        match reader.next_field().transpose()? {
            Ok(Field { value: WireValue::Bytes(pair), .. }) => return Some(key_value(pair)),
            Ok(_) => {}
            Err(error) => return Some(Err(error)),
        }
    }
}

fn key_value(bytes: &[u8]) -> Result<(&str, AttributeValue<'_>), Malformed> {
    let mut reader = WireReader::new(bytes);
    let (mut key, mut value) = ("", AttributeValue::Empty);
    while let Some(field) = reader.next_field()? {
        match (field.number, field.value) {
            (1, WireValue::Bytes(text)) => key = utf8(text)?,
            (2, WireValue::Bytes(any)) => value = any_value(any)?,
            _ => {}
        }
    }
    Ok((key, value))
}

fn any_value(bytes: &[u8]) -> Result<AttributeValue<'_>, Malformed> {
    let mut reader = WireReader::new(bytes);
    let mut value = AttributeValue::Empty;
    while let Some(field) = reader.next_field()? {
        value = match (field.number, field.value) {
            (1, WireValue::Bytes(text)) => AttributeValue::String(utf8(text)?),
            (2, WireValue::Varint(truth)) => AttributeValue::Bool(truth != 0),
            (3, WireValue::Varint(number)) => AttributeValue::Int(number as i64),
            (4, WireValue::Fixed64(bits)) => AttributeValue::Double(f64::from_bits(bits)),
            (5..=7, WireValue::Bytes(_)) => AttributeValue::Other(bytes),
            _ => value,
        };
    }
    Ok(value)
}

fn utf8(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed("text is not UTF-8"))
}

/// Appends attributes to a byte buffer in the form that [`Attributes`] reads.
#[derive(Debug)]
pub struct AttributeWriter<'b>(&'b mut Vec<u8>);

/// The outer field number we write; readers ignore it.
const FIELD: u32 = 7;

impl<'b> AttributeWriter<'b> {
    /// Appends to `out`.
    pub const fn new(out: &'b mut Vec<u8>) -> Self {
        Self(out)
    }

    /// Appends one attribute with a text value.
    pub fn text(&mut self, key: &str, value: &str) {
        let any = 1 + varint_len(value.len() as u64) + value.len();
        self.pair_head(key, any);
        put_bytes(self.0, 1, value.as_bytes());
    }

    /// Appends one attribute with any value.
    pub fn value(&mut self, key: &str, value: AttributeValue<'_>) {
        let mut any = Vec::new();
        match value {
            AttributeValue::String(text) => return self.text(key, text),
            AttributeValue::Bool(truth) => any.extend([2 << 3, u8::from(truth)]),
            AttributeValue::Int(number) => {
                any.push(3 << 3);
                put_varint(&mut any, number as u64);
            }
            AttributeValue::Double(number) => {
                any.push(4 << 3 | 1);
                any.extend(number.to_bits().to_le_bytes());
            }
            AttributeValue::Other(encoded) => any.extend_from_slice(encoded),
            AttributeValue::Empty => {}
        }
        self.pair_head(key, any.len());
        self.0.extend(any);
    }

    /// Everything of a pair but the bytes of its value, which the caller appends next.
    fn pair_head(&mut self, key: &str, any: usize) {
        let pair = 1 + varint_len(key.len() as u64) + key.len() + 1 + varint_len(any as u64) + any;
        put_varint(self.0, u64::from(FIELD) << 3 | 2);
        put_varint(self.0, pair as u64);
        put_bytes(self.0, 1, key.as_bytes());
        put_varint(self.0, 2 << 3 | 2);
        put_varint(self.0, any as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value};
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use prost::Message;

    fn written(pairs: &[(&str, AttributeValue<'_>)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = AttributeWriter::new(&mut bytes);
        for (key, value) in pairs {
            writer.value(key, *value);
        }
        bytes
    }

    #[test]
    fn what_is_written_is_read_back() {
        let long = "x".repeat(300);
        let pairs = [
            ("a", AttributeValue::String("b")),
            ("", AttributeValue::String("")),
            ("t", AttributeValue::Bool(true)),
            ("i", AttributeValue::Int(-3)),
            ("d", AttributeValue::Double(0.5)),
            ("none", AttributeValue::Empty),
            ("long", AttributeValue::String(&long)),
        ];
        let bytes = written(&pairs);
        let read: Result<Vec<_>, _> = Attributes::new(&bytes).iter().collect();
        assert_eq!(read.unwrap(), pairs);
    }

    #[test]
    fn reads_what_another_encoder_wrote() {
        let array = Value::ArrayValue(ArrayValue { values: vec![AnyValue { value: Some(Value::IntValue(1)) }] });
        let attribute = |key: &str, value| KeyValue {
            key: key.into(),
            value: Some(AnyValue { value: Some(value) }),
            ..Default::default()
        };
        let resource = Resource {
            attributes: vec![attribute("s", Value::StringValue("ä".into())), attribute("l", array)],
            ..Default::default()
        };
        let bytes = resource.encode_to_vec();
        let read: Vec<_> = Attributes::new(&bytes).iter().map(Result::unwrap).collect();
        assert_eq!(read[0], ("s", AttributeValue::String("ä")));
        assert!(matches!(read[1], ("l", AttributeValue::Other(_))));
        assert_eq!(read[1].1.to_text(), "[…]");
        assert_eq!(Attributes::new(&bytes).text("s"), Some("ä"));
    }

    #[test]
    fn a_malformed_list_yields_its_error_once() {
        let mut bytes = written(&[("a", AttributeValue::Int(1))]);
        bytes.extend([0x3a, 0x50]);
        let read: Vec<_> = Attributes::new(&bytes).iter().collect();
        assert!(matches!(read[..], [Ok(_), Err(_)]), "{read:?}");
    }
}
