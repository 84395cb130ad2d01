//! The knobs over HTTP, on the page's listener.
//!
//! Owns the routes below and nothing of what they turn. A body is a JSON object that is laid over the present values: what it does not name
//! stays as it is. Unknown names and wrong types are refused with 400 and change nothing.
//!
//! | request | does |
//! |---|---|
//! | `GET /knobs` | everything as it stands |
//! | `DELETE /knobs` | everything back to the defaults, services switched on again; what was pushed stays |
//! | `PUT /knobs/{token,push,outbound,landscape}` | the faults of that service: one object or an array of them, taken in order ([`super::faults::Fault`]) |
//! | `DELETE /knobs/{token,push,outbound,landscape}` | no faults |
//! | `PUT`, `DELETE /knobs/limits` | every limit ([`super::limits::Limits`]) |
//! | `PUT`, `DELETE /knobs/tokens` | life, authorities, revocation, version ([`super::TokenKnobs`]) |
//! | `PUT`, `DELETE /knobs/x509` | validity and acceptance of the client certificate; naming the validity issues a new one and rewrites `service-key-x509.json` |
//! | `POST /knobs/rotate` | a new secret, written to `service-key.json`; the old ones are refused, or not: `{"keep_old": true}` |
//! | `PUT`, `DELETE /knobs/score`, `/knobs/clock` | the score's formula, the clock's skew |
//! | `PUT /knobs/services/{id}` | `{"collection": bool, "in_landscape": bool, "name": text, "service_type": text}` of one managed service |
//! | `GET`, `DELETE /knobs/requests` | the request log, newest last |
//! | `DELETE /knobs/data` | forgets what was pushed |
//!
//! Examples: `PUT /knobs/push {"status": 503, "times": 3}`, `PUT /knobs/push {"status": 429, "retry_after": {"form": "http_date", "seconds":
//! 20}}`, `PUT /knobs/push {"drop": true, "times": 1}`, `PUT /knobs/limits {"json_bytes": 20000}`, `PUT /knobs/tokens {"key_revoked": true}`.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Knobs;
use super::faults::Fault;
use crate::sandbox::keys;
use crate::sandbox::problem::{Form, Refusal};
use crate::sandbox::state::State;

/// Longest body that is read.
const BODY_BYTES_MAX: usize = 256 * 1024;

type Answer = Result<Json<Value>, Refusal>;

/// The routes.
pub(crate) fn router() -> Router<Arc<State>> {
    Router::new()
        .route("/knobs", get(show).delete(reset_all))
        .route("/knobs/requests", get(requests).delete(forget_requests))
        .route("/knobs/data", delete(forget_data))
        .route("/knobs/rotate", post(rotate))
        .route("/knobs/services/{id}", put(set_service))
        .route("/knobs/{group}", put(set).delete(reset))
}

async fn show(Shared(state): Shared<Arc<State>>) -> Json<Value> {
    Json(snapshot(&state))
}

fn snapshot(state: &State) -> Value {
    let world = state.world();
    let services: Vec<Value> = world
        .services
        .iter()
        .map(|service| {
            json!({"service_id": service.id, "name": service.name, "service_type": service.service_type,
                "collection": service.collection, "in_landscape": service.in_landscape})
        })
        .collect();
    let mut all = json!(world.knobs);
    all["services"] = Value::Array(services);
    all
}

async fn reset_all(Shared(state): Shared<Arc<State>>) -> Answer {
    let renews = {
        let mut world = state.world();
        let before = std::mem::take(&mut world.knobs);
        for service in &mut world.services {
            (service.collection, service.in_landscape) = (true, true);
        }
        before.x509 != world.knobs.x509
    };
    if renews {
        keys::renew(&state).map_err(|error| failed(&error))?;
    }
    Ok(Json(snapshot(&state)))
}

async fn set(Shared(state): Shared<Arc<State>>, Path(group): Path<String>, body: Body) -> Answer {
    let patch = read(body).await?;
    let renews = group == "x509" && patch.get("validity_seconds").is_some();
    {
        let knobs = &mut state.world().knobs;
        match group.as_str() {
            "token" => knobs.token.set(faults(patch)?),
            "push" => knobs.push.set(faults(patch)?),
            "outbound" => knobs.outbound.set(faults(patch)?),
            "landscape" => knobs.landscape.set(faults(patch)?),
            "limits" => lay_over(&mut knobs.limits, patch),
            "tokens" => lay_over(&mut knobs.tokens, patch),
            "x509" => lay_over(&mut knobs.x509, patch),
            "score" => lay_over(&mut knobs.score, patch),
            "clock" => lay_over(&mut knobs.clock, patch),
            other => return Err(Refusal::no_such_path(&format!("/knobs/{other}"))),
        }
        .map_err(Refusal::bad_request)?;
    }
    if renews {
        keys::renew(&state).map_err(|error| failed(&error))?;
    }
    Ok(Json(snapshot(&state)))
}

