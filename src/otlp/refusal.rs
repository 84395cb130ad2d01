//! Why points of a push are not taken: a closed list, counted, each with one example.

use std::fmt::Write as _;

/// Why a point was refused. The list is closed, so that counters can be declared from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A metric without any of the five kinds of data. It counts as one point, since it meant to carry some.
    NoData,
    /// A point without a value that does not say "no recorded value" either.
    NoValue,
    /// A metric without a name.
    NoName,
    /// A name, unit or key that is not UTF-8.
    NotText,
    /// A name, key or text beyond its length.
    TooLong,
    /// Attributes that cannot be read.
    Attributes,
    /// More attributes than a point may have.
    TooManyAttributes,
    /// A sum or histogram that does not say whether it is cumulative or delta.
    Temporality,
    /// Bucket counts that do not fit their bounds, bounds out of order, or a scale beyond the data model.
    Buckets,
    /// More buckets or quantiles than one point or one request may have.
    TooManyBuckets,
    /// Older than the destination accepts.
    TooOld,
    /// Too far ahead of the agent's clock.
    InFuture,
    /// Beyond the number of points of one request.
    TooManyPoints,
    /// No route of the configuration takes its resource.
    NoRoute,
}

impl Reason {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 14] = [
        Self::NoData,
        Self::NoValue,
        Self::NoName,
        Self::NotText,
        Self::TooLong,
        Self::Attributes,
        Self::TooManyAttributes,
        Self::Temporality,
        Self::Buckets,
        Self::TooManyBuckets,
        Self::TooOld,
        Self::InFuture,
        Self::TooManyPoints,
        Self::NoRoute,
    ];

    /// The word for counters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoData => "no_data",
            Self::NoValue => "no_value",
            Self::NoName => "no_name",
            Self::NotText => "not_text",
            Self::TooLong => "too_long",
            Self::Attributes => "attributes",
            Self::TooManyAttributes => "too_many_attributes",
            Self::Temporality => "temporality",
            Self::Buckets => "buckets",
            Self::TooManyBuckets => "too_many_buckets",
            Self::TooOld => "too_old",
            Self::InFuture => "in_future",
            Self::TooManyPoints => "too_many_points",
            Self::NoRoute => "no_route",
        }
    }

    /// The words for a person.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::NoData => "metric without data",
            Self::NoValue => "without a value",
            Self::NoName => "metric without a name",
            Self::NotText => "name or unit not UTF-8",
            Self::TooLong => "name, key or text too long",
            Self::Attributes => "attributes malformed",
            Self::TooManyAttributes => "too many attributes",
            Self::Temporality => "aggregation temporality missing",
            Self::Buckets => "buckets do not fit their bounds",
            Self::TooManyBuckets => "too many buckets",
            Self::TooOld => "older than the agent's max_age",
            Self::InFuture => "more than an hour ahead of the agent's clock",
            Self::TooManyPoints => "beyond the points of one request",
            Self::NoRoute => "no route of the agent's configuration takes this resource",
        }
    }
}

/// Characters of an example that are kept.
const MAX_EXAMPLE_CHARS: usize = 100;

/// Refused points by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusals {
    counts: [u64; Reason::ALL.len()],
    examples: Vec<(Reason, String)>,
}

impl Refusals {
    /// Counts points, and keeps the first example of each reason, without control characters and shortened.
    pub fn add(&mut self, reason: Reason, points: u64, example: &str) {
        let count = &mut self.counts[reason as usize];
        if *count == 0 && points > 0 && !example.is_empty() {
            let shown = example.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
            self.examples.push((reason, shown.take(MAX_EXAMPLE_CHARS).collect()));
        }
        *count += points;
    }

    /// How many there are of one reason.
    pub fn count(&self, reason: Reason) -> u64 {
        self.counts[reason as usize]
    }

    /// How many there are in all.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Each reason that occurred, with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64)> {
        Reason::ALL.into_iter().map(|reason| (reason, self.count(reason))).filter(|(_, count)| *count > 0)
    }

    /// The first example of a reason: the name of a metric, or of a service.
    pub fn example(&self, reason: Reason) -> Option<&str> {
        self.examples.iter().find(|(of, _)| *of == reason).map(|(_, example)| &**example)
    }

    /// One sentence for the sender's log; empty when nothing was refused.
    pub fn message(&self) -> String {
        let mut message = String::new();
        for (reason, count) in self.iter() {
            let separator = if message.is_empty() { "" } else { "; " };
            // Writing into a string cannot fail.
            let _ = write!(message, "{separator}{count} refused: {}", reason.explanation());
            if let Some(example) = self.example(reason) {
                let _ = write!(message, " (first: {example})");
            }
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_reason_and_keeps_the_first_example() {
        let mut refusals = Refusals::default();
        assert_eq!((refusals.total(), refusals.message()), (0, String::new()));
        refusals.add(Reason::TooOld, 2, "a\u{1b}[31m");
        refusals.add(Reason::TooOld, 1, "b");
        refusals.add(Reason::NoValue, 1, "");
        assert_eq!(refusals.total(), 4);
        assert_eq!(refusals.iter().collect::<Vec<_>>(), [(Reason::NoValue, 1), (Reason::TooOld, 3)]);
        assert_eq!(
            refusals.message(),
            "1 refused: without a value; 3 refused: older than the agent's max_age (first: a\u{fffd}[31m)"
        );
    }

    #[test]
    fn an_example_is_short() {
        let mut refusals = Refusals::default();
        refusals.add(Reason::TooLong, 1, &"ä".repeat(5_000));
        assert_eq!(refusals.example(Reason::TooLong).map(|example| example.chars().count()), Some(MAX_EXAMPLE_CHARS));
    }

    #[test]
    fn each_reason_stands_where_its_number_says_and_has_words_of_its_own() {
        let mut words = std::collections::BTreeSet::new();
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            assert!(words.insert(reason.as_str()) && words.insert(reason.explanation()));
        }
    }
}
