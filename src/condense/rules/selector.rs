//! Which series: `name{label="value",label!="value",label=~"glob*"}`.
//!
//! Owns the grammar and the matching. A name or a `=~` value may be a glob: `*` is any characters, `?` is one. A label that is not there
//! counts as empty, as in Prometheus. Never a regular expression: a glob has no worst case that a config could fall into.

use std::borrow::Cow;

use crate::metric::glob::fits;

/// A metric name or glob with label matchers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Selector {
    name: Glob,
    matchers: Vec<Matcher>,
}

/// A text that may hold `*` and `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Glob {
    pattern: Box<str>,
    literal: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct Matcher {
    label: Box<str>,
    negated: bool,
    value: Glob,
}

/// What is wrong with a selector, and what to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadSelector {
    /// What is wrong.
    pub(crate) message: String,
    /// What to write.
    pub(crate) hint: Option<String>,
}

impl Glob {
    /// A pattern in which `*` and `?` have their meaning.
    pub(crate) fn new(pattern: &str) -> Self {
        Self { pattern: pattern.into(), literal: !pattern.contains(['*', '?']) }
    }

    fn literal(text: &str) -> Self {
        Self { pattern: text.into(), literal: true }
    }

    /// Whether it is an ordinary text.
    pub(crate) const fn is_literal(&self) -> bool {
        self.literal
    }

    /// Whether the whole of `text` fits.
    pub(crate) fn matches(&self, text: &str) -> bool {
        if self.literal { *self.pattern == *text } else { fits(&self.pattern, text) }
    }
}

impl Selector {
    /// Reads a selector.
    pub(crate) fn parse(text: &str) -> Result<Self, BadSelector> {
        let text = text.trim();
        let (name, rest) = match text.find('{') {
            Some(brace) => (text[..brace].trim(), Some(&text[brace + 1..])),
            None => (text, None),
        };
        if name.is_empty() {
            return Err(bad(
                "a selector begins with a metric name",
                Some("write a name or a glob, such as jvm.memory.*"),
            ));
        }
        if name.contains(char::is_whitespace) || name.contains(['}', '"', ',']) {
            return Err(bad(&format!("{name:?} is no metric name"), Some("write name{label=\"value\"}")));
        }
        let matchers = match rest {
            None => Vec::new(),
            Some(rest) => parse_matchers(rest)?,
        };
        Ok(Self { name: Glob::new(name), matchers })
    }

    /// Exactly this metric, whatever its labels.
    pub(crate) fn everything() -> Self {
        Self { name: Glob::new("*"), matchers: Vec::new() }
    }

    /// Whether a metric of this name can match at all.
    pub(crate) fn matches_name(&self, name: &str) -> bool {
        self.name.matches(name)
    }

    /// Whether it names one metric and not a family.
    pub(crate) const fn is_exact(&self) -> bool {
        self.name.is_literal()
    }

    /// Whether the labels fit; `value_of` finds the value of one.
    pub(crate) fn matches_labels<'a>(&self, value_of: impl Fn(&str) -> Option<Cow<'a, str>>) -> bool {
        self.matchers.iter().all(|matcher| {
            let value = value_of(&matcher.label).unwrap_or_default();
            matcher.value.matches(&value) != matcher.negated
        })
    }
}

fn parse_matchers(text: &str) -> Result<Vec<Matcher>, BadSelector> {
    let mut matchers = Vec::new();
    let mut rest = text.trim_start();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return match after.trim() {
                "" => Ok(matchers),
                more => Err(bad(&format!("{more:?} follows the closing brace"), None)),
            };
        }
        let (matcher, after) = parse_matcher(rest)?;
        matchers.push(matcher);
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after.trim_start(),
            None if rest.starts_with('}') => {}
            None => return Err(bad("a comma or a closing brace is missing", Some("write name{a=\"1\",b!=\"2\"}"))),
        }
    }
}

