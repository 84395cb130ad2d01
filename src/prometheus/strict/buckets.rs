//! Rules of the rows of one histogram: bounds, counts and sum agree with each other.

use crate::prometheus::error::Rule;
use crate::prometheus::family::Role;
use crate::prometheus::format::Format;

/// Rows of one histogram at one time.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    last: Option<(f64, f64)>,
    count: Option<f64>,
    sum: Option<f64>,
    has_negative_bounds: bool,
}

impl Buckets {
    /// Takes in a row; `bound` is that of a bucket.
    pub(super) fn add(&mut self, role: Role, bound: Option<f64>, value: f64) -> Result<(), Rule> {
        match (role, bound) {
            (Role::Count, _) => self.count = Some(value),
            (Role::Sum, _) => self.sum = Some(value),
            (Role::Bucket, Some(bound)) => {
                self.has_negative_bounds |= bound < 0.0;
                let before = self.last.replace((bound, value));
                if before.is_some_and(|(before, _)| bound <= before) {
                    return Err(Rule::BoundOrder);
                }
                if before.is_some_and(|(_, before)| value < before) {
                    return Err(Rule::BucketsNotCumulative);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Judges the whole. Text asks for the bucket `+Inf` and its agreement with the count; OpenMetrics for more.
    pub(super) fn judge(&self, format: Format, is_gauge: bool) -> Result<(), Rule> {
        if self.last.is_none() && self.count.is_none() && self.sum.is_none() {
            // Nothing but `_created`.
            return Ok(());
        }
        let total = self.last.filter(|(bound, _)| *bound == f64::INFINITY).map(|(_, count)| count);
        let Some(total) = total else { return Err(Rule::MissingInfinityBucket) };
        if self.count.is_some_and(|count| count != total) {
            return Err(Rule::CountMismatch);
        }
        if format == Format::Text {
            return Ok(());
        }
        match (self.sum, self.count) {
            (Some(_), None) => return Err(Rule::SumWithoutCount),
            (None, Some(_)) => return Err(Rule::CountWithoutSum),
            _ => {}
        }
        if self.has_negative_bounds && self.sum.is_some() && !is_gauge {
            return Err(Rule::SumWithNegativeBounds);
        }
        if is_gauge && !self.has_negative_bounds && self.sum.is_some_and(|sum| sum < 0.0) {
            return Err(Rule::NegativeSum);
        }
        Ok(())
    }
}
