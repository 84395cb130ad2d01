//! The fields of a table: optional, needed, or with a default.

use super::node::{Entry, Node, Value};
use super::reader::Reader;
use super::shape::{Key, Shape, Usual};
use crate::config::problem::Place;

/// Something that can be read from a node. Its shape is all that schema, reference and hints know of it.
pub(crate) trait Leaf: Sized {
    fn shape() -> Shape;
    /// Reads it, or reports why it cannot be read.
    fn read(node: Node, reader: &mut Reader<'_>) -> Option<Self>;
}

/// A group of keys: a table of its own, or part of one by [`Flat`].
pub(crate) trait Group: Sized {
    fn keys() -> Vec<Key>;
    fn take(fields: &mut Fields, reader: &mut Reader<'_>) -> Self;
}

/// One field of a table's declaration.
pub(crate) trait Slot: Sized {
    fn keys(name: &'static str, about: String, text: &'static str) -> Vec<Key>;
    fn take(fields: &mut Fields, reader: &mut Reader<'_>, declared: (&'static str, &'static str)) -> Self;
}

/// A key that may be absent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said<T, const SHOWN: bool = false> {
    /// None when absent, or wrong (which was then reported).
    pub(crate) value: Option<T>,
    /// Of the value; none when absent.
    pub(crate) place: Option<Place>,
}

/// A key that may be absent, but stands in the reference so that the file is whole.
pub(crate) type Shown<T> = Said<T, true>;

/// A key that must be there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Needed<T> {
    /// None when missing or wrong, which was then reported.
    pub(crate) value: Option<T>,
    pub(crate) place: Place,
}

/// A key with a default.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Preset<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
    /// Something was said that is wrong (and was reported): the default stands in for it, and nothing should be concluded from it.
    pub(crate) spoilt: bool,
}

/// The keys of a group among those of this table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Flat<T>(pub(crate) T);

/// The entries of a table that nobody has read yet.
pub(crate) struct Fields {
    place: Place,
    name: String,
    entries: Vec<Entry>,
}

impl<T, const SHOWN: bool> Said<T, SHOWN> {
    /// Whether the key is there, right or wrong.
    pub(crate) const fn is_said(&self) -> bool {
        self.place.is_some()
    }
}

impl Fields {
    /// The entries of a table node, or a report that it is none.
    pub(crate) fn of(node: Node, reader: &mut Reader<'_>) -> Option<Self> {
        match node.value {
            Value::Table(entries) => Some(Self { place: node.place, name: node.name, entries }),
            _ => {
                let message = format!("`{}` must be a table, not {}", node.name, node.kind());
                let hint = format!("write a section [{0}], or {0} = {{ … }}", node.name);
                reader.error(&node.place, message, hint);
                None
            }
        }
    }

    /// Where the table begins.
    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    /// Takes an entry out.
    pub(crate) fn take(&mut self, name: &str) -> Option<Node> {
        let at = self.entries.iter().position(|entry| entry.node.name == name)?;
        Some(self.entries.swap_remove(at).node)
    }

