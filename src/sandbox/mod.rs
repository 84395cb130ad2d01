//! A faithful local landscape of the SAP side: the token service, Cloud ALM inbound and outbound, Landscape Management, and a page that
//! shows what Health Monitoring would show.
//!
//! It is written from SAP's public text, samples and screenshots, and from what a genuine UAA 4.30.0 answers; never from our client. It
//! imports only the foundation and third-party crates, so that a mistake in our client cannot hide in our simulator: a request that the
//! real system would refuse must fail here. Where the public text is silent, the strict reading is the default and a knob opens it.
//!
//! ```text
//!            ┌────────────── State: tenant, keys, managed services with their rows, knobs, request log ──────────────┐
//!            │                        │                         │                          │                        │
//!  token (uaa, http)     token (uaa, https, x509)     api: push, outbound, objects     page: HTML, /view, /knobs   (more to come)
//!            └───── guard: fault → correlation id → handler → record ─────┘
//! ```
//!
//! One file or folder per service, one router and one loopback port each, all state in one place. Everything is bounded: bodies, rows,
//! histories, the request log, connections. Nothing leaves loopback, no secret is logged or shown.
//!
//! The landscape is turned by knobs over HTTP, on the page's address; the table of routes is in `knobs/http.rs`. The shortest useful ones:
//!
//! * `PUT /knobs/push {"status": 503, "times": 3}` – the next three pushes fail; also `delay_ms`, `drop` (executed, answer lost), `reset`,
//!   `truncate`, `retry_after` (`{"form": "seconds", "seconds": 7}`, `http_date`, `past`, `absurd`, `garbage`, `missing`), `consumer_error`
//! * `PUT /knobs/limits {"json_bytes": 20000, "requests_per_minute": 10}` – every limit
//! * `PUT /knobs/tokens {"life_seconds": 60}`, `{"key_revoked": true}`, `{"authorities": ["calm-api.metrics.write"]}`
//! * `PUT /knobs/services/<id> {"collection": false}` – 403 for that service; `{"in_landscape": false}` – unknown to the consumer
//! * `POST /knobs/rotate` – a new secret in `service-key.json`, the old one refused
//! * `GET /view/services`, `GET /knobs/requests` – what arrived, as JSON; `DELETE /knobs` – all back to the defaults

mod access;
mod api;
mod files;
mod guard;
mod health;
mod keys;
mod knobs;
mod landscape;
mod objects;
mod outbound;
mod page;
mod problem;
mod push;
mod random;
mod record;
mod serve;
mod state;
#[cfg(test)]
mod tests;
mod tls;
mod token;

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Serialize;

pub use landscape::Landscape;
pub use tls::TlsError;

/// How far the enablement of the account has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum AccountState {
    /// A service key with the push and read scopes exists.
    #[default]
    Ready,
    /// The plan of the Cloud ALM API is visible; there is no instance.
    Entitled,
    /// Nothing is enabled.
    Empty,
}

/// What a landscape is started with; the default is a temporary, ready one.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where the files go; a fresh temporary directory if not given, removed by [`Landscape::stop`].
    pub dir: Option<PathBuf>,
    /// How far the enablement has come.
    pub state: AccountState,
    /// Where the page listens; a free loopback port if not given. The other services always take free loopback ports.
    pub listen: Option<SocketAddr>,
    /// Name and type code (such as `SAP_CP_CF`) of each managed service, whose ids are made; a few if none are given.
    pub services: Vec<(String, String)>,
}

/// Where everything is: exactly `landscape.json`. URLs have no trailing slash; what does not exist is null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The page and the knobs.
    pub page: String,
    /// The base of the API, `endpoints.Api` of the key, so it ends in `/api`.
    pub cloud_alm: String,
    /// The token service, `uaa.url` of the key.
    pub uaa: String,
    /// The Cloud Foundry API.
    pub cf_api: Option<String>,
    /// The login server of Cloud Foundry.
    pub cf_uaa: Option<String>,
    /// The BTP REST services.
    pub btp: Option<String>,
    /// Service Manager.
    pub service_manager: Option<String>,
    /// A user of Cloud Foundry and BTP.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<String>,
    /// The organisation of Cloud Foundry.
    pub org: Option<String>,
    /// The global account's GUID.
    pub global_account: Option<String>,
    /// The GUID of the subaccount whose tenant this is.
    pub subaccount: Option<String>,
    /// The managed services.
    pub services: Vec<ServiceFacts>,
    /// The service key; only in state *ready*.
    pub service_key_file: Option<PathBuf>,
    /// The key of the Cloud Management service.
    pub cis_key_file: PathBuf,
    /// A complete configuration of the agent.
    pub config_file: PathBuf,
}

/// One managed service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceFacts {
    /// Its name in Landscape Management.
    pub name: String,
    /// Its LMS GUID: what a push names as `serviceId`.
    pub service_id: String,
}

/// Why a landscape could not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// An address is taken or not ours.
    #[error("cannot listen on {address}: is another sandbox running there?")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file or directory could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The path.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// TLS of the x509 token endpoint.
    #[error("cannot prepare TLS of the token service")]
    Tls(#[from] TlsError),
    /// The key that signs tokens.
    #[error("cannot make the key that signs tokens")]
    TokenKey,
}
