//! From points and observations to rows: windows, rates, quotas, statuses.
//!
//! The condenser knows what things mean. A source says what it saw, the delivery carries what it is given; which of a thousand series becomes
//! which row, how it is rated, and when a change counts is decided here, by a [pure function](Condenser) of entries and time.
//!
//! | file | owns |
//! |---|---|
//! | `condenser` | the entry points, services and sources at work |
//! | `intake` | points on their way into their series |
//! | `series` | identity: resource, metric, attributes |
//! | `values` | what a series knows of its values |
//! | `plan`, `rules`, `recipes` | what is made of which series |
//! | `attach`, `rows` | which row a series is part of, and how many rows there may be |
//! | `close`, `combine` | the end of a window |
//! | `status`, `observe`, `watch`, `senders` | statuses: kept, observed, read from numbers, missed |
//! | `reload`, `view`, `fates` | a new configuration, the status page, the account of points |

mod attach;
mod close;
mod combine;
mod condenser;
mod config;
mod fates;
mod intake;
mod observe;
mod plan;
pub mod recipes;
mod reload;
mod rows;
pub mod rules;
mod senders;
mod series;
mod status;
mod values;
mod view;
mod watch;

#[cfg(test)]
mod tests;

pub use condenser::{CondenseError, Condenser, Effects};
pub use config::{
    Across, Config, Confirm, Identity, Maintenance, Recipes, ServiceConfig, SourceConfig, SourceKind, StatusPolicy,
};
pub use fates::{DropReason, Fates};
pub use recipes::{Recipe, RecipeError, RecipeLibrary};
pub use status::one_line;
pub use view::{Colour, RowKind, RowView, SenderView, ServiceView, Tile, View};
