//! The files in `config/` that are made from the declarations.

use std::path::PathBuf;

use super::{read_alone, recipes};
use crate::config::said::{Group, Key, Shape};
use crate::config::{catalogue, reference, schema};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config").join(name)
}

fn schema_text() -> String {
    serde_json::to_string_pretty(&schema()).unwrap() + "\n"
}

const REGENERATE: &str = "run: cargo test --lib config::tests::generated::regenerate -- --ignored";

#[test]
fn the_reference_is_fresh() {
    let on_disk = std::fs::read_to_string(file("agent.reference.toml")).unwrap_or_default();
    assert!(on_disk == reference(), "config/agent.reference.toml is stale; {REGENERATE}");
}

#[test]
fn the_schema_is_fresh() {
    let on_disk = std::fs::read_to_string(file("agent.schema.json")).unwrap_or_default();
    assert!(on_disk == schema_text(), "config/agent.schema.json is stale; {REGENERATE}");
}

#[test]
#[ignore = "writes the generated files"]
#[expect(clippy::disallowed_methods, reason = "the one writer of the generated files")]
fn regenerate() {
    std::fs::write(file("agent.reference.toml"), reference()).unwrap();
    std::fs::write(file("agent.schema.json"), schema_text()).unwrap();
}

#[test]
fn the_reference_and_the_minimal_file_are_right_and_draw_no_warning() {
    let minimal = std::fs::read_to_string(file("agent.minimal.toml")).unwrap();
    for text in [reference(), minimal] {
        let loaded = read_alone(&text).unwrap();
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    }
}

/// With every example in place: what cannot stand together is refused for that, and nothing for its form.
#[test]
fn every_example_of_the_reference_has_the_right_form() {
    let text: String = reference()
        .lines()
        // A rule whose keys are listed elsewhere has no example of its own.
        .filter(|line| !line.ends_with(".rule]]") || line.contains("prometheus"))
        .map(|line| {
            let example = line
                .strip_prefix("# ")
                .filter(|rest| rest.starts_with('[') || rest.split_once(" = ").is_some_and(|(key, _)| is_key(key)));
            example.unwrap_or(line).to_owned() + "\n"
        })
        .collect();
    let environment = ["SHOP_PASSWORD", "AGENT_TOKEN", "CF_PASSWORD", "CALM_SERVICE_KEY"]
        .into_iter()
        .map(|name| (name, "x"))
        .collect();
    let invalid = super::read_with(&text, &environment).unwrap_err();
    let expected = [
        "not yet supported",
        "second place of the service key",
        "both `",
        "with a password or with a bearer token",
        "password_env",
        "only a status has a text",
    ];
    for problem in &invalid.problems {
        assert!(expected.iter().any(|part| problem.message.contains(part)), "{}", problem.render(&invalid.text, false));
    }
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn visit(keys: &[Key], path: &str, see: &mut impl FnMut(&str, &Key)) {
    for key in keys {
        let path = format!("{path}/{}", key.name);
        see(&path, key);
        let mut shape = &key.shape;
        while let Shape::List(item) = shape {
            shape = item;
        }
        visit(shape.keys().unwrap_or_default(), &path, see);
    }
}

#[test]
fn every_key_is_documented_and_stands_in_the_reference_and_in_the_schema() {
    let (reference, schema) = (reference(), schema());
    let mut count = 0;
    visit(&catalogue::Root::keys(), "", &mut |path, key| {
        count += 1;
        assert!(key.about.ends_with('.') && key.about.len() > 8, "{path}: {:?}", key.about);
        assert!(reference.contains(key.name), "{path} is not in the reference");
        let pointer = path.split('/').skip(1).fold(String::new(), |pointer, name| {
            let at = schema.pointer(&pointer).unwrap();
            let items = if at.get("items").is_some() { "/items" } else { "" };
            format!("{pointer}{items}/properties/{name}")
        });
        assert!(schema.pointer(&pointer).is_some(), "{path} is not in the schema ({pointer})");
    });
    assert!(count > 120, "{count} keys");
}

#[test]
fn the_default_of_every_key_can_be_read() {
    // Reading an empty table takes every default there is in it, and panics on one that is not of its type.
    let tables = "[cloud_alm]\nservice_key_file = \"k\"\n[telemetry]\nendpoint = \"http://127.0.0.1:1\"\n[setup.destination]\n[receivers.otlp]\nhttp = \"127.0.0.1:1\"\n";
    let sources = format!("{}{}{}[[services.host]]\n", super::SERVICE, super::CHECK, super::TARGET);
    read_alone(&format!("{tables}{}{sources}", super::ROUTE)).unwrap();
    assert!(recipes(None).contains(&"node".to_owned()));
}
