//! What holds for any input.

use proptest::prelude::*;

use super::kit::*;
use crate::condense::*;
use crate::metric::*;

/// Something that can come in.
#[derive(Debug, Clone)]
enum Step {
    Gauge { source: u32, name: u8, label: u8, value: f64 },
    Counter { name: u8, label: u8, value: f64, start: Option<u64> },
    Histogram { counts: [u64; 3], delta: bool },
    Stale { name: u8, label: u8 },
    Unrouted,
    Complete { source: u32, label: u8 },
    Ended { source: u32 },
    Close,
    Reload { rules: bool, second: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let value = prop_oneof![4 => -1e3..1e9_f64, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)];
    prop_oneof![
        6 => (0_u32..3, 0_u8..4, 0_u8..4, value)
            .prop_map(|(source, name, label, value)| Step::Gauge { source, name, label, value }),
        6 => (0_u8..4, 0_u8..4, 0.0..1e6_f64, proptest::option::of(0_u64..100))
            .prop_map(|(name, label, value, start)| Step::Counter { name, label, value, start }),
        3 => (prop::array::uniform3(0_u64..50), any::<bool>()).prop_map(|(counts, delta)| Step::Histogram { counts, delta }),
        1 => (0_u8..4, 0_u8..4).prop_map(|(name, label)| Step::Stale { name, label }),
        1 => Just(Step::Unrouted),
        2 => (0_u32..3, 0_u8..4).prop_map(|(source, label)| Step::Complete { source, label }),
        1 => (0_u32..3).prop_map(|source| Step::Ended { source }),
        2 => Just(Step::Close),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(rules, second)| Step::Reload { rules, second }),
    ]
}

fn setting(with_rules: bool, second: bool) -> Config {
    let mut one = source("orders", "one", SourceKind::Push);
    if with_rules {
        one.rules = rules(
            r#"
            [[rule]]
            select = "g0"
            as = "quota"
            limit = "g1"
            [[rule]]
            select = "g2"
            as = "status"
            warning = "> 5"
            [[rule]]
            select = "c*"
            labels = []
            "#,
        );
    }
    let mut sources = vec![one];
    if second {
        sources.push(source("orders", "two", SourceKind::Pull));
    }
    let mut config = config(sources);
    // Small enough that both bounds are met.
    config.services[0].max_metrics = 8;
    config.max_state_bytes = 30_000;
    config
}

