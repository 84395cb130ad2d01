//! Whole pages written from a model: both readers accept them, and what is assembled is the model.

use std::fmt::Write as _;

use proptest::prelude::*;

use crate::prometheus::*;

/// A metric as the model has it, without its name.
#[derive(Debug, Clone)]
enum Model {
    Gauge(i32),
    Counter { total: u32, start: Option<u32> },
    Histogram { counts: Vec<u8>, sum: u32, start: Option<u32> },
    Summary { values: Vec<u8>, count: u32, sum: u32 },
}

/// One family: a metric for each label set.
#[derive(Debug, Clone)]
struct ModelFamily {
    metrics: Vec<Model>,
    /// Place of `le` and `quantile` among the labels.
    key_first: bool,
}

fn metric() -> impl Strategy<Value = [Model; 4]> {
    let start = || prop::option::of(1u32..2_000_000_000);
    let gauge = any::<i32>().prop_map(Model::Gauge);
    let counter = (any::<u32>(), start()).prop_map(|(total, start)| Model::Counter { total, start });
    let histogram = (prop::collection::vec(any::<u8>(), 1..6), any::<u32>(), start())
        .prop_map(|(counts, sum, start)| Model::Histogram { counts, sum, start });
    let summary = (prop::collection::vec(any::<u8>(), 0..5), any::<u32>(), any::<u32>())
        .prop_map(|(values, count, sum)| Model::Summary { values, count, sum });
    (gauge, counter, histogram, summary).prop_map(Into::into)
}

fn family() -> impl Strategy<Value = ModelFamily> {
    (prop::collection::vec(metric(), 1..4), 0usize..4, any::<bool>()).prop_map(|(columns, kind, key_first)| {
        ModelFamily { metrics: columns.into_iter().map(|column| column[kind].clone()).collect(), key_first }
    })
}

/// Writes families as `format` has them, named by their position.
struct Writer {
    format: Format,
    page: String,
}

impl Writer {
    fn family(&mut self, index: usize, family: &ModelFamily) {
        let kind = match family.metrics[0] {
            Model::Gauge(_) => "gauge",
            Model::Counter { .. } => "counter",
            Model::Histogram { .. } => "histogram",
            Model::Summary { .. } => "summary",
        };
        let is_text = self.format == Format::Text;
        let suffix = if is_text && kind == "counter" { "_total" } else { "" };
        writeln!(self.page, "# HELP m{index}{suffix} Number {index}.\n# TYPE m{index}{suffix} {kind}").unwrap();
        for (set, metric) in family.metrics.iter().enumerate() {
            self.metric(&format!("m{index}"), set, metric, family.key_first);
        }
        // Text has starts as a family of their own.
        let starts: Vec<_> =
            family.metrics.iter().enumerate().filter_map(|(set, metric)| Some((set, start_of(metric)?))).collect();
        if is_text && !starts.is_empty() {
            writeln!(self.page, "# TYPE m{index}_created gauge").unwrap();
            for (set, start) in starts {
                writeln!(self.page, "m{index}_created{{set=\"{set}\",x=\"y\"}} {start}").unwrap();
            }
        }
    }

    fn metric(&mut self, name: &str, set: usize, metric: &Model, key_first: bool) {
        let labels = format!("set=\"{set}\",x=\"y\"");
        let keyed = |key: String| if key_first { format!("{key},{labels}") } else { format!("{labels},{key}") };
        let page = &mut self.page;
        match metric {
            Model::Gauge(value) => writeln!(page, "{name}{{{labels}}} {value}").unwrap(),
            Model::Counter { total, .. } => writeln!(page, "{name}_total{{{labels}}} {total}").unwrap(),
            Model::Histogram { counts, sum, .. } => {
                let mut below = 0;
                for (bound, count) in counts.iter().enumerate() {
                    below += u32::from(*count);
                    let bound = if bound + 1 == counts.len() { "+Inf".to_owned() } else { format!("{bound}.5") };
                    writeln!(page, "{name}_bucket{{{}}} {below}", keyed(format!("le=\"{bound}\""))).unwrap();
                }
                writeln!(page, "{name}_count{{{labels}}} {below}\n{name}_sum{{{labels}}} {sum}").unwrap();
            }
            Model::Summary { values, count, sum } => {
                for (index, value) in values.iter().enumerate() {
                    writeln!(page, "{name}{{{}}} {value}", keyed(format!("quantile=\"0.{index}\""))).unwrap();
                }
                writeln!(page, "{name}_count{{{labels}}} {count}\n{name}_sum{{{labels}}} {sum}").unwrap();
            }
        }
        if self.format == Format::OpenMetrics
            && let Some(start) = start_of(metric)
        {
            writeln!(self.page, "{name}_created{{{labels}}} {start}").unwrap();
        }
    }
}

