//! The part of a sample between braces: read once to check it, and again, lazily, whenever someone asks for labels.

use std::borrow::Cow;

use super::error::{Fault, Problem};
use super::limits::Limits;
use super::scan::{closing_quote, skip_blanks, skip_name, unescape};

/// The labels of a sample, borrowed from the page; iterating allocates only where a value holds an escape and is unescaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Labels<'a> {
    raw: &'a str,
    without: Option<&'static str>,
}

/// One label as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Label<'a> {
    raw_name: &'a str,
    raw_value: &'a str,
}

impl<'a> Labels<'a> {
    /// What stands between the braces, as written: equal bytes are equal labels, so a caller can cache by them. Includes a
    /// quoted metric name, and a label that [`without`](Self::without) hides.
    #[must_use]
    pub fn raw(self) -> &'a str {
        self.raw
    }

    /// The labels in the order of the page.
    pub fn iter(self) -> impl Iterator<Item = Label<'a>> + Clone {
        Walk { text: self.raw, at: 0 }.filter(move |label| self.without.is_none_or(|name| name != label.raw_name))
    }

    /// The unescaped value of a label.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Cow<'a, str>> {
        self.iter().find(|label| label.raw_name == name || label.name() == name).map(Label::value)
    }

    /// The same labels but one: `le` of a bucket, `quantile` of a summary.
    #[must_use]
    pub fn without(self, name: &'static str) -> Self {
        Self { without: Some(name), ..self }
    }

    /// Whether there is no label.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.iter().next().is_none()
    }

    /// Whether both are the same set, whatever the order.
    #[must_use]
    pub fn is_same_set(self, other: Labels<'_>) -> bool {
        let (mut mine, mut theirs) = (self.iter(), other.iter());
        loop {
            match (mine.next(), theirs.next()) {
                (None, None) => return true,
                (Some(a), Some(b)) if a.raw_name == b.raw_name && a.raw_value == b.raw_value => {}
                (Some(_), Some(_)) => break,
                (None, Some(_)) | (Some(_), None) => return false,
            }
        }
        // Names are unique within a set, so that equal size and containment suffice.
        self.iter().count() == other.iter().count()
            && self.iter().all(|a| other.iter().any(|b| a.raw_name == b.raw_name && a.raw_value == b.raw_value))
    }

    /// Block that [`check`] has read.
    pub(super) fn checked(raw: &'a str) -> Self {
        Self { raw, without: None }
    }
}

impl<'a> Label<'a> {
    /// The name, unescaped.
    #[must_use]
    pub fn name(self) -> Cow<'a, str> {
        unescape(self.raw_name, true)
    }

    /// The value, unescaped.
    #[must_use]
    pub fn value(self) -> Cow<'a, str> {
        unescape(self.raw_value, true)
    }

    /// Name and value as written, without their quotes.
    #[must_use]
    pub fn raw(self) -> (&'a str, &'a str) {
        (self.raw_name, self.raw_value)
    }
}

/// A label block after its check.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block<'a> {
    pub(super) labels: Labels<'a>,
    /// Quoted metric name, as written.
    pub(super) metric: Option<&'a str>,
    /// Offset behind the closing brace.
    pub(super) end: usize,
}

/// Reads and checks the block that starts behind the brace at `start - 1`. `names` is scratch space.
pub(super) fn check<'a>(
    text: &'a str,
    start: usize,
    limits: &Limits,
    names: &mut Vec<&'a str>,
) -> Result<Block<'a>, Fault> {
    names.clear();
    let mut metric = None;
    let mut at = start;
    loop {
        let item_at = skip_blanks(text.as_bytes(), at);
        match item(text, item_at)? {
            Item::End(end) => return Ok(Block { labels: Labels::checked(&text[start..end - 1]), metric, end }),
            Item::Metric(name, next) => {
                if metric.is_some() {
                    return Err(Fault::new(item_at, Problem::SecondMetricName));
                }
                check_length(item_at, name, limits)?;
                metric = Some(name);
                at = next;
            }
            Item::Label(label, next) => {
                check_length(item_at, label.raw_name, limits)?;
                if label.raw_value.len() > limits.value_bytes {
                    return Err(Fault::new(item_at, Problem::LabelValueTooLong { limit: limits.value_bytes }));
                }
                if names.contains(&label.raw_name) {
                    return Err(Fault::new(item_at, Problem::DuplicateLabel));
                }
                if names.len() == limits.labels {
                    return Err(Fault::new(item_at, Problem::TooManyLabels { limit: limits.labels }));
                }
                names.push(label.raw_name);
                at = next;
            }
        }
    }
}

