//! Each form of value in the ways people write it, and each key through the environment.

use std::collections::HashSet;
use std::time::Duration;

use super::{CHECK, KEY, RECEIVER, ROUTE, SERVICE, TARGET, read_alone, read_with};
use crate::condense::rules::{Rule, RuleText};
use crate::condense::{Confirm, Identity};
use crate::config::said::{Group, Key, Shape};
use crate::config::{AgentConfig, Environment, catalogue};
use crate::deliver::{Compression, Encoding};
use crate::http::ClientCertificate;
use crate::sources::http_check::{HealthFormat, Method};

fn top(line: &str) -> AgentConfig {
    read_alone(&format!("{KEY}{line}\n")).unwrap_or_else(|invalid| panic!("{line}: {:?}", invalid.problems)).config
}

fn check(lines: &str) -> crate::sources::http_check::Config {
    top(&format!("{SERVICE}{CHECK}{lines}")).http_checks.remove(0)
}

#[test]
fn durations() {
    for (text, wanted) in [
        ("1s", Duration::from_secs(1)),
        ("90s", Duration::from_secs(90)),
        ("1500ms", Duration::from_millis(1500)),
        ("1h 30m", Duration::from_secs(5400)),
        ("5min", Duration::from_secs(300)),
        ("1day", Duration::from_secs(86_400)),
    ] {
        assert_eq!(top(&format!("push_interval = \"{text}\"")).condense.push_interval, wanted, "{text}");
    }
    assert_eq!(top("[agent]\nshutdown_timeout = \"0s\"").agent.shutdown_timeout, Duration::ZERO);
    assert_eq!(top("push_interval = \"10s\"").condense.first_window, Duration::from_secs(10));
    assert_eq!(top("push_interval = \"20s\"").condense.first_window, Duration::from_secs(15));
}

#[test]
fn sizes_and_numbers() {
    for (text, wanted) in [("900_000", 900_000), ("\"64KiB\"", 65_536), ("\"1.5 MB\"", 1_500_000), ("0x1_0000", 65_536)]
    {
        assert_eq!(top(&format!("max_request_bytes = {text}")).cloud_alm.deliver.max_request_bytes, wanted, "{text}");
    }
    assert_eq!(top("max_points_per_request = 5_000").cloud_alm.deliver.max_points_per_request, 5_000);
    assert_eq!(top("[agent]\nqueue_max_bytes = 1048576").cloud_alm.deliver.queue_max_bytes, 1 << 20);
    assert_eq!(top("[agent]\nqueue_max_bytes = \"2GiB\"").agent.queue_max_bytes, 2 << 30);
}

#[test]
fn words() {
    let config = top("identity = \"name\"\nencoding = \"protobuf\"\ncompression = \"gzip\"");
    assert_eq!(config.condense.identity, Identity::Name);
    let deliver = config.cloud_alm.deliver;
    assert_eq!(
        (deliver.encoding, deliver.compression, deliver.fold_labels),
        (Encoding::Protobuf, Compression::Gzip, true)
    );
    assert!(!top("identity = \"label\"").cloud_alm.deliver.fold_labels);
    assert_eq!(check("method = \"HEAD\"").method, Method::Head);
    assert_eq!(check("health = \"off\"").health, HealthFormat::Off);
    assert_eq!(check("").health, HealthFormat::Auto);
}

#[test]
fn addresses() {
    for (text, wanted) in [
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("localhost:4318", "127.0.0.1:4318"),
        ("[::1]:4318", "[::1]:4318"),
        ("127.9.9.9:1", "127.9.9.9:1"),
    ] {
        let config = top(&format!("[receivers.otlp]\nhttp = \"{text}\""));
        assert_eq!(config.otlp.unwrap().http.address.to_string(), wanted);
    }
    assert!(top("[admin]\nlisten = \"off\"").admin.is_none());
    assert!(!top("[admin]\nlisten = \"127.0.0.1:13131\"").admin.unwrap().by_default, "it was asked for by name");
}

