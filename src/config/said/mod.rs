//! The first stage: what was said, value by value, with leaves that cannot stop the reading.
//!
//! [`table!`] declares a table once, with documentation, types, defaults and examples. From that one declaration come the reading (with
//! every problem at its place), the nearest valid key for a wrong one, what may be overridden from the environment, the JSON schema and the
//! reference file. A macro and not a derive: serde stops at the first problem and does not know places; schemars knows neither defaults as
//! they are written (`"5m"`) nor examples; a table of data with names as texts would let a misspelt name compile.
//!
//! Never does: judge how values fit together. That is the second stage, `meant`.

mod conceal;
mod forms;
mod leaf;
mod many;
mod node;
mod overlay;
mod reader;
mod rule;
mod safe;
mod shape;
mod slot;

pub(crate) use conceal::{conceal_suspicious, suspicious};
pub(crate) use forms::{JsonPointer, StatusCodes};
pub(crate) use leaf::{Choice, FilePath, Form, Period, Size, Whole, Words};
pub(crate) use many::{Later, OneOrMany, Pairs};
pub(crate) use node::{Node, Value};
pub(crate) use overlay::overlay;
#[cfg(test)]
pub(crate) use reader::MAX_PROBLEMS;
pub(crate) use reader::Reader;
pub(crate) use rule::RuleSaid;
pub(crate) use safe::{Link, SecretText};
pub(crate) use shape::{Key, Shape, Table, Usual};
pub(crate) use slot::{
    Fields, Flat, Group, Leaf, Needed, Preset, Said, Shown, Slot, key_name, nearest, table, written,
};
