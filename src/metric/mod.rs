//! The language of the house: what the rooms say to each other.
//!
//! * [`Points`] is what a push or a scrape brings in: many data points with borrowed identities, in one allocation-friendly block.
//! * [`Observation`] is what a probe saw: a status before it is confirmed.
//! * [`Intake`] is the one way in; its answer is the acknowledgement.
//! * [`Row`] and [`Batch`] are what goes out: one of the three kinds that Health Monitoring understands.
//!
//! Nothing here does I/O or knows a component.

mod attributes;
mod batch;
pub mod glob;
mod intake;
mod name;
mod points;
mod rating;
mod wire;

pub use attributes::{AttributeValue, AttributeWriter, Attributes};
pub use batch::{Batch, Body, Class, Labels, Row};
pub use intake::{Entry, Full, Intake, Observation, Offer};
pub use name::{BadServiceId, ServiceId, ServiceName, SourceId, SourceKey};
pub use points::{
    Buckets, Exponential, Histogram, Metric, MetricKind, Point, Points, PointsBuilder, Resource, Span, Summary,
    Temporality, Value,
};
pub use rating::{BadRating, Rating};
pub use wire::{Field, Malformed, WireReader, WireValue};
