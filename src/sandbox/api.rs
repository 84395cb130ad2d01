//! The API host of Cloud ALM.
//!
//! Owns its paths. The API begins at `/api`: the bare host answers 404, and so does `/api/api`, which is what a base URL without or with a
//! doubled `/api` leads to. A path that exists with another method is 405.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::{MethodFilter, get, on};

use super::problem::Refusal;
use super::state::State;
use super::{guard, objects, outbound, push};

/// The router of the API host.
pub(crate) fn router(state: Arc<State>) -> Router {
    let reading = || async { Refusal::method("GET") };
    Router::new()
        .route(
            "/api/calm-metrics/v1/metrics",
            on(MethodFilter::GET, outbound::handle)
                .post(push::handle)
                .fallback(|| async { Refusal::method("GET, POST") }),
        )
        .route("/api/calm-landscape/v1/landscapeObjects", get(objects::list).fallback(reading))
        .route("/api/calm-landscape/v1/landscapeObjects/properties", get(objects::properties).fallback(reading))
        .route("/api/calm-landscape/v1/properties", get(objects::properties).fallback(reading))
        .route("/api/calm-landscape/v1/businessServices", get(objects::business_services).fallback(reading))
        .fallback(async |request: Request| Refusal::no_such_path(request.uri().path()))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&state), guard::api))
        .with_state(state)
}
