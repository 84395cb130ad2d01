use super::super::tests::{Server, answer, ended, lines, ok, points_of, statuses};
use super::*;
use crate::http::{Auth, ClientConfig};
use crate::metric::ServiceName;
use std::io::Write;
use url::Url;

/// A target with the usual settings.
pub(super) fn config(url: &str) -> Config {
    Config {
        source: SourceId(4),
        key: SourceKey { service: ServiceName::new("orders"), name: "node".into() },
        url: url.parse().unwrap(),
        interval: Duration::from_secs(15),
        auth: Auth::None,
        http: ClientConfig { timeout: Duration::from_secs(10), ..ClientConfig::default() },
        max_body_bytes: 1 << 20,
        max_samples: 20_000,
        max_labels: 64,
        honor_labels: false,
        honor_timestamps: true,
    }
}

fn scrape(url: &Url) -> Scrape {
    Scrape::new(config(url.as_str()), Clock::system())
}

/// Scrapes once and expects no page: the rating and the sentence, after checking that everything shown before has ended.
async fn failure(server: &Server) -> (Rating, String) {
    let pulled = scrape(&server.url("/metrics")).pull().await;
    let (name, rating, text) = statuses(&pulled.entries)[0];
    assert_eq!(name, "Target node");
    assert!(ended(&pulled.entries));
    assert_eq!(pulled.outcome, Outcome::Failed(text.to_owned()));
    (rating, text.to_owned())
}

#[tokio::test]
async fn a_page_becomes_points_and_the_target_is_ok() {
    let server = Server::always(ok("text/plain; version=0.0.4", "# TYPE a gauge\na{k=\"v\"} 1\n")).await;
    let pulled = scrape(&server.url("/metrics")).pull().await;
    assert_eq!(lines(points_of(&pulled.entries)), ["a{k=v}  1"]);
    assert_eq!(statuses(&pulled.entries), [("Target node", Rating::Ok, "is read")]);
    assert_eq!((pulled.outcome, pulled.samples), (Outcome::Ok, 1));
    let asked = server.asked();
    for part in ["accept: application/openmetrics-text;version=1.0.0;q=", "x-prometheus-scrape-timeout-seconds: 10\r\n"]
    {
        assert!(asked.contains(part), "{asked}");
    }
}

#[tokio::test]
async fn the_content_type_alone_decides_the_format() {
    // In OpenMetrics, `x` is a counter's family and `x_total` its sample; in text they are strangers.
    let page = "# TYPE x counter\nx_total 1\n# EOF\n";
    for (content_type, kind) in [
        ("application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores", true),
        ("text/plain; charset=utf-8", false),
    ] {
        let server = Server::always(ok(content_type, page)).await;
        let pulled = scrape(&server.url("/")).pull().await;
        let monotonic = matches!(points_of(&pulled.entries).metrics()[0].kind, crate::metric::MetricKind::Sum { .. });
        assert_eq!(monotonic, kind, "{content_type}");
    }
}

#[tokio::test]
async fn gzip_is_understood() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all("a 1\n".repeat(1_000).as_bytes()).unwrap();
    let body = gzip.finish().unwrap();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", body.len());
    let server = Server::always([head.into_bytes(), body].concat()).await;
    let pulled = scrape(&server.url("/")).pull().await;
    assert_eq!(pulled.samples, 1_000);
    assert!(server.asked().contains("accept-encoding: gzip"));
}

#[tokio::test]
async fn a_bomb_is_bounded_after_decompression() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    for _ in 0..8 {
        gzip.write_all(&b"a 1\n".repeat(1 << 18)).unwrap();
    }
    let body = gzip.finish().unwrap();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", body.len());
    let server = Server::always([head.into_bytes(), body].concat()).await;
    let (rating, text) = failure(&server).await;
    assert_eq!(rating, Rating::Warning, "the limit is ours");
    assert_eq!(text, "the page is larger than 1 MiB; raise max_body_bytes, or have the target show less");
}