#[test]
fn confirmations_and_status_codes() {
    for (text, bad, of) in [("1 of 1", 1, 1), ("2 of 3", 2, 3), ("10 of 10", 10, 10)] {
        let config = top(&format!("{SERVICE}{CHECK}confirm = \"{text}\""));
        assert_eq!(config.condense.sources[0].status.confirm, Confirm { bad, of });
    }
    assert_eq!(check("expect_status = [200]").expect_status, [200..=200]);
    assert_eq!(check("expect_status = [\"200 - 204\", 401]").expect_status, [200..=204, 401..=401]);
    assert_eq!(check("").expect_status, [200..=399]);
}

#[test]
fn client_certificates_and_roots() {
    let check =
        check("ca_file = \"ca.pem\"\ncert_file = \"c.pem\"\nkey_file = \"k.pem\"\nproxy = \"http://proxy.example:1\"");
    assert_eq!(check.http.ca_file, Some("ca.pem".into()));
    let files = ClientCertificate::Files { cert_file: "c.pem".into(), key_file: "k.pem".into() };
    assert_eq!(check.http.client_certificate, Some(files));
    assert_eq!(check.http.proxy.unwrap().as_str(), "http://proxy.example:1/");
}

#[test]
fn the_timeout_follows_the_interval() {
    for (lines, wanted) in
        [("", 10), ("interval = \"3s\"", 3), ("timeout = \"2s\"", 2), ("interval = \"60s\"\ntimeout = \"60s\"", 60)]
    {
        assert_eq!(check(lines).http.timeout, Duration::from_secs(wanted), "{lines}");
    }
    let config = top(&format!("{SERVICE}{TARGET}interval = \"5s\""));
    assert_eq!(config.prometheus[0].http.timeout, Duration::from_secs(5));
}

#[test]
fn targets_are_named_by_host_port_and_path() {
    for (url, name) in [
        ("http://127.0.0.1:9100/metrics", "127.0.0.1:9100/metrics"),
        ("https://orders.example/actuator/prometheus?x=1", "orders.example:443/actuator/prometheus"),
        ("http://[::1]/", "[::1]:80/"),
    ] {
        let config = top(&format!("{SERVICE}[[services.prometheus]]\nurl = \"{url}\""));
        assert_eq!(&*config.prometheus[0].key.name, name);
    }
}

#[test]
fn limits_of_pushes_and_pages_reach_their_components() {
    let limits = "max_wire_bytes = \"1MiB\"\nmax_body_bytes = \"2MiB\"\nmax_points = 3\nmax_attributes = 4\nmax_requests = 5\nmax_connections = 6";
    let found = top(&format!("{RECEIVER}{limits}")).otlp.unwrap().limits;
    assert_eq!((found.wire_bytes, found.body_bytes, found.points), (1 << 20, 2 << 20, 3));
    assert_eq!((found.attributes, found.requests, found.connections), (4, 5, 6));
    assert_eq!(
        top(RECEIVER).otlp.unwrap().limits,
        crate::sources::otlp::Limits::default(),
        "declared twice, told once"
    );
    let page =
        "max_body_bytes = \"1MiB\"\nmax_samples = 2\nmax_labels = 3\nhonor_labels = true\nhonor_timestamps = false";
    let target = top(&format!("{SERVICE}{TARGET}{page}")).prometheus.remove(0);
    assert_eq!((target.max_body_bytes, target.max_samples, target.max_labels), (1 << 20, 2, 3));
    assert!(target.honor_labels && !target.honor_timestamps);
}

/// The rules' own parser judges a rule; the config only adds the place of the field.
#[test]
fn what_is_wrong_with_a_rule_is_said_at_its_field() {
    let rules = [
        vec![("select", "up"), ("warning", "> 80%")],
        vec![("select", "up"), ("as", "gauge"), ("critical", "soon")],
        vec![("select", "up{"), ("as", "gauges"), ("value", "p101")],
        vec![("select", "up"), ("as", "quota"), ("limit", "10"), ("warning", "> 90%"), ("critical", "> 80%")],
        vec![("select", "up"), ("across", "most"), ("unit", "s")],
    ];
    for fields in rules {
        let text: serde_json::Map<_, _> =
            fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
        let text: RuleText = serde_json::from_value(text.into()).unwrap();
        let mut wanted: Vec<_> = Rule::parse(&text)
            .err()
            .unwrap_or_default()
            .into_iter()
            .map(|problem| {
                // The rule's header is line 8.
                let line = fields.iter().position(|(key, _)| *key == problem.field).map_or(8, |at| at + 9);
                (line, format!("`{}`: {}", problem.field, problem.message))
            })
            .collect();
        let lines: String = fields.iter().map(|(key, value)| format!("{key} = '{value}'\n")).collect();
        let file = format!("{KEY}{SERVICE}{TARGET}[[services.prometheus.rule]]\n{lines}");
        let problems = read_alone(&file).err().map(|invalid| invalid.problems).unwrap_or_default();
        let mut found: Vec<_> = problems.into_iter().map(|problem| (problem.line.unwrap(), problem.message)).collect();
        wanted.sort();
        found.sort();
        assert_eq!(found, wanted, "{file}");
    }
}

