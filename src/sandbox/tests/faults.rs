//! Faults and habits over the wire: each service, each form, many at once.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Call, Rig, START_SECONDS, Tls, attribute, gauge, metrics, status};
use crate::sandbox::{Landscape, Options};

fn one() -> String {
    metrics(&[gauge("memory", 1.0)])
}

#[tokio::test]
async fn retry_after_comes_in_each_of_its_forms() {
    let rig = Rig::start().await;
    let header = async |form: Value| {
        rig.turn("push", json!({"status": 429, "times": 1, "retry_after": form})).await;
        let reply = rig.push("").body(&one()).send().await.unwrap();
        assert_eq!(reply.status, 429);
        reply.header("retry-after").map(str::to_owned)
    };
    assert_eq!(header(json!({"form": "missing"})).await, None);
    assert_eq!(header(json!({"form": "seconds", "seconds": 3})).await.as_deref(), Some("3"));
    let at = |text: Option<String>| httpdate::parse_http_date(&text.unwrap()).unwrap();
    let start = std::time::UNIX_EPOCH + std::time::Duration::from_secs(START_SECONDS);
    let ahead = at(header(json!({"form": "http_date", "seconds": 600})).await).duration_since(start).unwrap();
    assert!((600..660).contains(&ahead.as_secs()), "{ahead:?}");
    assert!(at(header(json!({"form": "past"})).await) < start);
    assert!(header(json!({"form": "absurd"})).await.unwrap().parse::<u64>().unwrap() > 100_000_000);
    assert!(header(json!({"form": "garbage"})).await.unwrap().parse::<u64>().is_err());
}

#[tokio::test]
async fn each_service_has_a_queue_of_its_own() {
    let rig = Rig::start().await;
    for name in ["token", "push", "outbound", "landscape"] {
        rig.turn(name, json!({"status": 502, "times": 1})).await;
    }
    let statuses = async || {
        let outbound = "/calm-metrics/v1/metrics?provider=hm&period=L1H&dimensions=serviceId&metrics=measure:value";
        [
            rig.token_request(&rig.credentials()).await.status,
            rig.push("").body(&one()).send().await.unwrap().status,
            rig.api("GET", outbound).send().await.unwrap().status,
            rig.api("GET", "/calm-landscape/v1/landscapeObjects").send().await.unwrap().status,
        ]
    };
    assert_eq!(statuses().await, [502; 4]);
    assert_eq!(statuses().await, [200; 4]);
    assert_eq!(rig.page("/knobs").await.json()["push"], json!([]));
}

#[tokio::test]
async fn resetting_one_queue_leaves_the_others() {
    let rig = Rig::start().await;
    rig.turn("push", json!({"status": 502})).await;
    rig.turn("landscape", json!({"status": 502})).await;
    let page = &rig.landscape.facts().page;
    assert_eq!(Call::new("DELETE", &format!("{page}/knobs/push")).send().await.unwrap().status, 200);
    assert_eq!(Call::new("DELETE", &format!("{page}/knobs/nothing")).send().await.unwrap().status, 404);
    assert_eq!(rig.push("").body(&one()).send().await.unwrap().status, 200);
    assert_eq!(rig.api("GET", "/calm-landscape/v1/landscapeObjects").send().await.unwrap().status, 502);
}

#[tokio::test]
async fn a_token_of_another_landscape_is_refused() {
    let (rig, other) = (Rig::start().await, Rig::start().await);
    let reply =
        rig.push("").header("authorization", &format!("Bearer {}", other.token)).body(&one()).send().await.unwrap();
    assert_eq!((reply.status, reply.text().contains("not one of this tenant")), (401, true));
    assert_eq!(rig.token_request(&other.credentials()).await.status, 401);
}

#[tokio::test]
async fn the_habits_that_the_public_text_leaves_open_can_be_turned() {
    let rig = Rig::start().await;
    let two = json!({"name": "two", "gauge": {"dataPoints": [
        {"asDouble": 1, "attributes": [attribute("host", "a")]}, {"asDouble": 2, "attributes": [attribute("host", "b")]}]}});
    let dev = async |metric: &Value| {
        rig.push("&dev=true").body(&metrics(std::slice::from_ref(metric))).send().await.unwrap().status
    };
    assert_eq!(dev(&two).await, 400);
    rig.turn("limits", json!({"one_point_per_gauge": false})).await;
    assert_eq!(dev(&two).await, 200);
    assert_eq!(rig.rows(0).await.len(), 2, "attributes tell rows apart");

    rig.turn("limits", json!({"label_from": "nothing"})).await;
    assert_eq!(dev(&two).await, 200);
    let merged = rig.rows(0).await.into_iter().find(|row| row["label"] == ":").unwrap();
    assert_eq!(merged["value"], 2.0, "or they do not, and the last one wins");

    rig.turn("limits", json!({"dev_error_status": 422})).await;
    assert_eq!(dev(&status("s", "purple", "")).await, 422);

    let mut unknown = gauge("u", 1.0);
    unknown["colour"] = json!("red");
    assert_eq!(dev(&unknown).await, 400);
    rig.turn("limits", json!({"refuse_unknown_fields": false})).await;
    assert_eq!(dev(&unknown).await, 200);
}

