//! Reader of what Prometheus targets expose: text 0.0.4, text 1.0.0 (quoted UTF-8 names), OpenMetrics 0.0.1 and 1.0.0.
//!
//! ```text
//!  bytes ──► Parser ──► Event (metadata, sample) ──► Page ──► MetricView (number, histogram, summary)
//!              │                                       └► json_line (the `parse` command)
//!              └──► Strict: the same events, checked against every rule of the format
//! ```
//!
//! * [`Format`] is chosen by the response's `Content-Type` alone: targets that were asked for OpenMetrics answer text.
//! * [`Parser`] is lenient: a bad line is one error with line and column, and reading goes on. It borrows from the page and
//!   allocates nothing for a sample, unless a quoted metric name holds an escape.
//! * [`Strict`] accepts a subset of what the parser accepts.
//! * [`Page`] puts families together: histograms, summaries, start times, target information.
//!
//! It never fetches, never selects, and knows nothing of Cloud ALM. Every size is bounded by [`Limits`].
//!
//! Sources: Prometheus "Exposition formats" and "Content negotiation"; OpenMetrics 1.0.0; for what a histogram or start time
//! becomes, OpenTelemetry "Prometheus and OpenMetrics Compatibility".

mod error;
mod family;
mod format;
mod histogram;
mod json;
mod labels;
mod limits;
mod line;
mod number;
mod page;
mod parser;
mod scan;
mod strict;

pub use error::{ParseError, Problem, Rule};
pub use family::{Families, Family, FamilyId, Role, Type};
pub use format::{ACCEPT, Format, HtmlAnswer};
pub use histogram::{DistributionView, Quantile};
pub use json::json_line;
pub use labels::{Label, Labels};
pub use limits::Limits;
pub use line::{Metadata, Sample};
pub use number::{STALE_NAN_BITS, Timestamp, is_stale};
pub use page::{MetricView, Page, ValueView};
pub use parser::{Event, Parser};
pub use strict::Strict;

#[cfg(test)]
mod tests;
