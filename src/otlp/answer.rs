//! Answers to an export request, in the encoding in which the request came.
//!
//! Source: the OTLP specification: success is an `Export…ServiceResponse`, with `partial_success` where points were refused; every other
//! answer is a `google.rpc.Status`.

use bytes::Bytes;
use prost::Message;
use serde_json::json;

use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsPartialSuccess, ExportMetricsServiceResponse};

use super::{Encoding, Refusals};

/// The codes of `google.rpc.Code` that we use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum StatusCode {
    /// The request is wrong, now and whenever it comes again.
    InvalidArgument = 3,
    /// It took too long to come.
    DeadlineExceeded = 4,
    /// There is no such thing here.
    NotFound = 5,
    /// It is too large.
    ResourceExhausted = 8,
    /// Not done here.
    Unimplemented = 12,
    /// Come again.
    Unavailable = 14,
    /// Who are you?
    Unauthenticated = 16,
}

/// `google.rpc.Status` without details.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// The body of a success. Without refusals it is the empty message, which every signal's response has in common.
pub fn export_response(encoding: Encoding, refusals: &Refusals) -> Bytes {
    let rejected = i64::try_from(refusals.total()).unwrap_or(i64::MAX);
    match encoding {
        _ if rejected == 0 => empty(encoding),
        Encoding::Protobuf => {
            let partial =
                ExportMetricsPartialSuccess { rejected_data_points: rejected, error_message: refusals.message() };
            ExportMetricsServiceResponse { partial_success: Some(partial) }.encode_to_vec().into()
        }
        // A 64-bit number is text in proto3's JSON.
        Encoding::Json => json!({
            "partialSuccess": { "rejectedDataPoints": rejected.to_string(), "errorMessage": refusals.message() }
        })
        .to_string()
        .into(),
    }
}

const fn empty(encoding: Encoding) -> Bytes {
    match encoding {
        Encoding::Protobuf => Bytes::new(),
        Encoding::Json => Bytes::from_static(b"{}"),
    }
}

/// The body of any other answer.
pub fn status(encoding: Encoding, code: StatusCode, message: &str) -> Bytes {
    match encoding {
        Encoding::Protobuf => Status { code: code as i32, message: message.to_owned() }.encode_to_vec().into(),
        Encoding::Json => json!({ "code": code as i32, "message": message }).to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::Reason;

    #[test]
    fn success_is_the_empty_message() {
        let none = Refusals::default();
        assert_eq!(export_response(Encoding::Protobuf, &none), "");
        assert_eq!(export_response(Encoding::Json, &none), "{}");
    }

    #[test]
    fn partial_success_counts_and_explains() {
        let mut refusals = Refusals::default();
        refusals.add(Reason::NoValue, 3, "m");
        let message = "3 refused: without a value (first: m)";
        let response = ExportMetricsServiceResponse::decode(export_response(Encoding::Protobuf, &refusals)).unwrap();
        let partial = response.partial_success.unwrap();
        assert_eq!((partial.rejected_data_points, &*partial.error_message), (3, message));
        let json: serde_json::Value = serde_json::from_slice(&export_response(Encoding::Json, &refusals)).unwrap();
        assert_eq!(json, json!({"partialSuccess": {"rejectedDataPoints": "3", "errorMessage": message}}));
    }

    #[test]
    fn a_status_has_a_code_and_a_message() {
        let body = status(Encoding::Protobuf, StatusCode::Unavailable, "later");
        assert_eq!(Status::decode(body), Ok(Status { code: 14, message: "later".into() }));
        let json: serde_json::Value =
            serde_json::from_slice(&status(Encoding::Json, StatusCode::InvalidArgument, "\"no\"")).unwrap();
        assert_eq!(json, json!({"code": 3, "message": "\"no\""}));
    }
}
