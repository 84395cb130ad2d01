//! The page: what Health Monitoring would show.
//!
//! Owns the listener that people and tests look at: the overview, one page per managed service, the request log, the JSON views and the
//! knobs. Promises that everything pushed is escaped, that no script runs, and that a page refreshes itself. Rendered here, no state.

mod format;
mod overview;
mod plot;
mod requests;
mod service;
mod view;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State as Shared};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use maud::{DOCTYPE, Markup, html};

use super::health::Colour;
use super::knobs;
use super::problem::Refusal;
use super::state::State;

const STYLE: &str = include_str!("style.css");
/// How often a page loads itself again.
const REFRESH_SECONDS: u32 = 5;
/// Nothing but our own style; no script, no frame, no form.
const SECURITY: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
];

/// The router of the page.
pub(crate) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/", get(overview::show))
        .route("/services/{id}", get(service::show))
        .route("/requests", get(requests::show))
        .route("/style.css", get(style))
        .route("/view/services", get(view::services))
        .route("/view/requests", get(view::requests))
        .merge(knobs::http::router())
        .fallback(async |uri: Uri| Refusal::no_such_path(uri.path()))
        .layer(axum::middleware::from_fn(secured))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&state), own_host))
        .with_state(state)
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

async fn secured(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in SECURITY {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A web page of somebody else must not turn our knobs by a name that leads to loopback: on loopback, only loopback names are answered.
async fn own_host(Shared(state): Shared<Arc<State>>, request: Request, next: Next) -> Response {
    let page = &state.addresses().page;
    let on_loopback = page.starts_with("http://127.") || page.starts_with("http://[::1]");
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if on_loopback && !(name == "localhost" || name == "[::1]" || name.starts_with("127.")) {
        return (StatusCode::MISDIRECTED_REQUEST, "this page is served under a loopback name only").into_response();
    }
    next.run(request).await
}

/// The frame of every page.
fn frame(title: &str, here: &str, content: &Markup) -> Html<String> {
    let link = |to: &str, text: &str| html! { a href=(to) aria-current=[(to == here).then_some("page")] { (text) } };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="refresh" content=(REFRESH_SECONDS);
                title { (title) " · sandbox" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/style.css";
            }
            body {
                header {
                    span.mark { "Health Monitoring" }
                    span.note { "sandbox of calm-agent – nothing here is real" }
                    nav { (link("/", "Services")) (link("/requests", "Requests")) }
                }
                main { (content) }
                footer { "Refreshes every " (REFRESH_SECONDS) " s. The same as JSON: " a href="/view/services" { "/view/services" } ", "
                    a href="/view/requests" { "/view/requests" } ". Knobs: " a href="/knobs" { "/knobs" } "." }
            }
        }
    };
    Html(page.into_string())
}

/// Text that may break after the characters that names and queries are made of, not in the middle of a word.
fn breakable(text: &str) -> Markup {
    html! { @for part in text.split_inclusive(['.', '_', '/', '&', '?']) { (part) wbr; } }
}

/// The tile of a score.
fn tile(score: Option<f64>, colour: Colour) -> Markup {
    html! {
        span class={ "tile " (colour.as_str()) } {
            @match score {
                Some(score) => { (format!("{score:.0}")) small { "%" } },
                None => "–",
            }
        }
    }
}
