//! OTLP protobuf. Field numbers from opentelemetry-proto: request {1 resource_metrics}, resource_metrics {1 resource, 2 scope_metrics},
//! scope_metrics {1 scope, 2 metrics}. Metrics are encoded by the generated types; the two levels around them by hand, since their size
//! must be known before they are complete.

use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, NumberDataPoint, metric, number_data_point};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

use super::{Format, Group, SCOPE_NAME, SCOPE_VERSION, WireMetric};
use crate::metric::Labels;

#[derive(Debug)]
pub(super) struct Protobuf;

impl Format for Protobuf {
    fn resource(&self, resource: &Labels) -> Vec<u8> {
        let attributes = resource.iter().map(|(key, value)| attribute(key, value)).collect();
        let mut out = Vec::new();
        field(1, &Resource { attributes, ..Resource::default() }.encode_to_vec(), &mut out);
        out
    }

    fn metric(&self, metric: &WireMetric<'_>, _first: bool, out: &mut Vec<u8>) {
        let points = metric.points.iter().flatten().map(|point| {
            let marks = point.marks.iter().flatten().map(|(key, value)| attribute(key, value));
            let labels = metric.labels.iter().map(|(key, value)| attribute(key, value));
            NumberDataPoint {
                attributes: marks.chain(labels).collect(),
                time_unix_nano: metric.time,
                value: Some(number_data_point::Value::AsDouble(point.value)),
                ..NumberDataPoint::default()
            }
        });
        let encoded = Metric {
            name: metric.name.clone().into_owned(),
            description: metric.description.clone().into_owned(),
            unit: metric.unit.to_owned(),
            data: Some(metric::Data::Gauge(Gauge { data_points: points.collect() })),
            ..Metric::default()
        };
        field(2, &encoded.encode_to_vec(), out);
    }

    fn group_len(&self, resource: usize, metrics: usize) -> usize {
        let scope_metrics = scope().len() + metrics;
        field_len(resource + field_len(scope_metrics))
    }

    fn request_len(&self, _groups: usize, bytes: usize) -> usize {
        bytes
    }

    fn request(&self, groups: &[Group], capacity: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(capacity);
        let scope = scope();
        for group in groups {
            let scope_metrics = scope.len() + group.metrics.len();
            head(1, group.resource.len() + field_len(scope_metrics), &mut out);
            out.extend_from_slice(&group.resource);
            head(2, scope_metrics, &mut out);
            out.extend_from_slice(&scope);
            out.extend_from_slice(&group.metrics);
        }
        out
    }
}

fn scope() -> Vec<u8> {
    let scope = InstrumentationScope {
        name: SCOPE_NAME.to_owned(),
        version: SCOPE_VERSION.to_owned(),
        ..InstrumentationScope::default()
    };
    let mut out = Vec::new();
    field(1, &scope.encode_to_vec(), &mut out);
    out
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

/// Tag and length of a message field; all numbers here are below 16, so a tag is one byte.
fn head(number: u32, length: usize, out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(length as u64, out);
}

fn field(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    head(number, bytes.len(), out);
    out.extend_from_slice(bytes);
}

fn field_len(length: usize) -> usize {
    1 + encoded_len_varint(length as u64) + length
}
