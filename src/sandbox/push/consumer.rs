//! The consumer: what Health Monitoring makes of an accepted push.
//!
//! Owns the three kinds of metrics (gauge, status, quota) and their shapes, as SAP's sample commands send them, the age window, and the
//! label. In production it runs after the request was answered, so its complaints reach nobody but the page; with `dev=true` they are the
//! answer. Promises that each refused metric has one complaint and that nothing of it is shown, while the others are.

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::model::{Attribute, Data, Metric, Number, Point, Push};
use crate::clock::Timestamp;
use crate::sandbox::health::{Kind, Rating, Reading, RowKey, Sample};
use crate::sandbox::knobs::limits::{LabelFrom, Limits};

/// The attribute that makes a gauge a status or a quota.
const TYPE: &str = "sap.calm.hm.metric.type";
/// The attribute that rates it.
const RATING: &str = "sap.calm.hm.metric.rating";
/// The attribute that tells the parts of a quota apart.
const QUOTA: &str = "sap.calm.hm.quota";
/// What all attributes of Health Monitoring begin with; they never become labels.
const RESERVED: &str = "sap.calm.";

/// The values of a push, and the complaints.
#[derive(Debug, Default)]
pub(crate) struct Consumed {
    /// What will be shown.
    pub(crate) samples: Vec<Sample>,
    /// One complaint for each metric that will not.
    pub(crate) errors: Vec<String>,
}

/// Sorts a push into what is shown and what is not.
pub(crate) fn consume(push: Push, limits: &Limits, now: Timestamp) -> Consumed {
    let mut consumed = Consumed::default();
    for metric in push.metrics {
        match sample(&metric, limits, now) {
            Ok(mut samples) => consumed.samples.append(&mut samples),
            Err(error) => consumed.errors.push(format!("metric '{}': {error}", metric.name)),
        }
    }
    consumed
}

fn sample(metric: &Metric, limits: &Limits, now: Timestamp) -> Result<Vec<Sample>, String> {
    if metric.name.trim().is_empty() {
        return Err("the name is empty".to_owned());
    }
    let points = match &metric.data {
        Data::Gauge(points) => points,
        Data::Other(kind, _) => return Err(format!("metric type {kind} is not supported, only gauge is")),
        Data::Missing => return Err("it has no data".to_owned()),
    };
    if points.is_empty() {
        return Err("it has no data points".to_owned());
    }
    for point in points {
        in_window(point, limits, now)?;
    }
    let reader = Reader { metric, limits, now };
    if points.iter().any(|point| point.attribute(QUOTA).is_some()) {
        return Ok(vec![reader.quota(points)?]);
    }
    match points.iter().find_map(|point| point.attribute(TYPE)) {
        Some("status") => Ok(vec![reader.status(points)?]),
        Some("quota") => Ok(vec![reader.quota(points)?]),
        Some(other) => Err(format!("{TYPE} '{other}' is not known")),
        None => reader.gauges(points),
    }
}

fn in_window(point: &Point, limits: &Limits, now: Timestamp) -> Result<(), String> {
    let time = Timestamp(point.time);
    if !time.is_set() {
        return Ok(());
    }
    if now.since(time) > Duration::from_secs(limits.max_age_seconds) {
        return Err(format!("a point of {time} is older than {} s", limits.max_age_seconds));
    }
    if time.since(now) > Duration::from_secs(limits.max_future_seconds) {
        return Err(format!("a point of {time} is more than {} s in the future", limits.max_future_seconds));
    }
    Ok(())
}

struct Reader<'a> {
    metric: &'a Metric,
    limits: &'a Limits,
    now: Timestamp,
}

