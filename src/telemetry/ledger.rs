//! The ledger of accepted data points.
//!
//! The unit is the data point as its sender counts it (a histogram point is one). What was accepted has exactly one of six fates:
//!
//! ```text
//! accepted = delivered + queued + merged + rejected + expired + Σ dropped(reason)
//! ```
//!
//! `queued` is not derived from the others: the condenser and the outbox say what they hold ([`Ledger::set_in_windows`], [`Ledger::set_in_outbox`]), so an
//! imbalance shows a point that was lost or counted twice. Points that were refused before they were accepted, and items that the agent
//! made itself, stand beside the equation. Reasons come from closed lists, so no label of ours grows with its input.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

/// Why an accepted point was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// No rule or recipe selected it.
    NotSelected,
    /// The service had `max_metrics` rows already.
    Cardinality,
    /// The series state of the whole agent was full.
    StateBytes,
    /// Not a number, or infinite.
    NotANumber,
    /// Its attributes or value cannot be read.
    Malformed,
    /// Its resource belongs to no source of the configuration any more.
    NoRoute,
    /// Its service or source left the configuration.
    ServiceRemoved,
    /// The queue was at its cap.
    QueueFull,
    /// The agent stopped, and its data directory does not outlive it.
    Shutdown,
}

/// Why a point was refused before it was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// No route matched its resource.
    NoRoute,
    /// Older than the destination takes.
    TooOld,
    /// Too far in the future.
    Future,
    /// Over a limit of the receiver.
    Limit,
    /// Could not be read, or had no value.
    Malformed,
}

impl DropReason {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::NotSelected,
        Self::Cardinality,
        Self::StateBytes,
        Self::NotANumber,
        Self::Malformed,
        Self::NoRoute,
        Self::ServiceRemoved,
        Self::QueueFull,
        Self::Shutdown,
    ];

    /// The word in metrics and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotSelected => "not_selected",
            Self::Cardinality => "cardinality",
            Self::StateBytes => "state_bytes",
            Self::NotANumber => "not_a_number",
            Self::Malformed => "malformed",
            Self::NoRoute => "no_route",
            Self::ServiceRemoved => "service_removed",
            Self::QueueFull => "queue_full",
            Self::Shutdown => "shutdown",
        }
    }
}

impl RefusalReason {
    /// Every reason.
    pub const ALL: [Self; 5] = [Self::NoRoute, Self::TooOld, Self::Future, Self::Limit, Self::Malformed];

    /// The word in metrics and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoRoute => "no_route",
            Self::TooOld => "too_old",
            Self::Future => "future",
            Self::Limit => "limit",
            Self::Malformed => "malformed",
        }
    }
}

/// The counters. Shared by reference; every method is one relaxed atomic operation.
#[derive(Debug, Default)]
pub struct Ledger {
    accepted: AtomicU64,
    delivered: AtomicU64,
    merged: AtomicU64,
    rejected: AtomicU64,
    expired: AtomicU64,
    dropped: [AtomicU64; DropReason::ALL.len()],
    refused: [AtomicU64; RefusalReason::ALL.len()],
    in_windows: AtomicU64,
    in_outbox: AtomicU64,
    made: AtomicU64,
}

/// The ledger at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// Points that were acknowledged.
    pub accepted: u64,
    /// Answered with success by the destination.
    pub delivered: u64,
    /// Waiting, in open windows or in the outbox.
    pub queued: u64,
    /// Folded into a newer or combined value.
    pub merged: u64,
    /// Refused by the destination after acceptance.
    pub rejected: u64,
    /// Grown too old to be taken by the destination.
    pub expired: u64,
    /// Dropped, by reason; only reasons that occurred.
    pub dropped: std::collections::BTreeMap<&'static str, u64>,
    /// Refused before acceptance, by reason; not part of the equation.
    pub refused: std::collections::BTreeMap<&'static str, u64>,
    /// Whether the equation holds.
    pub balanced: bool,
}

impl Ledger {
    /// `points` were acknowledged.
    pub fn accept(&self, points: u64) {
        self.accepted.fetch_add(points, Relaxed);
    }

