//! Scenario: an operator writes an `agent.toml`, gets it wrong, reads what the agent says, and gets it right.
//!
//! Guarantees: every mistake is named before the start, all at once, with line and column (U2); what the product's page shows is accepted;
//! no secret leaves the file by way of a message (S3, S7); the files that are shipped beside the program are right.

use std::path::{Path, PathBuf};
use std::time::Duration;

use calm_agent::condense::{Recipes, SourceKind};
use calm_agent::config::{Environment, Estimate, Invalid, Loaded, Purpose, Request, load};
use calm_agent::error::{Exit, Explain};
use calm_agent::sap::service_key::Location;
use calm_agent::sources::otlp::OtherSignals;

/// The example of the product's page, without the sources that come in a later version.
const EXAMPLE: &str = r##"
[cloud_alm]
service_key_file = "service-key.json"
use_case = "hm"
push_interval = "5m"
requests_per_minute = 80
identity = "label"
max_request_bytes = 900_000
max_points_per_request = 5_000
encoding = "json"
compression = "none"
max_age = "24h"

[agent]
data_dir = "/var/lib/calm-agent"
queue_max_bytes = "1GiB"
durability = "power-loss"
shutdown_timeout = "5s"
heartbeat_service = "orders"

[admin]
listen = "127.0.0.1:13131"

[receivers.otlp]
http = "127.0.0.1:4318"
other_signals = "discard"
[[receivers.otlp.route]]
match = { "service.name" = "orders-*" }
service = "orders"
recipe = "auto"

[[services]]
name = "orders"
service_id = "0f2c8d1e-0000-4000-8000-0123456789ab"
max_metrics = 100
maintenance = ["Sun 02:00-04:00 Europe/Berlin"]

  [[services.http_check]]
  name = "shop front"
  url = "https://orders.example/health"
  interval = "30s"
  essential = true
  confirm = "2 of 3"
  latency = { warning = "2s", critical = "4s" }
  tls_expiry = { warning = "30d", critical = "7d" }

  [[services.prometheus]]
  url = "http://127.0.0.1:9100/metrics"
  interval = "15s"
  recipe = "node"
    [[services.prometheus.rule]]
    select = 'node_filesystem_avail_bytes{fstype!="tmpfs"}'
    as = "quota"
    limit = "node_filesystem_size_bytes"
    value = "limit - last"
    name = "system.filesystem.usage"
    labels = ["mountpoint"]
    unit = "bytes"
    warning = "> 80%"
    critical = "> 90%"

  [[services.host]]

[setup]
backend = "auto"
space = "sap_cloud_alm_space"
instance = "sap_cloud_alm_api"
key = "sap_cloud_alm_key"
[setup.cloud_foundry]
api = "https://api.cf.eu10.hana.ondemand.com"
[setup.service_manager]
[setup.btp]
cis_key_file = "cis.json"
[setup.destination]
"##;

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder for the story") }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("agent.toml")
    }

    #[expect(clippy::disallowed_methods, reason = "the story lays out the operator's file")]
    fn write(&self, text: &str) {
        std::fs::write(self.file(), text).expect("the folder can be written");
    }

    fn read(&self, variables: &[(&str, &str)]) -> Result<Loaded, Box<Invalid>> {
        let environment: Environment = variables.iter().copied().collect();
        let recipes = |_: Option<&Path>| vec!["node".to_owned()];
        load(&Request { path: &self.file(), environment: &environment, recipes: &recipes, purpose: Purpose::Run })
    }
}

#[test]
fn the_example_of_the_product_is_accepted_and_means_what_it_says() {
    let desk = Desk::new();
    desk.write(EXAMPLE);
    let Loaded { config, warnings, .. } = desk.read(&[]).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(config.cloud_alm.service_key, Some(Location::File(desk.folder.path().join("service-key.json"))));
    assert_eq!(config.condense.services[0].maintenance[0].zone, "Europe/Berlin");
    assert_eq!(config.http_checks[0].interval, Duration::from_secs(30));
    assert!(config.condense.sources[0].status.essential);
    assert_eq!(config.condense.sources[1].recipes, Recipes::Named(vec!["node".into()]));
    assert_eq!(config.condense.sources[1].rules.len(), 1);
    assert_eq!(config.condense.sources[3].kind, SourceKind::Push);
    let otlp = config.otlp.as_ref().unwrap();
    assert_eq!(otlp.other_signals, OtherSignals::Discard);
    assert_eq!(otlp.routes[0].matches, [("service.name".to_owned(), vec!["orders-*".to_owned()])]);
    assert!(Estimate::of(&config).fits());
}

