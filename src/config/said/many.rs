//! Lists, maps, and what is known but refused.

use super::node::{Node, Value};
use super::reader::Reader;
use super::shape::Shape;
use super::slot::Leaf;
use crate::config::problem::Place;

/// One value, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OneOrMany<T>(pub(crate) Vec<T>);

/// Names of the user's choice, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pairs<T>(pub(crate) Vec<(String, T)>);

/// A table that is known but refused in this version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Later;

impl<T: Leaf> Leaf for Vec<T> {
    fn shape() -> Shape {
        Shape::List(Box::new(T::shape()))
    }

    fn read(node: Node, reader: &mut Reader<'_>) -> Option<Self> {
        let items = match node.value {
            Value::List(items) => items,
            // A variable says a list with commas.
            Value::Text(text) if matches!(node.place, Place::Variable(_)) => {
                text.split(',').map(|item| Node::text(&node.name, node.place.clone(), item.trim())).collect()
            }
            _ => {
                let tables = T::shape().keys().is_some();
                let hint =
                    if tables { "write its header with double brackets: [[…]]" } else { "write [\"…\", \"…\"]" };
                reader.error(&node.place, format!("`{}` must be a list, not {}", node.name, node.kind()), hint);
                return None;
            }
        };
        let any = !items.is_empty();
        let read: Self = items.into_iter().filter_map(|item| T::read(item, reader)).collect();
        // Of a list of which nothing is right nobody should conclude that it is empty.
        Some(read).filter(|read| !any || !read.is_empty())
    }
}

impl<T: Leaf> Leaf for OneOrMany<T> {
    fn shape() -> Shape {
        Shape::Either(vec![T::shape(), Shape::List(Box::new(T::shape()))])
    }

    fn read(node: Node, reader: &mut Reader<'_>) -> Option<Self> {
        if matches!(node.value, Value::List(_)) || matches!(node.place, Place::Variable(_)) {
            return Vec::read(node, reader).map(Self);
        }
        T::read(node, reader).map(|value| Self(vec![value]))
    }
}

impl<T: Leaf> Leaf for Pairs<T> {
    fn shape() -> Shape {
        Shape::Map(Box::new(T::shape()))
    }

    fn read(node: Node, reader: &mut Reader<'_>) -> Option<Self> {
        let Value::Table(entries) = node.value else {
            reader.wrong_kind(&node, "a table", "{ … = \"…\" }");
            return None;
        };
        let pairs = entries.into_iter().filter_map(|entry| {
            let name = entry.node.name.clone();
            T::read(entry.node, reader).map(|value| (name, value))
        });
        Some(Self(pairs.collect()))
    }
}

impl Leaf for Later {
    fn shape() -> Shape {
        Shape::Later
    }

    fn read(node: Node, reader: &mut Reader<'_>) -> Option<Self> {
        let place = match &node.value {
            Value::List(items) => items.first().map_or(&node.place, |first| &first.place),
            _ => &node.place,
        };
        let message = format!("`{}` is not yet supported in this version", node.name);
        reader.error(place, message, "take it out for now; the other sources work");
        Some(Self)
    }
}
