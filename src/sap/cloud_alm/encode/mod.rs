//! Rows as an OTLP request, filled to its limits.
//!
//! Each row is one metric entry of one data point (a quota has three), grouped by its resource. The size of the request is known to the byte
//! before a row is taken, so a request is never over its limit and, with enough to send, never far below it.
//!
//! Source of the shapes: SAP sample XP267. A status is a gauge of 1 with its text as the metric's description; a quota is three points: 0
//! with type and rating, the limit, the value. Only `asDouble` is sent, since SAP's samples send nothing else.

mod json;
mod protobuf;

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;

use super::{METRIC_RATING, METRIC_TYPE, QUOTA};
use crate::metric::{Body, Labels, Rating, Row};

/// How a request is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// OTLP/JSON: what SAP's samples send.
    Json,
    /// OTLP protobuf: implied by a third party's report of its size limit, unproven.
    Protobuf,
}

/// How much one request may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of its body before compression.
    pub bytes: usize,
    /// Data points on the wire.
    pub points: usize,
}

/// Why a row was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// The request is full; the row fits into the next one.
    #[error("the request is full")]
    Full,
    /// The row alone is over the limit.
    #[error("the row alone is larger than a request may be")]
    TooLarge,
    /// JSON has no such number, and Cloud ALM no use for it.
    #[error("the row's value is not a finite number")]
    NotFinite,
}

/// The longest text of a status in characters. Source: the status column of Health Monitoring has room for one sentence.
const MAX_TEXT: usize = 500;
/// The instrumentation scope that everything of ours is sent under.
const SCOPE_NAME: &str = env!("CARGO_PKG_NAME");
const SCOPE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// One data point: its value and the attributes that make it a kind.
struct WirePoint {
    value: f64,
    marks: [Option<(&'static str, &'static str)>; 2],
}

/// One metric entry, as both encodings need it.
struct WireMetric<'r> {
    name: Cow<'r, str>,
    unit: &'r str,
    description: Cow<'r, str>,
    time: u64,
    labels: &'r Labels,
    points: [Option<WirePoint>; 3],
}

/// The difference between the two encodings.
trait Format: std::fmt::Debug + Send {
    /// What a group of metrics under one resource is wrapped in.
    fn resource(&self, resource: &Labels) -> Vec<u8>;
    /// Appends a metric, with whatever separates it from the one before.
    fn metric(&self, metric: &WireMetric<'_>, first: bool, out: &mut Vec<u8>);
    /// Size of a group with `metrics` bytes of metrics under a resource of `resource` bytes.
    fn group_len(&self, resource: usize, metrics: usize) -> usize;
    /// Size of a request of `groups` groups of together `bytes`.
    fn request_len(&self, groups: usize, bytes: usize) -> usize;
    /// The request.
    fn request(&self, groups: &[Group], capacity: usize) -> Vec<u8>;
}

#[derive(Debug)]
struct Group {
    resource: Vec<u8>,
    metrics: Vec<u8>,
}

/// Fills one request row by row.
#[derive(Debug)]
pub struct Packer {
    format: Box<dyn Format>,
    limits: Limits,
    fold_labels: bool,
    groups: Vec<Group>,
    by_resource: HashMap<Labels, usize>,
    group_bytes: usize,
    points: usize,
    rows: usize,
    scratch: Vec<u8>,
}

impl Packer {
    /// An empty request. With `fold_labels` a row's labels are also part of its name, as `{k=v,k2=v2}`.
    pub fn new(encoding: Encoding, limits: Limits, fold_labels: bool) -> Self {
        let format: Box<dyn Format> = match encoding {
            Encoding::Json => Box::new(json::Json),
            Encoding::Protobuf => Box::new(protobuf::Protobuf),
        };
        Self {
            format,
            limits,
            fold_labels,
            groups: Vec::new(),
            by_resource: HashMap::new(),
            group_bytes: 0,
            points: 0,
            rows: 0,
            scratch: Vec::new(),
        }
    }