#[tokio::test]
async fn an_endless_page_is_bounded() {
    let server =
        Server::endless("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n", "endless_metric{k=\"v\"} 1\n").await;
    let (_, text) = failure(&server).await;
    assert!(text.starts_with("the page is larger than 1 MiB"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_target_costs_its_timeout_and_no_more() {
    let (rating, text) = failure(&Server::silent().await).await;
    assert!(rating == Rating::Critical && text.ends_with("within 10s"), "{text}");
}

#[tokio::test]
async fn every_other_answer_is_said_in_a_sentence() {
    let html = "answered an HTML page instead of metrics; is this a login page? Check the path and the credentials";
    for (bytes, text) in [
        (answer("503 Service Unavailable", "text/plain", "a 1\n"), "answers 503 Service Unavailable"),
        (
            answer("401 Unauthorized", "", ""),
            "answers 401 Unauthorized; does the target need credentials, or are they refused?",
        ),
        (answer("404 Not Found", "", ""), "answers 404 Not Found; check the path of the URL"),
        (
            b"HTTP/1.1 302 Found\r\nlocation: /login?next=secret\r\ncontent-length: 0\r\n\r\n".to_vec(),
            "answers 302 Found; scrapes follow no redirect, so write where it leads: /login",
        ),
        (ok("text/html; charset=utf-8", "Sign in"), html),
        (ok("text/plain", " <!DOCTYPE html><p>Sign in"), html),
    ] {
        assert_eq!(failure(&Server::always(bytes).await).await, (Rating::Critical, text.to_owned()));
    }
    let (rating, text) = failure(&Server::always(ok("application/json", "{\"a\":1}\n")).await).await;
    assert!(rating == Rating::Critical && text.contains("no page of metrics (line 1, column "), "{text}");
}

#[tokio::test]
async fn an_empty_page_is_a_page() {
    let pulled = scrape(&Server::always(ok("text/plain", "")).await.url("/")).pull().await;
    assert_eq!(pulled.outcome, Outcome::Ok);
    assert!(points_of(&pulled.entries).is_complete(), "whatever was shown before has ended");
}

/// A page with a loss: what the target is said to lack, and what the ledger hears.
async fn loss_of(page: &str, change: impl Fn(&mut Config)) -> (String, Vec<(RefusalReason, u64)>) {
    let server = Server::always(ok("text/plain", page)).await;
    let mut config = config(server.url("/").as_str());
    change(&mut config);
    let pulled = Scrape::new(config, Clock::system()).pull().await;
    let (_, rating, text) = statuses(&pulled.entries)[0];
    assert_eq!(rating, Rating::Warning);
    assert!(matches!(pulled.outcome, Outcome::Degraded(_)));
    (text.to_owned(), pulled.refused)
}

#[tokio::test]
async fn what_is_cut_or_refused_is_a_warning_and_counted() {
    let (text, refused) = loss_of("a 1\nb 2\nc 3\n", |config| config.max_samples = 2).await;
    assert_eq!(text, "is read, but only its first 2 samples; raise max_samples, or have the target show less");
    assert_eq!(refused, [(RefusalReason::Limit, 1)]);

    let (text, refused) = loss_of("a 1\nb two\nc 3\n", |_| {}).await;
    assert!(text.starts_with("is read, but lines were left out: 1; the first: line 2, column"), "{text}");
    assert_eq!(refused, [(RefusalReason::Malformed, 1)]);

    let (text, refused) = loss_of("a{b=\"1\",c=\"2\"} 1\nd 1\n", |config| config.max_labels = 1).await;
    assert!(text.ends_with("the sample has more than 1 labels"), "{text}");
    assert_eq!(refused, [(RefusalReason::Malformed, 1)]);

    let (text, refused) = loss_of("a 1 1000000\nb 1\n", |_| {}).await;
    assert!(text.contains("older than 24 h; honor_timestamps = false"), "{text}");
    assert_eq!(refused, [(RefusalReason::TooOld, 1)]);

    let (text, refused) = loss_of("a 1 9000000000000\n", |_| {}).await;
    assert!(text.contains("more than 1 h ahead; compare the clocks"), "{text}");
    assert_eq!(refused, [(RefusalReason::Future, 1)]);
}

#[tokio::test]
async fn a_page_without_its_end_may_lack_more() {
    let server = Server::always(ok("application/openmetrics-text", "# TYPE a gauge\na 1\n")).await;
    let pulled = scrape(&server.url("/")).pull().await;
    let text = "is read, but its end `# EOF` is missing after 1 samples; was it cut on its way?";
    assert_eq!(statuses(&pulled.entries), [("Target node", Rating::Warning, text)]);
    assert!(!points_of(&pulled.entries).is_complete());
}

#[tokio::test]
async fn a_large_page_is_read_off_the_runtime_and_whole() {
    let page: String = (0..15_000).map(|i| format!("metric_of_a_large_page{{number=\"{i}\"}} {i}\n")).collect();
    assert!(page.len() > INLINE_BYTES);
    let pulled = scrape(&Server::always(ok("text/plain", &page)).await.url("/")).pull().await;
    let points = points_of(&pulled.entries);
    assert_eq!((points.points().len(), points.metrics().len()), (15_000, 1));
}

#[tokio::test]
async fn a_target_that_is_gone_is_critical() {
    let pulled = scrape(&"http://127.0.0.1:1/metrics".parse().unwrap()).pull().await;
    let text = "connection refused by 127.0.0.1:1; is the service running?";
    assert_eq!(statuses(&pulled.entries), [("Target node", Rating::Critical, text)]);
    assert!(ended(&pulled.entries));
}
