//! The wire against a server of our own that answers what UAA answers.

use std::sync::Arc;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::error::{Exit, Explain};
use crate::sap::service_key::KeyOptions;
use crate::shutdown::Tasks;

/// Answers one request with `status` and `body`; returns the key that leads there and what was asked.
async fn uaa(status: u16, headers: &str, body: String) -> (Keyed, tokio::sync::oneshot::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = tokio::sync::oneshot::channel();
    let answer =
        format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}", body.len());
    Tasks::default().spawn("uaa", async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        let mut chunk = [0; 4_096];
        while !String::from_utf8_lossy(&asked).contains("client_credentials") {
            let read = stream.read(&mut chunk).await.unwrap();
            asked.extend_from_slice(&chunk[..read]);
        }
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
        let _ = tell.send(String::from_utf8_lossy(&asked).into_owned());
    });
    let text = json!({
        "endpoints": { "Api": "http://127.0.0.1:1/api" },
        "uaa": { "clientid": "sb-agent!b1|sapcloudalm!b77", "clientsecret": "pl$an+te/d=", "url": base }
    });
    let key = ServiceKey::parse(&text.to_string(), &KeyOptions::default()).unwrap();
    (Keyed { key: Arc::new(key), generation: 1 }, told)
}

async fn fetched(status: u16, headers: &str, body: impl Into<String>) -> Result<Issued, TokenError> {
    let (keyed, _told) = uaa(status, headers, body.into()).await;
    HttpFetch::new(ClientConfig::default(), Clock::system()).fetch(&keyed).await
}

