//! The tree of a config as it was said: every value with its place, nothing understood yet.

use toml::de::{DeTable, DeValue};

use crate::config::problem::Place;

/// A value that was said.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// The key it stands under; items of a list have the list's.
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// The kinds of TOML.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(String),
    /// Saturated: the bounds of a key refuse what does not fit anyway.
    Integer(i64),
    Float(f64),
    Flag(bool),
    DateTime,
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key_place: Place,
    pub(crate) node: Node,
}

impl Node {
    /// Reads a whole file, as far as it can be read, and what stopped the parser elsewhere.
    pub(crate) fn parse(text: &str) -> (Self, Vec<toml::de::Error>) {
        let (root, errors) = DeTable::parse_recoverable(text);
        let value = Value::Table(entries(root.into_inner()));
        (Self { name: String::new(), place: Place::START, value }, errors)
    }

    /// Reads what a key's declaration gives as its default or example: TOML if it is a list or a table, else a bare word.
    pub(crate) fn declared(name: &str, text: &str) -> Self {
        let structured = text.starts_with(['[', '{']).then(|| DeValue::parse(text).ok()).flatten();
        let mut node = structured.map_or_else(
            || Self::text(name, Place::Default, text),
            |value| Self { name: name.to_owned(), place: Place::Default, value: convert(name, value.into_inner()) },
        );
        node.forget_places();
        node
    }

    /// A text from somewhere else than the file.
    pub(crate) fn text(name: &str, place: Place, text: &str) -> Self {
        Self { name: name.to_owned(), place, value: Value::Text(text.to_owned()) }
    }

    /// What it is, for a sentence.
    pub(crate) const fn kind(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "a text",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::Flag(_) => "true or false",
            Value::DateTime => "a date",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }

    fn forget_places(&mut self) {
        self.place = Place::Default;
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(Self::forget_places),
            Value::Table(entries) => entries.iter_mut().for_each(|entry| entry.node.forget_places()),
            _ => {}
        }
    }
}

fn entries(table: DeTable<'_>) -> Vec<Entry> {
    table
        .into_iter()
        .map(|(key, value)| {
            let (key_place, place) = (Place::Span(key.span()), Place::Span(value.span()));
            let name = key.into_inner().into_owned();
            let value = convert(&name, value.into_inner());
            Entry { key_place, node: Node { name, place, value } }
        })
        .collect()
}

fn convert(name: &str, value: DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => {
            let limit = if number.as_str().starts_with('-') { i64::MIN } else { i64::MAX };
            Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).unwrap_or(limit))
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Flag(flag),
        DeValue::Datetime(_) => Value::DateTime,
        DeValue::Array(items) => Value::List(
            items
                .into_iter()
                .map(|item| {
                    let place = Place::Span(item.span());
                    Node { name: name.to_owned(), place, value: convert(name, item.into_inner()) }
                })
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(entries(table)),
    }
}
