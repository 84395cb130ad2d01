//! The three formats of an outbound answer.
//!
//! Owns how rows are written: OTLP/JSON, OTLP/protobuf, exposition text. A metric is named `<prefix>_<measure>` and its points carry the
//! asked dimensions as attributes; the public text shows the shape and not the names, so a client should look at the attributes.

use std::fmt::Write as _;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1 as wire;
use prost::Message as _;
use serde_json::{Value, json};

use super::Bucket;
use super::query::{Format, Query};
use crate::clock::Timestamp;

/// Content type and body of the answer.
pub(super) fn render(page: &[Bucket], query: &Query, now: Timestamp) -> (&'static str, Vec<u8>) {
    let table = Table { page, query, now };
    match query.format {
        Format::ProtobufJson => ("application/json", table.json().to_string().into_bytes()),
        Format::ProtobufBinary => ("application/x-protobuf", table.protobuf().encode_to_vec()),
        Format::Text => ("text/plain; version=0.0.4; charset=utf-8", table.text().into_bytes()),
    }
}

struct Table<'a> {
    page: &'a [Bucket],
    query: &'a Query,
    now: Timestamp,
}

impl Table<'_> {
    fn name(&self, measure: &str) -> String {
        format!("{}_{measure}", self.query.prefix)
    }

    fn time(&self, bucket: &Bucket) -> Timestamp {
        if self.query.preserve_time { bucket.start } else { self.now }
    }

    /// The buckets that have this measure, and its value in each.
    fn points<'b>(&'b self, measure: &'b str) -> impl Iterator<Item = (&'b Bucket, f64)> {
        self.page.iter().filter_map(move |bucket| Some((bucket, value(bucket, measure)?)))
    }

    fn attributes<'b>(&'b self, bucket: &'b Bucket) -> impl Iterator<Item = (&'b str, &'b str)> {
        self.query.dimensions.iter().map(move |name| (name.as_str(), dimension(bucket, name)))
    }

    fn json(&self) -> Value {
        let metrics: Vec<Value> = self.query.measures.iter().map(|measure| self.json_metric(measure)).collect();
        json!({"resourceMetrics": [{"resource": {}, "scopeMetrics": [{"metrics": metrics}]}]})
    }

    fn json_metric(&self, measure: &str) -> Value {
        let points: Vec<Value> = self
            .points(measure)
            .map(|(bucket, value)| {
                let attributes: Vec<Value> = self
                    .attributes(bucket)
                    .map(|(key, value)| json!({"key": key, "value": {"stringValue": value}}))
                    .collect();
                let time = self.time(bucket).as_nanos().to_string();
                json!({"asDouble": value, "timeUnixNano": time, "attributes": attributes})
            })
            .collect();
        json!({"name": self.name(measure), "gauge": {"dataPoints": points}})
    }

    fn protobuf(&self) -> ExportMetricsServiceRequest {
        let metrics = self.query.measures.iter().map(|measure| self.protobuf_metric(measure)).collect();
        let scope = wire::ScopeMetrics { metrics, ..wire::ScopeMetrics::default() };
        ExportMetricsServiceRequest {
            resource_metrics: vec![wire::ResourceMetrics {
                scope_metrics: vec![scope],
                ..wire::ResourceMetrics::default()
            }],
        }
    }

    fn protobuf_metric(&self, measure: &str) -> wire::Metric {
        let data_points = self
            .points(measure)
            .map(|(bucket, value)| wire::NumberDataPoint {
                attributes: self.attributes(bucket).map(|(key, value)| attribute(key, value)).collect(),
                time_unix_nano: self.time(bucket).as_nanos(),
                value: Some(wire::number_data_point::Value::AsDouble(value)),
                ..wire::NumberDataPoint::default()
            })
            .collect();
        wire::Metric {
            name: self.name(measure),
            data: Some(wire::metric::Data::Gauge(wire::Gauge { data_points })),
            ..wire::Metric::default()
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for measure in &self.query.measures {
            let name = self.name(measure);
            // Writing to a string cannot fail.
            let _ = writeln!(text, "# TYPE {name} gauge");
            for (bucket, value) in self.points(measure) {
                let labels: Vec<String> =
                    self.attributes(bucket).map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
                let millis = self.time(bucket).as_nanos() / 1_000_000;
                let _ = writeln!(text, "{name}{{{}}} {value} {millis}", labels.join(","));
            }
        }
        text
    }
}

fn value(bucket: &Bucket, measure: &str) -> Option<f64> {
    match measure {
        "value" => Some(bucket.value),
        "usage" => bucket.usage,
        "limit" => bucket.limit,
        "okStatus" => Some(bucket.ok as f64),
        "warningStatus" => Some(bucket.warning as f64),
        "criticalStatus" => Some(bucket.critical as f64),
        _ => None,
    }
}

fn dimension<'b>(bucket: &'b Bucket, name: &str) -> &'b str {
    match name {
        "serviceType" => &bucket.service_type,
        "serviceName" => &bucket.service_name,
        "serviceId" => &bucket.service_id,
        "metricLabel" => &bucket.label,
        _ => &bucket.metric,
    }
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
