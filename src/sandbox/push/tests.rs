//! The gateway of inbound metrics over the wire: each rule, refused and accepted.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::sandbox::tests::{Rig, gauge, metrics, status};

fn one() -> String {
    metrics(&[gauge("memory", 2_048.0)])
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_push_is_accepted_shown_and_recorded() {
    let rig = Rig::start().await;
    let reply = rig
        .push("")
        .body(&metrics(&[gauge("memory", 2_048.0), status("reachable", "ok", "it answers")]))
        .send()
        .await
        .unwrap();
    assert_eq!((reply.status, reply.text().as_str()), (200, "{}"));
    let rows = rig.rows(0).await;
    assert_eq!(rows.len(), 2);
    assert_eq!(
        (rows[0]["name"].as_str(), rows[0]["value"].as_f64(), rows[0]["type"].as_str()),
        (Some("memory"), Some(2_048.0), Some("Performance"))
    );
    assert_eq!(
        (rows[1]["rating"].as_str(), rows[1]["text"].as_str(), rows[1]["type"].as_str()),
        (Some("ok"), Some("it answers"), Some("Status"))
    );
    assert!(rig.rows(1).await.is_empty(), "the other service saw nothing");
    let record = rig.last_request().await;
    assert_eq!(
        (record["service"].as_str(), record["status"].as_u64(), record["points"].as_u64()),
        (Some("push"), Some(200), Some(2))
    );
    assert_eq!(record["service_id"], rig.service(0));
    assert_eq!(record["correlation_id"].as_str(), reply.header("x-correlationid"));
}

#[tokio::test]
async fn the_path_begins_with_one_api_and_the_method_is_right() {
    let rig = Rig::start().await;
    let host = rig.landscape.facts().cloud_alm.trim_end_matches("/api").to_owned();
    let query = format!("?useCase=hm&serviceId={}", rig.service(0));
    for (path, expected) in [
        ("/calm-metrics/v1/metrics", 404),
        ("/api/api/calm-metrics/v1/metrics", 404),
        ("/api/calm-metrics/v1/metric", 404),
        ("/", 404),
    ] {
        let call = crate::sandbox::tests::Call::post(&format!("{host}{path}{query}"));
        let reply = call.header("authorization", &format!("Bearer {}", rig.token)).body(&one()).send().await.unwrap();
        assert_eq!(reply.status, expected, "{path}");
    }
    for method in ["PUT", "DELETE", "PATCH"] {
        let reply = rig.api(method, &format!("/calm-metrics/v1/metrics{query}")).send().await.unwrap();
        assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, POST")), "{method}");
    }
}

#[tokio::test]
async fn tokens_are_checked_before_anything_else() {
    let rig = Rig::start().await;
    let bad = rig.api("POST", "/calm-metrics/v1/metrics");
    for call in [
        rig.push("").without("authorization"),
        bad.header("authorization", "Bearer a.b.c"),
        rig.push("").header("authorization", "Basic eA=="),
    ] {
        let reply = call.body(&one()).send().await.unwrap();
        assert_eq!(reply.status, 401);
        assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer"));
    }
}

#[tokio::test]
async fn a_token_ends_with_its_life_its_key_or_its_generation() {
    let mut rig = Rig::start().await;
    rig.turn("tokens", json!({"life_seconds": 60})).await;
    rig.token = rig.fetch_token().await;
    assert_eq!(rig.push("").body(&one()).send().await.unwrap().status, 200);
    rig.at_second(60).await;
    let reply = rig.push("").body(&one()).send().await.unwrap();
    assert_eq!((reply.status, reply.text().contains("expired")), (401, true));

    rig.token = rig.fetch_token().await;
    rig.turn("tokens", json!({"generation": 1})).await;
    assert!(rig.push("").body(&one()).send().await.unwrap().text().contains("revoked"));
    rig.token = rig.fetch_token().await;
    assert_eq!(rig.push("").body(&one()).send().await.unwrap().status, 200);

    rig.turn("tokens", json!({"key_revoked": true})).await;
    assert_eq!(rig.push("").body(&one()).send().await.unwrap().status, 401);
    assert_eq!(rig.token_request(&rig.credentials()).await.status, 401);
}

#[tokio::test]
async fn a_push_needs_the_scope_of_the_signal_and_that_of_the_use_case() {
    let mut rig = Rig::start().await;
    for authorities in [
        json!([]),
        json!(["calm-api.metrics.write"]),
        json!(["calm-api.hm.write"]),
        json!(["calm-api.metrics.read", "calm-api.hm.read"]),
    ] {
        rig.turn("tokens", json!({"authorities": authorities})).await;
        rig.token = rig.fetch_token().await;
        let reply = rig.push("").body(&one()).send().await.unwrap();
        assert_eq!(reply.status, 403, "{authorities}");
        assert!(reply.json()["error"]["message"].as_str().unwrap().contains("calm-api."));
    }
}

#[tokio::test]
async fn the_query_names_service_use_case_and_mode() {
    let rig = Rig::start().await;
    let id = rig.service(0);
    for (query, expected, text) in [
        ("useCase=hm".to_owned(), 428, "A required parameter is missing : serviceId"),
        ("useCase=hm&serviceId=".to_owned(), 428, "serviceId"),
        (format!("serviceId={id}"), 400, "useCase is missing"),
        (format!("serviceId={id}&useCase=rum"), 400, "useCase 'rum' is not known"),
        (format!("serviceId={id}&useCase=hm&dev=yes"), 400, "dev must be true or false"),
    ] {
        let call =
            rig.api("POST", &format!("/calm-metrics/v1/metrics?{query}")).header("content-type", "application/json");
        let reply = call.body(&one()).send().await.unwrap();
        assert_eq!(reply.status, expected, "{query}");
        assert!(reply.text().contains(text), "{}", reply.text());
    }
}

#[tokio::test]
async fn an_unknown_service_is_the_consumers_complaint() {
    let rig = Rig::start().await;
    for id in ["00000000-0000-4000-8000-000000000000", "orders"] {
        let push = |dev: &str| {
            rig.api("POST", &format!("/calm-metrics/v1/metrics?useCase=hm&serviceId={id}{dev}"))
                .header("content-type", "application/json")
                .body(&one())
        };
        assert_eq!(push("").send().await.unwrap().status, 200, "production says nothing");
        assert!(rig.last_request().await["consumer_errors"][0].as_str().unwrap().contains("MSG_SLIS_NOT_FOUND_IN_LMS"));
        let reply = push("&dev=true").send().await.unwrap();
        assert_eq!(reply.status, 400);
        assert!(reply.json()["errors"][0].as_str().unwrap().contains("MSG_SLIS_NOT_FOUND_IN_LMS"));
    }
    rig.turn(&format!("services/{}", rig.service(0)), json!({"in_landscape": false})).await;
    assert_eq!(rig.push("&dev=true").body(&one()).send().await.unwrap().status, 400);
    rig.turn(&format!("services/{}", rig.service(0)), json!({"in_landscape": true})).await;
    assert_eq!(rig.push("&dev=true").body(&one()).send().await.unwrap().status, 200);
}

#[tokio::test]
async fn data_collection_that_is_off_is_403() {
    let rig = Rig::start().await;
    rig.turn(&format!("services/{}", rig.service(0)), json!({"collection": false})).await;
    let reply = rig.push("").body(&one()).send().await.unwrap();
    assert_eq!(reply.status, 403);
    assert!(reply.text().contains("Data collection is not active"));
    assert!(rig.rows(0).await.is_empty());
}

#[tokio::test]
async fn dev_mode_answers_what_production_keeps_to_itself() {
    let rig = Rig::start().await;
    let body = metrics(&[gauge("good", 1.0), json!({"name": "bad", "sum": {"dataPoints": [{"asDouble": 1}]}})]);
    assert_eq!(rig.push("").body(&body).send().await.unwrap().status, 200);
    let record = rig.last_request().await;
    assert_eq!(record["consumer_errors"][0], "metric 'bad': metric type sum is not supported, only gauge is");
    let reply = rig.push("&dev=true").body(&body).send().await.unwrap();
    assert_eq!((reply.status, reply.json()["errors"].as_array().unwrap().len()), (400, 1));
    assert_eq!(rig.rows(0).await.len(), 1);
    assert_eq!(rig.push("&dev=true").body(&one()).send().await.unwrap().status, 200);
    assert_eq!(rig.push("&dev=false").body(&one()).send().await.unwrap().status, 200);
}

#[tokio::test]
async fn content_type_and_encoding_are_strict_until_a_knob_opens_them() {
    let rig = Rig::start().await;
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        let reply = rig.push("").header("content-type", content_type).body(&one()).send().await.unwrap();
        assert_eq!(reply.status, 415, "{content_type}");
    }
    let reply =
        rig.push("").header("content-type", "application/json; charset=utf-8").body(&one()).send().await.unwrap();
    assert_eq!(reply.status, 200);

    let packed = || rig.push("").header("content-encoding", "gzip").bytes(&gzipped(&one()));
    assert_eq!(packed().send().await.unwrap().status, 415);
    rig.turn("limits", json!({"gzip": true, "protobuf": false})).await;
    assert_eq!(packed().send().await.unwrap().status, 200);
    assert_eq!(packed().bytes(b"not gzip").send().await.unwrap().status, 400);
    assert_eq!(packed().header("content-encoding", "deflate").send().await.unwrap().status, 415);
    assert_eq!(rig.push("").header("content-type", "application/x-protobuf").send().await.unwrap().status, 415);
}

