//! Units as words, as OpenMetrics has them, to UCUM, as OpenTelemetry has them.
//!
//! Source of the table: OpenTelemetry "Prometheus and OpenMetrics Compatibility", read backwards.

use std::borrow::Cow;

/// The unit in UCUM; a word that the table does not have stays as it is.
pub(super) fn ucum(word: &str) -> Cow<'_, str> {
    if let Some(unit) = simple(word) {
        return Cow::Borrowed(unit);
    }
    match word.split_once("_per_") {
        Some((of, per)) => match (simple(of), each(per)) {
            (Some(of), Some(per)) => Cow::Owned(format!("{of}/{per}")),
            _ => Cow::Borrowed(word),
        },
        None => Cow::Borrowed(word),
    }
}

fn simple(word: &str) -> Option<&'static str> {
    Some(match word {
        "days" => "d",
        "hours" => "h",
        "minutes" => "min",
        "seconds" => "s",
        "milliseconds" => "ms",
        "microseconds" => "us",
        "nanoseconds" => "ns",
        "bytes" => "By",
        "kibibytes" => "KiBy",
        "mebibytes" => "MiBy",
        "gibibytes" => "GiBy",
        "tebibytes" | "tibibytes" => "TiBy",
        "kilobytes" => "kBy",
        "megabytes" => "MBy",
        "gigabytes" => "GBy",
        "terabytes" => "TBy",
        "meters" => "m",
        "volts" => "V",
        "amperes" => "A",
        "joules" => "J",
        "watts" => "W",
        "grams" => "g",
        "celsius" => "Cel",
        "hertz" => "Hz",
        "ratio" => "1",
        "percent" => "%",
        _ => return None,
    })
}

fn each(word: &str) -> Option<&'static str> {
    Some(match word {
        "second" => "s",
        "minute" => "m",
        "hour" => "h",
        "day" => "d",
        "week" => "w",
        "month" => "mo",
        "year" => "y",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_ucum_and_strangers_stay() {
        for (word, unit) in [
            ("seconds", "s"),
            ("bytes", "By"),
            ("percent", "%"),
            ("ratio", "1"),
            ("bytes_per_second", "By/s"),
            ("meters_per_hour", "m/h"),
            ("sessions", "sessions"),
            ("sessions_per_second", "sessions_per_second"),
            ("bytes_per_click", "bytes_per_click"),
        ] {
            assert_eq!(ucum(word), unit, "{word}");
        }
    }
}