fn parse_matcher(text: &str) -> Result<(Matcher, &str), BadSelector> {
    let hint = Some("write label=\"value\", label!=\"value\", label=~\"glob*\" or label!~\"glob*\"");
    let at = text.find(['=', '!']).ok_or_else(|| bad("a label matcher has no operator", hint))?;
    let label = text[..at].trim();
    if label.is_empty() || label.contains(['"', '}', ',']) {
        return Err(bad("a label matcher has no label", hint));
    }
    let (negated, glob, after) = [("=~", false, true), ("!~", true, true), ("!=", true, false), ("=", false, false)]
        .into_iter()
        .find_map(|(sign, negated, glob)| Some((negated, glob, text[at..].strip_prefix(sign)?)))
        .ok_or_else(|| bad(&format!("the operator behind {label:?} is unknown"), hint))?;
    let quoted = after.trim_start().strip_prefix('"');
    let (value, rest) = quoted
        .and_then(unquote)
        .ok_or_else(|| bad(&format!("the value of {label:?} is not in double quotes"), hint))?;
    let value = if glob { Glob::new(&value) } else { Glob::literal(&value) };
    Ok((Matcher { label: label.into(), negated, value }, rest))
}

/// The text up to the closing quote, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            _ => value.push(char),
        }
    }
    None
}

fn bad(message: &str, hint: Option<&str>) -> BadSelector {
    BadSelector { message: message.to_owned(), hint: hint.map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fits(selector: &str, name: &str, labels: &[(&str, &str)]) -> bool {
        let selector = Selector::parse(selector).unwrap();
        let value_of = |label: &str| {
            labels.iter().find(|(key, _)| *key == label).map(|(_, value)| Cow::Owned((*value).to_owned()))
        };
        selector.matches_name(name) && selector.matches_labels(value_of)
    }

    #[test]
    fn names_and_labels_are_matched() {
        assert!(fits("node_load1", "node_load1", &[]));
        assert!(!fits("node_load1", "node_load15", &[]));
        assert!(fits("jvm.memory.*", "jvm.memory.used", &[]));
        assert!(fits("node_load?", "node_load5", &[]) && !fits("node_load?", "node_load", &[]));
        let tmpfs = [("fstype", "tmpfs"), ("mountpoint", "/run")];
        assert!(!fits(r#"fs{fstype!="tmpfs"}"#, "fs", &tmpfs));
        assert!(fits(r#"fs{fstype=~"tmp*", mountpoint="/run",}"#, "fs", &tmpfs));
        assert!(!fits(r#"fs{mountpoint!~"/r*"}"#, "fs", &tmpfs));
        assert!(fits(r#"fs{device=""}"#, "fs", &tmpfs), "a label that is not there is empty");
        assert!(fits(r#"fs{a="say \"hi\"}"}"#, "fs", &[("a", "say \"hi\"}")]));
        assert!(fits(r#"fs{a="*"}"#, "fs", &[("a", "*")]) && !fits(r#"fs{a="*"}"#, "fs", &[("a", "b")]));
    }

    #[test]
    fn a_question_mark_is_one_character_not_one_byte() {
        assert!(Glob::new("gr?n").matches("grün") && !Glob::new("gr?n").matches("gren2"));
        assert!(Glob::new("*ab*b").matches("xaabab") && !Glob::new("a*c").matches("ab"));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part) in [
            ("", "begins with a metric name"),
            ("{a=\"b\"}", "begins with a metric name"),
            ("two words", "no metric name"),
            ("m{a}", "no operator"),
            ("m{=\"b\"}", "no label"),
            ("m{a=b}", "double quotes"),
            ("m{a=\"b}", "double quotes"),
            ("m{a=\"b\"", "closing brace is missing"),
            ("m{a=\"b\" c=\"d\"}", "comma"),
            ("m{a=\"b\"} x", "follows"),
            ("m{a!\"b\"}", "operator"),
        ] {
            let error = Selector::parse(text).unwrap_err();
            assert!(error.message.contains(part), "{text}: {}", error.message);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = Selector::parse(&text);
        }

        #[test]
        fn a_glob_of_its_own_pieces_fits(a in "[a-z]{0,5}", b in "[a-z]{0,5}", c in "[a-zé]{0,5}") {
            let text = format!("{a}{b}{c}");
            let pattern = format!("{a}*{c}");
            prop_assert!(Glob::new(&pattern).matches(&text));
            let masked: String = text.chars().map(|_| '?').collect();
            prop_assert!(Glob::new(&masked).matches(&text));
        }
    }
}
