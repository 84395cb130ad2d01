//! When more waits than can go: what is too old expires, what is too much is thinned in time, and only then dropped.
//!
//! Thinning makes windows coarser: of two windows next to each other, the older one gives up the rows that the newer one has as well. They
//! count as merged. It walks on from window to window, so that the whole backlog is halved before any of it is quartered.

use std::collections::HashSet;
use std::sync::Arc;

use super::form::is_old;
use super::{Now, Scheduler};
use crate::clock::Timestamp;
use crate::deliver::lane::{Lane, Part};
use crate::deliver::store::{Fate, Store, rows};
use crate::metric::{Labels, Row};
use crate::telemetry::DropReason;

/// About what a row takes on the wire; only for the estimate of how many requests a backlog needs.
const ROW_BYTES: usize = 250;
/// A backlog that the budget cannot drain within this many minutes is thinned.
const DRAIN_WITHIN_MINUTES: usize = 60;
/// Windows that are thinned in one step; the rest waits for the next.
const THIN_AT_ONCE: usize = 64;

impl Scheduler {
    /// Keeps the outbox below its cap.
    pub(super) fn relieve(&mut self, now: Now) {
        if self.store.outbox.bytes() <= self.config.queue_max_bytes {
            return;
        }
        self.sweep(now);
        for _ in 0..THIN_AT_ONCE {
            if self.store.outbox.bytes() <= self.config.queue_max_bytes || !self.thin_largest(1) {
                break;
            }
        }
        while self.store.outbox.bytes() > self.config.queue_max_bytes {
            let Some((_, lane)) = self.lanes.iter_mut().max_by_key(|(_, lane)| waiting_rows(lane)) else { return };
            let Some(part) = lane.backlog.pop_front().or_else(|| lane.fresh.pop_front()) else { return };
            tracing::warn!(rows = part.len(), "the queue is full; the oldest rows are dropped");
            self.store.settle(&part, Fate::Dropped(DropReason::QueueFull));
        }
    }

    /// Expires what is too old, and thins what the budget cannot drain.
    pub(super) fn sweep(&mut self, now: Now) {
        let oldest = self.oldest(now);
        for lane in self.lanes.values_mut() {
            let store = &mut self.store;
            for queue in [&mut lane.backlog, &mut lane.fresh] {
                queue.retain(|part| !expire(store, part, oldest));
            }
            lane.condemned.retain(|part| !expire(store, part, oldest));
            lane.suspects.retain_mut(|suspect| {
                suspect.parts.retain(|part| !expire(store, part, oldest));
                !suspect.parts.is_empty()
            });
            for part in lane.statuses.take_if(|row| is_old(row, oldest)) {
                store.settle(&part, Fate::Expired);
            }
        }
        if self.requests_needed() > self.budget.rate() as usize * DRAIN_WITHIN_MINUTES {
            self.thin_largest(THIN_AT_ONCE);
        }
    }

    fn requests_needed(&self) -> usize {
        let rows = (self.config.max_request_bytes / ROW_BYTES).min(self.config.max_points_per_request).max(1);
        self.lanes.values().map(|lane| waiting_rows(lane).div_ceil(rows)).sum()
    }

    /// Makes windows of the lane with the largest backlog coarser; says whether any row was given up.
    fn thin_largest(&mut self, windows: usize) -> bool {
        let Some((_, lane)) = self.lanes.iter_mut().max_by_key(|(_, lane)| backlog_rows(lane)) else { return false };
        let mut merged = 0;
        let mut walked = 0;
        while merged < windows {
            if lane.thinned_to + 1 >= lane.backlog.len() {
                lane.thinned_to = 0;
                // Once around without any row to give up: it cannot be thinner.
                walked += 1;
                if walked > 1 || lane.backlog.len() < 2 {
                    break;
                }
            }
            merged += usize::from(thin_at(&mut self.store, lane));
        }
        merged > 0
    }
}

fn waiting_rows(lane: &Lane) -> usize {
    backlog_rows(lane) + lane.fresh.iter().map(Part::len).sum::<usize>()
}

fn backlog_rows(lane: &Lane) -> usize {
    lane.backlog.iter().map(Part::len).sum()
}

/// A part whose window is too old, with all that it has.
fn expire(store: &mut Store, part: &Part, oldest: Timestamp) -> bool {
    let old = part.time.is_set() && part.time < oldest;
    if old {
        store.settle(part, Fate::Expired);
    }
    old
}

type Identity<'r> = (&'r Arc<str>, &'r Labels, &'r Labels);

fn identity(row: &Row) -> Identity<'_> {
    (&row.name, &row.labels, &row.resource)
}

/// Thins the part at the lane's mark against the next one, and moves the mark on. Says whether a row was given up.
fn thin_at(store: &mut Store, lane: &mut Lane) -> bool {
    let at = lane.thinned_to;
    lane.thinned_to += 1;
    let (Some(older), Some(newer)) = (lane.backlog.get(at).cloned(), lane.backlog.get(at + 1).cloned()) else {
        return false;
    };
    if older.entry == newer.entry {
        return false;
    }
    let (Some(old_batch), Some(new_batch)) = (store.load(&older), store.load(&newer)) else { return false };
    let kept: HashSet<Identity<'_>> = rows(&new_batch, &newer).iter().map(identity).collect();
    let mut stays: Vec<Part> = Vec::new();
    let mut given_up = false;
    for (index, row) in older.rows.clone().zip(rows(&old_batch, &older)) {
        let one = older.cut(index..index + 1);
        if kept.contains(&identity(row)) {
            store.settle(&one, Fate::Merged);
            given_up = true;
        } else {
            match stays.last_mut() {
                Some(run) if run.rows.end == index => run.rows.end += 1,
                _ => stays.push(one),
            }
        }
    }
    lane.backlog.remove(at);
    // With the older one gone the newer one has moved to the mark's old place: the mark is then already behind it.
    lane.thinned_to = at + stays.len() + 1;
    for part in stays.into_iter().rev() {
        lane.backlog.insert(at, part);
    }
    given_up
}
