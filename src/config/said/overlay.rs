//! Lays the environment's overrides over the tree of the file.

use super::node::{Entry, Node, Value};
use super::reader::Reader;
use super::shape::{Key, Shape};
use super::slot::nearest;
use crate::config::environment::{OVERRIDE_PREFIX, Override};
use crate::config::problem::Place;

/// Puts each override at its key, and reports those that name none.
pub(crate) fn overlay(root: &mut Node, keys: &[Key], overrides: Vec<Override>, reader: &mut Reader<'_>) {
    for given in overrides {
        match target(keys, &given.path) {
            Ok(()) => put(root, &given.path, &given),
            Err(refusal) => refuse(refusal, keys, &given, reader),
        }
    }
}

enum Refusal {
    Unknown,
    Inside(String),
    NoValue(String),
}

/// Whether a path leads to a key that a variable can hold.
fn target(keys: &[Key], path: &[String]) -> Result<(), Refusal> {
    let (first, rest) = path.split_first().ok_or(Refusal::Unknown)?;
    let key = keys.iter().find(|key| key.name == first).ok_or(Refusal::Unknown)?;
    match &key.shape {
        shape if rest.is_empty() && shape.fits_variable() => Ok(()),
        _ if rest.is_empty() => Err(Refusal::NoValue(key.name.to_owned())),
        Shape::Table(table) => target(&table.keys, rest),
        Shape::List(_) | Shape::Map(_) | Shape::Either(_) | Shape::Later => Err(Refusal::Inside(key.name.to_owned())),
        _ => Err(Refusal::Unknown),
    }
}

fn refuse(refusal: Refusal, keys: &[Key], given: &Override, reader: &mut Reader<'_>) {
    let place = Place::Variable(given.variable.clone());
    let (message, hint) = match refusal {
        Refusal::Unknown => {
            let mut all = Vec::new();
            variables(keys, OVERRIDE_PREFIX.trim_end_matches("__"), &mut all);
            let near = nearest(&given.variable.to_lowercase(), all.iter().map(String::as_str));
            let hint = near.map_or_else(
                || "name a key as CALM_AGENT__TABLE__KEY; `calm-agent schema --reference` lists them".to_owned(),
                |near| format!("did you mean {}?", near.to_uppercase()),
            );
            ("no key of the config has this name".to_owned(), hint)
        }
        Refusal::Inside(name) => (
            format!("what is inside `{name}` cannot be set from the environment"),
            format!("write it in the file, where a value may be \"${{env:NAME}}\" (`{name}` is a list or a map)"),
        ),
        Refusal::NoValue(name) => (
            format!("`{name}` is no single value and cannot be set by one variable"),
            "name one of its keys, or write it in the file".to_owned(),
        ),
    };
    reader.error(&place, message, hint);
}

fn variables(keys: &[Key], prefix: &str, all: &mut Vec<String>) {
    for key in keys {
        let name = format!("{}__{}", prefix.to_lowercase(), key.name);
        match &key.shape {
            Shape::Table(table) => variables(&table.keys, &name, all),
            shape if shape.fits_variable() => all.push(name),
            _ => {}
        }
    }
}

fn put(node: &mut Node, path: &[String], given: &Override) {
    let (Value::Table(entries), Some((first, rest))) = (&mut node.value, path.split_first()) else { return };
    let place = Place::Variable(given.variable.clone());
    let at = entries.iter().position(|entry| entry.node.name == *first).unwrap_or_else(|| {
        let node = Node { name: first.clone(), place: place.clone(), value: Value::Table(Vec::new()) };
        entries.push(Entry { key_place: place.clone(), node });
        entries.len() - 1
    });
    let node = &mut entries[at].node;
    if rest.is_empty() {
        *node = Node::text(first, place, &given.value);
    } else {
        put(node, rest, given);
    }
}
