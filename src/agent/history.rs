//! The last values of each row, for the small plots of the page.
//!
//! Bounded twice: [`KEPT`] values a row, and rows only as long as the condenser shows them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::condense::View;
use crate::metric::{Batch, Body, Labels, ServiceName};

/// Values that are kept of a row: five hours at the default push interval.
const KEPT: usize = 60;

type Key = (ServiceName, Arc<str>, Labels);

/// See the module's text.
#[derive(Debug, Clone, Default)]
pub(super) struct History(HashMap<Key, VecDeque<f64>>);

impl History {
    /// Remembers the numbers of a batch that goes out.
    pub(super) fn note(&mut self, batch: &Batch) {
        for row in &batch.rows {
            let value = match &row.body {
                Body::Gauge(value) => *value,
                Body::Quota { used, .. } => *used,
                Body::Status { .. } => continue,
            };
            let values =
                self.0.entry((batch.service.clone(), Arc::clone(&row.name), Arc::clone(&row.labels))).or_default();
            if values.len() == KEPT {
                values.pop_front();
            }
            values.push_back(value);
        }
    }

    /// Forgets the rows that are no longer shown.
    pub(super) fn keep_only(&mut self, view: &View) {
        let shown: HashSet<(&ServiceName, &Arc<str>, &Labels)> = view
            .services
            .iter()
            .flat_map(|service| service.rows.iter().map(|row| (&service.name, &row.name, &row.labels)))
            .collect();
        self.0.retain(|(service, name, labels), _| shown.contains(&(service, name, labels)));
    }

    /// The values of one row, oldest first.
    pub(super) fn of(&self, service: &ServiceName, name: &Arc<str>, labels: &Labels) -> Vec<f64> {
        let key = (service.clone(), Arc::clone(name), Arc::clone(labels));
        self.0.get(&key).map(|values| values.iter().copied().collect()).unwrap_or_default()
    }
}
