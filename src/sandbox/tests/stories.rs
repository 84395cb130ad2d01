//! The landscape as a whole: its files, its knobs, its faults, its page.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Call, Rig, attribute, gauge, metrics, read_json, status};
use crate::sandbox::{AccountState, Landscape, Options};

fn one() -> String {
    metrics(&[gauge("memory", 1.0)])
}

#[tokio::test]
async fn a_ready_landscape_writes_what_a_tenant_hands_out() {
    let rig = Rig::start().await;
    let path = |name: &str| rig.dir.path().join(name);
    assert!(rig.key["endpoints"]["Api"].as_str().unwrap().ends_with("/api"));
    let uaa = &rig.key["uaa"];
    let id = uaa["clientid"].as_str().unwrap();
    assert!(id.starts_with("sb-") && id.contains("!b") && id.contains('|'));
    for character in ['$', '+', '/', '='] {
        assert!(uaa["clientsecret"].as_str().unwrap().contains(character));
    }
    assert_eq!(uaa["credential-type"], "binding-secret");
    assert!(uaa["verificationkey"].as_str().unwrap().starts_with("-----BEGIN PUBLIC KEY-----"));
    for name in ["service-key.json", "service-key-x509.json", "cis-key.json"] {
        assert_eq!(std::fs::metadata(path(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    let cis = read_json(&path("cis-key.json"));
    assert!(cis["endpoints"]["entitlements_service_url"].is_string() && cis["uaa"]["clientid"].is_string());
    assert_eq!(read_json(&path("landscape.json")), json!(rig.landscape.facts()));
}

#[tokio::test]
async fn landscape_json_has_exactly_the_fixed_names() {
    let rig = Rig::start().await;
    let facts = json!(rig.landscape.facts());
    let names: Vec<&str> = facts.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = vec![
        "page",
        "cloud_alm",
        "uaa",
        "cf_api",
        "cf_uaa",
        "btp",
        "service_manager",
        "user",
        "password",
        "org",
        "global_account",
        "subaccount",
        "services",
        "service_key_file",
        "cis_key_file",
        "config_file",
    ];
    expected.sort_unstable();
    let mut found = names.clone();
    found.sort_unstable();
    assert_eq!(found, expected);
    for name in ["page", "cloud_alm", "uaa"] {
        assert!(!facts[name].as_str().unwrap().ends_with('/'));
    }
    assert_eq!(facts["services"][1]["name"], "billing");
    assert!(facts["cf_api"].is_null());
}

#[tokio::test]
async fn the_configuration_is_toml_that_names_every_service() {
    let rig = Rig::start().await;
    let text = std::fs::read_to_string(&rig.landscape.facts().config_file).unwrap();
    let config: toml::Table = toml::from_str(&text).unwrap();
    assert_eq!(config["cloud_alm"]["service_key_file"].as_str(), Some("service-key.json"));
    let services = config["services"].as_array().unwrap();
    assert_eq!(services.len(), 2);
    assert_eq!(services[0]["service_id"].as_str(), Some(rig.service(0)));
    assert!(config["admin"]["listen"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(!config.contains_key("setup"));
}

#[tokio::test]
async fn before_it_is_ready_there_is_no_key_and_no_token() {
    for state in [AccountState::Entitled, AccountState::Empty] {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { dir: Some(dir.path().to_owned()), state, ..Options::default() };
        let landscape = Landscape::start(options).await.unwrap();
        assert_eq!(landscape.facts().service_key_file, None);
        assert!(!dir.path().join("service-key.json").exists());
        assert!(std::fs::read_to_string(dir.path().join("agent.toml")).unwrap().contains("[setup.btp]"));
        let reply = Call::post(&format!("{}/oauth/token", landscape.facts().uaa))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials&client_id=a&client_secret=b")
            .send()
            .await
            .unwrap();
        assert_eq!(reply.status, 401);
        landscape.stop().await;
    }
}

#[tokio::test]
async fn a_stop_closes_the_ports_and_removes_a_temporary_directory() {
    let landscape = Landscape::start(Options::default()).await.unwrap();
    let facts = landscape.facts().clone();
    let file = facts.config_file.clone();
    assert!(file.exists());
    assert_eq!(Call::new("GET", &facts.page).send().await.unwrap().status, 200);
    landscape.stop().await;
    assert!(!file.exists());
    assert!(Call::new("GET", &facts.page).send().await.is_err());
}

#[tokio::test]
async fn a_page_address_that_is_taken_is_an_error_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let options = Options { listen: Some(address), ..Options::default() };
    let Err(error) = Landscape::start(options).await else { panic!("it started") };
    assert!(error.to_string().contains(&address.to_string()));
}

#[tokio::test]
async fn landscape_management_lists_filters_and_pages() {
    let mut rig = Rig::start().await;
    let list = async |rig: &Rig, query: &str| {
        rig.api("GET", &format!("/calm-landscape/v1/landscapeObjects{query}")).send().await.unwrap()
    };
    let all = list(&rig, "").await.json();
    assert_eq!((all[0]["lmsId"].as_str(), all[0]["serviceType"].as_str()), (Some(rig.service(0)), Some("SAP_CP_CF")));
    let names = |answer: Value| {
        answer.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(list(&rig, "?serviceType=SAP_S4HANA").await.json()), ["billing"]);
    assert_eq!(names(list(&rig, "?offset=1&limit=1").await.json()), ["billing"]);
    assert!(names(list(&rig, "?name=nothing").await.json()).is_empty());
    assert_eq!(list(&rig, "?nam=orders").await.status, 400);
    let properties = rig.api("GET", &format!("/calm-landscape/v1/properties?lmsId={}", rig.service(1)));
    assert_eq!(properties.send().await.unwrap().json()[0]["value"], "billing");
    assert_eq!(rig.api("GET", "/calm-landscape/v1/properties").send().await.unwrap().status, 428);
    assert_eq!(rig.api("GET", "/calm-landscape/v1/businessServices").send().await.unwrap().json(), json!([]));
    assert_eq!(rig.api("POST", "/calm-landscape/v1/landscapeObjects").send().await.unwrap().status, 405);
    rig.turn("tokens", json!({"authorities": ["calm-api.hm.write"]})).await;
    rig.token = rig.fetch_token().await;
    assert_eq!(list(&rig, "").await.status, 403);
}

#[tokio::test]
async fn faults_come_in_order_as_often_as_asked_and_for_one_service() {
    let rig = Rig::start().await;
    rig.turn("push", json!([{"status": 503, "times": 2, "retry_after": {"form": "seconds", "seconds": 7}}, {"status": 400, "times": 1, "body": "{\"x\":1}", "content_type": "application/json"}])).await;
    let push = async || rig.push("").body(&one()).send().await.unwrap();
    for _ in 0..2 {
        let reply = push().await;
        assert_eq!((reply.status, reply.header("retry-after")), (503, Some("7")));
        assert!(reply.header("x-correlationid").is_some());
    }
    assert!(rig.rows(0).await.is_empty(), "not executed");
    let reply = push().await;
    assert_eq!((reply.status, reply.json()["x"].as_u64()), (400, Some(1)));
    assert_eq!(push().await.status, 200);

    rig.turn("push", json!({"status": 500, "service_id": rig.service(1)})).await;
    assert_eq!(push().await.status, 200);
    let other = rig.api("POST", &format!("/calm-metrics/v1/metrics?useCase=hm&serviceId={}", rig.service(1)));
    assert_eq!(other.body(&one()).send().await.unwrap().status, 500);
}

#[tokio::test]
async fn an_answer_can_be_lost_after_the_request_was_executed() {
    let rig = Rig::start().await;
    rig.turn(
        "push",
        json!([{"drop": true, "times": 1}, {"reset": true, "times": 1}, {"status": 502, "execute": true, "times": 1}]),
    )
    .await;
    assert!(rig.push("").body(&one()).send().await.is_err());
    assert_eq!(rig.rows(0).await.len(), 1, "it was executed");
    let record = rig.last_request().await;
    assert_eq!(
        (record["answer_lost"].as_bool(), record["status"].as_u64(), record["points"].as_u64()),
        (Some(true), Some(200), Some(1))
    );

    assert!(rig.push("").body(&metrics(&[gauge("second", 1.0)])).send().await.is_err());
    assert_eq!(rig.rows(0).await.len(), 1, "this one was not");
    assert_eq!(rig.push("").body(&metrics(&[gauge("third", 1.0)])).send().await.unwrap().status, 502);
    assert_eq!(rig.rows(0).await.len(), 2, "and this one was");
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let rig = Rig::start().await;
    let large = "x".repeat(8_000_000);
    for _ in 0..5 {
        let unauthorized = rig.push("").without("authorization").body(&large);
        assert_eq!(unauthorized.send().await.unwrap().status, 401);
        assert_eq!(rig.push("").body(&large).send().await.unwrap().status, 413);
        assert_eq!(rig.push("").body(&large).chunked().send().await.unwrap().status, 413);
        assert_eq!(rig.api("POST", "/nothing").body(&large).send().await.unwrap().status, 404);
        assert_eq!(rig.token_request(&large).await.status, 413);
    }
    rig.turn("push", json!({"status": 503})).await;
    assert_eq!(rig.push("").body(&large).send().await.unwrap().status, 503);
}

#[tokio::test]
async fn every_request_is_recorded_with_an_id_of_its_own() {
    let rig = Rig::start().await;
    let long = "y".repeat(2_000);
    for (method, path, service) in [
        ("GET", "/calm-landscape/v1/landscapeObjects", "landscape"),
        ("GET", "/calm-metrics/v1/metrics?provider=hm", "outbound"),
        ("POST", "/calm-metrics/v1/metrics", "push"),
        ("GET", "/nothing", "api"),
        ("GET", long.as_str(), "api"),
    ] {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let reply = rig.api(method, &path).send().await.unwrap();
        let record = rig.last_request().await;
        assert_eq!((record["service"].as_str(), record["method"].as_str()), (Some(service), Some(method)));
        assert_eq!(record["status"].as_u64(), Some(reply.status.into()));
        assert_eq!(record["correlation_id"].as_str(), reply.header("x-correlationid"));
        assert!(record["target"].as_str().unwrap().len() <= 500);
        assert_eq!(record["reason"].is_null(), reply.status == 200, "a refusal has its reason");
    }
    let view = rig.page("/view/requests").await.json();
    let ids: std::collections::HashSet<&str> =
        view["requests"].as_array().unwrap().iter().map(|record| record["correlation_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 6);
}

#[tokio::test]
async fn a_landscape_that_is_let_go_ends_as_well() {
    let landscape = Landscape::start(Options::default()).await.unwrap();
    let facts = landscape.facts().clone();
    drop(landscape);
    assert!(!facts.config_file.exists());
    // The listeners' tasks hear the stop the next time they run.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(Call::new("GET", &facts.page).send().await.is_err());
}

#[tokio::test]
async fn a_stop_does_not_wait_for_idle_connections() {
    let landscape = Landscape::start(Options::default()).await.unwrap();
    let address = landscape.facts().page.trim_start_matches("http://").to_owned();
    let _idle = tokio::net::TcpStream::connect(&address).await.unwrap();
    let stopped = tokio::time::timeout(Duration::from_secs(1), landscape.stop()).await;
    assert!(stopped.is_ok());
}

#[tokio::test]
async fn an_answer_can_be_cut_in_the_middle() {
    let rig = Rig::start().await;
    rig.turn("landscape", json!({"truncate": true, "times": 1})).await;
    let list = || rig.api("GET", "/calm-landscape/v1/landscapeObjects");
    assert!(list().send().await.is_err(), "the body is shorter than announced");
    assert_eq!(list().send().await.unwrap().status, 200);
}

#[tokio::test]
async fn a_delay_holds_the_answer_back() {
    let rig = Rig::start().await;
    rig.turn("token", json!({"delay_ms": 600_000})).await;
    let form = rig.credentials();
    let waiting = tokio::time::timeout(Duration::from_millis(50), rig.token_request(&form)).await;
    assert!(waiting.is_err());
}

#[tokio::test]
async fn knobs_are_shown_strict_and_reset() {
    let rig = Rig::start().await;
    let fresh = rig.page("/knobs").await.json();
    assert_eq!(fresh["limits"]["json_bytes"], 1_000_000);
    for (name, wrong) in [
        ("limits", json!({"jsonbytes": 1})),
        ("limits", json!([])),
        ("push", json!({"status": 9})),
        ("services/x", json!({})),
        ("nothing", json!({})),
    ] {
        assert!(matches!(rig.knob(name, wrong).await.status, 400 | 404), "{name}");
    }
    assert_eq!(rig.page("/knobs").await.json(), fresh);
    rig.turn("limits", json!({"json_bytes": 1})).await;
    rig.turn("push", json!({"status": 503})).await;
    rig.turn(&format!("services/{}", rig.service(0)), json!({"collection": false})).await;
    let page = &rig.landscape.facts().page;
    let reset = Call::new("DELETE", &format!("{page}/knobs")).send().await.unwrap();
    assert_eq!((reset.status, reset.json()), (200, fresh));
    rig.turn("limits", json!({"points": 1})).await;
    let reset = Call::new("DELETE", &format!("{page}/knobs/limits")).send().await.unwrap();
    assert_eq!(reset.json()["limits"]["points"], 5_000);
}

#[tokio::test]
async fn the_request_log_and_the_data_can_be_forgotten() {
    let rig = Rig::start().await;
    rig.push("").body(&one()).send().await.unwrap();
    let log = rig.page("/knobs/requests").await.json();
    assert_eq!(log["requests"].as_array().unwrap().len(), 2, "a token and a push");
    let page = &rig.landscape.facts().page;
    for path in ["/knobs/requests", "/knobs/data"] {
        assert_eq!(Call::new("DELETE", &format!("{page}{path}")).send().await.unwrap().status, 204);
    }
    assert!(rig.page("/view/requests").await.json()["requests"].as_array().unwrap().is_empty());
    assert!(rig.rows(0).await.is_empty());
}

#[tokio::test]
async fn the_score_follows_the_ratings_and_its_parameters() {
    let rig = Rig::start().await;
    let score = async || {
        let view = rig.page("/view/services").await.json();
        (view["services"][0]["score"].as_f64(), view["services"][0]["colour"].as_str().unwrap().to_owned())
    };
    assert_eq!(score().await, (None, "grey".to_owned()));
    let push = async |list: &[Value]| assert_eq!(rig.push("").body(&metrics(list)).send().await.unwrap().status, 200);
    push(&[status("a", "ok", "fine"), gauge("plain", 1.0)]).await;
    assert_eq!(score().await, (Some(100.0), "green".to_owned()));
    push(&[status("b", "warning", "slow"), status("c", "ok", "fine")]).await;
    assert_eq!(score().await.1, "yellow");
    push(&[status("c", "fatal", "gone")]).await;
    assert_eq!(score().await, (Some(0.0), "red".to_owned()));
    rig.turn("score", json!({"formula": "share_of_ok", "fatal_zeroes": false})).await;
    assert_eq!(score().await.0.map(f64::round), Some(33.0));
    rig.at_second(86_500).await;
    assert_eq!(score().await.0, None, "only the last day counts");
}

#[tokio::test]
async fn what_is_pushed_is_escaped_on_the_page() {
    let rig = Rig::start().await;
    let evil = "<script>alert(1)</script>\"'&";
    let mut metric = status(evil, "critical", evil);
    metric["gauge"]["dataPoints"][0]["attributes"].as_array_mut().unwrap().push(attribute("host", evil));
    rig.push("").body(&metrics(&[metric])).send().await.unwrap();
    rig.push(&format!("&dev={}", "%3Cscript%3E")).body(&one()).send().await.unwrap();
    for path in ["/".to_owned(), format!("/services/{}", rig.service(0)), "/requests".to_owned()] {
        let reply = rig.page(&path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(!reply.text().contains("<script"), "{path}");
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    }
    assert!(rig.page(&format!("/services/{}", rig.service(0))).await.text().contains("&lt;script&gt;alert(1)"));
}

#[tokio::test]
async fn the_page_shows_rows_scores_and_refusals() {
    let rig = Rig::start().await;
    rig.push("")
        .body(&metrics(&[gauge("memory", 2_048.0), status("reachable", "critical", "no answer for 3 min")]))
        .send()
        .await
        .unwrap();
    rig.push("").body("{}").send().await.unwrap();
    let overview = rig.page("/").await.text();
    assert!(overview.contains("orders") && overview.contains("1 critical") && overview.contains("tile red"));
    let service = rig.page(&format!("/services/{}", rig.service(0))).await.text();
    for text in ["2.05 GB", "no answer for 3 min", "Performance", "Status", "<svg", "resourceMetrics is missing"] {
        assert!(service.contains(text), "{text}");
    }
    assert!(rig.page("/requests").await.text().contains("resourceMetrics is missing"));
    assert_eq!(rig.page("/services/none").await.status, 404);
    assert!(rig.page("/style.css").await.header("content-type").unwrap().starts_with("text/css"));
}

#[tokio::test]
async fn a_foreign_name_that_leads_to_loopback_is_not_answered() {
    let rig = Rig::start().await;
    let page = &rig.landscape.facts().page;
    let reply = Call::new("GET", &format!("{page}/knobs")).header("host", "evil.example:80").send().await.unwrap();
    assert_eq!(reply.status, 421);
    let port = page.rsplit(':').next().unwrap();
    let local = Call::new("GET", &format!("{page}/knobs")).header("host", &format!("localhost:{port}"));
    assert_eq!(local.send().await.unwrap().status, 200);
}

#[tokio::test]
async fn no_secret_reaches_a_view() {
    let rig = Rig::start().await;
    rig.push("").body(&one()).send().await.unwrap();
    let secret = rig.key["uaa"]["clientsecret"].as_str().unwrap();
    for path in ["/", "/requests", "/view/requests", "/view/services", "/knobs", "/knobs/requests"] {
        let text = rig.page(path).await.text();
        assert!(!text.contains(secret) && !text.contains(&rig.token), "{path}");
    }
}
