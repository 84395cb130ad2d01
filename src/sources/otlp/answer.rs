//! The answers, as HTTP has them. Their bodies are OTLP's own.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;

use super::body::BadBody;
use crate::http::server::{Answer, BodyError};
use crate::metric::Full as IntakeFull;
use crate::otlp::{self, Encoding, StatusCode as Code};

/// How long a sender is asked to stay away when others keep us busy.
pub(super) const BUSY_RETRY: Duration = Duration::from_secs(1);

/// An answer other than success.
pub(super) struct Refused {
    status: StatusCode,
    code: Code,
    message: String,
    retry_after: Option<Duration>,
}

impl Refused {
    pub(super) fn new(status: StatusCode, code: Code, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    /// Come again.
    pub(super) fn later(after: Duration, message: &str) -> Self {
        Self { retry_after: Some(after), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable, message) }
    }
}

impl From<BadBody> for Refused {
    fn from(bad: BadBody) -> Self {
        let (status, code) = match &bad {
            BadBody::NoRoom => return Self::later(BUSY_RETRY, &bad.to_string()),
            BadBody::TooLarge(_) | BadBody::InflatesTooFar(_) => {
                (StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted)
            }
            BadBody::Read(BodyError::TooSlow) => (StatusCode::REQUEST_TIMEOUT, Code::DeadlineExceeded),
            BadBody::Corrupt | BadBody::Read(BodyError::Broken(_)) => (StatusCode::BAD_REQUEST, Code::InvalidArgument),
        };
        Self::new(status, code, bad.to_string())
    }
}

impl From<IntakeFull> for Refused {
    fn from(full: IntakeFull) -> Self {
        Self::later(full.retry_after, "the agent has no room now")
    }
}

/// An answer in the encoding of its request.
pub(super) fn response(status: StatusCode, encoding: Encoding, body: Bytes) -> Answer {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(encoding.media_type()));
    response
}

/// The answer to a refused request. Where the rest of its body was not read, the connection ends with it.
pub(super) fn refusal(refused: &Refused, encoding: Encoding, rest_is_read: bool) -> Answer {
    let body = otlp::status(encoding, refused.code, &refused.message);
    let mut response = response(refused.status, encoding, body);
    let headers = response.headers_mut();
    if let Some(after) = refused.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
    }
    if refused.status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
    }
    if !rest_is_read {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
