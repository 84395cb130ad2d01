//! From the values of several series to one: series of an instance first, instances second.
//!
//! What `labels` no longer tells apart within an instance is added unless the rule says otherwise. Across instances it depends on what the
//! value is: rates and counts are added, histograms merged, other gauges averaged, and a quota shows the instance that is fullest.

use super::config::Across;
use super::rules::ValueOf;
use crate::metric::{Labels, MetricKind};

/// Combines values; `None` for none of them.
pub(crate) fn combine(how: Across, values: &[f64]) -> Option<f64> {
    let count = values.len() as f64;
    let value = match how {
        Across::Sum => values.iter().copied().reduce(|a, b| a + b),
        Across::Average | Across::Each => values.iter().copied().reduce(|a, b| a + b).map(|sum| sum / count),
        Across::Min => values.iter().copied().reduce(f64::min),
        Across::Max => values.iter().copied().reduce(f64::max),
    };
    value.filter(|value| value.is_finite())
}

/// How instances are combined when nobody said.
pub(crate) const fn usual(value: ValueOf, kind: MetricKind) -> Across {
    match (value, kind) {
        // A sum that also falls, such as of open connections, is a count as well.
        (ValueOf::Rate | ValueOf::Delta, _) | (ValueOf::Last, MetricKind::Sum { .. }) => Across::Sum,
        (ValueOf::Last | ValueOf::Average, _) => Across::Average,
        (ValueOf::Min, _) => Across::Min,
        (ValueOf::Max | ValueOf::Percentile(_), _) => Across::Max,
    }
}

/// Combines (instance, value) pairs first within each instance, then across them.
pub(crate) fn by_instance(mut values: Vec<(u32, f64)>, within: Across, across: Across) -> Option<f64> {
    values.sort_by_key(|(instance, _)| *instance);
    let each: Vec<f64> = values
        .chunk_by(|(a, _), (b, _)| a == b)
        .filter_map(|chunk| combine(within, &chunk.iter().map(|(_, value)| *value).collect::<Vec<_>>()))
        .collect();
    combine(across, &each)
}

/// What is used, and of how much, across instances.
pub(crate) fn quotas(instances: &[(f64, f64)], across: Option<Across>) -> Option<(f64, f64)> {
    let share = |(used, limit): &(f64, f64)| used / limit;
    let by_share = |a: &&(f64, f64), b: &&(f64, f64)| share(a).total_cmp(&share(b));
    let count = instances.len() as f64;
    let total = || instances.iter().copied().reduce(|a, b| (a.0 + b.0, a.1 + b.1));
    let quota = match across {
        Some(Across::Sum) => total(),
        Some(Across::Average) => total().map(|(used, limit)| (used / count, limit / count)),
        Some(Across::Min) => instances.iter().min_by(by_share).copied(),
        Some(Across::Max | Across::Each) | None => instances.iter().max_by(by_share).copied(),
    };
    quota.filter(|(used, limit)| used.is_finite() && limit.is_finite())
}

/// The labels that both have with equal values.
pub(crate) fn common(a: &Labels, b: &Labels) -> Labels {
    if a == b {
        return a.clone();
    }
    a.iter().filter(|pair| b.contains(pair)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Temporality;

    #[test]
    fn instances_are_combined_after_their_own_series() {
        // Two pods with user and system time each.
        let values = vec![(1, 0.2), (2, 0.5), (1, 0.1), (2, 0.1)];
        let close = |value: Option<f64>, expected: f64| value.is_some_and(|value| (value - expected).abs() < 1e-9);
        assert!(close(by_instance(values.clone(), Across::Sum, Across::Average), 0.45));
        assert!(close(by_instance(values.clone(), Across::Sum, Across::Max), 0.6));
        assert!(close(by_instance(values, Across::Max, Across::Sum), 0.7));
        assert_eq!(by_instance(Vec::new(), Across::Sum, Across::Sum), None);
        assert_eq!(combine(Across::Sum, &[f64::MAX, f64::MAX]), None, "what overflows has no value");
    }

    #[test]
    fn a_quota_shows_the_fullest_instance_unless_told_otherwise() {
        let instances = [(5.0, 10.0), (30.0, 100.0), (8.0, 10.0)];
        assert_eq!(quotas(&instances, None), Some((8.0, 10.0)));
        assert_eq!(quotas(&instances, Some(Across::Min)), Some((30.0, 100.0)));
        assert_eq!(quotas(&instances, Some(Across::Sum)), Some((43.0, 120.0)));
        assert_eq!(quotas(&instances[..2], Some(Across::Average)), Some((17.5, 55.0)));
        assert_eq!(quotas(&[], None), None);
    }

    #[test]
    fn the_usual_way_depends_on_the_value() {
        let up_down = MetricKind::Sum { monotonic: false, temporality: Temporality::Cumulative };
        assert_eq!(usual(ValueOf::Last, MetricKind::Gauge), Across::Average);
        assert_eq!(usual(ValueOf::Last, up_down), Across::Sum);
        assert_eq!(usual(ValueOf::Rate, MetricKind::Summary), Across::Sum);
        assert_eq!(usual(ValueOf::Percentile(95), MetricKind::Summary), Across::Max);
    }

    #[test]
    fn common_labels_are_those_of_both() {
        let labels = |pairs: &[(&str, &str)]| -> Labels {
            pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
        };
        let (a, b) = (labels(&[("host", "1"), ("name", "x")]), labels(&[("host", "2"), ("name", "x")]));
        assert_eq!(common(&a, &b), labels(&[("name", "x")]));
    }
}
