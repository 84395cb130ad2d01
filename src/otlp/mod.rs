//! The contract of OTLP for metrics: what a request says, and how it is answered.
//!
//! [`decode`] turns the body of a push into `Points`. Protobuf is *walked* in place: names and attributes stay where
//! they came, and a point costs tens of nanoseconds. JSON is read piece by piece and written in the same form, so that one series has one
//! identity whichever encoding its sender chose.
//!
//! Promises: a body that breaks its format is [`Unreadable`] as a whole; a point that breaks a rule is refused alone, with one of the closed
//! list of [`Reason`]s, and the others go on. Memory grows with the body (at most eight times its size), never with a number that the
//! body declares. Nothing here recurses over the wire format; nested attribute values of JSON are followed to a named depth.
//!
//! Source: opentelemetry-proto 1.x (`metrics.proto`, `common.proto`, `resource.proto`), and the OTLP specification for encodings and answers.

mod answer;
mod json;
mod refusal;
mod sink;
mod walk;

use bytes::Bytes;

pub use answer::{StatusCode, export_response, status};
pub use refusal::{Reason, Refusals};
pub use sink::Rules;

use crate::metric::{Malformed, Points};

/// How a request is written, and therefore its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

impl Encoding {
    /// By the media type of a `Content-Type` header; parameters such as a charset do not matter.
    pub fn of(content_type: &str) -> Option<Self> {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        [Self::Protobuf, Self::Json].into_iter().find(|encoding| media_type.eq_ignore_ascii_case(encoding.media_type()))
    }

    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// What a request held.
#[derive(Debug)]
pub struct Decoded {
    /// The points that keep the rules.
    pub points: Points,
    /// The others, counted.
    pub refusals: Refusals,
}

/// A body that is not what its content type says. Nothing of it was taken.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Not the wire format of an export request.
    #[error(transparent)]
    Protobuf(#[from] Malformed),
    /// Not JSON, or not the shape of an export request.
    #[error("malformed JSON near byte {at}: {cause}")]
    Json {
        /// Offset in the body, as near as it is known.
        at: usize,
        /// What is wrong.
        cause: String,
    },
    /// JSON of another dialect, in which nothing would be found.
    #[error("{found:?} is not a key of OTLP/JSON here; expected {expected:?}")]
    Dialect {
        /// The key that is there.
        found: String,
        /// The key that should be.
        expected: &'static str,
    },
}

/// Reads the body of an `ExportMetricsServiceRequest`.
///
/// # Errors
/// [`Unreadable`] when the body as a whole cannot be read; what is wrong with single points is in [`Decoded::refusals`].
pub fn decode(body: Bytes, encoding: Encoding, rules: &Rules) -> Result<Decoded, Unreadable> {
    match encoding {
        Encoding::Protobuf => Ok(walk::walk(body, rules)?),
        Encoding::Json => json::read(&body, rules),
    }
}

#[cfg(test)]
mod tests;
