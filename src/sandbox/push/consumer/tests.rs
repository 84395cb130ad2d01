//! Each rule of Health Monitoring, accepted and refused.

use super::*;

/// 2026-07-22T06:00:00Z.
const NOW: Timestamp = Timestamp::from_secs(1_784_700_000);

fn point(value: f64, attributes: &[(&str, &str)]) -> Point {
    let attributes = attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Point { time: NOW.as_nanos(), value: Number::Double(value), attributes }
}

fn metric(points: Vec<Point>) -> Metric {
    Metric {
        name: "m".to_owned(),
        description: "all is well".to_owned(),
        unit: "mb".to_owned(),
        resource: Vec::new(),
        data: Data::Gauge(points),
    }
}

fn consumed(metric: Metric, limits: &Limits) -> Consumed {
    consume(Push { metrics: vec![metric] }, limits, NOW)
}

fn shown(metric: Metric) -> Sample {
    let found = consumed(metric, &Limits::default());
    assert_eq!(found.errors, Vec::<String>::new());
    found.samples.into_iter().next().unwrap()
}

fn refused(metric: Metric) -> String {
    let found = consumed(metric, &Limits::default());
    assert!(found.samples.is_empty(), "it was shown");
    found.errors.into_iter().next().unwrap()
}

fn quota(limit: f64, used: f64, rating: &str) -> Vec<Point> {
    vec![
        point(0.0, &[(TYPE, "quota"), (RATING, rating)]),
        point(limit, &[(QUOTA, "limit")]),
        point(used, &[(QUOTA, "value")]),
    ]
}

#[test]
fn a_gauge_is_shown_as_performance_and_never_rated() {
    let sample = shown(metric(vec![point(2_048.0, &[])]));
    assert_eq!((sample.kind, sample.reading.value, sample.reading.rating), (Kind::Performance, 2_048.0, Rating::Info));
    assert_eq!((sample.key.label.as_str(), sample.unit.as_str()), (":", "mb"));
    let rated = metric(vec![point(1.0, &[(RATING, "critical")])]);
    assert_eq!(shown(rated.clone()).reading.rating, Rating::Info);
    let limits = Limits { rating_on_gauge: true, ..Limits::default() };
    assert_eq!(consumed(rated, &limits).samples[0].reading.rating, Rating::Critical);
}

#[test]
fn a_status_shows_its_description() {
    let sample = shown(metric(vec![point(1.0, &[(TYPE, "status"), (RATING, "warning"), ("host", "a")])]));
    assert_eq!((sample.kind, sample.reading.rating), (Kind::Status, Rating::Warning));
    assert_eq!((sample.reading.text.as_str(), sample.key.label.as_str()), ("all is well", "host:a"));
}

#[test]
fn a_quota_shows_the_used_part_of_its_limit_in_any_order() {
    for turn in 0..3 {
        let mut points = quota(200.0, 50.0, "ok");
        points.rotate_left(turn);
        let sample = shown(metric(points));
        assert_eq!((sample.kind, sample.reading.rating), (Kind::Quota, Rating::Ok));
        assert_eq!((sample.reading.value, sample.reading.limit), (50.0, Some(200.0)));
    }
}

#[test]
fn only_gauges_are_supported() {
    for kind in ["sum", "histogram", "exponentialHistogram", "summary"] {
        let error = refused(Metric { data: Data::Other(kind, 1), ..metric(vec![]) });
        assert!(error.contains(&format!("metric type {kind} is not supported")), "{error}");
    }
    assert!(refused(Metric { data: Data::Missing, ..metric(vec![]) }).contains("no data"));
    assert!(refused(metric(vec![])).contains("no data points"));
}

