//! The lenient reader: a page's lines as events, each bad line as an error, to the end of the page.
//!
//! ```text
//!  reading ── # EOF (OpenMetrics) ──► behind the end: anything but blank lines is an error
//!     │ └──── a limit of the page ──► ended, with that error
//!     └────── end of the bytes ─────► ended; in OpenMetrics with an error, as `# EOF` is missing
//! ```

use memchr::memchr;

use super::error::{Fault, ParseError, Problem};
use super::format::Format;
use super::limits::Limits;
use super::line::{self, Comment, Metadata, Sample};
use super::scan::skip_blanks;

/// What a page says, line by line.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// About a family.
    Metadata(Metadata<'a>),
    /// A sample.
    Sample(Sample<'a>),
}

/// The lenient reader of a page: an iterator of events and errors that borrows from the page.
#[derive(Debug)]
pub struct Parser<'a> {
    format: Format,
    limits: Limits,
    lines: Lines<'a>,
    number: usize,
    state: State,
    samples: usize,
    metadata_lines: usize,
    names: Vec<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    BehindEof,
    Ended,
}

impl<'a> Parser<'a> {
    /// Reads `page` in `format`, within the default limits.
    #[must_use]
    pub fn new(page: &'a [u8], format: Format) -> Self {
        Self::with_limits(page, format, Limits::default())
    }

    /// Reads `page` in `format`, within `limits`.
    #[must_use]
    pub fn with_limits(page: &'a [u8], format: Format, limits: Limits) -> Self {
        Self {
            format,
            limits,
            lines: Lines::new(page),
            number: 0,
            state: State::Reading,
            samples: 0,
            metadata_lines: 0,
            names: Vec::new(),
        }
    }

    /// Number of the line that was read last, from 1.
    #[must_use]
    pub fn line_number(&self) -> usize {
        self.number
    }

