//! Landscape Management: the objects that can be pushed to.
//!
//! Owns `GET {Api}/calm-landscape/v1/landscapeObjects` with its filters, `/properties` and `/businessServices`, as two public clients use
//! them. Nothing creates an object here: there is no public API for that, so the managed services come from the landscape's start.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State as Shared};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::access::authorize;
use super::problem::Refusal;
use super::state::{ManagedService, State};

/// The scope a read needs.
const SCOPES: [&str; 1] = ["calm-api.landscape.read"];
/// The largest page; the public text names none.
const PAGE_MAX: usize = 1_000;
/// Filters on fields of the answer.
const FILTERS: [&str; 9] =
    ["name", "systemNumber", "objectType", "source", "lmsId", "serviceType", "role", "externalId", "deploymentModel"];

/// The objects that match.
pub(crate) async fn list(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    respond(find(&state, &parts))
}

/// The properties of one object.
pub(crate) async fn properties(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    respond(describe(&state, &parts))
}

/// Business services; there are none.
pub(crate) async fn business_services(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    respond(authorize(&state, &parts.headers, &SCOPES).map(|_| json!([])))
}

fn respond(result: Result<Value, Refusal>) -> Response {
    result.map_or_else(Refusal::into_response, |body| Json(body).into_response())
}

fn find(state: &State, parts: &Parts) -> Result<Value, Refusal> {
    authorize(state, &parts.headers, &SCOPES)?;
    let mut wanted = Vec::new();
    let (mut offset, mut limit) = (0, PAGE_MAX);
    for (name, value) in url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
        match name.as_ref() {
            "offset" => offset = number(&name, &value)?,
            "limit" => limit = number(&name, &value)?.min(PAGE_MAX),
            other if FILTERS.contains(&other) => wanted.push((name.into_owned(), value.into_owned())),
            other => return Err(Refusal::bad_request(format!("Unknown filter : {other}"))),
        }
    }
    let world = state.world();
    let objects: Vec<Value> = world
        .services
        .iter()
        .filter(|service| service.in_landscape)
        .map(object)
        .filter(|object| wanted.iter().all(|(name, value)| object[name.as_str()] == value.as_str()))
        .skip(offset)
        .take(limit)
        .collect();
    Ok(Value::Array(objects))
}

fn describe(state: &State, parts: &Parts) -> Result<Value, Refusal> {
    authorize(state, &parts.headers, &SCOPES)?;
    let query = parts.uri.query().unwrap_or_default();
    let id = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "lmsId");
    let (_, id) = id.ok_or_else(|| Refusal::missing_parameter("lmsId"))?;
    let world = state.world();
    let service = world.service(&id).ok_or_else(|| Refusal::no_such_path(&format!("lmsId {id}")))?;
    Ok(json!([
        {"lmsId": service.id, "name": "name", "value": service.name},
        {"lmsId": service.id, "name": "serviceType", "value": service.service_type},
    ]))
}

fn number(name: &str, value: &str) -> Result<usize, Refusal> {
    value.parse().map_err(|_| Refusal::bad_request(format!("{name} is not a number : {value}")))
}

fn object(service: &ManagedService) -> Value {
    json!({
        "lmsId": service.id,
        "name": service.name,
        "objectType": "CloudService",
        "serviceType": service.service_type,
        "role": "PROD",
        "source": "MANUAL",
        "deploymentModel": "CLOUD",
        "systemNumber": null,
        "externalId": null,
    })
}
