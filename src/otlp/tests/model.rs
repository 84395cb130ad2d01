//! The same requests, read by prost: what our walk and our JSON reader must agree with.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value, any_value::Value as Any,
};
use opentelemetry_proto::tonic::metrics::v1::{
    self as proto, Metric, ResourceMetrics, ScopeMetrics, exponential_histogram_data_point::Buckets, metric::Data,
    number_data_point::Value as Number, summary_data_point::ValueAtQuantile,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::metric::{Attributes, Points};

/// A point with everything that it says, spelled out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) resource: Vec<(String, String)>,
    pub(super) scope: String,
    pub(super) name: String,
    pub(super) unit: String,
    pub(super) description: String,
    pub(super) kind: MetricKind,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) start: u64,
    pub(super) time: u64,
    pub(super) value: String,
}

/// What a block holds.
pub(super) fn seen(points: &Points) -> Vec<Seen> {
    let pairs = |attributes: Attributes<'_>| {
        let pair = |pair: Result<(&str, _), _>| pair.map(|(key, value)| (key.to_owned(), text(value))).unwrap();
        attributes.iter().map(pair).collect()
    };
    let spell = |point: &crate::metric::Point| {
        let metric = points.metrics()[point.metric as usize];
        let resource = points.resources()[metric.resource as usize];
        Seen {
            resource: pairs(points.attributes(resource.attributes)),
            scope: points.text(metric.scope).into(),
            name: points.text(metric.name).into(),
            unit: points.text(metric.unit).into(),
            description: points.text(metric.description).into(),
            kind: metric.kind,
            attributes: pairs(points.attributes(point.attributes)),
            start: point.start.0,
            time: point.time.0,
            value: value(points, point.value),
        }
    };
    points.points().iter().map(spell).collect()
}

/// The values of a block.
pub(super) fn numbers(decoded: &Decoded) -> Vec<String> {
    seen(&decoded.points).into_iter().map(|seen| seen.value).collect()
}

fn text(value: crate::metric::AttributeValue<'_>) -> String {
    use crate::metric::AttributeValue;
    match value {
        AttributeValue::Other(encoded) => {
            AnyValue::decode(encoded).map_or_else(|_| format!("broken {encoded:?}"), |any| any_text(any.value.as_ref()))
        }
        simple => simple.to_text().into_owned(),
    }
}

fn any_text(value: Option<&Any>) -> String {
    match value {
        None => String::new(),
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::BoolValue(truth)) => truth.to_string(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        Some(any_value::Value::DoubleValue(number)) => number.to_string(),
        Some(other) => format!("{other:?}"),
    }
}

fn value(points: &Points, value: Value) -> String {
    match value {
        Value::Ended => "ended".into(),
        Value::Number(number) => number.to_string(),
        Value::Histogram(index) => {
            let h = points.histogram(index).unwrap();
            format!("{} {:?} {:?} {:?} {:?} {:?}", h.count, h.sum, h.min, h.max, h.bounds, h.counts)
        }
        Value::Exponential(index) => {
            let e = points.exponential(index).unwrap();
            let sides = [e.positive, e.negative].map(|side| (side.offset, side.counts.to_vec()));
            format!("{} {:?} {:?} {:?} {} {} {sides:?}", e.count, e.sum, e.min, e.max, e.scale, e.zero_count)
        }
        Value::Summary(index) => {
            let s = points.summary(index).unwrap();
            format!("{} {} {:?}", s.count, s.sum, s.quantiles)
        }
    }
}

/// What prost's structures hold, by the same rules.
pub(super) fn expected(request: &ExportMetricsServiceRequest) -> (Vec<Seen>, u64) {
    let (mut all, mut refused) = (Vec::new(), 0);
    for resource in &request.resource_metrics {
        let attributes = resource.resource.as_ref().map(|resource| pairs(&resource.attributes)).unwrap_or_default();
        for scope in &resource.scope_metrics {
            let name = scope.scope.as_ref().map(|scope| scope.name.clone()).unwrap_or_default();
            for metric in &scope.metrics {
                let points = points(metric);
                refused += points.iter().filter(|point| point.is_none()).count() as u64;
                all.extend(points.into_iter().flatten().map(|point| Seen {
                    resource: attributes.clone(),
                    scope: name.clone(),
                    name: metric.name.clone(),
                    unit: metric.unit.clone(),
                    description: metric.description.clone(),
                    ..point
                }));
            }
        }
    }
    (all, refused)
}

