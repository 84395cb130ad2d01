use super::super::tests::{Server, answer, ended, lines, ok, points_of, self_signed, statuses};
use super::*;
use crate::http::{Auth, ClientConfig, SecretSource};
use crate::metric::ServiceName;
use crate::secret::Secret;

/// A check with the usual settings.
pub(super) fn config(url: &str) -> Config {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    Config {
        source: SourceId(1),
        key: SourceKey { service: ServiceName::new("orders"), name: "shop front".into() },
        url: url.parse().unwrap(),
        method: Method::Get,
        interval: Duration::from_secs(30),
        auth: Auth::None,
        http: ClientConfig { timeout: Duration::from_secs(10), ..ClientConfig::default() },
        expect_status: vec![200..=399],
        expect_body: None,
        max_redirects: 3,
        latency: Levels { warning: seconds(2), critical: seconds(4) },
        tls_expiry: Levels { warning: seconds(30 * 86_400), critical: seconds(7 * 86_400) },
        health: HealthFormat::Auto,
        max_body_bytes: 64 << 10,
    }
}

fn check(server: &Server, path: &str) -> HttpCheck {
    HttpCheck::new(config(server.url(path).as_str()), Clock::system())
}

async fn status_of(check: &mut HttpCheck) -> (Rating, String) {
    let pulled = check.pull().await;
    let (name, rating, text) = statuses(&pulled.entries)[0];
    assert_eq!(name, "shop front");
    (rating, text.to_owned())
}