#[test]
fn every_mistake_is_named_at_once_and_when_all_are_mended_the_agent_can_start() {
    let desk = Desk::new();
    let mistakes = [
        ("push_interval = \"5m\"", "push_intervall = \"5m\""),
        ("requests_per_minute = 80", "requests_per_minute = \"eighty\""),
        ("encoding = \"json\"", "encoding = \"jsom\""),
        ("heartbeat_service = \"orders\"", "heartbeat_service = \"order\""),
        ("listen = \"127.0.0.1:13131\"", "listen = \"0.0.0.0:13131\""),
        ("service_id = \"0f2c8d1e-0000-4000-8000-0123456789ab\"", "service_id = \"0f2c…-uuid\""),
        ("Europe/Berlin", "Europe/Walldorf"),
        ("confirm = \"2 of 3\"", "confirm = \"3 of 2\""),
        ("recipe = \"node\"", "recipe = \"nodes\""),
    ];
    let mut text = EXAMPLE.to_owned();
    for (right, wrong) in mistakes {
        assert_eq!(text.matches(right).count(), 1, "{right}");
        text = text.replace(right, wrong);
    }
    let line_of = |text: &str, part: &str| text[..text.find(part).unwrap()].matches('\n').count() + 1;
    for mended in 0..=mistakes.len() {
        desk.write(&text);
        let Err(invalid) = desk.read(&[]) else {
            assert_eq!(mended, mistakes.len(), "not before the last mistake is mended");
            return;
        };
        let left: Vec<usize> = mistakes[mended..].iter().map(|(_, wrong)| line_of(&text, wrong)).collect();
        let mut found: Vec<usize> = invalid.problems.iter().map(|problem| problem.line.unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, left, "{:#?}", invalid.problems);
        assert!(invalid.problems.iter().all(|problem| problem.hint.is_some()));
        assert_eq!(invalid.exit(), Exit::Config);
        text = text.replace(mistakes[mended].1, mistakes[mended].0);
    }
    panic!("the whole file was refused");
}

#[test]
fn planted_secrets_never_leave_the_file() {
    const PLANTED: [&str; 5] = ["pl4nted-one", "pl4nted-two", "pl4nted-three", "pl4nted-four", "pl4nted-five"];
    let desk = Desk::new();
    let [one, two, three, four, five] = PLANTED;
    let check = "[[services.http_check]]\nname = \"a\"\n";
    for text in [
        format!("{EXAMPLE}{check}url = \"https://x.example/\"\nusername = \"u\"\npassword = \"{one}\"\n"),
        format!("[cloud_alm]\nclientsecret = '{two}'\nservice_key = {{ clientsecret = \"{two}\" }}\n"),
        format!(
            "{EXAMPLE}[[services.prometheus]]\nurl = \"https://u:{three}@x.example/\"\nbearer_token = 'Bearer {three}'\n"
        ),
        format!("[setup.cloud_foundry]\npassword = \"{four}\nusername = \"u\"\n[setup\n"),
        format!("[setup.cloud_foundry]\npassword = [\n  \"{five}\",\n  {{ x = \"{five}\", unknown = 1 }}\n]\n"),
    ] {
        desk.write(&text);
        let invalid = desk.read(&[]).unwrap_err();
        let mut shown = format!("{invalid} {invalid:?} {:?}", invalid.hint());
        for problem in invalid.problems.iter().chain(&invalid.warnings) {
            shown += &problem.render(&invalid.text, false);
            shown += &serde_json::to_string(problem).unwrap();
            shown += &problem.to_string();
        }
        assert!(PLANTED.iter().all(|secret| !shown.contains(secret)), "{shown}");
        assert!(!invalid.problems.is_empty());
    }
}

#[test]
fn secrets_in_variables_work_and_are_never_shown() {
    let desk = Desk::new();
    desk.write(
        "[cloud_alm]\nservice_key_env = \"KEY\"\n[admin]\nlisten = \"127.0.0.1:0\"\nbearer_token = \"${env:TOKEN}\"\n",
    );
    let variables = [
        ("KEY", "pl4nted-key"),
        ("TOKEN", "pl4nted-token"),
        ("CALM_AGENT__SETUP__CLOUD_FOUNDRY__PASSWORD", "pl4nted-password"),
    ];
    let loaded = desk.read(&variables).unwrap();
    let Some(Location::Environment { text, .. }) = &loaded.config.cloud_alm.service_key else { panic!("{loaded:?}") };
    assert_eq!(text.expose(), "pl4nted-key");
    assert!(!format!("{loaded:?}").contains("pl4nted"));
    let mut wrong = variables.to_vec();
    wrong.push(("CALM_AGENT__SETUP__CLOUD_FOUNDRY__API", "http://u:pl4nted@x"));
    wrong.push(("CALM_AGENT__SETUP__CLOUD_FOUNDRY__PASSWORT", "pl4nted"));
    let invalid = desk.read(&wrong).unwrap_err();
    assert_eq!(invalid.problems.len(), 2, "{invalid:?}");
    assert!(!format!("{invalid:?}").contains("pl4nted"));
}

#[test]
fn what_is_shipped_is_right() {
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config");
    let desk = Desk::new();
    for name in ["agent.minimal.toml", "agent.reference.toml"] {
        desk.write(&std::fs::read_to_string(shipped.join(name)).unwrap());
        let loaded = desk.read(&[]).unwrap();
        assert!(loaded.warnings.is_empty(), "{name}: {:?}", loaded.warnings);
    }
}
