//! From a rule's text to its meaning, with every problem at once.

use std::sync::Arc;

use super::{Limit, Rule, RuleKind, RuleProblem, RuleText, Selector, Threshold, Thresholds, ValueOf};
use crate::condense::config::Across;

/// Thresholds of a quota that names none. Source: the example of the product's own page; SAP sample XP267 uses 70 and 85.
const QUOTA_THRESHOLDS: Thresholds =
    Thresholds { warning: Some(Threshold::above_percent(80.0)), critical: Some(Threshold::above_percent(90.0)) };

/// Understands a rule; see [`Rule::parse`].
pub(super) fn parse(text: &RuleText) -> Result<Rule, Vec<RuleProblem>> {
    let mut problems = Problems::default();
    let select = problems.selector("select", &text.select);
    let kind = problems.word("as", text.kind.as_deref(), &KINDS).unwrap_or(RuleKind::Gauge);
    let (value, rest_of_limit) = problems.value(text.value.as_deref());
    let limit = text.limit.as_deref().and_then(|limit| problems.limit(limit));
    let mut thresholds = Thresholds {
        warning: problems.threshold("warning", text.warning.as_deref()),
        critical: problems.threshold("critical", text.critical.as_deref()),
    };
    let across = problems.word("across", text.across.as_deref(), &ACROSS);
    let within = problems.word("within", text.within.as_deref(), &ACROSS[..4]).unwrap_or(Across::Sum);
    problems.cross_check(text, kind, rest_of_limit, &thresholds);
    if kind == RuleKind::Quota && thresholds.is_empty() {
        thresholds = QUOTA_THRESHOLDS;
    }
    match (select, problems.0.is_empty()) {
        (Some(select), true) => Ok(Rule {
            select,
            kind,
            value,
            rest_of_limit,
            limit,
            name: shared(text.name.as_deref()),
            labels: text.labels.as_ref().map(|labels| labels.iter().map(|label| Arc::from(label.as_str())).collect()),
            unit: shared(text.unit.as_deref()),
            thresholds,
            across,
            within,
            text: shared(text.text.as_deref()),
        }),
        _ => Err(problems.0),
    }
}

const KINDS: [(&str, RuleKind); 3] =
    [("gauge", RuleKind::Gauge), ("quota", RuleKind::Quota), ("status", RuleKind::Status)];
const ACROSS: [(&str, Across); 5] = [
    ("sum", Across::Sum),
    ("avg", Across::Average),
    ("min", Across::Min),
    ("max", Across::Max),
    ("each", Across::Each),
];
const VALUES: [(&str, ValueOf); 6] = [
    ("last", ValueOf::Last),
    ("rate", ValueOf::Rate),
    ("delta", ValueOf::Delta),
    ("avg", ValueOf::Average),
    ("min", ValueOf::Min),
    ("max", ValueOf::Max),
];

#[derive(Default)]
struct Problems(Vec<RuleProblem>);

impl Problems {
    fn add(&mut self, field: &'static str, message: impl Into<String>, hint: &str) {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.0.push(RuleProblem { field, message: message.into(), hint });
    }

    fn selector(&mut self, field: &'static str, text: &str) -> Option<Selector> {
        Selector::parse(text).map_err(|error| self.add(field, error.message, error.hint.as_deref().unwrap_or(""))).ok()
    }

    fn word<T: Copy>(&mut self, field: &'static str, text: Option<&str>, known: &[(&str, T)]) -> Option<T> {
        let text = text?.trim();
        let found = known.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
            self.add(field, format!("{text:?} is not known"), &format!("one of {}", words.join(", ")));
        }
        found
    }

    fn value(&mut self, text: Option<&str>) -> (Option<ValueOf>, bool) {
        let Some(text) = text.map(str::trim) else { return (None, false) };
        let (word, rest_of_limit) =
            match text.strip_prefix("limit").and_then(|rest| rest.trim_start().strip_prefix('-')) {
                Some(word) => (word.trim(), true),
                None => (text, false),
            };
        let named = VALUES.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
        let percentile = || {
            let number: u8 = word.strip_prefix('p')?.parse().ok()?;
            (1..=99).contains(&number).then_some(ValueOf::Percentile(number))
        };
        let value = named.or_else(percentile);
        if value.is_none() {
            self.add(
                "value",
                format!("{text:?} is no value"),
                "one of last, rate, delta, avg, min, max, p50 to p99, or limit - last",
            );
        }
        (value, rest_of_limit)
    }

    fn limit(&mut self, text: &str) -> Option<Limit> {
        match text.trim().replace('_', "").parse::<f64>() {
            Ok(number) if number.is_finite() && number > 0.0 => Some(Limit::Constant(number)),
            Ok(_) => {
                self.add("limit", format!("a limit of {text} measures nothing"), "write a number above zero");
                None
            }
            Err(_) => self.selector("limit", text).map(Limit::Series),
        }
    }

    fn threshold(&mut self, field: &'static str, text: Option<&str>) -> Option<Threshold> {
        Threshold::parse(text?)
            .map_err(|message| self.add(field, message, "write > 80% of a limit, or > 5, < 1, >=, <=, ==, !="))
            .ok()
    }

    /// What single fields cannot tell.
    fn cross_check(&mut self, text: &RuleText, kind: RuleKind, rest_of_limit: bool, thresholds: &Thresholds) {
        let limited = text.limit.is_some();
        if kind == RuleKind::Quota && !limited {
            self.add("limit", "a quota needs a limit", "name the series that holds it, or write a number");
        }
        if rest_of_limit && !limited && kind != RuleKind::Quota {
            self.add("value", "there is no limit to subtract from", "add limit = \"…\"");
        }
        if kind == RuleKind::Gauge && limited && !rest_of_limit {
            self.add("limit", "a gauge has no limit", "write as = \"quota\", or value = \"limit - last\"");
        }
        for (field, threshold) in [("warning", thresholds.warning), ("critical", thresholds.critical)] {
            if threshold.is_some_and(|threshold| threshold.percent) && (kind == RuleKind::Gauge || !limited) {
                self.add(
                    field,
                    "a threshold in percent needs a limit",
                    "write as = \"quota\" with a limit, or a plain number",
                );
            }
        }
        if text.text.is_some() && (kind == RuleKind::Quota || kind == RuleKind::Gauge && thresholds.is_empty()) {
            self.add("text", "only a status has a text", "write as = \"status\", or leave it out");
        }
        if kind == RuleKind::Status && text.unit.is_some() {
            self.add("unit", "a status has no unit", "leave it out");
        }
        for (field, name) in [("name", &text.name), ("text", &text.text)] {
            if name.as_ref().is_some_and(|name| name.trim().is_empty()) {
                self.add(field, "is empty", "leave it out, or write one");
            }
        }
    }
}