#[tokio::test]
async fn a_well_service_is_ok_and_its_duration_known() {
    let server = Server::always(ok("application/json", r#"{"status":"UP"}"#)).await;
    let pulled = check(&server, "/health?token=t").pull().await;
    assert_eq!(statuses(&pulled.entries), [("shop front", Rating::Ok, "UP (200 OK)")]);
    assert_eq!(pulled.outcome, Outcome::Ok);
    let lines = lines(points_of(&pulled.entries));
    let expected = format!("httpcheck.duration{{http.url={}}} ms ", server.url("/health"));
    assert!(lines.len() == 1 && lines[0].starts_with(&expected), "{lines:?}");
    assert!(server.asked().contains("application/health+json"), "{}", server.asked());
}

#[tokio::test]
async fn a_503_with_a_document_is_data_and_names_the_component() {
    let body = r#"{"status":"DOWN","components":{"db":{"status":"DOWN","details":{"error":"Connection refused"}}}}"#;
    let server = Server::always(answer("503 Service Unavailable", "application/json", body)).await;
    let pulled = check(&server, "/actuator/health").pull().await;
    assert_eq!(
        statuses(&pulled.entries),
        [("shop front", Rating::Critical, "says DOWN: db is DOWN: Connection refused")]
    );
    assert_eq!(pulled.outcome, Outcome::Ok, "the check itself works");
    assert!(!ended(&pulled.entries));
}

#[tokio::test]
async fn numbers_of_a_health_document_are_gauges() {
    let body = r#"{"status":"pass","checks":{"cpu:utilization":[{"componentId":"n1","observedValue":85,"observedUnit":"percent"}]}}"#;
    let server = Server::always(ok("application/health+json", body)).await;
    let pulled = check(&server, "/").pull().await;
    let lines = lines(points_of(&pulled.entries));
    let expected =
        format!("httpcheck.health.utilization{{http.url={},component=cpu,component.id=n1}} % 85", server.url("/"));
    assert_eq!(lines[1], expected);
}

#[tokio::test]
async fn no_answer_is_critical_and_ends_what_was_shown() {
    let mut refused = HttpCheck::new(config("http://127.0.0.1:1/"), Clock::system());
    let pulled = refused.pull().await;
    let text = "connection refused by 127.0.0.1:1; is the service running?";
    assert_eq!(statuses(&pulled.entries), [("shop front", Rating::Critical, text)]);
    assert_eq!(pulled.outcome, Outcome::Failed(text.into()));
    assert!(ended(&pulled.entries));
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_costs_its_timeout_and_no_more() {
    let server = Server::silent().await;
    let began = Instant::now();
    let (rating, text) = status_of(&mut check(&server, "/")).await;
    assert!(rating == Rating::Critical && text.ends_with("within 10s"), "{text}");
    assert!(began.elapsed() <= Duration::from_secs(11));
}

#[tokio::test]
async fn an_endless_body_is_read_up_to_its_bound() {
    let server = Server::endless("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{", "\"a\":1,").await;
    let (rating, text) = status_of(&mut check(&server, "/health")).await;
    assert!(rating == Rating::Warning && text.contains("more than 64 KiB"), "{text}");
}

#[tokio::test]
async fn a_missing_token_file_is_our_problem_and_said_so() {
    let server = Server::always(ok("", "")).await;
    let auth = Auth::Bearer(SecretSource::File("/nowhere/token".into()));
    let mut check = HttpCheck::new(Config { auth, ..config(server.url("/").as_str()) }, Clock::system());
    let (rating, text) = status_of(&mut check).await;
    assert!(rating == Rating::Warning && text.starts_with("cannot be checked: cannot sign in"), "{text}");
    assert_eq!(server.count(), 0);
}

fn redirect(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn redirects_are_followed_on_the_same_host_and_with_the_credentials() {
    let server =
        Server::replying(
            |request| {
                if request.starts_with("GET /new ") { ok("text/plain", "Healthy") } else { redirect("/new") }
            },
        )
        .await;
    let auth = Auth::Bearer(SecretSource::Value(Secret::new("planted")));
    let mut check = HttpCheck::new(Config { auth, ..config(server.url("/old").as_str()) }, Clock::system());
    assert_eq!(status_of(&mut check).await, (Rating::Ok, "Healthy (200 OK)".into()));
    assert!(server.asked().contains("authorization: Bearer planted"), "{}", server.asked());
}

#[tokio::test]
async fn a_redirect_to_another_host_is_never_followed() {
    let other = Server::always(ok("text/plain", "Healthy")).await;
    let elsewhere = other.url("/").as_str().replace("127.0.0.1", "localhost");
    let server = Server::always(redirect(&elsewhere)).await;
    let (rating, text) = status_of(&mut check(&server, "/health")).await;
    assert_eq!(rating, Rating::Critical);
    assert_eq!(text, "redirects to localhost, another host; does it ask for a sign-in?");
    assert_eq!(other.count(), 0);
}

#[tokio::test]
async fn a_redirect_to_another_port_goes_without_credentials() {
    let other = Server::always(ok("text/plain", "Healthy")).await;
    let server = Server::always(redirect(other.url("/").as_str())).await;
    let auth = Auth::Bearer(SecretSource::Value(Secret::new("planted")));
    let mut check = HttpCheck::new(Config { auth, ..config(server.url("/").as_str()) }, Clock::system());
    assert_eq!(status_of(&mut check).await.0, Rating::Ok);
    assert!(!other.asked().contains("planted"), "{}", other.asked());
}

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let server = Server::always(redirect("/again")).await;
    let (rating, text) = status_of(&mut check(&server, "/health")).await;
    assert!(rating == Rating::Critical && text.starts_with("redirects more than 3 times"), "{text}");
    assert_eq!(server.count(), 4);
}

#[tokio::test]
async fn a_redirect_that_is_expected_is_the_answer() {
    let server = Server::always(redirect("/login")).await;
    let expecting = Config { expect_status: vec![302..=302], ..config(server.url("/").as_str()) };
    let mut check = HttpCheck::new(expecting, Clock::system());
    assert_eq!(status_of(&mut check).await, (Rating::Ok, "answers 302 Found".into()));
    assert_eq!(server.count(), 1);
}

#[test]
fn a_redirect_from_https_to_http_is_refused() {
    let url = |text: &str| text.parse::<Url>().unwrap();
    let refused = refuse(&url("https://a/"), &url("http://a/")).unwrap();
    assert_eq!(refused, "redirects from https to http, which is not followed");
    assert_eq!(refuse(&url("http://a/"), &url("https://a/")), None);
    assert!(refuse(&url("http://a/"), &url("ftp://a/")).is_some());
}

#[tokio::test]
async fn a_head_has_no_body() {
    let server = Server::always(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n".to_vec()).await;
    let head = Config { method: Method::Head, ..config(server.url("/health").as_str()) };
    assert_eq!(status_of(&mut HttpCheck::new(head, Clock::system())).await, (Rating::Ok, "answers 200 OK".into()));
    assert!(server.asked().starts_with("HEAD /health "));
}

#[tokio::test]
async fn a_certificate_has_a_status_of_its_own() {
    for (days, rating, text) in [
        (90, Rating::Ok, "valid until "),
        (12, Rating::Warning, "expires in 12 days"),
        (3, Rating::Critical, "expires in 3 days"),
    ] {
        let server = Server::tls(self_signed(days), ok("text/plain", "Healthy")).await;
        let mut config = config(server.url("/").as_str());
        config.http.ca_file = Some(server.ca_file());
        let pulled = HttpCheck::new(config, Clock::system()).pull().await;
        let seen = statuses(&pulled.entries);
        assert_eq!(seen[0], ("shop front", Rating::Ok, "Healthy (200 OK)"));
        assert_eq!((seen[1].0, seen[1].1), ("shop front certificate", rating));
        assert!(seen[1].2.starts_with(text), "{}", seen[1].2);
        let lines = lines(points_of(&pulled.entries));
        let remaining: f64 = lines[1].rsplit(' ').next().unwrap().parse().unwrap();
        assert!(lines[1].starts_with("httpcheck.tls.cert_remaining{http.url="));
        assert!((remaining / 86_400.0 - days as f64).abs() < 0.01, "{remaining}");
    }
}

#[tokio::test]
async fn an_expired_certificate_is_critical_though_the_handshake_fails() {
    let server = Server::tls(self_signed(-1), ok("text/plain", "Healthy")).await;
    let mut config = config(server.url("/").as_str());
    config.http.ca_file = Some(server.ca_file());
    let pulled = HttpCheck::new(config.clone(), Clock::system()).pull().await;
    let seen = statuses(&pulled.entries);
    assert!(seen[0].1 == Rating::Critical && seen[0].2.ends_with("has expired; renew it"), "{seen:?}");
    assert_eq!(seen[1], ("shop front certificate", Rating::Critical, "expired; renew it"));

    config.tls_expiry = Levels { warning: None, critical: None };
    let pulled = HttpCheck::new(config, Clock::system()).pull().await;
    assert_eq!(statuses(&pulled.entries).len(), 1, "nobody asked for that status");
}
