//! The shapes of SAP's samples, and sizes to the byte.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use proptest::prelude::*;
use prost::Message;
use serde_json::{Value, json};

use super::*;
use crate::clock::Timestamp;

const ROOM: Limits = Limits { bytes: 900_000, points: 5_000 };

fn labels<V: AsRef<str>>(pairs: &[(&str, V)]) -> Labels {
    pairs.iter().map(|(key, value)| ((*key).into(), value.as_ref().into())).collect()
}

fn row(name: &str, body: Body) -> Row {
    Row {
        name: name.into(),
        unit: "".into(),
        labels: labels::<&str>(&[]),
        resource: labels(&[("service.name", "orders")]),
        time: Timestamp(1_764_065_400_000_000_001),
        body,
        points: 1,
    }
}

fn status(text: &str) -> Row {
    row("Reachable", Body::Status { rating: Rating::Critical, text: text.into() })
}

fn json_of(rows: &[Row]) -> Value {
    let mut packer = Packer::new(Encoding::Json, ROOM, false);
    for row in rows {
        packer.push(row).unwrap();
    }
    serde_json::from_slice(&packer.finish()).unwrap()
}

fn attribute(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

#[test]
fn a_status_is_one_with_its_text_as_description() {
    let body = json_of(&[status("HTTP 500 of \"shop\" <b>")]);
    let expected = json!({ "resourceMetrics": [{
        "resource": { "attributes": [attribute("service.name", "orders")] },
        "scopeMetrics": [{
            "scope": { "name": "calm-agent", "version": env!("CARGO_PKG_VERSION") },
            "metrics": [{
                "name": "Reachable", "description": "HTTP 500 of 'shop' ‹b›",
                "gauge": { "dataPoints": [{
                    "timeUnixNano": "1764065400000000001", "asDouble": 1,
                    "attributes": [
                        attribute("sap.calm.hm.metric.type", "status"),
                        attribute("sap.calm.hm.metric.rating", "critical")
                    ]
                }] }
            }]
        }]
    }] });
    assert_eq!(body, expected);
}

#[test]
fn a_quota_is_three_points_with_its_labels_on_each() {
    let mut quota = row("fs", Body::Quota { used: 1.5, limit: 2e18, rating: Rating::Warning });
    quota.unit = "bytes".into();
    quota.labels = labels(&[("mountpoint", "/")]);
    let body = json_of(&[quota]);
    let metric = &body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0];
    assert_eq!(metric["unit"], "bytes");
    let points = metric["gauge"]["dataPoints"].as_array().unwrap();
    let values: Vec<_> = points.iter().map(|point| point["asDouble"].as_f64().unwrap()).collect();
    assert_eq!(values, [0.0, 2e18, 1.5]);
    let mount = attribute("mountpoint", "/");
    let kind = attribute("sap.calm.hm.metric.type", "quota");
    assert_eq!(points[0]["attributes"], json!([kind, attribute("sap.calm.hm.metric.rating", "warning"), mount]));
    assert_eq!(points[1]["attributes"], json!([attribute("sap.calm.hm.quota", "limit"), mount]));
    assert_eq!(points[2]["attributes"], json!([attribute("sap.calm.hm.quota", "value"), mount]));
}

