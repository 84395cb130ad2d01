//! Files that are right, and what they mean.
#![expect(clippy::disallowed_methods, reason = "the tests lay out files to be read")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{CHECK, KEY, RECEIVER, ROUTE, SERVICE, TARGET, read_alone, read_with};
use crate::condense::{Across, Confirm, Recipes, SourceKind};
use crate::config::{Durability, Environment, Estimate, Purpose, Request, SetupBackend, load, path, read};
use crate::http::{Auth, ListenerConfig, SecretSource};
use crate::metric::{Rating, SourceId};
use crate::sap::service_key::Location;
use crate::secret::Secret;
use crate::sources::http_check::{HealthFormat, Levels};

#[test]
fn two_lines_are_a_config_with_safe_defaults() {
    let loaded = read_alone(KEY).unwrap();
    let config = &loaded.config;
    assert_eq!(config.cloud_alm.service_key, Some(Location::File("key.json".into())));
    assert_eq!(config.cloud_alm.service_key_path_for_setup, Some("key.json".into()));
    assert_eq!(config.condense.push_interval, Duration::from_secs(300));
    assert_eq!(config.condense.first_window, Duration::from_secs(15));
    assert_eq!(config.condense.max_state_bytes, 256 << 20);
    assert_eq!(config.cloud_alm.deliver.max_request_bytes, 900_000);
    assert_eq!(config.cloud_alm.deliver.queue_max_bytes, 1 << 30);
    assert_eq!(config.agent.durability, Durability::PowerLoss);
    assert_eq!(config.agent.data_dir, Path::new("/var/lib/calm-agent"));
    let admin = config.admin.as_ref().unwrap();
    assert_eq!((&admin.listener, admin.by_default), (&ListenerConfig::loopback(13131), true));
    assert!(config.otlp.is_none() && config.setup.is_none() && config.telemetry.is_none());
    assert_eq!(loaded.warnings.len(), 1, "it says that nothing is monitored: {:?}", loaded.warnings);
}

#[test]
fn relative_paths_are_relative_to_the_folder_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("agent.toml");
    let text = "[cloud_alm]\nservice_key_file = \"key.json\"\nca_file = \"/abs/ca.pem\"\n[agent]\ndata_dir = \"data\"\n[setup.btp]\ncis_key_file = \"cis.json\"\n";
    std::fs::write(&file, text).unwrap();
    let environment = Environment::default();
    let request = Request { path: &file, environment: &environment, recipes: &super::recipes, purpose: Purpose::Run };
    let config = load(&request).unwrap().config;
    assert_eq!(config.cloud_alm.service_key, Some(Location::File(dir.path().join("key.json"))));
    assert_eq!(config.cloud_alm.deliver.http.ca_file, Some("/abs/ca.pem".into()));
    assert_eq!(config.agent.data_dir, dir.path().join("data"));
    assert_eq!(config.setup.unwrap().btp.unwrap().cis_key_file, Some(dir.path().join("cis.json")));
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem_too() {
    let dir = tempfile::tempdir().unwrap();
    let environment = Environment::default();
    let of = |name: &str, content: &[u8]| {
        let file = dir.path().join(name);
        std::fs::write(&file, content).unwrap();
        load(&Request { path: &file, environment: &environment, recipes: &super::recipes, purpose: Purpose::Run })
            .unwrap_err()
            .problems[0]
            .message
            .clone()
    };
    assert_eq!(of("binary", b"[agent]\n\xff"), "line 2 is not UTF-8 text");
    assert!(of("huge", &vec![b'#'; 1024 * 1024 + 1]).contains("larger than"));
    let nowhere = dir.path().join("nowhere");
    let request =
        Request { path: &nowhere, environment: &environment, recipes: &super::recipes, purpose: Purpose::Run };
    let invalid = load(&request).unwrap_err();
    assert!(invalid.problems[0].message.starts_with("cannot read the config"), "{invalid}");
    assert!(invalid.problems[0].hint.as_ref().unwrap().contains("calm-agent init"));
}

