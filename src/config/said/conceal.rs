//! What must not be shown, found by its looks: in keys that nobody declared, in tables that are refused, and in text nobody could parse.
//!
//! Declared secrets conceal themselves. This is the net below them: somebody who writes `client_secret = "…"` where no such key is known
//! gets the problem with its line, and the value masked.

use std::ops::Range;

use super::node::{Node, Value};
use super::reader::{Reader, only_file};
use super::safe::referenced;

/// Parts of keys that hold secrets.
const WORDS: [&str; 8] = ["password", "passwort", "passwd", "passcode", "secret", "token", "private", "_key"];

/// Endings of keys that say where a secret is, not what it is.
const HARMLESS: [&str; 4] = ["_file", "_env", "_dir", "_name"];

fn is_suspicious(key: &str) -> bool {
    let key = key.trim().trim_matches(['"', '\'']).to_lowercase();
    WORDS.iter().any(|word| key.contains(word)) && !HARMLESS.iter().any(|ending| key.ends_with(ending))
}

/// Conceals every value under a key that looks like a secret's.
pub(crate) fn conceal_suspicious(node: &Node, reader: &mut Reader<'_>) {
    match &node.value {
        _ if is_suspicious(&node.name) => conceal_all(node, reader),
        Value::List(items) => items.iter().for_each(|item| conceal_suspicious(item, reader)),
        Value::Table(entries) => entries.iter().for_each(|entry| conceal_suspicious(&entry.node, reader)),
        _ => {}
    }
}

/// Conceals a value and all that is in it, but not where it only says where the secret is.
pub(super) fn conceal_all(node: &Node, reader: &mut Reader<'_>) {
    match &node.value {
        Value::Text(text) if referenced(text).is_some() => {}
        Value::List(items) => items.iter().for_each(|item| conceal_all(item, reader)),
        Value::Table(_) if only_file(node).is_some() => {}
        Value::Table(entries) => entries.iter().for_each(|entry| conceal_all(&entry.node, reader)),
        _ => reader.conceal(&node.place),
    }
}

/// Spans that look like secrets in a text that could not be parsed as a whole.
pub(crate) fn suspicious(text: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        for (at, _) in line.match_indices('=') {
            let key = line[..at].rsplit(['{', ',']).next().unwrap_or_default();
            if is_suspicious(key) {
                let value = at + 1 + line[at + 1..].len() - line[at + 1..].trim_start().len();
                spans.push(offset + value..offset + value_end(&text[offset..], value, line.trim_end().len()));
            }
        }
        // User information of a URL ends at the `@`.
        if let (Some(scheme), Some(at)) = (line.find("://"), line.rfind('@')) {
            spans.push(offset + scheme + 3..offset + at.max(scheme + 3));
        }
        offset += line.len();
    }
    spans
}

/// Where the value ends: at the end of its line, or, where it is a text of several lines, with that.
fn value_end(text: &str, value: usize, line_end: usize) -> usize {
    for quotes in ["\"\"\"", "'''"] {
        if let Some(body) = text[value..].strip_prefix(quotes) {
            return body.find(quotes).map_or(text.len(), |length| value + quotes.len() + length);
        }
    }
    line_end.max(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        let mut source = crate::config::problem::Source { file: String::new(), text: text.to_owned() };
        source.mask(&suspicious(text));
        source.text
    }

    #[test]
    fn values_of_secrets_are_found_in_any_text() {
        for (text, wanted) in [
            ("password = planted # x\nuser = \"u\"", "password = ***********\nuser = \"u\""),
            ("a = { api_key = \"planted\"", "a = { api_key = \"*******\""),
            ("password_file = \"p\"", "password_file = \"p\""),
            ("\"Client Secret\" = 'planted", "\"Client Secret\" = '*******"),
            ("token = \"\"\"plan\nted\"\"\"\nb = 1", "token = \"\"\"****\n***\"\"\"\nb = 1"),
            ("token = \'\'\'plan\nted\nb = 1", "token = \'\'\'****\n***\n*****"),
            ("url = https://u:planted@h/", "url = https://*********@h/"),
            ("a@b https://h/", "a@b https://h/"),
            ("secret =", "secret ="),
        ] {
            assert_eq!(masked(text), wanted, "{text}");
        }
    }
}