enum Item<'a> {
    Label(Label<'a>, usize),
    Metric(&'a str, usize),
    End(usize),
}

/// The item at `at`, which is no blank, with the offset behind it and its comma. The end of the text ends the block only in a
/// [`Walk`], which sees it without its brace.
#[inline]
fn item(text: &str, at: usize) -> Result<Item<'_>, Fault> {
    let bytes = text.as_bytes();
    let (raw_name, after_name, quoted) = match bytes.get(at) {
        None => return Err(Fault::new(at, Problem::UnclosedBraces)),
        Some(b'}') => return Ok(Item::End(at + 1)),
        Some(b'"') => {
            let end = closing_quote(bytes, at + 1).ok_or(Fault::new(at, Problem::UnterminatedQuote))?;
            (&text[at + 1..end], end + 1, true)
        }
        Some(_) => {
            let end = skip_name(bytes, at, false);
            if end == at {
                return Err(Fault::new(at, Problem::LabelName));
            }
            (&text[at..end], end, false)
        }
    };
    let equals = skip_blanks(bytes, after_name);
    if bytes.get(equals) != Some(&b'=') {
        return if quoted {
            Ok(Item::Metric(raw_name, separator(bytes, equals)?))
        } else {
            Err(Fault::new(equals, Problem::Equals))
        };
    }
    if raw_name.is_empty() {
        return Err(Fault::new(at, Problem::LabelName));
    }
    let quote = skip_blanks(bytes, equals + 1);
    if bytes.get(quote) != Some(&b'"') {
        return Err(Fault::new(quote, Problem::Quote));
    }
    let end = closing_quote(bytes, quote + 1).ok_or(Fault::new(quote, Problem::UnterminatedQuote))?;
    Ok(Item::Label(Label { raw_name, raw_value: &text[quote + 1..end] }, separator(bytes, end + 1)?))
}

/// Behind an item stands a comma, which is passed, or the end of the block.
#[inline]
fn separator(bytes: &[u8], after: usize) -> Result<usize, Fault> {
    let at = skip_blanks(bytes, after);
    match bytes.get(at) {
        Some(b',') => Ok(at + 1),
        Some(b'}') | None => Ok(at),
        Some(_) => Err(Fault::new(at, Problem::LabelSeparator)),
    }
}

fn check_length(at: usize, name: &str, limits: &Limits) -> Result<(), Fault> {
    if name.len() > limits.name_bytes {
        return Err(Fault::new(at, Problem::NameTooLong { limit: limits.name_bytes }));
    }
    Ok(())
}

