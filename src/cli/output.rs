//! Printing: data to stdout, talk to stderr, colours only where they are wanted.

use std::fmt::Display;
use std::io::Write;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::args::Format;
use crate::error::Failure;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();

/// How this run talks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    format: Format,
}

impl Output {
    pub(super) const fn new(format: Format) -> Self {
        Self { format }
    }

    /// Whether stdout carries JSON.
    pub(super) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// One line of data. A reader that has gone away is no error of ours.
    pub(super) fn line(self, line: impl Display) {
        let _ = writeln!(anstream::stdout(), "{line}");
    }

    /// Data as it is.
    pub(super) fn raw(self, bytes: &[u8]) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(bytes).and_then(|()| out.flush());
    }

    /// One JSON document on one line.
    pub(super) fn json(self, document: &impl Serialize) {
        match serde_json::to_string(document) {
            Ok(text) => self.line(text),
            Err(error) => self.note(format!("cannot be written as JSON: {error}")),
        }
    }

    /// The document as JSON, or what a person wants to read.
    pub(super) fn document(self, document: &impl Serialize, human: impl FnOnce(Self)) {
        if self.is_json() { self.json(document) } else { human(self) }
    }

    /// Talk.
    pub(super) fn note(self, text: impl Display) {
        let _ = writeln!(anstream::stderr(), "{text}");
    }

    /// Talk about something that went well.
    pub(super) fn done(self, text: impl Display) {
        let _ = writeln!(anstream::stderr(), "{GOOD}✓{GOOD:#} {text}");
    }

    /// The next action for a person.
    pub(super) fn hint(self, text: impl Display) {
        let _ = writeln!(anstream::stderr(), "{HINT}hint:{HINT:#} {text}");
    }

    /// A failure: its facts, innermost last, and the next action.
    pub(super) fn failure(self, failure: &Failure) {
        let mut chain = failure.chain().into_iter();
        if let Some(first) = chain.next() {
            let _ = writeln!(anstream::stderr(), "{ERROR}error:{ERROR:#} {first}");
        }
        for cause in chain {
            let _ = writeln!(anstream::stderr(), "  because: {cause}");
        }
        if let Some(action) = failure.next_action() {
            self.hint(action);
        }
    }
}