impl Reader<'_> {
    fn gauges(&self, points: &[Point]) -> Result<Vec<Sample>, String> {
        if points.len() > 1 && self.limits.one_point_per_gauge {
            return Err(format!("a gauge has one data point, this one has {}", points.len()));
        }
        points.iter().map(|point| self.gauge(point)).collect()
    }

    fn gauge(&self, point: &Point) -> Result<Sample, String> {
        let rating = match point.attribute(RATING) {
            Some(_) if self.limits.rating_on_gauge => rating(point)?,
            _ => Rating::Info,
        };
        let reading = self.reading(point, value(point)?, rating);
        Ok(self.sample(Kind::Performance, point, reading))
    }

    fn status(&self, points: &[Point]) -> Result<Sample, String> {
        let [point] = points else {
            return Err(format!("a status has one data point, this one has {}", points.len()));
        };
        if value(point)? != 1.0 {
            return Err("the value of a status is 1".to_owned());
        }
        let mut reading = self.reading(point, 1.0, rating(point)?);
        reading.text.clone_from(&self.metric.description);
        Ok(self.sample(Kind::Status, point, reading))
    }

    fn quota(&self, points: &[Point]) -> Result<Sample, String> {
        let [_, _, _] = points else {
            return Err(format!("a quota has three data points, this one has {}", points.len()));
        };
        let part = |name: &str, found: Option<&'_ Point>| match found {
            Some(point) => value(point),
            None => Err(format!("a quota needs a point with {name}")),
        };
        let head =
            points.iter().find(|point| point.attribute(TYPE) == Some("quota") && point.attribute(QUOTA).is_none());
        let of = |kind: &str| points.iter().find(|point| point.attribute(QUOTA) == Some(kind));
        if part(&format!("{TYPE}=quota"), head)? != 0.0 {
            return Err("the value of a quota's first point is 0".to_owned());
        }
        let (limit, used) =
            (part(&format!("{QUOTA}=limit"), of("limit"))?, part(&format!("{QUOTA}=value"), of("value"))?);
        if self.metric.unit.is_empty() {
            return Err("a quota needs a unit".to_owned());
        }
        let labels: Vec<Vec<&Attribute>> = points.iter().map(own).collect();
        if labels.iter().any(|label| *label != labels[0]) {
            return Err("the three points of a quota must have equal attributes".to_owned());
        }
        let Some(head) = head else { return Err("a quota needs a rated point".to_owned()) };
        let newest = points.iter().map(|point| point.time).max().unwrap_or_default();
        let mut reading = self.reading(&Point { time: newest, ..head.clone() }, used, rating(head)?);
        reading.limit = Some(limit);
        Ok(self.sample(Kind::Quota, head, reading))
    }

    fn reading(&self, point: &Point, value: f64, rating: Rating) -> Reading {
        // No time means now: three of SAP's own commands send none.
        let time = if point.time == 0 { self.now } else { Timestamp(point.time) };
        Reading { time, value, limit: None, rating, text: String::new() }
    }

    fn sample(&self, kind: Kind, point: &Point, reading: Reading) -> Sample {
        Sample {
            key: RowKey {
                name: self.metric.name.clone(),
                label: label(point, &self.metric.resource, self.limits.label_from),
            },
            kind,
            unit: self.metric.unit.clone(),
            description: self.metric.description.clone(),
            reading,
        }
    }
}

fn value(point: &Point) -> Result<f64, String> {
    match point.value {
        Number::Double(value) if value.is_finite() => Ok(value),
        Number::Double(value) => Err(format!("the value {value} is not a finite number")),
        Number::Int(_) => Err("asInt is not supported, only asDouble is".to_owned()),
        Number::Missing => Err("a data point has no value".to_owned()),
    }
}

fn rating(point: &Point) -> Result<Rating, String> {
    let text = point.attribute(RATING).ok_or_else(|| format!("{RATING} is missing"))?;
    Rating::parse(text).ok_or_else(|| format!("{RATING} '{text}' is not known"))
}

/// The attributes that become labels, by key.
fn own(point: &Point) -> Vec<&Attribute> {
    let mut own: Vec<&Attribute> = point.attributes.iter().filter(|(key, _)| !key.starts_with(RESERVED)).collect();
    own.sort();
    own
}

/// `Key:Value;Key:Value`, and `:` for none, as the application's table shows it.
fn label(point: &Point, resource: &[Attribute], from: LabelFrom) -> String {
    let mut parts = match from {
        LabelFrom::Nothing => Vec::new(),
        LabelFrom::Point | LabelFrom::PointAndResource => own(point),
    };
    if from == LabelFrom::PointAndResource {
        let mut more: Vec<&Attribute> = resource.iter().filter(|(key, _)| !key.starts_with(RESERVED)).collect();
        more.sort();
        parts.extend(more);
    }
    if parts.is_empty() {
        return ":".to_owned();
    }
    parts.into_iter().map(|(key, value)| format!("{key}:{value}")).collect::<Vec<_>>().join(";")
}
