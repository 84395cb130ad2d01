//! One line: a sample or a metadata comment. Lenient about blanks, never about meaning.

use std::borrow::Cow;

use super::error::{Fault, Problem};
use super::family::Type;
use super::format::Format;
use super::labels::{self, Labels};
use super::limits::Limits;
use super::number::{self, Timestamp};
use super::scan::{closing_quote, skip_blanks, skip_name, token_end, unescape};

/// One sample as it stands on the page.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample<'a> {
    /// Metric name with its suffix; owned only where a quoted name holds an escape.
    pub name: Cow<'a, str>,
    /// Its labels.
    pub labels: Labels<'a>,
    /// Its value; NaN and infinities are values.
    pub value: f64,
    /// Explicit time, if the page gives one.
    pub timestamp: Option<Timestamp>,
    /// What follows `#` on the line, unread: `{labels} value [seconds]`.
    pub exemplar: Option<&'a str>,
}

/// A metadata line as it stands on the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metadata<'a> {
    /// `# HELP`: what the family means, unescaped.
    Help {
        /// Name of the family.
        family: Cow<'a, str>,
        /// The text, perhaps empty.
        text: Cow<'a, str>,
    },
    /// `# TYPE`.
    Type {
        /// Name of the family.
        family: Cow<'a, str>,
        /// Its type.
        kind: Type,
    },
    /// `# UNIT`, in OpenMetrics alone.
    Unit {
        /// Name of the family.
        family: Cow<'a, str>,
        /// A word such as `seconds`, perhaps empty.
        unit: &'a str,
    },
}

impl<'a> Metadata<'a> {
    /// Name of the family that is described.
    #[must_use]
    pub fn family(&self) -> &Cow<'a, str> {
        match self {
            Self::Help { family, .. } | Self::Type { family, .. } | Self::Unit { family, .. } => family,
        }
    }
}

/// What a line that starts with `#` is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Comment<'a> {
    Metadata(Metadata<'a>),
    Eof,
    Other,
}

/// Reads a line that is neither blank nor a comment. `names` is scratch space.
pub(super) fn sample<'a>(
    line: &'a str,
    format: Format,
    limits: &Limits,
    names: &mut Vec<&'a str>,
) -> Result<Sample<'a>, Fault> {
    let bytes = line.as_bytes();
    let start = skip_blanks(bytes, 0);
    let name_end = skip_name(bytes, start, true);
    let bare = &line[start..name_end];
    let mut at = skip_blanks(bytes, name_end);
    let (name, labels) = if bytes.get(at) == Some(&b'{') {
        let block = labels::check(line, at + 1, limits, names)?;
        let name = match block.metric {
            None => Cow::Borrowed(bare),
            Some(_) if !bare.is_empty() => return Err(Fault::new(at, Problem::SecondMetricName)),
            Some(quoted) => unescape(quoted, true),
        };
        at = block.end;
        (name, block.labels)
    } else {
        if at == name_end && at < bytes.len() {
            return Err(Fault::new(at, Problem::MetricName));
        }
        (Cow::Borrowed(bare), Labels::default())
    };
    if name.is_empty() {
        return Err(Fault::new(start, Problem::MetricName));
    }
    if name.len() > limits.name_bytes {
        return Err(Fault::new(start, Problem::NameTooLong { limit: limits.name_bytes }));
    }
    let (value, timestamp, exemplar) = readings(line, at, format)?;
    Ok(Sample { name, labels, value, timestamp, exemplar })
}

