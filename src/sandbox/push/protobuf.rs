//! OTLP/protobuf, through the generated types.
//!
//! Owns the conversion into the shape that both encodings share. Whether the real service takes protobuf is only implied by a limit that is
//! quoted for it; a knob switches it off.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Sample;
use opentelemetry_proto::tonic::metrics::v1::{self as wire, metric};
use prost::Message as _;

use super::model::{Attribute, Data, Metric, Number, Point, Push};

/// Reads a body.
pub(crate) fn decode(body: &[u8]) -> Result<Push, String> {
    let request =
        ExportMetricsServiceRequest::decode(body).map_err(|error| format!("the body is not OTLP protobuf: {error}"))?;
    let mut metrics = Vec::new();
    for resource in request.resource_metrics {
        let attributes = attributes(resource.resource.map(|resource| resource.attributes).unwrap_or_default())?;
        for found in resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
            metrics.push(convert(found, &attributes)?);
        }
    }
    Ok(Push { metrics })
}

fn convert(found: wire::Metric, resource: &[Attribute]) -> Result<Metric, String> {
    let data = match found.data {
        None => Data::Missing,
        Some(metric::Data::Gauge(gauge)) => {
            Data::Gauge(gauge.data_points.into_iter().map(point).collect::<Result<_, _>>()?)
        }
        Some(metric::Data::Sum(sum)) => Data::Other("sum", sum.data_points.len()),
        Some(metric::Data::Histogram(histogram)) => Data::Other("histogram", histogram.data_points.len()),
        Some(metric::Data::ExponentialHistogram(histogram)) => {
            Data::Other("exponentialHistogram", histogram.data_points.len())
        }
        Some(metric::Data::Summary(summary)) => Data::Other("summary", summary.data_points.len()),
    };
    Ok(Metric { name: found.name, description: found.description, unit: found.unit, resource: resource.to_vec(), data })
}

fn point(found: wire::NumberDataPoint) -> Result<Point, String> {
    let value = match found.value {
        None => Number::Missing,
        Some(Sample::AsDouble(double)) => Number::Double(double),
        Some(Sample::AsInt(int)) => Number::Int(int),
    };
    Ok(Point { time: found.time_unix_nano, value, attributes: attributes(found.attributes)? })
}

fn attributes(found: Vec<KeyValue>) -> Result<Vec<Attribute>, String> {
    let mut all: Vec<Attribute> = Vec::with_capacity(found.len());
    for KeyValue { key, value, .. } in found {
        if key.is_empty() || all.iter().any(|(known, _)| *known == key) {
            return Err(format!("attribute '{key}' is empty or there twice"));
        }
        let value = value.and_then(|AnyValue { value }| value);
        let text = match value {
            Some(Value::StringValue(text)) => text,
            Some(Value::BoolValue(flag)) => flag.to_string(),
            Some(Value::IntValue(int)) => int.to_string(),
            Some(Value::DoubleValue(double)) => double.to_string(),
            _ => return Err(format!("attribute '{key}': only plain values become labels")),
        };
        all.push((key, text));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(key: &str, value: Option<Value>) -> KeyValue {
        KeyValue { key: key.to_owned(), value: Some(AnyValue { value }), ..KeyValue::default() }
    }

    fn request(data: Option<metric::Data>) -> Vec<u8> {
        ExportMetricsServiceRequest {
            resource_metrics: vec![wire::ResourceMetrics {
                scope_metrics: vec![wire::ScopeMetrics {
                    metrics: vec![wire::Metric {
                        name: "m".into(),
                        unit: "By".into(),
                        data,
                        ..wire::Metric::default()
                    }],
                    ..wire::ScopeMetrics::default()
                }],
                ..wire::ResourceMetrics::default()
            }],
        }
        .encode_to_vec()
    }

    #[test]
    fn a_gauge_is_read_as_from_json() {
        let point = wire::NumberDataPoint {
            time_unix_nano: 7,
            value: Some(Sample::AsDouble(2.5)),
            attributes: vec![attribute("a", Some(Value::StringValue("x".into())))],
            ..wire::NumberDataPoint::default()
        };
        let body = request(Some(metric::Data::Gauge(wire::Gauge { data_points: vec![point] })));
        let json = br#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","unit":"By","gauge":{"dataPoints":[
            {"timeUnixNano":"7","asDouble":2.5,"attributes":[{"key":"a","value":{"stringValue":"x"}}]}]}}]}]}]}"#;
        assert_eq!(decode(&body), super::super::json::decode(json, true));
    }

    #[test]
    fn other_kinds_keep_their_names() {
        let sum = wire::Sum { data_points: vec![wire::NumberDataPoint::default(); 3], ..wire::Sum::default() };
        assert_eq!(decode(&request(Some(metric::Data::Sum(sum)))).unwrap().metrics[0].data, Data::Other("sum", 3));
        assert_eq!(decode(&request(None)).unwrap().metrics[0].data, Data::Missing);
    }

    #[test]
    fn what_is_not_protobuf_or_not_plain_is_refused() {
        assert!(decode(b"{\"resourceMetrics\":[]}").is_err());
        assert!(attributes(vec![attribute("a", None)]).is_err());
        let twice = vec![attribute("a", Some(Value::BoolValue(true))); 2];
        assert!(attributes(twice).is_err());
    }
}
