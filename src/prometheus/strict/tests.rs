use super::*;
use crate::prometheus::{Problem, Rule};

fn problems(page: &str, format: Format) -> Vec<(usize, Problem)> {
    Strict::new(page.as_bytes(), format).filter_map(Result::err).map(|error| (error.line, error.problem)).collect()
}

/// The one rule that a page breaks, with its line.
fn broken(page: &str, format: Format) -> (usize, Rule) {
    match problems(page, format).as_slice() {
        [(line, Problem::Breaks(rule))] => (*line, *rule),
        other => panic!("{page:?}: {other:?}"),
    }
}

fn open_metrics(lines: &str) -> (usize, Rule) {
    broken(&format!("{lines}\n# EOF\n"), Format::OpenMetrics)
}

#[test]
fn open_metrics_lines_have_one_form() {
    let cases = [
        ("a 1\n", 2, Rule::BlankLine),
        ("a  1", 1, Rule::Blanks),
        (" a 1", 1, Rule::Blanks),
        ("a 1 ", 1, Rule::Blanks),
        ("a\t1", 1, Rule::Blanks),
        ("a {b=\"c\"} 1", 1, Rule::Blanks),
        ("a{ b=\"c\"} 1", 1, Rule::Blanks),
        ("a{b=\"c\"}1", 1, Rule::Blanks),
        ("a{b=\"c\",} 1", 1, Rule::TrailingComma),
        ("a 1\r", 1, Rule::LineEnd),
        ("# about", 1, Rule::Comment),
        ("#TYPE a gauge", 1, Rule::Blanks),
        ("# TYPE a gauge ", 1, Rule::Blanks),
        ("# UNIT a_s s ", 1, Rule::Blanks),
        ("# HELP a", 1, Rule::MetadataText),
        ("# TYPE a untyped", 1, Rule::TypeOfOtherFormat),
    ];
    for (lines, line, rule) in cases {
        assert_eq!(open_metrics(lines), (line, rule), "{lines:?}");
    }
}

#[test]
fn exemplars_have_a_form_and_a_place() {
    let total = |exemplar: &str| open_metrics(&format!("# TYPE a counter\na_total 1{exemplar}"));
    assert_eq!(total(" #"), (2, Rule::ExemplarSyntax));
    assert_eq!(total(" # {\"b\"} 1"), (2, Rule::ExemplarSyntax));
    assert_eq!(total(" # {} 1 1 # {} 1"), (2, Rule::ExemplarSyntax));
    assert_eq!(total(" # { } 1"), (2, Rule::Blanks));
    assert_eq!(total(&format!(" # {{a=\"{}\"}} 1", "é".repeat(128))), (2, Rule::ExemplarTooLong));
    assert_eq!(open_metrics("# TYPE a gauge\na 1 # {b=\"c\"} 1"), (2, Rule::ExemplarPlace));
    assert_eq!(
        problems(
            &format!("# TYPE a counter\na_total 1 # {{a=\"{}\"}} 1\n# EOF\n", "é".repeat(127)),
            Format::OpenMetrics
        ),
        []
    );
}

#[test]
fn families_keep_together() {
    let cases = [
        ("# TYPE a gauge\n# TYPE a gauge", 2, Rule::RepeatedMetadata),
        ("# HELP a x\n# HELP a x", 2, Rule::RepeatedMetadata),
        ("a 1\n# TYPE b gauge\nb 1\n# HELP a x", 4, Rule::ClashingName),
        ("a 1\nb 1\na 2", 3, Rule::ClashingName),
        ("# TYPE a gauge\na 1\n# HELP a x", 3, Rule::MetadataAfterSamples),
        ("# TYPE a_count gauge\n# TYPE a summary", 2, Rule::ClashingName),
        ("# UNIT a seconds", 1, Rule::UnitSuffix),
        ("# UNIT seconds seconds", 1, Rule::UnitSuffix),
        ("# TYPE a_s info\n# UNIT a_s s", 1, Rule::UnitOfType),
        ("# TYPE a gauge\na 1\na 2", 3, Rule::DuplicateSample),
        ("# TYPE a gauge\na 1 2\na 2 1", 3, Rule::TimeOrder),
        ("# TYPE a gauge\na 1 2\na 2", 3, Rule::MixedTimes),
        ("a{b=\"1\"} 1 1\na{b=\"2\"} 1 1\na{b=\"1\"} 1 2", 3, Rule::Grouping),
    ];
    for (lines, line, rule) in cases {
        assert_eq!(open_metrics(lines), (line, rule), "{lines:?}");
    }
}

