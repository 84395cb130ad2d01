//! Overrides from the environment: right ones win over the file, wrong ones are named.

use super::{KEY, read_with};
use crate::config::{Environment, LogLevel};

#[test]
fn a_wrong_override_names_its_variable() {
    for (name, variable, value, wanted) in BROKEN {
        let environment: Environment = [(*variable, *value)].into_iter().collect();
        let invalid = read_with(KEY, &environment).unwrap_err();
        let found: Vec<_> = invalid.problems.iter().map(ToString::to_string).collect();
        assert_eq!(found, *wanted, "{name}");
        assert!(invalid.problems.iter().all(|problem| problem.line.is_none() && problem.variable.is_some()), "{name}");
    }
}

#[test]
fn overrides_reach_every_key_outside_lists_and_win_over_the_file() {
    let environment: Environment = [
        ("CALM_AGENT__CLOUD_ALM__PUSH_INTERVAL", "30s"),
        ("CALM_AGENT__CLOUD_ALM__REQUESTS_PER_MINUTE", "1_0"),
        ("CALM_AGENT__CLOUD_ALM__BACKFILL", "false"),
        ("CALM_AGENT__ADMIN__LISTEN", "off"),
        ("CALM_AGENT__LOG__LEVEL", "trace"),
        ("CALM_AGENT__RECEIVERS__OTLP__HTTP", "127.0.0.1:0"),
        ("CALM_AGENT__RECEIVERS__OTLP__BEARER_TOKEN", "0123"),
        ("CALM_AGENT__SETUP__CLOUD_FOUNDRY__API", "https://api.example"),
        ("CALM_AGENT__SETUP__AUTHORITIES", "metrics.write, hm.write"),
        ("CALM_AGENT_CONFIG", "is no override"),
    ]
    .into_iter()
    .collect();
    let file = format!("{KEY}push_interval = \"10m\"\n[admin]\nlisten = \"127.0.0.1:1\"\n");
    let config = read_with(&file, &environment).unwrap().config;
    assert_eq!(config.condense.push_interval.as_secs(), 30);
    assert_eq!(config.cloud_alm.deliver.requests_per_minute, 10);
    assert!(!config.cloud_alm.deliver.backfill);
    assert_eq!(config.admin, None);
    assert_eq!(config.log.level, LogLevel::Trace);
    let otlp = config.otlp.expect("the variable turned it on");
    assert_eq!(otlp.http.address.to_string(), "127.0.0.1:0");
    let token = crate::http::SecretSource::Value(crate::secret::Secret::new("0123"));
    assert_eq!(otlp.http.bearer_token, Some(token), "a secret stays the text that it is");
    let setup = config.setup.expect("the variable made it");
    assert_eq!(setup.cloud_foundry.unwrap().api.unwrap().as_str(), "https://api.example/");
    assert_eq!(setup.authorities.unwrap(), ["metrics.write", "hm.write"]);
}

