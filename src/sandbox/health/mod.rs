//! What Health Monitoring holds: rows, their current readings and their history.
//!
//! Owns the rows of one managed service. A row is told apart by its name and its label, as the table "All Metrics" of the application shows
//! it. Promises that rows and histories are bounded, that a repeated point (same row, same time) replaces the earlier one, and that times
//! are kept to the nanosecond. Never decides what is refused: that is the consumer's.

pub(crate) mod score;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use score::{Colour, Scoring};

use crate::clock::Timestamp;

/// Rows that one service may have; more is refused by the consumer.
pub(crate) const ROWS_MAX: usize = 5_000;
/// Readings that one row remembers: a day of one a minute.
pub(crate) const HISTORY_MAX: usize = 1_440;
/// Readings that all rows of one service remember together; with many rows each remembers less.
pub(crate) const READINGS_MAX: usize = 300_000;

/// A rating, from good to bad, as SAP's own command knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rating {
    /// Not rated: shown in blue, not counted.
    Info,
    /// Green.
    Ok,
    /// Yellow.
    Warning,
    /// Red.
    Critical,
    /// Folded into critical.
    Error,
    /// Red, and the whole service with it.
    Fatal,
}

impl Rating {
    /// The rating written as `text`; `None` for what Health Monitoring does not know.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "info" => Self::Info,
            "ok" => Self::Ok,
            "warning" => Self::Warning,
            "critical" => Self::Critical,
            "error" => Self::Error,
            "fatal" => Self::Fatal,
            _ => return None,
        })
    }

    /// As it is written on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }
}

/// The application's word for the kind of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Kind {
    /// A gauge.
    Performance,
    /// A used part of a limit.
    Quota,
    /// A state with a text.
    Status,
}

impl Kind {
    /// As the column "Type" shows it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Performance => "Performance",
            Self::Quota => "Quota",
            Self::Status => "Status",
        }
    }
}

/// One value at one time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    /// When.
    pub(crate) time: Timestamp,
    /// The value; of a status always 1.
    pub(crate) value: f64,
    /// The limit of a quota.
    pub(crate) limit: Option<f64>,
    /// The rating sent with it.
    pub(crate) rating: Rating,
    /// The text of a status: the metric's description.
    pub(crate) text: String,
}

impl Reading {
    /// The used part of the limit in percent.
    pub(crate) fn usage(&self) -> Option<f64> {
        self.limit.filter(|limit| *limit != 0.0).map(|limit| 100.0 * self.value / limit)
    }
}

/// What tells rows apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowKey {
    /// The metric's name.
    pub(crate) name: String,
    /// `key:value;key:value`, or `:` when there are none.
    pub(crate) label: String,
}

/// One row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Its kind at the newest reading.
    pub(crate) kind: Kind,
    /// Its unit.
    pub(crate) unit: String,
    /// The metric's description; the text of a status.
    pub(crate) description: String,
    /// What the row shows now.
    pub(crate) current: Reading,
    history: VecDeque<Reading>,
}

impl Row {
    /// The readings that are remembered, oldest first.
    pub(crate) fn history(&self) -> impl DoubleEndedIterator<Item = &Reading> {
        self.history.iter()
    }

    fn add(&mut self, sample: Sample, late_is_current: bool, room: usize) {
        if sample.reading.time >= self.current.time || late_is_current {
            self.kind = sample.kind;
            self.unit = sample.unit;
            self.description = sample.description;
            self.current = sample.reading.clone();
        }
        remember(&mut self.history, sample.reading, room);
    }
}

/// One accepted value on its way into a row.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Which row.
    pub(crate) key: RowKey,
    /// Of which kind.
    pub(crate) kind: Kind,
    /// In which unit.
    pub(crate) unit: String,
    /// The metric's description.
    pub(crate) description: String,
    /// The value.
    pub(crate) reading: Reading,
}

/// The rows of one managed service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    rows: BTreeMap<RowKey, Row>,
    readings: u64,
}

impl Rows {
    /// Adds a value; `false` when there is no room for a further row.
    pub(crate) fn add(&mut self, sample: Sample, late_is_current: bool) -> bool {
        let room = HISTORY_MAX.min(READINGS_MAX / self.rows.len().max(1));
        if let Some(row) = self.rows.get_mut(&sample.key) {
            row.add(sample, late_is_current, room);
        } else if self.rows.len() < ROWS_MAX {
            let row = Row {
                kind: sample.kind,
                unit: sample.unit,
                description: sample.description,
                current: sample.reading.clone(),
                history: VecDeque::from([sample.reading]),
            };
            self.rows.insert(sample.key, row);
        } else {
            return false;
        }
        self.readings += 1;
        true
    }

