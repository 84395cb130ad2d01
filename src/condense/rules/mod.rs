//! Rules: which series become which row.
//!
//! A [`RuleText`] is what a person wrote; a [`Rule`] is what it means. All problems of a rule are found at once, each with its field.

mod parse;
mod selector;
mod threshold;

use std::sync::Arc;

use serde::Deserialize;

use super::config::Across;

pub(crate) use selector::{Glob, Selector};
pub(crate) use threshold::{Threshold, Thresholds};

/// A rule as it stands in a config or a recipe, before it is understood.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleText {
    /// Which series: a metric name (globs allowed) with optional label matchers, as in `name{label!="value"}` (`=`, `!=`, and for globs `=~`, `!~`).
    pub select: String,
    /// What it becomes: `gauge`, `quota` or `status`. Default: `gauge`.
    #[serde(rename = "as")]
    pub kind: Option<String>,
    /// The value: `last`, `rate`, `delta`, `avg`, `min`, `max`, `p50` to `p99`, `limit - last`, or `limit - rate`. Default: by the kind of stream.
    pub value: Option<String>,
    /// The series that holds a quota's limit, or a number.
    pub limit: Option<String>,
    /// The name on the wire. Default: the metric's own.
    pub name: Option<String>,
    /// Attributes that tell the rows apart. Default: all.
    pub labels: Option<Vec<String>>,
    /// The unit. Default: the metric's own.
    pub unit: Option<String>,
    /// When it is a warning: `> 80%` of a limit, `> 5`, `< 1`.
    pub warning: Option<String>,
    /// When it is critical.
    pub critical: Option<String>,
    /// How several instances are combined: `sum`, `avg`, `min`, `max`, `each`.
    pub across: Option<String>,
    /// How series of one instance are combined that `labels` no longer tells apart: `sum`, `avg`, `min`, `max`. Default: `sum`.
    pub within: Option<String>,
    /// For a status: the sentence; `{value}`, `{limit}` and `{label}` names are filled in.
    pub text: Option<String>,
}

/// A rule that is understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub(crate) select: Selector,
    pub(crate) kind: RuleKind,
    pub(crate) value: Option<ValueOf>,
    /// Whether the value is what the limit leaves: `limit - …`.
    pub(crate) rest_of_limit: bool,
    pub(crate) limit: Option<Limit>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) labels: Option<Vec<Arc<str>>>,
    pub(crate) unit: Option<Arc<str>>,
    pub(crate) thresholds: Thresholds,
    pub(crate) across: Option<Across>,
    pub(crate) within: Across,
    pub(crate) text: Option<Arc<str>>,
}

/// What a rule makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuleKind {
    Gauge,
    Quota,
    Status,
}

/// Which value of a series in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ValueOf {
    Last,
    Rate,
    Delta,
    Average,
    Min,
    Max,
    Percentile(u8),
}

/// What a value is measured by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Limit {
    Constant(f64),
    Series(Selector),
}

/// What is wrong with one field of a [`RuleText`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleProblem {
    /// The field's key.
    pub field: &'static str,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
    /// What to write, if that is known.
    pub hint: Option<String>,
}

impl Rule {
    /// Understands a rule.
    ///
    /// # Errors
    /// Every problem of every field.
    pub fn parse(text: &RuleText) -> Result<Self, Vec<RuleProblem>> {
        parse::parse(text)
    }

    /// What happens to a series that nothing selects and that is forwarded all the same.
    pub(crate) fn forward() -> Self {
        Self {
            select: Selector::everything(),
            kind: RuleKind::Gauge,
            value: None,
            rest_of_limit: false,
            limit: None,
            name: None,
            labels: None,
            unit: None,
            thresholds: Thresholds::default(),
            across: None,
            within: Across::Sum,
            text: None,
        }
    }

    /// Whether it selects metrics of this name. A `_created` stamp is only meant when it is named in full: as a number it is noise of 1.7e9.
    pub(crate) fn selects_name(&self, name: &str) -> bool {
        self.select.matches_name(name) && (self.select.is_exact() || !name.ends_with("_created"))
    }

    /// The selector of its limit, if a series holds it.
    pub(crate) const fn limit_series(&self) -> Option<&Selector> {
        match &self.limit {
            Some(Limit::Series(selector)) => Some(selector),
            _ => None,
        }
    }
}
