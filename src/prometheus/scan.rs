//! The smallest steps of reading a line: blanks, names, quotes, escapes. All positions are byte offsets, and each result is
//! the boundary of a character wherever its start is one.

use std::borrow::Cow;

use memchr::memchr2;

/// Undoes `\\`, `\n` and, with `quotes`, `\"`; another backslash stands for itself.
pub(super) fn unescape(raw: &str, quotes: bool) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'\\', raw.as_bytes()) else { return Cow::Borrowed(raw) };
    let mut text = String::with_capacity(raw.len());
    text.push_str(&raw[..first]);
    let mut rest = raw[first..].chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match rest.clone().next() {
            Some('\\') => text.push('\\'),
            Some('n') => text.push('\n'),
            Some('"') if quotes => text.push('"'),
            _ => {
                text.push('\\');
                continue;
            }
        }
        rest.next();
    }
    Cow::Owned(text)
}

/// Offset of the quote that ends the quoted text starting at `start`, just behind its opening quote.
pub(super) fn closing_quote(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        let found = at + memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[found] == b'"' {
            return Some(found);
        }
        at = found + 2;
    }
}

/// Offset of the first byte from `at` on that is neither blank nor tab.
#[inline]
pub(super) fn skip_blanks(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Offset behind the letters, digits and underscores from `at` on; `colons` count as letters in metric names.
#[inline]
pub(super) fn skip_name(bytes: &[u8], start: usize, colons: bool) -> usize {
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        let class = NAME_BYTES[usize::from(*byte)];
        if !(class == LETTER || class == DIGIT && at > start || class == COLON && colons) {
            break;
        }
        at += 1;
    }
    at
}

/// Offset of the blank or tab, or the end, that ends the token at `at`.
#[inline]
pub(super) fn token_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        if matches!(byte, b' ' | b'\t') {
            break;
        }
        at += 1;
    }
    at
}

const LETTER: u8 = 1;
const DIGIT: u8 = 2;
const COLON: u8 = 3;

/// What each byte is in a name; zero where it is nothing.
const NAME_BYTES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => LETTER,
            b'0'..=b'9' => DIGIT,
            b':' => COLON,
            _ => 0,
        };
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_start_with_no_digit() {
        assert_eq!(skip_name(b"a1_:b.c", 0, true), 5);
        assert_eq!(skip_name(b"a1_:b.c", 0, false), 3);
        assert_eq!(skip_name(b"1a", 0, true), 0);
        assert_eq!(skip_name(b" 1a", 1, true), 1);
        assert_eq!(skip_name("é".as_bytes(), 0, true), 0);
    }

    #[test]
    fn quotes_end_where_no_backslash_is() {
        assert_eq!(closing_quote(br#"ab" c"#, 0), Some(2));
        assert_eq!(closing_quote(br#"a\"b\\" c"#, 0), Some(6));
        assert_eq!(closing_quote(br#"a\"#, 0), None);
        assert_eq!(closing_quote(br#"a\""#, 0), None);
        assert_eq!(closing_quote(b"", 0), None);
    }

    #[test]
    fn tokens_end_at_blanks() {
        assert_eq!(token_end(b"ab c", 0), 2);
        assert_eq!(token_end(b"ab\tc", 3), 4);
        assert_eq!(token_end(b"ab", 9), 9);
        assert_eq!(skip_blanks(b" \t x", 0), 3);
        assert_eq!(skip_blanks(b"x", 5), 5);
    }

    #[test]
    fn text_without_escapes_is_borrowed() {
        assert!(matches!(unescape("plain", true), Cow::Borrowed("plain")));
        assert_eq!(unescape(r#"\"é\\n\"#, true), "\"é\\n\\");
        assert_eq!(unescape(r#"\"\n"#, false), "\\\"\n");
    }
}
