//! The environment, as far as it may speak: overrides of keys, and the variables that a config names.
//!
//! `CALM_AGENT__CLOUD_ALM__PUSH_INTERVAL=30s` sets `push_interval` of `[cloud_alm]`. The `config` crate reads the overrides (with prefix and
//! separator `__`); values stay texts until a key's own type reads them, never guessed by their looks: a password `0123` must not arrive as
//! 123. They are laid over the spanned tree of the file here rather than merged by that crate, because its merge forgets on which line a
//! value stood. This is the only room that reads the process's environment.

use std::collections::BTreeMap;
use std::fmt;

/// What the variables of overrides begin with.
pub const OVERRIDE_PREFIX: &str = "CALM_AGENT__";

/// Names and values, handed in, so that tests have one of their own.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

/// A key that is set by a variable.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Override {
    pub(crate) variable: String,
    pub(crate) path: Vec<String>,
    pub(crate) value: String,
}

impl Environment {
    /// That of this process. Variables that are not UTF-8 are left out: no key of ours could hold them.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn of_process() -> Self {
        // `vars` would panic on what is not UTF-8.
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Every override, in the order of the names.
    pub(crate) fn overrides(&self) -> Vec<Override> {
        let ours: BTreeMap<&String, &String> = self
            .variables
            .iter()
            .filter(|(name, _)| name.to_lowercase().starts_with(&OVERRIDE_PREFIX.to_lowercase()))
            .collect();
        let source = config::Environment::with_prefix(OVERRIDE_PREFIX.trim_end_matches('_'))
            .prefix_separator("__")
            .separator("__")
            .source(Some(ours.iter().map(|(name, value)| ((*name).clone(), (*value).clone())).collect()));
        let collected = config::Source::collect(&source).unwrap_or_default();
        let mut overrides: Vec<_> = ours
            .into_keys()
            .filter_map(|variable| {
                let path = variable.to_lowercase()[OVERRIDE_PREFIX.len()..].replace("__", ".");
                let value = collected.get(&path)?.clone().into_string().ok()?;
                Some(Override { variable: variable.clone(), path: path.split('.').map(str::to_owned).collect(), value })
            })
            .collect();
        overrides.sort_by(|a, b| a.variable.cmp(&b.variable));
        overrides
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self { variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }
}

impl fmt::Debug for Environment {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_name_a_path_and_stay_texts() {
        let environment: Environment = [
            ("CALM_AGENT__CLOUD_ALM__PUSH_INTERVAL", "30s"),
            ("calm_agent__log__level", "0123"),
            ("CALM_AGENT_CONFIG", "/etc/x"),
            ("PATH", "/bin"),
        ]
        .into_iter()
        .collect();
        let overrides = environment.overrides();
        let found: Vec<_> =
            overrides.iter().map(|o| (o.variable.as_str(), o.path.join("."), o.value.as_str())).collect();
        assert_eq!(
            found,
            [
                ("CALM_AGENT__CLOUD_ALM__PUSH_INTERVAL", "cloud_alm.push_interval".into(), "30s"),
                ("calm_agent__log__level", "log.level".into(), "0123"),
            ]
        );
        assert_eq!(environment.get("PATH"), Some("/bin"));
    }

    #[test]
    fn debug_shows_names_only() {
        let environment: Environment = [("NAME", "planted-value")].into_iter().collect();
        assert_eq!(format!("{environment:?}"), "{\"NAME\"}");
    }
}
