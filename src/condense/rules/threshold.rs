//! When a value is a warning, and when it is one no longer.
//!
//! A threshold that was crossed is held until the value is clearly back: by two points for percentages of a limit, by 5 % of the threshold
//! otherwise. Without that, a disk at 80.0 % would change its colour with every write.

use crate::metric::Rating;

/// How far a percentage has to fall back, in points.
const HYSTERESIS_POINTS: f64 = 2.0;
/// How far any other value has to fall back, as a share of the threshold.
const HYSTERESIS_SHARE: f64 = 0.05;

/// One threshold: `> 80%`, `>= 5`, `< 1`, `== 0`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Threshold {
    comparison: Comparison,
    bound: f64,
    /// Whether the bound is in percent of a limit.
    pub(crate) percent: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
    Equal,
    Other,
}

/// The two thresholds of a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Thresholds {
    /// When it is a warning.
    pub(crate) warning: Option<Threshold>,
    /// When it is critical.
    pub(crate) critical: Option<Threshold>,
}

impl Threshold {
    /// Reads a threshold; the error says what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        use Comparison::{Above, AtLeast, AtMost, Below, Equal, Other};
        let text = text.trim();
        let (comparison, rest) =
            [(">=", AtLeast), ("<=", AtMost), ("==", Equal), ("!=", Other), (">", Above), ("<", Below)]
                .into_iter()
                .find_map(|(sign, comparison)| Some((comparison, text.strip_prefix(sign)?)))
                .ok_or_else(|| format!("{text:?} has no comparison"))?;
        let (number, percent) = match rest.trim().strip_suffix('%') {
            Some(number) => (number, true),
            None => (rest, false),
        };
        let bound: f64 =
            number.trim().replace('_', "").parse().map_err(|_| format!("{:?} is no number", number.trim()))?;
        if !bound.is_finite() {
            return Err(format!("{:?} is no number", number.trim()));
        }
        Ok(Self { comparison, bound, percent })
    }

    /// `> bound%`.
    pub(crate) const fn above_percent(bound: f64) -> Self {
        Self { comparison: Comparison::Above, bound, percent: true }
    }

    /// Whether a value is beyond it. `held`: whether it was so before.
    fn holds(&self, value: f64, held: bool) -> bool {
        let margin = match (held, self.percent) {
            (false, _) => 0.0,
            (true, true) => HYSTERESIS_POINTS,
            (true, false) => self.bound.abs() * HYSTERESIS_SHARE,
        };
        match self.comparison {
            Comparison::Above => value > self.bound - margin,
            Comparison::AtLeast => value >= self.bound - margin,
            Comparison::Below => value < self.bound + margin,
            Comparison::AtMost => value <= self.bound + margin,
            Comparison::Equal => value == self.bound,
            Comparison::Other => value != self.bound,
        }
    }
}

impl Thresholds {
    /// Whether there are none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.warning.is_none() && self.critical.is_none()
    }

    /// Rates a value. `share` is its percentage of a limit, if there is one; `current` is how it was rated before.
    pub(crate) fn rate(&self, value: f64, share: Option<f64>, current: Rating) -> Rating {
        let crossed = |threshold: Option<Threshold>, at: Rating| {
            threshold.is_some_and(|threshold| {
                let measured = if threshold.percent { share } else { Some(value) };
                measured.is_some_and(|measured| threshold.holds(measured, current >= at))
            })
        };
        if crossed(self.critical, Rating::Critical) {
            Rating::Critical
        } else if crossed(self.warning, Rating::Warning) {
            Rating::Warning
        } else {
            Rating::Ok
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thresholds(warning: &str, critical: &str) -> Thresholds {
        Thresholds { warning: Threshold::parse(warning).ok(), critical: Threshold::parse(critical).ok() }
    }

    #[test]
    fn a_rating_falls_back_only_when_the_value_clearly_did() {
        let disk = thresholds("> 80%", "> 90%");
        let mut rating = Rating::Ok;
        let mut seen = Vec::new();
        for share in [80.0, 80.1, 79.0, 78.1, 78.0, 95.0, 88.5, 88.0, 79.0, 70.0] {
            rating = disk.rate(0.0, Some(share), rating);
            seen.push(rating);
        }
        use Rating::{Critical as C, Ok as O, Warning as W};
        assert_eq!(seen, [O, W, W, W, O, C, C, W, W, O]);
    }

    #[test]
    fn both_directions_and_absolute_bounds() {
        let free = thresholds("< 100", "<= 10");
        assert_eq!(free.rate(100.0, None, Rating::Ok), Rating::Ok);
        assert_eq!(free.rate(99.0, None, Rating::Ok), Rating::Warning);
        assert_eq!(free.rate(104.0, None, Rating::Warning), Rating::Warning);
        assert_eq!(free.rate(105.0, None, Rating::Warning), Rating::Ok);
        assert_eq!(free.rate(10.0, None, Rating::Ok), Rating::Critical);
        let pending = thresholds("> 0", "");
        assert_eq!(pending.rate(0.0, None, Rating::Warning), Rating::Ok);
        let state = thresholds("== 1", "!= 1");
        assert_eq!(state.rate(1.0, None, Rating::Ok), Rating::Warning);
        assert_eq!(state.rate(2.0, None, Rating::Ok), Rating::Critical);
    }

    #[test]
    fn a_percentage_of_no_limit_is_never_crossed() {
        assert_eq!(thresholds("> 80%", "> 90%").rate(1e9, None, Rating::Ok), Rating::Ok);
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part) in [("80%", "comparison"), ("> ", "no number"), (">= x%", "no number"), ("> inf", "no number")]
        {
            assert!(Threshold::parse(text).unwrap_err().contains(part), "{text}");
        }
        assert_eq!(Threshold::parse(">1_000").unwrap().bound, 1000.0);
        assert!(Thresholds::default().is_empty());
    }
}
