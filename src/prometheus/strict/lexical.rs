//! Rules of one line: blanks, escapes, exemplars, line ends. Each line has been understood by the lenient reader already.

use crate::prometheus::error::{Fault, Rule};
use crate::prometheus::family::Type;
use crate::prometheus::format::Format;
use crate::prometheus::labels::{self, Labels};
use crate::prometheus::limits::Limits;
use crate::prometheus::line::{Metadata, readings};
use crate::prometheus::number;
use crate::prometheus::parser::{Event, Line};
use crate::prometheus::scan::{closing_quote, skip_blanks, skip_name, token_end};

/// Characters of names and values of an exemplar's labels. Source: OpenMetrics 1.0.0, "Exemplars".
const EXEMPLAR_CHARS: usize = 128;

/// Checks a line; `event` is what it says.
pub(super) fn check(line: Line<'_>, event: Option<&Event<'_>>, format: Format, limits: &Limits) -> Result<(), Fault> {
    if line.text.ends_with('\r') || (format == Format::Text && !line.ended) {
        return Err(Fault::rule(line.text.len(), Rule::LineEnd));
    }
    match format {
        Format::Text => text(line.text, event),
        Format::OpenMetrics => open_metrics(line.text, event, limits),
    }
}

/// Text is free about blanks and comments.
fn text(line: &str, event: Option<&Event<'_>>) -> Result<(), Fault> {
    match event {
        None | Some(Event::Metadata(Metadata::Unit { .. })) => Ok(()),
        Some(Event::Metadata(Metadata::Help { .. })) => escapes(line, line, b"\\n"),
        Some(Event::Metadata(Metadata::Type { kind, .. })) => {
            let exists = matches!(kind, Type::Counter | Type::Gauge | Type::Histogram | Type::Summary | Type::Unknown);
            let word = line.split_ascii_whitespace().next_back();
            if exists && word != Some("unknown") { Ok(()) } else { Err(Fault::rule(0, Rule::TypeOfOtherFormat)) }
        }
        Some(Event::Sample(sample)) => {
            if sample.exemplar.is_some() {
                return Err(Fault::rule(0, Rule::NoExemplars));
            }
            escapes(line, sample.labels.raw(), b"\\n\"")
        }
    }
}

fn open_metrics(line: &str, event: Option<&Event<'_>>, limits: &Limits) -> Result<(), Fault> {
    if line.trim_matches([' ', '\t']).is_empty() {
        return Err(Fault::rule(0, Rule::BlankLine));
    }
    match event {
        // The end, or a comment that is none in this format.
        None if line == "# EOF" => Ok(()),
        None => Err(Fault::rule(0, Rule::Comment)),
        Some(Event::Metadata(metadata)) => metadata_line(line, metadata),
        Some(Event::Sample(_)) => sample_line(line, limits),
    }
}

/// A backslash is followed by one of `allowed`.
fn escapes(line: &str, part: &str, allowed: &[u8]) -> Result<(), Fault> {
    let bytes = part.as_bytes();
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &bytes[at..]) {
        at += found;
        if bytes.get(at + 1).is_none_or(|next| !allowed.contains(next)) {
            return Err(Fault::rule(line.find(part).unwrap_or(0) + at, Rule::Escape));
        }
        at += 2;
    }
    Ok(())
}