    /// Takes a row if the request stays within its limits.
    ///
    /// # Errors
    /// [`PackError`]; the request is then as it was.
    pub fn push(&mut self, row: &Row) -> Result<(), PackError> {
        let metric = wire(row, self.fold_labels).ok_or(PackError::NotFinite)?;
        let points = metric.points.iter().flatten().count();
        let known = self.by_resource.get(&row.resource).copied();
        let new_resource = if known.is_none() { self.format.resource(&row.resource) } else { Vec::new() };
        let (resource, metrics) = match known {
            Some(index) => (self.groups[index].resource.len(), self.groups[index].metrics.len()),
            None => (new_resource.len(), 0),
        };
        self.scratch.clear();
        self.format.metric(&metric, metrics == 0, &mut self.scratch);
        let before = if known.is_some() { self.format.group_len(resource, metrics) } else { 0 };
        let after = self.format.group_len(resource, metrics + self.scratch.len());
        let group_bytes = self.group_bytes - before + after;
        let groups = self.groups.len() + usize::from(known.is_none());
        if self.points + points > self.limits.points || self.format.request_len(groups, group_bytes) > self.limits.bytes
        {
            return Err(if self.rows == 0 { PackError::TooLarge } else { PackError::Full });
        }
        let index = known.unwrap_or_else(|| {
            self.groups.push(Group { resource: new_resource, metrics: Vec::new() });
            self.by_resource.insert(row.resource.clone(), self.groups.len() - 1);
            self.groups.len() - 1
        });
        self.groups[index].metrics.extend_from_slice(&self.scratch);
        self.group_bytes = group_bytes;
        self.points += points;
        self.rows += 1;
        Ok(())
    }

    /// Rows so far.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Data points on the wire so far.
    pub const fn points(&self) -> usize {
        self.points
    }

    /// Bytes of the request as it is.
    pub fn len(&self) -> usize {
        self.format.request_len(self.groups.len(), self.group_bytes)
    }

    /// Whether no row was taken yet.
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The request's body.
    pub fn finish(self) -> Bytes {
        let length = self.len();
        let body = self.format.request(&self.groups, length);
        debug_assert_eq!(body.len(), length, "the size is known to the byte");
        body.into()
    }
}

fn wire(row: &Row, fold_labels: bool) -> Option<WireMetric<'_>> {
    let point = |value, first, second| Some(WirePoint { value, marks: [first, second] });
    let rated = |kind, rating: Rating| (Some((METRIC_TYPE, kind)), Some((METRIC_RATING, rating.as_str())));
    let mut description = Cow::Borrowed("");
    let points = match &row.body {
        Body::Gauge(value) if value.is_finite() => [point(*value, None, None), None, None],
        Body::Quota { used, limit, rating } if used.is_finite() && limit.is_finite() => {
            let (kind, rating) = rated("quota", *rating);
            let part = |value, name| point(value, Some((QUOTA, name)), None);
            [point(0.0, kind, rating), part(*limit, "limit"), part(*used, "value")]
        }
        Body::Status { rating, text } => {
            description = plain(text);
            let (kind, rating) = rated("status", *rating);
            [point(1.0, kind, rating), None, None]
        }
        Body::Gauge(_) | Body::Quota { .. } => return None,
    };
    Some(WireMetric {
        name: name(row, fold_labels),
        unit: &row.unit,
        description,
        time: row.time.as_nanos(),
        labels: &row.labels,
        points,
    })
}

fn name(row: &Row, fold_labels: bool) -> Cow<'_, str> {
    if !fold_labels || row.labels.is_empty() {
        return Cow::Borrowed(&row.name);
    }
    let labels: Vec<String> = row.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    Cow::Owned(format!("{}{{{}}}", row.name, labels.join(",")))
}

/// A text without the characters that Health Monitoring shows as HTML entities, and not longer than it shows.
/// Source: screenshots of SAP sample XP267.
fn plain(text: &str) -> Cow<'_, str> {
    let odd = |c: char| matches!(c, '<' | '>' | '&' | '"') || c.is_control();
    if !text.contains(odd) && text.len() <= MAX_TEXT {
        return Cow::Borrowed(text);
    }
    let replaced = text.chars().take(MAX_TEXT).map(|c| match c {
        '<' => '‹',
        '>' => '›',
        '&' => '+',
        '"' => '\'',
        c if c.is_control() => ' ',
        c => c,
    });
    Cow::Owned(replaced.collect())
}

#[cfg(test)]
mod tests;