fn points(metric: &Metric) -> Vec<Option<Seen>> {
    let temporality = |number: i32| match number {
        1 => Some(Temporality::Delta),
        2 => Some(Temporality::Cumulative),
        _ => None,
    };
    match &metric.data {
        None => vec![None],
        Some(Data::Gauge(data)) => {
            data.data_points.iter().map(|point| number(point, Some(MetricKind::Gauge))).collect()
        }
        Some(Data::Sum(data)) => {
            let kind = temporality(data.aggregation_temporality);
            let kind = kind.map(|temporality| MetricKind::Sum { monotonic: data.is_monotonic, temporality });
            data.data_points.iter().map(|point| number(point, kind)).collect()
        }
        Some(Data::Histogram(data)) => {
            let kind = temporality(data.aggregation_temporality).map(MetricKind::Histogram);
            data.data_points.iter().map(|point| histogram(point, kind)).collect()
        }
        Some(Data::ExponentialHistogram(data)) => {
            let kind = temporality(data.aggregation_temporality).map(MetricKind::Exponential);
            data.data_points.iter().map(|point| exponential(point, kind)).collect()
        }
        Some(Data::Summary(data)) => data.data_points.iter().map(summary).collect(),
    }
}

fn seen_point(kind: MetricKind, attributes: &[KeyValue], stamps: (u64, u64), value: String) -> Seen {
    Seen {
        resource: Vec::new(),
        scope: String::new(),
        name: String::new(),
        unit: String::new(),
        description: String::new(),
        kind,
        attributes: pairs(attributes),
        start: stamps.0,
        time: stamps.1,
        value,
    }
}

fn number(point: &proto::NumberDataPoint, kind: Option<MetricKind>) -> Option<Seen> {
    let value = match point.value {
        _ if point.flags & 1 == 1 => "ended".into(),
        Some(Number::AsDouble(number)) => number.to_string(),
        Some(Number::AsInt(number)) => (number as f64).to_string(),
        None => return None,
    };
    Some(seen_point(kind?, &point.attributes, (point.start_time_unix_nano, point.time_unix_nano), value))
}

fn histogram(p: &proto::HistogramDataPoint, kind: Option<MetricKind>) -> Option<Seen> {
    let (bounds, counts) = (&p.explicit_bounds, &p.bucket_counts);
    let fits = counts.len() == bounds.len() + 1 || bounds.is_empty() && counts.is_empty();
    let value = match p.flags & 1 {
        1 => "ended".into(),
        _ if !fits => return None,
        _ => format!("{} {:?} {:?} {:?} {bounds:?} {counts:?}", p.count, p.sum, p.min, p.max),
    };
    Some(seen_point(kind?, &p.attributes, (p.start_time_unix_nano, p.time_unix_nano), value))
}

fn exponential(p: &proto::ExponentialHistogramDataPoint, kind: Option<MetricKind>) -> Option<Seen> {
    let side = |side: &Option<Buckets>| side.clone().map(|b| (b.offset, b.bucket_counts)).unwrap_or_default();
    let sides = [side(&p.positive), side(&p.negative)];
    let value = match p.flags & 1 {
        1 => "ended".into(),
        _ => format!("{} {:?} {:?} {:?} {} {} {sides:?}", p.count, p.sum, p.min, p.max, p.scale, p.zero_count),
    };
    Some(seen_point(kind?, &p.attributes, (p.start_time_unix_nano, p.time_unix_nano), value))
}

fn summary(p: &proto::SummaryDataPoint) -> Option<Seen> {
    let quantiles: Vec<_> = p.quantile_values.iter().map(|pair| (pair.quantile, pair.value)).collect();
    let value = if p.flags & 1 == 1 { "ended".into() } else { format!("{} {} {quantiles:?}", p.count, p.sum) };
    Some(seen_point(MetricKind::Summary, &p.attributes, (p.start_time_unix_nano, p.time_unix_nano), value))
}

fn pairs(attributes: &[KeyValue]) -> Vec<(String, String)> {
    let value = |pair: &KeyValue| any_text(pair.value.as_ref().and_then(|any| any.value.as_ref()));
    attributes.iter().map(|pair| (pair.key.clone(), value(pair))).collect()
}

// ---- requests at random ----

fn double() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), -1e9..1e9, any::<i32>().prop_map(f64::from)]
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let value = prop_oneof![
        ".{0,9}".prop_map(|text| Some(Any::StringValue(text))),
        any::<bool>().prop_map(|truth| Some(Any::BoolValue(truth))),
        any::<i64>().prop_map(|number| Some(Any::IntValue(number))),
        double().prop_map(|number| Some(Any::DoubleValue(number))),
        any::<i64>().prop_map(|number| {
            let values = vec![AnyValue { value: Some(Any::IntValue(number)) }];
            Some(Any::ArrayValue(ArrayValue { values }))
        }),
    ];
    let pair = ("[a-z.]{0,9}", value).prop_map(|(key, value)| KeyValue {
        key,
        value: Some(AnyValue { value }),
        ..Default::default()
    });
    prop::collection::vec(pair, 0..5)
}

