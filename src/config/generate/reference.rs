//! The reference file: every key with its documentation, its default, or an example.
//!
//! It is a config that passes `check`: what has a default stands there with it, what is optional is commented out, and as much of the
//! examples is active as makes the file whole.

use std::fmt::Write as _;

use crate::config::catalogue::Root;
use crate::config::said::{Group, Key, Shape, Table, Usual, written};

/// Where the keys of a rule are listed; the other places refer to it.
const FULL_RULE: &str = "services.prometheus.rule";

/// The text of `config/agent.reference.toml`.
pub fn reference() -> String {
    let mut text = String::from(
        "# Every key of the agent's config, generated from its declarations. What has a default stands here with it;\n\
         # what is optional is commented out, with an example. Keys outside lists can also be set from the environment:\n\
         # CALM_AGENT__CLOUD_ALM__PUSH_INTERVAL=30s. Values may be \"${env:NAME}\" or { file = \"…\" }.\n",
    );
    sections("", &Root::keys(), true, &mut text);
    text
}

/// The tables of a table, after its own keys.
fn sections(path: &str, keys: &[Key], active: bool, text: &mut String) {
    for key in keys {
        let here = if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
        let active = active && !matches!(key.usual, Usual::Example(_));
        match table_of(key) {
            Some((table, open, close)) => {
                text.push('\n');
                comment(&key.about, text);
                let mark = if active { "" } else { "# " };
                let _ = writeln!(text, "{mark}{open}{here}{close}");
                if key.name == "rule" && here != FULL_RULE {
                    let _ = writeln!(text, "# Its keys are those of [[{FULL_RULE}]].");
                    continue;
                }
                values(&table.keys, active, text);
                sections(&here, &table.keys, active, text);
            }
            None if matches!(&key.shape, Shape::Later) && path == "services" => {
                text.push('\n');
                comment(&key.about, text);
                let _ = writeln!(text, "# [[{here}]]");
            }
            None => {}
        }
    }
}

/// The table behind a key that is written as a section, with its brackets.
fn table_of(key: &Key) -> Option<(&Table, &'static str, &'static str)> {
    match &key.shape {
        Shape::Table(table) if is_section(key) => Some((table, "[", "]")),
        Shape::List(item) => match &**item {
            Shape::Table(table) => Some((table, "[[", "]]")),
            _ => None,
        },
        _ => None,
    }
}

fn is_section(key: &Key) -> bool {
    matches!(key.usual.text(), "" | "{}")
}

fn values(keys: &[Key], active: bool, text: &mut String) {
    for key in keys.iter().filter(|key| table_of(key).is_none() && !key.usual.text().is_empty()) {
        comment(&key.about, text);
        let mark = if active && !matches!(key.usual, Usual::Example(_)) { "" } else { "# " };
        let _ = writeln!(text, "{mark}{} = {}", key.name, literal(&key.shape, key.usual.text()));
    }
}

fn literal(shape: &Shape, text: &str) -> String {
    // A selector is full of quotes: TOML's literal text keeps it readable.
    if text.contains('"') && !text.starts_with(['{', '[']) { format!("'{text}'") } else { written(shape, text) }
}

fn comment(about: &str, text: &mut String) {
    for line in about.lines() {
        let _ = writeln!(text, "# {line}");
    }
}
