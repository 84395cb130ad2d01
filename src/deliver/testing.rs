//! Batches for tests.

use crate::clock::Timestamp;
use crate::metric::{Batch, Body, Class, Rating, Row, ServiceId, ServiceName};

/// The wall time at which tests start, in seconds.
pub(super) const EPOCH: u64 = 1_764_000_000;

pub(super) fn service_id(service: &str) -> ServiceId {
    let number = service.bytes().fold(0_u64, |sum, byte| sum * 256 + u64::from(byte));
    ServiceId::parse(&format!("0f2c8d1e-0000-4000-8000-{:012x}", number & 0xffff_ffff_ffff)).unwrap()
}

pub(super) fn row(name: &str, body: Body, points: u32) -> Row {
    Row {
        name: name.into(),
        unit: "1".into(),
        labels: [].into(),
        resource: [].into(),
        time: Timestamp::UNSET,
        body,
        points,
    }
}

pub(super) fn gauge(name: &str, value: f64) -> Row {
    row(name, Body::Gauge(value), 2)
}

pub(super) fn status(name: &str, rating: Rating) -> Row {
    Row { time: Timestamp::from_secs(EPOCH), ..row(name, Body::Status { rating, text: "because".into() }, 0) }
}

/// A batch `at` seconds after the epoch of the tests; its rows get that time.
pub(super) fn batch(service: &str, class: Class, at: u64, mut rows: Vec<Row>) -> Batch {
    let time = Timestamp::from_secs(EPOCH + at);
    for row in &mut rows {
        row.time = time;
    }
    Batch { service: ServiceName::new(service), service_id: service_id(service), class, time, rows }
}

pub(super) fn fresh(service: &str, at: u64, rows: Vec<Row>) -> Batch {
    batch(service, Class::Fresh, at, rows)
}

pub(super) fn change(service: &str, at: u64, name: &str, rating: Rating) -> Batch {
    batch(service, Class::Status, at, vec![status(name, rating)])
}
