//! What a push costs: the walk alone, and from gzip.
//!
//! The request is of the shape that instrumented services send: 1,000 points of gauges and sums with four attributes each, about 157 bytes a
//! point. Throughput is in points, so one over the figure is the time of a point.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::time::Duration;

use bytes::Bytes;
use calm_agent::clock::Timestamp;
use calm_agent::otlp::{Encoding, Rules, decode};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric::Data, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

const POINTS: usize = 1_000;
const NOW: u64 = 1_764_065_400_000_000_000;

fn attribute(key: &str, value: String) -> KeyValue {
    let value = Some(AnyValue { value: Some(any_value::Value::StringValue(value)) });
    KeyValue { key: key.into(), value, ..Default::default() }
}

fn point(metric: usize, index: usize) -> NumberDataPoint {
    NumberDataPoint {
        attributes: vec![
            attribute("http.request.method", ["GET", "POST"][index % 2].into()),
            attribute("http.route", format!("/orders/{index:02}")),
            attribute("status", (200 + index % 5).to_string()),
            attribute("k8s.pod.name", format!("orders-eu-7d9f6c5b8-{index:05}")),
        ],
        start_time_unix_nano: NOW - 60_000_000_000,
        time_unix_nano: NOW,
        value: Some(number_data_point::Value::AsDouble((metric * 31 + index) as f64 / 7.0)),
        ..Default::default()
    }
}

/// Fifty metrics of twenty points.
fn request() -> ExportMetricsServiceRequest {
    let metrics = (0..POINTS / 20).map(|metric| {
        let data_points = (0..20).map(|index| point(metric, index)).collect();
        let data = match metric % 2 {
            0 => Data::Gauge(Gauge { data_points }),
            _ => Data::Sum(Sum { data_points, aggregation_temporality: 2, is_monotonic: true }),
        };
        Metric { name: format!("app.metric.{metric}"), unit: "1".into(), data: Some(data), ..Default::default() }
    });
    let resource = Resource { attributes: vec![attribute("service.name", "orders-eu".into())], ..Default::default() };
    let scope_metrics = vec![ScopeMetrics { metrics: metrics.collect(), ..Default::default() }];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { resource: Some(resource), scope_metrics, ..Default::default() }],
    }
}

fn gunzip(packed: &[u8], room: usize) -> Bytes {
    let mut body = Vec::with_capacity(room);
    flate2::bufread::MultiGzDecoder::new(packed).read_to_end(&mut body).expect("what was packed can be unpacked");
    body.into()
}

fn bench(criterion: &mut Criterion) {
    let request = request();
    let body = Bytes::from(request.encode_to_vec());
    let json = Bytes::from(serde_json::to_vec(&request).expect("a request can be written"));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&body).expect("memory can be written to");
    let packed = encoder.finish().expect("memory can be written to");
    let rules = Rules {
        oldest: Timestamp(NOW).minus(Duration::from_secs(60)),
        newest: Timestamp(NOW),
        points: 20_000,
        attributes: 64,
    };
    let read = |body: Bytes, encoding| {
        let decoded = decode(body, encoding, &rules).expect("the request can be read");
        assert_eq!(decoded.points.points().len(), POINTS);
        decoded
    };

    let mut group = criterion.benchmark_group("otlp");
    group.throughput(Throughput::Elements(POINTS as u64));
    group.bench_function(format!("walk {} B a point", body.len() / POINTS), |bencher| {
        bencher.iter(|| black_box(read(body.clone(), Encoding::Protobuf)));
    });
    group.bench_function(format!("inflate {} B a point and walk", packed.len() / POINTS), |bencher| {
        bencher.iter(|| black_box(read(gunzip(&packed, body.len() + 1), Encoding::Protobuf)));
    });
    group.bench_function("inflate alone", |bencher| {
        bencher.iter(|| black_box(gunzip(&packed, body.len() + 1)));
    });
    group.bench_function(format!("json {} B a point", json.len() / POINTS), |bencher| {
        bencher.iter(|| black_box(read(json.clone(), Encoding::Json)));
    });
    group.bench_function("prost", |bencher| {
        bencher.iter(|| black_box(ExportMetricsServiceRequest::decode(body.clone()).expect("a request")));
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