#[test]
fn a_gauge_is_bare_and_rows_group_by_resource() {
    let mut other = row("b", Body::Gauge(-0.25));
    other.resource = labels(&[("service.name", "shop")]);
    other.time = Timestamp::UNSET;
    let body = json_of(&[row("a", Body::Gauge(7.0)), other, row("c", Body::Gauge(0.1))]);
    let groups = body["resourceMetrics"].as_array().unwrap();
    let names = |group: &Value| {
        let metrics = group["scopeMetrics"][0]["metrics"].as_array().unwrap();
        metrics.iter().map(|metric| metric["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((names(&groups[0]), names(&groups[1])), (vec!["a".into(), "c".into()], vec!["b".into()]));
    let point =
        |group: &Value, index: usize| group["scopeMetrics"][0]["metrics"][index]["gauge"]["dataPoints"][0].clone();
    assert_eq!(point(&groups[0], 0), json!({ "timeUnixNano": "1764065400000000001", "asDouble": 7 }));
    assert_eq!(point(&groups[1], 0), json!({ "asDouble": -0.25 }), "no time was given, so none is sent");
}

#[test]
fn labels_fold_into_the_name_when_asked() {
    let mut gauge = row("req", Body::Gauge(1.0));
    gauge.labels = labels(&[("code", "200"), ("method", "GET")]);
    let mut packer = Packer::new(Encoding::Json, ROOM, true);
    packer.push(&gauge).unwrap();
    packer.push(&row("plain", Body::Gauge(1.0))).unwrap();
    let body = String::from_utf8(packer.finish().to_vec()).unwrap();
    assert!(body.contains(r#""name":"req{code=200,method=GET}""#) && body.contains(r#""name":"plain""#), "{body}");
    assert!(body.contains(r#"{"key":"code","value":{"stringValue":"200"}}"#), "and stay labels");
}

#[test]
fn what_is_no_number_or_too_large_is_refused_and_nothing_else() {
    for encoding in [Encoding::Json, Encoding::Protobuf] {
        let mut packer = Packer::new(encoding, Limits { bytes: 600, points: 2 }, false);
        assert_eq!(packer.push(&row("n", Body::Gauge(f64::NAN))), Err(PackError::NotFinite));
        let infinite = Body::Quota { used: f64::INFINITY, limit: 1.0, rating: Rating::Ok };
        assert_eq!(packer.push(&row("q", infinite)), Err(PackError::NotFinite));
        assert_eq!(packer.push(&row(&"n".repeat(700), Body::Gauge(1.0))), Err(PackError::TooLarge));
        let quota = Body::Quota { used: 1.0, limit: 1.0, rating: Rating::Ok };
        assert_eq!(packer.push(&row("q", quota.clone())), Err(PackError::TooLarge), "three points");
        assert_eq!(packer.push(&row("a", Body::Gauge(1.0))), Ok(()));
        assert_eq!(packer.push(&row("q", quota)), Err(PackError::Full));
        assert_eq!(packer.push(&row("b", Body::Gauge(1.0))), Ok(()));
        assert_eq!(packer.push(&row("c", Body::Gauge(1.0))), Err(PackError::Full));
        assert_eq!((packer.rows(), packer.points()), (2, 2));
    }
}

#[test]
fn a_long_text_is_cut() {
    let body = json_of(&[status(&"ä<".repeat(1_000))]);
    let text = body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["description"].as_str().unwrap();
    assert_eq!(text.chars().count(), MAX_TEXT);
}

/// As many rows as there may be: P6, at least 95 % of the limit that is met first.
#[test]
fn a_full_request_uses_its_limit() {
    for (encoding, limits) in [
        (Encoding::Json, ROOM),
        (Encoding::Protobuf, Limits { bytes: 150_000, points: 5_000 }),
        (Encoding::Json, Limits { bytes: 20_000, points: 5_000 }),
        (Encoding::Protobuf, Limits { bytes: 10_000_000, points: 5_000 }),
    ] {
        let mut packer = Packer::new(encoding, limits, false);
        for index in 0_u32.. {
            let mut row = row(&format!("metric.{index}"), Body::Gauge(f64::from(index) / 7.0));
            row.labels = labels(&[("path", "x".repeat(index as usize % 90))]);
            row.resource = labels(&[("service.instance.id", (index % 5).to_string())]);
            if packer.push(&row) == Err(PackError::Full) {
                break;
            }
        }
        let (points, length) = (packer.points(), packer.len());
        let used = (length as f64 / limits.bytes as f64).max(points as f64 / limits.points as f64);
        assert!((0.95..=1.0).contains(&used), "{encoding:?} {limits:?}: {used}");
        assert_eq!(packer.finish().len(), length);
    }
}

fn any_row() -> impl Strategy<Value = Row> {
    let body = prop_oneof![
        any::<i32>().prop_map(|number| Body::Gauge(f64::from(number) / 8.0)),
        any::<(u16, u16)>().prop_map(|(used, limit)| Body::Quota {
            used: used.into(),
            limit: limit.into(),
            rating: Rating::Ok,
        }),
        ".{0,40}".prop_map(|text: String| Body::Status { rating: Rating::Fatal, text: text.into() }),
    ];
    let text = || "\\PC{0,12}";
    (text(), text(), proptest::collection::vec((text(), text()), 0..4), 0..3_u8, body).prop_map(
        |(name, unit, pairs, resource, body)| Row {
            name: name.into(),
            unit: unit.into(),
            labels: pairs.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect(),
            resource: labels(&[("r", resource.to_string())][..usize::from(resource.min(1))]),
            time: Timestamp(u64::from(resource)),
            body,
            points: 1,
        },
    )
}

proptest! {
    /// Read back by the standard library: serde_json's own reader is not exact in the last bit.
    #[test]
    fn a_number_is_the_same_when_read_back(value in proptest::num::f64::NORMAL | proptest::num::f64::ZERO) {
        let mut packer = Packer::new(Encoding::Json, ROOM, false);
        packer.push(&row("n", Body::Gauge(value))).unwrap();
        let body = String::from_utf8(packer.finish().to_vec()).unwrap();
        let number = body.split("\"asDouble\":").nth(1).unwrap().split('}').next().unwrap();
        prop_assert_eq!(number.parse::<f64>().unwrap(), value);
    }

    #[test]
    fn both_encodings_say_the_same_and_know_their_size(rows in proptest::collection::vec(any_row(), 1..20)) {
        let packed = |encoding| {
            let mut packer = Packer::new(encoding, ROOM, false);
            for row in &rows {
                packer.push(row).unwrap();
            }
            let length = packer.len();
            let body = packer.finish();
            assert_eq!(body.len(), length);
            body
        };
        let binary = ExportMetricsServiceRequest::decode(packed(Encoding::Protobuf)).unwrap();
        let text: ExportMetricsServiceRequest = serde_json::from_slice(&packed(Encoding::Json)).unwrap();
        prop_assert_eq!(&binary, &text);
        let metrics: Vec<_> =
            binary.resource_metrics.iter().flat_map(|r| &r.scope_metrics).flat_map(|s| &s.metrics).collect();
        prop_assert_eq!(metrics.len(), rows.len());
        let all_gauges = metrics.iter().all(|metric| matches!(metric.data, Some(Data::Gauge(_))));
        prop_assert!(all_gauges);
    }
}
