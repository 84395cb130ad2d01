//! The token service beside what was measured on UAA 4.30.0, row by row.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::sandbox::tests::{Call, Reply, Rig, Tls, gauge, metrics, read_json};

fn encoded(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn key<'a>(rig: &'a Rig, name: &str) -> &'a str {
    rig.key["uaa"][name].as_str().unwrap()
}

fn token_call(rig: &Rig) -> Call {
    Call::post(&format!("{}/oauth/token", rig.landscape.facts().uaa))
        .header("content-type", "application/x-www-form-urlencoded")
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

#[track_caller]
fn is_bad_credentials(reply: &Reply, code: &str) {
    assert_eq!(reply.status, 401, "{}", reply.text());
    assert_eq!(reply.text(), format!(r#"{{"error":"{code}","error_description":"Bad credentials"}}"#));
    let challenge = format!(r#"Basic realm="UAA/client", error="{code}", error_description="Bad credentials""#);
    assert_eq!(reply.header("www-authenticate"), Some(challenge.as_str()));
}

#[tokio::test]
async fn a_form_with_encoded_credentials_gets_a_token() {
    let rig = Rig::start().await;
    let reply = rig.token_request(&rig.credentials()).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json;charset=UTF-8"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let body = reply.json();
    assert_eq!((body["token_type"].as_str(), body["expires_in"].as_u64()), (Some("bearer"), Some(43_199)));
    assert!(body["scope"].as_str().unwrap().contains(" sapcloudalm-ext-01!b42.calm-api.hm.write "));

    let token = body["access_token"].as_str().unwrap();
    let part = |index: usize| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap()).unwrap()
    };
    assert_eq!((part(0)["typ"].as_str(), part(0)["alg"].as_str()), (Some("JWT"), Some("ES256")));
    let claims = part(1);
    assert!(claims["scope"].is_array() && claims["authorities"].is_array());
    assert_eq!(claims["cid"], key(&rig, "clientid"));
    assert_eq!(claims["zid"], key(&rig, "identityzoneid"));
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 43_199);
    assert_eq!(claims["ext_attr"]["zdn"], key(&rig, "identityzone"));
    assert_eq!(claims["jti"], body["jti"]);
    let audience = claims["aud"].as_array().unwrap();
    assert!(audience.contains(&json!("sapcloudalm-ext-01!b42.calm-api.hm")));
}

#[tokio::test]
async fn a_secret_that_is_not_encoded_is_damaged() {
    let rig = Rig::start().await;
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        key(&rig, "clientid"),
        key(&rig, "clientsecret")
    );
    is_bad_credentials(&rig.token_request(&form).await, "unauthorized");
}

#[tokio::test]
async fn basic_works_raw_and_encoded_only_in_the_new_version() {
    let rig = Rig::start().await;
    let (id, secret) = (key(&rig, "clientid"), key(&rig, "clientsecret"));
    let percent =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let with = |authorization: String| {
        token_call(&rig).header("authorization", &authorization).body("grant_type=client_credentials")
    };
    assert_eq!(with(basic(id, secret)).send().await.unwrap().status, 200);
    let encoded = basic(&percent(id), &percent(secret));
    is_bad_credentials(&with(encoded.clone()).send().await.unwrap(), "unauthorized");
    let told = || with(encoded.clone()).header("x-cf-encoded-credentials", "true");
    is_bad_credentials(&told().send().await.unwrap(), "unauthorized");
    rig.turn("tokens", json!({"version": "new"})).await;
    assert_eq!(told().send().await.unwrap().status, 200);
    is_bad_credentials(&with(encoded.clone()).send().await.unwrap(), "invalid_client");
    assert_eq!(with("Basic %%%".to_owned()).send().await.unwrap().status, 401);
}

#[tokio::test]
async fn a_wrong_secret_an_unknown_client_and_none_are_all_alike() {
    let rig = Rig::start().await;
    let (id, grant) = (key(&rig, "clientid"), ("grant_type", "client_credentials"));
    for form in [
        encoded(&[grant, ("client_id", id), ("client_secret", "wrong")]),
        encoded(&[grant, ("client_id", "nobody"), ("client_secret", "wrong")]),
        encoded(&[grant, ("client_id", id.split('|').next().unwrap()), ("client_secret", key(&rig, "clientsecret"))]),
        encoded(&[grant]),
        encoded(&[("client_id", id), ("client_secret", "wrong")]),
    ] {
        is_bad_credentials(&rig.token_request(&form).await, "unauthorized");
    }
    let reply =
        token_call(&rig).header("authorization", &basic(id, "wrong")).body(&encoded(&[grant])).send().await.unwrap();
    is_bad_credentials(&reply, "unauthorized");
    let reply = token_call(&rig).without("content-type").body(&rig.credentials()).send().await.unwrap();
    assert!(reply.text().contains("An Authentication object was not found"), "{}", reply.text());
}