    /// All rows, by name and label.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&RowKey, &Row)> {
        self.rows.iter()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many values were added since the start.
    pub(crate) fn readings(&self) -> u64 {
        self.readings
    }

    /// When something last arrived, by the rows' own times.
    pub(crate) fn newest(&self) -> Option<Timestamp> {
        self.rows.values().map(|row| row.current.time).max()
    }

    /// The ratings that count: those of the last `within` before `now`.
    pub(crate) fn ratings(&self, now: Timestamp, within: Duration) -> impl Iterator<Item = Rating> {
        let oldest = now.minus(within);
        self.rows.values().filter(move |row| row.current.time >= oldest).map(|row| row.current.rating)
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
    }
}

fn remember(history: &mut VecDeque<Reading>, reading: Reading, room: usize) {
    let at = history.partition_point(|known| known.time < reading.time);
    match history.get_mut(at) {
        Some(known) if known.time == reading.time => *known = reading,
        _ => history.insert(at, reading),
    }
    while history.len() > room {
        history.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str, seconds: u64, value: f64) -> Sample {
        Sample {
            key: RowKey { name: name.to_owned(), label: ":".to_owned() },
            kind: Kind::Performance,
            unit: String::new(),
            description: String::new(),
            reading: Reading {
                time: Timestamp::from_secs(seconds),
                value,
                limit: None,
                rating: Rating::Info,
                text: String::new(),
            },
        }
    }

    fn only(rows: &Rows) -> &Row {
        rows.iter().next().unwrap().1
    }

    #[test]
    fn ratings_are_written_as_sap_writes_them() {
        for text in ["ok", "warning", "critical", "error", "fatal", "info"] {
            assert_eq!(Rating::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(Rating::parse("OK"), None);
        assert_eq!(Rating::parse("red"), None);
    }

    #[test]
    fn a_late_point_enters_the_history_but_not_the_tile() {
        let mut rows = Rows::default();
        for (time, value) in [(100, 1.0), (300, 3.0), (200, 2.0)] {
            assert!(rows.add(sample("a", time, value), false));
        }
        assert_eq!(only(&rows).current.value, 3.0);
        assert_eq!(only(&rows).history().map(|reading| reading.value).collect::<Vec<_>>(), [1.0, 2.0, 3.0]);
        rows.add(sample("a", 250, 9.0), true);
        assert_eq!(only(&rows).current.value, 9.0);
    }

    #[test]
    fn a_repeated_point_replaces_the_earlier_one() {
        let mut rows = Rows::default();
        rows.add(sample("a", 100, 1.0), false);
        rows.add(sample("a", 100, 5.0), false);
        assert_eq!(only(&rows).history().map(|reading| reading.value).collect::<Vec<_>>(), [5.0]);
        assert_eq!(only(&rows).current.value, 5.0);
    }

    #[test]
    fn rows_and_histories_are_bounded() {
        let mut rows = Rows::default();
        for number in 0..ROWS_MAX {
            assert!(rows.add(sample(&number.to_string(), 1, 0.0), false));
        }
        assert!(!rows.add(sample("one more", 1, 0.0), false));
        for second in 0..HISTORY_MAX as u64 + 10 {
            rows.add(sample("0", 10 + second, 0.0), false);
        }
        let row = rows.iter().find(|(key, _)| key.name == "0").unwrap().1;
        assert_eq!(row.history().count(), READINGS_MAX / ROWS_MAX, "many rows share the room");

        let mut alone = Rows::default();
        for second in 0..HISTORY_MAX as u64 + 10 {
            alone.add(sample("a", second, 0.0), false);
        }
        assert_eq!(only(&alone).history().count(), HISTORY_MAX);
    }

    #[test]
    fn usage_is_a_share_of_the_limit() {
        let mut reading = sample("a", 1, 30.0).reading;
        assert_eq!(reading.usage(), None);
        reading.limit = Some(120.0);
        assert_eq!(reading.usage(), Some(25.0));
        reading.limit = Some(0.0);
        assert_eq!(reading.usage(), None);
    }
}