#[test]
fn a_route_behind_one_that_takes_everything_is_warned_of() {
    let tail = "[[receivers.otlp.route]]\nservice = \"orders\"\nmatch = { a = \"b\" }\n";
    let warnings =
        |text: &str| -> Vec<_> { read_alone(text).unwrap().warnings.iter().map(|warning| warning.line).collect() };
    assert_eq!(warnings(&format!("{KEY}{RECEIVER}{ROUTE}{tail}{SERVICE}")), [Some(7)]);
    assert_eq!(warnings(&format!("{KEY}{RECEIVER}{tail}{ROUTE}{SERVICE}")), []);
}

/// Every key that a variable can hold: its variable, its name, its shape and the text of its default or example.
fn reachable(keys: &[Key], prefix: &str, all: &mut Vec<(String, Key)>) {
    for key in keys {
        let variable = format!("{prefix}__{}", key.name.to_uppercase());
        match &key.shape {
            Shape::Table(table) => reachable(&table.keys, &variable, all),
            shape if shape.fits_variable() => all.push((variable, key.clone())),
            _ => {}
        }
    }
}

#[test]
fn every_key_outside_lists_takes_its_own_default_or_example_from_its_variable() {
    let mut all = Vec::new();
    reachable(&catalogue::Root::keys(), "CALM_AGENT", &mut all);
    assert!(all.len() > 70, "{} keys", all.len());
    for (variable, key) in all {
        // As a list's items with commas, as a reference's target: how a variable says what the file says with brackets.
        let text = key.usual.text().trim_matches(['[', ']']).replace('"', "");
        if text.starts_with('{') || matches!(key.shape, Shape::Later) {
            continue;
        }
        let environment: Environment =
            [(variable.as_str(), text.as_str()), ("CALM_SERVICE_KEY", "{}")].into_iter().collect();
        let problems = match read_with(
            &format!("{KEY}[telemetry]\nendpoint = \"http://127.0.0.1:1\"\n{RECEIVER}"),
            &environment,
        ) {
            Ok(_) => continue,
            Err(invalid) => invalid.problems,
        };
        let together = ["second place", "is missing in `tls`", "no service"];
        for problem in problems {
            let of_others = together.iter().any(|part| problem.message.contains(part));
            assert!(of_others, "{variable}={text}: {problem}");
        }
    }
}

#[test]
fn every_word_of_every_list_is_accepted() {
    let mut all = Vec::new();
    reachable(&catalogue::Root::keys(), "CALM_AGENT", &mut all);
    let mut count = 0;
    for (variable, key) in &all {
        let Shape::Word(words) = &key.shape else { continue };
        for word in words {
            let environment: Environment = [(variable.as_str(), *word)].into_iter().collect();
            read_with(&format!("{KEY}{RECEIVER}"), &environment)
                .unwrap_or_else(|invalid| panic!("{variable}={word}: {invalid:?}"));
            count += 1;
        }
    }
    assert!(count >= 20, "{count} words");
}

#[test]
fn no_key_stands_twice_in_a_table() {
    fn look(keys: &[Key], path: &str) {
        let mut names = HashSet::new();
        for key in keys {
            assert!(names.insert(key.name), "{path}.{} is declared twice", key.name);
            let mut shape = &key.shape;
            while let Shape::List(item) = shape {
                shape = item;
            }
            look(shape.keys().unwrap_or_default(), &format!("{path}.{}", key.name));
        }
    }
    look(&catalogue::Root::keys(), "");
}
