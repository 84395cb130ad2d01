//! The parameters of an outbound read.
//!
//! Owns their names, forms and refusals. Promises that a parameter which is not known is refused, never ignored, as it was seen live.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::clock::Timestamp;
use crate::sandbox::knobs::limits::Limits;
use crate::sandbox::problem::Refusal;

/// Parameters that may be there.
const KNOWN: [&str; 19] = [
    "provider",
    "version",
    "period",
    "from",
    "to",
    "resolution",
    "dimensions",
    "metrics",
    "prefix",
    "shift",
    "format",
    "preserveTimeStamp",
    "serviceId",
    "serviceType",
    "metricId",
    "limit",
    "offset",
    "onLimit",
    "tag",
];
/// Sources of metrics besides Health Monitoring; they exist and are empty here.
const PROVIDERS: [&str; 11] = ["hm", "rum", "jam", "bsm", "sum", "exm", "cpi", "concur", "sf", "aif", "aribacig"];
/// What rows can be told apart by.
const DIMENSIONS: [&str; 6] = ["serviceType", "serviceName", "serviceId", "metricName", "metricLabel", "metricId"];
/// What a row tells.
const MEASURES: [&str; 6] = ["value", "usage", "okStatus", "warningStatus", "criticalStatus", "limit"];

/// How the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// OTLP/JSON.
    ProtobufJson,
    /// OTLP/protobuf.
    ProtobufBinary,
    /// Exposition text.
    Text,
}

/// Which rows are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) service_id: Option<String>,
    pub(super) service_type: Option<String>,
    metric_id: Option<String>,
}

impl Filter {
    /// Whether a metric of this name is asked for. The id of a metric is its name here: how the real one makes ids is not known.
    pub(super) fn metric(&self, name: &str) -> bool {
        self.metric_id.as_deref().is_none_or(|wanted| wanted == name)
    }
}

/// A read that can be answered.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Query {
    pub(super) provider: String,
    /// Inclusive.
    pub(super) from: Timestamp,
    /// Exclusive.
    pub(super) to: Timestamp,
    pub(super) bucket: Duration,
    pub(super) dimensions: Vec<String>,
    pub(super) measures: Vec<String>,
    pub(super) prefix: String,
    pub(super) format: Format,
    /// Points carry their bucket's time; otherwise the time of the answer.
    pub(super) preserve_time: bool,
    pub(super) filter: Filter,
    pub(super) limit: usize,
    pub(super) offset: usize,
    pub(super) truncate: bool,
}

/// Reads the query of a request.
pub(super) fn parse(text: &str, limits: &Limits, now: Timestamp) -> Result<Query, Refusal> {
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(text.as_bytes()).into_owned().collect();
    if let Some((name, _)) = pairs.iter().find(|(name, _)| !KNOWN.contains(&name.as_str())) {
        return Err(Refusal::bad_request(format!("Unknown filter : {name}")));
    }
    let said = Said(pairs);
    let provider = said.required("provider")?;
    if !PROVIDERS.contains(&provider.as_str()) {
        return Err(Refusal::bad_request(format!("Unknown provider : {provider}")));
    }
    if said.optional("version").is_some_and(|version| !version.eq_ignore_ascii_case("v1")) {
        return Err(Refusal::bad_request("Unknown version"));
    }
    let bucket = Duration::from_secs(limits.bucket_seconds * said.resolution()?);
    let (from, to) = said.interval(limits, now)?;
    let shift = bucket * u32::try_from(said.number("shift", 0)?.min(1_000)).unwrap_or_default();
    let limit = said.number("limit", limits.outbound_rows)?;
    if limit > limits.outbound_rows {
        return Err(Refusal::bad_request(format!("limit must not be over {}", limits.outbound_rows)));
    }
    Ok(Query {
        provider,
        from: from.minus(shift),
        to: to.minus(shift),
        bucket,
        dimensions: said.list("dimensions", "", &DIMENSIONS)?,
        measures: said.list("metrics", "measure:", &MEASURES)?,
        prefix: said.optional("prefix").unwrap_or("hm").to_owned(),
        format: said.format(limits)?,
        preserve_time: said.flag("preserveTimeStamp")?,
        filter: Filter {
            service_id: said.optional("serviceId").map(str::to_owned),
            service_type: said.optional("serviceType").map(str::to_owned),
            metric_id: said.optional("metricId").map(str::to_owned),
        },
        limit,
        offset: said.number("offset", 0)?,
        truncate: said.truncates()?,
    })
}

