use super::*;
use crate::clock::Timestamp;
use crate::metric::{MetricKind, Temporality, Value};

mod model;

use model::{Seen, seen};

/// Rules under which time and size are no matter.
fn lenient() -> Rules {
    Rules { oldest: Timestamp(0), newest: Timestamp(u64::MAX), points: 10_000, attributes: 64 }
}

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    assert!(content.len() < 128);
    [&[number << 3 | 2, content.len() as u8], content].concat()
}

fn fixed64(number: u8, bits: u64) -> Vec<u8> {
    [&[number << 3 | 1][..], &bits.to_le_bytes()].concat()
}

fn attribute(number: u8, key: &str, text: &str) -> Vec<u8> {
    field(number, &[field(1, key.as_bytes()), field(2, &field(1, text.as_bytes()))].concat())
}

fn request(scope: &[u8]) -> Vec<u8> {
    field(1, &field(2, scope))
}

fn decoded(body: impl Into<Vec<u8>>) -> Decoded {
    decode(Bytes::from(body.into()), Encoding::Protobuf, &lenient()).unwrap()
}

fn json(body: &str) -> Result<Decoded, Unreadable> {
    decode(Bytes::copy_from_slice(body.as_bytes()), Encoding::Json, &lenient())
}

fn gauge(points: &str) -> String {
    format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"m","gauge":{{"dataPoints":[{points}]}}}}]}}]}}]}}"#
    )
}

fn values(decoded: &Decoded) -> Vec<Value> {
    decoded.points.points().iter().map(|point| point.value).collect()
}

#[test]
fn fields_may_come_in_any_order() {
    let point = [attribute(7, "a", "1"), fixed64(4, 1.5_f64.to_bits()), attribute(7, "b", "2")].concat();
    // The name behind the data, the scope behind the metrics, the resource behind the scopes and in two pieces.
    let metric = [field(5, &field(1, &point)), field(3, b"s"), field(1, b"m")].concat();
    let scope = [field(2, &metric), field(1, &field(1, b"library"))].concat();
    let resource = [field(1, &attribute(1, "r", "1")), field(2, &scope), field(1, &attribute(1, "s", "2"))].concat();
    let expected = Seen {
        resource: vec![("r".into(), "1".into()), ("s".into(), "2".into())],
        scope: "library".into(),
        name: "m".into(),
        unit: "s".into(),
        description: String::new(),
        kind: MetricKind::Gauge,
        attributes: vec![("a".into(), "1".into()), ("b".into(), "2".into())],
        start: 0,
        time: 0,
        value: "1.5".into(),
    };
    assert_eq!(seen(&decoded(field(1, &resource)).points), [expected]);
}

#[test]
fn attributes_side_by_side_are_borrowed_and_scattered_ones_copied() {
    let together = [attribute(7, "a", "1"), attribute(7, "b", "2"), fixed64(4, 0)].concat();
    let apart = [attribute(7, "a", "1"), fixed64(4, 0), attribute(7, "b", "2")].concat();
    let metric = [field(1, b"m"), field(5, &[field(1, &together), field(1, &apart)].concat())].concat();
    let body = request(&field(2, &metric));
    let length = body.len();
    let points = decoded(body).points;
    let [borrowed, copied] = [0, 1].map(|index| points.points()[index].attributes);
    assert!((borrowed.start as usize) < length && copied.start as usize >= length);
    assert_eq!(points.bytes(borrowed), points.bytes(copied));
}