#[test]
fn the_path_comes_from_the_flag_then_the_variable_then_the_default() {
    let named: Environment = [("CALM_AGENT_CONFIG", "/a")].into_iter().collect();
    assert_eq!(path(Some(Path::new("/b")), &named), PathBuf::from("/b"));
    assert_eq!(path(None, &named), PathBuf::from("/a"));
    assert_eq!(path(None, &Environment::default()), PathBuf::from("/etc/calm-agent/agent.toml"));
}

#[test]
fn each_place_of_the_key_is_read() {
    let environment: Environment =
        [("ALM_KEY", "planted"), ("VCAP_SERVICES", "{}"), ("CREDENTIALS_DIRECTORY", "/run/credentials/calm")]
            .into_iter()
            .collect();
    for (line, wanted) in [
        (
            "service_key_env = \"ALM_KEY\"",
            Location::Environment { name: "ALM_KEY".into(), text: Secret::new("planted") },
        ),
        ("vcap_services = true", Location::VcapServices(Secret::new("{}"))),
        ("service_key_dir = \"/bindings/alm\"", Location::Directory("/bindings/alm".into())),
        ("systemd_credential = \"calm-key\"", Location::SystemdCredential("/run/credentials/calm/calm-key".into())),
        ("service_key_file = \"k\"\nvcap_services = false", Location::File("k".into())),
    ] {
        let config = read_with(&format!("[cloud_alm]\n{line}\n"), &environment).unwrap().config;
        assert_eq!(config.cloud_alm.service_key, Some(wanted), "{line}");
    }
}

#[test]
fn a_missing_variable_with_the_key_stops_the_agent_but_not_the_check() {
    for (line, variable) in [
        ("service_key_env = \"ALM_KEY\"", "ALM_KEY"),
        ("vcap_services = true", "VCAP_SERVICES"),
        ("systemd_credential = \"calm-key\"", "CREDENTIALS_DIRECTORY"),
    ] {
        let text = format!("[cloud_alm]\n{line}\n");
        let invalid = read_alone(&text).unwrap_err();
        assert!(invalid.problems[0].message.contains(variable), "{invalid:?}");
        let environment = Environment::default();
        let path = Path::new("agent.toml");
        let request = Request { path, environment: &environment, recipes: &super::recipes, purpose: Purpose::Check };
        let loaded = read(&text, &request).unwrap();
        assert!(loaded.warnings.iter().any(|warning| warning.message.contains(variable)), "{:?}", loaded.warnings);
    }
}

#[test]
fn a_setup_table_stands_for_a_key_that_is_not_there_yet() {
    let config = read_alone("[setup]\nbackend = \"service-manager\"\n").unwrap().config;
    assert_eq!(config.cloud_alm.service_key, None);
    assert_eq!(config.cloud_alm.service_key_path_for_setup, Some("service-key.json".into()));
    let setup = config.setup.unwrap();
    assert_eq!((setup.backend, setup.space.as_str()), (SetupBackend::ServiceManager, "sap_cloud_alm_space"));
    assert_eq!(setup.service_names, ["SAPCloudALMAPIs", "sap-cloud-alm-api"]);
}

