//! The types of single values: words, numbers, sizes, durations, paths.

use std::path::PathBuf;
use std::time::Duration;

use super::node::{Node, Value};
use super::reader::{Reader, Text};
use super::shape::Shape;
use super::slot::{Leaf, nearest};
use crate::units::ByteSize;

/// A value with a text form of its own.
pub(crate) trait Form: Sized {
    /// What it is, with an article.
    const WHAT: &'static str;
    /// How it is written.
    const EXAMPLE: &'static str;
    /// Reads it; the error says what is wrong, or nothing when the example says it all.
    fn parse(text: &str) -> Result<Self, String>;
}

/// A type with a closed list of words.
pub(crate) trait Words: Copy + 'static {
    const WORDS: &'static [(&'static str, Self)];
}

/// One of a closed list of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Choice<T>(pub(crate) T);

/// A whole number within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whole<const MIN: u64, const MAX: u64>(pub(crate) u64);

/// A number of bytes within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size<const MIN: u64, const MAX: u64>(pub(crate) u64);

/// A duration of at least so many milliseconds and at most [`MAX_PERIOD`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period<const MIN_MS: u64>(pub(crate) Duration);

/// More than this is a slip of the keyboard.
const MAX_PERIOD: Duration = Duration::from_secs(366 * 24 * 3600);

/// A path; relative ones are relative to the config's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilePath(pub(crate) PathBuf);

impl<T: Form> Leaf for T {
    fn shape() -> Shape {
        Shape::Text { what: T::WHAT }
    }

    fn read(node: Node, reader: &mut Reader<'_>) -> Option<Self> {
        let text = reader.text(node, &format!("{:?}", T::EXAMPLE))?;
        match T::parse(&text.text) {
            Ok(value) => Some(value),
            Err(why) => {
                refuse(reader, &text, T::WHAT, T::EXAMPLE, &why);
                None
            }
        }
    }
}

pub(super) fn refuse(reader: &mut Reader<'_>, text: &Text, what: &str, example: &str, why: &str) {
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    let message = format!("`{}`: {} is not {what}{why}", text.name, text.quoted());
    reader.error(&text.place, message, format!("write for example {example:?}"));
}

impl Leaf for String {
    fn shape() -> Shape {
        Shape::Text { what: "a text" }
    }

    fn read(node: Node, reader: &mut Reader<'_>) -> Option<Self> {
        let text = reader.text(node, "\"…\"")?;
        if text.text.trim().is_empty() {
            reader.error(&text.place, format!("`{}` is empty", text.name), "write a value, or leave the key out");
            return None;
        }
        Some(text.text)
    }
}

/// A node as a bare word, where text may stand for another kind: from the environment, a default, or `"${env:NAME}"`.
fn word(node: &Node, reader: &mut Reader<'_>) -> Option<Text> {
    match &node.value {
        Value::Text(text) if !node.place.is_file() || text.contains("${env:") => reader.text(node.clone(), ""),
        _ => None,
    }
}

fn is_word(node: &Node) -> bool {
    matches!(&node.value, Value::Text(text) if !node.place.is_file() || text.contains("${env:"))
}

impl Leaf for bool {
    fn shape() -> Shape {
        Shape::Flag
    }

    fn read(node: Node, reader: &mut Reader<'_>) -> Option<Self> {
        if let Value::Flag(flag) = node.value {
            return Some(flag);
        }
        if !is_word(&node) {
            reader.wrong_kind(&node, "true or false", "true");
            return None;
        }
        let text = word(&node, reader)?;
        let parsed = text.text.parse();
        if parsed.is_err() {
            let message = format!("`{}`: {} is neither true nor false", text.name, text.quoted());
            reader.error(&text.place, message, "write true or false");
        }
        parsed.ok()
    }
}

impl<const MIN: u64, const MAX: u64> Leaf for Whole<MIN, MAX> {
    fn shape() -> Shape {
        Shape::Whole { min: MIN, max: MAX }
    }