#[test]
fn repeated_numbers_come_packed_and_unpacked() {
    let one = 1_u64.to_le_bytes();
    let packed = [field(6, &[one, one].concat()), field(7, &1.0_f64.to_le_bytes())].concat();
    let unpacked = [fixed64(6, 1), fixed64(6, 1), fixed64(7, 1.0_f64.to_bits())].concat();
    let data = [field(1, &packed), field(1, &unpacked), vec![2 << 3, 2]].concat();
    let points = decoded(request(&field(2, &[field(1, b"h"), field(9, &data)].concat()))).points;
    assert_eq!(points.metrics()[0].kind, MetricKind::Histogram(Temporality::Cumulative));
    let histogram = points.histogram(0).unwrap();
    assert_eq!((histogram.bounds, histogram.counts), (&[1.0][..], &[1, 1][..]));
    assert_eq!(points.histogram(1), Some(histogram));

    let buckets = |counts: &[u8]| field(8, &[&[1 << 3, 3][..], counts].concat());
    let data = [field(1, &buckets(&[2 << 3 | 2, 2, 5, 6])), field(1, &buckets(&[2 << 3, 5, 2 << 3, 6]))].concat();
    let data = [data, vec![2 << 3, 1]].concat();
    let points = decoded(request(&field(2, &[field(1, b"e"), field(10, &data)].concat()))).points;
    let exponential = points.exponential(0).unwrap();
    assert_eq!((exponential.positive.offset, exponential.positive.counts), (-2, &[5, 6][..]));
    assert_eq!(points.exponential(1), Some(exponential));
}

#[test]
fn of_two_kinds_of_data_the_last_counts_and_pieces_of_one_are_joined() {
    let gauge = |bits: f64| field(5, &field(1, &fixed64(4, bits.to_bits())));
    let sum = field(7, &[field(1, &fixed64(6, 7)), vec![2 << 3, 1, 3 << 3, 1]].concat());
    let metric = [field(1, b"m"), sum, gauge(1.0), gauge(2.0)].concat();
    assert_eq!(values(&decoded(request(&field(2, &metric)))), [Value::Number(1.0), Value::Number(2.0)]);
}

#[test]
fn broken_framing_refuses_the_request_and_costs_nothing() {
    for body in [&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f][..], b"not protobuf", &[0x0a, 2, 0x12, 9], &[0x0b]] {
        let error = decode(Bytes::copy_from_slice(body), Encoding::Protobuf, &lenient()).unwrap_err();
        assert!(matches!(error, Unreadable::Protobuf(_)), "{body:?}");
    }
    let cut = field(1, &[6 << 3 | 2, 3, 0, 0, 0]);
    let metric = [field(1, b"h"), field(9, &cut)].concat();
    assert!(decode(Bytes::from(request(&field(2, &metric))), Encoding::Protobuf, &lenient()).is_err());
}