/// `# KEYWORD name text`, with one blank each.
fn metadata_line(line: &str, metadata: &Metadata<'_>) -> Result<(), Fault> {
    const NAME_AT: usize = "# HELP ".len();
    let bytes = line.as_bytes();
    let head = line.get(..NAME_AT).unwrap_or_default();
    if !matches!(head, "# HELP " | "# TYPE " | "# UNIT ") || skip_blanks(bytes, NAME_AT) != NAME_AT {
        return Err(Fault::rule(0, Rule::Blanks));
    }
    let name_end = match bytes.get(NAME_AT) {
        Some(b'"') => closing_quote(bytes, NAME_AT + 1).map_or(line.len(), |quote| quote + 1),
        _ => token_end(bytes, NAME_AT),
    };
    let Some(text) = line[name_end..].strip_prefix(' ') else {
        return Err(Fault::rule(name_end, Rule::MetadataText));
    };
    let exact = match metadata {
        Metadata::Help { .. } => true,
        Metadata::Unit { unit, .. } => *unit == text && !text.contains([' ', '\t']),
        Metadata::Type { kind, .. } if text == "untyped" && *kind == Type::Unknown => {
            return Err(Fault::rule(name_end + 1, Rule::TypeOfOtherFormat));
        }
        Metadata::Type { kind, .. } => kind.as_str() == text,
    };
    if exact { Ok(()) } else { Err(Fault::rule(name_end + 1, Rule::Blanks)) }
}

/// `name{labels} value time # {labels} value time`, with one blank each and none elsewhere.
fn sample_line(line: &str, limits: &Limits) -> Result<(), Fault> {
    let bytes = line.as_bytes();
    if let Some(b' ' | b'\t') = bytes.first() {
        return Err(Fault::rule(0, Rule::Blanks));
    }
    let mut at = skip_name(bytes, 0, true);
    if bytes.get(at) == Some(&b'{') {
        at = braces(bytes, at)?;
    }
    at = token(bytes, at)?;
    if at < bytes.len() && !line[at..].starts_with(" #") {
        at = token(bytes, at)?;
    }
    if at == bytes.len() { Ok(()) } else { exemplar(line, at, limits) }
}

/// A blank and a token without blanks; the offset behind it.
fn token(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    let end = token_end(bytes, at + 1);
    // A brace here belongs to labels behind a blank.
    let is_token = bytes.get(at) == Some(&b' ') && end > at + 1 && bytes[at + 1] != b'{';
    if is_token { Ok(end) } else { Err(Fault::rule(at, Rule::Blanks)) }
}

/// The block whose opening brace is at `open`, which holds no blank outside quotes; the offset behind it.
fn braces(bytes: &[u8], open: usize) -> Result<usize, Fault> {
    let mut at = open + 1;
    loop {
        match bytes.get(at) {
            Some(b'"') => at = closing_quote(bytes, at + 1).map_or(bytes.len(), |quote| quote + 1),
            Some(b'}') if bytes[at - 1] == b',' => return Err(Fault::rule(at - 1, Rule::TrailingComma)),
            Some(b'}') => return Ok(at + 1),
            None | Some(b' ' | b'\t') => return Err(Fault::rule(at, Rule::Blanks)),
            Some(_) => at += 1,
        }
    }
}

/// ` # {labels} value time`, which starts at `at`.
fn exemplar(line: &str, at: usize, limits: &Limits) -> Result<(), Fault> {
    let bytes = line.as_bytes();
    let open = at + " # ".len();
    if !line[at..].starts_with(" # {") {
        return Err(Fault::rule(at, Rule::ExemplarSyntax));
    }
    let block = labels::check(line, open + 1, limits, &mut Vec::new())?;
    if block.metric.is_some() {
        return Err(Fault::rule(open, Rule::ExemplarSyntax));
    }
    let end = braces(bytes, open)?;
    if characters(block.labels) > EXEMPLAR_CHARS {
        return Err(Fault::rule(open, Rule::ExemplarTooLong));
    }
    let mut behind = token(bytes, end)?;
    if behind < bytes.len() {
        behind = token(bytes, behind)?;
    }
    if behind < bytes.len() {
        return Err(Fault::rule(behind, Rule::ExemplarSyntax));
    }
    // Value and time read like those of a sample, which leaves no room for a second exemplar.
    match readings(line, end, Format::OpenMetrics)? {
        (value, _, None) if !number::is_stale(value) => Ok(()),
        _ => Err(Fault::rule(end, Rule::ExemplarSyntax)),
    }
}

fn characters(labels: Labels<'_>) -> usize {
    labels.iter().map(|label| label.name().chars().count() + label.value().chars().count()).sum()
}
