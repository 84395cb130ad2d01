//! Recipes: what to take from a known producer, and what Cloud ALM needs to know of it.
//!
//! A recipe is a TOML file. Those of the package are compiled in; the caller may hand over more, as texts, whose names win. Names of rows are
//! OpenTelemetry's wherever it has one. Renaming a row is a breaking change of the recipe: events and thresholds in Cloud ALM hang on it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::rules::{Glob, Rule, RuleProblem, RuleText};

/// The recipes of the package, by the names of their files.
const BUILT_IN: [(&str, &str); 7] = [
    ("cap", include_str!("../../config/recipes/cap.toml")),
    ("host", include_str!("../../config/recipes/host.toml")),
    ("jvm", include_str!("../../config/recipes/jvm.toml")),
    ("node", include_str!("../../config/recipes/node.toml")),
    ("nodejs", include_str!("../../config/recipes/nodejs.toml")),
    ("otel-http", include_str!("../../config/recipes/otel-http.toml")),
    ("spring", include_str!("../../config/recipes/spring.toml")),
];

/// The most bytes of a recipe's text.
pub const MAX_RECIPE_BYTES: usize = 256 * 1024;

/// All recipes that there are.
#[derive(Debug, Clone, Default)]
pub struct RecipeLibrary {
    recipes: BTreeMap<Arc<str>, Arc<Recipe>>,
}

/// One recipe.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// Its name, as `recipe = "…"` in a config says it.
    pub name: Arc<str>,
    /// Grows by one whenever a row is renamed.
    pub version: u32,
    /// What it is for, in a sentence.
    pub description: String,
    pub(crate) rules: Vec<Arc<Rule>>,
    metrics: Vec<Glob>,
    scopes: Vec<Glob>,
}

