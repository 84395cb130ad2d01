//! Stories over real sockets: what senders do, and what they hear.

use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::super::{Limits, OtherSignals, Route, Snapshot};
use super::*;
use crate::clock::Timestamp;
use crate::http::server::test_helpers::{Heard, exchange, hear, is_closed, request};
use crate::http::{ListenerConfig, SecretSource};
use crate::metric::{Entry, Points, SourceId, Value};
use crate::otlp::Reason;
use crate::secret::Secret;
use crate::shutdown::Tasks;

const NOW_SECONDS: u64 = 1_764_065_400;
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");

/// A running receiver and the other end of its intake.
struct Story {
    receiver: Arc<Receiver>,
    taken: Arc<Mutex<Vec<Points>>>,
    /// While set, the intake takes entries and acknowledges none.
    silent: Arc<Mutex<bool>>,
    offered: Arc<Notify>,
    tasks: Tasks,
}

fn config() -> Config {
    let matches = vec![("service.name".to_owned(), vec!["orders-*".to_owned(), "shop".to_owned()])];
    Config {
        http: ListenerConfig::loopback(0),
        other_signals: OtherSignals::Discard,
        routes: vec![Route { matches, source: SourceId(7) }],
        limits: Limits::default(),
        max_age: Duration::from_secs(24 * 3600),
    }
}

impl Story {
    async fn begin(config: Config) -> Self {
        let (intake, mut offers) = Intake::channel(8);
        let clock = Clock::starting_at(Timestamp::from_secs(NOW_SECONDS));
        let receiver = Arc::new(Receiver::bind(&config, intake, clock).await.unwrap());
        let story = Self {
            receiver: Arc::clone(&receiver),
            taken: Arc::default(),
            silent: Arc::default(),
            offered: Arc::default(),
            tasks: Tasks::new(Stop::new()),
        };
        let stop = story.tasks.stop().clone();
        story.tasks.spawn("receiver", async move { receiver.run(stop).await });
        let (taken, silent, offered) =
            (Arc::clone(&story.taken), Arc::clone(&story.silent), Arc::clone(&story.offered));
        story.tasks.spawn("intake", async move {
            let mut held = Vec::new();
            while let Some(offer) = offers.recv().await {
                offered.notify_one();
                if *silent.lock().unwrap_or_else(PoisonError::into_inner) {
                    held.push(offer);
                    continue;
                }
                let Entry::Points(points) = offer.entry else { panic!("points were expected") };
                taken.lock().unwrap_or_else(PoisonError::into_inner).push(*points);
                let _ = offer.acknowledge.send(());
            }
        });
        story
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Heard {
        exchange(self.receiver.local_addr(), &request(&format!("POST {path}"), headers, body)).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.receiver.local_addr()).await.unwrap()
    }

    fn silence(&self, silent: bool) {
        *self.silent.lock().unwrap_or_else(PoisonError::into_inner) = silent;
    }

    /// All values that the intake took.
    fn values(&self) -> Vec<f64> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let points = taken.iter().flat_map(|points| points.points());
        points.map(|point| if let Value::Number(number) = point.value { number } else { f64::NAN }).collect()
    }

    fn snapshot(&self) -> Snapshot {
        self.receiver.stats().snapshot()
    }
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(any_value::Value::StringValue(value.into())) });
    KeyValue { key: key.into(), value, ..Default::default() }
}

fn resource(service: &str, values: &[f64]) -> ResourceMetrics {
    let point = |value: &f64| NumberDataPoint {
        attributes: vec![attribute("sap.tenancy.tenant_id", "")],
        time_unix_nano: NOW_SECONDS * 1_000_000_000,
        value: Some(number_data_point::Value::AsDouble(*value)),
        ..Default::default()
    };
    let gauge = Gauge { data_points: values.iter().map(point).collect() };
    let metric = Metric { name: "db.pool.size".into(), data: Some(Data::Gauge(gauge)), ..Default::default() };
    ResourceMetrics {
        resource: Some(Resource { attributes: vec![attribute("service.name", service)], ..Default::default() }),
        scope_metrics: vec![ScopeMetrics { metrics: vec![metric], ..Default::default() }],
        ..Default::default()
    }
}

