//! Rules: which series become which row.

use serde::Deserialize;

/// A rule as it stands in a config or a recipe, before it is understood.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleText {
    /// Which series: a metric name (globs allowed) with optional label matchers, as in `name{label!="value"}` (`=`, `!=`, `=~`-like globs).
    pub select: String,
    /// What it becomes: `gauge`, `quota` or `status`. Default: `gauge`.
    #[serde(rename = "as")]
    pub kind: Option<String>,
    /// The value: `last`, `rate`, `delta`, `avg`, `min`, `max`, `p50` to `p99`, or `limit - last`. Default: by the kind of stream.
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
    /// For a status: the sentence; `{value}`, `{limit}` and `{label}` names are filled in.
    pub text: Option<String>,
}

/// A rule that is understood.
#[derive(Debug, Clone)]
pub struct Rule {}

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
    pub fn parse(_text: &RuleText) -> Result<Self, Vec<RuleProblem>> {
        Ok(Self {})
    }
}