#[test]
fn an_empty_request_is_a_request() {
    assert!(decoded([]).points.points().is_empty());
    assert!(json("{}").unwrap().points.points().is_empty());
    assert!(json(r#"{"resourceMetrics":null}"#).unwrap().points.points().is_empty());
    assert!(json("").is_err());
}

/// Each line breaks one rule; the point beside it is taken all the same.
#[test]
fn each_broken_rule_refuses_its_point_alone() {
    let long = "x".repeat(5_000);
    let many = vec![r#"{"key":"k","value":{"intValue":1}}"#; 65].join(",");
    let cases = [
        (Reason::NoValue, r#"{"timeUnixNano":"5"}"#.to_owned()),
        (Reason::TooLong, format!(r#"{{"asInt":1,"attributes":[{{"key":"k","value":{{"stringValue":"{long}"}}}}]}}"#)),
        (Reason::TooManyAttributes, format!(r#"{{"asInt":1,"attributes":[{many}]}}"#)),
        (Reason::Attributes, r#"{"asInt":1,"attributes":[{"key":"k","value":{"bytesValue":"*"}}]}"#.to_owned()),
        (Reason::TooOld, r#"{"asInt":1,"timeUnixNano":1}"#.to_owned()),
        (Reason::InFuture, r#"{"asInt":1,"timeUnixNano":"200"}"#.to_owned()),
    ];
    let rules = Rules { oldest: Timestamp(2), newest: Timestamp(100), ..lenient() };
    for (reason, point) in cases {
        let body = gauge(&format!(r#"{{"asInt":"4"}},{point},{{"asInt":9,"timeUnixNano":100}}"#));
        let decoded = decode(Bytes::from(body), Encoding::Json, &rules).unwrap();
        assert_eq!(values(&decoded), [Value::Number(4.0), Value::Number(9.0)], "{reason:?}");
        assert_eq!(decoded.refusals.iter().collect::<Vec<_>>(), [(reason, 1)]);
        assert_eq!(decoded.refusals.example(reason), Some("m"));
    }
    let rules = Rules { points: 1, ..lenient() };
    let body = gauge(r#"{"asInt":1},{"asInt":2},{"asInt":3}"#);
    let decoded = decode(Bytes::from(body), Encoding::Json, &rules).unwrap();
    assert_eq!(decoded.refusals.iter().collect::<Vec<_>>(), [(Reason::TooManyPoints, 2)]);
}

#[test]
fn what_is_wrong_with_a_metric_refuses_its_points() {
    let metrics = [
        (Reason::NoData, r#"{"name":"m"}"#),
        (Reason::NoName, r#"{"gauge":{"dataPoints":[{"asInt":1}]}}"#),
        (Reason::Temporality, r#"{"name":"m","sum":{"dataPoints":[{"asInt":1}],"isMonotonic":true}}"#),
        (
            Reason::Buckets,
            r#"{"name":"m","histogram":{"aggregationTemporality":2,"dataPoints":[{"bucketCounts":[1,2,3],"explicitBounds":[1]}]}}"#,
        ),
        (
            Reason::Buckets,
            r#"{"name":"m","histogram":{"aggregationTemporality":2,"dataPoints":[{"bucketCounts":[1,2,3],"explicitBounds":[2,1]}]}}"#,
        ),
        (
            Reason::Buckets,
            r#"{"name":"m","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"scale":90}]}}"#,
        ),
    ];
    for (reason, metric) in metrics {
        let body = format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{metric}]}}]}}]}}"#);
        let decoded = json(&body).unwrap();
        assert_eq!(decoded.refusals.iter().collect::<Vec<_>>(), [(reason, 1)], "{metric}");
        assert!(decoded.points.points().is_empty() && decoded.points.metrics().is_empty());
    }
}

#[test]
fn text_that_is_not_utf8_refuses_what_it_names() {
    let point = field(1, &fixed64(4, 0));
    let broken = field(1, &[attribute(7, "a", "1"), field(7, &field(1, &[0xff])), fixed64(4, 0)].concat());
    let metric = |name: &[u8], points: &[u8]| field(2, &[field(1, name), field(5, points)].concat());
    let good = metric(b"m", &[point.clone(), broken].concat());
    let decoded_scope = decoded(request(&[metric(&[0xff], &point), good].concat()));
    assert_eq!(values(&decoded_scope), [Value::Number(0.0)]);
    let counted: Vec<_> = decoded_scope.refusals.iter().collect();
    assert_eq!(counted, [(Reason::NotText, 1), (Reason::Attributes, 1)]);

    let resource = [field(1, &field(1, &field(1, &[0xff]))), field(2, &metric(b"m", &point))].concat();
    let refused = decoded(field(1, &resource));
    assert_eq!(refused.refusals.iter().collect::<Vec<_>>(), [(Reason::Attributes, 1)]);
    assert!(refused.points.resources().is_empty());
}

#[test]
fn no_recorded_value_ends_a_series() {
    let decoded = json(&gauge(r#"{"flags":1},{"flags":0,"asDouble":"NaN"},{"asDouble":0}"#)).unwrap();
    let values = values(&decoded);
    assert_eq!((values[0], values[2]), (Value::Ended, Value::Number(0.0)));
    assert!(matches!(values[1], Value::Number(number) if number.is_nan()));
    let metric = [field(1, b"m"), field(5, &field(1, &[8 << 3, 1]))].concat();
    assert_eq!(model::numbers(&self::decoded(request(&field(2, &metric)))), ["ended"]);
}

#[test]
fn a_million_empty_parts_leave_nothing_behind() {
    let decoded = decoded(request(&[0x12, 0].repeat(60)).repeat(10_000));
    assert_eq!(decoded.refusals.count(Reason::NoData), 600_000);
    assert!(decoded.points.resources().is_empty() && decoded.points.metrics().is_empty());
}

#[test]
fn buckets_are_bounded_for_a_point_and_for_a_request() {
    let counts = vec!["1"; 4_000].join(",");
    let body = |point: String| {
        format!(
            r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"e","exponentialHistogram":{{"aggregationTemporality":1,"dataPoints":[{point}]}}}}]}}]}}]}}"#
        )
    };
    let many = json(&body(format!(r#"{{"positive":{{"bucketCounts":[{counts}]}}}}"#))).unwrap();
    assert_eq!(many.refusals.count(Reason::TooManyBuckets), 1);
    let point = format!(r#"{{"positive":{{"bucketCounts":[{}]}}}}"#, vec!["1"; 2_000].join(","));
    let decoded = json(&body(vec![point; 600].join(","))).unwrap();
    assert_eq!(decoded.points.points().len(), (1 << 20) / 2_000);
    assert_eq!(decoded.refusals.count(Reason::TooManyBuckets), 600 - (1 << 20) / 2_000);
}

#[test]
fn json_reads_what_senders_write() {
    let decoded = json(&gauge(
        r#"{"asInt":"9007199254740993","timeUnixNano":"1544712660300000000"},
           {"asInt":3,"timeUnixNano":1544712660300000000,"attributes":null,"exemplars":[{"x":[]}],"newer":{}},
           {"asDouble":"Infinity"}"#,
    ))
    .unwrap();
    assert_eq!(model::numbers(&decoded), ["9007199254740992", "3", "inf"]);
    assert_eq!(decoded.points.points()[1].time, Timestamp(1_544_712_660_300_000_000));
    let named = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","sum":
        {"aggregationTemporality":"AGGREGATION_TEMPORALITY_DELTA","dataPoints":[{"asInt":1}]}}]}]}]}"#;
    let kind = MetricKind::Sum { monotonic: false, temporality: Temporality::Delta };
    assert_eq!(json(named).unwrap().points.metrics()[0].kind, kind);
}

