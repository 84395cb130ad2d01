//! What outlives a reload and is seen by every part: books, board, the dispatcher, the newest view.

use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, ArcSwapOption};

use super::core::Shown;
use crate::clock::{Clock, Timestamp};
use crate::deliver::Dispatcher;
use crate::sap::service_key::KeyWatcher;
use crate::sap::uaa::TokenSource;
use crate::sources::otlp::Stats;
use crate::telemetry::instruments::Instruments;
use crate::telemetry::{Board, Ledger};

/// Shared by reference; see the module's text.
#[derive(Debug)]
pub struct House {
    pub(super) clock: Clock,
    pub(super) started: Timestamp,
    pub(super) ledger: Arc<Ledger>,
    pub(super) board: Arc<Board>,
    pub(super) instruments: Arc<Instruments>,
    pub(super) keys: Arc<KeyWatcher>,
    pub(super) tokens: Arc<TokenSource>,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) shown: Arc<ArcSwap<Shown>>,
    /// The receiver's address and counters, once it is bound.
    pub(super) receiver: OnceLock<(String, Arc<Stats>)>,
    /// What was wrong with the last reload, until one succeeds.
    pub(super) reload_problem: ArcSwapOption<String>,
}

impl House {
    /// The state of everything, as one document.
    pub fn status(&self) -> super::status::Status {
        super::report::status(self)
    }

    /// The self-metrics.
    pub fn instruments(&self) -> Arc<Instruments> {
        Arc::clone(&self.instruments)
    }

    /// The books.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// When the loop last showed what it knows: it does so every second while it lives.
    pub fn last_turn(&self) -> Timestamp {
        self.shown.load().time
    }

    /// The time.
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }
}
