//! Finding the series of a point.
//!
//! ```text
//!   resource bytes ──alias──► resource ─┐
//!   scope, name, unit, kind ────────────┴──► metric ─┐
//!   attribute bytes ─────────────alias───────────────┴──► series
//! ```
//!
//! A resource and a metric are resolved once for a block, so that a point costs one comparison of its attribute bytes in the best case and one
//! hash otherwise. Raw bytes are only an alias: an unseen alias is decoded, sorted by key and looked up under the canonical identity, so the
//! order of attributes and the encoding of the request never split a series.

mod alias;
mod identity;
mod keyed;
mod table;

pub(crate) use alias::Target;
pub(crate) use identity::{labels_of, text_of};
pub(crate) use keyed::Keyed;
pub(crate) use table::{ResourceContext, SeriesTable};
