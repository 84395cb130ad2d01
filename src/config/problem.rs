//! What is wrong with a config, at its place, and how that is shown.
//!
//! A problem is found at a [`Place`] (a span of the file, or an environment variable) and leaves as a [`Problem`] with file, line and column
//! in characters. Never does: show a secret. Values of secret keys, user information in URLs, and whatever looks like a secret in a line
//! that could not be parsed are masked in the [`Source`] before a frame is drawn from it.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The config is not used.
    Error,
    /// The config is used; somebody should have a look.
    Warning,
}

/// One finding. Its JSON is what `check --output json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Errors and warnings are kept apart by the caller, too.
    #[serde(skip)]
    pub severity: Severity,
    /// The config file.
    pub file: String,
    /// Line, from 1; none where the value came from the environment.
    pub line: Option<usize>,
    /// Column in characters, from 1.
    pub column: Option<usize>,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
    /// The environment variable, where the value came from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    #[serde(skip)]
    span: Option<Range<usize>>,
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Bytes of the file.
    Span(Range<usize>),
    /// An environment variable.
    Variable(String),
    /// Nobody said it.
    Default,
}

impl Place {
    /// The very beginning of the file: the place of what is wrong with all of it.
    pub(crate) const START: Self = Self::Span(0..0);

    /// Whether it was written in the file.
    pub(crate) const fn is_file(&self) -> bool {
        matches!(self, Self::Span(_))
    }
}

/// The text of a config file, as far as it may be shown.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) file: String,
    pub(crate) text: String,
}

impl Source {
    /// A finding at a place.
    pub(crate) fn problem(
        &self,
        severity: Severity,
        place: &Place,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Problem {
        let (span, variable) = match place {
            Place::Span(span) => (Some(self.inside(span)), None),
            Place::Variable(name) => (None, Some(name.clone())),
            Place::Default => (None, None),
        };
        let (line, column) = span.as_ref().map(|span| self.position(span.start)).unzip();
        Problem { severity, file: self.file.clone(), line, column, message: message.into(), hint, variable, span }
    }

    /// Blanks out what must not be shown, byte for byte, so that places stay where they are.
    pub(crate) fn mask(&mut self, spans: &[Range<usize>]) {
        let mut bytes = std::mem::take(&mut self.text).into_bytes();
        for span in spans {
            for byte in
                bytes.get_mut(span.clone()).into_iter().flatten().filter(|byte| !matches!(**byte, b'\n' | b'"' | b'\''))
            {
                *byte = b'*';
            }
        }
        self.text = String::from_utf8_lossy(&bytes).into_owned();
    }

    /// A span that lies within the text and on the borders of characters.
    fn inside(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.border(span.start);
        // A caret under the first line is enough: a table's or a list's whole extent would bury it.
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |length| start + length);
        let end = self.border(span.end).clamp(start, line_end);
        start..end
    }

    /// The border of a character at or before an offset.
    fn border(&self, offset: usize) -> usize {
        (0..=offset.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0)
    }

    /// The line of a place in the file.
    pub(crate) fn line_of(&self, place: &Place) -> Option<usize> {
        match place {
            Place::Span(span) => Some(self.position(self.border(span.start)).0),
            _ => None,
        }
    }

    fn position(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

impl Problem {
    /// `FILE:LINE:COLUMN`, or the name of the variable.
    pub fn place(&self) -> String {
        match (&self.variable, self.line, self.column) {
            (Some(variable), _, _) => variable.clone(),
            (None, Some(line), Some(column)) => format!("{}:{line}:{column}", self.file),
            _ => self.file.clone(),
        }
    }

    /// With a frame of the file, a caret, and the hint. `text` is [`Invalid::text`](super::Invalid::text), where secrets are masked.
    pub fn render(&self, text: &str, color: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = level.primary_title(&self.message).elements(Vec::<annotate_snippets::Message<'_>>::new());
        match (&self.variable, &self.span) {
            (Some(variable), _) => {
                group = group.element(Level::NOTE.message(format!("from the environment variable {variable}")));
            }
            (None, Some(span)) if text.get(span.clone()).is_some() => {
                let mark = AnnotationKind::Primary.span(span.clone());
                group = group.element(Snippet::source(text).path(&self.file).annotation(mark));
            }
            _ => group = group.element(Level::NOTE.message(format!("in {}", self.file))),
        }
        if let Some(hint) = &self.hint {
            group = group.element(Level::HELP.message(hint));
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.message)?;
        self.hint.iter().try_for_each(|hint| write!(f, "; {hint}"))
    }
}
