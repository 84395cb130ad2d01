//! The overview: one line per managed service, as Health Monitoring's first screen has it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State as Shared;
use axum::response::Html;
use maud::{Markup, html};

use super::requests::troubles;
use super::{format, frame, tile};
use crate::clock::Timestamp;
use crate::sandbox::health::{Rating, Scoring};
use crate::sandbox::record::Record;
use crate::sandbox::state::{ManagedService, State};

/// How many refused requests are shown below the services.
const TROUBLES_SHOWN: usize = 5;
/// From the worst on, as the line names them.
const WORST_FIRST: [Rating; 6] =
    [Rating::Fatal, Rating::Error, Rating::Critical, Rating::Warning, Rating::Ok, Rating::Info];

/// `GET /`.
pub(super) async fn show(Shared(state): Shared<Arc<State>>) -> Html<String> {
    let now = state.now();
    let world = state.world();
    let scoring = &world.knobs.score;
    let refused: Vec<&Record> =
        world.requests.iter().rev().filter(|record| record.is_trouble()).take(TROUBLES_SHOWN).collect();
    frame(
        "Services",
        "/",
        &html! {
            h1 { "Services" }
            @if world.services.is_empty() { p.empty { "Landscape Management has no services." } }
            table.overview {
                thead { tr { th { "Score" } th { "Service" } th { "Type" } th { "Status" } th.number { "Metrics" } th { "Last data" } } }
                tbody { @for service in &world.services { (line(service, scoring, now)) } }
            }
            @if !refused.is_empty() { h2 { "Last refused" } (troubles(&refused)) }
        },
    )
}

fn line(service: &ManagedService, scoring: &Scoring, now: Timestamp) -> Markup {
    let ratings: Vec<Rating> = service.rows.ratings(now, Duration::from_secs(scoring.within_seconds)).collect();
    let score = scoring.score(ratings.iter().copied());
    html! {
        tr {
            td { (tile(score, scoring.colour(score))) }
            td { a.name href={ "/services/" (service.id) } { (service.name) } div.id { (service.id) } }
            td { (service.service_type) }
            td { (summary(service, &ratings)) }
            td.number { (service.rows.len()) }
            td { @match service.rows.newest() { Some(time) => { time title=(time) { (format::ago(now, time)) } }, None => { span.muted { "never" } } } }
        }
    }
}

fn summary(service: &ManagedService, ratings: &[Rating]) -> Markup {
    let count = |rating: Rating| ratings.iter().filter(|known| **known == rating).count();
    html! {
        @if !service.in_landscape { span.chip { "unknown to Landscape Management" } }
        @if !service.collection { span.chip { "data collection turned off" } }
        @for rating in WORST_FIRST {
            @let found = count(rating);
            @if found > 0 { span class={ "chip " (rating.as_str()) } { (found) " " (rating.as_str()) } }
        }
        @if ratings.is_empty() { span.muted { "no data" } }
    }
}
