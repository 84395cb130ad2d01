//! OTLP/JSON, walked strictly.
//!
//! Owns the shape of the body: lowerCamelCase names, 64-bit integers and times as strings, doubles as numbers (or the three words that JSON
//! has no number for). Promises an error that names the place, such as `resourceMetrics[0].scopeMetrics[0].metrics[2].gauge`. OTLP lets a
//! receiver read much more than a sender may write; here only what a sender may write is read, since the public samples prove no more.

use std::str::FromStr;

use serde_json::{Map, Value};

use super::model::{Attribute, Data, Metric, Number, Point, Push};

/// The kinds of data besides the gauge, and where their points stand.
const OTHER_KINDS: [&str; 4] = ["sum", "histogram", "exponentialHistogram", "summary"];

/// What is wrong, and where.
type Found<T> = Result<T, String>;

/// Reads a body; `strict` refuses fields that OTLP does not know.
pub(crate) fn decode(body: &[u8], strict: bool) -> Found<Push> {
    let value: Value = serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?;
    let walker = Walker { strict };
    let root = walker.object(&value, "the body", &["resourceMetrics"])?;
    let resources = root.get("resourceMetrics").ok_or("resourceMetrics is missing")?;
    let mut metrics = Vec::new();
    for (place, resource) in array(resources, "resourceMetrics")? {
        walker.resource(resource, &place, &mut metrics)?;
    }
    Ok(Push { metrics })
}

struct Walker {
    strict: bool,
}

