use super::*;
use crate::prometheus::Quantile;

fn text(body: &str) -> Page<'_> {
    Page::read(body.as_bytes(), Format::Text, Limits::default())
}

fn open_metrics(body: &str) -> Page<'_> {
    Page::read(body.as_bytes(), Format::OpenMetrics, Limits::default())
}

/// Name, type and number of the metrics that are numbers.
fn numbers<'p>(page: &'p Page<'_>) -> Vec<(&'p str, Type, f64)> {
    page.metrics()
        .filter_map(|metric| match metric.value {
            ValueView::Number(value) => Some((metric.name, metric.kind, value)),
            _ => None,
        })
        .collect()
}

fn only<'p>(page: &'p Page<'_>) -> MetricView<'p> {
    let metrics: Vec<_> = page.metrics().collect();
    assert_eq!(metrics.len(), 1, "{metrics:?}");
    metrics[0]
}

fn histogram<'p>(metric: &MetricView<'p>) -> DistributionView<'p> {
    match metric.value {
        ValueView::Histogram(view) => view,
        other => panic!("no histogram: {other:?}"),
    }
}

#[test]
fn names_stay_as_the_page_has_them() {
    let page =
        open_metrics("# TYPE a counter\n# UNIT a s\n# HELP a help\na_total 1\n# TYPE b gauge\nb 2\nc 3\n# EOF\n");
    assert_eq!(numbers(&page), [("a_total", Type::Counter, 1.0), ("b", Type::Gauge, 2.0), ("c", Type::Unknown, 3.0)]);
    let family = page.metrics().next().unwrap().family;
    assert_eq!((family.unit, family.help.as_deref()), (Some("s"), Some("help")));
    assert_eq!(page.samples(), 3);
}

#[test]
fn a_histogram_is_assembled() {
    let page = text(concat!(
        "# TYPE h histogram\n",
        "h_bucket{le=\"0.1\",x=\"1\"} 2\nh_bucket{le=\"1\",x=\"1\"} 5\nh_bucket{le=\"+Inf\",x=\"1\"} 6\n",
        "h_sum{x=\"1\"} 7.5\nh_count{x=\"1\"} 6\n",
    ));
    let metric = only(&page);
    let view = histogram(&metric);
    assert_eq!((metric.name, metric.kind), ("h", Type::Histogram));
    assert_eq!(metric.labels.iter().map(|label| label.raw()).collect::<Vec<_>>(), [("x", "1")]);
    assert_eq!((view.bounds, view.counts, view.count, view.sum), (&[0.1, 1.0][..], &[2, 3, 1][..], 6, Some(7.5)));
}

#[test]
fn rows_may_come_in_any_order() {
    let page = text(concat!(
        "# TYPE h histogram\n",
        "h_count{b=\"2\",a=\"1\"} 3\nh_count{a=\"9\"} 1\n",
        "h_bucket{a=\"1\",le=\"+Inf\",b=\"2\"} 3\nh_bucket{a=\"9\",le=\"+Inf\"} 1\n",
        "g 1\n",
        "h_bucket{le=\"5\",b=\"2\",a=\"1\"} 2\nh_bucket{le=\"-1\",a=\"1\",b=\"2\"} 1\n",
    ));
    let views: Vec<_> = page.metrics().filter(|metric| metric.name == "h").collect();
    assert_eq!(views.len(), 2);
    assert_eq!((histogram(&views[0]).bounds, histogram(&views[0]).counts), (&[-1.0, 5.0][..], &[1, 1, 1][..]));
    assert_eq!((histogram(&views[1]).bounds, histogram(&views[1]).counts), (&[][..], &[1][..]));
    assert_eq!(histogram(&views[1]).sum, None);
}

#[test]
fn what_is_no_histogram_is_dropped_and_counted() {
    let bodies = [
        "h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 1\n",
        "h_bucket{le=\"1\"} 3\nh_bucket{le=\"+Inf\"} 2\nh_count 2\n",
        "h_bucket{le=\"1\"} 3\nh_bucket{le=\"2\"} 2\nh_count 3\n",
        "h_bucket{le=\"1\"} 3\nh_count 2\n",
        "h_bucket{le=\"1\"} 0.5\nh_count 2\n",
        "h_count NaN\n",
        "h_count -1\n",
        "h_bucket 1\n",
        "h_bucket{le=\"NaN\"} 1\n",
        "h_bucket{le=\"x\"} 1\n",
    ];
    for body in bodies {
        let body = format!("# TYPE h histogram\n{body}");
        let page = text(&body);
        assert_eq!((page.metrics().count(), page.dropped()), (0, 1), "{body}");
    }
}

#[test]
fn a_histogram_agrees_with_itself() {
    // Targets do not write the count and the last bucket at one instant.
    let page =
        text("# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 4\nh_count 5\n");
    let metric = only(&page);
    let view = histogram(&metric);
    assert_eq!((view.counts, view.count), (&[1, 3][..], 4));
    let page = text("# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_count 5\n");
    assert_eq!(histogram(&only(&page)).counts, [1, 4]);
}