#[test]
fn values_fit_their_type() {
    let cases = [
        ("counter", "a_total NaN", Rule::CountNan),
        ("counter", "a_total -1", Rule::CountNegative),
        ("summary", "a_count 1.5", Rule::CountFraction),
        ("summary", "a{quantile=\"0.5\"} -1", Rule::QuantileNegative),
        ("summary", "a{quantile=\"1.5\"} 1", Rule::QuantileRange),
        ("summary", "a{quantile=\"0.5\"} 1\na{quantile=\"0.1\"} 1", Rule::BoundOrder),
        ("stateset", "a{a=\"x\"} 2", Rule::StateValue),
        ("stateset", "a{b=\"x\"} 1", Rule::StateLabel),
        ("info", "a_info 0", Rule::InfoValue),
        ("histogram", "a_bucket{le=\"+Inf\"} 1\na_sum 1", Rule::SumWithoutCount),
        ("histogram", "a_bucket{le=\"+Inf\"} 1\na_count 1", Rule::CountWithoutSum),
        ("histogram", "a_bucket{le=\"1\"} 1", Rule::MissingInfinityBucket),
        (
            "histogram",
            "a_bucket{le=\"-1\"} 1\na_bucket{le=\"+Inf\"} 1\na_sum 0\na_count 1",
            Rule::SumWithNegativeBounds,
        ),
        ("gaugehistogram", "a_bucket{le=\"+Inf\"} 1\na_gsum -1\na_gcount 1", Rule::NegativeSum),
    ];
    for (kind, samples, rule) in cases {
        assert_eq!(open_metrics(&format!("# TYPE a {kind}\n{samples}")).1, rule, "{kind}: {samples}");
    }
}

#[test]
fn points_of_a_histogram_are_told_apart_by_time() {
    let page = concat!(
        "# TYPE a histogram\n",
        "a_bucket{le=\"1\"} 1 1\na_bucket{le=\"+Inf\"} 2 1\na_bucket{le=\"1\"} 1 2\na_bucket{le=\"+Inf\"} 3 2\n# EOF\n"
    );
    assert_eq!(problems(page, Format::OpenMetrics), []);
    let cut = page.replacen("a_bucket{le=\"+Inf\"} 2 1\n", "", 1);
    assert_eq!(broken(&cut, Format::OpenMetrics), (3, Rule::MissingInfinityBucket));
}

#[test]
fn text_has_rules_of_its_own() {
    let cases = [
        ("a 1", 1, Rule::LineEnd),
        ("a 1\r\n", 1, Rule::LineEnd),
        ("# TYPE a info\n", 1, Rule::TypeOfOtherFormat),
        ("# TYPE a unknown\n", 1, Rule::TypeOfOtherFormat),
        ("a{b=\"\\z\"} 1\n", 1, Rule::Escape),
        ("# HELP a \\q\n", 1, Rule::Escape),
        ("a 1 # {} 1\n", 1, Rule::NoExemplars),
        ("a 1\na 1\n", 2, Rule::DuplicateSample),
        ("a 1\nb 1\na{c=\"d\"} 1\n", 3, Rule::ClashingName),
        ("a 1\n# TYPE a gauge\n", 2, Rule::MetadataAfterSamples),
        ("# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_count 1\n", 3, Rule::MissingInfinityBucket),
        ("# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_count 2\n", 3, Rule::CountMismatch),
        (
            "# TYPE h histogram\nh_bucket{le=\"2\"} 1\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\n",
            3,
            Rule::BoundOrder,
        ),
        ("# TYPE h histogram\nh_bucket{le=\"2\"} 3\nh_bucket{le=\"+Inf\"} 2\n", 3, Rule::BucketsNotCumulative),
        ("# TYPE s summary\ns{quantile=\"x\"} 3\n", 2, Rule::QuantileRange),
    ];
    for (page, line, rule) in cases {
        assert_eq!(broken(page, Format::Text), (line, rule), "{page:?}");
    }
}

#[test]
fn text_is_free_about_blanks_and_values() {
    let page = concat!(
        "# a comment\n\n  \n#   TYPE   a   counter  \n\ta { b = \"c\" , }  -1  5  \n# EOF is a comment\n",
        "# TYPE h histogram\nh_bucket{x=\"1\",le=\"+Inf\"} 1\nh_bucket{x=\"2\",le=\"+Inf\"} 2\nh_count{x=\"1\"} 1\nh_count{x=\"2\"} 2\n",
        "{\"a.b\",\"c d\"=\"e\"} 1\n# TYPE \"f.g\" gauge\n{\"f.g\"} 1\n",
    );
    assert_eq!(problems(page, Format::Text), []);
}

#[test]
fn all_problems_of_a_page_are_named() {
    let page = "a  1\nb x\n# TYPE c counter\nc_total -1\n";
    assert_eq!(
        problems(page, Format::OpenMetrics),
        [
            (1, Problem::Breaks(Rule::Blanks)),
            (2, Problem::Value),
            (4, Problem::Breaks(Rule::CountNegative)),
            (5, Problem::MissingEof),
        ]
    );
}
