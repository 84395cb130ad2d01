//! One managed service: its table "All Metrics" with the columns of the application, and what was refused.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};

use super::requests::troubles;
use super::{breakable, format, frame, plot, tile};
use crate::clock::Timestamp;
use crate::sandbox::health::{Row, RowKey};
use crate::sandbox::problem::Refusal;
use crate::sandbox::record::Record;
use crate::sandbox::state::State;

/// How many rows the page draws; the JSON view has all.
const ROWS_SHOWN: usize = 500;
/// How many refused requests of the service are shown.
const TROUBLES_SHOWN: usize = 10;

/// `GET /services/{id}`.
pub(super) async fn show(Shared(state): Shared<Arc<State>>, Path(id): Path<String>) -> Response {
    let now = state.now();
    let world = state.world();
    let Some(service) = world.services.iter().find(|service| service.id == id) else {
        return Refusal::no_such_path(&format!("/services/{id}")).into_response();
    };
    let scoring = &world.knobs.score;
    let score = scoring.score(service.rows.ratings(now, Duration::from_secs(scoring.within_seconds)));
    let of_service = |record: &&Record| record.service_id.as_deref() == Some(service.id.as_str());
    let refused: Vec<&Record> = world
        .requests
        .iter()
        .rev()
        .filter(of_service)
        .filter(|record| record.is_trouble())
        .take(TROUBLES_SHOWN)
        .collect();
    frame(&service.name, "", &html! {
        p.back { a href="/" { "← Services" } }
        div.head {
            (tile(score, scoring.colour(score)))
            div { h1 { (service.name) } div.id { (service.service_type) " · " (service.id) } }
        }
        h2 { "All Metrics " span.count { (service.rows.len()) } }
        @if service.rows.len() == 0 { p.empty { "Nothing has been pushed for this service yet." } }
        @else {
            div.wide { table {
                thead { tr { th { "Name" } th { "Label" } th { "Timestamp" } th { "Rating" } th { "Value / Text" } th { "History" } th { "Type" } } }
                tbody { @for (key, row) in service.rows.iter().take(ROWS_SHOWN) { (line(key, row, now)) } }
            } }
        }
        @if service.rows.len() > ROWS_SHOWN { p.muted { "The first " (ROWS_SHOWN) " of " (service.rows.len()) " rows; all are in /view/services." } }
            @if !refused.is_empty() { h2 { "Refused" } (troubles(&refused)) }
    })
    .into_response()
}

fn line(key: &RowKey, row: &Row, now: Timestamp) -> Markup {
    let rating = row.current.rating.as_str();
    html! {
        tr {
            td.name { (breakable(&key.name)) @if !row.description.is_empty() && row.description != row.current.text { div.muted { (row.description) } } }
            td.label { @for part in key.label.split(';') { span { (part) } " " } }
            td.nowrap { time title=(row.current.time) { (format::ago(now, row.current.time)) } }
            td { span class={ "chip " (rating) } { (rating) } }
            td.value { (format::cell(row)) }
            td { (plot::plot(row)) }
            td { (row.kind.as_str()) }
        }
    }
}
