//! Values as people read them.
//!
//! Owns the scaling of units for display: the application shows 2048 `mb` as 2.05 GB. Display only; the JSON view has the numbers as pushed.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::sandbox::health::{Kind, Reading, Row};

/// Prefixes from 10^0 on.
const STEPS: [&str; 5] = ["", "k", "M", "G", "T"];

/// The column "Value / Text" of a row.
pub(super) fn cell(row: &Row) -> String {
    let reading = &row.current;
    match (row.kind, reading.limit) {
        // Health Monitoring shows the text of a status with its HTML characters escaped, so that people read `&lt;` for `<`.
        (Kind::Status, _) => html_escaped(&reading.text),
        (Kind::Quota, Some(limit)) => {
            let share = reading.usage().map(|usage| format!(" ({} %)", number(usage))).unwrap_or_default();
            format!("{} / {}{share}", value(reading.value, &row.unit), value(limit, &row.unit))
        }
        _ => value(reading.value, &row.unit),
    }
}

/// A value in its unit.
pub(super) fn value(value: f64, unit: &str) -> String {
    let in_bytes = |steps: i32| scaled(value * 1_000_f64.powi(steps), "B");
    match unit.to_ascii_lowercase().as_str() {
        "" | "1" | "each" => number(value),
        "by" | "b" | "byte" | "bytes" => in_bytes(0),
        "kb" | "kby" => in_bytes(1),
        "mb" | "mby" => in_bytes(2),
        "gb" | "gby" => in_bytes(3),
        "%" | "percent" => format!("{} %", number(value)),
        "ms" | "millis" => format!("{} ms", number(value)),
        _ => format!("{} {unit}", number(value)),
    }
}

/// How long ago a time was.
pub(super) fn ago(now: Timestamp, time: Timestamp) -> String {
    if time > now {
        return format!("in {}", span(time.since(now)));
    }
    match now.since(time) {
        moment if moment < Duration::from_secs(2) => "now".to_owned(),
        since => format!("{} ago", span(since)),
    }
}

/// A point's value for the tooltip of a plot.
pub(super) fn point(reading: &Reading, unit: &str) -> String {
    format!("{} {}", reading.time, value(reading.value, unit))
}

fn html_escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn span(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7_199 => format!("{} min", seconds / 60),
        seconds @ 7_200..=172_799 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

fn scaled(value: f64, unit: &str) -> String {
    let (mut value, mut step) = (value, 0);
    while value.abs() >= 1_000.0 && step + 1 < STEPS.len() {
        value /= 1_000.0;
        step += 1;
    }
    format!("{} {}{unit}", number(value), STEPS.get(step).copied().unwrap_or_default())
}

/// At most two decimals, none that say nothing.
fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.01 {
        return format!("{value:.2e}");
    }
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_scaled_as_the_application_does() {
        assert_eq!(value(2_048.0, "mb"), "2.05 GB");
        assert_eq!(value(512.0, "bytes"), "512 B");
        assert_eq!(value(12.5, "percent"), "12.5 %");
        assert_eq!(value(3.0, ""), "3");
        assert_eq!(value(0.001, "s"), "1.00e-3 s");
        assert_eq!(value(-1_500.0, "By"), "-1.5 kB");
    }

    #[test]
    fn the_text_of_a_status_is_spoilt_by_html_characters_as_in_the_application() {
        assert_eq!(html_escaped("a < b & \"c\""), "a &lt; b &amp; &quot;c&quot;");
    }

    #[test]
    fn times_are_told_from_now() {
        let now = Timestamp::from_secs(1_000_000);
        let ago = |seconds| super::ago(now, now.minus(Duration::from_secs(seconds)));
        assert_eq!((ago(0), ago(30), ago(600)), ("now".into(), "30 s ago".into(), "10 min ago".into()));
        assert_eq!((ago(8_000), ago(200_000)), ("2 h ago".into(), "2 d ago".into()));
        assert_eq!(super::ago(now, now.plus(Duration::from_secs(60))), "in 60 s");
    }
}
