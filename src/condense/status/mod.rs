//! Statuses: confirmed, held back while they flap, shown as information during maintenance, rolled up to one.

mod board;
mod confirm;
mod maintenance;
mod text;

pub(crate) use board::{Board, Member, Observed, StatusKey, StatusKind};
pub(crate) use maintenance::Calendar;
pub use text::one_line;
pub(crate) use text::{fill, show};
