//! What comes back, bounded, and cut to what a person or SAP's support needs.

use http::{HeaderMap, header};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message;
use serde::Serialize;
use serde_json::Value;

use crate::http::Answer;
use crate::secret::redact;

/// The most that is read of an answer.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// The most characters of a body that are kept.
const MAX_EXCERPT: usize = 500;
/// Headers that SAP's support asks for.
const CORRELATION_HEADERS: [&str; 3] = ["x-correlationid", "x-request-id", "x-vcap-request-id"];
/// The most characters of one that are kept.
const MAX_ID: usize = 128;

/// The ids under which SAP's side logged a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Correlation(pub Vec<(String, String)>);

/// Points that were not taken, while the rest was. Source: OTLP's `partialSuccess`; whether this API ever sends one is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partial {
    /// How many data points on the wire.
    pub rejected: u64,
    /// Why, or a warning when none was rejected.
    pub message: String,
}

/// An answer to a push.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// The beginning of its body, without tokens.
    pub excerpt: String,
    /// Ids for SAP's support.
    pub correlation: Correlation,
    /// What was rejected of a success.
    pub partial: Option<Partial>,
}

impl Reply {
    /// Reads an answer. Its shape is not promised anywhere: what cannot be read is no error.
    pub fn read(answer: &Answer) -> Self {
        let status = answer.status.as_u16();
        let text = String::from_utf8_lossy(&answer.body);
        let excerpt = redact(&text, []).split_whitespace().collect::<Vec<_>>().join(" ");
        Self {
            status,
            excerpt: excerpt.chars().filter(|c| !c.is_control()).take(MAX_EXCERPT).collect(),
            correlation: Correlation::of(&answer.headers),
            partial: if answer.status.is_success() { partial(answer) } else { None },
        }
    }
}

impl Correlation {
    fn of(headers: &HeaderMap) -> Self {
        let found = CORRELATION_HEADERS.iter().filter_map(|name| {
            let value = headers.get(*name)?.to_str().ok()?;
            Some(((*name).to_owned(), value.chars().take(MAX_ID).collect()))
        });
        Self(found.collect())
    }
}

fn partial(answer: &Answer) -> Option<Partial> {
    let typed = answer.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if typed.starts_with("application/x-protobuf") {
        let response = ExportMetricsServiceResponse::decode(answer.body.clone()).ok()?;
        let partial = response.partial_success?;
        return Some(Partial {
            rejected: u64::try_from(partial.rejected_data_points).unwrap_or(0),
            message: partial.error_message,
        });
    }
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let partial = body.get("partialSuccess").or_else(|| body.get("partial_success"))?;
    let field = |camel: &str, snake: &str| partial.get(camel).or_else(|| partial.get(snake)).cloned();
    // 64-bit numbers are strings in OTLP/JSON, and plain numbers in what people write by hand.
    let rejected = match field("rejectedDataPoints", "rejected_data_points") {
        Some(Value::String(text)) => text.parse().unwrap_or(0),
        Some(Value::Number(number)) => number.as_u64().unwrap_or(0),
        _ => 0,
    };
    let message = field("errorMessage", "error_message").and_then(|value| value.as_str().map(str::to_owned));
    let message: String = message.unwrap_or_default().chars().take(MAX_EXCERPT).collect();
    (rejected > 0 || !message.is_empty()).then_some(Partial { rejected, message })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;

    fn answer(status: u16, content_type: &'static str, body: impl Into<bytes::Bytes>) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
        headers.insert("x-correlationid", http::HeaderValue::from_static("abc-1"));
        headers.insert("x-other", http::HeaderValue::from_static("no"));
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, headers, body: body.into(), truncated: false, certificate: None }
    }

    #[test]
    fn keeps_what_support_asks_for_and_no_token() {
        let body = "<html>\n  no\u{7} way\n Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln</html>";
        let reply = Reply::read(&answer(403, "text/html", body));
        assert_eq!(reply.excerpt, "<html> no way Bearer [redacted]</html>");
        assert_eq!(reply.correlation.0, [("x-correlationid".to_owned(), "abc-1".to_owned())]);
        assert_eq!(Reply::read(&answer(400, "", "ä".repeat(10_000))).excerpt.chars().count(), MAX_EXCERPT);
    }

    #[test]
    fn partial_success_is_read_in_every_form() {
        for body in [
            r#"{"partialSuccess":{"rejectedDataPoints":"3","errorMessage":"old"}}"#,
            r#"{"partialSuccess":{"rejectedDataPoints":3,"errorMessage":"old"}}"#,
            r#"{"partial_success":{"rejected_data_points":"3","error_message":"old"}}"#,
        ] {
            let reply = Reply::read(&answer(200, "application/json", body));
            assert_eq!(reply.partial, Some(Partial { rejected: 3, message: "old".into() }), "{body}");
        }
        use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsPartialSuccess;
        let partial = ExportMetricsPartialSuccess { rejected_data_points: 3, error_message: "old".into() };
        let bytes = ExportMetricsServiceResponse { partial_success: Some(partial) }.encode_to_vec();
        let reply = Reply::read(&answer(200, "application/x-protobuf", bytes));
        assert_eq!(reply.partial.map(|partial| partial.rejected), Some(3));
    }

    #[test]
    fn other_bodies_reject_nothing() {
        for (status, body) in [(200, ""), (202, "{}"), (200, "accepted"), (200, r#"{"partialSuccess":{}}"#)] {
            assert_eq!(Reply::read(&answer(status, "application/json", body)).partial, None, "{body}");
        }
        let refused = answer(400, "application/json", r#"{"partialSuccess":{"rejectedDataPoints":"3"}}"#);
        assert_eq!(Reply::read(&refused).partial, None, "only a success is partial");
    }
}