fn shared(text: Option<&str>) -> Option<Arc<str>> {
    text.map(Arc::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(toml: &str) -> RuleText {
        toml::from_str(toml).unwrap()
    }

    fn problems(toml: &str) -> Vec<(&'static str, String)> {
        let problems = Rule::parse(&text(toml)).unwrap_err();
        problems.into_iter().map(|problem| (problem.field, problem.message)).collect()
    }

    #[test]
    fn the_example_of_the_product_page_is_understood() {
        let rule = Rule::parse(&text(
            r#"
            select = 'node_filesystem_avail_bytes{fstype!="tmpfs"}'
            as = "quota"
            limit = "node_filesystem_size_bytes"
            value = "limit - last"
            name = "system.filesystem.usage"
            labels = ["mountpoint"]
            unit = "bytes"
            warning = "> 80%"
            critical = "> 90%"
            "#,
        ))
        .unwrap();
        assert_eq!((rule.kind, rule.value, rule.rest_of_limit), (RuleKind::Quota, Some(ValueOf::Last), true));
        assert!(rule.limit_series().unwrap().matches_name("node_filesystem_size_bytes"));
        assert_eq!(rule.name.as_deref(), Some("system.filesystem.usage"));
        assert!(rule.selects_name("node_filesystem_avail_bytes"));
    }

    #[test]
    fn every_problem_is_found_at_once() {
        let found = problems(
            r#"
            select = ""
            as = "gage"
            value = "p100"
            warning = "80%"
            critical = "> 90%"
            across = "median"
            within = "each"
            text = " "
            "#,
        );
        let fields: Vec<_> = found.iter().map(|(field, _)| *field).collect();
        for field in ["select", "as", "value", "warning", "critical", "across", "within", "text"] {
            assert!(fields.contains(&field), "{field} is missing in {found:?}");
        }
    }

    #[test]
    fn what_does_not_fit_together_is_named() {
        for (toml, field) in [
            ("select = 'm'\nas = 'quota'", "limit"),
            ("select = 'm'\nwarning = '> 80%'", "warning"),
            ("select = 'm'\nlimit = 'n'", "limit"),
            ("select = 'm'\nvalue = 'limit - last'", "value"),
            ("select = 'm'\ntext = 'x'", "text"),
            ("select = 'm'\nas = 'quota'\nlimit = '0'", "limit"),
            ("select = 'm'\nas = 'status'\ncritical = '> 9%'", "critical"),
            ("select = 'm'\nas = 'status'\nunit = 's'", "unit"),
        ] {
            assert_eq!(problems(toml).first().map(|(field, _)| *field), Some(field), "{toml}");
        }
    }

    #[test]
    fn unknown_fields_are_refused() {
        assert!(toml::from_str::<RuleText>("select = 'm'\nunits = 'x'").is_err());
    }

    #[test]
    fn a_quota_without_thresholds_has_the_usual_ones() {
        let rule = Rule::parse(&text("select = 'm'\nas = 'quota'\nlimit = '1_000'")).unwrap();
        assert_eq!(rule.thresholds, QUOTA_THRESHOLDS);
        assert_eq!(rule.limit, Some(Limit::Constant(1000.0)));
    }

    #[test]
    fn created_stamps_are_meant_only_when_named() {
        let selects = |select: &str, name: &str| {
            Rule::parse(&RuleText { select: select.to_owned(), ..RuleText::default() }).unwrap().selects_name(name)
        };
        assert!(!selects("http_*", "http_requests_created") && !Rule::forward().selects_name("a_created"));
        assert!(selects("http_requests_created", "http_requests_created"));
    }
}