struct Said(Vec<(String, String)>);

impl Said {
    fn optional(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    fn required(&self, name: &str) -> Result<String, Refusal> {
        self.optional(name).map(str::to_owned).ok_or_else(|| Refusal::missing_parameter(name))
    }

    fn number(&self, name: &str, default: usize) -> Result<usize, Refusal> {
        self.optional(name).map_or(Ok(default), |text| {
            text.parse().map_err(|_| Refusal::bad_request(format!("{name} is not a number : {text}")))
        })
    }

    fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.optional(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(Refusal::bad_request(format!("{name} is not true or false : {other}"))),
        }
    }

    fn list(&self, name: &str, prefix: &str, known: &[&str]) -> Result<Vec<String>, Refusal> {
        let text = self.required(name)?;
        text.split(',')
            .map(|item| match item.trim().strip_prefix(prefix) {
                Some(item) if known.contains(&item) => Ok(item.to_owned()),
                _ => Err(Refusal::bad_request(format!("Unknown entry of {name} : {item}"))),
            })
            .collect()
    }

    /// How many buckets of five minutes one asked for has.
    fn resolution(&self) -> Result<u64, Refusal> {
        match self.optional("resolution") {
            None | Some("5Mi") => Ok(1),
            Some("15Mi") => Ok(3),
            Some(other) => Err(Refusal::bad_request(format!("Unknown resolution : {other}"))),
        }
    }

    fn format(&self, limits: &Limits) -> Result<Format, Refusal> {
        match self.optional("format").unwrap_or(&limits.outbound_default_format) {
            "protobuf-json" => Ok(Format::ProtobufJson),
            "protobuf-binary" => Ok(Format::ProtobufBinary),
            "text" => Ok(Format::Text),
            other => Err(Refusal::bad_request(format!("Unknown format : {other}"))),
        }
    }

    fn truncates(&self) -> Result<bool, Refusal> {
        match self.optional("onLimit") {
            None => Ok(false),
            Some(text) if text.eq_ignore_ascii_case("truncate") => Ok(true),
            Some(other) => Err(Refusal::bad_request(format!("Unknown onLimit : {other}"))),
        }
    }

    fn interval(&self, limits: &Limits, now: Timestamp) -> Result<(Timestamp, Timestamp), Refusal> {
        if let Some(period) = self.optional("period") {
            return self::period(period, now).ok_or_else(|| Refusal::bad_request(format!("Unknown period : {period}")));
        }
        if self.optional("from").is_none() && self.optional("to").is_none() {
            return Err(Refusal::missing_parameter("period"));
        }
        let (from, to) = (date("From", &self.required("from")?)?, date("To", &self.required("to")?)?);
        if to <= from {
            return Err(Refusal::bad_request("To is not after From"));
        }
        if to.since(from) > Duration::from_secs(60 * limits.outbound_interval_minutes) {
            return Err(Refusal::bad_request(format!("Time interval > {} mins", limits.outbound_interval_minutes)));
        }
        Ok((from, to))
    }
}

/// `L1H` the last hour up to now, `C1H` from the full hour on; likewise with other numbers and with `M` and `D`. The public collections show
/// the values and not their exact meaning.
fn period(text: &str, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let unit = match text.chars().last()? {
        'M' => 60,
        'H' => 3_600,
        'D' => 86_400,
        _ => return None,
    };
    let count: u64 = text.get(1..text.len() - 1)?.parse().ok().filter(|count| (1..=1_000).contains(count))?;
    let from = match text.chars().next()? {
        'L' => now.minus(Duration::from_secs(count * unit)),
        'C' => {
            let seconds = now.as_nanos() / 1_000_000_000;
            Timestamp::from_secs((seconds - seconds % unit).saturating_sub((count - 1) * unit))
        }
        _ => return None,
    };
    Some((from, now))
}

