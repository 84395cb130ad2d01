//! Numbers as proto3's JSON mapping allows them: as numbers, or as text.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// A whole number: `7`, `"7"`, `7.0`, `7e0`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Whole<T>(pub(super) T);

/// A number: `0.5`, `"0.5"`, `"NaN"`, `"Infinity"`, `"-Infinity"`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Double(pub(super) f64);

/// An aggregation temporality, by number or name; a name that is not known is 0, "unspecified".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TemporalityNumber(pub(super) i64);

/// Beyond this no 64-bit number lies.
const WHOLE_LIMIT: f64 = 18_446_744_073_709_551_616.0;

impl<'de, T: TryFrom<i128>> Deserialize<'de> for Whole<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WholeVisitor(PhantomData)).map(Self)
    }
}

struct WholeVisitor<T>(PhantomData<T>);

impl<T: TryFrom<i128>> Visitor<'_> for WholeVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number in range, or one as text")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        T::try_from(i128::from(value)).map_err(|_| E::invalid_value(Unexpected::Signed(value), &self))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        T::try_from(i128::from(value)).map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &self))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        let whole = value.fract() == 0.0 && value.abs() < WHOLE_LIMIT;
        let number = if whole { T::try_from(value as i128).ok() } else { None };
        number.ok_or_else(|| E::invalid_value(Unexpected::Float(value), &self))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<T, E> {
        let number = value.parse::<i128>().ok().and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| E::invalid_value(Unexpected::Str(value), &self))
    }
}

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DoubleVisitor).map(Self)
    }
}

struct DoubleVisitor;

impl Visitor<'_> for DoubleVisitor {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or one as text")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<f64, E> {
        Ok(value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<f64, E> {
        value.parse().map_err(|_| E::invalid_value(Unexpected::Str(value), &self))
    }
}

impl<'de> Deserialize<'de> for TemporalityNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TemporalityVisitor).map(Self)
    }
}

struct TemporalityVisitor;

impl Visitor<'_> for TemporalityVisitor {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an aggregation temporality, by number or name")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<i64, E> {
        Ok(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<i64, E> {
        Ok(i64::try_from(value).unwrap_or_default())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<i64, E> {
        Ok(match value {
            "AGGREGATION_TEMPORALITY_DELTA" => 1,
            "AGGREGATION_TEMPORALITY_CUMULATIVE" => 2,
            _ => 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole<T: TryFrom<i128> + for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
        serde_json::from_str::<Whole<T>>(text).ok().map(|number| number.0)
    }

    #[test]
    fn whole_numbers_come_as_numbers_and_as_text() {
        for text in ["7", "\"7\"", "7.0", "7e0"] {
            assert_eq!((whole::<i64>(text), whole::<u64>(text)), (Some(7), Some(7)), "{text}");
        }
        assert_eq!(whole::<u64>("18446744073709551615"), Some(u64::MAX));
        assert_eq!(whole::<u64>("\"18446744073709551615\""), Some(u64::MAX));
        assert_eq!(whole::<i64>("\"-9223372036854775808\""), Some(i64::MIN));
        for text in ["-1", "\"-1\"", "1.5", "\"\"", "\"x\"", "true", "1e30", "18446744073709551616"] {
            assert_eq!(whole::<u64>(text), None, "{text}");
        }
        assert_eq!(whole::<i32>("2147483648"), None);
    }

    #[test]
    fn doubles_come_with_the_names_of_what_json_cannot_write() {
        let double = |text: &str| serde_json::from_str::<Double>(text).map(|number| number.0).ok();
        assert_eq!(double("0.5"), Some(0.5));
        assert_eq!(double("\"0.5\""), Some(0.5));
        assert_eq!(double("5"), Some(5.0));
        assert_eq!(double("-5"), Some(-5.0));
        assert_eq!(double("\"-Infinity\""), Some(f64::NEG_INFINITY));
        assert!(double("\"NaN\"").is_some_and(f64::is_nan));
        assert_eq!((double("\"many\""), double("[]")), (None, None));
    }

    #[test]
    fn a_temporality_has_a_number_and_a_name() {
        let read = |text: &str| serde_json::from_str::<TemporalityNumber>(text).unwrap().0;
        assert_eq!((read("1"), read("\"AGGREGATION_TEMPORALITY_DELTA\"")), (1, 1));
        assert_eq!((read("2"), read("\"AGGREGATION_TEMPORALITY_CUMULATIVE\"")), (2, 2));
        assert_eq!((read("\"sometimes\""), read("-4"), read("0")), (0, -4, 0));
    }
}
