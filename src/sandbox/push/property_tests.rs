//! What holds for every push: the two encodings say the same, the consumer judges each metric exactly once, and nothing panics.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1 as wire;
use opentelemetry_proto::tonic::resource::v1::Resource;
use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Value, json};

use super::consumer::consume;
use super::model::{Attribute, Data, Metric, Number, Point, Push};
use super::protobuf;
use crate::clock::Timestamp;
use crate::sandbox::health::{HISTORY_MAX, Rows};
use crate::sandbox::knobs::limits::Limits;

/// 2026-07-22T06:00:00Z.
const NOW: Timestamp = Timestamp::from_secs(1_784_700_000);

fn attributes() -> impl Strategy<Value = Vec<Attribute>> {
    let key = prop_oneof![
        Just("sap.calm.hm.metric.type".to_owned()),
        Just("sap.calm.hm.metric.rating".to_owned()),
        Just("sap.calm.hm.quota".to_owned()),
        "[a-z]{1,6}",
    ];
    let value = prop_oneof![
        Just("status".to_owned()),
        Just("quota".to_owned()),
        Just("limit".to_owned()),
        Just("value".to_owned()),
        Just("ok".to_owned()),
        Just("critical".to_owned()),
        any::<String>(),
    ];
    proptest::collection::btree_map(key, value, 0..4).prop_map(|map| map.into_iter().collect())
}

fn point() -> impl Strategy<Value = Point> {
    let value = prop_oneof![
        any::<f64>().prop_map(Number::Double),
        Just(Number::Double(1.0)),
        Just(Number::Double(0.0)),
        any::<i64>().prop_map(Number::Int),
        Just(Number::Missing),
    ];
    let time = prop_oneof![Just(0), Just(NOW.as_nanos()), any::<u64>()];
    (time, value, attributes()).prop_map(|(time, value, attributes)| Point { time, value, attributes })
}

fn metric() -> impl Strategy<Value = Metric> {
    let data = prop_oneof![
        8 => proptest::collection::vec(point(), 0..4).prop_map(Data::Gauge),
        1 => (0..3_usize).prop_map(|points| Data::Other("sum", points)),
        1 => Just(Data::Missing),
    ];
    (any::<String>(), any::<String>(), any::<String>(), attributes(), data)
        .prop_map(|(name, description, unit, resource, data)| Metric { name, description, unit, resource, data })
}

fn push() -> impl Strategy<Value = Push> {
    proptest::collection::vec(metric(), 0..5).prop_map(|metrics| Push { metrics })
}

fn json_attributes(list: &[Attribute]) -> Vec<Value> {
    list.iter().map(|(key, value)| json!({"key": key, "value": {"stringValue": value}})).collect()
}

fn json_point(point: &Point) -> Value {
    let mut all = json!({"timeUnixNano": point.time.to_string(), "attributes": json_attributes(&point.attributes)});
    match point.value {
        Number::Double(value) if value.is_nan() => all["asDouble"] = json!("NaN"),
        Number::Double(value) if value.is_infinite() => {
            all["asDouble"] = json!(if value > 0.0 { "Infinity" } else { "-Infinity" });
        }
        Number::Double(value) => all["asDouble"] = json!(value),
        Number::Int(value) => all["asInt"] = json!(value.to_string()),
        Number::Missing => {}
    }
    all
}

fn json_body(push: &Push) -> Vec<u8> {
    let resources: Vec<Value> = push
        .metrics
        .iter()
        .map(|metric| {
            let mut all = json!({"name": metric.name, "description": metric.description, "unit": metric.unit});
            match &metric.data {
                Data::Gauge(points) => {
                    all["gauge"] = json!({"dataPoints": points.iter().map(json_point).collect::<Vec<_>>()});
                }
                Data::Other(kind, points) => all[*kind] = json!({"dataPoints": vec![json!({}); *points]}),
                Data::Missing => {}
            }
            json!({"resource": {"attributes": json_attributes(&metric.resource)}, "scopeMetrics": [{"metrics": [all]}]})
        })
        .collect();
    json!({"resourceMetrics": resources}).to_string().into_bytes()
}

fn wire_attributes(list: &[Attribute]) -> Vec<KeyValue> {
    list.iter()
        .map(|(key, value)| KeyValue {
            key: key.clone(),
            value: Some(AnyValue { value: Some(any_value::Value::StringValue(value.clone())) }),
            ..KeyValue::default()
        })
        .collect()
}

