//! What the tests of this room share: a running landscape and a small HTTP client of their own.
//!
//! Owns a client that shares nothing with the one of the agent: it writes the bytes of a request and reads those of the answer. Time is moved
//! by the landscape's own knob, so no test waits.

mod faults;
mod stories;
mod wire;

use std::path::Path;

use serde_json::{Value, json};

pub(crate) use wire::{Call, Reply, Tls};

use super::{Landscape, Options};
use crate::clock::{Clock, Timestamp};

/// 2026-07-22T06:00:00Z, the beginning of a bucket of five minutes.
pub(crate) const START_SECONDS: u64 = 1_784_700_000;

/// A landscape, its files and a token.
pub(crate) struct Rig {
    pub(crate) landscape: Landscape,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) key: Value,
    pub(crate) token: String,
}

impl Rig {
    /// A ready landscape whose clock begins at [`START_SECONDS`].
    pub(crate) async fn start() -> Self {
        Self::start_at(Clock::starting_at(Timestamp::from_secs(START_SECONDS))).await
    }

    /// A ready landscape with two services.
    pub(crate) async fn start_at(clock: Clock) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let services = [("orders", "SAP_CP_CF"), ("billing", "SAP_S4HANA")];
        let options = Options {
            dir: Some(dir.path().to_owned()),
            services: services.map(|(name, kind)| (name.to_owned(), kind.to_owned())).to_vec(),
            ..Options::default()
        };
        let landscape = Landscape::start_at(options, clock).await.unwrap();
        let key = read_json(&dir.path().join("service-key.json"));
        let mut rig = Self { landscape, dir, key, token: String::new() };
        rig.token = rig.fetch_token().await;
        rig
    }

    /// A fresh token.
    pub(crate) async fn fetch_token(&self) -> String {
        let reply = self.token_request(&self.credentials()).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// `grant_type` and the credentials of the key, form encoded.
    pub(crate) fn credentials(&self) -> String {
        let text = |name: &str| self.key["uaa"][name].as_str().unwrap();
        url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", text("clientid"))
            .append_pair("client_secret", text("clientsecret"))
            .finish()
    }

    /// A form posted to the token service.
    pub(crate) async fn token_request(&self, form: &str) -> Reply {
        Call::post(&format!("{}/oauth/token", self.landscape.facts().uaa))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await
            .unwrap()
    }

    /// The id of the service at `index`.
    pub(crate) fn service(&self, index: usize) -> &str {
        &self.landscape.facts().services[index].service_id
    }

    /// A request to a path below the API base, with the token.
    pub(crate) fn api(&self, method: &str, path: &str) -> Call {
        Call::new(method, &format!("{}{path}", self.landscape.facts().cloud_alm))
            .header("authorization", &format!("Bearer {}", self.token))
    }

    /// A push to the first service that only lacks its body.
    pub(crate) fn push(&self, more: &str) -> Call {
        let id = self.service(0);
        self.api("POST", &format!("/calm-metrics/v1/metrics?useCase=hm&serviceId={id}{more}"))
            .header("content-type", "application/json")
    }

    /// A knob.
    pub(crate) async fn knob(&self, name: &str, value: Value) -> Reply {
        let url = format!("{}/knobs/{name}", self.landscape.facts().page);
        Call::new("PUT", &url).body(&value.to_string()).send().await.unwrap()
    }

    /// A knob that must be accepted.
    pub(crate) async fn turn(&self, name: &str, value: Value) {
        let reply = self.knob(name, value).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    /// Moves the clock so far from where it began.
    pub(crate) async fn at_second(&self, seconds: i64) {
        self.turn("clock", json!({"skew_seconds": seconds})).await;
    }

    /// A page or view.
    pub(crate) async fn page(&self, path: &str) -> Reply {
        Call::new("GET", &format!("{}{path}", self.landscape.facts().page)).send().await.unwrap()
    }

    /// The rows of the service at `index`.
    pub(crate) async fn rows(&self, index: usize) -> Vec<Value> {
        let view = self.page("/view/services").await.json();
        view["services"][index]["rows"].as_array().unwrap().clone()
    }

    /// The newest record of the request log.
    pub(crate) async fn last_request(&self) -> Value {
        self.page("/view/requests").await.json()["requests"][0].clone()
    }
}

/// A file's JSON.
pub(crate) fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A request body with these metrics.
pub(crate) fn metrics(list: &[Value]) -> String {
    json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": list}]}]}).to_string()
}

/// A gauge of now.
pub(crate) fn gauge(name: &str, value: f64) -> Value {
    json!({"name": name, "unit": "mb", "gauge": {"dataPoints": [{"asDouble": value}]}})
}

/// A status of now.
pub(crate) fn status(name: &str, rating: &str, text: &str) -> Value {
    json!({"name": name, "description": text, "gauge": {"dataPoints": [{"asDouble": 1, "attributes": [
        attribute("sap.calm.hm.metric.type", "status"), attribute("sap.calm.hm.metric.rating", rating)]}]}})
}

/// One attribute.
pub(crate) fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}