#[test]
fn a_check_means_what_it_says() {
    let more = r#"
interval = "5s"
essential = true
confirm = "1 of 1"
latency = { warning = "1s" }
expect_status = [204, "300-301"]
health = { pointer = "/state", ratings = { UP = "ok", DOWN = "fatal" } }
username = "monitor"
password = { file = "secrets/shop" }
"#;
    let config = read_alone(&format!("{KEY}{SERVICE}{CHECK}{more}")).unwrap().config;
    let [check] = &config.http_checks[..] else { panic!("one check") };
    assert_eq!(check.source, SourceId(0));
    assert_eq!(check.key.to_string(), "orders/shop");
    assert_eq!((check.interval, check.http.timeout), (Duration::from_secs(5), Duration::from_secs(5)));
    assert_eq!(check.latency, Levels { warning: Some(Duration::from_secs(1)), critical: None });
    assert_eq!(check.tls_expiry.critical, Some(Duration::from_secs(7 * 24 * 3600)), "the default stands");
    assert_eq!(check.expect_status, [204..=204, 300..=301]);
    let password = SecretSource::File("secrets/shop".into());
    assert_eq!(check.auth, Auth::Basic { username: "monitor".into(), password });
    let HealthFormat::Pointer { pointer, ratings } = &check.health else { panic!("{:?}", check.health) };
    assert_eq!((pointer.as_str(), ratings["DOWN"]), ("/state", Rating::Fatal));
    let status = config.condense.sources[0].status;
    assert!(status.essential && status.confirm == Confirm { bad: 1, of: 1 });
}

#[test]
fn sources_are_numbered_in_order_and_named_by_default() {
    let rule = "[[services.prometheus.rule]]\nselect = \"up\"\n";
    let text = format!(
        "{KEY}{RECEIVER}{ROUTE}{ROUTE}recipe = [\"node\", \"jvm\"]\nmatch = {{ \"service.name\" = [\"a*\", \"b\"], x = \"y\" }}\n{SERVICE}{CHECK}{TARGET}across = \"each\"\n{rule}[[services.host]]\n"
    );
    let config = read_alone(&text).unwrap().config;
    let names: Vec<_> = config.condense.sources.iter().map(|source| (&*source.key.name, source.kind)).collect();
    assert_eq!(
        names,
        [
            ("shop", SourceKind::Check),
            ("127.0.0.1:9100/metrics", SourceKind::Pull),
            ("host", SourceKind::Pull),
            ("otlp", SourceKind::Push),
            ("otlp-2", SourceKind::Push),
        ]
    );
    let recipes: Vec<_> = config.condense.sources.iter().map(|source| source.recipes.clone()).collect();
    assert_eq!(
        recipes[1..],
        [
            Recipes::None,
            Recipes::Named(vec!["host".into()]),
            Recipes::Auto,
            Recipes::Named(vec!["node".into(), "jvm".into()]),
        ]
    );
    assert_eq!(config.condense.sources[1].across, Some(Across::Each));
    assert_eq!((config.prometheus[0].source, config.hosts[0].source), (SourceId(1), SourceId(2)));
    let otlp = config.otlp.unwrap();
    assert_eq!(otlp.routes.iter().map(|route| route.source).collect::<Vec<_>>(), [SourceId(3), SourceId(4)]);
    let matches =
        [("service.name".to_owned(), vec!["a*".to_owned(), "b".to_owned()]), ("x".to_owned(), vec!["y".to_owned()])];
    assert_eq!((&otlp.routes[0].matches[..], &otlp.routes[1].matches[..]), (&[][..], &matches[..]));
}

#[test]
fn references_are_resolved_on_values_and_not_on_the_text() {
    let environment: Environment =
        [("HOST", "orders.example"), ("ODD", "\"\n[agent]"), ("LIMIT", "70"), ("TOKEN", "planted")]
            .into_iter()
            .collect();
    let text = format!(
        "{KEY}use_case = \"${{env:ODD}}\"\nrequests_per_minute = \"${{env:LIMIT}}\"\nmetrics_path = \"/$${{x}}\"\n{SERVICE}[[services.http_check]]\nname = \"shop\"\nurl = \"https://${{env:HOST}}/health\"\nbearer_token = \"${{env:TOKEN}}\"\n"
    );
    let config = read_with(&text, &environment).unwrap().config;
    assert_eq!(config.cloud_alm.deliver.use_case, "\"\n[agent]");
    assert_eq!(config.cloud_alm.deliver.requests_per_minute, 70);
    assert_eq!(config.cloud_alm.deliver.metrics_path, "/${x}");
    assert_eq!(config.http_checks[0].url.as_str(), "https://orders.example/health");
    assert_eq!(config.http_checks[0].auth, Auth::Bearer(SecretSource::Value(Secret::new("planted"))));
    assert!(!format!("{config:?}").contains("planted"));
}

