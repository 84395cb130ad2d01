//! What the page shows, as JSON, for tests and scripts.
//!
//! Owns the shape below. Numbers are as they were pushed; `time` is RFC 3339 in whole seconds, `time_unix_nano` exact and a string.
//!
//! ```json
//! {"services": [{"name", "service_id", "type", "score", "colour", "collection", "in_landscape", "readings",
//!                "rows": [{"name", "label", "type", "rating", "value", "limit", "text", "unit", "description", "time", "time_unix_nano",
//!                          "history": [{"time", "time_unix_nano", "value", "limit", "rating", "text"}]}]}]}
//! ```

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State as Shared;
use serde_json::{Value, json};

use crate::sandbox::health::{Reading, Row, RowKey, Scoring};
use crate::sandbox::record::Record;
use crate::sandbox::state::{ManagedService, State};

/// `GET /view/services`.
pub(super) async fn services(Shared(state): Shared<Arc<State>>) -> Json<Value> {
    let now = state.now();
    let world = state.world();
    let all: Vec<Value> = world
        .services
        .iter()
        .map(|found| {
            let scoring = &world.knobs.score;
            let within = Duration::from_secs(scoring.within_seconds);
            service(found, scoring, scoring.score(found.rows.ratings(now, within)))
        })
        .collect();
    Json(json!({ "services": all }))
}

/// `GET /view/requests`: the request log, newest first.
pub(super) async fn requests(Shared(state): Shared<Arc<State>>) -> Json<Value> {
    let world = state.world();
    let newest: Vec<&Record> = world.requests.iter().rev().collect();
    Json(json!({"total": world.requests.total(), "requests": newest}))
}

fn service(service: &ManagedService, scoring: &Scoring, score: Option<f64>) -> Value {
    let rows: Vec<Value> = service.rows.iter().map(|(key, found)| row(key, found)).collect();
    json!({
        "name": service.name,
        "service_id": service.id,
        "type": service.service_type,
        "score": score,
        "colour": scoring.colour(score),
        "collection": service.collection,
        "in_landscape": service.in_landscape,
        "readings": service.rows.readings(),
        "rows": rows,
    })
}

fn row(key: &RowKey, row: &Row) -> Value {
    let mut all = reading(&row.current);
    all["name"] = json!(key.name);
    all["label"] = json!(key.label);
    all["type"] = json!(row.kind);
    all["unit"] = json!(row.unit);
    all["description"] = json!(row.description);
    all["history"] = row.history().map(reading).collect();
    all
}

fn reading(reading: &Reading) -> Value {
    json!({
        "time": reading.time.to_string(),
        "time_unix_nano": reading.time.as_nanos().to_string(),
        "value": reading.value,
        "limit": reading.limit,
        "rating": reading.rating,
        "text": reading.text,
    })
}
