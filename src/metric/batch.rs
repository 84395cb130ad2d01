//! What goes out: rows of the three kinds that Health Monitoring understands, batched for one service.
//!
//! Source of the kinds: SAP sample XP267 (gauge, status, quota) as the exporter writes them. A row is one metric entry on the wire.

use std::sync::Arc;

use super::{Rating, ServiceId, ServiceName};
use crate::clock::Timestamp;

/// Attributes as text, sorted by key. Shared: many rows have the same.
pub type Labels = Arc<[(Arc<str>, Arc<str>)]>;

/// One metric entry: a name, a set of attributes, and one value.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The metric's name, stable: events and thresholds in Cloud ALM hang on it.
    pub name: Arc<str>,
    /// Its unit as it is shown; empty for a status.
    pub unit: Arc<str>,
    /// Attributes of the point.
    pub labels: Labels,
    /// Attributes of the resource.
    pub resource: Labels,
    /// When it was so.
    pub time: Timestamp,
    /// The value.
    pub body: Body,
    /// How many accepted data points this row stands for; zero for what the agent made itself.
    pub points: u32,
}

/// The value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A number. Never NaN or infinite: JSON has no such number.
    Gauge(f64),
    /// A number of its natural maximum.
    Quota {
        /// What is used.
        used: f64,
        /// Of how much.
        limit: f64,
        /// How that is rated.
        rating: Rating,
    },
    /// A state.
    Status {
        /// How it is rated.
        rating: Rating,
        /// One sentence for a person.
        text: Arc<str>,
    },
}

/// Which of a service's batches goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Statuses: changes at once, and repeated each push interval.
    Status,
    /// The window that has just closed.
    Fresh,
    /// Older windows.
    Backlog,
}

/// Rows of one service, on their way as one request or several.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The service.
    pub service: ServiceName,
    /// Its object in Landscape Management.
    pub service_id: ServiceId,
    /// Its place in the order.
    pub class: Class,
    /// When its window closed, or its status changed: its age counts from here.
    pub time: Timestamp,
    /// What it carries.
    pub rows: Vec<Row>,
}

impl Batch {
    /// How many accepted data points it stands for.
    pub fn points(&self) -> u64 {
        self.rows.iter().map(|row| u64::from(row.points)).sum()
    }

    /// How many data points it has on the wire: a quota has three.
    pub fn wire_points(&self) -> usize {
        self.rows.iter().map(|row| row.body.wire_points()).sum()
    }
}

impl Body {
    /// How many data points it has on the wire.
    pub const fn wire_points(&self) -> usize {
        match self {
            Self::Gauge(_) | Self::Status { .. } => 1,
            Self::Quota { .. } => 3,
        }
    }

    /// Its rating, if it has one.
    pub const fn rating(&self) -> Option<Rating> {
        match self {
            Self::Gauge(_) => None,
            Self::Quota { rating, .. } | Self::Status { rating, .. } => Some(*rating),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_counts_three_on_the_wire_and_what_it_stands_for_in_the_ledger() {
        let row = |body, points| Row {
            name: "m".into(),
            unit: "1".into(),
            labels: [].into(),
            resource: [].into(),
            time: Timestamp::UNSET,
            body,
            points,
        };
        let batch = Batch {
            service: ServiceName::new("orders"),
            service_id: ServiceId::parse("0f2c8d1e-0000-4000-8000-0123456789ab").unwrap(),
            class: Class::Fresh,
            time: Timestamp::UNSET,
            rows: vec![
                row(Body::Gauge(1.0), 1),
                row(Body::Quota { used: 1.0, limit: 2.0, rating: Rating::Ok }, 2),
                row(Body::Status { rating: Rating::Ok, text: "fine".into() }, 0),
            ],
        };
        assert_eq!((batch.points(), batch.wire_points()), (3, 5));
    }
}
