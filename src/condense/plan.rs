//! Which rules concern a metric, and which of them a series.
//!
//! A source's own rules come before its recipes': what one of them selects, no recipe does. Where a source has neither, or says
//! `forward_rest`, what nothing selects goes out as it is.

use std::sync::Arc;

use super::recipes::Recipe;
use super::rules::{Rule, RuleKind, ValueOf};
use super::series::text_of;
use crate::metric::{Attributes, MetricKind, Temporality};

/// The rules of a source that are in force.
#[derive(Debug, Clone, Default)]
pub(crate) struct SourcePlan {
    pub(crate) own: Vec<Arc<Rule>>,
    pub(crate) recipes: Vec<Arc<Recipe>>,
    /// Whether `forward_rest` was said.
    pub(crate) forward_rest: bool,
}

/// What may become of the series of a metric.
#[derive(Debug, Clone, Default)]
pub(crate) struct MetricPlan {
    own: Vec<Arc<Rule>>,
    recipes: Vec<Arc<Rule>>,
    /// Rules whose limit these series may hold.
    limits: Vec<Arc<Rule>>,
    rest: Option<Arc<Rule>>,
    /// Whether a rule asks for the growth of what says it is a gauge: pages without types do so.
    counts: bool,
}

/// What becomes of one series.
#[derive(Debug, Default)]
pub(crate) struct SeriesPlan {
    /// Rules that make a row or status of it.
    pub(crate) values: Vec<Arc<Rule>>,
    /// Rules that measure another series by it.
    pub(crate) limits: Vec<Arc<Rule>>,
}

impl SourcePlan {
    /// For a metric of this name.
    pub(crate) fn for_metric(&self, name: &str, forward: &Arc<Rule>) -> MetricPlan {
        let selecting = |rules: &mut dyn Iterator<Item = &Arc<Rule>>| -> Vec<Arc<Rule>> {
            rules.filter(|rule| rule.selects_name(name)).cloned().collect()
        };
        let own = selecting(&mut self.own.iter());
        let recipes = selecting(&mut self.recipe_rules());
        let limits = self
            .own
            .iter()
            .chain(self.recipe_rules())
            .filter(|rule| rule.limit_series().is_some_and(|limit| limit.matches_name(name)))
            .cloned()
            .collect();
        let forwards = self.forward_rest || (self.own.is_empty() && self.recipes.is_empty());
        let counts = own.iter().chain(&recipes).any(|rule| matches!(rule.value, Some(ValueOf::Rate | ValueOf::Delta)));
        MetricPlan {
            own,
            recipes,
            limits,
            rest: (forwards && forward.selects_name(name)).then(|| forward.clone()),
            counts,
        }
    }

    fn recipe_rules(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.recipes.iter().flat_map(|recipe| &recipe.rules)
    }
}

impl MetricPlan {
    /// Whether no series of the metric can be wanted.
    pub(crate) const fn is_empty(&self) -> bool {
        self.own.is_empty() && self.recipes.is_empty() && self.limits.is_empty() && self.rest.is_none()
    }

    /// The kind of stream that its values are taken for.
    pub(crate) const fn effective_kind(&self, kind: MetricKind) -> MetricKind {
        match kind {
            MetricKind::Gauge if self.counts => {
                MetricKind::Sum { monotonic: true, temporality: Temporality::Cumulative }
            }
            _ => kind,
        }
    }

    /// For a series with these attributes.
    pub(crate) fn for_series(&self, attributes: Attributes<'_>) -> SeriesPlan {
        let value_of = |label: &str| text_of(attributes, label);
        let fitting = |rules: &[Arc<Rule>]| -> Vec<Arc<Rule>> {
            rules.iter().filter(|rule| rule.select.matches_labels(value_of)).cloned().collect()
        };
        let mut values = fitting(&self.own);
        if values.is_empty() {
            values = fitting(&self.recipes);
        }
        if values.is_empty() {
            values.extend(self.rest.clone());
        }
        let limits = self
            .limits
            .iter()
            .filter(|rule| rule.limit_series().is_some_and(|limit| limit.matches_labels(value_of)))
            .cloned()
            .collect();
        SeriesPlan { values, limits }
    }
}

impl SeriesPlan {
    /// Whether nothing becomes of it.
    pub(crate) const fn is_empty(&self) -> bool {
        self.values.is_empty() && self.limits.is_empty()
    }
}

/// The values that a rule takes of a stream, each with the suffix of its name.
pub(crate) fn outputs(rule: &Rule, kind: MetricKind, quantiles: &[(f64, f64)]) -> Vec<(ValueOf, String)> {
    let chosen = |value| (value, if rule.name.is_some() { String::new() } else { suffix(value, kind) });
    if let Some(value) = rule.value {
        return vec![chosen(value)];
    }
    let single = rule.kind != RuleKind::Gauge;
    match kind {
        MetricKind::Sum { monotonic: true, .. } => vec![chosen(ValueOf::Rate)],
        MetricKind::Gauge | MetricKind::Sum { temporality: Temporality::Cumulative, .. } => vec![chosen(ValueOf::Last)],
        MetricKind::Sum { .. } => vec![chosen(ValueOf::Delta)],
        MetricKind::Histogram(_) | MetricKind::Exponential(_) | MetricKind::Summary if single => {
            vec![chosen(ValueOf::Average)]
        }
        MetricKind::Histogram(_) | MetricKind::Exponential(_) => distribution(kind, Some(95)),
        MetricKind::Summary => distribution(kind, percentile_of(quantiles)),
    }
}

