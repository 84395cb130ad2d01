//! The JSON schema of the config file, for editors.

use serde_json::{Value, json};

use crate::config::catalogue::Root;
use crate::config::said::{Key, Leaf, Shape, Table, Usual};

/// The schema (draft 2020-12). Editors complete keys and show their documentation with it; what only makes sense together is judged by
/// `check` alone.
pub fn schema() -> Value {
    let mut schema = of(&Root::shape());
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of calm-agent",
        "$defs": {
            "variable": {
                "description": "The value of an environment variable.",
                "type": "string",
                "pattern": "\\$\\{env:[^}]+\\}",
            },
            "file": {
                "description": "The content of a file; relative to the config's folder.",
                "type": "object",
                "properties": { "file": { "type": "string" } },
                "required": ["file"],
                "additionalProperties": false,
            },
        },
    });
    merge(&mut schema, head);
    schema
}

fn of(shape: &Shape) -> Value {
    match shape {
        Shape::Text { what } => json!({ "anyOf": [{ "type": "string", "title": what }, file()] }),
        Shape::Word(words) => json!({ "anyOf": [{ "enum": words }, variable(), file()] }),
        Shape::Whole { min, max } => {
            json!({ "anyOf": [{ "type": "integer", "minimum": min, "maximum": max }, variable()] })
        }
        Shape::Size { min, max } => json!({ "anyOf": [
            { "type": "integer", "minimum": min, "maximum": max },
            { "type": "string", "title": "a size such as 16MiB" },
            file(),
        ] }),
        Shape::Flag => json!({ "anyOf": [{ "type": "boolean" }, variable()] }),
        Shape::Secret => json!({ "anyOf": [variable(), file()] }),
        Shape::List(item) => json!({ "type": "array", "items": of(item) }),
        Shape::Map(value) => json!({ "type": "object", "additionalProperties": of(value) }),
        Shape::Table(table) => of_table(table),
        Shape::Later => json!({ "not": {} }),
        Shape::Either(shapes) => json!({ "anyOf": shapes.iter().map(of).collect::<Vec<_>>() }),
    }
}

fn of_table(table: &Table) -> Value {
    let properties: serde_json::Map<_, _> = table.keys.iter().map(|key| (key.name.to_owned(), of_key(key))).collect();
    let required: Vec<_> =
        table.keys.iter().filter(|key| matches!(key.usual, Usual::Needed(_))).map(|key| key.name).collect();
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !table.about.is_empty() {
        merge(&mut schema, json!({ "description": table.about }));
    }
    if !required.is_empty() {
        merge(&mut schema, json!({ "required": required }));
    }
    schema
}

fn of_key(key: &Key) -> Value {
    let mut schema = of(&key.shape);
    merge(&mut schema, json!({ "description": key.about }));
    if let Usual::Default(text) = key.usual
        && !text.starts_with(['{', '['])
    {
        let number = matches!(key.shape, Shape::Whole { .. }).then(|| text.parse::<u64>().ok()).flatten();
        let flag = matches!(key.shape, Shape::Flag).then(|| text.parse::<bool>().ok()).flatten();
        let value = number.map(Value::from).or(flag.map(Value::from)).unwrap_or_else(|| text.into());
        merge(&mut schema, json!({ "default": value }));
    }
    schema
}

fn merge(schema: &mut Value, more: Value) {
    if let (Value::Object(schema), Value::Object(more)) = (schema, more) {
        schema.extend(more);
    }
}

fn variable() -> Value {
    json!({ "$ref": "#/$defs/variable" })
}

fn file() -> Value {
    json!({ "$ref": "#/$defs/file" })
}