#[tokio::test]
async fn an_old_point_changes_the_tile_only_when_asked() {
    let rig = Rig::start().await;
    let at = |second: u64, value: f64| {
        let time = format!("{}000000000", START_SECONDS - 1_000 + second);
        json!({"name": "m", "gauge": {"dataPoints": [{"asDouble": value, "timeUnixNano": time}]}})
    };
    let push = async |metric: Value| {
        assert_eq!(rig.push("&dev=true").body(&metrics(&[metric])).send().await.unwrap().status, 200);
        rig.rows(0).await[0]["value"].as_f64().unwrap()
    };
    assert_eq!(push(at(500, 5.0)).await, 5.0);
    assert_eq!(push(at(100, 1.0)).await, 5.0);
    rig.turn("limits", json!({"late_points_are_current": true})).await;
    assert_eq!(push(at(200, 2.0)).await, 2.0);
    let rows = rig.rows(0).await;
    let values: Vec<f64> =
        rows[0]["history"].as_array().unwrap().iter().map(|reading| reading["value"].as_f64().unwrap()).collect();
    assert_eq!(values, [1.0, 2.0, 5.0]);
}

#[tokio::test]
async fn many_at_once_are_each_executed_and_recorded_once() {
    let rig = Rig::start().await;
    let page = rig.landscape.facts().page.clone();
    Call::new("DELETE", &format!("{page}/knobs/requests")).send().await.unwrap();
    let bodies: Vec<String> = (0..60).map(|number| metrics(&[gauge(&format!("m{number}"), 1.0)])).collect();
    let mut set = tokio::task::JoinSet::new();
    for body in &bodies {
        let call = rig.push("").body(body);
        set.spawn(async move { call.send().await.unwrap().status });
    }
    assert!(set.join_all().await.into_iter().all(|status| status == 200));
    assert_eq!(rig.rows(0).await.len(), 60);
    let log = rig.page("/view/requests").await.json();
    let ids: BTreeSet<&str> =
        log["requests"].as_array().unwrap().iter().map(|record| record["correlation_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 60);
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let rig = Rig::start().await;
    let address = rig.landscape.facts().uaa.trim_start_matches("http://").to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    for _ in 0..3 {
        let request = format!("GET /token_keys HTTP/1.1\r\nhost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"}]}") {
            let mut buffer = [0; 4_096];
            let count = stream.read(&mut buffer).await.unwrap();
            assert_ne!(count, 0, "the connection was closed");
            answer.extend_from_slice(&buffer[..count]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
    }
}

#[tokio::test]
async fn the_x509_endpoint_speaks_tls_alone_and_only_to_who_trusts_it() {
    let rig = Rig::start_at(crate::clock::Clock::system()).await;
    let key = super::read_json(&rig.dir.path().join("service-key-x509.json"));
    let url = format!("{}/token_keys", key["uaa"]["certurl"].as_str().unwrap());
    let get = |url: &str| Call::new("GET", url);
    assert!(get(&url.replace("https://", "http://")).send().await.is_err());
    let authority = std::fs::read(rig.dir.path().join("ca.pem")).unwrap();
    assert_eq!(get(&url).tls(&Tls::new(&authority, None)).send().await.unwrap().status, 200);
    let other = Rig::start().await;
    let stranger = std::fs::read(other.dir.path().join("ca.pem")).unwrap();
    assert!(get(&url).tls(&Tls::new(&stranger, None)).send().await.is_err());
}

#[tokio::test]
async fn names_of_any_kind_survive_in_every_file_and_page() {
    let dir = tempfile::tempdir().unwrap();
    let name = "it's \"odd\" \\ <b>ünïcode</b>";
    let options = Options {
        dir: Some(dir.path().to_owned()),
        services: vec![(name.to_owned(), "X".to_owned())],
        ..Options::default()
    };
    let landscape = Landscape::start(options).await.unwrap();
    let text = std::fs::read_to_string(&landscape.facts().config_file).unwrap();
    let config: toml::Table = toml::from_str(&text).unwrap();
    assert_eq!(config["services"][0]["name"].as_str(), Some(name));
    assert_eq!(super::read_json(&dir.path().join("landscape.json"))["services"][0]["name"], name);
    let page = Call::new("GET", &landscape.facts().page).send().await.unwrap().text();
    assert!(page.contains("&lt;b&gt;ünïcode") && !page.contains("<b>"));
    landscape.stop().await;
}

#[tokio::test]
async fn a_second_landscape_in_the_same_directory_replaces_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let start =
        async || Landscape::start(Options { dir: Some(dir.path().to_owned()), ..Options::default() }).await.unwrap();
    let first = start().await;
    let second = start().await;
    assert_ne!(first.facts().uaa, second.facts().uaa);
    assert_eq!(super::read_json(&dir.path().join("landscape.json")), json!(second.facts()));
    first.stop().await;
    second.stop().await;
    assert!(dir.path().join("landscape.json").exists(), "a named directory stays");
}
