//! Traps seen on real pages, and properties that hold for every page.

mod generated;

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

fn samples(page: &str, format: Format) -> Vec<Sample<'_>> {
    Parser::new(page.as_bytes(), format)
        .map(|event| event.unwrap_or_else(|error| panic!("{page:?}: {error}")))
        .filter_map(|event| match event {
            Event::Sample(sample) => Some(sample),
            Event::Metadata(_) => None,
        })
        .collect()
}

/// A page of one line, with name, value and labels of its sample.
type Line<'l> = (&'l str, &'l str, f64, &'l [(&'l str, &'l str)]);

/// Lines on which the parsers of the field disagree. Each holds one sample.
#[test]
fn lines_that_other_parsers_lose() {
    let cases: &[Line<'_>] = &[
        ("a 1\n", "a", 1.0, &[]),
        ("a +Inf\n", "a", f64::INFINITY, &[]),
        ("a -Inf\n", "a", f64::NEG_INFINITY, &[]),
        ("a 1.7e+09\n", "a", 1.7e9, &[]),
        ("a 1 1520879607789\n", "a", 1.0, &[]),
        ("a{b=\"c\\\\d\\\"e\\nf\"} 1\n", "a", 1.0, &[("b", "c\\d\"e\nf")]),
        ("a{b=\"日本\"} 1\n", "a", 1.0, &[("b", "日本")]),
        ("a 1", "a", 1.0, &[]),
        ("a 1\r\n", "a", 1.0, &[]),
        ("a{} 1\n", "a", 1.0, &[]),
        ("a{b=\"c\",} 1\n", "a", 1.0, &[("b", "c")]),
        ("a{b=\"}\",c=\"d=e\"} 1\n", "a", 1.0, &[("b", "}"), ("c", "d=e")]),
        ("a{b=\"c,\\\"d\\\"\"} 1\n", "a", 1.0, &[("b", "c,\"d\"")]),
        ("a { b = \"c\" } 1\n", "a", 1.0, &[("b", "c")]),
        ("job:x:rate5m 1\n", "job:x:rate5m", 1.0, &[]),
        ("{\"my.metric\",\"a.b\"=\"c\"} 1\n", "my.metric", 1.0, &[("a.b", "c")]),
        ("a_total 1 # {trace_id=\"x\"} 0.5\n", "a_total", 1.0, &[]),
        ("a\t1\n", "a", 1.0, &[]),
    ];
    for (page, name, value, labels) in cases {
        let samples = samples(page, Format::Text);
        assert_eq!(samples.len(), 1, "{page:?}");
        assert_eq!((&*samples[0].name, samples[0].value), (*name, *value), "{page:?}");
        let read: Vec<_> = samples[0].labels.iter().map(|label| (label.name(), label.value())).collect();
        assert_eq!(
            read,
            labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect::<Vec<_>>(),
            "{page:?}"
        );
    }
    assert!(samples("a NaN\n", Format::Text)[0].value.is_nan());
}

/// A server that exposes neither types nor help (VictoriaMetrics does), and announces no version.
#[test]
fn a_page_without_metadata() {
    let body = b"vm_rows{type=\"a\"} 1\nvm_rows{type=\"b\"} 2\nprocess_cpu_seconds_total 3\nvm_x_bucket{vmrange=\"1...2\"} 4\nvm_x_sum 5\n";
    let page = Page::read(body, Format::of(Some("text/plain; charset=utf-8")).unwrap(), Limits::default());
    let read: Vec<_> = page.metrics().map(|metric| (metric.name, metric.kind)).collect();
    let unknown = |name| (name, Type::Unknown);
    assert_eq!(
        read,
        [
            unknown("vm_rows"),
            unknown("vm_rows"),
            unknown("process_cpu_seconds_total"),
            unknown("vm_x_bucket"),
            unknown("vm_x_sum")
        ]
    );
}

/// A federated page brings labels and series that elsewhere are the scraper's own, with explicit times.
#[test]
fn a_federated_page_keeps_what_it_says() {
    let body = "# TYPE up untyped\nup{job=\"node\",instance=\"h:9100\"} 1 1700000000123\nscrape_duration_seconds{job=\"node\",instance=\"h:9100\"} 0.1 1700000000123\n";
    let page = Page::read(body.as_bytes(), Format::Text, Limits::default());
    let metrics: Vec<_> = page.metrics().collect();
    assert_eq!(metrics.len(), 2);
    assert_eq!(metrics[0].labels.get("instance").as_deref(), Some("h:9100"));
    assert_eq!(metrics[1].timestamp.unwrap().unix_nanos(), Some(1_700_000_000_123_000_000));
}

fn name() -> impl Strategy<Value = String> {
    "[a-z_][a-z0-9_]{0,8}"
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        (0u32..1000).prop_map(f64::from),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(f64::NAN)
    ]
}

#[derive(Debug, Clone)]
struct Written {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
    millis: Option<i64>,
}

