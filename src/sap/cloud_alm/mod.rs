//! The inbound metrics API of SAP Cloud ALM: where a push goes, what it looks like, what comes back.
//!
//! A push is `POST {api}/calm-metrics/v1/metrics?useCase=hm&serviceId=<id>&dev=<bool>` with an OTLP `ExportMetricsServiceRequest` of gauges.
//! One request is for one service, since `serviceId` is a query parameter. [`Packer`] fills requests to their limits and never over them.
//!
//! Source: SAP sample XP267 (three commands of the Automation Pilot) for shape and attributes; a community blog of 2026-07-22 for the
//! limits, which are therefore keys of the configuration. Not known: whether several points of one name and attribute set in one request
//! are all taken; each row is an entry of its own, so that nothing depends on it.

mod answer;
mod encode;
mod target;

pub use answer::{Correlation, MAX_ANSWER_BYTES, Partial, Reply};
pub use encode::{Encoding, Limits, PackError, Packer};
pub use target::Target;

/// The attribute that tells a status or quota from a plain gauge. Source: SAP sample XP267.
pub const METRIC_TYPE: &str = "sap.calm.hm.metric.type";
/// The attribute that carries the rating. Source: SAP sample XP267.
pub const METRIC_RATING: &str = "sap.calm.hm.metric.rating";
/// The attribute that tells a quota's limit from its value. Source: SAP sample XP267.
pub const QUOTA: &str = "sap.calm.hm.quota";
/// The path of the API behind `endpoints.Api`. Source: SAP sample XP267.
pub const METRICS_PATH: &str = "/calm-metrics/v1/metrics";
