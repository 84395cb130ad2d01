//! Sentences for people: one line, nothing that Cloud ALM would show as an HTML entity.

use std::fmt::Write as _;

/// The most characters of a text.
const MAX_CHARS: usize = 300;

/// Makes a text fit for a status row: one line, at most 300 characters, look-alikes for `< > & " '`, which Health Monitoring shows escaped.
pub fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(MAX_CHARS * 2));
    let mut chars = 0;
    let mut blank = true;
    for char in text.chars() {
        let char = match char {
            '<' => '‹',
            '>' => '›',
            '&' => '+',
            '"' | '\'' => '’',
            char if char.is_whitespace() || char.is_control() => ' ',
            char => char,
        };
        if char == ' ' && blank {
            continue;
        }
        if chars == MAX_CHARS - 1 {
            out.push('…');
            return out;
        }
        blank = char == ' ';
        out.push(char);
        chars += 1;
    }
    out.truncate(out.trim_end().len());
    out
}

/// Fills `{name}` with what `value_of` knows; what it does not know stays as it is.
pub(crate) fn fill(template: &str, value_of: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        let inside = &rest[open + 1..];
        let found = inside.find('}').and_then(|close| Some((value_of(&inside[..close])?, &inside[close + 1..])));
        match found {
            Some((value, after)) => {
                out.push_str(&value);
                rest = after;
            }
            None => {
                out.push('{');
                rest = inside;
            }
        }
    }
    out.push_str(rest);
    out
}

/// A number as a person reads it: no more digits than matter.
pub(crate) fn show(value: f64) -> String {
    let digits = match value.abs() {
        0.0..1.0 => 3,
        1.0..100.0 => 2,
        100.0..1000.0 => 1,
        _ => 0,
    };
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = write!(out, "{value:.digits$}");
    if out.contains('.') {
        let shorter = out.trim_end_matches('0').trim_end_matches('.').len();
        out.truncate(shorter);
    }
    if out == "-0" { "0".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_become_one_line_without_markup() {
        assert_eq!(one_line("  can't\n\treach <b>\"it\" & more\u{7}  "), "can’t reach ‹b›’it’ + more");
        let long = one_line(&"ä".repeat(1000));
        assert!(long.chars().count() == 300 && long.ends_with('…'));
    }

    #[test]
    fn templates_are_filled_with_what_is_known() {
        let value_of = |name: &str| (name == "value").then(|| "7".to_owned());
        assert_eq!(fill("{value} of {limit}, {", value_of), "7 of {limit}, {");
        assert_eq!(fill("no names", value_of), "no names");
        assert_eq!(fill("{ {value}", value_of), "{ 7");
    }

    #[test]
    fn numbers_show_what_matters() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0001, "0"),
            (0.12345, "0.123"),
            (3.0, "3"),
            (12.345, "12.35"),
            (123.456, "123.5"),
            (1_234_567.8, "1234568"),
            (-2.5, "-2.5"),
            (1000.0, "1000"),
        ] {
            assert_eq!(show(value), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_becomes_fit(text in ".*") {
            let line = one_line(&text);
            prop_assert!(line.chars().count() <= 300 && !line.contains(['<', '>', '&', '"', '\'', '\n']));
        }
    }
}
