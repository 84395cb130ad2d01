//! The request log as a page: what came, what was answered, and why it was refused.

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::response::Html;
use maud::{Markup, html};

use super::{breakable, frame};
use crate::sandbox::record::{Record, Service};
use crate::sandbox::state::State;

/// How many requests the page shows; the JSON view has all that are kept.
const REQUESTS_SHOWN: usize = 200;

/// `GET /requests`.
pub(super) async fn show(Shared(state): Shared<Arc<State>>) -> Html<String> {
    let world = state.world();
    let newest: Vec<&Record> = world.requests.iter().rev().take(REQUESTS_SHOWN).collect();
    let refused = newest.iter().filter(|record| record.is_trouble()).count();
    frame(
        "Requests",
        "/requests",
        &html! {
            h1 { "Requests " span.count { (world.requests.total()) } }
            p.muted { "Of the newest " (newest.len()) ", " (refused) " were refused or complained about." }
            @if newest.is_empty() { p.empty { "Nobody has asked anything yet." } } @else { (troubles(&newest)) }
        },
    )
}

/// A table of requests, newest first.
pub(super) fn troubles(records: &[&Record]) -> Markup {
    html! {
        div.wide { table.requests {
            thead { tr { th { "Time" } th { "Service" } th { "Request" } th { "Status" } th.number { "Points" } th { "Reason" } } }
            tbody { @for record in records { (line(record)) } }
        } }
    }
}

fn line(record: &Record) -> Markup {
    let (path, query) = match record.target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (record.target.as_str(), None),
    };
    html! {
        tr {
            td.nowrap { (record.time) }
            td { (service(record.service)) }
            td.target {
                (record.method) " " (breakable(path))
                @if let Some(query) = query { div.muted { "?" (breakable(query)) } }
                div.id { "x-correlationid " (record.correlation_id) }
            }
            td { span class={ "chip " (colour(record)) } { (record.status) @if record.answer_lost { " lost" } } }
            td.number { @if record.points > 0 { (record.points) } }
            td.reason {
                @if let Some(reason) = &record.reason { div { (reason) } }
                @for error in &record.consumer_errors { div.complaint { "consumer: " (error) } }
                @if record.consumer_error_count > record.consumer_errors.len() {
                    div.muted { (record.consumer_error_count - record.consumer_errors.len()) " more" }
                }
            }
        }
    }
}

fn colour(record: &Record) -> &'static str {
    match record.status {
        200..=299 if record.is_trouble() => "warning",
        200..=299 => "ok",
        _ => "critical",
    }
}

fn service(service: Service) -> &'static str {
    match service {
        Service::Token => "Token",
        Service::Push => "Inbound metrics",
        Service::Outbound => "Outbound metrics",
        Service::Landscape => "Landscape",
        Service::Api => "–",
    }
}