impl Walker {
    fn object<'v>(&self, value: &'v Value, place: &str, known: &[&str]) -> Found<&'v Map<String, Value>> {
        let object = value.as_object().ok_or_else(|| format!("{place} is not an object"))?;
        match object.keys().find(|key| self.strict && !known.contains(&key.as_str())) {
            Some(key) => Err(format!("{place}: field '{key}' is not known to OTLP")),
            None => Ok(object),
        }
    }

    fn resource(&self, value: &Value, place: &str, metrics: &mut Vec<Metric>) -> Found<()> {
        let object = self.object(value, place, &["resource", "scopeMetrics", "schemaUrl"])?;
        let mut attributes = Vec::new();
        if let Some(resource) = object.get("resource") {
            let place = format!("{place}.resource");
            let known = ["attributes", "droppedAttributesCount", "entityRefs"];
            attributes = self.attributes(self.object(resource, &place, &known)?, &place)?;
        }
        let scopes = object.get("scopeMetrics").ok_or_else(|| format!("{place}.scopeMetrics is missing"))?;
        for (place, scope) in array(scopes, &format!("{place}.scopeMetrics"))? {
            self.scope(scope, &place, &attributes, metrics)?;
        }
        Ok(())
    }

    fn scope(&self, value: &Value, place: &str, resource: &[Attribute], metrics: &mut Vec<Metric>) -> Found<()> {
        let object = self.object(value, place, &["scope", "metrics", "schemaUrl"])?;
        if let Some(scope) = object.get("scope") {
            let place = format!("{place}.scope");
            let known = ["name", "version", "attributes", "droppedAttributesCount"];
            let scope = self.object(scope, &place, &known)?;
            text(scope, "name", &place)?;
            text(scope, "version", &place)?;
            self.attributes(scope, &place)?;
        }
        let listed = object.get("metrics").ok_or_else(|| format!("{place}.metrics is missing"))?;
        for (place, metric) in array(listed, &format!("{place}.metrics"))? {
            metrics.push(self.metric(metric, &place, resource)?);
        }
        Ok(())
    }

    fn metric(&self, value: &Value, place: &str, resource: &[Attribute]) -> Found<Metric> {
        let mut known = vec!["name", "description", "unit", "metadata", "gauge"];
        known.extend(OTHER_KINDS);
        let object = self.object(value, place, &known)?;
        let mut kinds = object.keys().filter(|key| *key == "gauge" || OTHER_KINDS.contains(&key.as_str()));
        let data = match (kinds.next(), kinds.next()) {
            (Some(_), Some(_)) => return Err(format!("{place} has more than one kind of data")),
            (None, _) => Data::Missing,
            (Some(kind), None) => self.data(&object[kind], kind, &format!("{place}.{kind}"))?,
        };
        Ok(Metric {
            name: text(object, "name", place)?,
            description: text(object, "description", place)?,
            unit: text(object, "unit", place)?,
            resource: resource.to_vec(),
            data,
        })
    }

    fn data(&self, value: &Value, kind: &str, place: &str) -> Found<Data> {
        if let Some(other) = OTHER_KINDS.iter().find(|other| **other == kind) {
            let points = value.get("dataPoints").and_then(Value::as_array).map_or(0, Vec::len);
            return Ok(Data::Other(other, points));
        }
        let object = self.object(value, place, &["dataPoints"])?;
        let listed = object.get("dataPoints").ok_or_else(|| format!("{place}.dataPoints is missing"))?;
        let points = array(listed, &format!("{place}.dataPoints"))?
            .map(|(place, point)| self.point(point, &place))
            .collect::<Found<Vec<_>>>()?;
        Ok(Data::Gauge(points))
    }

    fn point(&self, value: &Value, place: &str) -> Found<Point> {
        let known = ["attributes", "startTimeUnixNano", "timeUnixNano", "asDouble", "asInt", "exemplars", "flags"];
        let object = self.object(value, place, &known)?;
        integer::<u64>(object, "startTimeUnixNano", place)?;
        let value = match (object.get("asDouble"), object.contains_key("asInt")) {
            (Some(_), true) => return Err(format!("{place} has asDouble and asInt")),
            (Some(double), false) => Number::Double(real(double, &format!("{place}.asDouble"))?),
            (None, true) => Number::Int(integer::<i64>(object, "asInt", place)?.unwrap_or_default()),
            (None, false) => Number::Missing,
        };
        Ok(Point {
            time: integer::<u64>(object, "timeUnixNano", place)?.unwrap_or_default(),
            value,
            attributes: self.attributes(object, place)?,
        })
    }

    fn attributes(&self, object: &Map<String, Value>, place: &str) -> Found<Vec<Attribute>> {
        let Some(listed) = object.get("attributes") else {
            return Ok(Vec::new());
        };
        let mut attributes: Vec<Attribute> = Vec::new();
        for (place, attribute) in array(listed, &format!("{place}.attributes"))? {
            let object = self.object(attribute, &place, &["key", "value"])?;
            let key = text(object, "key", &place)?;
            if key.is_empty() {
                return Err(format!("{place}.key is empty"));
            }
            if attributes.iter().any(|(known, _)| *known == key) {
                return Err(format!("{place}: attribute '{key}' is there twice"));
            }
            let value = object.get("value").ok_or_else(|| format!("{place}.value is missing"))?;
            attributes.push((key, self.any_value(value, &format!("{place}.value"))?));
        }
        Ok(attributes)
    }

    fn any_value(&self, value: &Value, place: &str) -> Found<String> {
        let known = ["stringValue", "boolValue", "intValue", "doubleValue", "arrayValue", "kvlistValue", "bytesValue"];
        let object = self.object(value, place, &known)?;
        let mut fields = object.iter();
        let (Some((kind, value)), None) = (fields.next(), fields.next()) else {
            return Err(format!("{place} must have exactly one kind of value"));
        };
        let place = format!("{place}.{kind}");
        match (kind.as_str(), value) {
            ("stringValue", Value::String(text)) => Ok(text.clone()),
            ("boolValue", Value::Bool(flag)) => Ok(flag.to_string()),
            ("intValue", _) => Ok(integer::<i64>(object, "intValue", &place)?.unwrap_or_default().to_string()),
            ("doubleValue", _) => Ok(real(value, &place)?.to_string()),
            ("arrayValue" | "kvlistValue" | "bytesValue", _) => {
                Err(format!("{place}: only plain values become labels"))
            }
            _ => Err(format!("{place} has the wrong type")),
        }
    }
}

