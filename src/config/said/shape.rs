//! What a key looks like, as data: the one declaration from which hints, the schema and the reference are made.

/// The shape of a value.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    /// A text; `what` names it in a sentence ("a duration").
    Text { what: &'static str },
    /// One of these words.
    Word(Vec<&'static str>),
    /// A whole number.
    Whole { min: u64, max: u64 },
    /// A number of bytes, as a number or with a unit.
    Size { min: u64, max: u64 },
    /// True or false.
    Flag,
    /// A secret: from a variable or a file, never inline.
    Secret,
    /// A list.
    List(Box<Self>),
    /// Names of the user's own choice.
    Map(Box<Self>),
    /// Keys of ours.
    Table(Table),
    /// Known, but refused in this version.
    Later,
    /// One of several shapes.
    Either(Vec<Self>),
}

/// A table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) about: String,
    pub(crate) keys: Vec<Key>,
}

/// A key of a table.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) about: String,
    pub(crate) shape: Shape,
    pub(crate) usual: Usual,
}

/// What a key has when nobody says it, and what the reference shows for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usual {
    /// This value.
    Default(&'static str),
    /// Nothing; this is an example, commented out in the reference.
    Example(&'static str),
    /// Nothing; this example stands in the reference, so that the file is whole.
    Shown(&'static str),
    /// It must be said; this is an example.
    Needed(&'static str),
}

impl Usual {
    /// The text of it.
    pub(crate) const fn text(self) -> &'static str {
        let (Self::Default(text) | Self::Example(text) | Self::Shown(text) | Self::Needed(text)) = self;
        text
    }
}

impl Shape {
    /// The keys, if it is a table.
    pub(crate) fn keys(&self) -> Option<&[Key]> {
        match self {
            Self::Table(table) => Some(&table.keys),
            _ => None,
        }
    }

    /// Whether one variable can hold a value of it.
    pub(crate) fn fits_variable(&self) -> bool {
        match self {
            Self::Table(_) | Self::Map(_) => false,
            Self::List(item) => item.fits_variable(),
            Self::Either(shapes) => shapes.iter().any(Self::fits_variable),
            _ => true,
        }
    }
}