    /// The format it reads.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The next line as written, for a reader that sees more than events.
    pub(super) fn next_line(&mut self) -> Option<Result<Line<'a>, ParseError>> {
        let line = self.lines.next()?;
        self.number += 1;
        Some(line.map_err(|fault| ParseError { line: self.number, ..fault }))
    }

    /// What a line says; nothing for blank lines and free comments.
    pub(super) fn event(&mut self, line: Line<'a>) -> Result<Option<Event<'a>>, ParseError> {
        // Lenient about the line ends of another system.
        let text = line.text.strip_suffix('\r').unwrap_or(line.text);
        self.read(text).map_err(|fault| {
            let error = fault.at(self.number, text);
            if error.is_fatal() {
                self.state = State::Ended;
            }
            error
        })
    }

    /// The error that the page ends with.
    pub(super) fn finish(&mut self) -> Option<ParseError> {
        let missing_eof = self.state == State::Reading && self.format == Format::OpenMetrics;
        self.state = State::Ended;
        missing_eof.then_some(ParseError { line: self.number + 1, column: 1, problem: Problem::MissingEof })
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    #[inline]
    fn read(&mut self, text: &'a str) -> Result<Option<Event<'a>>, Fault> {
        let start = skip_blanks(text.as_bytes(), 0);
        let Some(first) = text.as_bytes().get(start) else { return Ok(None) };
        if self.state == State::BehindEof {
            return Err(Fault::new(start, Problem::TextAfterEof));
        }
        if text.len() > self.limits.line_bytes {
            return Err(Fault::new(self.limits.line_bytes, Problem::LineTooLong { limit: self.limits.line_bytes }));
        }
        if *first == b'#' {
            return self.comment(text);
        }
        let sample = line::sample(text, self.format, &self.limits, &mut self.names)?;
        if self.samples == self.limits.samples {
            return Err(Fault::new(0, Problem::TooManySamples { limit: self.limits.samples }));
        }
        self.samples += 1;
        Ok(Some(Event::Sample(sample)))
    }

    fn comment(&mut self, text: &'a str) -> Result<Option<Event<'a>>, Fault> {
        match line::comment(text, self.format, &self.limits)? {
            Comment::Other => Ok(None),
            Comment::Eof => {
                self.state = State::BehindEof;
                Ok(None)
            }
            Comment::Metadata(metadata) => {
                if self.metadata_lines == self.limits.metadata_lines {
                    return Err(Fault::new(0, Problem::TooManyMetadataLines { limit: self.limits.metadata_lines }));
                }
                self.metadata_lines += 1;
                Ok(Some(Event::Metadata(metadata)))
            }
        }
    }
}

impl<'a> Iterator for Parser<'a> {
    type Item = Result<Event<'a>, ParseError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        while self.state != State::Ended {
            let Some(line) = self.next_line() else { return self.finish().map(Err) };
            match line.and_then(|line| self.event(line)) {
                Ok(None) => {}
                Ok(Some(event)) => return Some(Ok(event)),
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }
}

/// A line without its line feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) text: &'a str,
    /// Whether a line feed ended it; the last line of a page may lack it.
    pub(super) ended: bool,
}

/// Cuts a page into lines. The page is checked to be UTF-8 in long runs; a line that is not costs itself alone.
#[derive(Debug)]
struct Lines<'a> {
    /// Whole lines known to be UTF-8.
    valid: &'a str,
    /// What follows them; starts with a line that is not UTF-8.
    rest: &'a [u8],
    /// Characters of that line which are UTF-8.
    good: usize,
}

impl<'a> Lines<'a> {
    fn new(page: &'a [u8]) -> Self {
        let mut lines = Self { valid: "", rest: page, good: 0 };
        lines.revalidate();
        lines
    }

    /// Finds the run of valid lines at the start of the rest.
    fn revalidate(&mut self) {
        match std::str::from_utf8(self.rest) {
            Ok(text) => (self.valid, self.rest) = (text, &[]),
            Err(error) => {
                let (good, _) = self.rest.split_at(error.valid_up_to());
                let cut = memchr::memrchr(b'\n', good).map_or(0, |feed| feed + 1);
                // Both halves of a valid text cut behind a line feed are valid.
                self.valid = std::str::from_utf8(&good[..cut]).unwrap_or_default();
                self.good = std::str::from_utf8(&good[cut..]).map_or(0, |text| text.chars().count());
                self.rest = &self.rest[cut..];
            }
        }
    }

    fn bad_line(&mut self) -> ParseError {
        let end = memchr(b'\n', self.rest).map_or(self.rest.len(), |feed| feed + 1);
        let column = self.good + 1;
        self.rest = &self.rest[end..];
        self.revalidate();
        ParseError { line: 0, column, problem: Problem::NotUtf8 }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<Line<'a>, ParseError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.valid.is_empty() {
            return (!self.rest.is_empty()).then(|| Err(self.bad_line()));
        }
        let line = match memchr(b'\n', self.valid.as_bytes()) {
            Some(feed) => {
                let line = Line { text: &self.valid[..feed], ended: true };
                self.valid = &self.valid[feed + 1..];
                line
            }
            None => Line { text: std::mem::take(&mut self.valid), ended: false },
        };
        Some(Ok(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of samples and places of errors, in the order of the page.
    fn read(page: &[u8], format: Format) -> Vec<Result<String, (usize, usize, Problem)>> {
        Parser::new(page, format)
            .filter_map(|event| match event {
                Ok(Event::Sample(sample)) => Some(Ok(sample.name.into_owned())),
                Ok(Event::Metadata(_)) => None,
                Err(error) => Some(Err((error.line, error.column, error.problem))),
            })
            .collect()
    }

    fn name(name: &str) -> Result<String, (usize, usize, Problem)> {
        Ok(name.to_owned())
    }

    #[test]
    fn a_bad_line_costs_itself_alone() {
        let page = b"a 1\n\nb x\n# TYPE c meh\nc 3";
        assert_eq!(
            read(page, Format::Text),
            [name("a"), Err((3, 3, Problem::Value)), Err((4, 10, Problem::UnknownType)), name("c")]
        );
    }

    #[test]
    fn a_line_that_is_not_utf8_costs_itself_alone() {
        let page = b"a 1\nb{x=\"\xc3\xa9\xff\"} 2\nc 3\n\xff\nd 4\nz\xc3";
        let bad = |line, column| Err((line, column, Problem::NotUtf8));
        assert_eq!(read(page, Format::Text), [name("a"), bad(2, 7), name("c"), bad(4, 1), name("d"), bad(6, 2)]);
    }

    #[test]
    fn other_line_ends_are_understood() {
        assert_eq!(read(b"a 1\r\nb 2\r\n", Format::Text), [name("a"), name("b")]);
    }

    #[test]
    fn open_metrics_ends_with_eof() {
        let open = Format::OpenMetrics;
        assert_eq!(read(b"a 1\n# EOF\n", open), [name("a")]);
        assert_eq!(read(b"a 1\n# EOF", open), [name("a")]);
        assert_eq!(read(b"a 1\n", open), [name("a"), Err((2, 1, Problem::MissingEof))]);
        assert_eq!(read(b"", open), [Err((1, 1, Problem::MissingEof))]);
        assert_eq!(read(b"# EOF\n\nblah\n", open), [Err((3, 1, Problem::TextAfterEof))]);
        assert_eq!(read(b"# EOF\nb 1\n", Format::Text), [name("b")]);
    }

    #[test]
    fn limits_of_the_page_end_it() {
        let limits = Limits { samples: 2, metadata_lines: 1, ..Limits::default() };
        let events: Vec<_> = Parser::with_limits(b"a 1\nb 1\nc 1\nd 1\n", Format::Text, limits).collect();
        assert_eq!(events.len(), 3);
        assert_eq!(events[2].as_ref().unwrap_err().problem, Problem::TooManySamples { limit: 2 });
        let events: Vec<_> =
            Parser::with_limits(b"# HELP a b\n# HELP b c\na 1\n", Format::OpenMetrics, limits).collect();
        assert_eq!(events.len(), 2);
        assert_eq!(events[1].as_ref().unwrap_err().problem, Problem::TooManyMetadataLines { limit: 1 });
    }

    #[test]
    fn a_long_line_is_refused() {
        let limits = Limits { line_bytes: 8, ..Limits::default() };
        let events: Vec<_> = Parser::with_limits(b"abcdefg 1\na 1\n", Format::Text, limits).collect();
        assert_eq!(events[0].as_ref().unwrap_err().problem, Problem::LineTooLong { limit: 8 });
        assert!(events[1].is_ok());
    }
}
