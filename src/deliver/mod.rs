//! From batches to accepted requests.
//!
//! ```text
//!   Batch ─► Dispatcher ─► Scheduler (pure: lanes, turns, budget, gate) ─► Exporter ─► Cloud ALM
//!              │              │    ▲                                         │
//!              │           Outbox  └────────────────── Verdict ◄─────────────┘
//!              └─ time, tasks
//! ```
//!
//! The scheduler knows policy and no I/O, the exporter knows the wire and tries once, the dispatcher only connects them. The outbox is a
//! seam. Every accepted point that enters has exactly one fate in the ledger.

mod budget;
mod config;
mod dispatcher;
mod exporter;
mod gate;
mod lane;
mod outbox;
mod scheduler;
mod snapshot;
mod statuses;
mod store;
#[cfg(test)]
mod testing;
mod verdict;

pub use budget::Budget;
pub use config::{Compression, Config};
pub use dispatcher::{Dispatcher, Drained, Surroundings};
pub use exporter::{Exporter, Outcome};
pub use outbox::{EntryId, MemoryOutbox, Outbox, Waiting};
pub use scheduler::{MAX_REFUSALS, Next, Now, Piece, PieceId, Refusal, Scheduler};
pub use snapshot::{BudgetStatus, LaneStatus, QueueStatus, RefusalStatus, Rendered, Snapshot, render};
pub use store::{DeadLetter, MAX_DEAD_LETTERS};
pub use verdict::{Cause, Scope, Verdict};

pub use crate::sap::cloud_alm::Encoding;
