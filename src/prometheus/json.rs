//! One sample as one line of JSON, for `parse`.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::family::Family;
use super::labels::Labels;
use super::line::Sample;

/// The line `{"name", "labels", "value", "type", "unit", "timestamp"}` of a sample, without a line feed.
///
/// `labels` keeps the order of the page. A value that JSON cannot write is one of the texts `"NaN"`, `"+Inf"` and `"-Inf"`;
/// `type` is a word of OpenMetrics; `unit` is a text or null; `timestamp` is in seconds or null.
///
/// # Errors
/// None of ours: what the serializer reports is passed on.
pub fn json_line(sample: &Sample<'_>, family: &Family<'_>) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Line { sample, family })
}

struct Line<'l, 'a> {
    sample: &'l Sample<'a>,
    family: &'l Family<'a>,
}

struct Pairs<'a>(Labels<'a>);

struct Value(f64);

impl Serialize for Line<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(6))?;
        map.serialize_entry("name", &self.sample.name)?;
        map.serialize_entry("labels", &Pairs(self.sample.labels))?;
        map.serialize_entry("value", &Value(self.sample.value))?;
        map.serialize_entry("type", self.family.kind.as_str())?;
        map.serialize_entry("unit", &self.family.unit)?;
        map.serialize_entry("timestamp", &self.sample.timestamp.map(|time| Value(time.unix_seconds())))?;
        map.end()
    }
}

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|label| (label.name(), label.value())))
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// Whole numbers below this are exact, and read better without `.0`.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let value = self.0;
        if value.is_nan() {
            serializer.serialize_str("NaN")
        } else if value.is_infinite() {
            serializer.serialize_str(if value > 0.0 { "+Inf" } else { "-Inf" })
        } else if value.fract() == 0.0 && value.abs() < EXACT && !(value == 0.0 && value.is_sign_negative()) {
            serializer.serialize_i64(value as i64)
        } else {
            serializer.serialize_f64(value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus::{Event, Families, Format, Parser};

    fn lines(page: &str, format: Format) -> Vec<String> {
        let mut families = Families::new(format);
        let mut lines = Vec::new();
        for event in Parser::new(page.as_bytes(), format) {
            match event.unwrap() {
                Event::Metadata(metadata) => families.describe(metadata),
                Event::Sample(sample) => {
                    let (family, _) = families.place(&sample);
                    lines.push(json_line(&sample, families.get(family)).unwrap());
                }
            }
        }
        lines
    }

    #[test]
    fn every_field_has_its_place() {
        let page = "# TYPE t_seconds counter\n# UNIT t_seconds seconds\nt_seconds_total{b=\"2\",a=\"x\\\"\\n\"} 1.5 1520430000.125\n# EOF\n";
        assert_eq!(
            lines(page, Format::OpenMetrics),
            [
                r#"{"name":"t_seconds_total","labels":{"b":"2","a":"x\"\n"},"value":1.5,"type":"counter","unit":"seconds","timestamp":1520430000.125}"#
            ]
        );
    }

    #[test]
    fn what_json_has_no_number_for_is_a_text() {
        let values: Vec<String> = lines("a NaN\nb +Inf\nc -Inf\nd 3\ne 1e300\nf -0\n", Format::Text)
            .iter()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["value"].to_string())
            .collect();
        assert_eq!(values, [r#""NaN""#, r#""+Inf""#, r#""-Inf""#, "3", "1e+300", "-0.0"]);
    }

    #[test]
    fn what_the_page_does_not_say_is_null() {
        assert_eq!(
            lines("a 1\n", Format::Text),
            [r#"{"name":"a","labels":{},"value":1,"type":"unknown","unit":null,"timestamp":null}"#]
        );
    }
}