#[tokio::test]
async fn without_a_grant_or_with_a_json_body_the_grant_is_missing() {
    let rig = Rig::start().await;
    let (id, secret) = (key(&rig, "clientid"), key(&rig, "clientsecret"));
    let form = rig.token_request(&encoded(&[("client_id", id), ("client_secret", secret)])).await;
    let json = token_call(&rig)
        .header("content-type", "application/json")
        .header("authorization", &basic(id, secret))
        .body(r#"{"grant_type":"client_credentials"}"#);
    for reply in [form, json.send().await.unwrap()] {
        assert_eq!(reply.status, 400);
        assert_eq!(reply.text(), r#"{"error":"invalid_request","error_description":"Missing grant type"}"#);
    }
}

#[tokio::test]
async fn other_grants_are_refused_each_in_its_way() {
    let rig = Rig::start().await;
    for (grant, status, error) in [
        ("foo", 400, "unsupported_grant_type"),
        ("authorization_code", 401, "invalid_client"),
        ("refresh_token", 401, "invalid_client"),
        ("password", 401, "unauthorized"),
        ("urn:ietf:params:oauth:grant-type:jwt-bearer", 401, "unauthorized"),
        ("implicit", 400, "invalid_grant"),
    ] {
        let reply = rig.token_request(&rig.credentials().replace("client_credentials", grant)).await;
        assert_eq!((reply.status, reply.json()["error"].as_str()), (status, Some(error)), "{grant}");
    }
    let other = format!("{}&client_id=x", encoded(&[("grant_type", "client_credentials")]));
    let call = token_call(&rig).header("authorization", &basic(key(&rig, "clientid"), key(&rig, "clientsecret")));
    assert!(call.body(&other).send().await.unwrap().text().contains("does not match authenticated client"));
}

#[tokio::test]
async fn an_authorization_header_is_judged_before_the_form() {
    let rig = Rig::start().await;
    let good = basic(key(&rig, "clientid"), key(&rig, "clientsecret"));
    for (header, text) in [
        ("Bearer x".to_owned(), "The token expired, was revoked, or the token ID is incorrect."),
        (good.replace("Basic", "basic"), "An Authentication object was not found in the SecurityContext"),
        (format!("Basic {}", STANDARD.encode("no colon")), "Invalid basic authentication token"),
        ("Basic %%%".to_owned(), "Failed to decode basic authentication token"),
    ] {
        let reply = token_call(&rig).header("authorization", &header).body(&rig.credentials()).send().await.unwrap();
        assert_eq!((reply.status, reply.json()["error_description"].as_str()), (401, Some(text)), "{header}");
    }
}

#[tokio::test]
async fn a_rotated_secret_replaces_the_old_one_at_once_or_later() {
    let mut rig = Rig::start().await;
    let page = rig.landscape.facts().page.clone();
    let rotate = async |body: &str| Call::post(&format!("{page}/knobs/rotate")).body(body).send().await.unwrap();
    let old = rig.credentials();
    assert_eq!(rotate(r#"{"keep_old": true}"#).await.status, 200);
    rig.key = read_json(&rig.dir.path().join("service-key.json"));
    assert_ne!(rig.credentials(), old);
    assert_eq!(rig.token_request(&old).await.status, 200, "two phases: the old one lives on");
    assert_eq!(rig.token_request(&rig.credentials()).await.status, 200);

    let second = rig.credentials();
    assert_eq!(rotate("").await.status, 200);
    rig.key = read_json(&rig.dir.path().join("service-key.json"));
    for gone in [old, second] {
        is_bad_credentials(&rig.token_request(&gone).await, "unauthorized");
    }
    rig.token = rig.fetch_token().await;
    assert_eq!(rig.push("").body(&metrics(&[gauge("m", 1.0)])).send().await.unwrap().status, 200);
    assert_eq!(rotate(r#"{"keep": true}"#).await.status, 400);
}

#[tokio::test]
async fn a_scope_is_narrowed_or_refused_with_what_there_is() {
    let rig = Rig::start().await;
    let ask = |scope: &str| format!("{}&{}", rig.credentials(), encoded(&[("scope", scope)]));
    let reply = rig.token_request(&ask("foo.bar")).await;
    assert_eq!(reply.status, 400);
    let body = reply.json();
    assert_eq!(
        (body["error"].as_str(), body["error_description"].as_str()),
        (Some("invalid_scope"), Some("Invalid scope: foo.bar"))
    );
    assert!(body["scope"].as_str().unwrap().ends_with("uaa.resource"));
    let one = "sapcloudalm-ext-01!b42.calm-api.hm.read";
    assert_eq!(rig.token_request(&ask(one)).await.json()["scope"], one);
    assert!(rig.token_request(&ask("")).await.json()["scope"].as_str().unwrap().len() > 100);
}

#[tokio::test]
async fn the_query_counts_with_a_form_and_other_methods_are_refused() {
    let rig = Rig::start().await;
    let url = format!("{}/oauth/token", rig.landscape.facts().uaa);
    let with_query = |method: &str| {
        Call::new(method, &format!("{url}?{}", rig.credentials()))
            .header("content-type", "application/x-www-form-urlencoded")
    };
    assert_eq!(with_query("GET").send().await.unwrap().status, 200);
    assert_eq!(rig.last_request().await["target"], "/oauth/token", "the secret is not recorded");
    assert_eq!(with_query("GET").without("content-type").send().await.unwrap().status, 401);
    assert_eq!(with_query("PUT").send().await.unwrap().status, 405);
    rig.turn("tokens", json!({"version": "new"})).await;
    let reply = with_query("GET").send().await.unwrap();
    assert_eq!((reply.status, reply.json()["error"].as_str()), (405, Some("method_not_allowed")));
    assert_eq!(Call::post(&format!("{}/oauth/tokens", rig.landscape.facts().uaa)).send().await.unwrap().status, 404);
}

#[tokio::test]
async fn a_missing_zone_is_an_html_page() {
    let rig = Rig::start().await;
    rig.turn("tokens", json!({"zone_missing": true})).await;
    let reply = rig.token_request(&rig.credentials()).await;
    assert_eq!((reply.status, reply.header("content-type")), (404, Some("text/html;charset=UTF-8")));
}

#[tokio::test]
async fn bodies_above_a_megabyte_are_not_read() {
    let rig = Rig::start().await;
    let reply = rig.token_request(&"x".repeat(1_000_001)).await;
    assert_eq!(reply.status, 413);
}

#[tokio::test]
async fn the_key_is_published_and_the_x509_host_discovered() {
    let rig = Rig::start().await;
    let get = async |path: &str| {
        Call::new("GET", &format!("{}{path}", rig.landscape.facts().uaa)).send().await.unwrap().json()
    };
    assert_eq!(get("/token_keys").await["keys"][0]["value"], key(&rig, "verificationkey"));
    let discovery = get("/.well-known/openid-configuration").await;
    assert!(discovery["mtls_endpoint_aliases"]["token_endpoint"].as_str().unwrap().starts_with("https://127.0.0.1:"));
}

/// What an x509 key is used with.
struct X509 {
    key: Value,
    authority: Vec<u8>,
}

impl X509 {
    fn read(rig: &Rig) -> Self {
        let path = |name: &str| rig.dir.path().join(name);
        Self { key: read_json(&path("service-key-x509.json")), authority: std::fs::read(path("ca.pem")).unwrap() }
    }

    fn text(&self, name: &str) -> &str {
        self.key["uaa"][name].as_str().unwrap()
    }

    fn form(&self) -> String {
        encoded(&[("grant_type", "client_credentials"), ("client_id", self.text("clientid"))])
    }

    async fn ask(&self, form: &str, with_certificate: bool) -> Reply {
        let client = with_certificate.then(|| (self.text("certificate"), self.text("key")));
        Call::post(&format!("{}/oauth/token", self.text("certurl")))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .tls(&Tls::new(&self.authority, client))
            .send()
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn a_client_certificate_gets_a_token_that_the_api_takes_without_one() {
    let mut rig = Rig::start_at(Clock::system()).await;
    let x509 = X509::read(&rig);
    assert_eq!(x509.text("credential-type"), "x509");
    assert!(x509.key["uaa"].get("clientsecret").is_none());
    let reply = x509.ask(&x509.form(), true).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    rig.token = reply.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(rig.push("").body(&metrics(&[gauge("m", 1.0)])).send().await.unwrap().status, 200);
}

#[tokio::test]
async fn x509_is_refused_on_the_wrong_host_without_certificate_and_with_a_cut_id() {
    let rig = Rig::start_at(Clock::system()).await;
    let x509 = X509::read(&rig);
    assert_eq!(rig.token_request(&x509.form()).await.status, 404, "url in place of certurl");
    is_bad_credentials(&x509.ask(&x509.form(), false).await, "unauthorized");
    let cut = encoded(&[
        ("grant_type", "client_credentials"),
        ("client_id", x509.text("clientid").split('|').next().unwrap()),
    ]);
    is_bad_credentials(&x509.ask(&cut, true).await, "unauthorized");
}

#[tokio::test]
async fn a_certificate_that_has_ended_or_is_not_accepted_is_403_and_the_knob_renews_it() {
    let rig = Rig::start_at(Clock::system()).await;
    let first = X509::read(&rig);
    rig.turn("x509", json!({"validity_seconds": -60})).await;
    let ended = X509::read(&rig);
    assert_ne!(first.text("certificate"), ended.text("certificate"));
    assert_eq!(ended.ask(&ended.form(), true).await.status, 403);
    assert_eq!(first.ask(&first.form(), true).await.status, 403, "replaced, so no longer pinned");
    rig.turn("x509", json!({"validity_seconds": 3_600})).await;
    let renewed = X509::read(&rig);
    assert_eq!(renewed.ask(&renewed.form(), true).await.status, 200);
    rig.turn("x509", json!({"accepted": false})).await;
    let refused = X509::read(&rig);
    assert_eq!(refused.ask(&refused.form(), true).await.status, 403);
}