fn start_of(metric: &Model) -> Option<u32> {
    match metric {
        Model::Counter { start, .. } | Model::Histogram { start, .. } => *start,
        Model::Gauge(_) | Model::Summary { .. } => None,
    }
}

fn is_as_modelled(view: &MetricView<'_>, metric: &Model) -> bool {
    let start = view.start.map(Timestamp::unix_seconds) == start_of(metric).map(f64::from);
    let value = match (&view.value, metric) {
        (ValueView::Number(value), Model::Gauge(expected)) => {
            view.kind == Type::Gauge && *value == f64::from(*expected)
        }
        (ValueView::Number(value), Model::Counter { total, .. }) => {
            view.kind == Type::Counter && *value == f64::from(*total)
        }
        (ValueView::Histogram(view), Model::Histogram { counts, sum, .. }) => {
            view.counts.iter().copied().eq(counts.iter().copied().map(u64::from))
                && view.bounds.iter().enumerate().all(|(index, bound)| *bound == index as f64 + 0.5)
                && view.sum == Some(f64::from(*sum))
        }
        (ValueView::Summary(view), Model::Summary { values, count, sum }) => {
            view.quantiles.iter().map(|quantile| quantile.value).eq(values.iter().copied().map(f64::from))
                && view.count == u64::from(*count)
                && view.sum == Some(f64::from(*sum))
        }
        _ => false,
    };
    start && value
}

proptest! {
    #[test]
    fn pages_come_back_as_their_model(families in prop::collection::vec(family(), 0..6), is_text in any::<bool>()) {
        let format = if is_text { Format::Text } else { Format::OpenMetrics };
        let mut writer = Writer { format, page: String::new() };
        for (index, family) in families.iter().enumerate() {
            writer.family(index, family);
        }
        if format == Format::OpenMetrics {
            writer.page.push_str("# EOF\n");
        }
        let body = writer.page;
        let errors: Vec<_> = Strict::new(body.as_bytes(), format).filter_map(Result::err).collect();
        prop_assert!(errors.is_empty(), "{errors:?}\n{body}");

        let page = Page::read(body.as_bytes(), format, Limits::default());
        prop_assert_eq!((page.error_count(), page.dropped()), (0, 0));
        let views: Vec<_> = page.metrics().collect();
        prop_assert_eq!(views.len(), families.iter().map(|family| family.metrics.len()).sum::<usize>());
        for (index, family) in families.iter().enumerate() {
            for (set, metric) in family.metrics.iter().enumerate() {
                let names = [format!("m{index}"), format!("m{index}_total")];
                let view = views.iter().find(|view| {
                    names.iter().any(|name| name == view.name) && view.labels.get("set").as_deref() == Some(set.to_string().as_str())
                });
                prop_assert!(view.is_some_and(|view| is_as_modelled(view, metric)), "{metric:?}: {view:?}\n{body}");
            }
        }
    }

    #[test]
    fn the_order_of_labels_does_not_matter(order in Just(vec!["a=\"1\"", "b=\"2\"", "c=\"3\"", "le=\"+Inf\""]).prop_shuffle()) {
        let body = format!(
            "# TYPE h histogram\nh_bucket{{b=\"2\",a=\"1\",le=\"1\",c=\"3\"}} 1\nother 1\nh_bucket{{{}}} 3\nh_count{{c=\"3\",a=\"1\",b=\"2\"}} 3\n",
            order.join(",")
        );
        let page = Page::read(body.as_bytes(), Format::Text, Limits::default());
        let histograms: Vec<_> = page.metrics().filter(|metric| metric.kind == Type::Histogram).collect();
        prop_assert_eq!(histograms.len(), 1);
        match histograms[0].value {
            ValueView::Histogram(view) => prop_assert_eq!(view.counts, &[1, 2][..]),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