    /// The destination took `points`.
    pub fn deliver(&self, points: u64) {
        self.delivered.fetch_add(points, Relaxed);
    }

    /// `points` were folded into others.
    pub fn merge(&self, points: u64) {
        self.merged.fetch_add(points, Relaxed);
    }

    /// The destination refused `points`.
    pub fn reject(&self, points: u64) {
        self.rejected.fetch_add(points, Relaxed);
    }

    /// `points` grew too old.
    pub fn expire(&self, points: u64) {
        self.expired.fetch_add(points, Relaxed);
    }

    /// `points` were dropped for `reason`.
    pub fn drop_points(&self, reason: DropReason, points: u64) {
        self.dropped[reason as usize].fetch_add(points, Relaxed);
    }

    /// `points` were refused for `reason`, before they were accepted.
    pub fn refuse(&self, reason: RefusalReason, points: u64) {
        self.refused[reason as usize].fetch_add(points, Relaxed);
    }

    /// The agent itself made `items` (statuses, roll-ups).
    pub fn make(&self, items: u64) {
        self.made.fetch_add(items, Relaxed);
    }

    /// What the condenser holds in open windows, in points.
    pub fn set_in_windows(&self, points: u64) {
        self.in_windows.store(points, Relaxed);
    }

    /// What the outbox holds in batches, in points.
    pub fn set_in_outbox(&self, points: u64) {
        self.in_outbox.store(points, Relaxed);
    }

    /// How many items the agent made itself.
    pub fn made(&self) -> u64 {
        self.made.load(Relaxed)
    }

    /// How many points were dropped for `reason`.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize].load(Relaxed)
    }

    /// How many points were refused for `reason`.
    pub fn refused(&self, reason: RefusalReason) -> u64 {
        self.refused[reason as usize].load(Relaxed)
    }

    /// The sums. Taken while points move, they may be off by those in motion; at rest they are exact.
    pub fn balance(&self) -> Balance {
        let counted = |counts: &[AtomicU64], words: &[&'static str]| {
            let pairs = words.iter().zip(counts).map(|(word, count)| (*word, count.load(Relaxed)));
            pairs.filter(|(_, count)| *count > 0).collect::<std::collections::BTreeMap<_, _>>()
        };
        let dropped = counted(&self.dropped, &DropReason::ALL.map(DropReason::as_str));
        let refused = counted(&self.refused, &RefusalReason::ALL.map(RefusalReason::as_str));
        let load = |counter: &AtomicU64| counter.load(Relaxed);
        let queued = load(&self.in_windows) + load(&self.in_outbox);
        let (accepted, delivered) = (load(&self.accepted), load(&self.delivered));
        let (merged, rejected, expired) = (load(&self.merged), load(&self.rejected), load(&self.expired));
        let fates = delivered + queued + merged + rejected + expired + dropped.values().sum::<u64>();
        Balance {
            accepted,
            delivered,
            queued,
            merged,
            rejected,
            expired,
            dropped,
            refused,
            balanced: accepted == fates,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balances_when_each_point_has_one_fate_and_shows_it_when_not() {
        let ledger = Ledger::default();
        ledger.accept(21);
        ledger.deliver(5);
        ledger.merge(4);
        ledger.reject(1);
        ledger.expire(2);
        ledger.drop_points(DropReason::Cardinality, 3);
        ledger.drop_points(DropReason::QueueFull, 1);
        ledger.set_in_windows(2);
        ledger.set_in_outbox(3);
        assert!(ledger.balance().balanced);
        ledger.deliver(1);
        assert!(!ledger.balance().balanced, "one point had two fates");
    }

    #[test]
    fn refusals_and_own_items_stand_beside_the_equation() {
        let ledger = Ledger::default();
        ledger.refuse(RefusalReason::NoRoute, 7);
        ledger.make(3);
        let balance = ledger.balance();
        assert!(balance.balanced);
        assert_eq!(balance.refused.get("no_route"), Some(&7));
        assert_eq!(ledger.made(), 3);
    }

    #[test]
    fn each_reason_has_its_own_place_and_word() {
        for (index, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
        for (index, reason) in RefusalReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }
}
