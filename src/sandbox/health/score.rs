//! The score of a service and the colour of its tile.
//!
//! Owns the formula as a parameter, because the public text contradicts itself: SAP's learning page counts ok 100, warning 50, critical 0 and
//! lets one fatal metric make the whole service 0; a screenshot with critical 4, warning 1, okay 3, info 5 reads 38 %, the share of ok ones.

use serde::{Deserialize, Serialize};

use super::Rating;

/// How ratings become a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Formula {
    /// The mean of the points of all rated rows (the learning page).
    Mean,
    /// The share of ok among the rated rows (the screenshot).
    ShareOfOk,
}

/// The score's parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scoring {
    /// Which formula.
    pub(crate) formula: Formula,
    /// Points of an ok row.
    pub(crate) ok: f64,
    /// Points of a warning.
    pub(crate) warning: f64,
    /// Points of a critical row, and of an `error`, which folds into it.
    pub(crate) critical: f64,
    /// One fatal row makes the whole service 0.
    pub(crate) fatal_zeroes: bool,
    /// Red below this.
    pub(crate) red_below: f64,
    /// Yellow below this, green from here on.
    pub(crate) yellow_below: f64,
    /// Rows without a reading for longer than this do not count.
    pub(crate) within_seconds: u64,
}

impl Default for Scoring {
    fn default() -> Self {
        Self {
            formula: Formula::Mean,
            ok: 100.0,
            warning: 50.0,
            critical: 0.0,
            fatal_zeroes: true,
            red_below: 80.0,
            yellow_below: 100.0,
            within_seconds: 24 * 3_600,
        }
    }
}

/// The colour of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Colour {
    /// Nothing rated.
    Grey,
    /// All is well.
    Green,
    /// Something is not.
    Yellow,
    /// Much is not.
    Red,
}

impl Colour {
    /// As it is written.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Grey => "grey",
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Red => "red",
        }
    }
}

impl Scoring {
    /// The score in percent; `None` when no row is rated.
    pub(crate) fn score(&self, ratings: impl IntoIterator<Item = Rating>) -> Option<f64> {
        let rated: Vec<Rating> = ratings.into_iter().filter(|rating| *rating != Rating::Info).collect();
        if rated.is_empty() {
            return None;
        }
        if self.fatal_zeroes && rated.contains(&Rating::Fatal) {
            return Some(0.0);
        }
        let sum: f64 = rated.iter().map(|rating| self.points(*rating)).sum();
        Some(sum / rated.len() as f64)
    }

    /// The colour that a score has.
    pub(crate) fn colour(&self, score: Option<f64>) -> Colour {
        match score {
            None => Colour::Grey,
            Some(score) if score < self.red_below => Colour::Red,
            Some(score) if score < self.yellow_below => Colour::Yellow,
            Some(_) => Colour::Green,
        }
    }

    fn points(&self, rating: Rating) -> f64 {
        match (self.formula, rating) {
            (Formula::Mean, Rating::Ok) => self.ok,
            (Formula::Mean, Rating::Warning) => self.warning,
            (Formula::Mean, _) => self.critical,
            (Formula::ShareOfOk, Rating::Ok) => 100.0,
            (Formula::ShareOfOk, _) => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(counts: &[(Rating, usize)]) -> Vec<Rating> {
        counts.iter().flat_map(|(rating, count)| std::iter::repeat_n(*rating, *count)).collect()
    }

    #[test]
    fn the_mean_counts_as_the_learning_page_does() {
        let scoring = Scoring::default();
        let score = |counts: &[(Rating, usize)]| scoring.score(many(counts));
        assert_eq!(score(&[]), None);
        assert_eq!(score(&[(Rating::Info, 9)]), None);
        assert_eq!(score(&[(Rating::Ok, 3), (Rating::Info, 9)]), Some(100.0));
        assert_eq!(score(&[(Rating::Ok, 1), (Rating::Warning, 1)]), Some(75.0));
        assert_eq!(score(&[(Rating::Ok, 3), (Rating::Error, 1)]), Some(75.0));
        assert_eq!(score(&[(Rating::Ok, 99), (Rating::Fatal, 1)]), Some(0.0));
    }

    #[test]
    fn the_share_reads_as_the_screenshot_does() {
        let scoring = Scoring { formula: Formula::ShareOfOk, ..Scoring::default() };
        let counts = [(Rating::Critical, 4), (Rating::Warning, 1), (Rating::Ok, 3), (Rating::Info, 5)];
        assert_eq!(scoring.score(many(&counts)).map(f64::round), Some(38.0));
    }

    #[test]
    fn colours_change_at_80_and_at_100() {
        let scoring = Scoring::default();
        let colour = |score| scoring.colour(Some(score));
        assert_eq!(scoring.colour(None), Colour::Grey);
        assert_eq!((colour(79.9), colour(80.0)), (Colour::Red, Colour::Yellow));
        assert_eq!((colour(99.9), colour(100.0)), (Colour::Yellow, Colour::Green));
    }
}
