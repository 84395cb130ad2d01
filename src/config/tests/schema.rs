//! The JSON schema says what the reader says: what one takes as a form, the other takes too.

use serde_json::{Value, json};

use super::form::BROKEN;
use super::{CHECK, KEY, RECEIVER, ROUTE, SERVICE, TARGET};
use crate::config::{reference, schema};

/// The part of JSON schema that ours uses; an unknown word fails the test, so that nothing is silently ignored.
fn accepts(schema: &Value, root: &Value, value: &Value) -> bool {
    let Value::Object(words) = schema else { panic!("{schema} is no schema") };
    words.iter().all(|(word, said)| match word.as_str() {
        "$schema" | "$defs" | "title" | "description" | "default" | "required" | "additionalProperties" => true,
        "type" => has_type(said.as_str().unwrap(), value),
        "$ref" => accepts(root.pointer(said.as_str().unwrap().trim_start_matches('#')).unwrap(), root, value),
        "anyOf" => said.as_array().unwrap().iter().any(|one| accepts(one, root, value)),
        "not" => !accepts(said, root, value),
        "enum" => said.as_array().unwrap().contains(value),
        "minimum" => value.as_u64().is_some_and(|number| number >= said.as_u64().unwrap()),
        "maximum" => value.as_u64().is_some_and(|number| number <= said.as_u64().unwrap()),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| accepts(said, root, item))),
        "pattern" => value.as_str().is_some_and(|text| text.contains("${env:") && text.contains('}')),
        "properties" => has_properties(schema, root, value),
        other => panic!("the schema says {other}, which this test does not know"),
    }) && (schema.get("properties").is_some() || has_properties(schema, root, value))
}

fn has_type(name: &str, value: &Value) -> bool {
    match name {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        other => panic!("{other} is no type of ours"),
    }
}

fn has_properties(schema: &Value, root: &Value, value: &Value) -> bool {
    let Value::Object(entries) = value else { return true };
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    let all_there = required.into_iter().all(|name| entries.contains_key(name.as_str().unwrap()));
    all_there
        && entries.iter().all(|(name, value)| match schema.get("properties").and_then(|known| known.get(name)) {
            Some(of_key) => accepts(of_key, root, value),
            None => match schema.get("additionalProperties") {
                None | Some(Value::Bool(true)) => true,
                Some(Value::Bool(false)) => false,
                Some(of_others) => accepts(of_others, root, value),
            },
        })
}

fn as_json(text: &str) -> Option<Value> {
    let table: toml::Table = text.parse().ok()?;
    serde_json::to_value(table).ok()
}

fn is_accepted(text: &str) -> bool {
    let schema = schema();
    accepts(&schema, &schema, &as_json(text).expect("it is TOML"))
}

#[test]
fn what_the_reader_takes_the_schema_takes() {
    let more = "health = { pointer = \"/a\", ratings = { UP = \"ok\" } }\nexpect_status = [200, \"300-399\"]\npassword = { file = \"p\" }\nusername = \"${env:USER}\"\n";
    let rule = "recipe = [\"node\"]\n[[services.prometheus.rule]]\nselect = \"a\"\nlimit = 5\nlabels = [\"x\"]\n";
    let whole = format!(
        "{KEY}requests_per_minute = \"${{env:N}}\"\nmax_request_bytes = \"1MiB\"\ndev = \"${{env:DEV}}\"\n{RECEIVER}{ROUTE}match = {{ a = [\"b\"], c = \"d\" }}\n{SERVICE}{CHECK}{more}{TARGET}{rule}"
    );
    for text in [reference(), KEY.to_owned(), whole, String::new()] {
        assert!(is_accepted(&text), "{text}");
    }
}

#[test]
fn what_the_reader_refuses_for_its_keys_and_kinds_the_schema_refuses_too() {
    let mut count = 0;
    for (name, pieces, found) in BROKEN {
        let text = super::text_of(pieces);
        let by_form = |part: &&str| {
            let kinds = ["unknown key", " must be ", "is missing in `", "not a whole number", "not yet supported"];
            kinds.iter().any(|kind| part.contains(kind)) && !part.contains("no place of the service key")
        };
        // A word in quotes that stands for a number is told from a reference only by the reader.
        if as_json(&text).is_none() || !found.iter().any(by_form) || found.iter().any(|part| part.contains("a date")) {
            continue;
        }
        assert!(!is_accepted(&text), "{name}: the schema takes it\n{text}");
        count += 1;
    }
    assert!(count >= 20, "{count} files");
}

#[test]
fn a_secret_inline_is_refused_by_the_schema_too() {
    for (value, accepted) in [("\"planted\"", false), ("\"${env:X}\"", true), ("{ file = \"p\" }", true), ("5", false)]
    {
        assert_eq!(is_accepted(&format!("{KEY}[admin]\nbearer_token = {value}\n")), accepted, "{value}");
    }
}

#[test]
fn editors_are_told_documentation_defaults_and_words() {
    let schema = schema();
    let key = &schema["properties"]["cloud_alm"]["properties"]["encoding"];
    assert_eq!(key["default"], json!("json"));
    assert!(key["description"].as_str().unwrap().starts_with("How a request is encoded"));
    assert_eq!(key["anyOf"][0]["enum"], json!(["json", "protobuf"]));
    let number = &schema["properties"]["cloud_alm"]["properties"]["requests_per_minute"];
    assert_eq!((&number["default"], &number["anyOf"][0]["maximum"]), (&json!(80), &json!(10_000)));
}
