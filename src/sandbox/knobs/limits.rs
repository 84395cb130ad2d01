//! Every limit of the Cloud ALM side, as a parameter.
//!
//! Owns the figures and their defaults. Most of them are unofficial: they come from one public blog post on streaming into Cloud ALM, and a
//! tenant may differ. So each is a knob, and where the public text leaves a range the stricter end is the default.

use serde::{Deserialize, Serialize};

use super::faults::RetryAfter;

/// Whose requests are counted together; the public text does not say which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RateScope {
    /// All requests of the tenant.
    Tenant,
    /// Those of one client id.
    Client,
    /// Those for one managed service.
    Service,
}

/// From which attributes a row's label is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LabelFrom {
    /// Those of the point, then those of the resource, as rows of SAP's own libraries show it.
    PointAndResource,
    /// Those of the point alone.
    Point,
    /// None: all points of one name share a row.
    Nothing,
}

/// Limits and habits of inbound and outbound metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// 413 above this many bytes of JSON ("1 MB").
    pub(crate) json_bytes: usize,
    /// 413 above this many bytes of protobuf ("150 KB").
    pub(crate) protobuf_bytes: usize,
    /// Data points in one request ("5 000 per batch").
    pub(crate) points: usize,
    /// The status for too many points; the public text names none.
    pub(crate) over_points_status: u16,
    /// 429 above this many pushes in any 60 s.
    pub(crate) requests_per_minute: usize,
    /// The same for `dev=true`, "another, presumably lower".
    pub(crate) dev_requests_per_minute: usize,
    /// Whose requests are counted together.
    pub(crate) rate_scope: RateScope,
    /// `Retry-After` of such a 429; unknown, so by default the seconds until the window has room.
    pub(crate) rate_retry_after: RetryAfter,
    /// Records older than this are refused by the consumer.
    pub(crate) max_age_seconds: u64,
    /// Records further ahead than this are refused by the consumer.
    pub(crate) max_future_seconds: u64,
    /// `useCase` values that inbound metrics knows.
    pub(crate) use_cases: Vec<String>,
    /// Whether `Content-Encoding: gzip` is accepted; unknown, so no.
    pub(crate) gzip: bool,
    /// Whether `application/x-protobuf` is accepted; implied by the quoted limit for it.
    pub(crate) protobuf: bool,
    /// Refuse JSON fields that OTLP does not know. OTLP itself ignores them; a typing error of a client would hide behind that.
    pub(crate) refuse_unknown_fields: bool,
    /// Refuse a gauge with more than one point in one metric: every sample of SAP's has one, more is unknown.
    pub(crate) one_point_per_gauge: bool,
    /// Whether a rating on a plain gauge counts; unknown, so no.
    pub(crate) rating_on_gauge: bool,
    /// From which attributes the label is made.
    pub(crate) label_from: LabelFrom,
    /// A point older than the row's newest changes the current value; unknown, so it only enters the history.
    pub(crate) late_points_are_current: bool,
    /// The status of an accepted push; any 2xx is possible.
    pub(crate) success_status: u16,
    /// The status of a `dev=true` push whose consumer complained.
    pub(crate) dev_error_status: u16,
    /// The length of a bucket of resolution `5Mi`.
    pub(crate) bucket_seconds: u64,
    /// How long after its end a bucket becomes visible.
    pub(crate) outbound_lag_seconds: u64,
    /// The largest page of outbound metrics.
    pub(crate) outbound_rows: usize,
    /// The longest interval of `from` and `to`.
    pub(crate) outbound_interval_minutes: u64,
    /// What outbound answers without `format`: `protobuf-binary`, `protobuf-json` or `text`; the public clients disagree.
    pub(crate) outbound_default_format: String,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            json_bytes: 1_000_000,
            protobuf_bytes: 150_000,
            points: 5_000,
            over_points_status: 413,
            requests_per_minute: 100,
            dev_requests_per_minute: 20,
            rate_scope: RateScope::Tenant,
            rate_retry_after: RetryAfter::Seconds { seconds: 0 },
            max_age_seconds: 24 * 3_600,
            max_future_seconds: 3_600,
            use_cases: vec!["hm".to_owned()],
            gzip: false,
            protobuf: true,
            refuse_unknown_fields: true,
            one_point_per_gauge: true,
            rating_on_gauge: false,
            label_from: LabelFrom::PointAndResource,
            late_points_are_current: false,
            success_status: 200,
            dev_error_status: 400,
            bucket_seconds: 300,
            outbound_lag_seconds: 60,
            outbound_rows: 5_000,
            outbound_interval_minutes: 60,
            outbound_default_format: "protobuf-binary".to_owned(),
        }
    }
}
