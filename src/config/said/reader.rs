//! Reads nodes and collects what is wrong with them; never stops at the first.

use std::collections::HashSet;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::node::{Entry, Node, Value};
use crate::config::environment::Environment;
use crate::config::problem::{Place, Severity, Source};
use crate::config::{Problem, Purpose};

/// The most findings that are kept; a file with more has one cause.
pub(crate) const MAX_PROBLEMS: usize = 200;

/// The most bytes of a file that stands for a text, as in `{ file = "…" }`.
const MAX_TEXT_FILE_BYTES: u64 = 64 * 1024;

/// Reads nodes.
pub(crate) struct Reader<'a> {
    pub(crate) environment: &'a Environment,
    /// The config's folder: what relative paths are relative to.
    folder: &'a Path,
    purpose: Purpose,
    /// The file did not parse as a whole: what is missing may stand in what could not be read.
    pub(crate) incomplete: bool,
    found: Vec<Found>,
    concealed: Vec<Range<usize>>,
    /// Which findings are the parser's.
    broken: HashSet<usize>,
}

struct Found {
    severity: Severity,
    place: Place,
    message: String,
    hint: Option<String>,
}

/// A text after `${env:…}` and `{ file = … }`.
pub(crate) struct Text {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) text: String,
    /// It stands in the config as it is, and may be quoted in a message.
    pub(crate) literal: bool,
}

impl Text {
    /// The text in quotes, if it may be shown.
    pub(crate) fn quoted(&self) -> String {
        const MOST: usize = 60;
        if !self.literal {
            return "the value".to_owned();
        }
        let short: String = self.text.chars().take(MOST).collect();
        let more = if short.len() < self.text.len() { "…" } else { "" };
        format!("{:?}", short + more)
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(environment: &'a Environment, folder: &'a Path, purpose: Purpose) -> Self {
        Self {
            environment,
            folder,
            purpose,
            incomplete: false,
            found: Vec::new(),
            concealed: Vec::new(),
            broken: HashSet::new(),
        }
    }

    /// Something is wrong.
    pub(crate) fn error(&mut self, place: &Place, message: impl Into<String>, hint: impl Into<String>) {
        self.add(Severity::Error, place, message.into(), Some(hint.into()));
    }

    /// Something is odd.
    pub(crate) fn warn(&mut self, place: &Place, message: impl Into<String>, hint: impl Into<String>) {
        self.add(Severity::Warning, place, message.into(), Some(hint.into()));
    }

    fn add(&mut self, severity: Severity, place: &Place, message: String, hint: Option<String>) {
        if self.found.len() < MAX_PROBLEMS {
            self.found.push(Found { severity, place: place.clone(), message, hint });
        }
    }

    /// A syntax error, with the parser's own words.
    pub(crate) fn syntax(&mut self, error: &toml::de::Error) {
        let place = error.span().map_or(Place::START, Place::Span);
        let message = error.message().lines().collect::<Vec<_>>().join("; ");
        let hint = if message.starts_with("duplicate") {
            "each key and each [table] stands once; take the second one out, or join the two"
        } else {
            "correct the TOML at this place; texts stand in double quotes"
        };
        if self.found.len() < MAX_PROBLEMS {
            self.broken.insert(self.found.len());
        }
        self.error(&place, message, hint);
    }

    /// A value of another kind than the key has.
    pub(crate) fn wrong_kind(&mut self, node: &Node, wanted: &str, example: &str) {
        let message = format!("`{}` must be {wanted}, not {}", node.name, node.kind());
        self.error(&node.place, message, format!("write for example {} = {example}", node.name));
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_clean(&self) -> bool {
        self.found.iter().all(|found| found.severity == Severity::Warning)
    }

    /// A value that must never be shown.
    pub(crate) fn conceal(&mut self, place: &Place) {
        if let Place::Span(span) = place {
            self.concealed.push(span.clone());
        }
    }

    /// A path of the config: relative to its folder.
    pub(crate) fn path(&self, text: &str) -> PathBuf {
        self.folder.join(text)
    }

    /// A variable that holds a credential. `check` is offline and does not open credentials: where one lacks it only says so, since it often
    /// runs in another environment than the agent will, and the value is empty.
    pub(crate) fn credential(&mut self, variable: &str, what: &str, place: &Place) -> Option<String> {
        if let Some(value) = self.environment.get(variable).filter(|value| !value.is_empty()) {
            return Some(value.to_owned());
        }
        let message = format!("the environment variable {variable}, which {what}, is not set here");
        match self.purpose {
            Purpose::Check => {
                self.warn(place, message, "it must be there when the agent runs");
                Some(String::new())
            }
            Purpose::Run => {
                self.error(place, message, format!("run the agent where {variable} is set, or use a file"));
                None
            }
        }
    }

    /// Resolves a text: `${env:NAME}` within it, or the content of `{ file = "…" }`. Reports what cannot be resolved or is no text.
    pub(crate) fn text(&mut self, node: Node, example: &str) -> Option<Text> {
        match node.value {
            Value::Text(text) if node.place.is_file() && text.contains("${") => {
                let resolved = self.resolve(&node.name, &node.place, &text)?;
                Some(Text { name: node.name, place: node.place, text: resolved, literal: false })
            }
            Value::Text(text) => Some(Text { name: node.name, place: node.place, text, literal: true }),
            _ => {
                let Some(file) = only_file(&node) else {
                    self.wrong_kind(&node, "a text", example);
                    return None;
                };
                let text = self.read_file(&node.place, &self.path(file))?;
                Some(Text { name: node.name, place: node.place, text, literal: false })
            }
        }
    }

    fn resolve(&mut self, name: &str, place: &Place, text: &str) -> Option<String> {
        let mut resolved = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let body = &rest[at + 2..];
            if rest[..at].ends_with('$') {
                // `$${` is how a text says `${`.
                resolved.push_str(&rest[..at - 1]);
                resolved.push_str("${");
                rest = body;
                continue;
            }
            let variable =
                body.find('}').and_then(|end| body[..end].strip_prefix("env:")).filter(|name| !name.is_empty());
            let Some(variable) = variable else {
                let hint = "write \"${env:NAME}\" with the name of a variable, or $${ for the characters themselves";
                self.error(place, format!("`{name}`: only ${{env:NAME}} is known"), hint);
                return None;
            };
            let Some(value) = self.environment.get(variable) else {
                let message = format!("`{name}`: the environment variable {variable} is not set");
                self.error(place, message, format!("set {variable} for the agent, or write the value here"));
                return None;
            };
            resolved.push_str(&rest[..at]);
            resolved.push_str(value);
            rest = &body["env:}".len() + variable.len()..];
        }
        resolved.push_str(rest);
        Some(resolved)
    }

    fn read_file(&mut self, place: &Place, path: &Path) -> Option<String> {
        let mut text = String::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(MAX_TEXT_FILE_BYTES).read_to_string(&mut text));
        match read {
            Ok(_) => Some(text.trim_end().to_owned()),
            Err(cause) => {
                let message = format!("cannot read {}: {cause}", path.display());
                self.error(place, message, "check the path; relative ones are relative to the config file");
                None
            }
        }
    }