fn push(service: &str, values: &[f64]) -> Vec<u8> {
    ExportMetricsServiceRequest { resource_metrics: vec![resource(service, values)] }.encode_to_vec()
}

fn json_push(service: &str, value: &str) -> String {
    format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"{service}"}}}}]}},
        "scopeMetrics":[{{"metrics":[{{"name":"m","gauge":{{"dataPoints":[{{"asInt":{value}}}]}}}}]}}]}}]}}"#
    )
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn partial(heard: &Heard) -> (i64, String) {
    let response = ExportMetricsServiceResponse::decode(&*heard.body).unwrap();
    response.partial_success.map(|partial| (partial.rejected_data_points, partial.error_message)).unwrap_or_default()
}

/// *Scenario* The same push in every encoding and packing. *Guarantees* Each is taken once it is safe, and answered in its own encoding.
#[tokio::test]
async fn a_push_is_taken_in_every_encoding() {
    let story = Story::begin(config()).await;
    let body = push("orders-eu", &[1.0]);
    let json = json_push("shop", r#""9007199254740993""#);
    for (packing, packed) in [
        ("identity", body.clone()),
        ("gzip", gzip(&body)),
        ("gzip", [gzip(&body[..9]), gzip(&body[9..])].concat()),
        ("deflate", zlib(&body)),
    ] {
        let heard = story.post("/v1/metrics", &[PROTOBUF, ("content-encoding", packing)], &packed).await;
        assert_eq!((heard.status, heard.header("content-type")), (200, Some("application/x-protobuf")));
        assert!(heard.body.is_empty());
    }
    for (headers, packed) in
        [(vec![JSON], json.clone().into()), (vec![JSON, ("content-encoding", "gzip")], gzip(json.as_bytes()))]
    {
        let heard = story.post("/v1/metrics", &headers, &packed).await;
        assert_eq!((heard.status, heard.text(), heard.header("content-type")), (200, "{}", Some("application/json")));
    }
    assert_eq!(story.values(), [1.0, 1.0, 1.0, 1.0, 9_007_199_254_740_992.0, 9_007_199_254_740_992.0]);
    let taken = story.taken.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(taken.iter().all(|points| points.source(&points.points()[0]) == Some(SourceId(7))));
    drop(taken);
    let snapshot = story.snapshot();
    assert_eq!((snapshot.requests, snapshot.failed, snapshot.points), (6, 0, 6));
    assert!(snapshot.wire_bytes > 0 && snapshot.body_bytes > 0 && snapshot.refused.is_empty());
}

/// *Scenario* A CAP application: chunked without a length, an attribute with an empty text, then traces that nobody asked for, all on one
/// connection. *Guarantees* Its points are taken as they are, its traces are discarded with success, and both are counted.
#[tokio::test]
async fn a_cap_application_is_content() {
    let story = Story::begin(config()).await;
    let mut stream = story.connect().await;
    let body = push("orders-eu", &[10.0]);
    let head = "POST /v1/metrics HTTP/1.1\r\nhost: localhost:4318\r\ntransfer-encoding: chunked\r\ncontent-type: application/x-protobuf\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    for chunk in body.chunks(40) {
        stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await.unwrap();
        stream.write_all(&[chunk, b"\r\n"].concat()).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    assert_eq!(hear(&mut stream).await.unwrap().status, 200);
    for (path, headers) in [("/v1/traces", [PROTOBUF]), ("/v1/logs", [JSON])] {
        stream.write_all(&request(&format!("POST {path}"), &headers, &[0; 5_000])).await.unwrap();
        let heard = hear(&mut stream).await.unwrap();
        assert_eq!((heard.status, heard.header("content-type")), (200, Some(headers[0].1)));
    }
    assert_eq!(story.values(), [10.0]);
    let taken = story.taken.lock().unwrap_or_else(PoisonError::into_inner)[0].clone();
    assert_eq!(taken.attributes(taken.points()[0].attributes).text("sap.tenancy.tenant_id"), Some(""));
    let snapshot = story.snapshot();
    assert_eq!((snapshot.requests, snapshot.traces, snapshot.logs), (1, 1, 1));
}

#[tokio::test]
async fn other_signals_can_be_refused() {
    let story = Story::begin(Config { other_signals: OtherSignals::Refuse, ..config() }).await;
    for path in ["/v1/traces", "/v1/logs"] {
        let heard = story.post(path, &[JSON], b"{}").await;
        assert_eq!((heard.status, heard.text()), (404, r#"{"code":5,"message":"metrics are taken at /v1/metrics"}"#));
    }
    assert_eq!(story.snapshot().traces, 0);
}

/// Request line, headers, body; the status of the answer, and words that are in it.
type Wrong<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [u8], u16, &'a str);

/// *Scenario* Requests that are wrong from the outside. *Guarantees* Each hears what is wrong, in its own encoding, and none reaches the intake.
#[tokio::test]
async fn wrong_requests_hear_what_is_wrong() {
    let story = Story::begin(config()).await;
    let body = push("shop", &[1.0]);
    let cases: [Wrong; 9] = [
        ("POST /v1/metric", &[JSON], b"{}", 404, "/v1/metrics"),
        ("GET /v1/metrics", &[JSON], b"", 405, "POST"),
        ("PUT /v1/traces", &[JSON], b"", 405, "POST"),
        ("POST /v1/metrics", &[("content-type", "text/plain")], b"{}", 415, "application/json"),
        ("POST /v1/metrics", &[], b"{}", 415, "application/json"),
        ("POST /v1/metrics", &[JSON, ("content-encoding", "zstd")], b"{}", 415, "gzip"),
        ("POST /v1/metrics", &[JSON, ("content-encoding", "gzip"), ("content-encoding", "gzip")], b"{}", 415, "gzip"),
        ("POST /v1/metrics", &[JSON, ("content-encoding", "gzip")], b"{}", 400, "decompressed"),
        ("POST /v1/metrics", &[JSON], &body, 400, "malformed JSON"),
    ];
    for (line, headers, body, status, words) in cases {
        let heard = exchange(story.receiver.local_addr(), &request(line, headers, body)).await;
        assert_eq!(heard.status, status, "{line} {headers:?}");
        let answer: serde_json::Value = serde_json::from_slice(&heard.body).unwrap();
        assert!(answer["message"].as_str().unwrap().contains(words), "{answer}");
        assert_eq!(heard.header("allow"), (status == 405).then_some("POST"));
    }
    let heard = story.post("/v1/metrics", &[PROTOBUF], b"{\"resourceMetrics\":[]}").await;
    assert_eq!((heard.status, heard.header("content-type")), (400, Some("application/x-protobuf")));
    assert_eq!(heard.body[..2], [8, 3], "a Status with code 3");
    assert!(story.values().is_empty());
    assert_eq!(story.snapshot().failed, story.snapshot().requests);
}

/// *Scenario* An empty request, as exporters send it to test the way. *Guarantees* Success, and the intake hears nothing of it.
#[tokio::test]
async fn an_empty_request_succeeds() {
    let story = Story::begin(config()).await;
    assert_eq!(story.post("/v1/metrics", &[PROTOBUF], b"").await.status, 200);
    assert_eq!(story.post("/v1/metrics", &[JSON], b"{}").await.status, 200);
    assert!(story.taken.lock().unwrap_or_else(PoisonError::into_inner).is_empty());
}

/// *Scenario* One push with resources that have a route and some that have none, and with old points.
/// *Guarantees* What is good is taken; the rest is refused by partial success, counted by reason, and the services are remembered.
#[tokio::test]
async fn points_without_a_route_are_refused_and_named() {
    let story = Story::begin(config()).await;
    let mut old = resource("shop", &[5.0]);
    let Some(Data::Gauge(gauge)) = &mut old.scope_metrics[0].metrics[0].data else { panic!("a gauge was expected") };
    gauge.data_points[0].time_unix_nano -= 25 * 3600 * 1_000_000_000;
    let resource_metrics =
        vec![resource("cart", &[1.0, 2.0]), resource("shop", &[3.0]), old, resource("orders-", &[4.0])];
    let body = ExportMetricsServiceRequest { resource_metrics }.encode_to_vec();
    let heard = story.post("/v1/metrics", &[PROTOBUF], &body).await;
    assert_eq!(heard.status, 200);
    let (rejected, message) = partial(&heard);
    assert_eq!(rejected, 3);
    assert!(message.contains("(first: cart)") && message.contains("(first: db.pool.size)"), "{message}");
    assert_eq!(story.values(), [3.0, 4.0]);
    let heard = story.post("/v1/metrics", &[JSON], json_push("cart", "1").as_bytes()).await;
    let answer: serde_json::Value = serde_json::from_slice(&heard.body).unwrap();
    assert_eq!(answer["partialSuccess"]["rejectedDataPoints"], "1");
    assert_eq!(story.taken.lock().unwrap_or_else(PoisonError::into_inner).len(), 1, "nothing was left to take");
    let snapshot = story.snapshot();
    assert_eq!(snapshot.refused, [(Reason::TooOld, 1), (Reason::NoRoute, 3)]);
    assert_eq!(snapshot.unrouted, [("cart".to_owned(), 3)]);
}

/// *Scenario* Routes change while a connection is open. *Guarantees* The connection stays, and the next push on it goes the new way.
#[tokio::test]
async fn a_reload_keeps_connections() {
    let story = Story::begin(config()).await;
    let mut stream = story.connect().await;
    let sent = request("POST /v1/metrics", &[PROTOBUF], &push("cart", &[1.0]));
    stream.write_all(&sent).await.unwrap();
    assert_eq!(partial(&hear(&mut stream).await.unwrap()).0, 1);
    let everything = Route { matches: Vec::new(), source: SourceId(9) };
    story.receiver.reload(&Config { routes: vec![everything], ..config() }, 1);
    stream.write_all(&sent).await.unwrap();
    assert_eq!(partial(&hear(&mut stream).await.unwrap()).0, 0);
    let taken = story.taken.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(taken[0].source(&taken[0].points()[0]), Some(SourceId(9)));
    assert!(story.receiver.stats().snapshot().unrouted.is_empty(), "the old routes' complaints are forgotten");
}

/// *Scenario* Bodies beyond a limit: declared, chunked, inflated. *Guarantees* 413 for each, told to a sender that sends on to the end.
#[tokio::test]
async fn what_is_too_large_is_refused() {
    let limits = Limits { wire_bytes: 10_000, body_bytes: 50_000, ..Limits::default() };
    let story = Story::begin(Config { limits, ..config() }).await;
    let heard = story.post("/v1/metrics", &[PROTOBUF], &vec![0; 100_000]).await;
    assert_eq!(heard.status, 413);
    let mut chunked = story.connect().await;
    let head =
        "POST /v1/metrics HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-type: application/json\r\n\r\n";
    chunked.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..20 {
        chunked.write_all(&[b"3e8\r\n", &[b' '; 1_000][..], b"\r\n"].concat()).await.unwrap();
    }
    chunked.write_all(b"0\r\n\r\n").await.unwrap();
    let heard = hear(&mut chunked).await.unwrap();
    assert_eq!((heard.status, heard.text()), (413, r#"{"code":8,"message":"the body is larger than 10000 bytes"}"#));
    chunked.write_all(&request("POST /v1/metrics", &[PROTOBUF], &push("shop", &[1.0]))).await.unwrap();
    assert_eq!(hear(&mut chunked).await.unwrap().status, 200, "the connection was read to the end and stays usable");
    let inflating = gzip(&vec![0; 50_001]);
    let headers = [PROTOBUF, ("content-encoding", "gzip")];
    assert_eq!(story.post("/v1/metrics", &headers, &inflating).await.status, 413);
    assert_eq!(story.post("/v1/traces", &headers, &vec![0; 100_000]).await.status, 413);
    let mut asking = story.connect().await;
    let head = "POST /v1/metrics HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n";
    asking.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(hear(&mut asking).await.unwrap().status, 413, "a sender that asks first is not asked for its body");
    assert!(is_closed(&mut asking).await);
}

/// *Scenario* Fifty bombs at once: 65 KB that inflate to 64 MiB. *Guarantees* 413 or 503 for each, and a good push gets through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs_do_not_explode() {
    let story = Arc::new(Story::begin(config()).await);
    // In members, which says the same and is made sooner.
    let bomb = Arc::new(gzip(&vec![0; 1 << 20]).repeat(64));
    assert!(bomb.len() < 70_000, "{}", bomb.len());
    let tasks = Tasks::new(Stop::new());
    for _ in 0..50 {
        let (story, bomb) = (Arc::clone(&story), Arc::clone(&bomb));
        tasks.spawn("bomb", async move {
            let heard = story.post("/v1/metrics", &[PROTOBUF, ("content-encoding", "gzip")], &bomb).await;
            assert!([413, 503].contains(&heard.status), "{}", heard.status);
        });
    }
    tasks.ended().await;
    assert_eq!(story.post("/v1/metrics", &[PROTOBUF], &push("shop", &[1.0])).await.status, 200);
    assert_eq!(story.values(), [1.0]);
}

/// *Scenario* A large body of many points. *Guarantees* It is worked on elsewhere, and what is beyond the limit of points is refused alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_pushes_are_taken_up_to_their_limit() {
    let limits = Limits { points: 3_000, ..Limits::default() };
    let story = Story::begin(Config { limits, ..config() }).await;
    let heard = story.post("/v1/metrics", &[PROTOBUF], &push("shop", &[2.0; 5_000])).await;
    assert_eq!((heard.status, partial(&heard).0), (200, 2_000));
    assert_eq!(story.values().len(), 3_000);
    assert_eq!(story.snapshot().refused, [(Reason::TooManyPoints, 2_000)]);
}

/// *Scenario* As many requests as may be in work wait for the intake; one more comes. *Guarantees* It hears 503 with `Retry-After` when its
/// turn does not come soon, and the connection can be used again.
#[tokio::test(start_paused = true)]
async fn beyond_the_requests_in_work_senders_come_again() {
    let limits = Limits { requests: 1, ..Limits::default() };
    let story = Story::begin(Config { limits, ..config() }).await;
    story.silence(true);
    let sent = request("POST /v1/metrics", &[JSON], json_push("shop", "1").as_bytes());
    let mut working = story.connect().await;
    working.write_all(&sent).await.unwrap();
    story.offered.notified().await;
    let mut next = story.connect().await;
    next.write_all(&sent).await.unwrap();
    let heard = hear(&mut next).await.unwrap();
    assert_eq!((heard.status, heard.header("retry-after")), (503, Some("1")));
    assert!(heard.text().contains("busy with other requests"));
    assert_eq!(hear(&mut working).await.unwrap().status, 503, "never made safe");
    story.silence(false);
    next.write_all(&sent).await.unwrap();
    assert_eq!(hear(&mut next).await.unwrap().status, 200);
}

/// *Scenario* Many senders dribble their bodies, more than requests may be in work. *Guarantees* Others are served meanwhile.
#[tokio::test]
async fn dribbling_senders_keep_nobody_out() {
    let limits = Limits { requests: 1, ..Limits::default() };
    let story = Story::begin(Config { limits, ..config() }).await;
    let mut dribbling = Vec::new();
    for _ in 0..20 {
        let mut stream = story.connect().await;
        let head = "POST /v1/metrics HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 4000000\r\nexpect: 100-continue\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        assert_eq!(hear(&mut stream).await.unwrap().status, 100, "its body is being read");
        stream.write_all(b"{").await.unwrap();
        dribbling.push(stream);
    }
    assert_eq!(story.post("/v1/metrics", &[PROTOBUF], &push("shop", &[1.0])).await.status, 200);
    assert_eq!(story.values(), [1.0]);
}

/// *Scenario* The intake holds entries without making them safe, until it is full. *Guarantees* No push is answered with success before it is
/// safe; those without room hear 503 at once, the others when the time is up; nothing is counted as taken.
#[tokio::test(start_paused = true)]
async fn success_is_never_said_before_it_is_safe() {
    let story = Story::begin(config()).await;
    story.silence(true);
    let body = push("shop", &[1.0]);
    let mut stream = story.connect().await;
    stream.write_all(&request("POST /v1/metrics", &[PROTOBUF], &body)).await.unwrap();
    story.offered.notified().await;
    let heard = hear(&mut stream).await.unwrap();
    assert_eq!((heard.status, heard.header("retry-after")), (503, Some("1")));
    assert_eq!((story.snapshot().points, story.snapshot().failed), (0, 1));
    story.silence(false);
    stream.write_all(&request("POST /v1/metrics", &[PROTOBUF], &body)).await.unwrap();
    assert_eq!(hear(&mut stream).await.unwrap().status, 200);
    assert_eq!(story.snapshot().points, 1);
}

#[tokio::test]
async fn an_intake_without_room_says_when_to_come_again() {
    let (intake, offers) = Intake::channel(1);
    drop(offers);
    let clock = Clock::starting_at(Timestamp::from_secs(NOW_SECONDS));
    let receiver = Arc::new(Receiver::bind(&config(), intake, clock).await.unwrap());
    let (address, tasks) = (receiver.local_addr(), Tasks::new(Stop::new()));
    let stop = tasks.stop().clone();
    tasks.spawn("receiver", async move { receiver.run(stop).await });
    let heard = exchange(address, &request("POST /v1/metrics", &[PROTOBUF], &push("shop", &[1.0]))).await;
    assert_eq!((heard.status, heard.header("retry-after")), (503, Some("5")));
    assert_eq!(heard.body[..2], [8, 14], "a Status with code 14");
}

/// *Scenario* A body that never ends. *Guarantees* 408, and the connection is closed.
#[tokio::test(start_paused = true)]
async fn a_body_that_dribbles_is_ended() {
    let story = Story::begin(config()).await;
    let mut stream = story.connect().await;
    stream
        .write_all(
            b"POST /v1/metrics HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{",
        )
        .await
        .unwrap();
    let heard = hear(&mut stream).await.unwrap();
    assert_eq!((heard.status, heard.header("connection")), (408, Some("close")));
    assert!(is_closed(&mut stream).await);
}

#[tokio::test]
async fn a_bearer_token_is_asked_for_in_the_words_of_otlp() {
    let token = Some(SecretSource::Value(Secret::new("planted-value")));
    let http = ListenerConfig { bearer_token: token, ..ListenerConfig::loopback(0) };
    let story = Story::begin(Config { http, ..config() }).await;
    let heard = story.post("/v1/metrics", &[JSON], b"{}").await;
    assert_eq!((heard.status, heard.text()), (401, r#"{"code":16,"message":"a bearer token is required"}"#));
    let authorized = [JSON, ("authorization", "Bearer planted-value")];
    assert_eq!(story.post("/v1/metrics", &authorized, b"{}").await.status, 200);
    assert_eq!(story.snapshot().requests, 1, "who was turned away is no push");
}
