//! Amounts as people write them in a config, and as Cloud ALM shows them.
//!
//! Parsing of byte sizes; the scaling of ratios to percent; the unit of a rate. Durations are `humantime`'s (`15s`, `5m`, `24h`, `30d`).

use std::fmt;
use std::str::FromStr;

/// A number of bytes, written as `900_000`, `64 KiB`, `1GiB`, `10 MB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// A text that is no byte size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no size; write a number with B, kB, MB, GB, KiB, MiB or GiB, such as \"1GiB\"")]
pub struct BadSize(String);

const SIZE_UNITS: [(&str, u64); 7] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

impl FromStr for ByteSize {
    type Err = BadSize;

    fn from_str(text: &str) -> Result<Self, BadSize> {
        let bad = || BadSize(text.to_owned());
        let (number, factor) = SIZE_UNITS
            .iter()
            .find_map(|&(unit, factor)| Some((text.trim_end().strip_suffix(unit)?, factor)))
            .unwrap_or((text, 1));
        let number: f64 = number.trim().replace('_', "").parse().map_err(|_| bad())?;
        let bytes = number * factor as f64;
        if !(0.0..=9e18).contains(&bytes) {
            return Err(bad());
        }
        Ok(Self(bytes.round() as u64))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
            .into_iter()
            .find(|&(_, factor)| self.0 >= factor && self.0.is_multiple_of(factor));
        match whole {
            Some((unit, factor)) => write!(f, "{} {unit}", self.0 / factor),
            None => write!(f, "{} B", self.0),
        }
    }
}

/// Whether a metric is a ratio that people read in percent: its name says so and its unit does not contradict. Never by the unit alone,
/// since `1` also means a count.
pub fn is_ratio(name: &str, unit: &str) -> bool {
    (name.ends_with("utilization") || name.ends_with("ratio")) && matches!(unit, "" | "1")
}

/// The unit of a per-second rate of something counted in `unit`: `By` → `By/s`, nothing → `1/s`.
pub fn per_second(unit: &str) -> String {
    // UCUM annotations such as {request} read well as they are.
    if unit.is_empty() { "1/s".to_owned() } else { format!("{unit}/s") }
}

/// What to send where a unit is wanted and none is known.
pub fn or_one(unit: &str) -> &str {
    if unit.is_empty() { "1" } else { unit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, bytes) in [
            ("900_000", 900_000),
            ("1GiB", 1 << 30),
            ("64 KiB", 65_536),
            ("1.5 kB", 1_500),
            ("10MB", 10_000_000),
            ("7 B", 7),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "GiB", "1 TiBi", "-1", "1e40", "NaN", "ten"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn shows_the_largest_whole_unit_and_reads_it_back() {
        for (bytes, text) in [(1 << 30, "1 GiB"), (900_000, "900000 B"), (65_536, "64 KiB"), (0, "0 B")] {
            assert_eq!(ByteSize(bytes).to_string(), text);
            assert_eq!(text.parse(), Ok(ByteSize(bytes)));
        }
    }

    #[test]
    fn only_a_named_ratio_becomes_percent() {
        assert!(is_ratio("process.cpu.utilization", "1") && is_ratio("cache_hit_ratio", ""));
        assert!(!is_ratio("db.pool.borrowed", "1") && !is_ratio("cpu.utilization", "%"));
    }

    #[test]
    fn rates_say_per_second() {
        assert_eq!(per_second("By"), "By/s");
        assert_eq!(per_second(""), "1/s");
        assert_eq!(or_one(""), "1");
    }
}