#[test]
fn a_value_is_a_finite_double() {
    for (value, expected) in [
        (Number::Int(3), "asInt is not supported"),
        (Number::Missing, "no value"),
        (Number::Double(f64::NAN), "NaN is not a finite number"),
        (Number::Double(f64::INFINITY), "inf is not a finite number"),
    ] {
        let error = refused(metric(vec![Point { value, ..point(0.0, &[]) }]));
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn times_lie_between_a_day_ago_and_an_hour_ahead() {
    let at = |time: Timestamp| metric(vec![Point { time: time.as_nanos(), ..point(1.0, &[]) }]);
    let (day, hour, moment) = (Duration::from_secs(86_400), Duration::from_secs(3_600), Duration::from_nanos(1));
    assert_eq!(shown(at(NOW.minus(day))).reading.time, NOW.minus(day));
    assert!(refused(at(NOW.minus(day).minus(moment))).contains("older than 86400 s"));
    assert_eq!(shown(at(NOW.plus(hour))).reading.time, NOW.plus(hour));
    assert!(refused(at(NOW.plus(hour).plus(moment))).contains("more than 3600 s in the future"));
    assert_eq!(shown(at(Timestamp::UNSET)).reading.time, NOW, "no time means now");
}

#[test]
fn a_status_has_one_point_of_value_one_with_a_known_rating() {
    let status = |value, rating: &str| point(value, &[(TYPE, "status"), (RATING, rating)]);
    assert!(refused(metric(vec![status(1.0, "ok"), status(1.0, "ok")])).contains("one data point, this one has 2"));
    assert!(refused(metric(vec![status(0.0, "ok")])).contains("the value of a status is 1"));
    assert!(refused(metric(vec![status(1.0, "green")])).contains("'green' is not known"));
    assert!(refused(metric(vec![point(1.0, &[(TYPE, "status")])])).contains("rating is missing"));
    assert!(refused(metric(vec![point(1.0, &[(TYPE, "state"), (RATING, "ok")])])).contains("'state' is not known"));
}

#[test]
fn a_quota_has_exactly_its_three_points_and_a_unit() {
    let without = |index: usize| {
        let mut points = quota(200.0, 50.0, "ok");
        points.remove(index);
        metric(points)
    };
    for index in 0..3 {
        assert!(refused(without(index)).contains("three data points, this one has 2"), "{index}");
    }
    let with = |index: usize, point: Point| {
        let mut points = quota(200.0, 50.0, "ok");
        points[index] = point;
        metric(points)
    };
    assert!(refused(with(0, point(1.0, &[(TYPE, "quota"), (RATING, "ok")]))).contains("first point is 0"));
    assert!(
        refused(with(0, point(0.0, &[(RATING, "ok")]))).contains("needs a point with sap.calm.hm.metric.type=quota")
    );
    assert!(refused(with(0, point(0.0, &[(TYPE, "quota")]))).contains("rating is missing"));
    assert!(refused(with(1, point(1.0, &[(QUOTA, "max")]))).contains("sap.calm.hm.quota=limit"));
    assert!(refused(with(2, point(1.0, &[(QUOTA, "limit")]))).contains("sap.calm.hm.quota=value"));
    assert!(refused(with(2, point(1.0, &[(QUOTA, "value"), ("disk", "a")]))).contains("equal attributes"));
    assert!(refused(Metric { unit: String::new(), ..metric(quota(2.0, 1.0, "ok")) }).contains("needs a unit"));
}

#[test]
fn several_points_of_one_gauge_are_rows_only_when_allowed() {
    let two = metric(vec![point(1.0, &[("host", "a")]), point(2.0, &[("host", "b")])]);
    assert!(refused(two.clone()).contains("a gauge has one data point"));
    let limits = Limits { one_point_per_gauge: false, ..Limits::default() };
    let labels: Vec<String> = consumed(two, &limits).samples.into_iter().map(|sample| sample.key.label).collect();
    assert_eq!(labels, ["host:a", "host:b"]);
}

#[test]
fn the_label_is_made_of_point_then_resource_in_the_order_of_keys() {
    let mut found = metric(vec![point(1.0, &[("z", "1"), ("a", "2"), ("sap.calm.x", "hidden")])]);
    found.resource = vec![("service.name".into(), "shop".into()), ("host.name".into(), "h".into())];
    let label = |from: LabelFrom| {
        let limits = Limits { label_from: from, ..Limits::default() };
        consumed(found.clone(), &limits).samples[0].key.label.clone()
    };
    assert_eq!(label(LabelFrom::PointAndResource), "a:2;z:1;host.name:h;service.name:shop");
    assert_eq!(label(LabelFrom::Point), "a:2;z:1");
    assert_eq!(label(LabelFrom::Nothing), ":");
}

#[test]
fn one_bad_metric_does_not_take_the_others_with_it() {
    let push = Push {
        metrics: vec![
            metric(vec![point(1.0, &[])]),
            Metric { name: " ".into(), ..metric(vec![point(1.0, &[])]) },
            Metric { name: "b".into(), data: Data::Other("sum", 1), ..metric(vec![]) },
            Metric { name: "c".into(), ..metric(vec![point(3.0, &[])]) },
        ],
    };
    let found = consume(push, &Limits::default(), NOW);
    assert_eq!(found.samples.iter().map(|sample| sample.key.name.as_str()).collect::<Vec<_>>(), ["m", "c"]);
    assert_eq!(found.errors.len(), 2);
    assert!(found.errors[0].contains("name is empty") && found.errors[1].starts_with("metric 'b'"));
}
