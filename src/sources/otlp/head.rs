//! What a request's head says, before anything of its body is read.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};

use super::answer::Refused;
use super::body::{BadBody, Packing};
use crate::otlp::{Encoding, StatusCode as Code};

/// What is pushed, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Metrics,
    Traces,
    Logs,
}

impl Signal {
    pub(super) fn of(path: &str) -> Option<Self> {
        match path {
            "/v1/metrics" => Some(Self::Metrics),
            "/v1/traces" => Some(Self::Traces),
            "/v1/logs" => Some(Self::Logs),
            _ => None,
        }
    }
}

/// Refuses what the head already shows to be wrong; otherwise how the body is written and packed.
pub(super) fn judge(head: &Parts, most: usize) -> Result<(Encoding, Packing), Refused> {
    if head.method != Method::POST {
        return Err(Refused::new(StatusCode::METHOD_NOT_ALLOWED, Code::Unimplemented, "telemetry comes by POST"));
    }
    let unsupported = |message| Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument, message);
    let encoding = encoding(head)
        .ok_or_else(|| unsupported("the content type must be application/x-protobuf or application/json"))?;
    let packing = content_encoding(&head.headers)
        .ok_or_else(|| unsupported("the content encoding must be identity, gzip or deflate"))?;
    let declared = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if declared.is_some_and(|declared: u64| declared > most as u64) {
        return Err(BadBody::TooLarge(most).into());
    }
    Ok((encoding, packing))
}

fn content_encoding(headers: &HeaderMap) -> Option<Packing> {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    match (values.next(), values.next()) {
        (None, _) => Some(Packing::Identity),
        (Some(value), None) => Packing::of(value.to_str().ok()?),
        _ => None,
    }
}

/// How the body is written, and therefore the answer.
pub(super) fn encoding(head: &Parts) -> Option<Encoding> {
    Encoding::of(head.headers.get(CONTENT_TYPE)?.to_str().ok()?)
}