/// Reads a line that starts with `#` behind its blanks.
pub(super) fn comment<'a>(line: &'a str, format: Format, limits: &Limits) -> Result<Comment<'a>, Fault> {
    let bytes = line.as_bytes();
    let keyword_at = skip_blanks(bytes, skip_blanks(bytes, 0) + 1);
    let keyword_end = token_end(bytes, keyword_at);
    let keyword = &line[keyword_at..keyword_end];
    match keyword {
        "HELP" | "TYPE" => {}
        "UNIT" if format == Format::OpenMetrics => {}
        "EOF" if format == Format::OpenMetrics && skip_blanks(bytes, keyword_end) == bytes.len() => {
            return Ok(Comment::Eof);
        }
        _ => return Ok(Comment::Other),
    }
    let name_at = skip_blanks(bytes, keyword_end);
    let (family, name_end) = family_name(line, name_at)?;
    if family.len() > limits.name_bytes {
        return Err(Fault::new(name_at, Problem::NameTooLong { limit: limits.name_bytes }));
    }
    let text_at = skip_blanks(bytes, name_end);
    let text = &line[text_at..];
    Ok(Comment::Metadata(match keyword {
        "HELP" => Metadata::Help { family, text: unescape(text, format == Format::OpenMetrics) },
        "TYPE" => {
            let kind = Type::of(text.trim_end_matches([' ', '\t'])).ok_or(Fault::new(text_at, Problem::UnknownType))?;
            Metadata::Type { family, kind }
        }
        _ => Metadata::Unit { family, unit: text.trim_end_matches([' ', '\t']) },
    }))
}

/// Value, time and exemplar, which start at `at` behind name and labels.
#[inline]
pub(super) fn readings(line: &str, at: usize, format: Format) -> Result<(f64, Option<Timestamp>, Option<&str>), Fault> {
    let bytes = line.as_bytes();
    let value_at = skip_blanks(bytes, at);
    let value_end = token_end(bytes, value_at);
    if value_at == value_end {
        return Err(Fault::new(value_at, Problem::MissingValue));
    }
    let value = number::value(&line[value_at..value_end]).ok_or(Fault::new(value_at, Problem::Value))?;
    let mut at = skip_blanks(bytes, value_end);
    let mut timestamp = None;
    if bytes.get(at).is_some_and(|byte| *byte != b'#') {
        let end = token_end(bytes, at);
        timestamp = Some(Timestamp::parse(&line[at..end], format).ok_or_else(|| {
            let problem = if format == Format::Text { Problem::Milliseconds } else { Problem::Seconds };
            Fault::new(at, problem)
        })?);
        at = skip_blanks(bytes, end);
    }
    match bytes.get(at) {
        None => Ok((value, timestamp, None)),
        Some(b'#') => Ok((value, timestamp, Some(line[at + 1..].trim_matches([' ', '\t'])))),
        Some(_) => Err(Fault::new(at, Problem::TrailingText)),
    }
}

