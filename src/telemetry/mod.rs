//! What the agent knows about itself.
//!
//! * [`Ledger`]: every accepted data point has exactly one fate, and the sums balance.
//! * [`Board`]: the state of each component, with a reason a person can act on.
//! * [`instruments`]: every self-metric, declared once; `/metrics` and the OTLP export read the same atomics.
//! * [`logging`]: text for people, JSON for machines, never a secret.

mod board;
pub mod export;
pub mod instruments;
mod ledger;
pub mod logging;

pub use board::{Board, Component, ComponentStatus, State};
pub use ledger::{Balance, DropReason, Ledger, RefusalReason};
