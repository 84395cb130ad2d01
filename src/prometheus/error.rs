//! What can be wrong with a page, and where.

use thiserror::Error;

/// One thing that is wrong with a page, at its place.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct ParseError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    #[source]
    pub problem: Problem,
}

impl ParseError {
    /// Whether reading ends here. Everything else costs its line alone.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self.problem, Problem::TooManySamples { .. } | Problem::TooManyMetadataLines { .. })
    }
}

/// What is wrong with a line or a page.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant is its documentation")]
#[non_exhaustive]
pub enum Problem {
    #[error("the line is not UTF-8")]
    NotUtf8,
    #[error("the line is longer than {limit} bytes")]
    LineTooLong { limit: usize },
    #[error("the page has more than {limit} samples; the rest is not read")]
    TooManySamples { limit: usize },
    #[error("the page has more than {limit} metadata lines; the rest is not read")]
    TooManyMetadataLines { limit: usize },
    #[error("the sample has more than {limit} labels")]
    TooManyLabels { limit: usize },
    #[error("the name is longer than {limit} bytes")]
    NameTooLong { limit: usize },
    #[error("the label value is longer than {limit} bytes")]
    LabelValueTooLong { limit: usize },
    #[error("expected a metric name; other characters than letters, digits, `_` and `:` need quotes inside braces")]
    MetricName,
    #[error("expected one metric name, found a second one inside the braces")]
    SecondMetricName,
    #[error("expected a label name: letters, digits and `_`, or a quoted text")]
    LabelName,
    #[error("the label name stands twice in this sample")]
    DuplicateLabel,
    #[error("expected `=` after the label name")]
    Equals,
    #[error("expected `\"` before the label value")]
    Quote,
    #[error("the quoted text does not end on its line")]
    UnterminatedQuote,
    #[error("expected `,` or `}}` after the label")]
    LabelSeparator,
    #[error("the braces are not closed")]
    UnclosedBraces,
    #[error("expected a value")]
    MissingValue,
    #[error("the value is not a number")]
    Value,
    #[error("the time is not a whole number of milliseconds")]
    Milliseconds,
    #[error("the time is not a finite number of seconds")]
    Seconds,
    #[error("unexpected text after the sample")]
    TrailingText,
    #[error("the metadata line names no metric")]
    MetadataName,
    #[error("unknown metric type")]
    UnknownType,
    #[error("the page does not end with `# EOF`; it may have been cut off")]
    MissingEof,
    #[error("text after `# EOF`")]
    TextAfterEof,
    #[error("{0}")]
    Breaks(Rule),
}

/// A rule of a format that the strict reader checks beyond what a reader needs to make sense of a line.
///
/// Source: OpenMetrics 1.0.0 and Prometheus "Exposition formats", as far as each applies to the format at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant is its documentation")]
#[non_exhaustive]
pub enum Rule {
    #[error("blank lines are not allowed")]
    BlankLine,
    #[error("exactly one blank separates the parts of a line, and none stands elsewhere")]
    Blanks,
    #[error("a line ends with a line feed alone")]
    LineEnd,
    #[error("a comma may not follow the last label")]
    TrailingComma,
    #[error("comments other than HELP, TYPE, UNIT and EOF are not allowed")]
    Comment,
    #[error("a metadata line needs a text after the name")]
    MetadataText,
    #[error("`\\` may be followed by `\\`, `n` and `\"` alone")]
    Escape,
    #[error("this metric type does not exist in this format")]
    TypeOfOtherFormat,
    #[error("exemplars do not exist in this format")]
    NoExemplars,
    #[error("this metadata stands twice for its metric")]
    RepeatedMetadata,
    #[error("metadata must stand before the metric's samples")]
    MetadataAfterSamples,
    #[error("the name is already taken by another metric, or the metric's lines are not together")]
    ClashingName,
    #[error("the metric's name does not end with its unit")]
    UnitSuffix,
    #[error("a metric of this type has no unit")]
    UnitOfType,
    #[error("this sample exists already with the same labels")]
    DuplicateSample,
    #[error("samples of one label set must stand together")]
    Grouping,
    #[error("either all samples of a label set have a time or none")]
    MixedTimes,
    #[error("times of a label set must not go backwards")]
    TimeOrder,
    #[error("a bucket needs a label `le` with a number, `+Inf` for the last")]
    BucketBound,
    #[error("a quantile needs a label `quantile` with a number from 0 to 1")]
    QuantileRange,
    #[error("a state set needs a label named like the metric")]
    StateLabel,
    #[error("a state is 0 or 1")]
    StateValue,
    #[error("the value of an info metric is 1")]
    InfoValue,
    #[error("a value that counts must not be NaN")]
    CountNan,
    #[error("a value that counts must not be negative")]
    CountNegative,
    #[error("counts of observations are whole numbers")]
    CountFraction,
    #[error("a quantile of a summary must not be negative")]
    QuantileNegative,
    #[error("bounds must increase from line to line")]
    BoundOrder,
    #[error("counts of buckets must not decrease as bounds increase")]
    BucketsNotCumulative,
    #[error("the bucket `+Inf` is missing")]
    MissingInfinityBucket,
    #[error("the count differs from the bucket `+Inf`")]
    CountMismatch,
    #[error("a sum needs a count beside it")]
    SumWithoutCount,
    #[error("a count needs a sum beside it")]
    CountWithoutSum,
    #[error("a histogram with negative bounds has no sum")]
    SumWithNegativeBounds,
    #[error("the sum is negative although no bound is")]
    NegativeSum,
    #[error("exemplars belong to buckets and to totals of counters alone")]
    ExemplarPlace,
    #[error("expected an exemplar: `{{labels}} value [time]`")]
    ExemplarSyntax,
    #[error("the labels of an exemplar have more than 128 characters")]
    ExemplarTooLong,
}

/// A problem at a byte of a line; becomes a [`ParseError`] where the line's number is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) offset: usize,
    pub(super) problem: Problem,
}

impl Fault {
    pub(super) fn new(offset: usize, problem: Problem) -> Self {
        Self { offset, problem }
    }

    pub(super) fn rule(offset: usize, rule: Rule) -> Self {
        Self { offset, problem: Problem::Breaks(rule) }
    }

    /// The fault at its place; `text` is its line.
    pub(super) fn at(self, line: usize, text: &str) -> ParseError {
        let before = text.as_bytes().get(..self.offset).unwrap_or(text.as_bytes());
        // Continuation bytes are not characters of their own.
        let column = 1 + before.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        ParseError { line, column, problem: self.problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let error = Fault::new("ü{é} ".len(), Problem::Value).at(7, "ü{é} x");
        assert_eq!((error.line, error.column), (7, 6));
        assert_eq!(error.to_string(), "line 7, column 6: the value is not a number");
    }

    #[test]
    fn an_offset_beyond_the_line_is_its_end() {
        assert_eq!(Fault::new(99, Problem::MissingValue).at(1, "abc").column, 4);
    }

    #[test]
    fn only_limits_of_the_page_end_it() {
        let at = |problem| Fault::new(0, problem).at(1, "");
        assert!(at(Problem::TooManySamples { limit: 1 }).is_fatal());
        assert!(at(Problem::TooManyMetadataLines { limit: 1 }).is_fatal());
        assert!(!at(Problem::TooManyLabels { limit: 1 }).is_fatal());
        assert!(!at(Problem::MissingEof).is_fatal());
    }
}