fn date(name: &str, text: &str) -> Result<Timestamp, Refusal> {
    let parsed = DateTime::strptime("%Y%m%d%H%M%S", text).ok().filter(|_| text.len() == 14);
    let seconds = parsed.and_then(|time| time.to_zoned(TimeZone::UTC).ok()).map(|time| time.timestamp().as_second());
    seconds
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map(Timestamp::from_secs)
        .ok_or_else(|| Refusal::bad_request(format!("{name} is not of format yyyyMMddHHmmss : {text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "provider=hm&dimensions=serviceId,metricName&metrics=measure:value&period=L1H";

    /// 2026-07-22T06:20:00Z.
    fn now() -> Timestamp {
        Timestamp::from_secs(1_784_701_200)
    }

    fn reason(text: &str) -> String {
        parse(text, &Limits::default(), now()).unwrap_err().reason().to_owned()
    }

    #[test]
    fn a_complete_query_is_read() {
        let query = parse(BASE, &Limits::default(), now()).unwrap();
        assert_eq!(query.dimensions, ["serviceId", "metricName"]);
        assert_eq!(query.measures, ["value"]);
        assert_eq!((query.from, query.to), (now().minus(Duration::from_secs(3_600)), now()));
        assert_eq!((query.limit, query.offset, query.truncate), (5_000, 0, false));
        assert_eq!(query.bucket, Duration::from_secs(300));
        assert_eq!(query.format, Format::ProtobufBinary);
    }

    #[test]
    fn each_missing_parameter_is_named() {
        for name in ["provider", "dimensions", "metrics", "period"] {
            let text: Vec<&str> = BASE.split('&').filter(|pair| !pair.starts_with(name)).collect();
            assert_eq!(reason(&text.join("&")), format!("A required parameter is missing : {name}"));
        }
        assert_eq!(reason(&BASE.replace("period=L1H", "from=20260722060000")), "A required parameter is missing : to");
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for (more, expected) in [
            ("servceId=x", "Unknown filter"),
            ("resolution=1Mi", "Unknown resolution"),
            ("format=json", "Unknown format"),
            ("onLimit=cut", "Unknown onLimit"),
            ("limit=5001", "limit must not be over"),
            ("limit=x", "limit is not a number"),
            ("version=V2", "Unknown version"),
            ("preserveTimeStamp=1", "preserveTimeStamp"),
        ] {
            let found = reason(&format!("{BASE}&{more}"));
            assert!(found.contains(expected), "{more}: {found}");
        }
        assert!(reason(&BASE.replace("provider=hm", "provider=xx")).contains("Unknown provider"));
        assert!(reason(&BASE.replace("measure:value", "value")).contains("Unknown entry of metrics"));
        assert!(reason(&BASE.replace("metricName", "name")).contains("Unknown entry of dimensions"));
    }

    #[test]
    fn periods_are_rolling_or_from_the_full_unit_on() {
        let start = |text: &str| period(text, now()).map(|(from, _)| from);
        assert_eq!(start("L1H"), Some(now().minus(Duration::from_secs(3_600))));
        assert_eq!(start("C1H"), Some(Timestamp::from_secs(1_784_700_000)));
        assert_eq!(start("C24H"), Some(Timestamp::from_secs(1_784_700_000 - 23 * 3_600)));
        for wrong in ["", "L", "LH", "L0H", "X1H", "L1Y", "L1", "1H", "Lé"] {
            assert_eq!(start(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn dates_are_fourteen_digits_and_at_most_an_hour_apart() {
        let between = |from: &str, to: &str| BASE.replace("period=L1H", &format!("from={from}&to={to}"));
        let query = parse(&between("20260722060000", "20260722062000"), &Limits::default(), now()).unwrap();
        assert_eq!((query.from, query.to), (Timestamp::from_secs(1_784_700_000), now()));
        assert!(reason(&between("2026-07-22", "20260722062000")).contains("From is not of format"));
        assert!(reason(&between("20260722060000", "20261322062000")).contains("To is not of format"));
        assert_eq!(reason(&between("20260722060000", "20260722070001")), "Time interval > 60 mins");
        assert!(reason(&between("20260722060000", "20260722060000")).contains("not after"));
    }

    #[test]
    fn shift_moves_the_window_by_buckets() {
        let query = parse(&format!("{BASE}&shift=1&resolution=15Mi"), &Limits::default(), now()).unwrap();
        assert_eq!(query.to, now().minus(Duration::from_secs(900)));
    }

    proptest::proptest! {
        #[test]
        fn any_query_is_answered_or_refused_in_words(text in ".{0,200}", period in ".{0,8}", from in "[0-9]{0,16}") {
            for query in [text.clone(), format!("{BASE}&{text}"), BASE.replace("L1H", &period), BASE.replace("period=L1H", &format!("from={from}&to={from}"))] {
                if let Err(refusal) = parse(&query, &Limits::default(), now()) {
                    proptest::prop_assert!(!refusal.reason().is_empty());
                }
            }
        }
    }
}