    /// Everything that was found, in the order of the file, each once; masks what must not be shown.
    pub(crate) fn finish(self, source: &mut Source) -> Vec<Problem> {
        let line_of = |found: &Found| source.line_of(&found.place);
        let broken_lines: HashSet<_> = self.broken.iter().filter_map(|at| line_of(&self.found[*at])).collect();
        // What was recovered from a broken line was never said.
        let is_recovered = |found: &Found| line_of(found).is_some_and(|line| broken_lines.contains(&line));
        let mut kept: Vec<_> = self
            .found
            .iter()
            .enumerate()
            .filter(|(at, found)| self.broken.contains(at) || !is_recovered(found))
            .map(|(_, found)| found)
            .collect();
        kept.sort_by_key(|found| match &found.place {
            Place::Span(span) => (0, span.start),
            Place::Variable(_) | Place::Default => (1, 0),
        });
        let mut seen = HashSet::new();
        let problems = kept
            .into_iter()
            .map(|found| source.problem(found.severity, &found.place, &*found.message, found.hint.clone()))
            .filter(|problem| seen.insert((problem.place(), problem.message.clone())))
            .collect();
        source.mask(&self.concealed);
        problems
    }
}

/// The path of `{ file = "…" }`.
pub(crate) fn only_file(node: &Node) -> Option<&str> {
    let Value::Table(entries) = &node.value else { return None };
    match &entries[..] {
        [Entry { node: Node { name, value: Value::Text(path), .. }, .. }] if name == "file" => Some(path),
        _ => None,
    }
}
