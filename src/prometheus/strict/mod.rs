//! The strict reader: the lenient one's events, checked against every rule of the format.
//!
//! It reads on after an error, so that all problems of a page are found at once; what it accepts without error the lenient
//! reader accepts too, since each line goes through that one first. It is for `parse --strict` and tests: its memory grows
//! with the page, within the page's limits.
//!
//! `lexical` looks at one line, `rules` at lines together, `buckets` at one histogram.

mod buckets;
mod lexical;
mod rules;

use std::collections::VecDeque;

use super::error::{Fault, ParseError};
use super::format::Format;
use super::limits::Limits;
use super::parser::{Event, Line, Parser};
use rules::Rules;

/// An iterator over the events of a page and everything that is wrong with it.
#[derive(Debug)]
pub struct Strict<'a> {
    parser: Parser<'a>,
    rules: Rules<'a>,
    /// Errors found late: a family is judged when the next one begins.
    pending: VecDeque<Result<Event<'a>, ParseError>>,
}

impl<'a> Strict<'a> {
    /// Reads `page` in `format`, within the default limits.
    #[must_use]
    pub fn new(page: &'a [u8], format: Format) -> Self {
        Self::with_limits(page, format, Limits::default())
    }

    /// Reads `page` in `format`, within `limits`.
    #[must_use]
    pub fn with_limits(page: &'a [u8], format: Format, limits: Limits) -> Self {
        Self { parser: Parser::with_limits(page, format, limits), rules: Rules::new(format), pending: VecDeque::new() }
    }

    fn read(&mut self, line: Line<'a>) -> Result<Option<Event<'a>>, ParseError> {
        let number = self.parser.line_number();
        let event = self.parser.event(line)?;
        let at_line = |fault: Fault| fault.at(number, line.text);
        lexical::check(line, event.as_ref(), self.parser.format(), self.parser.limits()).map_err(at_line)?;
        let outcome = match &event {
            None => Ok(()),
            Some(Event::Metadata(metadata)) => self.rules.metadata(metadata, number),
            Some(Event::Sample(sample)) => self.rules.sample(sample, number),
        };
        self.pending.extend(self.rules.take_late().map(Err));
        outcome.map_err(|rule| at_line(Fault::rule(0, rule)))?;
        Ok(event)
    }

    fn finish(&mut self) {
        self.rules.finish();
        self.pending.extend(self.rules.take_late().map(Err));
        self.pending.extend(self.parser.finish().map(Err));
    }
}

impl<'a> Iterator for Strict<'a> {
    type Item = Result<Event<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.pending.pop_front() {
                return Some(item);
            }
            if self.parser.has_ended() {
                return None;
            }
            let Some(line) = self.parser.next_line() else {
                self.finish();
                continue;
            };
            if let Some(item) = line.and_then(|line| self.read(line)).transpose() {
                self.pending.push_back(item);
            }
        }
    }
}

#[cfg(test)]
mod tests;
