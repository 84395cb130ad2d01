//! OTLP/JSON: lower camel case, 64-bit numbers as strings. Source: opentelemetry-proto's JSON encoding.

use std::io::Write as _;

use super::{Format, Group, SCOPE_NAME, SCOPE_VERSION, WireMetric};
use crate::metric::Labels;

#[derive(Debug)]
pub(super) struct Json;

const HEAD: &[u8] = br#"{"resourceMetrics":["#;
const TAIL: &[u8] = b"]}";
const GROUP_TAIL: &[u8] = b"]}]}";

impl Format for Json {
    fn resource(&self, resource: &Labels) -> Vec<u8> {
        let mut out = br#"{"resource":{"attributes":["#.to_vec();
        for (index, (key, value)) in resource.iter().enumerate() {
            comma(index > 0, &mut out);
            attribute(key, value, &mut out);
        }
        out.extend_from_slice(br#"]},"scopeMetrics":[{"scope":{"name":"#);
        string(SCOPE_NAME, &mut out);
        out.extend_from_slice(br#","version":"#);
        string(SCOPE_VERSION, &mut out);
        out.extend_from_slice(br#"},"metrics":["#);
        out
    }

    fn metric(&self, metric: &WireMetric<'_>, first: bool, out: &mut Vec<u8>) {
        comma(!first, out);
        out.extend_from_slice(br#"{"name":"#);
        string(&metric.name, out);
        for (name, text) in [("description", &*metric.description), ("unit", metric.unit)] {
            if !text.is_empty() {
                // Writing into a vector cannot fail.
                let _ = write!(out, ",\"{name}\":");
                string(text, out);
            }
        }
        out.extend_from_slice(br#","gauge":{"dataPoints":["#);
        for (index, point) in metric.points.iter().flatten().enumerate() {
            comma(index > 0, out);
            out.push(b'{');
            if metric.time != 0 {
                let _ = write!(out, "\"timeUnixNano\":\"{}\",", metric.time);
            }
            out.extend_from_slice(br#""asDouble":"#);
            number(point.value, out);
            let marks = point.marks.iter().flatten().copied();
            let labels = metric.labels.iter().map(|(key, value)| (&**key, &**value));
            let mut any = false;
            for (key, value) in marks.chain(labels) {
                out.extend_from_slice(if any { b"," } else { br#","attributes":["# });
                attribute(key, value, out);
                any = true;
            }
            out.extend_from_slice(if any { b"]}" } else { b"}" });
        }
        out.extend_from_slice(b"]}}");
    }

    fn group_len(&self, resource: usize, metrics: usize) -> usize {
        resource + metrics + GROUP_TAIL.len()
    }

    fn request_len(&self, groups: usize, bytes: usize) -> usize {
        HEAD.len() + bytes + groups.saturating_sub(1) + TAIL.len()
    }

    fn request(&self, groups: &[Group], capacity: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(capacity);
        out.extend_from_slice(HEAD);
        for (index, group) in groups.iter().enumerate() {
            comma(index > 0, &mut out);
            out.extend_from_slice(&group.resource);
            out.extend_from_slice(&group.metrics);
            out.extend_from_slice(GROUP_TAIL);
        }
        out.extend_from_slice(TAIL);
        out
    }
}

fn comma(wanted: bool, out: &mut Vec<u8>) {
    if wanted {
        out.push(b',');
    }
}

fn attribute(key: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"key":"#);
    string(key, out);
    out.extend_from_slice(br#","value":{"stringValue":"#);
    string(value, out);
    out.extend_from_slice(b"}}");
}

fn string(text: &str, out: &mut Vec<u8>) {
    // A string always has a JSON form, and writing into a vector cannot fail.
    let _ = serde_json::to_writer(out, text);
}

/// The shortest text that reads back as the same number; whole numbers without a fraction, as SAP's samples write them.
fn number(value: f64, out: &mut Vec<u8>) {
    let whole = value.trunc();
    let _ = if whole == value && value.abs() < 1e15 {
        write!(out, "{}", value as i64)
    } else {
        // The caller has seen that it is finite.
        serde_json::to_writer(&mut *out, &value).map_err(std::io::Error::from)
    };
}
