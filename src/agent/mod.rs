//! The running agent: the one place that turns a configuration into components.
//!
//! ```text
//!   Built ──start──► Running ──drain──► Drained
//!     ports bound,      │  ▲
//!     key readable      └──┘ reload: a bad configuration changes nothing
//! ```
//!
//! The life cycle is types, each consuming the one before. The end follows the flow: sources and receiver stop, the loop takes what they had
//! offered and closes its windows, the dispatcher sends what it can within the deadline, and only then the rest ends.

mod build;
pub mod control;
mod core;
mod history;
mod house;
mod journal;
mod once;
mod recipes;
mod report;
mod running;
pub mod status;

pub use build::Built;
pub use core::batch_of;
pub use house::House;
pub use journal::{Journal, Memory};
pub use once::{Collected, Collector};
pub use recipes::{RecipesError, recipes};
pub use running::{Drained, Running};