/// What is wrong with a recipe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecipeError {
    /// It is larger than a recipe can be.
    #[error("recipe {name} has {bytes} bytes; at most {MAX_RECIPE_BYTES} are read")]
    TooLarge {
        /// The recipe.
        name: String,
        /// Its size.
        bytes: usize,
    },
    /// It is no TOML, or has unknown keys.
    #[error("recipe {name} cannot be read: {message}")]
    Unreadable {
        /// The recipe.
        name: String,
        /// What the reader says, with its place.
        message: String,
    },
    /// One of its rules is wrong.
    #[error("recipe {name}, rule {number}: {}", problem_text(.problem))]
    Rule {
        /// The recipe.
        name: String,
        /// Which rule, counted from one.
        number: usize,
        /// What is wrong with it.
        problem: RuleProblem,
    },
    /// A source names a recipe that is not there.
    #[error("there is no recipe {name:?}; known are {}", .known.join(", "))]
    Unknown {
        /// The name.
        name: String,
        /// Those that are there.
        known: Vec<String>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecipeText {
    name: String,
    version: u32,
    description: String,
    #[serde(default)]
    detect: Detect,
    #[serde(default)]
    rule: Vec<RuleText>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Detect {
    #[serde(default)]
    metrics: Vec<String>,
    #[serde(default)]
    scopes: Vec<String>,
}

impl RecipeLibrary {
    /// The recipes of the package.
    ///
    /// # Errors
    /// [`RecipeError`] if one of them is wrong, which a test of ours excludes.
    pub fn built_in() -> Result<Self, RecipeError> {
        Self::with(std::iter::empty::<(&str, &str)>())
    }

    /// The recipes of the package and those of a folder, as (file stem, text); a recipe of the folder wins over one of the same name.
    ///
    /// # Errors
    /// [`RecipeError`] for the first recipe that is wrong.
    pub fn with<N: AsRef<str>, T: AsRef<str>>(folder: impl IntoIterator<Item = (N, T)>) -> Result<Self, RecipeError> {
        let mut library = Self::default();
        for (name, text) in BUILT_IN {
            library.add(name, text)?;
        }
        for (name, text) in folder {
            library.add(name.as_ref(), text.as_ref())?;
        }
        Ok(library)
    }

    fn add(&mut self, file: &str, text: &str) -> Result<(), RecipeError> {
        let recipe = Recipe::parse(file, text)?;
        self.recipes.insert(recipe.name.clone(), Arc::new(recipe));
        Ok(())
    }

    /// A recipe by its name.
    ///
    /// # Errors
    /// [`RecipeError::Unknown`] with the names that are there.
    pub fn get(&self, name: &str) -> Result<&Arc<Recipe>, RecipeError> {
        self.recipes.get(name).ok_or_else(|| RecipeError::Unknown {
            name: name.to_owned(),
            known: self.recipes.keys().map(ToString::to_string).collect(),
        })
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Recipe>> {
        self.recipes.values()
    }
}

impl Recipe {
    /// Reads a recipe's text. `file` names it in messages.
    ///
    /// # Errors
    /// [`RecipeError`] for the first thing that is wrong.
    pub fn parse(file: &str, text: &str) -> Result<Self, RecipeError> {
        if text.len() > MAX_RECIPE_BYTES {
            return Err(RecipeError::TooLarge { name: file.to_owned(), bytes: text.len() });
        }
        let read: RecipeText = toml::from_str(text)
            .map_err(|error| RecipeError::Unreadable { name: file.to_owned(), message: error.to_string() })?;
        let mut rules = Vec::with_capacity(read.rule.len());
        for (index, rule) in read.rule.iter().enumerate() {
            let rule = Rule::parse(rule).map_err(|problems| RecipeError::Rule {
                name: file.to_owned(),
                number: index + 1,
                problem: problems.into_iter().next().unwrap_or_else(unnamed_problem),
            })?;
            rules.push(Arc::new(rule));
        }
        let globs = |texts: Vec<String>| texts.iter().map(|text| Glob::new(text)).collect();
        Ok(Self {
            name: read.name.into(),
            version: read.version,
            description: read.description,
            rules,
            metrics: globs(read.detect.metrics),
            scopes: globs(read.detect.scopes),
        })
    }

    /// Whether a metric gives its producer away.
    pub(crate) fn detects(&self, metric: &str, scope: &str) -> bool {
        self.metrics.iter().any(|glob| glob.matches(metric)) || self.scopes.iter().any(|glob| glob.matches(scope))
    }
}

fn unnamed_problem() -> RuleProblem {
    RuleProblem { field: "select", message: "cannot be understood".to_owned(), hint: None }
}

fn problem_text(problem: &RuleProblem) -> String {
    let hint = problem.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
    format!("{}: {}{hint}", problem.field, problem.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipes_of_the_package_are_read_under_their_files_names() {
        let library = RecipeLibrary::built_in().unwrap();
        for (file, _) in BUILT_IN {
            let recipe = library.get(file).unwrap();
            assert!(recipe.version > 0 && !recipe.description.is_empty() && !recipe.rules.is_empty(), "{file}");
        }
        assert_eq!(library.iter().count(), BUILT_IN.len());
    }

    #[test]
    fn a_recipe_of_the_folder_wins() {
        let text = "name = 'cap'\nversion = 9\ndescription = 'ours'\n[[rule]]\nselect = 'm'";
        let library = RecipeLibrary::with([("cap", text)]).unwrap();
        assert_eq!(library.get("cap").unwrap().version, 9);
    }

    #[test]
    fn mistakes_are_named_with_their_rule() {
        let error = |text: &str| Recipe::parse("mine", text).unwrap_err().to_string();
        assert!(error("name = 1").contains("recipe mine cannot be read"));
        assert!(error("name='a'\nversion=1\ndescription='d'\ndetekt={}").contains("detekt"));
        let rule =
            error("name='a'\nversion=1\ndescription='d'\n[[rule]]\nselect='m'\n[[rule]]\nselect='m'\nas='quota'");
        assert!(rule.contains("rule 2: limit: a quota needs a limit"), "{rule}");
        let unknown = RecipeLibrary::built_in().unwrap().get("nod").unwrap_err().to_string();
        assert!(unknown.contains("\"nod\"") && unknown.contains("nodejs"), "{unknown}");
        let large = Recipe::parse("mine", &"#".repeat(MAX_RECIPE_BYTES + 1)).unwrap_err();
        assert!(matches!(large, RecipeError::TooLarge { .. }));
    }
}