#[tokio::test]
async fn bodies_are_bounded_announced_or_not_packed_or_not() {
    let rig = Rig::start().await;
    rig.turn("limits", json!({"gzip": true})).await;
    let fits = format!("{}{}", one(), " ".repeat(1_000_000 - one().len()));
    let over = format!("{fits} ");
    assert_eq!(rig.push("").body(&fits).send().await.unwrap().status, 200);
    assert_eq!(rig.push("").body(&over).send().await.unwrap().status, 413);
    assert_eq!(rig.push("").body(&fits).chunked().send().await.unwrap().status, 200);
    assert_eq!(rig.push("").body(&over).chunked().send().await.unwrap().status, 413);
    let packed = |text: &str| rig.push("").header("content-encoding", "gzip").bytes(&gzipped(text));
    assert_eq!(packed(&fits).send().await.unwrap().status, 200);
    assert_eq!(packed(&over).send().await.unwrap().status, 413, "a bomb is measured unpacked");
    let protobuf =
        |length: usize| rig.push("").header("content-type", "application/x-protobuf").bytes(&vec![0; length]);
    assert_eq!(protobuf(150_000).send().await.unwrap().status, 400, "not protobuf, but not too large");
    assert_eq!(protobuf(150_001).send().await.unwrap().status, 413);
    rig.turn("limits", json!({"json_bytes": 100})).await;
    assert_eq!(rig.push("").body(&" ".repeat(101)).send().await.unwrap().status, 413);
}

