//! What became of accepted points: each has exactly one fate.
//!
//! A point is the representative of its series in a window (`Row::points` counts it), or it was merged into that representative, or it was
//! dropped for one of the reasons of the ledger's closed list. Until its window closes it is pending.

pub use crate::telemetry::DropReason;

/// Points whose fate was decided since the last time this was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fates {
    /// Merged into the representative of their series.
    pub merged: u64,
    dropped: [u64; DropReason::ALL.len()],
}

impl Fates {
    /// How many were dropped for a reason.
    pub const fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    /// How many were dropped in all.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// Adds those of another account.
    pub fn add(&mut self, other: &Self) {
        self.merged += other.merged;
        for (mine, theirs) in self.dropped.iter_mut().zip(other.dropped) {
            *mine += theirs;
        }
    }

    pub(crate) const fn drop(&mut self, reason: DropReason, points: u64) {
        self.dropped[reason as usize] += points;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_count_and_name() {
        let mut fates = Fates::default();
        for (index, reason) in DropReason::ALL.into_iter().enumerate() {
            fates.drop(reason, index as u64 + 1);
        }
        let mut twice = fates;
        twice.add(&fates);
        for (index, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(twice.dropped(reason), 2 * (index as u64 + 1));
        }
        let all = DropReason::ALL.len() as u64;
        assert_eq!(twice.dropped_total(), all * (all + 1));
        let names: std::collections::HashSet<_> = DropReason::ALL.map(DropReason::as_str).into();
        assert_eq!(names.len(), DropReason::ALL.len());
    }
}
