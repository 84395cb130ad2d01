//! Reading back over the wire.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message as _;
use serde_json::{Value, json};

use crate::sandbox::tests::{Reply, Rig, START_SECONDS, attribute, gauge, metrics, status};

const BASE: &str = "provider=hm&version=V1&period=L1H&resolution=5Mi&dimensions=serviceType,serviceName,serviceId,metricName,metricLabel\
    &metrics=measure:value,measure:usage,measure:okStatus,measure:warningStatus,measure:criticalStatus,measure:limit&prefix=hm\
    &preserveTimeStamp=true";

async fn read(rig: &Rig, more: &str) -> Reply {
    rig.api("GET", &format!("/calm-metrics/v1/metrics?{BASE}{more}")).send().await.unwrap()
}

async fn read_json(rig: &Rig, more: &str) -> Value {
    let reply = read(rig, &format!("&format=protobuf-json{more}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// Points of a measure as (metric name, value).
fn points(answer: &Value, measure: &str) -> Vec<(String, f64)> {
    let metrics = answer["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap();
    let found = metrics.iter().find(|metric| metric["name"] == format!("hm_{measure}")).unwrap();
    let points = found["gauge"]["dataPoints"].as_array().unwrap();
    points.iter().map(|point| (dimension(point, "metricName"), point["asDouble"].as_f64().unwrap())).collect()
}

fn dimension(point: &Value, name: &str) -> String {
    let attributes = point["attributes"].as_array().unwrap();
    let found = attributes.iter().find(|attribute| attribute["key"] == name).unwrap();
    found["value"]["stringValue"].as_str().unwrap().to_owned()
}

async fn push(rig: &Rig, list: &[Value]) {
    assert_eq!(rig.push("&dev=true").body(&metrics(list)).send().await.unwrap().status, 200);
}

#[tokio::test]
async fn a_bucket_shows_only_after_its_end_and_a_lag() {
    let rig = Rig::start().await;
    rig.at_second(10).await;
    push(&rig, &[gauge("memory", 10.0)]).await;
    rig.at_second(100).await;
    push(&rig, &[gauge("memory", 30.0)]).await;
    for (second, rows) in [(100, 0), (299, 0), (350, 0), (361, 1)] {
        rig.at_second(second).await;
        assert_eq!(read(&rig, "").await.header("x-total-count"), Some(rows.to_string().as_str()), "{second}");
    }
    let answer = read_json(&rig, "").await;
    assert_eq!(points(&answer, "value"), [("memory".to_owned(), 20.0)]);
    let point = &answer["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["gauge"]["dataPoints"][0];
    assert_eq!(point["timeUnixNano"], format!("{START_SECONDS}000000000"));
    assert_eq!((dimension(point, "serviceName").as_str(), dimension(point, "metricLabel").as_str()), ("orders", ":"));
    assert_eq!(dimension(point, "serviceId"), rig.service(0));
}

#[tokio::test]
async fn measures_count_ratings_and_tell_usage() {
    let rig = Rig::start().await;
    push(&rig, &[status("up", "ok", "fine"), status("down", "fatal", "gone"), status("slow", "warning", "slow")]).await;
    let quota = json!({"name": "disk", "unit": "bytes", "gauge": {"dataPoints": [
        {"asDouble": 0, "attributes": [attribute("sap.calm.hm.metric.type", "quota"), attribute("sap.calm.hm.metric.rating", "critical")]},
        {"asDouble": 200, "attributes": [attribute("sap.calm.hm.quota", "limit")]},
        {"asDouble": 190, "attributes": [attribute("sap.calm.hm.quota", "value")]}]}});
    push(&rig, &[quota]).await;
    rig.at_second(400).await;
    let answer = read_json(&rig, "").await;
    let of = |measure: &str, name: &str| {
        points(&answer, measure).iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    };
    assert_eq!((of("okStatus", "up"), of("criticalStatus", "up")), (Some(1.0), Some(0.0)));
    assert_eq!((of("criticalStatus", "down"), of("warningStatus", "slow")), (Some(1.0), Some(1.0)));
    assert_eq!((of("usage", "disk"), of("limit", "disk"), of("usage", "up")), (Some(95.0), Some(200.0), None));
}

#[tokio::test]
async fn the_three_formats_tell_the_same() {
    let rig = Rig::start().await;
    push(&rig, &[gauge("memory", 12.5)]).await;
    rig.at_second(400).await;
    let binary = read(&rig, "").await;
    assert_eq!(binary.header("content-type"), Some("application/x-protobuf"), "what is answered without a format");
    let decoded = ExportMetricsServiceRequest::decode(binary.body.as_slice()).unwrap();
    let metric = &decoded.resource_metrics[0].scope_metrics[0].metrics[0];
    let Some(Data::Gauge(gauge)) = &metric.data else { panic!("not a gauge") };
    assert_eq!(
        (metric.name.as_str(), gauge.data_points.len(), gauge.data_points[0].attributes.len()),
        ("hm_value", 1, 5)
    );

    let text = read(&rig, "&format=text").await.text();
    assert!(
        text.contains("# TYPE hm_value gauge\nhm_value{serviceType=\"SAP_CP_CF\",serviceName=\"orders\","),
        "{text}"
    );
    assert!(text.contains("metricName=\"memory\",metricLabel=\":\"} 12.5 1784700000000\n"), "{text}");

    rig.turn("limits", json!({"outbound_default_format": "text"})).await;
    assert!(read(&rig, "").await.text().starts_with("# TYPE"));
}

#[tokio::test]
async fn too_many_rows_are_403_unless_truncated_and_pages_turn() {
    let rig = Rig::start().await;
    let many: Vec<Value> = (0..25).map(|number| gauge(&format!("m{number:02}"), 1.0)).collect();
    push(&rig, &many).await;
    rig.at_second(400).await;
    rig.turn("limits", json!({"outbound_rows": 10})).await;
    let reply = read(&rig, "").await;
    assert_eq!((reply.status, reply.text().contains("Response total count is over the limit")), (403, true));
    let page = |offset: usize| format!("&onLimit=TRUNCATE&limit=10&offset={offset}&format=protobuf-json");
    let mut names = Vec::new();
    for offset in [0, 10, 20, 30] {
        let reply = read(&rig, &page(offset)).await;
        assert_eq!((reply.status, reply.header("x-total-count")), (200, Some("25")));
        names.extend(points(&reply.json(), "value").into_iter().map(|(name, _)| name));
    }
    assert_eq!(names, (0..25).map(|number| format!("m{number:02}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn filters_and_providers_narrow() {
    let rig = Rig::start().await;
    push(&rig, &[gauge("a", 1.0), gauge("b", 2.0)]).await;
    rig.at_second(400).await;
    let count = async |more: String| read(&rig, &more).await.header("x-total-count").unwrap().to_owned();
    assert_eq!(count(format!("&serviceId={}", rig.service(0))).await, "2");
    assert_eq!(count(format!("&serviceId={}", rig.service(1))).await, "0");
    assert_eq!(count("&serviceType=SAP_CP_CF&metricId=b".to_owned()).await, "1");
    let other = rig
        .api("GET", &format!("/calm-metrics/v1/metrics?{}", BASE.replace("provider=hm", "provider=rum")))
        .send()
        .await
        .unwrap();
    assert_eq!((other.status, other.header("x-total-count")), (200, Some("0")));
}

#[tokio::test]
async fn refusals_have_their_own_statuses() {
    let mut rig = Rig::start().await;
    let get = |query: &str| rig.api("GET", &format!("/calm-metrics/v1/metrics?{query}"));
    assert_eq!(get("provider=hm").send().await.unwrap().status, 428);
    let unknown = get(&format!("{BASE}&serviceName=x")).send().await.unwrap();
    assert_eq!(
        (unknown.status, unknown.json()["error"]["message"].as_str()),
        (400, Some("Unknown filter : serviceName"))
    );
    assert_eq!(get(BASE).without("authorization").send().await.unwrap().status, 401);
    rig.turn(
        "tokens",
        json!({"authorities": ["calm-api.metrics.write", "calm-api.hm.write", "calm-api.metrics.read"]}),
    )
    .await;
    rig.token = rig.fetch_token().await;
    let reply = rig.api("GET", &format!("/calm-metrics/v1/metrics?{BASE}")).send().await.unwrap();
    assert_eq!((reply.status, reply.text().contains("Insufficient scope: calm-api.hm.read")), (403, true));
}

#[tokio::test]
async fn a_wider_resolution_and_a_shorter_bucket() {
    let rig = Rig::start().await;
    push(&rig, &[gauge("m", 1.0)]).await;
    rig.at_second(320).await;
    push(&rig, &[gauge("m", 3.0)]).await;
    rig.at_second(1_000).await;
    assert_eq!(points(&read_json(&rig, "").await, "value").len(), 2);
    let wide =
        rig.api("GET", &format!("/calm-metrics/v1/metrics?{}&format=protobuf-json", BASE.replace("5Mi", "15Mi")));
    assert_eq!(points(&wide.send().await.unwrap().json(), "value"), [("m".to_owned(), 2.0)]);
    rig.turn("limits", json!({"bucket_seconds": 1, "outbound_lag_seconds": 0})).await;
    push(&rig, &[gauge("fast", 1.0)]).await;
    rig.at_second(1_002).await;
    assert!(points(&read_json(&rig, "&metricId=fast").await, "value").len() == 1);
}