/// Name of a family at `at`, bare or quoted, and the offset behind it.
fn family_name(line: &str, at: usize) -> Result<(Cow<'_, str>, usize), Fault> {
    let bytes = line.as_bytes();
    let (name, end) = if bytes.get(at) == Some(&b'"') {
        let end = closing_quote(bytes, at + 1).ok_or(Fault::new(at, Problem::UnterminatedQuote))?;
        (unescape(&line[at + 1..end], true), end + 1)
    } else {
        let end = skip_name(bytes, at, true);
        (Cow::Borrowed(&line[at..end]), end)
    };
    if !matches!(bytes.get(end), None | Some(b' ' | b'\t')) {
        return Err(Fault::new(at, Problem::MetricName));
    }
    if name.is_empty() {
        return Err(Fault::new(at, Problem::MetadataName));
    }
    Ok((name, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, format: Format) -> Result<Sample<'_>, Problem> {
        sample(line, format, &Limits::default(), &mut Vec::new()).map_err(|fault| fault.problem)
    }

    #[test]
    fn the_parts_of_a_sample() {
        let line = r#"http_requests_total{method="post",code="200"} 1027 1395066363000"#;
        let sample = read(line, Format::Text).unwrap();
        assert_eq!(sample.name, "http_requests_total");
        assert!(matches!(sample.name, Cow::Borrowed(_)));
        assert_eq!(sample.labels.raw(), r#"method="post",code="200""#);
        assert_eq!(sample.value, 1027.0);
        assert_eq!(sample.timestamp.unwrap().unix_nanos(), Some(1_395_066_363_000_000_000));
        assert_eq!(sample.exemplar, None);
    }

    #[test]
    fn an_exemplar_is_kept_unread() {
        let sample = read(r##"a_total{x="# {"} 1 2 # {trace_id="KOO5S4vxi0o"} 0.67"##, Format::OpenMetrics).unwrap();
        assert_eq!(sample.exemplar, Some(r#"{trace_id="KOO5S4vxi0o"} 0.67"#));
        assert_eq!(sample.timestamp.unwrap().unix_seconds(), 2.0);
        assert_eq!(read("a 1 #", Format::Text).unwrap().exemplar, Some(""));
    }

    #[test]
    fn a_quoted_name_stands_in_the_braces() {
        let sample = read(r#"{"my.\"metric\"","a.b"="c"} 1"#, Format::Text).unwrap();
        assert_eq!(sample.name, "my.\"metric\"");
        assert_eq!(sample.labels.get("a.b").as_deref(), Some("c"));
        assert_eq!(read(r#"x{"y"} 1"#, Format::Text), Err(Problem::SecondMetricName));
        assert_eq!(read(r#"{a="b"} 1"#, Format::Text), Err(Problem::MetricName));
        assert_eq!(read(r#"{""} 1"#, Format::Text), Err(Problem::MetricName));
    }

    #[test]
    fn lines_that_are_no_sample() {
        let cases = [
            ("a", Problem::MissingValue),
            ("a ", Problem::MissingValue),
            ("a{}", Problem::MissingValue),
            ("a x", Problem::Value),
            ("0a 1", Problem::MetricName),
            ("a.b 1", Problem::MetricName),
            ("a-b 1", Problem::MetricName),
            ("é 1", Problem::MetricName),
            ("a 1 z", Problem::Milliseconds),
            ("a 1 1.5", Problem::Milliseconds),
            ("a 1 2 3", Problem::TrailingText),
            ("a{b=\"c\" 1", Problem::LabelSeparator),
            ("a{b=\"c\"", Problem::UnclosedBraces),
        ];
        for (line, problem) in cases {
            assert_eq!(read(line, Format::Text), Err(problem), "{line}");
        }
        assert_eq!(read("a 1 NaN", Format::OpenMetrics), Err(Problem::Seconds));
    }

    #[test]
    fn comments_are_metadata_or_nothing() {
        let read = |line, format| comment(line, format, &Limits::default()).map_err(|fault| fault.problem);
        let (text, open) = (Format::Text, Format::OpenMetrics);
        assert_eq!(
            read(r"#  HELP  a  two\nlines \\ \q", text),
            Ok(Comment::Metadata(Metadata::Help { family: "a".into(), text: "two\nlines \\ \\q".into() }))
        );
        assert_eq!(
            read("# TYPE \"a.b\" counter ", text),
            Ok(Comment::Metadata(Metadata::Type { family: "a.b".into(), kind: Type::Counter }))
        );
        assert_eq!(
            read("# UNIT a_s s", open),
            Ok(Comment::Metadata(Metadata::Unit { family: "a_s".into(), unit: "s" }))
        );
        assert_eq!(read("# UNIT a_s s", text), Ok(Comment::Other));
        assert_eq!(read("# EOF", open), Ok(Comment::Eof));
        assert_eq!(read("# EOF", text), Ok(Comment::Other));
        assert_eq!(read("# EOFblah", open), Ok(Comment::Other));
        assert_eq!(read("#", text), Ok(Comment::Other));
        assert_eq!(read("# Helpful words", text), Ok(Comment::Other));
        assert_eq!(
            read("# HELP a", text),
            Ok(Comment::Metadata(Metadata::Help { family: "a".into(), text: "".into() }))
        );
        assert_eq!(read("# HELP", text), Err(Problem::MetadataName));
        assert_eq!(read("# TYPE a.b gauge", text), Err(Problem::MetricName));
        assert_eq!(read("# TYPE a meh", text), Err(Problem::UnknownType));
        assert_eq!(read("# TYPE a", text), Err(Problem::UnknownType));
    }
}
