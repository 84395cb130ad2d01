//! When a change of a status counts.
//!
//! ```text
//!   unknown ── good ──────────────────────────► good
//!      │                                         │ ▲
//!      └── bad, `bad` of the last `of` ──► bad ◄─┘ │
//!                                           └──────┘ two better ones in a row (one, where `of` is one)
//! ```
//!
//! "Worse" and "better" are meant for each step: from warning to critical takes as much as from ok to warning.

use crate::condense::config::Confirm;
use crate::metric::Rating;

/// The most observations that are looked back on; a larger `of` is held here.
const MAX_LOOK_BACK: usize = 16;
/// How many better observations in a row end a bad state.
const BETTER_IN_A_ROW: usize = 2;

/// What is known of one observed thing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Confirmation {
    /// Newest last.
    last: Vec<Rating>,
    confirmed: Option<Rating>,
}

impl Confirmation {
    /// Takes an observation in; says whether the confirmed rating changed.
    pub(crate) fn observe(&mut self, rating: Rating, confirm: Confirm) -> bool {
        let of = usize::from(confirm.of).clamp(1, MAX_LOOK_BACK);
        let bad = usize::from(confirm.bad).clamp(1, of);
        if self.last.len() >= of.max(BETTER_IN_A_ROW) {
            self.last.remove(0);
        }
        self.last.push(rating);
        let before = self.confirmed;
        self.confirmed = self.next(of, bad);
        self.confirmed != before
    }

    /// The rating that counts, once there is one.
    pub(crate) const fn confirmed(&self) -> Option<Rating> {
        self.confirmed
    }

    fn next(&self, of: usize, bad: usize) -> Option<Rating> {
        let newest = *self.last.last()?;
        let window = &self.last[self.last.len().saturating_sub(of)..];
        // The highest rating that enough observations reach.
        let mut ordered = window.to_vec();
        ordered.sort_unstable_by(|a, b| b.cmp(a));
        let reached = ordered.get(bad - 1).copied();
        let Some(current) = self.confirmed else {
            return if newest.is_bad() { reached.filter(|rating| rating.is_bad()) } else { Some(newest) };
        };
        if let Some(worse) = reached.filter(|&rating| rating > current) {
            return Some(worse);
        }
        let needed = BETTER_IN_A_ROW.min(of);
        let better = self.last.iter().rev().take(needed).copied();
        if self.last.len() >= needed && better.clone().all(|rating| rating < current) {
            return better.max();
        }
        Some(current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Rating::{Critical as C, Info as I, Ok as O, Warning as W};

    fn course(confirm: Confirm, seen: &[Rating]) -> Vec<Option<Rating>> {
        let mut confirmation = Confirmation::default();
        seen.iter()
            .map(|&rating| {
                confirmation.observe(rating, confirm);
                confirmation.confirmed()
            })
            .collect()
    }

    #[test]
    fn bad_after_two_of_three_and_ok_after_two() {
        let seen = [O, C, O, C, O, O, C, C];
        let expected = [O, O, O, C, C, O, O, C].map(Some);
        assert_eq!(course(Confirm::default(), &seen), expected);
    }

    #[test]
    fn one_good_observation_is_enough_at_the_start_and_one_bad_is_not() {
        assert_eq!(course(Confirm::default(), &[C, O]), [None, Some(O)]);
        assert_eq!(course(Confirm::default(), &[C, C]), [None, Some(C)]);
        assert_eq!(course(Confirm::default(), &[C, W]), [None, Some(W)], "two are at least a warning");
    }

    #[test]
    fn each_step_is_confirmed() {
        assert_eq!(
            course(Confirm::default(), &[W, W, C, W, C, W, W, O, O]),
            [None, Some(W), Some(W), Some(W), Some(C), Some(C), Some(W), Some(W), Some(O)]
        );
    }

    #[test]
    fn one_of_one_is_immediate() {
        let at_once = Confirm { bad: 1, of: 1 };
        assert_eq!(course(at_once, &[O, C, O, I, O]), [O, C, O, I, O].map(Some));
    }

    #[test]
    fn senseless_settings_do_not_panic() {
        for (bad, of) in [(0, 0), (9, 2), (255, 255)] {
            assert_eq!(course(Confirm { bad, of }, &[O, O]).last(), Some(&Some(O)));
        }
    }
}
