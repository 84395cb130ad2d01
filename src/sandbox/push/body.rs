//! The body of a push: its content type, its encoding, its size.
//!
//! Owns the limits in bytes. Promises that no more than the limit is ever held, neither as it arrives nor unpacked.

use std::io::Read as _;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use flate2::read::GzDecoder;
use http_body_util::{BodyExt as _, Limited};

use super::CONTENT_ENCODING;
use crate::sandbox::knobs::limits::Limits;
use crate::sandbox::problem::{Form, Refusal};

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// OTLP/JSON.
    Json,
    /// OTLP/protobuf.
    Protobuf,
}

/// How a body arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Encoding {
    /// How it is written.
    pub(super) format: Format,
    /// Whether it is packed.
    pub(super) gzip: bool,
}

impl Encoding {
    fn limit(self, limits: &Limits) -> usize {
        match self.format {
            Format::Json => limits.json_bytes,
            Format::Protobuf => limits.protobuf_bytes,
        }
    }
}

/// A body that is within its limit.
#[derive(Debug)]
pub(super) struct Received {
    /// Unpacked.
    pub(super) bytes: Bytes,
    /// As it arrived.
    pub(super) wire_bytes: usize,
}

/// What the headers say about the body.
pub(super) fn encoding(headers: &HeaderMap, limits: &Limits) -> Result<Encoding, Refusal> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let content_type = text(CONTENT_TYPE);
    let format = match content_type.split(';').next().unwrap_or_default().trim() {
        "application/json" => Format::Json,
        "application/x-protobuf" if limits.protobuf => Format::Protobuf,
        other => return Err(unsupported(format!("content type '{other}' is not supported"))),
    };
    match text(CONTENT_ENCODING).as_str() {
        "" | "identity" => Ok(Encoding { format, gzip: false }),
        "gzip" if limits.gzip => Ok(Encoding { format, gzip: true }),
        other => Err(unsupported(format!("content encoding '{other}' is not supported"))),
    }
}

/// Reads the body, unpacked, within its limit.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    encoding: Encoding,
    limits: &Limits,
) -> Result<Received, Refusal> {
    let limit = encoding.limit(limits);
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let collected = Limited::new(body, limit).collect().await.map_err(|error| match error
        .is::<http_body_util::LengthLimitError>(
    ) {
        true => too_large(limit),
        false => Refusal::bad_request("the body ended early"),
    })?;
    let wire = collected.to_bytes();
    let wire_bytes = wire.len();
    let bytes = if encoding.gzip { unpacked(&wire, limit)? } else { wire };
    Ok(Received { bytes, wire_bytes })
}

fn unpacked(wire: &[u8], limit: usize) -> Result<Bytes, Refusal> {
    let mut bytes = Vec::new();
    // One byte more than allowed tells "too large" from "just fits".
    let read = GzDecoder::new(wire).take(limit as u64 + 1).read_to_end(&mut bytes);
    match read {
        Err(_) => Err(Refusal::bad_request("the body is not gzip")),
        Ok(length) if length > limit => Err(too_large(limit)),
        Ok(_) => Ok(bytes.into()),
    }
}

fn too_large(limit: usize) -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        Form::Text,
        format!("Request Entity Too Large: more than {limit} bytes"),
    )
}

fn unsupported(reason: String) -> Refusal {
    Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Form::OData, reason)
}