/// Attributes, start, time, and flags.
fn head() -> impl Strategy<Value = (Vec<KeyValue>, u64, u64, u32)> {
    (attributes(), any::<u64>(), any::<u64>(), prop_oneof![4 => Just(0_u32), 1 => Just(1)])
}

fn number_points() -> impl Strategy<Value = Vec<proto::NumberDataPoint>> {
    let value = prop_oneof![
        4 => double().prop_map(|number| Some(Number::AsDouble(number))),
        4 => any::<i64>().prop_map(|number| Some(Number::AsInt(number))),
        1 => Just(None),
    ];
    let point = (head(), value).prop_map(|((attributes, start, time, flags), value)| proto::NumberDataPoint {
        attributes,
        start_time_unix_nano: start,
        time_unix_nano: time,
        flags,
        value,
        ..Default::default()
    });
    prop::collection::vec(point, 0..5)
}

fn histogram_points() -> impl Strategy<Value = Vec<proto::HistogramDataPoint>> {
    let lists = (prop::collection::vec(any::<u64>(), 0..4), 0..4_u8);
    let point = (head(), lists, any::<u64>(), prop::option::of(double())).prop_map(
        |((attributes, start, time, flags), (bucket_counts, bounds), count, sum)| proto::HistogramDataPoint {
            attributes,
            start_time_unix_nano: start,
            time_unix_nano: time,
            flags,
            count,
            sum,
            min: sum,
            max: None,
            bucket_counts,
            explicit_bounds: (0..bounds).map(f64::from).collect(),
            ..Default::default()
        },
    );
    prop::collection::vec(point, 0..4)
}

fn exponential_points() -> impl Strategy<Value = Vec<proto::ExponentialHistogramDataPoint>> {
    let side = prop::option::of((any::<i32>(), prop::collection::vec(any::<u64>(), 0..5)))
        .prop_map(|side| side.map(|(offset, bucket_counts)| Buckets { offset, bucket_counts }));
    let point = (head(), side.clone(), side, -10..=20_i32, any::<u64>()).prop_map(
        |((attributes, start, time, flags), positive, negative, scale, count)| proto::ExponentialHistogramDataPoint {
            attributes,
            start_time_unix_nano: start,
            time_unix_nano: time,
            flags,
            count,
            zero_count: count / 2,
            sum: Some(0.5),
            scale,
            positive,
            negative,
            ..Default::default()
        },
    );
    prop::collection::vec(point, 0..4)
}

fn summary_points() -> impl Strategy<Value = Vec<proto::SummaryDataPoint>> {
    let point = (head(), any::<u64>(), prop::collection::vec((0.0..1.0, double()), 0..4)).prop_map(
        |((attributes, start, time, flags), count, pairs)| proto::SummaryDataPoint {
            attributes,
            start_time_unix_nano: start,
            time_unix_nano: time,
            flags,
            count,
            sum: 2.5,
            quantile_values: pairs.into_iter().map(|(quantile, value)| ValueAtQuantile { quantile, value }).collect(),
        },
    );
    prop::collection::vec(point, 0..4)
}

fn metric() -> impl Strategy<Value = Metric> {
    let data = prop_oneof![
        number_points().prop_map(|data_points| Data::Gauge(proto::Gauge { data_points })),
        (number_points(), 0..3_i32, any::<bool>()).prop_map(|(data_points, aggregation_temporality, is_monotonic)| {
            Data::Sum(proto::Sum { data_points, aggregation_temporality, is_monotonic })
        }),
        (histogram_points(), 0..3_i32).prop_map(|(data_points, aggregation_temporality)| {
            Data::Histogram(proto::Histogram { data_points, aggregation_temporality })
        }),
        (exponential_points(), 1..3_i32).prop_map(|(data_points, aggregation_temporality)| {
            Data::ExponentialHistogram(proto::ExponentialHistogram { data_points, aggregation_temporality })
        }),
        summary_points().prop_map(|data_points| Data::Summary(proto::Summary { data_points })),
    ];
    ("[a-z.ä]{1,9}", "[a-zA-Z/]{0,3}", ".{0,9}", prop::option::weighted(0.9, data))
        .prop_map(|(name, unit, description, data)| Metric { name, unit, description, data, ..Default::default() })
}