/// What is wrong; the variable, its value; what is said.
type Override = (&'static str, &'static str, &'static str, &'static [&'static str]);

const BROKEN: &[Override] = &[
    (
        "a wrong value",
        "CALM_AGENT__CLOUD_ALM__PUSH_INTERVAL",
        "often",
        &[
            r#"CALM_AGENT__CLOUD_ALM__PUSH_INTERVAL: `push_interval`: "often" is not a duration; write for example "30s""#,
        ],
    ),
    (
        "a wrong number",
        "CALM_AGENT__CLOUD_ALM__REQUESTS_PER_MINUTE",
        "1e5",
        &[
            "CALM_AGENT__CLOUD_ALM__REQUESTS_PER_MINUTE: `requests_per_minute` is not a whole number from 1 to 10000; write a number from 1 to 10000",
        ],
    ),
    (
        "a wrong flag",
        "CALM_AGENT__CLOUD_ALM__DEV",
        "1",
        &[r#"CALM_AGENT__CLOUD_ALM__DEV: `dev`: "1" is neither true nor false; write true or false"#],
    ),
    (
        "a misspelt key",
        "CALM_AGENT__CLOUD_ALM__PUSH_INTERVALL",
        "5m",
        &[
            "CALM_AGENT__CLOUD_ALM__PUSH_INTERVALL: no key of the config has this name; did you mean CALM_AGENT__CLOUD_ALM__PUSH_INTERVAL?",
        ],
    ),
    (
        "a misspelt table",
        "CALM_AGENT__CLOUDALM__PUSH_INTERVAL",
        "5m",
        &[
            "CALM_AGENT__CLOUDALM__PUSH_INTERVAL: no key of the config has this name; did you mean CALM_AGENT__CLOUD_ALM__PUSH_INTERVAL?",
        ],
    ),
    (
        "a table",
        "CALM_AGENT__CLOUD_ALM",
        "x",
        &[
            "CALM_AGENT__CLOUD_ALM: `cloud_alm` is no single value and cannot be set by one variable; name one of its keys, or write it in the file",
        ],
    ),
    (
        "a list of tables",
        "CALM_AGENT__SERVICES",
        "x",
        &[
            "CALM_AGENT__SERVICES: `services` is no single value and cannot be set by one variable; name one of its keys, or write it in the file",
        ],
    ),
    (
        "inside a list",
        "CALM_AGENT__SERVICES__0__NAME",
        "x",
        &[
            r#"CALM_AGENT__SERVICES__0__NAME: what is inside `services` cannot be set from the environment; write it in the file, where a value may be "${env:NAME}" (`services` is a list or a map)"#,
        ],
    ),
    (
        "inside a map",
        "CALM_AGENT__CLOUD_ALM__EXTRA_QUERY__A",
        "x",
        &[
            r#"CALM_AGENT__CLOUD_ALM__EXTRA_QUERY__A: what is inside `extra_query` cannot be set from the environment; write it in the file, where a value may be "${env:NAME}" (`extra_query` is a list or a map)"#,
        ],
    ),
    (
        "inside a value",
        "CALM_AGENT__LOG__LEVEL__X",
        "x",
        &["CALM_AGENT__LOG__LEVEL__X: no key of the config has this name; did you mean CALM_AGENT__LOG__LEVEL?"],
    ),
    (
        "a second place of the key",
        "CALM_AGENT__CLOUD_ALM__SERVICE_KEY_DIR",
        "/b",
        &[
            "CALM_AGENT__CLOUD_ALM__SERVICE_KEY_DIR: `service_key_dir` is a second place of the service key beside `service_key_file`; keep exactly one of them",
        ],
    ),
    (
        "an open listener",
        "CALM_AGENT__ADMIN__LISTEN",
        "0.0.0.0:1",
        &[
            "CALM_AGENT__ADMIN__LISTEN: 0.0.0.0:1 is reachable from other machines, and nothing guards it; add tls = { cert_file, key_file, client_ca_file } or bearer_token_file, say insecure = true, or listen on 127.0.0.1",
        ],
    ),
    (
        "what it turned on lacks a key",
        "CALM_AGENT__TELEMETRY__INTERVAL",
        "5s",
        &[
            r#"CALM_AGENT__TELEMETRY__INTERVAL: `endpoint` is missing in `telemetry`; add for example endpoint = "http://127.0.0.1:4318""#,
        ],
    ),
    (
        "a user in a URL",
        "CALM_AGENT__CLOUD_ALM__PROXY",
        "http://u:planted-value@proxy",
        &[
            "CALM_AGENT__CLOUD_ALM__PROXY: `proxy` carries a user or a password; take it out of the URL and use the keys for signing in",
        ],
    ),
    (
        "what is not supported",
        "CALM_AGENT__RECEIVERS__OTLP__GRPC",
        "127.0.0.1:4317",
        &[
            r#"CALM_AGENT__RECEIVERS__OTLP__GRPC: `http` is missing in `otlp`; add for example http = "127.0.0.1:4318""#,
            "CALM_AGENT__RECEIVERS__OTLP__GRPC: `grpc` is not yet supported in this version; take it out and let senders use OTLP/HTTP: OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, customary port 4318",
        ],
    ),
];
