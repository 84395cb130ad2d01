//! Stories of the admin port.

use super::*;
use crate::agent::status::{RowStatus, ServiceStatus, TokenStatus};

fn service() -> ServiceStatus {
    ServiceStatus {
        name: "orders".into(),
        tile: "red".into(),
        state: "parked".into(),
        reason: "403: is data collection switched on?".into(),
        rows: vec![RowStatus {
            name: "<script>alert(1)</script>".into(),
            history: vec![1.0, 3.0, 2.0],
            ..RowStatus::default()
        }],
        cut: vec!["queue_depth".into()],
        ..ServiceStatus::default()
    }
}

fn admin(status: Status) -> Admin {
    Admin::new(move || status.clone(), Arc::default())
}

fn get(admin: &Admin, path: &str) -> (StatusCode, String) {
    let response = admin.answer(&Method::GET, path, &HeaderMap::new());
    (response.status(), String::from_utf8(response.body().to_vec()).unwrap())
}

#[test]
fn health_follows_the_state() {
    for (state, ready) in [("starting", 503), ("ok", 200), ("degraded", 200), ("parked", 200), ("stopping", 503)] {
        let admin = admin(Status { state: state.into(), ..Status::default() });
        assert_eq!(get(&admin, "/readyz").0.as_u16(), ready, "{state}");
        assert_eq!(get(&admin, "/livez").0, StatusCode::OK);
    }
}

#[test]
fn not_delivering_says_why() {
    let stuck = Status {
        services: vec![service()],
        token: TokenStatus { error: Some("Bad credentials".into()), ..TokenStatus::default() },
        ..Status::default()
    };
    let (status, body) = get(&admin(stuck), "/delivering");
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("orders: 403") && body.contains("token: Bad credentials"), "{body}");
    assert_eq!(get(&admin(Status { delivering: true, ..Status::default() }), "/delivering").0, StatusCode::OK);
}

#[test]
fn foreign_text_is_escaped_and_nothing_is_loaded_from_elsewhere() {
    let (_, page) = get(&admin(Status { services: vec![service()], ..Status::default() }), "/");
    assert!(!page.contains("<script"), "{page}");
    assert!(page.contains("&lt;script&gt;") && page.contains("queue_depth") && page.contains("<polyline"));
    assert!(!page.contains("http://") && !page.contains("https://"));
}

#[test]
fn the_port_is_read_only_and_answers_to_addresses() {
    let admin = admin(Status::default());
    let response = admin.answer(&Method::POST, "/status", &HeaderMap::new());
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()[header::ALLOW], "GET, HEAD");
    for (host, expected) in [
        ("127.0.0.1:13131", 200),
        ("[::1]:13131", 200),
        ("localhost:1", 200),
        ("evil.example", 421),
        ("10.0.0.7", 200),
        ("a b", 421),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        assert_eq!(admin.answer(&Method::GET, "/livez", &headers).status().as_u16(), expected, "{host}");
    }
}

#[test]
fn every_answer_carries_the_protective_headers() {
    let admin = admin(Status::default());
    for path in ["/", "/status", "/metrics", "/livez", "/style.css", "/nowhere"] {
        let response = admin.answer(&Method::GET, path, &HeaderMap::new());
        assert!(
            response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none'")
        );
        assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
    assert!(admin.answer(&Method::HEAD, "/", &HeaderMap::new()).body().is_empty());
}

#[test]
fn status_is_the_document_itself() {
    let status = Status { version: "1".into(), services: vec![service()], ..Status::default() };
    let (_, body) = get(&admin(status.clone()), "/status");
    assert_eq!(serde_json::from_str::<Status>(&body).unwrap(), status);
}
