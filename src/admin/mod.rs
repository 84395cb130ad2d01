//! The read-only admin port: health for machines, state for people.
//!
//! | path | answer |
//! |---|---|
//! | `/livez` | 200 while the process runs its loop |
//! | `/readyz` | 200 once everything is built and until the stop begins |
//! | `/delivering` | 503 while nothing gets through to Cloud ALM |
//! | `/status` | the state as JSON |
//! | `/metrics` | the self-metrics as Prometheus text |
//! | `/` | the page |
//!
//! Only GET and HEAD; a foreign `Host` is refused, so that no page on the web can read ours through a name it controls. Nothing here can
//! change anything.

mod page;

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;

use crate::agent::status::Status;
use crate::http::server::{Handler, RequestBody};
use crate::telemetry::instruments::Instruments;

/// Where the admin port gets its answers.
pub struct Admin {
    status: Box<dyn Fn() -> Status + Send + Sync>,
    instruments: Arc<Instruments>,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

impl Admin {
    /// Answers from what `status` says at the moment it is asked.
    pub fn new(status: impl Fn() -> Status + Send + Sync + 'static, instruments: Arc<Instruments>) -> Self {
        Self { status: Box::new(status), instruments }
    }

    /// Answers one request.
    pub fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Response<Bytes> {
        if !host_is_ours(headers) {
            return text(StatusCode::MISDIRECTED_REQUEST, "this port answers to addresses and localhost only\n");
        }
        if method != Method::GET && method != Method::HEAD {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "this port is read-only\n");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let mut response = match path {
            "/livez" => text(StatusCode::OK, "alive\n"),
            "/readyz" => self.ready(),
            "/delivering" => self.delivering(),
            "/status" => self.json(),
            "/metrics" => typed("text/plain; version=0.0.4; charset=utf-8", self.instruments.text()),
            "/" => typed("text/html; charset=utf-8", page::render(&(self.status)())),
            "/style.css" => typed("text/css; charset=utf-8", page::STYLE.to_owned()),
            _ => text(StatusCode::NOT_FOUND, "try /, /status, /metrics, /livez, /readyz or /delivering\n"),
        };
        if method == Method::HEAD {
            *response.body_mut() = Bytes::new();
        }
        response
    }

    fn ready(&self) -> Response<Bytes> {
        match (self.status)().state.as_str() {
            "starting" => text(StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
            "stopping" => text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
            _ => text(StatusCode::OK, "ready\n"),
        }
    }

    fn delivering(&self) -> Response<Bytes> {
        let status = (self.status)();
        if status.delivering {
            return text(StatusCode::OK, "delivering\n");
        }
        let reasons: Vec<String> = status
            .services
            .iter()
            .filter(|service| !service.reason.is_empty())
            .map(|service| format!("{}: {}\n", service.name, service.reason))
            .chain(status.token.error.iter().map(|error| format!("token: {error}\n")))
            .collect();
        text(StatusCode::SERVICE_UNAVAILABLE, format!("nothing gets through\n{}", reasons.concat()))
    }

    fn json(&self) -> Response<Bytes> {
        match serde_json::to_vec(&(self.status)()) {
            Ok(body) => typed("application/json", body),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        }
    }
}

impl Handler for Admin {
    type Body = Full<Bytes>;

    async fn handle(&self, request: Request<RequestBody>) -> Response<Full<Bytes>> {
        self.answer(request.method(), request.uri().path(), request.headers()).map(Full::new)
    }

    fn unauthorized(&self, _head: &Parts) -> (Full<Bytes>, &'static str) {
        (Full::new(Bytes::from_static(b"a bearer token is required\n")), "text/plain; charset=utf-8")
    }
}

/// A name that somebody else controls could point at our address (DNS rebinding); an address cannot.
fn host_is_ours(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else { return true };
    let Ok(host) = host.to_str() else { return false };
    let Ok(url) = format!("http://{host}/").parse::<url::Url>() else { return false };
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(_) => true,
        None => false,
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = typed("text/plain; charset=utf-8", body);
    *response.status_mut() = status;
    response
}

fn typed(content_type: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