fn array<'v>(value: &'v Value, place: &str) -> Found<impl Iterator<Item = (String, &'v Value)> + use<'v>> {
    let items = value.as_array().ok_or_else(|| format!("{place} is not an array"))?;
    let place = place.to_owned();
    Ok(items.iter().enumerate().map(move |(index, item)| (format!("{place}[{index}]"), item)))
}

fn text(object: &Map<String, Value>, name: &str, place: &str) -> Found<String> {
    match object.get(name) {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(format!("{place}.{name} is not a string")),
    }
}

/// 64-bit integers travel as strings, since a JSON number loses digits beyond 53 bits.
fn integer<T: FromStr>(object: &Map<String, Value>, name: &str, place: &str) -> Found<Option<T>> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => {
            text.parse().map(Some).map_err(|_| format!("{place}.{name} is not a whole number in range"))
        }
        Some(_) => Err(format!("{place}.{name} must be a string: 64-bit integers are strings in OTLP/JSON")),
    }
}

fn real(value: &Value, place: &str) -> Found<f64> {
    match value {
        Value::Number(number) => number.as_f64().ok_or_else(|| format!("{place} is out of range")),
        Value::String(text) if text == "NaN" => Ok(f64::NAN),
        Value::String(text) if text == "Infinity" => Ok(f64::INFINITY),
        Value::String(text) if text == "-Infinity" => Ok(f64::NEG_INFINITY),
        _ => Err(format!("{place} is not a number")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(metric: &Value) -> Vec<u8> {
        json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}).to_string().into_bytes()
    }

    fn with_point(point: &Value) -> Found<Push> {
        decode(&body(&json!({"name": "m", "gauge": {"dataPoints": [point]}})), true)
    }

    #[test]
    fn saps_status_sample_is_read() {
        let sample = json!({"resourceMetrics": [{
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeMetrics": [{"metrics": [{
                "name": "reachable", "description": "it answers",
                "gauge": {"dataPoints": [{"asDouble": 1, "attributes": [
                    {"key": "sap.calm.hm.metric.type", "value": {"stringValue": "status"}},
                    {"key": "sap.calm.hm.metric.rating", "value": {"stringValue": "critical"}}]}]}}]}]}]});
        let push = decode(sample.to_string().as_bytes(), true).unwrap();
        assert_eq!(push.points(), 1);
        let metric = &push.metrics[0];
        assert_eq!((metric.name.as_str(), metric.description.as_str()), ("reachable", "it answers"));
        assert_eq!(metric.resource, [("service.name".to_owned(), "shop".to_owned())]);
        let Data::Gauge(points) = &metric.data else { panic!("not a gauge") };
        assert_eq!((points[0].value, points[0].time), (Number::Double(1.0), 0));
        assert_eq!(points[0].attribute("sap.calm.hm.metric.rating"), Some("critical"));
    }

    #[test]
    fn the_opentelemetry_example_is_read_with_its_other_kinds() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/otlp-examples/metrics.json");
        let Ok(bytes) = std::fs::read(path) else {
            return eprintln!("skipped: {path} is not there");
        };
        // The published example writes some 64-bit integers as numbers; read it with those made strings, as a sender has to.
        let mut value: Value = serde_json::from_slice(&bytes).unwrap();
        for metric in value["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array_mut().unwrap() {
            if let Some(points) = metric.pointer_mut("/gauge/dataPoints").and_then(Value::as_array_mut) {
                for point in points {
                    point["timeUnixNano"] = json!(point["timeUnixNano"].to_string().trim_matches('"'));
                }
            }
        }
        let push = decode(value.to_string().as_bytes(), true).unwrap();
        assert!(push.metrics.iter().any(|metric| matches!(metric.data, Data::Gauge(_))));
        assert!(push.metrics.iter().any(|metric| matches!(metric.data, Data::Other("sum", 1))));
        assert!(push.metrics.iter().any(|metric| matches!(metric.data, Data::Other("histogram", 1))));
    }

    #[test]
    fn times_and_integers_are_strings() {
        let time = |value: Value| with_point(&json!({"asDouble": 1.5, "timeUnixNano": value}));
        let push = time(json!("1784700000000000001")).unwrap();
        let Data::Gauge(points) = &push.metrics[0].data else { panic!("not a gauge") };
        assert_eq!(points[0].time, 1_784_700_000_000_000_001);
        assert!(time(json!(1_784_700_000_000_000_001_u64)).unwrap_err().contains("must be a string"));
        assert!(time(json!("yesterday")).unwrap_err().contains("whole number"));
        assert!(time(json!("-1")).is_err());
        assert!(with_point(&json!({"asInt": 3})).unwrap_err().contains("asInt must be a string"));
        assert!(with_point(&json!({"asInt": "3"})).is_ok());
        assert!(with_point(&json!({"asInt": "3", "asDouble": 3})).unwrap_err().contains("asDouble and asInt"));
    }

    #[test]
    fn doubles_are_numbers_or_one_of_three_words() {
        let value = |value: Value| match &with_point(&json!({"asDouble": value}))?.metrics[0].data {
            Data::Gauge(points) => Ok::<_, String>(points[0].value),
            _ => panic!("not a gauge"),
        };
        assert_eq!(value(json!(-2.5)), Ok(Number::Double(-2.5)));
        assert!(matches!(value(json!("NaN")), Ok(Number::Double(nan)) if nan.is_nan()));
        assert_eq!(value(json!("-Infinity")), Ok(Number::Double(f64::NEG_INFINITY)));
        assert!(value(json!("1.5")).is_err() && value(json!(null)).is_err() && value(json!(true)).is_err());
        assert_eq!(with_point(&json!({})).map(|push| push.points()), Ok(1));
    }

    #[test]
    fn what_otlp_does_not_know_is_refused_only_when_asked() {
        let wrong = body(&json!({"name": "m", "gauge": {"dataPoints": [{"asDouble": 1, "time_unix_nano": "1"}]}}));
        assert!(decode(&wrong, true).unwrap_err().contains("'time_unix_nano' is not known"));
        assert!(decode(&wrong, false).is_ok());
    }

    #[test]
    fn every_error_names_its_place() {
        let cases = [
            ("[]", "the body is not an object"),
            ("{", "not JSON"),
            ("{}", "resourceMetrics is missing"),
            (r#"{"resourceMetrics": {}}"#, "resourceMetrics is not an array"),
            (r#"{"resourceMetrics": [{}]}"#, "resourceMetrics[0].scopeMetrics is missing"),
            (r#"{"resourceMetrics": [{"scopeMetrics": [{}]}]}"#, "scopeMetrics[0].metrics is missing"),
            (
                r#"{"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": 1}]}]}]}"#,
                "metrics[0].name is not a string",
            ),
        ];
        for (text, expected) in cases {
            let error = decode(text.as_bytes(), true).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let two = body(&json!({"name": "m", "gauge": {"dataPoints": []}, "sum": {}}));
        assert!(decode(&two, true).unwrap_err().contains("more than one kind"));
    }

    #[test]
    fn attributes_are_plain_and_unique() {
        let attributes = |list: Value| with_point(&json!({"asDouble": 1, "attributes": list}));
        let all = attributes(json!([
            {"key": "a", "value": {"stringValue": "x"}}, {"key": "b", "value": {"boolValue": true}},
            {"key": "c", "value": {"intValue": "7"}}, {"key": "d", "value": {"doubleValue": 0.5}}]));
        let Data::Gauge(points) = &all.unwrap().metrics[0].data else { panic!("not a gauge") };
        let values: Vec<&str> = points[0].attributes.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["x", "true", "7", "0.5"]);
        for wrong in [
            json!([{"key": "a", "value": {"stringValue": "x"}}, {"key": "a", "value": {"stringValue": "y"}}]),
            json!([{"key": "", "value": {"stringValue": "x"}}]),
            json!([{"key": "a"}]),
            json!([{"key": "a", "value": {}}]),
            json!([{"key": "a", "value": "x"}]),
            json!([{"key": "a", "value": {"stringValue": 1}}]),
            json!([{"key": "a", "value": {"intValue": 7}}]),
            json!([{"key": "a", "value": {"arrayValue": {"values": []}}}]),
            json!({"a": "x"}),
        ] {
            assert!(attributes(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