fn written() -> impl Strategy<Value = Written> {
    let labels = prop::collection::btree_map(prop_oneof![name(), "[^\n]{1,6}"], ".{0,12}|[\\\\\"\n]{1,4}", 0..5);
    (prop_oneof![name(), "[a-z.é \"\\\\]{1,8}"], labels, number(), prop::option::of(any::<i64>()))
        .prop_map(|(name, labels, value, millis)| Written { name, labels: labels.into_iter().collect(), value, millis })
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// Writes a sample, all names quoted, as text 1.0.0 has it.
fn render(sample: &Written, page: &mut String) {
    write!(page, "{{{}", quoted(&sample.name)).unwrap();
    for (name, value) in &sample.labels {
        write!(page, ",{}={}", quoted(name), quoted(value)).unwrap();
    }
    let value = if sample.value.is_infinite() {
        format!("{}Inf", if sample.value > 0.0 { '+' } else { '-' })
    } else {
        format!("{:e}", sample.value)
    };
    write!(page, "}} {value}").unwrap();
    if let Some(millis) = sample.millis {
        write!(page, " {millis}").unwrap();
    }
    page.push('\n');
}

/// Lines that are nearly right, so that every branch is reached.
fn nearly_a_page() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "a_total",
        "a_bucket",
        "a_count",
        "a_sum",
        "a_created",
        "_created",
        "{",
        "}",
        "\"",
        "\\",
        "=",
        ",",
        " ",
        "  ",
        "\t",
        "\n",
        "\r",
        "#",
        "# TYPE a ",
        "# HELP a ",
        "# UNIT a ",
        "# EOF",
        "counter",
        "histogram",
        "summary",
        "stateset",
        "info",
        "gaugehistogram",
        "le=\"1\"",
        "le=\"+Inf\"",
        "quantile=\"0.5\"",
        "1",
        "NaN",
        "+Inf",
        "-1",
        "1.5",
        "é",
        "{b=\"c\"}",
        " 1\n",
        "0x1",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn exercise(body: &[u8]) {
    for format in [Format::Text, Format::OpenMetrics] {
        let lenient: Vec<_> = Parser::new(body, format).filter_map(Result::err).collect();
        let strict: Vec<_> = Strict::new(body, format).filter_map(Result::err).collect();
        for error in &lenient {
            assert!(strict.contains(error), "{format:?}: the strict reader overlooks {error}");
        }
        let page = Page::read(body, format, Limits::default());
        assert_eq!(page.error_count(), lenient.len());
        assert!(page.metrics().count() <= page.samples());
        for metric in page.metrics() {
            if let ValueView::Histogram(view) = metric.value {
                assert_eq!(view.counts.len(), view.bounds.len() + 1);
                assert_eq!(view.counts.iter().sum::<u64>(), view.count);
                assert!(view.bounds.is_sorted_by(|a, b| a < b), "{:?}", view.bounds);
            }
        }
        let mut families = Families::new(format);
        for event in Parser::new(body, format).flatten() {
            match event {
                Event::Metadata(metadata) => families.describe(metadata),
                Event::Sample(sample) => {
                    let (family, _) = families.place(&sample);
                    let line = json_line(&sample, families.get(family)).unwrap();
                    assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "{line}");
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(written in prop::collection::vec(written(), 0..8)) {
        let mut page = String::new();
        written.iter().for_each(|sample| render(sample, &mut page));
        let read = samples(&page, Format::Text);
        prop_assert_eq!(read.len(), written.len());
        for (read, written) in read.iter().zip(&written) {
            prop_assert_eq!(&*read.name, &written.name);
            let labels: Vec<_> = read.labels.iter().map(|label| (label.name().into_owned(), label.value().into_owned())).collect();
            prop_assert_eq!(&labels, &written.labels);
            prop_assert!(read.value == written.value || (read.value.is_nan() && written.value.is_nan()));
            prop_assert_eq!(read.timestamp.map(|time| time.unix_seconds()), written.millis.map(|millis| {
                (millis / 1000) as f64 + (millis % 1000) as f64 / 1000.0
            }));
        }
    }

    #[test]
    fn arbitrary_bytes_are_survived(body in prop::collection::vec(any::<u8>(), 0..300)) {
        exercise(&body);
    }

    #[test]
    fn nearly_right_pages_are_survived(body in nearly_a_page()) {
        exercise(body.as_bytes());
    }
}

/// Pages that ask for much: what they cost is bounded, and each bound is named.
#[test]
fn greedy_pages_are_bounded() {
    let limits = Limits::default();
    let first_problem =
        |body: String| Parser::new(body.as_bytes(), Format::Text).find_map(Result::err).map(|error| error.problem);
    let labels = |count: usize| (0..count).map(|index| format!("l{index}=\"v\"")).collect::<Vec<_>>().join(",");
    assert_eq!(first_problem(format!("a{{{}}} 1\n", labels(limits.labels))), None);
    assert_eq!(
        first_problem(format!("a{{{}}} 1\n", labels(limits.labels + 1))),
        Some(Problem::TooManyLabels { limit: limits.labels })
    );
    let long = |bytes| "n".repeat(bytes);
    assert_eq!(first_problem(format!("{} 1\n", long(limits.name_bytes))), None);
    assert_eq!(
        first_problem(format!("{} 1\n", long(limits.name_bytes + 1))),
        Some(Problem::NameTooLong { limit: limits.name_bytes })
    );
    assert_eq!(
        first_problem(format!("# HELP {} x\n", long(limits.name_bytes + 1))),
        Some(Problem::NameTooLong { limit: limits.name_bytes })
    );
    assert_eq!(first_problem(format!("a{{b=\"{}\"}} 1\n", long(limits.value_bytes))), None);
    assert_eq!(
        first_problem(format!("a{{b=\"{}\"}} 1\n", long(limits.value_bytes + 1))),
        Some(Problem::LabelValueTooLong { limit: limits.value_bytes })
    );
    assert_eq!(first_problem("a 1\n".repeat(limits.samples)), None);
    assert_eq!(
        first_problem("a 1\n".repeat(limits.samples + 1)),
        Some(Problem::TooManySamples { limit: limits.samples })
    );
}

#[test]
fn a_greedy_page_keeps_what_came_before_its_limit() {
    let body = "a 1\n".repeat(Limits::default().samples + 100);
    let page = Page::read(body.as_bytes(), Format::Text, Limits::default());
    assert_eq!((page.samples(), page.error_count()), (Limits::default().samples, 1));
    assert!(page.errors()[0].is_fatal());
}
