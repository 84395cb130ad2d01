//! A rule: its keys and their documentation are those of [`RuleText`], which recipes use as well, so that they are declared there alone.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Map, Value as Json};

use super::node::{Node, Value};
use super::reader::Reader;
use super::shape::{Key, Shape, Table, Usual};
use super::slot::{Fields, Leaf};
use crate::condense::rules::{Rule, RuleProblem, RuleText};
use crate::config::problem::Place;

/// A rule that was said and understood.
#[derive(Debug, Clone)]
pub(crate) struct RuleSaid {
    pub(crate) rule: Rule,
    pub(crate) text: RuleText,
}

impl PartialEq for RuleSaid {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// An example for each key, as it stands in the reference, in the order of the reference. A key that [`RuleText`] does not have is passed over.
const EXAMPLES: [(&str, &str); 12] = [
    ("select", "node_filesystem_avail_bytes{fstype!=\"tmpfs\"}"),
    ("as", "quota"),
    ("value", "limit - last"),
    ("limit", "node_filesystem_size_bytes"),
    ("name", "system.filesystem.usage"),
    ("labels", "[\"mountpoint\"]"),
    ("unit", "bytes"),
    ("warning", "> 80%"),
    ("critical", "> 90%"),
    ("across", "max"),
    ("within", "sum"),
    ("text", "in use: {value} of {limit}"),
];

/// The keys of a rule.
static KEYS: LazyLock<Vec<Key>> = LazyLock::new(keys);

fn keys() -> Vec<Key> {
    let schema = schemars::schema_for!(RuleText).to_value();
    let about = |name: &str| schema["properties"][name]["description"].as_str().unwrap_or_default().to_owned();
    let is_list = |name: &str| schema["properties"][name]["type"].to_string().contains("array");
    EXAMPLES
        .iter()
        .filter(|(name, _)| !schema["properties"][*name].is_null())
        .map(|&(name, example)| {
            let text = Shape::Text { what: "a text" };
            let shape = match name {
                _ if is_list(name) => Shape::List(Box::new(text)),
                "limit" => Shape::Either(vec![text, Shape::Whole { min: 0, max: i64::MAX as u64 }]),
                _ => text,
            };
            let usual = if name == "select" { Usual::Needed(example) } else { Usual::Shown(example) };
            Key { name, about: about(name), shape, usual }
        })
        .collect()
}

impl Leaf for RuleSaid {
    fn shape() -> Shape {
        Shape::Table(Table { about: "What to take from the source, and as what.".to_owned(), keys: KEYS.clone() })
    }

    fn read(node: Node, reader: &mut Reader<'_>) -> Option<Self> {
        let mut fields = Fields::of(node, reader)?;
        let whole = fields.place().clone();
        let mut places: HashMap<&'static str, Place> = HashMap::new();
        let mut said = Map::new();
        let mut sound = true;
        for key in KEYS.iter() {
            let Some(node) = fields.take(key.name) else { continue };
            places.insert(key.name, node.place.clone());
            match read_field(node, &key.shape, reader) {
                Some(value) => drop(said.insert(key.name.to_owned(), value)),
                None => sound = false,
            }
        }
        fields.finish(|| KEYS.clone(), reader);
        if !places.contains_key("select") && !reader.incomplete {
            reader.error(&whole, "`select` is missing in `rule`", "add for example select = 'http_requests_total'");
        }
        let text: RuleText = serde_json::from_value(Json::Object(said)).ok().filter(|_| sound)?;
        match Rule::parse(&text) {
            Ok(rule) => Some(Self { rule, text }),
            Err(problems) => {
                problems.into_iter().for_each(|problem| report(problem, &places, &whole, reader));
                None
            }
        }
    }
}

/// What the rules' own parser found, at the field that it names.
fn report(problem: RuleProblem, places: &HashMap<&'static str, Place>, whole: &Place, reader: &mut Reader<'_>) {
    let place = places.get(problem.field).unwrap_or(whole);
    let hint = problem.hint.unwrap_or_else(|| "see `rule` in the reference".to_owned());
    reader.error(place, format!("`{}`: {}", problem.field, problem.message), hint);
}

fn read_field(node: Node, shape: &Shape, reader: &mut Reader<'_>) -> Option<Json> {
    match (shape, &node.value) {
        (Shape::List(_), _) => Vec::<String>::read(node, reader).map(Json::from),
        (Shape::Either(_), Value::Integer(number)) => Some(number.to_string().into()),
        (Shape::Either(_), Value::Float(number)) => Some(number.to_string().into()),
        _ => String::read(node, reader).map(Json::from),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::environment::Environment;
    use crate::config::problem::Source;

    #[test]
    fn every_key_of_a_rule_is_known_here_and_documented() {
        let schema = schemars::schema_for!(RuleText).to_value();
        let mut declared: Vec<_> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut known: Vec<_> = KEYS.iter().map(|key| key.name).collect();
        declared.sort_unstable();
        known.sort_unstable();
        assert_eq!(known, declared);
        assert!(KEYS.iter().all(|key| !key.about.is_empty()));
    }

    #[test]
    fn what_the_rules_find_is_shown_at_the_field_or_else_at_the_rule() {
        let environment = Environment::default();
        let mut reader = Reader::new(&environment, Path::new(""), crate::config::Purpose::Run);
        let places = HashMap::from([("warning", Place::Span(7..8))]);
        for (field, hint) in [("warning", Some("add a limit".to_owned())), ("limit", None)] {
            let problem = RuleProblem { field, message: "percent of what".into(), hint };
            report(problem, &places, &Place::Span(0..1), &mut reader);
        }
        let found = reader.finish(&mut Source { file: "f".into(), text: "rule\nx y".into() });
        assert_eq!(
            found.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                "f:1:1: `limit`: percent of what; see `rule` in the reference",
                "f:2:3: `warning`: percent of what; add a limit",
            ]
        );
    }
}