/// Second reading of a checked block: nothing can go wrong any more, and an error would end it.
#[derive(Clone)]
struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Walk<'a> {
    type Item = Label<'a>;

    #[inline]
    fn next(&mut self) -> Option<Label<'a>> {
        loop {
            match item(self.text, skip_blanks(self.text.as_bytes(), self.at)) {
                Ok(Item::Label(label, next)) => {
                    self.at = next;
                    return Some(label);
                }
                Ok(Item::Metric(_, next)) => self.at = next,
                Ok(Item::End(_)) | Err(_) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, Problem> {
        let block = check(text, 0, &Limits::default(), &mut Vec::new()).map_err(|fault| fault.problem)?;
        Ok(block.labels.iter().map(|label| (label.name().into_owned(), label.value().into_owned())).collect())
    }

    fn pairs(expected: &[(&str, &str)]) -> Result<Vec<(String, String)>, Problem> {
        Ok(expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn blocks_that_can_be_read() {
        assert_eq!(read("}"), pairs(&[]));
        assert_eq!(read("  }"), pairs(&[]));
        assert_eq!(read(r#"a="1",b="2"}"#), pairs(&[("a", "1"), ("b", "2")]));
        assert_eq!(read(r#" a = "1" , b = "2" , }"#), pairs(&[("a", "1"), ("b", "2")]));
        assert_eq!(read(r#"a="}",b="=,\"",c="x # y"}"#), pairs(&[("a", "}"), ("b", "=,\""), ("c", "x # y")]));
        assert_eq!(read(r#"a="\\",b="l\nf",c="\z"}"#), pairs(&[("a", "\\"), ("b", "l\nf"), ("c", "\\z")]));
        assert_eq!(read(r#""my.metric","my.label"="é",c=""}"#), pairs(&[("my.label", "é"), ("c", "")]));
    }

    #[test]
    fn blocks_that_cannot() {
        let cases = [
            ("", Problem::UnclosedBraces),
            (r#"a="1""#, Problem::UnclosedBraces),
            (r#"a="1"#, Problem::UnterminatedQuote),
            (r#"a="1\"}"#, Problem::UnterminatedQuote),
            (r#"a="1\"#, Problem::UnterminatedQuote),
            ("a}", Problem::Equals),
            (r#"a"v"}"#, Problem::Equals),
            ("a=}", Problem::Quote),
            ("a=1}", Problem::Quote),
            ("a='1'}", Problem::Quote),
            (r#"1="1"}"#, Problem::LabelName),
            (r#"a:b="1"}"#, Problem::Equals),
            (r#"""="1"}"#, Problem::LabelName),
            (r#"a="1",,b="2"}"#, Problem::LabelName),
            (r#"a="1"b="2"}"#, Problem::LabelSeparator),
            (r#"a="1",a="2"}"#, Problem::DuplicateLabel),
            (r#""a","b"}"#, Problem::SecondMetricName),
        ];
        for (text, problem) in cases {
            assert_eq!(read(text), Err(problem), "{text}");
        }
    }

    #[test]
    fn sizes_are_bounded() {
        let limits = Limits { labels: 1, name_bytes: 2, value_bytes: 3, ..Limits::default() };
        let problem = |text| check(text, 0, &limits, &mut Vec::new()).map(|_| ()).map_err(|fault| fault.problem);
        assert_eq!(problem(r#"ab="123"}"#), Ok(()));
        assert_eq!(problem(r#"a="1",b="2"}"#), Err(Problem::TooManyLabels { limit: 1 }));
        assert_eq!(problem(r#"abc="1"}"#), Err(Problem::NameTooLong { limit: 2 }));
        assert_eq!(problem(r#""abc"}"#), Err(Problem::NameTooLong { limit: 2 }));
        assert_eq!(problem(r#"a="1234"}"#), Err(Problem::LabelValueTooLong { limit: 3 }));
    }

    #[test]
    fn sets_are_equal_in_any_order() {
        let labels = Labels::checked;
        let (left, right) = (labels(r#"a="1",b="2""#), labels(r#"b="2", a="1","#));
        assert!(left.is_same_set(right));
        assert!(!left.is_same_set(labels(r#"a="1""#)));
        assert!(!left.is_same_set(labels(r#"a="1",b="3""#)));
        assert!(labels(r#"le="5",a="1""#).without("le").is_same_set(labels(r#"a="1",le="+Inf""#).without("le")));
        assert!(labels(r#"le="5""#).without("le").is_empty());
        assert_eq!(left.get("b").as_deref(), Some("2"));
        assert_eq!(left.get("c"), None);
    }
}