/// What a histogram or summary shows when nobody chose: its average, a high percentile, and how often.
fn distribution(kind: MetricKind, percentile: Option<u8>) -> Vec<(ValueOf, String)> {
    [Some(ValueOf::Average), percentile.map(ValueOf::Percentile), Some(ValueOf::Rate)]
        .into_iter()
        .flatten()
        .map(|value| (value, suffix(value, kind)))
        .collect()
}

/// The 95th percentile, or the highest that the sender computes.
fn percentile_of(quantiles: &[(f64, f64)]) -> Option<u8> {
    let percents = || {
        quantiles.iter().map(|(quantile, _)| quantile * 100.0).filter(|percent| {
            let rounded = percent.round();
            (rounded - percent).abs() < 1e-6 && (1.0..=99.0).contains(&rounded)
        })
    };
    let at_95 = percents().find(|percent| percent.round() == 95.0);
    at_95.or_else(|| percents().max_by(f64::total_cmp)).map(|percent| percent.round() as u8)
}

/// What a derived value adds to its metric's name.
fn suffix(value: ValueOf, kind: MetricKind) -> String {
    let counts_values = matches!(kind, MetricKind::Histogram(_) | MetricKind::Exponential(_) | MetricKind::Summary);
    match value {
        ValueOf::Last | ValueOf::Average => String::new(),
        ValueOf::Rate if counts_values => ".count_rate".to_owned(),
        ValueOf::Delta if counts_values => ".count".to_owned(),
        ValueOf::Rate => ".rate".to_owned(),
        ValueOf::Delta => ".delta".to_owned(),
        ValueOf::Min => ".min".to_owned(),
        ValueOf::Max => ".max".to_owned(),
        ValueOf::Percentile(percent) => format!(".p{percent}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condense::rules::RuleText;
    use crate::metric::AttributeWriter;

    fn rule(select: &str, name: Option<&str>) -> Arc<Rule> {
        let text = RuleText { select: select.to_owned(), name: name.map(str::to_owned), ..RuleText::default() };
        Arc::new(Rule::parse(&text).unwrap())
    }

    fn attributes(key: &str, value: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        AttributeWriter::new(&mut bytes).text(key, value);
        bytes
    }

    #[test]
    fn own_rules_come_before_recipes_and_both_before_the_rest() {
        let recipe = "name = 'r'\nversion = 1\ndescription = 'd'\n[[rule]]\nselect = 'm'\nname = 'recipe'";
        let forward = Arc::new(Rule::forward());
        let plan = SourcePlan {
            own: vec![rule(r#"m{a="1"}"#, Some("own"))],
            recipes: vec![Arc::new(Recipe::parse("r", recipe).unwrap())],
            forward_rest: true,
        };
        let named = |name: &str, key: &str, value: &str| -> Vec<String> {
            let bytes = attributes(key, value);
            let series = plan.for_metric(name, &forward).for_series(Attributes::new(&bytes));
            series.values.iter().map(|rule| rule.name.as_deref().unwrap_or("as it is").to_owned()).collect()
        };
        assert_eq!(named("m", "a", "1"), ["own"]);
        assert_eq!(named("m", "a", "2"), ["recipe"]);
        assert_eq!(named("n", "a", "1"), ["as it is"]);
        assert!(named("n_created", "a", "1").is_empty());
    }

    #[test]
    fn a_source_with_rules_forwards_nothing_else() {
        let forward = Arc::new(Rule::forward());
        let bare = SourcePlan::default();
        assert!(!bare.for_metric("n", &forward).is_empty());
        let ruled = SourcePlan { own: vec![rule("m", None)], ..SourcePlan::default() };
        assert!(ruled.for_metric("n", &forward).is_empty());
    }

    #[test]
    fn names_of_derived_values_have_suffixes_unless_a_rule_names_them() {
        let names = |kind, quantiles: &[(f64, f64)]| -> Vec<String> {
            outputs(&Rule::forward(), kind, quantiles).into_iter().map(|(_, suffix)| suffix).collect()
        };
        let sum = |monotonic, temporality| MetricKind::Sum { monotonic, temporality };
        assert_eq!(names(MetricKind::Gauge, &[]), [""]);
        assert_eq!(names(sum(true, Temporality::Cumulative), &[]), [".rate"]);
        assert_eq!(names(sum(true, Temporality::Delta), &[]), [".rate"]);
        assert_eq!(names(sum(false, Temporality::Cumulative), &[]), [""]);
        assert_eq!(names(sum(false, Temporality::Delta), &[]), [".delta"]);
        assert_eq!(names(MetricKind::Histogram(Temporality::Delta), &[]), ["", ".p95", ".count_rate"]);
        assert_eq!(names(MetricKind::Summary, &[(0.5, 1.0), (0.99, 2.0)]), ["", ".p99", ".count_rate"]);
        assert_eq!(names(MetricKind::Summary, &[(0.95, 1.0), (0.99, 2.0)]), ["", ".p95", ".count_rate"]);
        assert_eq!(names(MetricKind::Summary, &[(0.999, 2.0)]), ["", ".count_rate"]);
        let text = RuleText { select: "m".into(), value: Some("p50".into()), ..RuleText::default() };
        let unnamed = Rule::parse(&text).unwrap();
        let named = Rule::parse(&RuleText { name: Some("x".into()), ..text }).unwrap();
        let suffix = |rule: &Rule| outputs(rule, MetricKind::Histogram(Temporality::Delta), &[])[0].1.clone();
        assert_eq!((suffix(&unnamed).as_str(), suffix(&named).as_str()), (".p50", ""));
    }
}
