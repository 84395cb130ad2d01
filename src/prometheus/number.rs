//! Values and times as pages write them.

use super::Format;

/// Bits of the value with which Prometheus marks a series that has ended.
///
/// The text formats cannot write it (they know one NaN), so it reaches us only through readers of binary formats; [`is_stale`]
/// tells it from an honest NaN. Source: Prometheus, package `value`.
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// Nanoseconds of a second.
const NANOS: i128 = 1_000_000_000;
/// Nanoseconds of a millisecond.
const NANOS_OF_MILLI: i128 = 1_000_000;
/// Integers of at most so many digits are exact in an `f64`.
const EXACT_DIGITS: usize = 15;
/// Digits of a whole second that fit beside nine of a fraction.
const SECOND_DIGITS: usize = 28;

/// A time on a page: nanoseconds since 1970-01-01T00:00:00Z, negative before. Wide enough for whatever a page can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i128);

impl Timestamp {
    /// The time so many nanoseconds after the epoch.
    #[must_use]
    pub const fn from_unix_nanos(nanos: i64) -> Self {
        Self(nanos as i128)
    }

    /// The time so many seconds after the epoch, to the microsecond: an `f64` of today's seconds holds no more. `None` where
    /// it is no time.
    #[must_use]
    pub fn from_unix_seconds(seconds: f64) -> Option<Self> {
        const MICROS: f64 = 1e6;
        let micros = (seconds * MICROS).round();
        // Beyond this an i128 of nanoseconds overflows; no page means such a time.
        (micros.abs() < 1e34).then(|| Self(micros as i128 * (NANOS / 1_000_000)))
    }

    /// Nanoseconds since the epoch; `None` beyond the years 1677 to 2262.
    #[must_use]
    pub fn unix_nanos(self) -> Option<i64> {
        i64::try_from(self.0).ok()
    }

    /// Seconds since the epoch.
    #[must_use]
    pub fn unix_seconds(self) -> f64 {
        // Whole seconds and the rest apart: one division of the whole would round twice.
        (self.0 / NANOS) as f64 + (self.0 % NANOS) as f64 / NANOS as f64
    }

    /// Reads a time in the unit of its format; `None` where it is none.
    pub(super) fn parse(text: &str, format: Format) -> Option<Self> {
        match format {
            Format::Text => text.parse::<i64>().ok().map(|millis| Self(i128::from(millis) * NANOS_OF_MILLI)),
            Format::OpenMetrics => seconds(text),
        }
    }
}

/// Whether a value is the marker of an ended series rather than an honest NaN.
#[must_use]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}

/// Reads a value: decimal with optional exponent, `NaN`, `Inf` with optional sign, in any case.
pub(super) fn value(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > EXACT_DIGITS {
        return text.parse().ok();
    }
    // Most values of a page are small whole numbers.
    let mut whole: u64 = 0;
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return text.parse().ok();
        }
        whole = whole * 10 + u64::from(digit);
    }
    Some(whole as f64)
}

/// Seconds with up to nine exact digits after the point; further ones are cut.
fn seconds(text: &str) -> Option<Timestamp> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) || whole.len() > SECOND_DIGITS {
        return Timestamp::from_unix_seconds(text.parse().ok()?);
    }
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let nanos = (0..9).fold(0, |nanos, index| {
        nanos * 10 + fraction.as_bytes().get(index).map_or(0, |digit| i128::from(digit - b'0'))
    });
    let total = whole * NANOS + nanos;
    Some(Timestamp(if negative { -total } else { total }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_decimal() {
        let cases = [
            ("0", 0.0),
            ("1", 1.0),
            ("999999999999999", 999_999_999_999_999.0),
            ("9223372036854775808", 9_223_372_036_854_775_808.0),
            ("1.7e+09", 1.7e9),
            ("-2.5", -2.5),
            ("+3", 3.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("0000000000000000000001.2e-1", 0.12),
            ("+Inf", f64::INFINITY),
            ("-Inf", f64::NEG_INFINITY),
            ("inf", f64::INFINITY),
            ("Infinity", f64::INFINITY),
        ];
        for (text, expected) in cases {
            assert_eq!(value(text), Some(expected), "{text}");
        }
        assert!(value("NaN").unwrap().is_nan());
        for text in ["", "a", "1_2", "0x1", "0x1p-3", "0b1", "0o1", "1z", "--1", "1e", "é"] {
            assert_eq!(value(text), None, "{text}");
        }
    }

    #[test]
    fn a_negative_zero_keeps_its_sign() {
        assert!(value("-0").unwrap().is_sign_negative());
    }

    #[test]
    fn text_times_are_whole_milliseconds() {
        assert_eq!(
            Timestamp::parse("1520879607789", Format::Text).unwrap().unix_nanos(),
            Some(1_520_879_607_789_000_000)
        );
        assert_eq!(Timestamp::parse("-1", Format::Text).unwrap().unix_nanos(), Some(-1_000_000));
        for text in ["1.5", "1e3", "NaN", "", "9223372036854775808"] {
            assert_eq!(Timestamp::parse(text, Format::Text), None, "{text}");
        }
    }

    #[test]
    fn open_metrics_times_are_seconds() {
        let nanos = |text| Timestamp::parse(text, Format::OpenMetrics).map(|time| time.0);
        let cases = [
            ("000", 0),
            ("1.1", 1_100_000_000),
            ("-1.1", -1_100_000_000),
            ("1520430000.123456789123", 1_520_430_000_123_456_789),
            ("1.5e3", 1_500_000_000_000),
            (".5", 500_000_000),
            ("5.", 5_000_000_000),
            ("12345678901234567890.1234567890", 12_345_678_901_234_567_890_123_456_789),
        ];
        for (text, expected) in cases {
            assert_eq!(nanos(text), Some(expected), "{text}");
        }
        for text in ["", "-", ".", "z", "1z", "1_2", "1.1.1", "NaN", "Inf", "-Inf", "0x1p-3", "1e300", "é"] {
            assert_eq!(nanos(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_far_away_has_seconds_but_no_nanoseconds() {
        let time = Timestamp::parse("12345678901234567890", Format::OpenMetrics).unwrap();
        assert_eq!(time.unix_nanos(), None);
        assert_eq!(time.unix_seconds(), 12_345_678_901_234_567_890.0);
    }

    #[test]
    fn stale_is_one_bit_pattern() {
        assert!(is_stale(f64::from_bits(STALE_NAN_BITS)));
        assert!(!is_stale(f64::NAN));
        assert!(!is_stale(value("NaN").unwrap()));
    }

    proptest! {
        #[test]
        fn values_read_as_the_standard_library_does(text in "[-+]?[0-9]{0,20}(\\.[0-9]{0,20})?(e[-+]?[0-9]{1,3})?") {
            prop_assert_eq!(value(&text).map(f64::to_bits), text.parse::<f64>().ok().map(f64::to_bits));
        }

        #[test]
        fn seconds_come_back(nanos in any::<i64>()) {
            let text = format!("{}{}.{:09}", if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs() / 1_000_000_000, nanos.unsigned_abs() % 1_000_000_000);
            prop_assert_eq!(Timestamp::parse(&text, Format::OpenMetrics), Some(Timestamp::from_unix_nanos(nanos)));
        }
    }
}
