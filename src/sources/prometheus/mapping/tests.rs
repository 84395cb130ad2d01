use super::super::tests::config;
use super::*;
use crate::sources::tests::lines;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_secs(1_764_065_400);

fn mapping() -> Mapping {
    Mapping::new(&config("http://127.0.0.1:9100/metrics"), "127.0.0.1:9100")
}

fn text(body: &str) -> Mapped {
    mapping().map(body.as_bytes(), Format::Text, NOW)
}

fn open(body: &str) -> Mapped {
    mapping().map(format!("{body}# EOF\n").as_bytes(), Format::OpenMetrics, NOW)
}

fn kinds(mapped: &Mapped) -> Vec<MetricKind> {
    mapped.points.metrics().iter().map(|metric| metric.kind).collect()
}

const COUNTER: MetricKind = MetricKind::Sum { monotonic: true, temporality: Temporality::Cumulative };
const STATE: MetricKind = MetricKind::Sum { monotonic: false, temporality: Temporality::Cumulative };

#[test]
fn names_labels_and_kinds_are_kept() {
    let mapped = text(
        "# HELP http_requests_total Requests so far.\n# TYPE http_requests_total counter\n\
         http_requests_total{code=\"200\",empty=\"\"} 1027\nhttp_requests_total{code=\"500\"} 3\n\
         # TYPE temperature gauge\ntemperature -1.5\nplain 7\n",
    );
    assert_eq!(
        lines(&mapped.points),
        [
            "http_requests_total{code=200}  1027",
            "http_requests_total{code=500}  3",
            "temperature{}  -1.5",
            "plain{}  7"
        ]
    );
    assert_eq!(kinds(&mapped), [COUNTER, MetricKind::Gauge, MetricKind::Gauge]);
    let points = &mapped.points;
    assert_eq!(points.text(points.metrics()[0].description), "Requests so far.");
    assert_eq!(points.text(points.metrics()[0].scope), "calm-agent");
    assert!(points.is_complete());
    assert!(points.points().iter().all(|point| point.time == NOW && !point.start.is_set()));
}

#[test]
fn the_resource_is_the_target_and_what_it_says_of_itself() {
    let mapped =
        open("# TYPE target info\ntarget_info{service_version=\"1.2\",job=\"x\",empty=\"\"} 1\n# TYPE a gauge\na 1\n");
    let points = &mapped.points;
    let resource: Vec<_> = points.attributes(points.resources()[0].attributes).iter().map(Result::unwrap).collect();
    assert_eq!(
        resource,
        [
            ("service.instance.id", AttributeValue::String("127.0.0.1:9100")),
            ("server.address", AttributeValue::String("127.0.0.1")),
            ("server.port", AttributeValue::Int(9100)),
            ("url.scheme", AttributeValue::String("http")),
            ("service_version", AttributeValue::String("1.2")),
        ]
    );
    assert_eq!(lines(points), ["a{}  1"]);
    assert_eq!(points.resources()[0].source, Some(SourceId(4)));
}

#[test]
fn job_and_instance_of_a_page_stand_aside_unless_they_are_honoured() {
    let page = "up{job=\"a\",instance=\"b:1\"} 1\nx{job=\"a\",exported_job=\"z\"} 1\n";
    assert_eq!(
        lines(&text(page).points),
        ["up{exported_job=a,exported_instance=b:1}  1", "x{exported_exported_job=a,exported_job=z}  1"]
    );
    let honoured = Mapping { honor_labels: true, ..mapping() };
    let mapped = honoured.map(page.as_bytes(), Format::Text, NOW);
    assert_eq!(lines(&mapped.points)[0], "up{job=a,instance=b:1}  1");
}

#[test]
fn openmetrics_brings_units_starts_states_and_infos() {
    let mapped = open(
        "# TYPE wait_seconds counter\n# UNIT wait_seconds seconds\nwait_seconds_total 4.5\n\
         wait_seconds_created 1764000000.5\n# TYPE build info\nbuild_info{version=\"1\"} 1\n\
         # TYPE mode stateset\nmode{mode=\"on\"} 1\nmode{mode=\"off\"} 0\n\
         # TYPE late counter\nlate_total 1\nlate_created 1964000000\n",
    );
    assert_eq!(
        lines(&mapped.points),
        [
            "wait_seconds_total{} s 4.5",
            "build_info{version=1}  1",
            "mode{mode=on}  1",
            "mode{mode=off}  0",
            "late_total{}  1"
        ]
    );
    assert_eq!(kinds(&mapped), [COUNTER, STATE, STATE, COUNTER]);
    assert_eq!(mapped.points.points()[0].start, Timestamp(1_764_000_000_500_000_000));
    assert!(!mapped.points.points()[4].start.is_set(), "a start in the future is none");
}

