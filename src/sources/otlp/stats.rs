//! What the receiver counts. Counters are relaxed atomics that are read for a snapshot; nothing waits for them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::otlp::{Reason, Refusals};

/// Services that no route takes which are remembered by name; more are counted without a name.
pub(super) const MAX_UNROUTED_NAMES: usize = 32;
/// Characters of such a name that are kept.
const MAX_NAME_CHARS: usize = 100;

/// The counters.
#[derive(Debug, Default)]
pub struct Stats {
    pub(super) requests: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) wire_bytes: AtomicU64,
    pub(super) body_bytes: AtomicU64,
    pub(super) points: AtomicU64,
    pub(super) traces: AtomicU64,
    pub(super) logs: AtomicU64,
    refused: [AtomicU64; Reason::ALL.len()],
    unrouted: Mutex<BTreeMap<String, u64>>,
}

/// The counters at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Pushes of metrics, whatever became of them.
    pub requests: u64,
    /// Pushes of metrics that were not answered with success.
    pub failed: u64,
    /// Bytes of their bodies as they came.
    pub wire_bytes: u64,
    /// Bytes of their bodies after decompression.
    pub body_bytes: u64,
    /// Points that the intake took.
    pub points: u64,
    /// Points that were refused, by reason; reasons that did not occur are left out.
    pub refused: Vec<(Reason, u64)>,
    /// Requests with traces that were discarded.
    pub traces: u64,
    /// Requests with logs that were discarded.
    pub logs: u64,
    /// Services whose points no route takes, with the number of points; the name is empty for those without one, and for the rest when
    /// there are more than 32.
    pub unrouted: Vec<(String, u64)>,
}

impl Stats {
    /// The counters now.
    pub fn snapshot(&self) -> Snapshot {
        let refused = Reason::ALL.into_iter().map(|reason| (reason, self.refused[reason as usize].load(Relaxed)));
        let unrouted = self.unrouted.lock().unwrap_or_else(PoisonError::into_inner);
        Snapshot {
            requests: self.requests.load(Relaxed),
            failed: self.failed.load(Relaxed),
            wire_bytes: self.wire_bytes.load(Relaxed),
            body_bytes: self.body_bytes.load(Relaxed),
            points: self.points.load(Relaxed),
            refused: refused.filter(|(_, count)| *count > 0).collect(),
            traces: self.traces.load(Relaxed),
            logs: self.logs.load(Relaxed),
            unrouted: unrouted.iter().map(|(name, count)| (name.clone(), *count)).collect(),
        }
    }

    pub(super) fn refuse(&self, refusals: &Refusals) {
        for (reason, count) in refusals.iter() {
            self.refused[reason as usize].fetch_add(count, Relaxed);
        }
    }

    /// Remembers a service that no route takes.
    pub(super) fn unrouted(&self, service: &str, points: u64) {
        let mut unrouted = self.unrouted.lock().unwrap_or_else(PoisonError::into_inner);
        let name: String = service.chars().take(MAX_NAME_CHARS).filter(|c| !c.is_control()).collect();
        let name =
            if unrouted.contains_key(&name) || unrouted.len() < MAX_UNROUTED_NAMES { name } else { String::new() };
        *unrouted.entry(name).or_default() += points;
    }

    /// Forgets the services without a route, since the routes have changed.
    pub(super) fn forget_unrouted(&self) {
        self.unrouted.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_a_route_are_bounded_and_every_point_is_counted() {
        let stats = Stats::default();
        for index in 0..1_000 {
            stats.unrouted(&format!("service-{index:04}"), 2);
        }
        stats.unrouted("service-0001", 1);
        let unrouted = stats.snapshot().unrouted;
        assert_eq!(unrouted.len(), MAX_UNROUTED_NAMES + 1);
        assert_eq!(unrouted.iter().map(|(_, count)| count).sum::<u64>(), 2_001);
        assert!(unrouted.contains(&("service-0001".into(), 3)));
        stats.forget_unrouted();
        assert!(stats.snapshot().unrouted.is_empty());
    }

    #[test]
    fn refusals_add_up_by_reason() {
        let (stats, mut refusals) = (Stats::default(), Refusals::default());
        refusals.add(Reason::TooOld, 3, "m");
        stats.refuse(&refusals);
        stats.refuse(&refusals);
        assert_eq!(stats.snapshot().refused, [(Reason::TooOld, 6)]);
    }
}
