//! Small plots of a row's history.
//!
//! Owns the geometry: time runs to the right, the value upwards; a status is a band of colours. Inline SVG with classes only, since the page
//! allows no inline style.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::format;
use crate::clock::Timestamp;
use crate::sandbox::health::{Kind, Rating, Reading, Row};

/// Width and height in pixels.
const SIZE: (f64, f64) = (180.0, 32.0);
/// Room for the stroke.
const MARGIN: f64 = 2.5;
/// At most so many readings are drawn, the newest ones.
const POINTS_MAX: usize = 240;

/// The plot of a row.
pub(super) fn plot(row: &Row) -> Markup {
    let mut readings: Vec<&Reading> = row.history().rev().take(POINTS_MAX).collect();
    readings.reverse();
    let scale = Scale::of(&readings, row.kind);
    let title = readings.last().map(|reading| format::point(reading, &row.unit)).unwrap_or_default();
    html! {
        svg.plot viewBox=(format!("0 0 {} {}", SIZE.0, SIZE.1)) role="img" {
            title { (readings.len()) " readings, newest " (title) }
            @if row.kind == Kind::Status { (band(&readings, &scale)) } @else { (line(&readings, &scale)) }
        }
    }
}

fn line(readings: &[&Reading], scale: &Scale) -> Markup {
    let mut path = String::new();
    for (index, reading) in readings.iter().enumerate() {
        let (x, y) = scale.place(reading);
        // Writing to a string cannot fail.
        let _ = write!(path, "{}{x:.1} {y:.1}", if index == 0 { "M" } else { "L" });
    }
    let ends = readings.first().zip(readings.last()).map(|(first, last)| (scale.place(first), scale.place(last)));
    html! {
        @if let Some((first, last)) = ends {
            @if readings.len() > 1 {
                path.area d=(format!("{path}L{:.1} {}L{:.1} {}Z", last.0, SIZE.1, first.0, SIZE.1)) {}
                path.line d=(path) {}
            }
            circle.dot cx=(format!("{:.1}", last.0)) cy=(format!("{:.1}", last.1)) r="2.2" {}
        }
    }
}

/// One bar for each stretch of equal ratings.
fn band(readings: &[&Reading], scale: &Scale) -> Markup {
    let mut stretches: Vec<(f64, Rating)> = Vec::new();
    for reading in readings {
        if stretches.last().is_none_or(|(_, rating)| *rating != reading.rating) {
            stretches.push((scale.place(reading).0, reading.rating));
        }
    }
    html! {
        @for (index, (from, rating)) in stretches.iter().enumerate() {
            @let until = stretches.get(index + 1).map_or(SIZE.0 - MARGIN, |(next, _)| *next);
            rect class={ "band " (rating.as_str()) } x=(format!("{from:.1}")) y="11" height="10" rx="1.5"
                width=(format!("{:.1}", (until - from).max(2.0))) {}
        }
    }
}

/// From time and value to the plot's pixels.
struct Scale {
    start: Timestamp,
    seconds: f64,
    low: f64,
    high: f64,
}

impl Scale {
    fn of(readings: &[&Reading], kind: Kind) -> Self {
        let start = readings.first().map(|reading| reading.time).unwrap_or_default();
        let end = readings.last().map(|reading| reading.time).unwrap_or_default();
        let values = readings.iter().map(|reading| reading.value);
        let (mut low, mut high) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if kind == Kind::Quota {
            // A quota is read against its limit, so that a third looks like a third.
            low = low.min(0.0);
            high = readings.iter().filter_map(|reading| reading.limit).fold(high, f64::max);
        }
        Self { start, seconds: end.since(start).as_secs_f64(), low, high }
    }

    fn place(&self, reading: &Reading) -> (f64, f64) {
        let inner = (SIZE.0 - 2.0 * MARGIN, SIZE.1 - 2.0 * MARGIN);
        let along = match self.seconds > 0.0 {
            true => reading.time.since(self.start).as_secs_f64() / self.seconds,
            false => 1.0,
        };
        let span = self.high - self.low;
        // A flat line runs through the middle; a span that is not a number (values near the largest) as well.
        let up = if span > 0.0 && span.is_finite() { (reading.value - self.low) / span } else { 0.5 };
        (MARGIN + along * inner.0, SIZE.1 - MARGIN - up * inner.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::health::{RowKey, Rows, Sample};

    fn row(kind: Kind, values: &[f64], limit: Option<f64>) -> Row {
        let mut rows = Rows::default();
        for (index, value) in values.iter().enumerate() {
            let reading = Reading {
                time: Timestamp::from_secs(1_000 + index as u64),
                value: *value,
                limit,
                rating: Rating::Ok,
                text: String::new(),
            };
            let key = RowKey { name: "a".to_owned(), label: ":".to_owned() };
            rows.add(Sample { key, kind, unit: String::new(), description: String::new(), reading }, false);
        }
        rows.iter().next().unwrap().1.clone()
    }

    #[test]
    fn a_line_goes_from_the_lower_left_to_the_upper_right() {
        let drawn = plot(&row(Kind::Performance, &[0.0, 5.0, 10.0], None)).into_string();
        assert!(drawn.contains("M2.5 29.5L90.0 16.0L177.5 2.5"), "{drawn}");
        assert!(drawn.contains("3 readings"));
    }

    #[test]
    fn one_reading_is_a_dot_and_a_flat_line_is_in_the_middle() {
        let one = plot(&row(Kind::Performance, &[7.0], None)).into_string();
        assert!(one.contains("circle") && !one.contains("path"));
        assert!(plot(&row(Kind::Performance, &[7.0, 7.0], None)).into_string().contains("M2.5 16.0L177.5 16.0"));
    }

    #[test]
    fn a_quota_is_drawn_against_its_limit_and_a_status_as_a_band() {
        assert!(plot(&row(Kind::Quota, &[50.0, 50.0], Some(100.0))).into_string().contains("M2.5 16.0"));
        let status = plot(&row(Kind::Status, &[1.0, 1.0], None)).into_string();
        assert_eq!(status.matches("class=\"band ok\"").count(), 1, "equal ratings are one stretch");
    }

    #[test]
    fn no_coordinate_is_ever_not_a_number() {
        let wild = plot(&row(Kind::Performance, &[f64::MAX, f64::MIN, 0.0], None)).into_string();
        assert!(!wild.contains("NaN") && !wild.contains("inf"), "{wild}");
    }
}