fn requests() -> impl Strategy<Value = ExportMetricsServiceRequest> {
    let scope = (prop::option::of("[a-z]{0,5}"), prop::collection::vec(metric(), 0..4)).prop_map(|(name, metrics)| {
        let scope = name.map(|name| InstrumentationScope { name, ..Default::default() });
        ScopeMetrics { scope, metrics, ..Default::default() }
    });
    let resource =
        (prop::option::of(attributes()), prop::collection::vec(scope, 0..3)).prop_map(|(attributes, scope_metrics)| {
            ResourceMetrics {
                resource: attributes.map(|attributes| Resource { attributes, ..Default::default() }),
                scope_metrics,
                ..Default::default()
            }
        });
    prop::collection::vec(resource, 0..3).prop_map(|resource_metrics| ExportMetricsServiceRequest { resource_metrics })
}

/// A length-delimited field of any length.
fn long_field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, &mut bytes);
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    bytes.extend_from_slice(content);
    bytes
}

/// A request of one gauge with points that are already encoded.
fn gauge_of(points: &[Vec<u8>]) -> Vec<u8> {
    let data: Vec<u8> = points.iter().flat_map(|point| long_field(1, point)).collect();
    let metric = [long_field(1, b"m"), long_field(5, &data)].concat();
    long_field(1, &long_field(2, &long_field(2, &metric)))
}

proptest! {
    /// A field that nobody knows sends a point the general way; what it says stays the same.
    #[test]
    fn the_short_way_of_a_number_point_agrees_with_the_general_one(
        points in number_points(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let mut plain: Vec<_> = points.iter().map(Message::encode_to_vec).collect();
        for (point, (at, byte)) in plain.iter_mut().zip(flips).filter(|(point, _)| !point.is_empty()) {
            let at = at.index(point.len());
            point[at] = byte;
        }
        let unknown = [15 << 3, 1];
        let general: Vec<_> = plain.iter().map(|point| [&point[..], &unknown].concat()).collect();
        let read = |points: &[Vec<u8>]| decode(gauge_of(points).into(), Encoding::Protobuf, &lenient()).ok();
        if let (Some(plain), Some(general)) = (read(&plain), read(&general)) {
            prop_assert_eq!(&plain.refusals, &general.refusals);
            prop_assert_eq!(seen(&plain.points), seen(&general.points));
        }
    }

    /// Two requests one after the other are one request: protobuf merges by concatenation.
    #[test]
    fn requests_can_be_joined(first in requests(), second in requests()) {
        let (mut all, refused) = expected(&first);
        let (more, more_refused) = expected(&second);
        all.extend(more);
        let body = [first.encode_to_vec(), second.encode_to_vec()].concat();
        let decoded = decode(body.into(), Encoding::Protobuf, &lenient()).unwrap();
        prop_assert_eq!(decoded.refusals.total(), refused + more_refused);
        prop_assert_eq!(seen(&decoded.points), all);
    }

    #[test]
    fn the_walk_sees_what_prost_sees(request in requests()) {
        let (all, refused) = expected(&request);
        let decoded = decode(request.encode_to_vec().into(), Encoding::Protobuf, &lenient()).unwrap();
        prop_assert_eq!(decoded.refusals.total(), refused);
        prop_assert_eq!(seen(&decoded.points), all);
    }

    #[test]
    fn json_says_the_same_as_protobuf(request in requests()) {
        let (all, refused) = expected(&request);
        let body = serde_json::to_vec(&request).unwrap();
        let decoded = decode(body.into(), Encoding::Json, &lenient()).unwrap();
        prop_assert_eq!(decoded.refusals.total(), refused);
        prop_assert_eq!(seen(&decoded.points), all);
    }

    #[test]
    fn any_change_of_the_bytes_ends_without_a_panic(
        request in requests(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        for encoding in [Encoding::Protobuf, Encoding::Json] {
            let mut body = match encoding {
                Encoding::Protobuf => request.encode_to_vec(),
                Encoding::Json => serde_json::to_vec(&request).unwrap(),
            };
            for (at, byte) in flips.iter().filter(|_| !body.is_empty()).collect::<Vec<_>>() {
                let at = at.index(body.len());
                body[at] = *byte;
            }
            body.truncate(cut.index(body.len() + 1));
            if let Ok(decoded) = decode(body.into(), encoding, &lenient()) {
                // Every span can be read, and all text is UTF-8.
                seen_without_structures(&decoded.points);
            }
        }
    }
}

fn seen_without_structures(points: &Points) {
    for point in points.points() {
        let metric = points.metrics()[point.metric as usize];
        assert!(std::str::from_utf8(points.bytes(metric.name)).is_ok_and(|name| !name.is_empty()));
        assert!(points.attributes(point.attributes).iter().all(|pair| pair.is_ok()));
    }
}