    fn read(node: Node, reader: &mut Reader<'_>) -> Option<Self> {
        let number = match node.value {
            Value::Integer(number) => u64::try_from(number).ok(),
            _ if is_word(&node) => word(&node, reader)?.text.replace('_', "").parse().ok(),
            _ => {
                reader.wrong_kind(&node, "a whole number", &MIN.to_string());
                return None;
            }
        };
        let within = number.filter(|number| (MIN..=MAX).contains(number));
        if within.is_none() {
            let message = format!("`{}` is not a whole number from {MIN} to {MAX}", node.name);
            reader.error(&node.place, message, format!("write a number from {MIN} to {MAX}"));
        }
        within.map(Self)
    }
}

impl<const MIN: u64, const MAX: u64> Leaf for Size<MIN, MAX> {
    fn shape() -> Shape {
        Shape::Size { min: MIN, max: MAX }
    }

    fn read(node: Node, reader: &mut Reader<'_>) -> Option<Self> {
        const EXAMPLE: &str = "\"16MiB\"";
        let place = node.place.clone();
        let name = node.name.clone();
        let bytes = match node.value {
            Value::Integer(number) => u64::try_from(number).ok(),
            Value::Text(_) => {
                let text = reader.text(node, EXAMPLE)?;
                let Ok(ByteSize(bytes)) = text.text.parse() else {
                    refuse(reader, &text, "a size", "16MiB", "a size is a number with B, kB, MB, GB, KiB, MiB or GiB");
                    return None;
                };
                Some(bytes)
            }
            _ => {
                reader.wrong_kind(&node, "a size", EXAMPLE);
                return None;
            }
        };
        let within = bytes.filter(|bytes| (MIN..=MAX).contains(bytes));
        if within.is_none() {
            let bounds = format!("from {} to {}", ByteSize(MIN), ByteSize(MAX));
            reader.error(&place, format!("`{name}` is out of bounds"), format!("write a size {bounds}"));
        }
        within.map(Self)
    }
}

impl<const MIN_MS: u64> Leaf for Period<MIN_MS> {
    fn shape() -> Shape {
        Shape::Text { what: "a duration" }
    }

    fn read(node: Node, reader: &mut Reader<'_>) -> Option<Self> {
        const EXAMPLE: &str = "30s";
        let place = node.place.clone();
        if matches!(node.value, Value::Integer(_)) {
            let message = format!("`{}` needs a unit", node.name);
            reader.error(&place, message, format!("write for example {EXAMPLE:?}, \"5m\" or \"24h\""));
            return None;
        }
        let text = reader.text(node, &format!("{EXAMPLE:?}"))?;
        let Ok(duration) = humantime::parse_duration(&text.text) else {
            refuse(reader, &text, "a duration", EXAMPLE, "");
            return None;
        };
        let least = Duration::from_millis(MIN_MS);
        if duration < least || duration > MAX_PERIOD {
            let (least, most) = (humantime::format_duration(least), "366 days");
            let message = format!("`{}`: {} is out of bounds", text.name, text.quoted());
            reader.error(&place, message, format!("write a duration from {least} to {most}"));
            return None;
        }
        Some(Self(duration))
    }
}

impl<T: Words> Leaf for Choice<T> {
    fn shape() -> Shape {
        Shape::Word(T::WORDS.iter().map(|(word, _)| *word).collect())
    }

    fn read(node: Node, reader: &mut Reader<'_>) -> Option<Self> {
        let words = || T::WORDS.iter().map(|(word, _)| *word);
        let text = reader.text(node, &format!("{:?}", T::WORDS[0].0))?;
        let value = T::WORDS.iter().find(|(word, _)| *word == text.text).map(|(_, value)| Self(*value));
        if value.is_none() {
            let all = words().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ");
            let near = nearest(&text.text, words()).filter(|_| text.literal);
            let hint =
                near.map_or_else(|| format!("one of {all}"), |near| format!("did you mean {near:?}? One of {all}"));
            reader.error(&text.place, format!("`{}` cannot be {}", text.name, text.quoted()), hint);
        }
        value
    }
}

impl Leaf for FilePath {
    fn shape() -> Shape {
        Shape::Text { what: "a path" }
    }

    fn read(node: Node, reader: &mut Reader<'_>) -> Option<Self> {
        let text = String::read(node, reader)?;
        Some(Self(reader.path(&text)))
    }
}