#[tokio::test]
async fn five_thousand_points_are_the_most() {
    let rig = Rig::start().await;
    let many = |count: usize| {
        let list: Vec<_> = (0..count)
            .map(|number| json!({"name": format!("m{number}"), "gauge": {"dataPoints": [{"asDouble": 1}]}}))
            .collect();
        rig.push("").body(&metrics(&list))
    };
    assert_eq!(many(5_000).send().await.unwrap().status, 200);
    let reply = many(5_001).send().await.unwrap();
    assert_eq!((reply.status, reply.text().contains("5001 data points are more than 5000")), (413, true));
    rig.turn("limits", json!({"points": 2, "over_points_status": 400})).await;
    assert_eq!(many(3).send().await.unwrap().status, 400);
}

#[tokio::test]
async fn a_hundred_requests_a_minute_are_the_most() {
    let rig = Rig::start().await;
    rig.turn("limits", json!({"requests_per_minute": 3, "dev_requests_per_minute": 1})).await;
    for _ in 0..3 {
        assert_eq!(rig.push("").body(&one()).send().await.unwrap().status, 200);
    }
    let reply = rig.push("").body(&one()).send().await.unwrap();
    assert_eq!(reply.status, 429);
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(reply.json()["status"], 429);
    assert_eq!(rig.push("&dev=true").body(&one()).send().await.unwrap().status, 200, "dev mode counts apart");
    assert_eq!(rig.push("&dev=true").body(&one()).send().await.unwrap().status, 429);
    rig.at_second(61).await;
    assert_eq!(rig.push("").body(&one()).send().await.unwrap().status, 200);

    rig.turn("limits", json!({"requests_per_minute": 0, "rate_retry_after": {"form": "missing"}})).await;
    assert_eq!(rig.push("").body(&one()).send().await.unwrap().header("retry-after"), None);
}

