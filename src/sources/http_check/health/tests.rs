use super::*;
use proptest::prelude::*;

const SPRING: &str = "application/vnd.spring-boot.actuator.v3+json";
const JSON: &str = "application/json; charset=utf-8";
const IETF: &str = "application/health+json";

fn auto(content_type: &str, body: &str) -> Reading {
    read(&HealthFormat::Auto, content_type, body.as_bytes())
}

fn health(content_type: &str, body: &str) -> (Rating, String) {
    match auto(content_type, body) {
        Reading::Document(health) => (health.rating, health.text),
        other => panic!("{body} was read as {other:?}"),
    }
}

/// Every format, good and bad: content type, body, and the rating and sentence that a person reads.
const FORMATS: &[(&str, &str, Rating, &str)] = &[
    // Spring Boot Actuator v3: components, composites, groups.
    (SPRING, r#"{"status":"UP"}"#, Rating::Ok, "UP"),
    (SPRING, r#"{"status":"UP","groups":["liveness"],"components":{"db":{"status":"UP"}}}"#, Rating::Ok, "UP"),
    (
        SPRING,
        r#"{"status":"DOWN","components":{"db":{"status":"DOWN","details":{"error":"Connection refused"}},
                "diskSpace":{"status":"UP","details":{"total":100,"free":50}}}}"#,
        Rating::Critical,
        "says DOWN: db is DOWN: Connection refused",
    ),
    (
        SPRING,
        r#"{"status":"DOWN","components":{"db":{"status":"DOWN","components":{"primary":{"status":"UP"},
                "replica":{"status":"DOWN","details":{"error":"timeout"}}}}}}"#,
        Rating::Critical,
        "says DOWN: db/replica is DOWN: timeout",
    ),
    (SPRING, r#"{"status":"OUT_OF_SERVICE"}"#, Rating::Warning, "says OUT_OF_SERVICE"),
    (SPRING, r#"{"status":"UNKNOWN"}"#, Rating::Info, "UNKNOWN"),
    (
        SPRING,
        r#"{"status":"RESTARTING"}"#,
        Rating::Warning,
        r#"says "RESTARTING", a word this agent does not know; give the check a pointer and a table of words"#,
    ),
    // v2: details instead of components.
    (
        "application/vnd.spring-boot.actuator.v2+json",
        r#"{"status":"DOWN","details":{"rabbit":{"status":"DOWN","details":{"error":"AuthenticationFailure"}},
                "diskSpace":{"status":"UP","details":{"total":1}}}}"#,
        Rating::Critical,
        "says DOWN: rabbit is DOWN: AuthenticationFailure",
    ),
    // MicroProfile Health.
    (
        JSON,
        r#"{"status":"DOWN","checks":[{"name":"Database connections","status":"DOWN","data":{"error":"no route"}},
                {"name":"alive","status":"UP"}]}"#,
        Rating::Critical,
        "says DOWN: Database connections is DOWN: no route",
    ),
    (JSON, r#"{"status":"UP","checks":[]}"#, Rating::Ok, "UP"),
    // ASP.NET Core, plain and with the UI's writer.
    ("text/plain", "Healthy", Rating::Ok, "Healthy"),
    ("text/plain", "Degraded\n", Rating::Warning, "Degraded"),
    ("", "Unhealthy", Rating::Critical, "Unhealthy"),
    (
        JSON,
        r#"{"status":"Unhealthy","totalDuration":"00:00:01.2","entries":{
                "redis":{"status":"Unhealthy","description":"no master","duration":"00:00:01","data":{},"tags":["cache"]},
                "disk":{"status":"Degraded","description":null,"data":{}}}}"#,
        Rating::Critical,
        "says Unhealthy: redis is Unhealthy: no master; disk is Degraded",
    ),
    (JSON, r#"{"Status":"Healthy","Entries":{}}"#, Rating::Ok, "Healthy"),
    // IETF.
    (IETF, r#"{"status":"pass","version":"1"}"#, Rating::Ok, "pass"),
    (IETF, r#"{"status":"WARN","output":"cache cold"}"#, Rating::Warning, "says WARN: cache cold"),
    (
        IETF,
        r#"{"status":"fail","checks":{"cassandra:responseTime":[{"status":"fail","output":"slow\n node"}]}}"#,
        Rating::Critical,
        "says fail: cassandra:responseTime is fail: slow node",
    ),
    (
        JSON,
        r#"{"status":"pass","checks":{"cpu:utilization":[{"status":"warn"}]}}"#,
        Rating::Ok,
        "pass, though cpu:utilization is warn",
    ),
    // Kubernetes.
    ("text/plain", "[+]ping ok\n[+]log ok\nlivez check passed\n", Rating::Ok, "all 2 checks passed"),
    (
        "text/plain; charset=utf-8",
        "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n",
        Rating::Critical,
        "1 of 2 checks failed: etcd failed: reason withheld",
    ),
    // SAP CAP and the rest of the world.
    (JSON, r#"{"status":"UP"}"#, Rating::Ok, "UP"),
    ("", "\u{feff} {\"status\":\"ok\"}", Rating::Ok, "ok"),
    (JSON, r#"{"status":"error","message":"queue full"}"#, Rating::Critical, "says error: queue full"),
];

#[test]
fn each_format_is_recognised_and_said_in_a_sentence() {
    for (content_type, body, rating, text) in FORMATS {
        assert_eq!(health(content_type, body), (*rating, (*text).to_owned()), "{body}");
    }
}

#[test]
fn what_is_not_about_health_is_left_to_the_status_code() {
    for (content_type, body) in [
        (JSON, r#"{"status":"success","data":[1]}"#),
        (JSON, r#"{"status":401,"error":"Unauthorized"}"#),
        (JSON, r#"{"state":"UP"}"#),
        (JSON, r#"[{"status":"DOWN"}]"#),
        (JSON, r#"{"status":"DOWN""#),
        (JSON, "null"),
        ("text/plain", "OK"),
        ("text/plain", "the service is Unhealthy"),
        ("text/plain", "see [-]this"),
        ("", ""),
    ] {
        assert_eq!(auto(content_type, body), Reading::Other, "{body}");
    }
    assert_eq!(read(&HealthFormat::Off, JSON, br#"{"status":"DOWN"}"#), Reading::Other);
}

#[test]
fn a_page_for_people_is_told_apart_by_type_or_by_its_beginning() {
    for (content_type, body) in
        [("text/html; charset=utf-8", "Sign in"), ("", "<!DOCTYPE html><title>x"), ("text/plain", "\n <HTML>")]
    {
        assert_eq!(auto(content_type, body), Reading::Html, "{body}");
    }
}

#[test]
fn many_bad_components_are_counted_worst_first() {
    let components: Vec<String> = (0..9)
        .map(|i| format!(r#""c{i}":{{"status":"{}"}}"#, if i == 8 { "DOWN" } else { "OUT_OF_SERVICE" }))
        .collect();
    let body = format!(r#"{{"status":"DOWN","components":{{{}}}}}"#, components.join(","));
    let (_, text) = health(SPRING, &body);
    assert_eq!(text, "says DOWN: c8 is DOWN; c0 is OUT_OF_SERVICE; c1 is OUT_OF_SERVICE; and 6 more");
}

#[test]
fn numbers_of_the_ietf_format_are_measurements_and_bounded() {
    let body = r#"{"status":"pass","checks":{
        "cassandra:responseTime":[{"componentId":"n1","observedValue":250,"observedUnit":"ms","status":"pass"},
                                  {"componentId":"n2","observedValue":"fast"}],
        "uptime":[{"observedValue":1209600.25,"observedUnit":"s"}]}}"#;
    let Reading::Document(found) = auto(IETF, body) else { panic!("no document") };
    assert_eq!(
        found.measurements,
        [
            Measurement {
                name: "responseTime".into(),
                component: "cassandra".into(),
                id: "n1".into(),
                unit: "ms".into(),
                value: 250.0
            },
            Measurement {
                name: "uptime".into(),
                component: String::new(),
                id: String::new(),
                unit: "s".into(),
                value: 1_209_600.25
            },
        ]
    );
    let many: Vec<String> = (0..200).map(|i| format!(r#""a:m{i}":[{{"observedValue":{i}}}]"#)).collect();
    let body = format!(r#"{{"status":"pass","checks":{{{}}}}}"#, many.join(","));
    let Reading::Document(found) = auto(IETF, &body) else { panic!("no document") };
    assert_eq!(found.measurements.len(), MAX_MEASUREMENTS);
}

fn pointer(body: &str) -> Reading {
    let ratings = [("green".to_owned(), Rating::Ok), ("1".to_owned(), Rating::Warning)].into();
    read(&HealthFormat::Pointer { pointer: "/app/state".into(), ratings }, JSON, body.as_bytes())
}

#[test]
fn a_pointer_and_a_table_read_any_json() {
    let rated = |body| match pointer(body) {
        Reading::Document(health) => (health.rating, health.text),
        other => panic!("{other:?}"),
    };
    assert_eq!(rated(r#"{"app":{"state":"green"}}"#), (Rating::Ok, "green".into()));
    assert_eq!(rated(r#"{"app":{"state":1}}"#), (Rating::Warning, "1".into()));
    let (rating, text) = rated(r#"{"app":{"state":"violet"}}"#);
    assert_eq!((rating, text.contains("table does not have")), (Rating::Critical, true));
    for (body, part) in
        [("", "empty body"), ("oops", "no JSON"), ("{}", "nothing at"), (r#"{"app":{"state":{}}}"#, "no single word")]
    {
        assert!(matches!(pointer(body), Reading::Unfit(text) if text.contains(part)), "{body}");
    }
    assert_eq!(pointer("<html>"), Reading::Html);
}

#[test]
fn a_pointer_without_a_table_uses_the_common_words() {
    let format = HealthFormat::Pointer { pointer: "/s".into(), ratings: BTreeMap::new() };
    let Reading::Document(health) = read(&format, JSON, br#"{"s":"Degraded"}"#) else { panic!("no document") };
    assert_eq!(health.rating, Rating::Warning);
}

#[test]
fn foreign_text_is_one_bounded_line_without_tokens() {
    let long = format!("a\r\n\tb\u{7} {}", "ü".repeat(5_000));
    let line = one_line(&long);
    assert!(line.starts_with("a b ü") && line.ends_with('…') && line.chars().count() == MAX_TEXT + 1);
    assert_eq!(one_line("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln here"), "token [redacted] here");
}

#[test]
fn deep_nesting_ends() {
    let deep = format!("{}{}", r#"{"status":"DOWN","components":{"c":"#.repeat(60), "1");
    let body = format!("{deep}{}", "}}".repeat(60));
    let (rating, text) = health(SPRING, &body);
    assert!(rating == Rating::Critical && text.len() < 500, "{text}");
    let deeper = "[".repeat(100_000);
    assert_eq!(auto(JSON, &format!("{{\"a\":{deeper}")), Reading::Other);
}

fn json() -> impl Strategy<Value = Value> {
    let word = prop_oneof!["UP", "DOWN", "warn", "Unhealthy", "\\PC{0,8}"];
    let leaf = prop_oneof![word.prop_map(Value::from), any::<f64>().prop_map(Value::from), Just(Value::Null)];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let key =
            prop_oneof!["status", "components", "checks", "entries", "details", "name", "observedValue", "\\PC{0,4}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_end_without_a_panic(content_type: String, body: Vec<u8>) {
        read(&HealthFormat::Auto, &content_type, &body);
    }

    #[test]
    fn any_json_of_the_right_words_ends_in_a_short_line(value in json()) {
        if let Reading::Document(health) = read(&HealthFormat::Auto, IETF, value.to_string().as_bytes()) {
            prop_assert!(!health.text.is_empty() && health.text.len() < 12_000 && !health.text.contains('\n'));
        }
    }

    #[test]
    fn any_text_ends_without_a_panic(body in "(\\[[+-]\\]\\PC{0,20}\n){0,4}\\PC{0,20}") {
        read(&HealthFormat::Auto, "text/plain", body.as_bytes());
    }
}