#[test]
fn a_text_may_stand_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("id"), "0f2c8d1e-0000-4000-8000-0123456789ab\n").unwrap();
    let environment = Environment::default();
    let file = dir.path().join("agent.toml");
    let request = Request { path: &file, environment: &environment, recipes: &super::recipes, purpose: Purpose::Run };
    let text = format!("{KEY}[[services]]\nname = \"orders\"\nservice_id = {{ file = \"id\" }}\n");
    let config = read(&text, &request).unwrap().config;
    assert_eq!(config.condense.services[0].id.as_str(), "0f2c8d1e-0000-4000-8000-0123456789ab");
}

#[test]
fn guarded_or_explicit_listeners_may_leave_loopback() {
    for guard in [
        "insecure = true",
        "bearer_token_file = \"token\"",
        "tls = { cert_file = \"a\", key_file = \"b\", client_ca_file = \"c\" }",
    ] {
        let loaded = read_alone(&format!("{KEY}{SERVICE}[admin]\nlisten = \"0.0.0.0:1\"\n{guard}\n")).unwrap();
        assert!(loaded.warnings.is_empty(), "{guard}: {:?}", loaded.warnings);
    }
    let tls = "tls = { cert_file = \"a\", key_file = \"b\" }";
    let loaded = read_alone(&format!("{KEY}{SERVICE}[admin]\nlisten = \"0.0.0.0:1\"\n{tls}\n")).unwrap();
    assert!(loaded.warnings[0].message.contains("everybody"), "{:?}", loaded.warnings);
}

#[test]
fn plain_http_is_for_loopback_or_said_explicitly() {
    for url in ["http://127.0.0.1:1/", "http://localhost:1/", "http://[::1]:1/"] {
        read_alone(&format!("{KEY}api_url = \"{url}\"\n{SERVICE}[[services.prometheus]]\nurl = \"{url}\"\n")).unwrap();
    }
    let allowed = "[[services.prometheus]]\nurl = \"http://orders.example/\"\nallow_insecure = true\n";
    read_alone(&format!("{KEY}{SERVICE}{allowed}")).unwrap();
}

#[test]
fn a_service_with_many_rows_and_none_essential_is_warned_of() {
    let checks = |first: &str| -> String {
        (0..5)
            .map(|number| {
                let more = if number == 0 { first } else { "" };
                format!("[[services.http_check]]\nname = \"c{number}\"\nurl = \"https://orders.example/\"\n{more}")
            })
            .collect()
    };
    let loaded = read_alone(&format!("{KEY}{SERVICE}{}", checks(""))).unwrap();
    assert_eq!(loaded.warnings.len(), 1);
    assert_eq!(loaded.warnings[0].line, Some(3));
    assert!(loaded.warnings[0].message.contains("5 rated rows and none is essential"), "{}", loaded.warnings[0]);
    let loaded = read_alone(&format!("{KEY}{SERVICE}{}", checks("essential = true\n"))).unwrap();
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn the_estimate_counts_requests_and_points_of_a_day() {
    let config = read_alone(&format!("{KEY}push_interval = \"1m\"\nmax_points_per_request = 100\n{SERVICE}{CHECK}"))
        .unwrap()
        .config;
    let estimate = Estimate::of(&config);
    // 100 metrics, the check's status and the roll-up: two requests a window of at most 100 points.
    assert_eq!((estimate.points_per_day, estimate.requests_per_day), (1440 * 102, 1440 * 2));
    assert_eq!(estimate.requests_allowed_per_day, 80 * 1440);
    assert!(
        estimate.fits() && estimate.to_string().starts_with("at most 2880 requests a day of 115200 allowed"),
        "{estimate}"
    );
}