async fn reset(Shared(state): Shared<Arc<State>>, Path(group): Path<String>) -> Answer {
    {
        let knobs = &mut state.world().knobs;
        let fresh = Knobs::default();
        match group.as_str() {
            "token" => knobs.token = fresh.token,
            "push" => knobs.push = fresh.push,
            "outbound" => knobs.outbound = fresh.outbound,
            "landscape" => knobs.landscape = fresh.landscape,
            "limits" => knobs.limits = fresh.limits,
            "tokens" => knobs.tokens = fresh.tokens,
            "x509" => knobs.x509 = fresh.x509,
            "score" => knobs.score = fresh.score,
            "clock" => knobs.clock = fresh.clock,
            other => return Err(Refusal::no_such_path(&format!("/knobs/{other}"))),
        }
    }
    if group == "x509" {
        keys::renew(&state).map_err(|error| failed(&error))?;
    }
    Ok(Json(snapshot(&state)))
}

async fn rotate(Shared(state): Shared<Arc<State>>, body: Body) -> Answer {
    let mut said = Rotation { keep_old: false };
    let patch = read_or_empty(body).await?;
    lay_over(&mut said, patch).map_err(Refusal::bad_request)?;
    keys::rotate(&state, said.keep_old).map_err(|error| failed(&error))?;
    Ok(Json(snapshot(&state)))
}

async fn set_service(Shared(state): Shared<Arc<State>>, Path(id): Path<String>, body: Body) -> Answer {
    let patch = read(body).await?;
    {
        let mut world = state.world();
        // Also one that is hidden from Landscape Management: this is how it comes back.
        let found = world.services.iter_mut().find(|service| service.id.eq_ignore_ascii_case(&id));
        let service = found.ok_or_else(|| Refusal::no_such_path(&format!("/knobs/services/{id}")))?;
        let mut said = ServiceKnobs {
            name: service.name.clone(),
            service_type: service.service_type.clone(),
            collection: service.collection,
            in_landscape: service.in_landscape,
        };
        lay_over(&mut said, patch).map_err(Refusal::bad_request)?;
        (service.name, service.service_type) = (said.name, said.service_type);
        (service.collection, service.in_landscape) = (said.collection, said.in_landscape);
    }
    Ok(Json(snapshot(&state)))
}

async fn requests(Shared(state): Shared<Arc<State>>) -> Json<Value> {
    let world = state.world();
    let kept: Vec<_> = world.requests.iter().collect();
    Json(json!({"total": world.requests.total(), "requests": kept}))
}

async fn forget_requests(Shared(state): Shared<Arc<State>>) -> Response {
    state.world().requests.clear();
    StatusCode::NO_CONTENT.into_response()
}

async fn forget_data(Shared(state): Shared<Arc<State>>) -> Response {
    state.world().services.iter_mut().for_each(|service| service.rows.clear());
    StatusCode::NO_CONTENT.into_response()
}

/// How the secret is replaced.
#[derive(Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    keep_old: bool,
}

/// What can be said of one managed service.
#[derive(Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceKnobs {
    name: String,
    service_type: String,
    collection: bool,
    in_landscape: bool,
}

async fn read(body: Body) -> Result<Value, Refusal> {
    parse(&bounded(body).await?)
}

async fn read_or_empty(body: Body) -> Result<Value, Refusal> {
    let bytes = bounded(body).await?;
    if bytes.is_empty() { Ok(json!({})) } else { parse(&bytes) }
}

async fn bounded(body: Body) -> Result<Bytes, Refusal> {
    let too_large = |_| Refusal::bad_request(format!("the body is larger than {BODY_BYTES_MAX} bytes"));
    axum::body::to_bytes(body, BODY_BYTES_MAX).await.map_err(too_large)
}

fn parse(bytes: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| Refusal::bad_request(format!("the body is not JSON: {error}")))
}

fn faults(patch: Value) -> Result<Vec<Fault>, Refusal> {
    let list = if patch.is_array() { patch } else { json!([patch]) };
    serde_json::from_value(list).map_err(|error| Refusal::bad_request(error.to_string()))
}

/// Only the top level is laid over: a value that is an object or a list is replaced as a whole.
fn lay_over<T: Serialize + DeserializeOwned>(present: &mut T, patch: Value) -> Result<(), String> {
    let Value::Object(patch) = patch else {
        return Err("the body is not a JSON object".to_owned());
    };
    let mut merged = serde_json::to_value(&*present).map_err(|error| error.to_string())?;
    for (key, value) in patch {
        merged[key] = value;
    }
    *present = serde_json::from_value(merged).map_err(|error| error.to_string())?;
    Ok(())
}

fn failed(error: &std::io::Error) -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, Form::Text, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::knobs::TokenKnobs;
    use crate::sandbox::knobs::limits::Limits;

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        let mut limits = Limits::default();
        lay_over(&mut limits, json!({"points": 10, "gzip": true})).unwrap();
        assert_eq!(limits, Limits { points: 10, gzip: true, ..Limits::default() });
    }

    #[test]
    fn a_wrong_patch_changes_nothing() {
        let mut tokens = TokenKnobs::default();
        for wrong in [json!({"life": 5}), json!({"life_seconds": "5"}), json!([]), json!({"version": "4.30"})] {
            assert!(lay_over(&mut tokens, wrong.clone()).is_err(), "{wrong}");
            assert_eq!(tokens, TokenKnobs::default());
        }
    }

    #[test]
    fn faults_may_come_alone_or_as_a_list() {
        assert_eq!(faults(json!({"status": 503})).unwrap().len(), 1);
        assert_eq!(faults(json!([{"status": 503}, {"drop": true, "times": 1}])).unwrap().len(), 2);
        assert!(faults(json!({"statsu": 503})).is_err());
        assert!(faults(json!("503")).is_err());
    }
}
