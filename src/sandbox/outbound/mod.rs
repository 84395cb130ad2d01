//! Outbound metrics: `GET {Api}/calm-metrics/v1/metrics`.
//!
//! Owns the reading back of what was pushed, in buckets of five minutes, with the quirks that were seen live on the sister API for logs and
//! in published collections: 428 for a missing parameter, 400 for an unknown one or a bad date, 403 (not a matter of scopes!) when there are
//! more rows than a page takes and `onLimit=TRUNCATE` is missing, `x-total-count`, three formats. A bucket shows only when it has ended and
//! a lag has passed, so that a client learns to wait.

mod query;
mod render;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Response as HttpResponse, StatusCode};
use axum::response::{IntoResponse as _, Response};

use self::query::{Filter, Query};
use super::access::authorize;
use super::health::{Rating, Reading, Row, RowKey};
use super::problem::{Form, Refusal};
use super::record::Note;
use super::state::{ManagedService, State};
use crate::clock::Timestamp;

/// The scopes a read needs.
const SCOPES: [&str; 2] = ["calm-api.metrics.read", "calm-api.hm.read"];
/// How many rows there are before paging.
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// One row in one bucket.
#[derive(Clone, Debug, PartialEq)]
struct Bucket {
    service_id: String,
    service_name: String,
    service_type: String,
    metric: String,
    label: String,
    /// When the bucket begins.
    start: Timestamp,
    /// The mean of its readings.
    value: f64,
    /// The last limit in it.
    limit: Option<f64>,
    /// The last usage in it, in percent.
    usage: Option<f64>,
    ok: usize,
    warning: usize,
    critical: usize,
}

/// Handles a read.
pub(crate) async fn handle(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    read(&state, &parts).unwrap_or_else(Refusal::into_response)
}

fn read(state: &State, parts: &Parts) -> Result<Response, Refusal> {
    let limits = state.world().knobs.limits.clone();
    authorize(state, &parts.headers, &SCOPES)?;
    let now = state.now();
    let query = query::parse(parts.uri.query().unwrap_or_default(), &limits, now)?;
    let lag = Duration::from_secs(limits.outbound_lag_seconds);
    let rows = collect(state, &query, now.minus(lag));
    let total = rows.len();
    if total > query.limit && !query.truncate {
        return Err(Refusal::new(StatusCode::FORBIDDEN, Form::OData, "Response total count is over the limit"));
    }
    let page: Vec<Bucket> = rows.into_iter().skip(query.offset).take(query.limit).collect();
    let (content_type, body) = render::render(&page, &query, now);
    let note = Note { points: page.len(), bytes: body.len(), ..Note::default() };
    let mut response = HttpResponse::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(TOTAL_COUNT, HeaderValue::from(total));
    response.extensions_mut().insert(note);
    Ok(response)
}

/// All rows of the asked interval whose bucket ended before `visible`.
fn collect(state: &State, query: &Query, visible: Timestamp) -> Vec<Bucket> {
    let world = state.world();
    if query.provider != "hm" {
        return Vec::new();
    }
    let mut found = Vec::new();
    for service in world.services.iter().filter(|service| matches(&query.filter, service)) {
        for (key, row) in service.rows.iter().filter(|(key, _)| query.filter.metric(&key.name)) {
            found.extend(buckets(service, key, row, query, visible));
        }
    }
    found
}

fn matches(filter: &Filter, service: &ManagedService) -> bool {
    let is = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
    is(&filter.service_id, &service.id) && is(&filter.service_type, &service.service_type)
}

fn buckets(service: &ManagedService, key: &RowKey, row: &Row, query: &Query, visible: Timestamp) -> Vec<Bucket> {
    let length = query.bucket.as_nanos().max(1) as u64;
    let mut found: Vec<(u64, Vec<&Reading>)> = Vec::new();
    for reading in row.history() {
        let start = reading.time.as_nanos() / length * length;
        match found.last_mut() {
            Some((last, readings)) if *last == start => readings.push(reading),
            _ => found.push((start, vec![reading])),
        }
    }
    let asked = |start: u64| {
        Timestamp(start) >= query.from
            && Timestamp(start) < query.to
            && start.saturating_add(length) <= visible.as_nanos()
    };
    found
        .into_iter()
        .filter(|(start, _)| asked(*start))
        .map(|(start, readings)| bucket(service, key, Timestamp(start), &readings))
        .collect()
}

fn bucket(service: &ManagedService, key: &RowKey, start: Timestamp, readings: &[&Reading]) -> Bucket {
    let count = |wanted: &[Rating]| readings.iter().filter(|reading| wanted.contains(&reading.rating)).count();
    Bucket {
        service_id: service.id.clone(),
        service_name: service.name.clone(),
        service_type: service.service_type.clone(),
        metric: key.name.clone(),
        label: key.label.clone(),
        start,
        value: readings.iter().map(|reading| reading.value).sum::<f64>() / readings.len().max(1) as f64,
        limit: readings.last().and_then(|reading| reading.limit),
        usage: readings.last().and_then(|reading| reading.usage()),
        ok: count(&[Rating::Ok]),
        warning: count(&[Rating::Warning]),
        // The outbound side knows three counters only; error and fatal fold into the third.
        critical: count(&[Rating::Critical, Rating::Error, Rating::Fatal]),
    }
}