#[test]
fn json_reads_each_kind_of_data() {
    let body = r#"{"resourceMetrics":[{"scopeMetrics":[{"scope":{"name":"lib"},"metrics":[
        {"dataPoints":1,"histogram":{"dataPoints":[{"explicitBounds":[0.5,"1"],"bucketCounts":["1",2,3],"count":6,
            "sum":"NaN","min":0,"max":"Infinity"}],"aggregationTemporality":2},"unit":"ms","name":"h"},
        {"name":"e","exponentialHistogram":{"aggregationTemporality":1,"dataPoints":[{"count":"3","scale":-1,
            "zeroCount":1,"positive":{"offset":2,"bucketCounts":["2"]},"negative":null}]}},
        {"name":"s","summary":{"dataPoints":[{"count":2,"sum":3.5,"quantileValues":[{"quantile":0.5,"value":1}]}]}}
    ]}]}]}"#;
    let points = json(body).unwrap().points;
    let seen = seen(&points);
    let said: Vec<_> = seen.iter().map(|seen| (&*seen.name, &*seen.unit, &*seen.scope, &*seen.value)).collect();
    assert_eq!(
        said,
        [
            ("h", "ms", "lib", "6 Some(NaN) Some(0.0) Some(inf) [0.5, 1.0] [1, 2, 3]"),
            ("e", "", "lib", "3 None None None -1 1 [(2, [2]), (0, [])]"),
            ("s", "", "lib", "2 3.5 [(0.5, 1.0)]"),
        ]
    );
}