#[tokio::test]
async fn what_cannot_be_read_is_400_with_its_place() {
    let rig = Rig::start().await;
    for (body, expected) in [
        ("", "not JSON"),
        ("{}", "resourceMetrics is missing"),
        (r#"{"resource_metrics": []}"#, "'resource_metrics' is not known"),
        (
            r#"{"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "m", "gauge": {"dataPoints": [{"asDouble": NaN}]}}]}]}]}"#,
            "not JSON",
        ),
        (
            r#"{"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "m", "gauge": {"dataPoints": [{"timeUnixNano": 1}]}}]}]}]}"#,
            "dataPoints[0].timeUnixNano must be a string",
        ),
    ] {
        let reply = rig.push("").body(body).send().await.unwrap();
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.json()["error"]["message"].as_str().unwrap().contains(expected), "{}", reply.text());
    }
}

#[tokio::test]
async fn a_consumer_fault_accepts_and_shows_nothing() {
    let rig = Rig::start().await;
    rig.turn("push", json!({"consumer_error": "the consumer is down", "times": 1})).await;
    assert_eq!(rig.push("").body(&one()).send().await.unwrap().status, 200);
    assert!(rig.rows(0).await.is_empty());
    assert_eq!(rig.last_request().await["consumer_errors"][0], "the consumer is down");
    assert_eq!(rig.push("").body(&one()).send().await.unwrap().status, 200);
    assert_eq!(rig.rows(0).await.len(), 1);
}

#[tokio::test]
async fn protobuf_is_taken_and_answered_in_kind() {
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
    use opentelemetry_proto::tonic::metrics::v1::{self as wire, number_data_point};
    use prost::Message as _;

    let rig = Rig::start().await;
    let point = wire::NumberDataPoint {
        value: Some(number_data_point::Value::AsDouble(4.5)),
        ..wire::NumberDataPoint::default()
    };
    let gauge = wire::Metric {
        name: "m".to_owned(),
        data: Some(wire::metric::Data::Gauge(wire::Gauge { data_points: vec![point] })),
        ..wire::Metric::default()
    };
    let scope = wire::ScopeMetrics { metrics: vec![gauge], ..wire::ScopeMetrics::default() };
    let resource = wire::ResourceMetrics { scope_metrics: vec![scope], ..wire::ResourceMetrics::default() };
    let body = ExportMetricsServiceRequest { resource_metrics: vec![resource] }.encode_to_vec();
    let push = |dev: &str| rig.push(dev).header("content-type", "application/x-protobuf");
    let reply = push("").bytes(&body).send().await.unwrap();
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/x-protobuf")));
    assert!(reply.body.is_empty());
    assert_eq!(rig.rows(0).await[0]["value"], 4.5);
    assert_eq!(push("&dev=true").bytes(b"").send().await.unwrap().status, 200, "nothing is valid protobuf");
}

#[tokio::test]
async fn the_success_status_is_a_knob() {
    let rig = Rig::start().await;
    for status in [202, 204] {
        rig.turn("limits", json!({"success_status": status})).await;
        assert_eq!(rig.push("").body(&one()).send().await.unwrap().status, status);
    }
}

#[tokio::test]
async fn a_repeated_point_is_shown_once_and_every_bit_of_it() {
    let rig = Rig::start().await;
    let value = 1.062_128_410_491_288_5e-79;
    let metric =
        json!({"name": "m", "gauge": {"dataPoints": [{"asDouble": value, "timeUnixNano": "1784699999000000001"}]}});
    for _ in 0..2 {
        assert_eq!(rig.push("").body(&metrics(std::slice::from_ref(&metric))).send().await.unwrap().status, 200);
    }
    let rows = rig.rows(0).await;
    let history = rows[0]["history"].as_array().unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0]["time_unix_nano"], "1784699999000000001");
    assert_eq!(history[0]["value"].as_f64().unwrap().to_bits(), f64::to_bits(value));
}

#[tokio::test]
async fn the_rate_can_be_counted_by_service_or_by_client() {
    let rig = Rig::start().await;
    let to = async |index: usize| {
        let path = format!("/calm-metrics/v1/metrics?useCase=hm&serviceId={}", rig.service(index));
        rig.api("POST", &path).header("content-type", "application/json").body(&one()).send().await.unwrap().status
    };
    rig.turn("limits", json!({"requests_per_minute": 1, "rate_scope": "service"})).await;
    assert_eq!((to(0).await, to(0).await, to(1).await), (200, 429, 200));
    rig.turn("limits", json!({"rate_scope": "client"})).await;
    assert_eq!((to(0).await, to(1).await), (200, 429));
}
