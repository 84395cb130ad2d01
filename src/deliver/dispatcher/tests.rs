//! The whole way over real sockets, against a Cloud ALM and token service of a page that enforce what SAP's samples show.
//!
//! What needs long waits is told in virtual time beside the scheduler and the token source; here every story fits into the first burst.

use std::collections::{BTreeMap, VecDeque};

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::*;
use crate::clock::Timestamp;
use crate::deliver::testing::{batch, change, fresh, gauge, service_id, status};
use crate::deliver::{Encoding, MemoryOutbox};
use crate::http::ClientConfig;
use crate::metric::{Class, Rating};
use crate::sap::service_key::{KeyOptions, KeyWatcher, Keyed, Location, ServiceKey};
use crate::sap::uaa::{BoxFuture, Fetch, Issued, TokenError};
use crate::shutdown::Tasks;

/// What the other side is like.
#[derive(Debug)]
struct Tenant {
    /// Forced answers of pushes, in turn: status, extra header.
    script: VecDeque<(u16, &'static str, &'static str)>,
    /// Names whose points are not accepted.
    poison: &'static str,
    max_bytes: usize,
    secret: String,
    token_requests: u32,
    /// Tokens with a number below this are refused.
    valid_from: u32,
    scopes: &'static str,
    collects: bool,
    accepted: BTreeMap<String, Vec<String>>,
    pushes: Vec<(StatusCode, String)>,
}

type Shared = Arc<Mutex<Tenant>>;

