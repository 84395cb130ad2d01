//! Health documents: what a service says of itself in the body of an answer.
//!
//! Owns the recognition of the formats in use, by content type and shape, and their translation into one rating and one sentence. Knows
//! nothing of status codes or time: that is the judge's business. Pure functions over bytes that are already bounded; no input panics.
//!
//! | format | recognised by |
//! |---|---|
//! | Spring Boot Actuator, v3 and v2 | its media type, or `status` beside `components` (v2: `details`) |
//! | MicroProfile Health | `status` beside a list `checks` |
//! | ASP.NET Core | the text `Healthy`, `Degraded`, `Unhealthy`; or `status` beside `entries` |
//! | IETF health+json (draft 06) | its media type, or `status` beside a map `checks` |
//! | Kubernetes, verbose | lines that begin with `[+]` or `[-]` |
//! | SAP CAP and many others | `{"status": "UP"}` with a word of the table below |
//! | any JSON | a configured pointer and table |

mod document;
mod text;

use std::collections::BTreeMap;

use serde_json::Value;

use super::HealthFormat;
use crate::metric::Rating;

/// A recognised document.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Health {
    /// What it says as a whole.
    pub(super) rating: Rating,
    /// Its word and, when something is wrong, which component and why.
    pub(super) text: String,
    /// Numbers it carries, at most [`MAX_MEASUREMENTS`].
    pub(super) measurements: Vec<Measurement>,
}

/// A number in a health document. Source: IETF draft-inadarei-api-health-check-06, `observedValue` and `observedUnit`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measurement {
    /// What is measured, such as `responseTime`.
    pub(super) name: String,
    /// Of which component, such as `cassandra`; may be empty.
    pub(super) component: String,
    /// Which of several of them; may be empty.
    pub(super) id: String,
    /// In which unit; may be empty.
    pub(super) unit: String,
    /// The number, finite.
    pub(super) value: f64,
}

/// The most numbers that are taken from one document.
const MAX_MEASUREMENTS: usize = 64;

/// What a body turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reading {
    /// A health document.
    Document(Health),
    /// A page for people.
    Html,
    /// Not what the configured pointer wants, in words.
    Unfit(String),
    /// Nothing about health.
    Other,
}

/// Reads a body as `format` says. `content_type` is the header's value, empty when there was none.
pub(super) fn read(format: &HealthFormat, content_type: &str, body: &[u8]) -> Reading {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match format {
        HealthFormat::Off => Reading::Other,
        HealthFormat::Pointer { .. } | HealthFormat::Auto if is_html(&media_type, body) => Reading::Html,
        HealthFormat::Pointer { pointer, ratings } => match at_pointer(pointer, ratings, body) {
            Ok(health) => Reading::Document(health),
            Err(problem) => Reading::Unfit(problem),
        },
        HealthFormat::Auto => {
            let found = if body.first() == Some(&b'{') {
                serde_json::from_slice(body).ok().and_then(|value| document::read(&media_type, &value))
            } else {
                std::str::from_utf8(body).ok().and_then(text::read)
            };
            found.map_or(Reading::Other, Reading::Document)
        }
    }
}

fn is_html(media_type: &str, body: &[u8]) -> bool {
    let begins = |prefix: &[u8]| body.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    media_type == "text/html" || begins(b"<!doctype html") || begins(b"<html")
}

/// What the words of all formats mean, in any case. `None`: no word of health. Sources: Spring Boot's `Status`, MicroProfile Health 4.0,
/// ASP.NET Core's `HealthStatus`, IETF draft 06 (which allows `ok`, `up`, `error`, `down` beside its own three).
fn meaning(word: &str) -> Option<Rating> {
    match word.to_ascii_lowercase().as_str() {
        "up" | "ok" | "pass" | "healthy" => Some(Rating::Ok),
        "unknown" => Some(Rating::Info),
        "warn" | "warning" | "degraded" | "out_of_service" => Some(Rating::Warning),
        "down" | "fail" | "error" | "unhealthy" => Some(Rating::Critical),
        _ => None,
    }
}

fn at_pointer(pointer: &str, ratings: &BTreeMap<String, Rating>, body: &[u8]) -> Result<Health, String> {
    if body.is_empty() {
        return Err("answered an empty body where a health document was expected".to_owned());
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| format!("its body is no JSON ({error})"))?;
    let word = match value.pointer(pointer) {
        Some(Value::String(word)) => word.clone(),
        Some(value @ (Value::Bool(_) | Value::Number(_))) => value.to_string(),
        Some(_) => return Err(format!("its JSON has no single word at {pointer:?}")),
        None => return Err(format!("its JSON has nothing at {pointer:?}; check the pointer")),
    };
    let known = if ratings.is_empty() { meaning(&word) } else { ratings.get(&word).copied() };
    let shown = one_line(&word);
    let text = if known.is_some() { shown } else { format!("{shown:?}, a word that the check's table does not have") };
    Ok(Health { rating: known.unwrap_or(Rating::Critical), text, measurements: Vec::new() })
}

/// The most characters of foreign text in a sentence.
const MAX_TEXT: usize = 160;

/// Foreign text as part of a sentence: one line, bounded, without anything that looks like a token.
pub(super) fn one_line(text: &str) -> String {
    // Cut roughly first, so that a huge text is not copied; four times, because blanks fall together.
    let cut: String = text.chars().take(MAX_TEXT * 4).collect();
    let clean = crate::secret::redact(&cut, []);
    let words: Vec<&str> =
        clean.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    let line = words.join(" ");
    match line.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests;