#[test]
fn a_histogram_may_have_no_buckets_and_ended_points_need_none() {
    let body = |point: &str| {
        format!(
            r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"h","histogram":{{"aggregationTemporality":2,"dataPoints":[{point}]}}}}]}}]}}]}}"#
        )
    };
    let histogram = |point: &str| json(&body(point)).unwrap();
    assert_eq!(values(&histogram(r#"{"count":5,"sum":9}"#)), [Value::Histogram(0)]);
    assert_eq!(values(&histogram(r#"{"count":5,"bucketCounts":[5]}"#)), [Value::Histogram(0)]);
    assert_eq!(values(&histogram(r#"{"flags":1,"explicitBounds":[3,2]}"#)), [Value::Ended]);
    for broken in [r#"{"explicitBounds":[1]}"#, r#"{"bucketCounts":[1,2],"explicitBounds":["NaN"]}"#] {
        assert_eq!(histogram(broken).refusals.count(Reason::Buckets), 1, "{broken}");
    }
}

#[test]
fn json_escapes_are_read() {
    let body = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a\u0062","unit":"\u00b5s","gauge":
        {"dataPoints":[{"asInt":1,"attributes":[{"key":"q\"","value":{"stringValue":"\n"}}]}]}}]}]}]}"#;
    let seen = seen(&json(body).unwrap().points);
    assert_eq!((&*seen[0].name, &*seen[0].unit), ("ab", "µs"));
    assert_eq!(seen[0].attributes, [("q\"".to_owned(), "\n".to_owned())]);
}

#[test]
fn one_series_has_one_identity_in_both_encodings() {
    let point = [attribute(7, "route", "/a"), attribute(7, "empty", ""), fixed64(4, 1.0_f64.to_bits())].concat();
    let walked = decoded(request(&field(2, &[field(1, b"m"), field(5, &field(1, &point))].concat()))).points;
    let read = json(&gauge(
        r#"{"asDouble":1,"attributes":[{"key":"route","value":{"stringValue":"/a"}},{"value":{"stringValue":""},"key":"empty"}]}"#,
    ))
    .unwrap()
    .points;
    let bytes = |points: &crate::metric::Points| points.bytes(points.points()[0].attributes).to_vec();
    assert_eq!(bytes(&walked), bytes(&read), "down to the byte, when a sender uses the point's own field number");
}

#[test]
fn json_of_another_dialect_is_named_and_not_read_as_nothing() {
    let cases = [
        (r#"{"resource_metrics":[]}"#, "resource_metrics"),
        (r#"{"resourceSpans":[]}"#, "resourceSpans"),
        (r#"{"resourceMetrics":[{"scope_metrics":[]}]}"#, "scope_metrics"),
        (r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"data_points":[]}}]}]}]}"#, "data_points"),
    ];
    for (body, key) in cases {
        let error = json(body).unwrap_err();
        assert!(matches!(&error, Unreadable::Dialect { found, .. } if found == key), "{body}: {error}");
    }
    let newer = r#"{"resourceMetrics":[{"newer":1}],"newer":true}"#;
    assert!(json(newer).is_ok(), "keys that are not known are passed over beside those that are");
}

#[test]
fn json_that_is_broken_says_where() {
    let body = "{\"resourceMetrics\":[{\n\"scopeMetrics\":[{\"metrics\":[{\"name\":7}]}]}]}";
    let Unreadable::Json { at, cause } = json(body).unwrap_err() else { panic!("another error was expected") };
    assert!(body[..at].ends_with("7") || body[..at].ends_with("7}"), "{}", &body[..at]);
    assert_eq!(cause, "invalid type: integer `7`, expected a string");
    for body in ["[]", "{", r#"{"resourceMetrics":7}"#, r#"{"resourceMetrics":[{}"#, &"[".repeat(100_000)] {
        assert!(json(body).is_err(), "{}", &body[..body.len().min(40)]);
    }
    let nested = format!(r#"{{"resourceMetrics":{}}}"#, "[".repeat(1_000_000));
    assert!(json(&nested).is_err());
}

#[test]
fn reads_the_examples_of_the_specification() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/otlp-examples/metrics.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("SKIPPED: {path} is absent");
        return;
    };
    let decoded = json(&text).unwrap();
    assert_eq!(decoded.refusals.message(), "");
    let kinds: Vec<_> = seen(&decoded.points).into_iter().map(|seen| (seen.name, seen.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("my.counter".into(), MetricKind::Sum { monotonic: true, temporality: Temporality::Delta }),
            ("my.gauge".into(), MetricKind::Gauge),
            ("my.histogram".into(), MetricKind::Histogram(Temporality::Delta)),
            ("my.exponential.histogram".into(), MetricKind::Exponential(Temporality::Delta)),
        ]
    );
}

#[test]
fn an_encoding_is_known_by_its_media_type() {
    assert_eq!(Encoding::of("application/x-protobuf"), Some(Encoding::Protobuf));
    assert_eq!(Encoding::of("Application/JSON; charset=utf-8"), Some(Encoding::Json));
    assert_eq!((Encoding::of("text/plain"), Encoding::of("")), (None, None));
}