async fn serve(tenant: Shared, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 4 << 20).await.unwrap();
    let mut tenant = tenant.lock().unwrap();
    if parts.uri.path() == "/oauth/token" {
        return tenant.token(&String::from_utf8_lossy(&body));
    }
    let authorization = parts.headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    let target = parts.uri.to_string();
    let protobuf = parts.headers[header::CONTENT_TYPE] == "application/x-protobuf";
    let body = if parts.headers.contains_key(header::CONTENT_ENCODING) {
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&body[..]), &mut plain).unwrap();
        plain
    } else {
        body.to_vec()
    };
    let (status, extra, text) = tenant.push(&target, authorization.as_deref(), &body, protobuf);
    let status = StatusCode::from_u16(status).unwrap();
    tenant.pushes.push((status, target));
    let mut response = (status, text).into_response();
    response.headers_mut().insert("x-correlationid", "corr-1".parse().unwrap());
    if let Some((name, value)) = extra.split_once(": ") {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

impl Tenant {
    fn token(&mut self, form: &str) -> Response {
        self.token_requests += 1;
        let wanted = format!("client_secret={}", self.secret);
        if !form.contains("grant_type=client_credentials")
            || !form.contains("client_id=sb-agent%21b1%7Calm%21b7")
            || !form.contains(&wanted)
        {
            let body = json!({ "error": "unauthorized", "error_description": "Bad credentials" }).to_string();
            return (StatusCode::UNAUTHORIZED, body).into_response();
        }
        let token = format!("token-{}", self.token_requests);
        json!({ "access_token": token, "expires_in": 43_199, "scope": self.scopes }).to_string().into_response()
    }

    fn push(
        &mut self,
        target: &str,
        authorization: Option<&str>,
        body: &[u8],
        protobuf: bool,
    ) -> (u16, &'static str, &'static str) {
        if !target.starts_with("/api/calm-metrics/v1/metrics?useCase=hm&") {
            return (404, "", "");
        }
        let Some(service) = target.split("serviceId=").nth(1).map(|rest| rest[..36].to_owned()) else {
            return (428, "", "A required parameter is missing : serviceId");
        };
        let number = authorization.and_then(|text| text.strip_prefix("Bearer token-")?.parse().ok()).unwrap_or(0);
        if number < self.valid_from.max(1) {
            return (401, "", "");
        }
        if let Some(answer) = self.script.pop_front() {
            return answer;
        }
        if !self.scopes.contains("metrics.write") || !self.collects {
            return (403, "", "forbidden");
        }
        if body.len() > self.max_bytes {
            return (413, "", "");
        }
        let names = names(body, protobuf);
        if !self.poison.is_empty() && names.iter().any(|name| name == self.poison) {
            return (400, "", r#"{"error":{"message":"bad point"}}"#);
        }
        self.accepted.entry(service).or_default().extend(names);
        (200, "", "")
    }
}

fn names(body: &[u8], protobuf: bool) -> Vec<String> {
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
    let request: ExportMetricsServiceRequest =
        if protobuf { prost::Message::decode(body).unwrap() } else { serde_json::from_slice(body).unwrap() };
    let metrics = request.resource_metrics.iter().flat_map(|r| &r.scope_metrics).flat_map(|s| &s.metrics);
    metrics.map(|metric| metric.name.clone()).collect()
}

/// A dispatcher and the tenant that it delivers to.
struct Scene {
    tenant: Shared,
    dispatcher: Arc<Dispatcher>,
    ledger: Arc<Ledger>,
    board: Arc<Board>,
    tasks: Tasks,
}

fn key_text(base: &str, secret: &str) -> String {
    let uaa = json!({ "clientid": "sb-agent!b1|alm!b7", "clientsecret": secret, "url": base });
    json!({ "endpoints": { "Api": format!("{base}/api") }, "uaa": uaa }).to_string()
}

async fn tenant() -> (Shared, String, Tasks) {
    let tenant = Arc::new(Mutex::new(Tenant {
        script: VecDeque::new(),
        poison: "",
        max_bytes: 1_000_000,
        secret: "one".into(),
        token_requests: 0,
        valid_from: 0,
        scopes: "alm!b7.calm-api.metrics.write alm!b7.calm-api.hm.write",
        collects: true,
        accepted: BTreeMap::new(),
        pushes: Vec::new(),
    }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let tasks = Tasks::default();
    let shared = Arc::clone(&tenant);
    let router = axum::Router::new().fallback(move |request| serve(Arc::clone(&shared), request));
    tasks.spawn("tenant", async move { axum::serve(listener, router).await.unwrap() });
    (tenant, base, tasks)
}

fn dispatcher(
    keys: KeyReceiver,
    tokens: Arc<TokenSource>,
    config: Config,
) -> (Arc<Dispatcher>, Arc<Ledger>, Arc<Board>) {
    let clock = clock();
    let (ledger, board) = (Arc::new(Ledger::default()), Arc::new(Board::new(clock.clone())));
    let surroundings = Surroundings { keys, tokens, ledger: Arc::clone(&ledger), board: Arc::clone(&board), clock };
    let dispatcher = Dispatcher::new(config, Box::new(MemoryOutbox::default()), surroundings).unwrap();
    (Arc::new(dispatcher), ledger, board)
}

fn clock() -> Clock {
    Clock::starting_at(Timestamp::from_secs(crate::deliver::testing::EPOCH))
}

async fn scene(config: Config) -> Scene {
    let (tenant, base, tasks) = tenant().await;
    let key = ServiceKey::parse(&key_text(&base, "one"), &KeyOptions::default()).unwrap();
    let keys = KeyReceiver::fixed(key);
    let tokens = Arc::new(TokenSource::new(keys.clone(), ClientConfig::default(), clock()));
    let (dispatcher, ledger, board) = dispatcher(keys, tokens, config);
    Scene { tenant, dispatcher, ledger, board, tasks }
}

impl Scene {
    fn offer(&self, batch: Batch) {
        self.ledger.accept(batch.points());
        self.dispatcher.offer(batch).unwrap();
    }

    async fn drain(&self) -> Drained {
        let drained = self.dispatcher.drain(Duration::from_secs(20)).await;
        assert!(self.ledger.balance().balanced, "{:?}", self.ledger.balance());
        drained
    }

    fn statuses(&self) -> Vec<u16> {
        self.tenant.lock().unwrap().pushes.iter().map(|(status, _)| status.as_u16()).collect()
    }

    fn accepted(&self, service: &str) -> Vec<String> {
        self.tenant.lock().unwrap().accepted.get(service_id(service).as_str()).cloned().unwrap_or_default()
    }

    fn scripted(&self, answers: &[(u16, &'static str, &'static str)]) {
        self.tenant.lock().unwrap().script.extend(answers);
    }
}

fn rows(count: usize) -> Vec<crate::metric::Row> {
    (0..count).map(|index| gauge(&format!("m{index}"), 1.0)).collect()
}

#[tokio::test]
async fn what_is_offered_arrives_under_its_service_in_every_encoding() {
    for (encoding, compression) in [
        (Encoding::Json, crate::deliver::Compression::None),
        (Encoding::Json, crate::deliver::Compression::Gzip),
        (Encoding::Protobuf, crate::deliver::Compression::None),
    ] {
        let scene = scene(Config { encoding, compression, ..Config::default() }).await;
        scene.offer(fresh("orders", 0, rows(2)));
        scene.offer(change("orders", 0, "Reachable", Rating::Ok));
        scene.offer(fresh("shop", 0, rows(1)));
        let drained = scene.drain().await;
        assert!(drained.complete && drained.queued_points == 0, "{drained:?}");
        assert_eq!(scene.accepted("orders"), ["Reachable", "m0", "m1"]);
        assert_eq!(scene.accepted("shop"), ["m0"]);
        assert_eq!(scene.ledger.balance().delivered, 6);
        let tenant = scene.tenant.lock().unwrap();
        assert_eq!((tenant.token_requests, tenant.pushes.len()), (1, 2));
        assert!(tenant.pushes[0].1.ends_with("&dev=false"), "{:?}", tenant.pushes);
    }
}

#[tokio::test]
async fn a_401_is_answered_with_one_new_token_and_nobody_notices() {
    let scene = scene(Config::default()).await;
    scene.tenant.lock().unwrap().valid_from = 2;
    scene.offer(fresh("a", 0, rows(2)));
    assert!(scene.drain().await.complete);
    assert_eq!((scene.statuses(), scene.tenant.lock().unwrap().token_requests), (vec![401, 200], 2));
}

#[tokio::test]
async fn a_401_with_a_new_token_parks_everything() {
    let scene = scene(Config::default()).await;
    scene.tenant.lock().unwrap().valid_from = 99;
    scene.offer(fresh("a", 0, rows(2)));
    scene.offer(fresh("b", 0, rows(2)));
    let drained = scene.drain().await;
    assert!(!drained.complete && drained.queued_points == 8, "{drained:?}");
    assert_eq!(scene.tenant.lock().unwrap().token_requests, 2);
    assert_eq!(drained.snapshot.state, "parked");
    assert!(drained.snapshot.reason.is_some_and(|reason| reason.contains("401")));
    assert!(drained.snapshot.hint.is_some());
    assert_eq!(scene.board.get(&Component::Credential).unwrap().state, State::Parked);
}

#[tokio::test]
async fn a_403_parks_the_lane_and_says_what_to_do() {
    for (scopes, expected) in [
        ("alm!b7.uaa.resource", "lacks"),
        ("alm!b7.calm-api.metrics.write alm!b7.calm-api.hm.write", "refuses the service"),
    ] {
        let scene = scene(Config::default()).await;
        {
            let mut tenant = scene.tenant.lock().unwrap();
            (tenant.scopes, tenant.collects) = (scopes, false);
        }
        scene.offer(change("a", 0, "Reachable", Rating::Ok));
        let drained = scene.drain().await;
        assert_eq!((scene.statuses(), scene.tenant.lock().unwrap().token_requests), (vec![403, 403], 2));
        let lane = &drained.snapshot.lanes[0];
        assert_eq!((lane.state, lane.queued_rows), ("parked", 1));
        assert!(lane.reason.as_ref().is_some_and(|reason| reason.contains(expected)), "{lane:?}");
        assert!(lane.hint.is_some());
        assert_eq!(drained.snapshot.refusals[0].correlation, [("x-correlationid".to_owned(), "corr-1".to_owned())]);
        assert_eq!(scene.board.get(&Component::Lane("a".into())).unwrap().state, State::Parked);
    }
}

#[tokio::test]
async fn a_wrong_address_parks_and_shows_the_address() {
    for answer in [404, 405, 410, 302] {
        let scene = scene(Config::default()).await;
        scene.scripted(&[(answer, "location: http://127.0.0.1:1/", "")]);
        scene.offer(fresh("a", 0, rows(3)));
        let drained = scene.drain().await;
        assert_eq!(drained.queued_points, 6);
        let reason = drained.snapshot.lanes[0].reason.clone().unwrap();
        assert!(
            reason.contains("127.0.0.1/api/calm-metrics/v1/metrics") && reason.contains(&answer.to_string()),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn a_413_is_sent_in_two_halves() {
    let scene = scene(Config::default()).await;
    scene.offer(fresh("a", 0, rows(200)));
    scene.tenant.lock().unwrap().max_bytes = 15_000;
    let drained = scene.drain().await;
    assert!(drained.complete && drained.snapshot.learned_bytes.is_some());
    assert_eq!(scene.statuses()[..2], [413, 200]);
    assert_eq!(scene.accepted("a").len(), 200);
}

#[tokio::test]
async fn poison_is_buried_with_the_answer_beside_it() {
    for answer in [400, 415, 422, 428] {
        let scene = scene(Config::default()).await;
        scene.scripted(&[(answer, "", "bad"), (200, "", ""), (answer, "", "bad")]);
        scene.offer(fresh("a", 0, rows(2)));
        let drained = scene.drain().await;
        assert!(drained.complete && drained.dead_letters == 1, "{answer}: {drained:?}");
        let letter = &scene.dispatcher.dead_letters()[0];
        assert_eq!((&*letter.row.name, letter.service.as_str()), ("m1", "a"));
        assert!(letter.cause.to_string().contains(&format!("{answer}: bad")), "{}", letter.cause);
        assert_eq!(letter.correlation.0[0].1, "corr-1");
    }
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    for answer in [408, 429, 502, 503, 504] {
        let scene = scene(Config::default()).await;
        scene.scripted(&[(answer, "retry-after: 0", "")]);
        scene.offer(change("a", 0, "Reachable", Rating::Ok));
        assert!(scene.drain().await.complete, "{answer}");
        assert_eq!(scene.statuses(), [answer, 200]);
    }
}

#[tokio::test]
async fn a_500_is_tried_again() {
    let scene = scene(Config::default()).await;
    scene.scripted(&[(500, "", "")]);
    scene.offer(change("a", 0, "Reachable", Rating::Ok));
    assert!(scene.drain().await.complete);
    assert_eq!(scene.statuses(), [500, 200]);
}

#[tokio::test]
async fn a_partial_success_is_counted_and_not_sent_again() {
    let scene = scene(Config::default()).await;
    scene.scripted(&[(
        200,
        "content-type: application/json",
        r#"{"partialSuccess":{"rejectedDataPoints":"1","errorMessage":"old"}}"#,
    )]);
    scene.offer(fresh("a", 0, rows(2)));
    assert!(scene.drain().await.complete);
    let balance = scene.ledger.balance();
    assert_eq!((balance.rejected, balance.delivered, scene.statuses().len()), (2, 2, 1));
}

#[tokio::test]
async fn a_refused_key_loses_nothing_and_a_new_one_is_used_at_once() {
    let (tenant, base, tasks) = tenant().await;
    tenant.lock().unwrap().secret = "two".into();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key.json");
    crate::secret::write_file(&path, &key_text(&base, "one")).unwrap();
    let watcher = Arc::new(KeyWatcher::new(Location::File(path.clone()), KeyOptions::default()).unwrap());
    let tokens = Arc::new(TokenSource::new(watcher.receiver(), ClientConfig::default(), clock()));
    let (dispatcher, ledger, board) = dispatcher(watcher.receiver(), tokens, Config::default());
    let (keeper, stop) = (Arc::clone(&watcher), tasks.stop().clone());
    tasks.spawn("key", async move { keeper.run(&stop).await });
    let scene = Scene { tenant, dispatcher, ledger, board, tasks };
    scene.offer(batch("a", Class::Status, 0, vec![status("Reachable", Rating::Fatal)]));
    scene.offer(fresh("a", 0, rows(3)));
    let drained = scene.drain().await;
    assert_eq!((drained.complete, drained.queued_points, drained.snapshot.state), (false, 6, "parked"));
    assert!(drained.snapshot.reason.unwrap().contains("Bad credentials"));
    assert_eq!(scene.tenant.lock().unwrap().token_requests, 1, "a refused credential is not shown again");

    crate::secret::write_file(&path, &key_text(&base, "two")).unwrap();
    let mut keys = watcher.receiver();
    watcher.reload();
    keys.changed().await;
    scene.dispatcher.wake();
    assert!(scene.drain().await.complete);
    assert_eq!(scene.accepted("a").len(), 4);
    scene.tasks.stop().stop();
}

#[tokio::test]
async fn stops_in_order_and_keeps_what_may_not_go() {
    let scene = scene(Config::default()).await;
    let stop = scene.tasks.stop().child();
    let (runner, told) = (Arc::clone(&scene.dispatcher), stop.clone());
    let tasks = Tasks::default();
    tasks.spawn("dispatcher", async move { runner.run(&told, Duration::from_secs(5)).await });
    scene.offer(change("a", 0, "Reachable", Rating::Ok));
    scene.offer(fresh("b", 0, rows(2)));
    stop.stop();
    tasks.ended().await;
    assert_eq!((scene.accepted("a").len(), scene.accepted("b").len()), (1, 2), "what fits is sent");
    assert!(scene.ledger.balance().balanced);
}

/// Refuses every credential and counts.
#[derive(Debug, Default)]
struct Refusing(Mutex<Vec<Instant>>);

impl Fetch for Refusing {
    fn fetch<'a>(&'a self, _: &'a Keyed) -> BoxFuture<'a, Result<Issued, TokenError>> {
        self.0.lock().unwrap().push(Instant::now());
        Box::pin(async { Err(TokenError::Refused { said: "no".into(), x509: false }) })
    }
}

#[tokio::test(start_paused = true)]
async fn under_a_refused_credential_the_token_service_is_asked_twelve_times_an_hour() {
    let key = ServiceKey::parse(&key_text("http://127.0.0.1:1", "one"), &KeyOptions::default()).unwrap();
    let keys = KeyReceiver::fixed(key);
    let wire = Arc::new(Refusing::default());
    let tokens = Arc::new(TokenSource::with_fetch(keys.clone(), Arc::clone(&wire) as Arc<dyn Fetch>, clock()));
    let (dispatcher, ledger, _) = dispatcher(keys, tokens, Config::default());
    let stop = Stop::new();
    let tasks = Tasks::new(stop.clone());
    let runner = Arc::clone(&dispatcher);
    tasks.spawn("dispatcher", async move { runner.run(&stop, Duration::from_secs(1)).await });
    for minute in 0..240 {
        let offered = fresh("a", minute * 60, rows(3));
        ledger.accept(offered.points());
        dispatcher.offer(offered).unwrap();
        dispatcher.offer(change("a", minute * 60, "Reachable", Rating::Ok)).unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    tasks.drain(Duration::from_secs(5)).await.unwrap();
    let asked = wire.0.lock().unwrap().clone();
    for (index, first) in asked.iter().enumerate() {
        let hour = Duration::from_secs(3_600);
        assert!(asked[index..].iter().take_while(|time| **time - *first < hour).count() <= 12);
    }
    assert!(asked.len() > 40);
    let balance = ledger.balance();
    assert!(balance.balanced && balance.queued == 240 * 6, "{balance:?}");
}

#[tokio::test]
async fn the_snapshot_has_the_shape_of_status_and_no_secret() {
    let scene = scene(Config::default()).await;
    scene.offer(fresh("a", 0, rows(2)));
    scene.drain().await;
    let shown = serde_json::to_value(scene.dispatcher.snapshot()).unwrap();
    assert_eq!(shown["queue"], json!({ "points": 0, "bytes": 0, "oldest": null }));
    assert_eq!(shown["budget"], json!({ "requests_per_minute": 20, "used_last_minute": 1 }));
    assert_eq!(shown["token"]["expires"], "2025-11-25T03:59:59Z");
    assert_eq!(shown["lanes"][0]["last_accepted"], "2025-11-24T16:00:00Z");
    assert!(!shown.to_string().contains("token-1"), "{shown}");
}

#[tokio::test]
async fn self_metrics_read_what_the_snapshot_shows() {
    let scene = scene(Config::default()).await;
    scene.scripted(&[(503, "retry-after: 0", "")]);
    scene.offer(change("a", 0, "Reachable", Rating::Ok));
    scene.drain().await;
    let instruments = Instruments::default();
    scene.dispatcher.register(&instruments);
    let text = instruments.text();
    for line in [
        "outcome=\"retry\"} 1",
        "outcome=\"delivered\"} 1",
        "calm_agent_lanes_parked{} 0",
        "calm_agent_token_remaining",
    ] {
        let (line, bare) = (line.to_owned(), line.replace("{}", ""));
        assert!(text.contains(&line) || text.contains(&bare), "{line} in\n{text}");
    }
}

/// D9: whatever is pushed while keys rotate is taken.
#[tokio::test]
async fn a_rotated_key_is_used_without_a_refused_push() {
    let (tenant, base, tasks) = tenant().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key.json");
    crate::secret::write_file(&path, &key_text(&base, "one")).unwrap();
    let watcher = Arc::new(KeyWatcher::new(Location::File(path.clone()), KeyOptions::default()).unwrap());
    let tokens = Arc::new(TokenSource::new(watcher.receiver(), ClientConfig::default(), clock()));
    let (dispatcher, ledger, board) = dispatcher(watcher.receiver(), tokens, Config::default());
    let (keeper, stop) = (Arc::clone(&watcher), tasks.stop().clone());
    tasks.spawn("key", async move { keeper.run(&stop).await });
    let scene = Scene { tenant, dispatcher, ledger, board, tasks };
    let mut keys = watcher.receiver();
    for (turn, secret) in ["two", "three", "four"].into_iter().enumerate() {
        // Both secrets are valid for a while; tokens of the old key end with the rotation.
        scene.offer(change("a", turn as u64, &format!("before {turn}"), Rating::Ok));
        scene.drain().await;
        crate::secret::write_file(&path, &key_text(&base, secret)).unwrap();
        scene.tenant.lock().unwrap().secret = secret.into();
        watcher.reload();
        keys.changed().await;
        let requests = scene.tenant.lock().unwrap().token_requests;
        scene.tenant.lock().unwrap().valid_from = requests + 1;
    }
    scene.offer(change("a", 9, "after", Rating::Ok));
    assert!(scene.drain().await.complete);
    assert_eq!((scene.statuses(), scene.tenant.lock().unwrap().token_requests), (vec![200; 4], 4));
    scene.tasks.stop().stop();
}

#[tokio::test]
async fn one_try_outside_of_the_queues_shows_the_answer() {
    let scene = scene(Config { dev: true, ..Config::default() }).await;
    scene.scripted(&[(200, "", "consumer: fine")]);
    let piece = Piece::of(&change("a", 0, "Probe", Rating::Info), &Config::default()).unwrap();
    let outcome = scene.dispatcher.exporter.send(&piece).await;
    assert!(matches!(outcome.verdict, crate::deliver::Verdict::Delivered));
    assert_eq!(outcome.reply.unwrap().excerpt, "consumer: fine");
    assert!(scene.tenant.lock().unwrap().pushes[0].1.ends_with("&dev=true"));
    assert!(Piece::of(&fresh("a", 0, vec![]), &Config::default()).is_none());
}