#[test]
fn histograms_and_summaries_are_whole() {
    let mapped = text(
        "# TYPE h histogram\nh_bucket{p=\"/\",le=\"0.5\"} 2\nh_bucket{p=\"/\",le=\"+Inf\"} 5\nh_sum{p=\"/\"} 9\nh_count{p=\"/\"} 5\n\
         # TYPE s summary\ns{quantile=\"0.5\"} 1\ns{quantile=\"0.99\"} NaN\ns_sum 7\ns_count 3\n",
    );
    let points = &mapped.points;
    assert_eq!(kinds(&mapped), [MetricKind::Histogram(Temporality::Cumulative), MetricKind::Summary]);
    let histogram = points.histogram(0).unwrap();
    assert_eq!((histogram.count, histogram.sum), (5, Some(9.0)));
    assert_eq!((histogram.bounds, histogram.counts), (&[0.5][..], &[2, 3][..]));
    let summary = points.summary(0).unwrap();
    assert_eq!((summary.count, summary.sum, summary.quantiles.len()), (3, 7.0, 2));
    assert!(lines(points)[0].starts_with("h{p=/} "));
}

#[test]
fn a_histogram_of_gauges_is_dropped_and_counted() {
    let mapped = open("# TYPE g gaugehistogram\ng_bucket{le=\"+Inf\"} 5\ng_gcount 5\ng_gsum 2\n# TYPE a gauge\na 1\n");
    assert_eq!((lines(&mapped.points).len(), mapped.unusable), (1, 1));
}

#[test]
fn scopes_are_scopes_and_no_attributes() {
    let mapped = text(
        "# TYPE a gauge\na{otel_scope_name=\"lib\",otel_scope_version=\"2\",k=\"v\"} 1\na{k=\"w\"} 2\n\
         otel_scope_info{otel_scope_name=\"lib\",short=\"x\"} 1\n",
    );
    let points = &mapped.points;
    assert_eq!(lines(points), ["a{k=v}  1", "a{k=w}  2"]);
    let scopes: Vec<&str> = points.metrics().iter().map(|metric| points.text(metric.scope)).collect();
    assert_eq!(scopes, ["lib", "calm-agent"]);
}

#[test]
fn timestamps_count_if_honoured_and_in_bounds() {
    let hours = |hours: i64| (NOW.0 as i64 / 1_000_000) + hours * 3_600_000;
    let page =
        format!("a 1 {}\nb 1 {}\nc 1 {}\nd 1 {}\ne 1 -5\nf 1\n", hours(-1), hours(-25), hours(2), hours(0) + 60_000);
    let mapped = text(&page);
    assert_eq!(lines(&mapped.points), ["a{}  1", "d{}  1", "f{}  1"]);
    assert_eq!((mapped.too_old, mapped.future), (2, 1));
    assert_eq!(mapped.points.points()[0].time, NOW.minus(Duration::from_secs(3_600)));
    let ignoring = Mapping { honor_timestamps: false, ..mapping() };
    let mapped = ignoring.map(page.as_bytes(), Format::Text, NOW);
    assert_eq!(mapped.points.points().len(), 6);
    assert!(mapped.points.points().iter().all(|point| point.time == NOW));
}

#[test]
fn a_page_beyond_its_limits_is_cut_and_then_not_complete() {
    let mut small = mapping();
    (small.limits.samples, small.limits.labels) = (2, 1);
    let cut = small.map(b"a 1\nb 2\nc 3\n", Format::Text, NOW);
    assert_eq!((cut.samples, cut.cut, cut.points.is_complete()), (2, Some(Cut::Samples), false));
    let labels = small.map(b"a{x=\"1\",y=\"2\"} 1\nb 2\n", Format::Text, NOW);
    assert_eq!((labels.bad_lines, labels.cut, lines(&labels.points).len()), (1, None, 1));
    let broken = small.map(["=\n".repeat(30), "a 1\nb 2\nc 3\n".into()].concat().as_bytes(), Format::Text, NOW);
    assert!(
        broken.cut == Some(Cut::Samples) && !broken.points.is_complete(),
        "the problem that cut it is not among those kept"
    );
    small.limits.metadata_lines = 1;
    let chatty = small.map(b"# HELP a b\n# HELP c d\na 1\n", Format::Text, NOW);
    assert_eq!((chatty.cut, chatty.bad_lines), (Some(Cut::Metadata), 0));
    let unfinished = mapping().map(b"a 1\n", Format::OpenMetrics, NOW);
    assert_eq!((unfinished.cut, unfinished.points.is_complete()), (Some(Cut::Unfinished), false));
}

#[test]
fn not_a_number_is_kept_and_the_end_of_a_series_is_an_end() {
    assert_eq!(lines(&text("a NaN\nb +Inf\n").points), ["a{}  NaN", "b{}  inf"]);
    let mapping = mapping();
    let mut block = Block::new(&mapping, None, false);
    let stale = f64::from_bits(crate::prometheus::STALE_NAN_BITS);
    assert_eq!(block.value(ValueView::Number(stale)), Value::Ended);
}

proptest! {
    #[test]
    fn any_page_ends_without_a_panic(body in "([a-c]{1,3}(_bucket|_sum|_count|_total)?(\\{[jl]=\"\\PC{0,3}\"\\})? [0-9NaIf.-]{1,4}( [0-9-]{1,20})?\n|# TYPE [a-c]{1,3} (counter|histogram|summary|gauge|info)\n|\\PC{0,20}\n){0,20}") {
        for format in [Format::Text, Format::OpenMetrics] {
            let mapped = mapping().map(body.as_bytes(), format, NOW);
            prop_assert_eq!(lines(&mapped.points).len(), mapped.points.points().len());
        }
    }

    #[test]
    fn any_bytes_end_without_a_panic(body: Vec<u8>) {
        mapping().map(&body, Format::Text, NOW);
    }
}