#[test]
fn a_gauge_histogram_keeps_its_type() {
    let page = open_metrics("# TYPE g gaugehistogram\ng_bucket{le=\"+Inf\"} 3\ng_gcount 3\ng_gsum -5\n# EOF\n");
    let metric = only(&page);
    assert_eq!(metric.kind, Type::GaugeHistogram);
    assert_eq!(histogram(&metric).sum, Some(-5.0));
}

#[test]
fn a_summary_is_assembled() {
    let page =
        text("# TYPE s summary\ns{quantile=\"0.5\"} NaN\ns{quantile=\"0.99\"} 2\ns_sum 10\ns_count 4\ns{x=\"1\"} 3\n");
    let metric = only(&page);
    let ValueView::Summary(view) = metric.value else { panic!("no summary: {metric:?}") };
    assert_eq!((view.count, view.sum, metric.labels.is_empty()), (4, Some(10.0), true));
    assert!(view.quantiles[0].value.is_nan());
    assert_eq!(view.quantiles[1], Quantile { quantile: 0.99, value: 2.0 });
    assert_eq!(page.dropped(), 1, "the row without quantile");
    assert_eq!(text("# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 10\n").dropped(), 1);
}

#[test]
fn created_is_a_start_in_open_metrics() {
    let page = open_metrics(concat!(
        "# TYPE c counter\nc_total{a=\"1\"} 5\nc_created{a=\"1\"} 1520430000.5\nc_total{a=\"2\"} 6\n",
        "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_count 1\nh_sum 1\nh_created 12\n",
        "# TYPE s summary\ns_count 1\ns_created NaN\n# EOF\n",
    ));
    let starts: Vec<_> =
        page.metrics().map(|metric| (metric.name, metric.start.and_then(Timestamp::unix_nanos))).collect();
    assert_eq!(
        starts,
        [("c_total", Some(1_520_430_000_500_000_000)), ("c_total", None), ("h", Some(12_000_000_000)), ("s", None)]
    );
}

#[test]
fn created_is_a_start_in_text_where_its_metric_exists() {
    let page = text(concat!(
        "# TYPE early_created gauge\nearly_created 3\n",
        "# TYPE c_total counter\nc_total{a=\"1\",b=\"2\"} 5\n# TYPE c_created gauge\nc_created{b=\"2\",a=\"1\"} 7\n",
        "# TYPE h histogram\nh_bucket{le=\"+Inf\",x=\"1\"} 1\nh_count{x=\"1\"} 1\n# TYPE h_created gauge\nh_created{x=\"1\"} 8\n",
        "# TYPE s summary\ns_count 1\ns_created 9\n",
        "# TYPE kube_pod_created gauge\nkube_pod_created 1\n# TYPE early counter\nearly 1\n",
        "# TYPE g gauge\ng 1\ng_created 2\n",
    ));
    let starts: Vec<_> =
        page.metrics().map(|metric| (metric.name, metric.start.map(Timestamp::unix_seconds))).collect();
    assert_eq!(
        starts,
        [
            ("c_total", Some(7.0)),
            ("kube_pod_created", None),
            ("early", Some(3.0)),
            ("g", None),
            ("g_created", None),
            ("h", Some(8.0)),
            ("s", Some(9.0)),
        ]
    );
}

#[test]
fn the_target_describes_itself() {
    let page = open_metrics("# TYPE target info\ntarget_info{host=\"a\"} 1\n# TYPE b info\nb_info{v=\"1\"} 1\n# EOF\n");
    assert_eq!(page.target_info().unwrap().get("host").as_deref(), Some("a"));
    assert_eq!(numbers(&page), [("b_info", Type::Info, 1.0)]);
    assert!(text("# TYPE target_info gauge\ntarget_info{host=\"a\"} 1\n").target_info().is_some());
}

#[test]
fn states_keep_their_label() {
    let page = open_metrics("# TYPE s stateset\ns{s=\"on\"} 1\ns{s=\"off\"} 0\n# EOF\n");
    assert_eq!(numbers(&page), [("s", Type::StateSet, 1.0), ("s", Type::StateSet, 0.0)]);
    assert_eq!(page.metrics().next().unwrap().labels.get("s").as_deref(), Some("on"));
}

#[test]
fn a_sample_that_its_type_does_not_know_is_unknown() {
    assert_eq!(numbers(&text("# TYPE h histogram\nh 1\n")), [("h", Type::Unknown, 1.0)]);
}

#[test]
fn errors_are_counted_and_the_first_are_kept() {
    let page = text(&"bad\n".repeat(50)).errors().len();
    assert_eq!(page, ERRORS_KEPT);
    let body = format!("{}good 1\n", "bad\n".repeat(50));
    let page = text(&body);
    assert_eq!((page.error_count(), page.samples()), (50, 1));
    assert_eq!(page.errors()[19].line, 20);
}

#[test]
fn times_are_those_of_the_page() {
    let page = text("a 1 1500\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1 2500\nh_count 1 2500\n");
    let times: Vec<_> = page.metrics().map(|metric| metric.timestamp.map(Timestamp::unix_seconds)).collect();
    assert_eq!(times, [Some(1.5), Some(2.5)]);
}
