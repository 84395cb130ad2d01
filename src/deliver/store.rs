//! The outbox and the books: rows are read, and every row that leaves has exactly one fate in the ledger.

use std::collections::VecDeque;
use std::sync::Arc;

use super::lane::Part;
use super::outbox::Outbox;
use super::verdict::Cause;
use crate::clock::Timestamp;
use crate::metric::{Batch, Row, ServiceName};
use crate::sap::cloud_alm::Correlation;
use crate::telemetry::{DropReason, Ledger};

/// The most buried rows that are kept for inspection; the oldest go first.
pub const MAX_DEAD_LETTERS: usize = 200;

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Delivered,
    Merged,
    Expired,
    Rejected,
    Dropped(DropReason),
}

/// A row that Cloud ALM does not take, down to the single point.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// Its service.
    pub service: ServiceName,
    /// The row.
    pub row: Row,
    /// When it was buried.
    pub time: Timestamp,
    /// Why.
    pub cause: Cause,
    /// Ids for SAP's support.
    pub correlation: Correlation,
}

#[derive(Debug)]
pub(super) struct Store {
    pub outbox: Box<dyn Outbox>,
    ledger: Arc<Ledger>,
    queued: u64,
    dead: VecDeque<DeadLetter>,
}

impl Store {
    pub(super) const fn new(outbox: Box<dyn Outbox>, ledger: Arc<Ledger>) -> Self {
        Self { outbox, ledger, queued: 0, dead: VecDeque::new() }
    }

    /// Accepted points that wait or are in flight.
    pub(super) const fn queued(&self) -> u64 {
        self.queued
    }

    pub(super) fn dead(&self) -> impl Iterator<Item = &DeadLetter> {
        self.dead.iter()
    }

    pub(super) fn take_dead(&mut self) -> Vec<DeadLetter> {
        std::mem::take(&mut self.dead).into()
    }

    /// Points that are in the outbox from now on.
    pub(super) fn enter(&mut self, points: u64) {
        self.queued += points;
        self.ledger.set_in_outbox(self.queued);
    }

    /// The batch of a part; `None` when it cannot be read, which is logged.
    pub(super) fn load(&self, part: &Part) -> Option<Arc<Batch>> {
        match self.outbox.load(part.entry) {
            Ok(batch) => Some(batch),
            Err(error) => {
                tracing::error!(entry = part.entry.0, error = %error, "a batch cannot be read from the outbox");
                None
            }
        }
    }

    /// The accepted points that a part stands for.
    pub(super) fn points(&self, part: &Part) -> u64 {
        let Some(batch) = self.load(part) else { return 0 };
        rows(&batch, part).iter().map(|row| u64::from(row.points)).sum()
    }

    /// The rows of a part have this fate.
    pub(super) fn settle(&mut self, part: &Part, fate: Fate) {
        let points = self.points(part);
        match fate {
            Fate::Delivered => self.ledger.deliver(points),
            Fate::Merged => self.ledger.merge(points),
            Fate::Expired => self.ledger.expire(points),
            Fate::Rejected => self.ledger.reject(points),
            Fate::Dropped(reason) => self.ledger.drop_points(reason, points),
        }
        self.leave(part, points);
    }

    /// Parts were taken but for `rejected` of their `wire` points; which ones is not known, so the ledger gets their share.
    pub(super) fn settle_partly(&mut self, parts: &[Part], rejected: u64, wire: u64) {
        let total: u64 = parts.iter().map(|part| self.points(part)).sum();
        let share = (total as f64 * rejected as f64 / wire.max(1) as f64).ceil() as u64;
        let rejected = share.min(total);
        self.ledger.reject(rejected);
        self.ledger.deliver(total - rejected);
        for part in parts {
            let points = self.points(part);
            self.leave(part, points);
        }
    }

    /// The rows of a part are not taken, and kept where a person finds them.
    pub(super) fn bury(&mut self, part: &Part, grave: &Grave<'_>) {
        if let Some(batch) = self.load(part) {
            for row in rows(&batch, part) {
                if self.dead.len() == MAX_DEAD_LETTERS {
                    self.dead.pop_front();
                }
                self.dead.push_back(DeadLetter {
                    service: batch.service.clone(),
                    row: row.clone(),
                    time: grave.time,
                    cause: grave.cause.clone(),
                    correlation: grave.correlation.clone(),
                });
                tracing::warn!(service = %batch.service, metric = %row.name, cause = %grave.cause, "a row is not accepted");
            }
        }
        self.settle(part, Fate::Rejected);
    }

    fn leave(&mut self, part: &Part, points: u64) {
        if let Err(error) = self.outbox.settle(part.entry, part.rows.clone()) {
            tracing::warn!(entry = part.entry.0, error = %error, "rows may be sent again after a restart");
        }
        self.queued = self.queued.saturating_sub(points);
        self.ledger.set_in_outbox(self.queued);
    }
}

/// What is written on a dead letter.
#[derive(Debug)]
pub(super) struct Grave<'a> {
    pub time: Timestamp,
    pub cause: &'a Cause,
    pub correlation: &'a Correlation,
}

/// The rows of a part in its batch.
pub(super) fn rows<'b>(batch: &'b Batch, part: &Part) -> &'b [Row] {
    batch.rows.get(part.rows.start as usize..part.rows.end as usize).unwrap_or_default()
}