fn wire_point(point: &Point) -> wire::NumberDataPoint {
    wire::NumberDataPoint {
        attributes: wire_attributes(&point.attributes),
        time_unix_nano: point.time,
        value: match point.value {
            Number::Double(value) => Some(wire::number_data_point::Value::AsDouble(value)),
            Number::Int(value) => Some(wire::number_data_point::Value::AsInt(value)),
            Number::Missing => None,
        },
        ..wire::NumberDataPoint::default()
    }
}

fn wire_body(push: &Push) -> Vec<u8> {
    let resource_metrics = push.metrics.iter().map(|metric| {
        let data = match &metric.data {
            Data::Gauge(points) => {
                Some(wire::metric::Data::Gauge(wire::Gauge { data_points: points.iter().map(wire_point).collect() }))
            }
            Data::Other(_, points) => {
                let data_points = vec![wire::NumberDataPoint::default(); *points];
                Some(wire::metric::Data::Sum(wire::Sum { data_points, ..wire::Sum::default() }))
            }
            Data::Missing => None,
        };
        let found = wire::Metric {
            name: metric.name.clone(),
            description: metric.description.clone(),
            unit: metric.unit.clone(),
            data,
            ..wire::Metric::default()
        };
        wire::ResourceMetrics {
            resource: Some(Resource { attributes: wire_attributes(&metric.resource), ..Resource::default() }),
            scope_metrics: vec![wire::ScopeMetrics { metrics: vec![found], ..wire::ScopeMetrics::default() }],
            ..wire::ResourceMetrics::default()
        }
    });
    ExportMetricsServiceRequest { resource_metrics: resource_metrics.collect() }.encode_to_vec()
}

proptest! {
    #[test]
    fn both_encodings_say_the_same(push in push()) {
        // Debug text, since a value that is not a number differs from itself.
        let expected = Ok::<_, String>(push.clone());
        prop_assert_eq!(format!("{:?}", super::json::decode(&json_body(&push), true)), format!("{expected:?}"));
        prop_assert_eq!(format!("{:?}", protobuf::decode(&wire_body(&push))), format!("{expected:?}"));
    }

    #[test]
    fn each_metric_is_shown_or_complained_about_and_never_both(metric in metric()) {
        let found = consume(Push { metrics: vec![metric] }, &Limits::default(), NOW);
        prop_assert_eq!(found.samples.len() + found.errors.len(), 1);
        for sample in found.samples {
            prop_assert!(sample.reading.value.is_finite() && sample.reading.time.is_set());
            prop_assert!(!sample.key.label.is_empty() && !sample.key.label.contains("sap.calm."));
        }
    }

    #[test]
    fn any_bytes_are_refused_in_words(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(reason) = super::json::decode(&bytes, true) {
            prop_assert!(!reason.is_empty());
        }
        if let Err(reason) = protobuf::decode(&bytes) {
            prop_assert!(!reason.is_empty());
        }
    }

    #[test]
    fn a_damaged_body_never_panics(push in push(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        for mut body in [json_body(&push), wire_body(&push)] {
            if !body.is_empty() {
                let at = at.index(body.len());
                body[at] = byte;
            }
            let _ = super::json::decode(&body, false);
            let _ = protobuf::decode(&body);
        }
    }

    #[test]
    fn a_history_is_in_order_without_repetition(seconds in proptest::collection::vec(0..3_600_u64, 1..200)) {
        let mut rows = Rows::default();
        for (index, second) in seconds.iter().enumerate() {
            let time = NOW.minus(std::time::Duration::from_secs(*second)).as_nanos();
            let point = Point { time, value: Number::Double(index as f64), attributes: Vec::new() };
            let metric = Metric {
                name: "m".to_owned(), description: String::new(), unit: String::new(), resource: Vec::new(),
                data: Data::Gauge(vec![point]),
            };
            for sample in consume(Push { metrics: vec![metric] }, &Limits::default(), NOW).samples {
                rows.add(sample, false);
            }
        }
        let row = rows.iter().next().unwrap().1;
        let times: Vec<Timestamp> = row.history().map(|reading| reading.time).collect();
        prop_assert!(times.windows(2).all(|two| two[0] < two[1]) && times.len() <= HISTORY_MAX);
        prop_assert_eq!(Some(&row.current.time), times.last());
        let newest = seconds.iter().min().unwrap();
        let last_value = seconds.iter().rposition(|second| second == newest).unwrap();
        prop_assert_eq!(row.current.value, last_value as f64);
    }
}
