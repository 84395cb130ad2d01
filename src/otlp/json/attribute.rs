//! Attributes of JSON, written as protobuf has them.

use base64::Engine as _;
use opentelemetry_proto::tonic::common::v1 as proto;
use prost::Message;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::shape::{AnyValue, KeyValue, List, Text, Values};
use crate::metric::{AttributeValue, AttributeWriter};
use crate::otlp::Reason;

/// How deep values may lie within values. Source: the OpenTelemetry specification names 64 as its own bound for attribute collections; nobody
/// is known to go beyond a handful.
const MAX_DEPTH: u32 = 32;

/// Appends one attribute.
pub(super) fn write(pair: &KeyValue<'_>, writer: &mut AttributeWriter<'_>) -> Result<(), Reason> {
    let key = pair.key.as_ref().map_or("", |key| &*key.0);
    let Some(any) = &pair.value else {
        writer.value(key, AttributeValue::Empty);
        return Ok(());
    };
    if let Some(simple) = simple(any) {
        writer.value(key, simple);
    } else {
        let encoded = message(any, MAX_DEPTH)?.encode_to_vec();
        writer.value(key, AttributeValue::Other(&encoded));
    }
    Ok(())
}

fn simple<'v>(any: &'v AnyValue<'_>) -> Option<AttributeValue<'v>> {
    if let Some(Text(text)) = &any.string_value {
        Some(AttributeValue::String(text))
    } else if let Some(truth) = any.bool_value {
        Some(AttributeValue::Bool(truth))
    } else if let Some(number) = any.int_value {
        Some(AttributeValue::Int(number.0))
    } else if let Some(number) = any.double_value {
        Some(AttributeValue::Double(number.0))
    } else if any.array_value.is_some() || any.kvlist_value.is_some() || any.bytes_value.is_some() {
        None
    } else {
        Some(AttributeValue::Empty)
    }
}

/// The message of a value, with what lies within it.
fn message(any: &AnyValue<'_>, depth: u32) -> Result<proto::AnyValue, Reason> {
    use proto::any_value::Value;
    let depth = depth.checked_sub(1).ok_or(Reason::Attributes)?;
    let value = match simple(any) {
        Some(AttributeValue::String(text)) => Some(Value::StringValue(text.to_owned())),
        Some(AttributeValue::Bool(truth)) => Some(Value::BoolValue(truth)),
        Some(AttributeValue::Int(number)) => Some(Value::IntValue(number)),
        Some(AttributeValue::Double(number)) => Some(Value::DoubleValue(number)),
        Some(AttributeValue::Empty | AttributeValue::Other(_)) => None,
        None => Some(nested(any, depth)?),
    };
    Ok(proto::AnyValue { value })
}

fn nested(any: &AnyValue<'_>, depth: u32) -> Result<proto::any_value::Value, Reason> {
    use proto::any_value::Value;
    if let Some(raw) = any.array_value {
        let values = values::<AnyValue<'_>>(raw)?;
        let values = values.iter().map(|any| message(any, depth)).collect::<Result<_, _>>()?;
        return Ok(Value::ArrayValue(proto::ArrayValue { values }));
    }
    if let Some(raw) = any.kvlist_value {
        let pairs = values::<KeyValue<'_>>(raw)?;
        let values = pairs.iter().map(|pair| pair_message(pair, depth)).collect::<Result<_, _>>()?;
        return Ok(Value::KvlistValue(proto::KeyValueList { values }));
    }
    let text = any.bytes_value.as_ref().map_or("", |text| &*text.0);
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).map_err(|_| Reason::Attributes)?;
    Ok(Value::BytesValue(bytes))
}

fn pair_message(pair: &KeyValue<'_>, depth: u32) -> Result<proto::KeyValue, Reason> {
    let key = pair.key.as_ref().map_or_else(String::new, |key| key.0.clone().into_owned());
    let value = pair.value.as_ref().map(|any| message(any, depth)).transpose()?;
    Ok(proto::KeyValue { key, value, ..Default::default() })
}

fn values<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<Vec<T>, Reason> {
    let values: Values<T> = serde_json::from_str(raw.get()).map_err(|_| Reason::Attributes)?;
    let List { items, overflowed } = values.values.unwrap_or_default();
    if overflowed { Err(Reason::TooLong) } else { Ok(items) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Attributes;

    fn written(json: &str) -> Result<Vec<u8>, Reason> {
        let pair: KeyValue<'_> = serde_json::from_str(json).unwrap();
        let mut bytes = Vec::new();
        write(&pair, &mut AttributeWriter::new(&mut bytes)).map(|()| bytes)
    }

    #[test]
    fn each_kind_of_value_is_kept() {
        let cases = [
            (r#"{"key":"k","value":{"stringValue":""}}"#, AttributeValue::String("")),
            (r#"{"key":"k","value":{"boolValue":false}}"#, AttributeValue::Bool(false)),
            (r#"{"key":"k","value":{"intValue":"-3"}}"#, AttributeValue::Int(-3)),
            (r#"{"key":"k","value":{"intValue":9007199254740993}}"#, AttributeValue::Int(9_007_199_254_740_993)),
            (r#"{"key":"k","value":{"doubleValue":"Infinity"}}"#, AttributeValue::Double(f64::INFINITY)),
            (r#"{"key":"k","value":{}}"#, AttributeValue::Empty),
            (r#"{"key":"k","value":null,"newer":[1]}"#, AttributeValue::Empty),
        ];
        for (json, expected) in cases {
            let bytes = written(json).unwrap();
            assert_eq!(Attributes::new(&bytes).iter().next(), Some(Ok(("k", expected))), "{json}");
        }
    }

    #[test]
    fn structures_are_encoded_as_protobuf_has_them() {
        use proto::any_value::Value;
        let json = r#"{"key":"k","value":{"kvlistValue":{"values":[{"key":"a","value":{"arrayValue":{"values":
            [{"intValue":1},{"bytesValue":"AQI="},{}]}}},{"key":"none"}]}}}"#;
        let bytes = written(json).unwrap();
        let Some(Ok((_, AttributeValue::Other(encoded)))) = Attributes::new(&bytes).iter().next() else {
            panic!("a structure was expected")
        };
        let array = [Some(Value::IntValue(1)), Some(Value::BytesValue(vec![1, 2])), None];
        let array = proto::ArrayValue { values: array.map(|value| proto::AnyValue { value }).to_vec() };
        let pair = |key: &str, value| proto::KeyValue { key: key.into(), value, ..Default::default() };
        let inner = proto::AnyValue { value: Some(Value::ArrayValue(array)) };
        let list = proto::KeyValueList { values: vec![pair("a", Some(inner)), pair("none", None)] };
        let expected = proto::AnyValue { value: Some(Value::KvlistValue(list)) };
        assert_eq!(proto::AnyValue::decode(encoded), Ok(expected));
    }

    #[test]
    fn depth_and_encoding_are_bounded() {
        let nest = |depth: usize| {
            let (open, close) = (r#"{"arrayValue":{"values":["#.repeat(depth), "]}}".repeat(depth));
            format!(r#"{{"key":"k","value":{open}{close}}}"#)
        };
        assert!(written(&nest(20)).is_ok());
        assert_eq!(written(&nest(40)), Err(Reason::Attributes));
        assert_eq!(written(r#"{"key":"k","value":{"bytesValue":"*"}}"#), Err(Reason::Attributes));
        assert_eq!(written(r#"{"key":"k","value":{"arrayValue":7}}"#), Err(Reason::Attributes));
    }
}