fn block(step: &Step, time: u64) -> Option<(Block, u64)> {
    let labels = |label: u8| [("l", ["a", "b", "c", "d"][usize::from(label)])];
    let mut block = Block(PointsBuilder::new());
    match *step {
        Step::Gauge { source, name, label, value } => {
            block.resource(source, &[("service.name", "o")]);
            block.metric(&format!("g{name}"), "", MetricKind::Gauge).point(&labels(label), None, time, value);
        }
        Step::Counter { name, label, value, start } => {
            block.resource(0, &[("service.name", "o")]);
            let start = start.map(|back| time.saturating_sub(back));
            block.metric(&format!("c{name}"), "", CUMULATIVE).point(&labels(label), start, time, value);
        }
        Step::Histogram { counts, delta } => {
            block.resource(0, &[("service.name", "o")]);
            let temporality = if delta { Temporality::Delta } else { Temporality::Cumulative };
            block.metric("h", "ms", MetricKind::Histogram(temporality)).histogram(&[], time, &counts, 10.0);
        }
        Step::Stale { name, label } => {
            block.resource(0, &[("service.name", "o")]);
            block.metric(&format!("g{name}"), "", MetricKind::Gauge).ended(&labels(label), time);
        }
        Step::Unrouted => {
            block.0.resource(Resource::default());
            block.metric("g0", "", MetricKind::Gauge).point(&[], None, time, 1.0);
        }
        Step::Complete { source, label } => {
            block.resource(source, &[("service.name", "o")]);
            block.metric("g3", "", MetricKind::Gauge).point(&labels(label), None, time, 1.0).point(
                &labels(label),
                None,
                time,
                2.0,
            );
            return Some((block.complete(), 2));
        }
        Step::Ended { .. } | Step::Close | Step::Reload { .. } => return None,
    }
    Some((block, 1))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Each accepted point has exactly one fate, at any time, whatever comes in; and no row shows a number that is none, or a negative rate.
    #[test]
    fn each_point_has_exactly_one_fate(steps in prop::collection::vec(step(), 1..80)) {
        let mut kit = Kit::new(setting(true, true));
        let (mut accepted, mut represented, mut time) = (0, 0, 1);
        for step in steps {
            time = kit.now.max(time) + 3;
            let rows = match &step {
                Step::Close => kit.close(),
                Step::Ended { source } => kit.apply(time, &Entry::Ended(SourceId(*source))),
                Step::Reload { rules, second } => {
                    let effects = kit.condenser.reconfigure(setting(*rules, *second), at(time)).unwrap();
                    kit.told(effects)
                }
                other => {
                    let (block, points) = block(other, time).unwrap();
                    accepted += points;
                    kit.push(time, block)
                }
            };
            for row in &rows {
                represented += u64::from(row.points);
                match &row.body {
                    Body::Gauge(value) => {
                        prop_assert!(value.is_finite());
                        prop_assert!(*value >= 0.0 || !row.name.ends_with("rate"), "{} = {value}", row.name);
                    }
                    Body::Quota { used, limit, .. } => prop_assert!(used.is_finite() && limit.is_finite() && *limit > 0.0),
                    Body::Status { .. } => prop_assert_eq!(row.points, 0),
                }
            }
            let fates = kit.fates;
            prop_assert_eq!(
                accepted,
                represented + fates.merged + fates.dropped_total() + kit.condenser.pending_points(),
                "after {:?}: {:?}", step, fates
            );
        }
        let effects = kit.condenser.stop(at(time + 1));
        let rows = kit.told(effects);
        represented += rows.iter().map(|row| u64::from(row.points)).sum::<u64>();
        prop_assert_eq!(kit.condenser.pending_points(), 0);
        prop_assert_eq!(accepted, represented + kit.fates.merged + kit.fates.dropped_total());
    }

    /// The same calls in the same order bring about the same.
    #[test]
    fn it_is_a_function(steps in prop::collection::vec(step(), 1..40)) {
        let run = |steps: &[Step]| {
            let mut kit = Kit::new(setting(true, true));
            let mut rows = Vec::new();
            for step in steps {
                let time = kit.now + 3;
                match block(step, time) {
                    Some((block, _)) => rows.extend(kit.push(time, block)),
                    None => rows.extend(kit.close()),
                }
            }
            rows
        };
        prop_assert_eq!(run(&steps), run(&steps));
    }

    /// A counter that restarts at random never shows more than its steepest step, with or without start times, seen through whole windows.
    #[test]
    fn no_spike_across_restarts(steps in prop::collection::vec((1_u64..40, 0_u32..100, 0_u8..8), 2..60), says_start: bool) {
        let mut kit = Kit::new(pushed(|_| {}));
        let (mut value, mut start, mut steepest, mut time) = (1e9, 0, 0.0_f64, 0);
        for (seconds, growth, event) in steps {
            time = kit.now.max(time) + seconds;
            if event == 0 {
                (value, start) = (0.0, time - seconds);
            }
            value += f64::from(growth);
            steepest = steepest.max(f64::from(growth) / seconds as f64);
            let mut block = Block::new(&[("service.name", "o")]);
            let start = (says_start && start > 0).then_some(start);
            block.metric("c", "", CUMULATIVE).point(&[], start, time, value);
            let mut rows = kit.push(time, block);
            if event == 1 {
                rows.extend(kit.close());
            }
            for row in rows {
                if let Body::Gauge(rate) = row.body {
                    prop_assert!(rate >= 0.0 && rate <= steepest * (1.0 + 1e-6), "{rate} > {steepest}");
                }
            }
        }
    }
}
