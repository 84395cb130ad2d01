//! Inbound metrics: `POST {Api}/calm-metrics/v1/metrics`.
//!
//! Owns the gateway: everything that is refused before the consumer sees it. The order is part of the contract of this file, so that a test
//! knows which refusal to expect: token → scopes → `serviceId` → `useCase` → `dev` → rate → content type → encoding → size → shape → number
//! of points → data collection. Promises that a body is bounded before it is read and again after it is unpacked. A request that passes is
//! answered with success at once, unless `dev=true`: then the consumer's complaints are the answer.

mod body;
mod consumer;
mod json;
mod model;
#[cfg(test)]
mod property_tests;
mod protobuf;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use axum::http::{StatusCode, request::Parts};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use self::consumer::{Consumed, consume};
use self::model::Push;
use super::access::{Client, authorize};
use super::guard::ConsumerFault;
use super::knobs::faults::RetryAfter;
use super::knobs::limits::{Limits, RateScope};
use super::problem::{Form, Refusal};
use super::random;
use super::record::Note;
use super::state::State;

/// The scopes a push needs: that of the signal and that of the use case.
const SCOPES: [&str; 2] = ["calm-api.metrics.write", "calm-api.hm.write"];
/// What the consumer says about an id that Landscape Management does not have.
const NOT_IN_LANDSCAPE: &str = "MSG_SLIS_NOT_FOUND_IN_LMS";

/// Handles a push.
pub(crate) async fn handle(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match receive(&state, &parts, body).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
}

/// What the query says.
struct Query {
    service_id: String,
    dev: bool,
}

async fn receive(state: &State, parts: &Parts, body: Body) -> Result<Response, Refusal> {
    let limits = state.world().knobs.limits.clone();
    let client = authorize(state, &parts.headers, &SCOPES)?;
    let query = query(parts, &limits)?;
    rate(state, &limits, &client, &query)?;
    let encoding = body::encoding(&parts.headers, &limits)?;
    let received = body::read(&parts.headers, body, encoding, &limits).await?;
    let push = match encoding.format {
        body::Format::Json => json::decode(&received.bytes, limits.refuse_unknown_fields),
        body::Format::Protobuf => protobuf::decode(&received.bytes),
    }
    .map_err(Refusal::bad_request)?;
    if push.points() > limits.points {
        let status = StatusCode::from_u16(limits.over_points_status).unwrap_or(StatusCode::PAYLOAD_TOO_LARGE);
        let reason = format!("{} data points are more than {}", push.points(), limits.points);
        return Err(Refusal::new(status, Form::OData, reason));
    }
    collection(state, &query.service_id)?;
    let mut note = Note { points: push.points(), bytes: received.wire_bytes, ..Note::default() };
    let fault = parts.extensions.get::<ConsumerFault>().map(|fault| fault.0.clone());
    note.consumer_errors = deliver(state, &limits, &query.service_id, (push, fault));
    Ok(answer(&limits, (query.dev, encoding.format), note))
}

fn query(parts: &Parts, limits: &Limits) -> Result<Query, Refusal> {
    let text = parts.uri.query().unwrap_or_default();
    let value = |name: &str| {
        url::form_urlencoded::parse(text.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let service_id =
        value("serviceId").filter(|id| !id.is_empty()).ok_or_else(|| Refusal::missing_parameter("serviceId"))?;
    let use_case = value("useCase").ok_or_else(|| Refusal::bad_request("useCase is missing"))?;
    if !limits.use_cases.contains(&use_case) {
        return Err(Refusal::bad_request(format!("useCase '{use_case}' is not known")));
    }
    let dev = match value("dev").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => return Err(Refusal::bad_request(format!("dev must be true or false, not '{other}'"))),
    };
    Ok(Query { service_id, dev })
}

fn rate(state: &State, limits: &Limits, client: &Client, query: &Query) -> Result<(), Refusal> {
    let now = state.now();
    let scope = match limits.rate_scope {
        RateScope::Tenant => "",
        RateScope::Client => client.0.as_str(),
        RateScope::Service => query.service_id.as_str(),
    };
    let (key, limit) = match query.dev {
        true => (format!("dev {scope}"), limits.dev_requests_per_minute),
        false => (scope.to_owned(), limits.requests_per_minute),
    };
    let admitted = state.world().rates.admit(&key, limit, now);
    admitted.map_err(|wait| {
        let form = match &limits.rate_retry_after {
            RetryAfter::Seconds { seconds: 0 } => RetryAfter::Seconds { seconds: wait.as_secs() + 1 },
            other => other.clone(),
        };
        let refusal =
            Refusal::new(StatusCode::TOO_MANY_REQUESTS, Form::Gateway, format!("more than {limit} requests a minute"));
        match form.header(now) {
            Some(value) => refusal.with(RETRY_AFTER, value),
            None => refusal,
        }
    })
}

/// Only a service that exists can be switched off; one that does not is the consumer's complaint.
fn collection(state: &State, service_id: &str) -> Result<(), Refusal> {
    match state.world().service(service_id) {
        Some(service) if !service.collection => Err(Refusal::new(
            StatusCode::FORBIDDEN,
            Form::OData,
            format!("Data collection is not active for service {service_id}"),
        )),
        _ => Ok(()),
    }
}

/// Runs the consumer; gives back its complaints. A fault in its place shows nothing of the push.
fn deliver(state: &State, limits: &Limits, service_id: &str, (push, fault): (Push, Option<String>)) -> Vec<String> {
    if let Some(complaint) = fault {
        return vec![complaint];
    }
    let now = state.now();
    let Consumed { samples, mut errors } = consume(push, limits, now);
    let mut world = state.world();
    let Some(service) = world.service_mut(service_id) else {
        let hint = if random::is_guid(service_id) { "" } else { " (it is not a GUID)" };
        return vec![format!("{NOT_IN_LANDSCAPE}: {service_id}{hint}")];
    };
    for sample in samples {
        let name = sample.key.name.clone();
        if !service.rows.add(sample, limits.late_points_are_current) {
            errors.push(format!("metric '{name}': the service has no room for a further row"));
        }
    }
    errors
}

/// In production the consumer's complaints are not part of the answer. What the real service writes into the body of a success is not known;
/// this is OTLP's empty answer in the encoding of the request.
fn answer(limits: &Limits, (dev, format): (bool, body::Format), note: Note) -> Response {
    let failed = dev && !note.consumer_errors.is_empty();
    let (status, body) = if failed {
        (limits.dev_error_status, json!({"errors": note.consumer_errors}))
    } else {
        (limits.success_status, Value::Object(serde_json::Map::new()))
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let as_protobuf = format == body::Format::Protobuf && !failed;
    let body = if as_protobuf || status == StatusCode::NO_CONTENT { String::new() } else { body.to_string() };
    let content_type = if as_protobuf { "application/x-protobuf" } else { "application/json" };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let reason = failed.then(|| note.consumer_errors.join("; "));
    response.extensions_mut().insert(Note { reason, ..note });
    response
}

/// The header of a body's encoding, shared with the body's reader.
const CONTENT_ENCODING: HeaderName = axum::http::header::CONTENT_ENCODING;