#[tokio::test]
async fn the_form_is_encoded_so_that_nothing_is_lost() {
    let answer = json!({ "access_token": "a.b.c", "expires_in": 43_199, "scope": "x.calm-api.hm.write uaa.resource" });
    let (keyed, told) = uaa(200, "", answer.to_string()).await;
    let issued = HttpFetch::new(ClientConfig::default(), Clock::system()).fetch(&keyed).await.unwrap();
    let asked = told.await.unwrap();
    assert!(asked.starts_with("POST /oauth/token HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("content-type: application/x-www-form-urlencoded"));
    assert!(asked.ends_with(
        "grant_type=client_credentials&client_id=sb-agent%21b1%7Csapcloudalm%21b77&client_secret=pl%24an%2Bte%2Fd%3D"
    ));
    assert_eq!(issued.expires_in, Some(43_199));
    assert_eq!(issued.claims.scopes, ["x.calm-api.hm.write", "uaa.resource"]);
    assert!(issued.authorization.is_sensitive() && !format!("{issued:?}").contains("a.b.c"));
}

#[tokio::test]
async fn each_answer_has_its_type_its_hint_and_its_exit_code() {
    let bad = r#"{"error":"unauthorized","error_description":"Bad credentials for pl$an+te/d="}"#;
    let html = "<!DOCTYPE html><html>The subdomain does not map to a valid identity zone.</html>";
    type Expected = fn(&TokenError) -> bool;
    let cases: [(u16, &str, &str, Expected); 12] = [
        (
            401,
            "",
            bad,
            |error| matches!(error, TokenError::BadCredentials { said, .. } if said.contains("Bad credentials")),
        ),
        (401, "", "", |error| matches!(error, TokenError::BadCredentials { .. })),
        (
            400,
            "",
            r#"{"error":"invalid_scope"}"#,
            |error| matches!(error, TokenError::BadRequest { status: 400, said } if said == "invalid_scope"),
        ),
        (403, "", "{}", |error| matches!(error, TokenError::Refused { .. })),
        (404, "", "", |error| matches!(error, TokenError::NoEndpoint { .. })),
        (404, "content-type: text/html\r\n", html, |error| matches!(error, TokenError::Page { .. })),
        (200, "", html, |error| matches!(error, TokenError::Page { .. })),
        (
            429,
            "retry-after: 7\r\n",
            "",
            |error| matches!(error, TokenError::Throttled { retry_after: Some(wait) } if wait.as_secs() == 7),
        ),
        (503, "", html, |error| matches!(error, TokenError::Server { status: 503 })),
        (302, "", "", |error| matches!(error, TokenError::BadRequest { status: 302, .. })),
        (200, "", r#"{"token_type":"bearer"}"#, |error| matches!(error, TokenError::Unreadable(_))),
        (200, "", r#"{"access_token":"two\nlines"}"#, |error| matches!(error, TokenError::Unreadable(_))),
    ];
    for (status, headers, body, expected) in cases {
        let error = fetched(status, headers, body).await.expect_err(body);
        assert!(expected(&error), "{status} {body}: {error:?}");
        assert!(error.hint().is_some());
        assert_eq!(error.exit() == Exit::Refused, error.is_refusal());
        assert!(!format!("{error:?} {error}").contains("pl$an"), "{error:?}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut() {
    let error = fetched(200, "", "x".repeat(MAX_ANSWER + 10)).await.unwrap_err();
    assert!(matches!(error, TokenError::Unreadable(_)), "{error:?}");
}

#[tokio::test]
async fn no_connection_is_no_refusal() {
    let (keyed, told) = uaa(200, "", String::new()).await;
    drop(told);
    let dead = json!({
        "endpoints": { "Api": "http://127.0.0.1:1/api" },
        "uaa": { "clientid": "a", "clientsecret": "b", "url": "http://127.0.0.1:1" }
    });
    let key = Arc::new(ServiceKey::parse(&dead.to_string(), &KeyOptions::default()).unwrap());
    let keyed = Keyed { key, ..keyed };
    let error = HttpFetch::new(ClientConfig::default(), Clock::system()).fetch(&keyed).await.unwrap_err();
    assert!(!error.is_refusal() && error.exit() == Exit::Unavailable);
    assert!(error.pace().is_some());
}

/// A certificate for 127.0.0.1 with its key, signed by itself.
fn certificate() -> (rcgen::Certificate, rcgen::KeyPair) {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap(), key)
}

#[tokio::test]
async fn an_x509_key_shows_its_certificate_and_sends_no_secret() {
    let (server, server_key) = certificate();
    let (client, client_key) = certificate();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(client.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![server.der().clone()], server_key.into())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = tokio::sync::oneshot::channel();
    Tasks::default().spawn("uaa", async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = tokio_rustls::TlsAcceptor::from(Arc::new(tls)).accept(stream).await.unwrap();
        let shown = stream.get_ref().1.peer_certificates().map(<[_]>::len);
        let (mut asked, mut chunk) = (Vec::new(), [0; 4_096]);
        while !String::from_utf8_lossy(&asked).contains("client_id=") {
            let read = stream.read(&mut chunk).await.unwrap();
            asked.extend_from_slice(&chunk[..read]);
        }
        let body = r#"{"access_token":"a.b.c"}"#;
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
        let _ = stream.flush().await;
        let _ = tell.send((shown, String::from_utf8_lossy(&asked).into_owned()));
    });
    let dir = tempfile::tempdir().unwrap();
    let ca_file = dir.path().join("ca.pem");
    crate::secret::write_file(&ca_file, &server.pem()).unwrap();
    let text = json!({
        "endpoints": { "Api": "http://127.0.0.1:1/api" },
        "uaa": {
            "clientid": "sb-agent!b1|calm!b7", "credential-type": "x509", "certurl": format!("https://127.0.0.1:{port}"),
            "certificate": client.pem(), "key": client_key.serialize_pem()
        }
    });
    let key = Arc::new(ServiceKey::parse(&text.to_string(), &KeyOptions::default()).unwrap());
    let config = ClientConfig { ca_file: Some(ca_file), ..ClientConfig::default() };
    let fetched = HttpFetch::new(config, Clock::system()).fetch(&Keyed { key, generation: 1 }).await;
    assert!(fetched.is_ok(), "{fetched:?}");
    let (shown, asked) = told.await.unwrap();
    assert_eq!(shown, Some(1));
    assert!(asked.ends_with("grant_type=client_credentials&client_id=sb-agent%21b1%7Ccalm%21b7"), "{asked}");
    assert!(!asked.contains("client_secret"), "{asked}");
}