    /// Reports every key that nobody took, with the nearest of `known`.
    pub(crate) fn finish(self, known: impl Fn() -> Vec<Key>, reader: &mut Reader<'_>) {
        let known = if self.entries.is_empty() { Vec::new() } else { known() };
        for entry in self.entries {
            let names = known.iter().map(|key| key.name);
            let hint = nearest(&entry.node.name, names.clone()).map_or_else(
                || format!("known here: {}", names.collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            let table = if self.name.is_empty() { String::new() } else { format!(" in `{}`", self.name) };
            reader.error(&entry.key_place, format!("unknown key `{}`{table}", printable(&entry.node.name)), hint);
        }
    }

    fn missing(&self, name: &str, example: &str, reader: &mut Reader<'_>) {
        if reader.incomplete {
            return;
        }
        let table = if self.name.is_empty() { "the file".to_owned() } else { format!("`{}`", self.name) };
        let written = if example.is_empty() { format!("[{name}]") } else { format!("{name} = {example}") };
        reader.error(&self.place, format!("`{name}` is missing in {table}"), format!("add for example {written}"));
    }
}

/// The name that was probably meant.
pub(crate) fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    /// Below this two words have little in common.
    const LIKELY: f64 = 0.75;
    let close = |known: &str| strsim::jaro_winkler(&written.to_lowercase(), known);
    known
        .map(|name| (close(name), name))
        .filter(|(score, _)| *score >= LIKELY)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// A key as a message may show it.
fn printable(name: &str) -> String {
    const MOST: usize = 60;
    name.chars().take(MOST).flat_map(char::escape_debug).collect()
}

/// How an example is written: texts in quotes.
pub(crate) fn written(shape: &Shape, text: &str) -> String {
    let bare = match shape {
        Shape::Whole { .. } | Shape::Flag | Shape::Table(_) | Shape::Map(_) | Shape::List(_) => true,
        Shape::Size { .. } => text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_'),
        Shape::Text { .. } | Shape::Word(_) | Shape::Secret | Shape::Later | Shape::Either(_) => {
            text.starts_with(['{', '[']) || text == "true"
        }
    };
    if bare || text.is_empty() { text.to_owned() } else { format!("{text:?}") }
}

fn key<T: Leaf>(name: &'static str, about: String, usual: Usual) -> Vec<Key> {
    vec![Key { name, about, shape: T::shape(), usual }]
}

impl<T: Leaf, const SHOWN: bool> Slot for Said<T, SHOWN> {
    fn keys(name: &'static str, about: String, text: &'static str) -> Vec<Key> {
        key::<T>(name, about, if SHOWN { Usual::Shown(text) } else { Usual::Example(text) })
    }

    fn take(fields: &mut Fields, reader: &mut Reader<'_>, (name, _): (&'static str, &'static str)) -> Self {
        match fields.take(name) {
            Some(node) => Self { place: Some(node.place.clone()), value: T::read(node, reader) },
            None => Self { place: None, value: None },
        }
    }
}

impl<T: Leaf> Slot for Needed<T> {
    fn keys(name: &'static str, about: String, text: &'static str) -> Vec<Key> {
        key::<T>(name, about, Usual::Needed(text))
    }

    fn take(fields: &mut Fields, reader: &mut Reader<'_>, (name, text): (&'static str, &'static str)) -> Self {
        match fields.take(name) {
            Some(node) => Self { place: node.place.clone(), value: T::read(node, reader) },
            None => {
                fields.missing(name, &written(&T::shape(), text), reader);
                Self { place: fields.place.clone(), value: None }
            }
        }
    }
}

impl<T: Leaf> Slot for Preset<T> {
    fn keys(name: &'static str, about: String, text: &'static str) -> Vec<Key> {
        key::<T>(name, about, Usual::Default(text))
    }

    fn take(fields: &mut Fields, reader: &mut Reader<'_>, (name, text): (&'static str, &'static str)) -> Self {
        let said = fields.take(name).map(|node| (node.place.clone(), T::read(node, reader)));
        let (place, value, spoilt) = match said {
            Some((place, Some(value))) => return Self { value, place, spoilt: false },
            Some((place, None)) => (place, T::read(Node::declared(name, text), reader), true),
            None => (Place::Default, T::read(Node::declared(name, text), reader), false),
        };
        Self { value: value.expect("a declared default is of its key's own type"), place, spoilt }
    }
}

impl<T: Group> Slot for Flat<T> {
    fn keys(_: &'static str, _: String, _: &'static str) -> Vec<Key> {
        T::keys()
    }

    fn take(fields: &mut Fields, reader: &mut Reader<'_>, _: (&'static str, &'static str)) -> Self {
        Self(T::take(fields, reader))
    }
}

/// Declares a table once: documentation, keys, types, and for each key its default (`Preset`) or an example (the others).
macro_rules! table {
    ($(#[doc = $about:literal])* $name:ident {
        $( $(#[doc = $doc:literal])* $key:ident : $slot:ty = $text:literal; )*
    }) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) struct $name {
            /// Where the table begins.
            pub(crate) place: $crate::config::problem::Place,
            $( $(#[doc = $doc])* pub(crate) $key: $slot, )*
        }

        impl $crate::config::said::Group for $name {
            fn keys() -> Vec<$crate::config::said::Key> {
                let mut keys = Vec::new();
                $(
                    let name = $crate::config::said::key_name(stringify!($key));
                    let about = [$($doc),*].map(str::trim).join("\n");
                    keys.extend(<$slot as $crate::config::said::Slot>::keys(name, about, $text));
                )*
                keys
            }

            fn take(fields: &mut $crate::config::said::Fields, reader: &mut $crate::config::said::Reader<'_>) -> Self {
                Self {
                    place: fields.place().clone(),
                    $($key: {
                        let declared = ($crate::config::said::key_name(stringify!($key)), $text);
                        <$slot as $crate::config::said::Slot>::take(fields, reader, declared)
                    }),*
                }
            }
        }

        impl $crate::config::said::Leaf for $name {
            fn shape() -> $crate::config::said::Shape {
                let about = [$($about),*].map(str::trim).join("\n");
                let keys = <Self as $crate::config::said::Group>::keys();
                $crate::config::said::Shape::Table($crate::config::said::Table { about, keys })
            }

            fn read(
                node: $crate::config::said::Node,
                reader: &mut $crate::config::said::Reader<'_>,
            ) -> Option<Self> {
                let mut fields = $crate::config::said::Fields::of(node, reader)?;
                let table = <Self as $crate::config::said::Group>::take(&mut fields, reader);
                fields.finish(<Self as $crate::config::said::Group>::keys, reader);
                Some(table)
            }
        }
    };
}

pub(crate) use table;

/// The key of a field: `match` cannot be a Rust name as it is.
pub(crate) fn key_name(field: &'static str) -> &'static str {
    field.strip_prefix("r#").unwrap_or(field)
}
