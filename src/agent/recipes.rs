//! The recipes that are compiled in, and those of the user's folder.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::condense::recipes::MAX_RECIPE_BYTES;
use crate::condense::{RecipeError, RecipeLibrary};
use crate::error::{Exit, Explain};

/// The most recipes of a folder.
const MAX_RECIPES: usize = 200;

/// Why the recipes cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecipesError {
    /// The folder or one of its files cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// One of them is wrong.
    #[error("a recipe is wrong")]
    Recipe(#[from] RecipeError),
}

impl Explain for RecipesError {
    fn hint(&self) -> Option<String> {
        Some("recipes_dir holds TOML files as those in config/recipes".into())
    }

    fn exit(&self) -> Exit {
        Exit::Config
    }
}

/// All recipes there are, the files of `folder` (`*.toml`) beside those compiled in.
///
/// # Errors
/// [`RecipesError`] when the folder cannot be read, or a recipe is wrong.
pub fn recipes(folder: Option<&Path>) -> Result<RecipeLibrary, RecipesError> {
    let mut files = Vec::new();
    if let Some(folder) = folder {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| RecipesError::Io { path, source }
        };
        for entry in std::fs::read_dir(folder).map_err(io(folder))?.take(MAX_RECIPES) {
            let path = entry.map_err(io(folder))?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let mut text = String::new();
                let file = std::fs::File::open(&path).map_err(io(&path))?;
                file.take(MAX_RECIPE_BYTES as u64 + 1).read_to_string(&mut text).map_err(io(&path))?;
                files.push((path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), text));
            }
        }
    }
    Ok(RecipeLibrary::with(files)?)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests write the files that are then read")]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_folder_join_those_compiled_in() {
        let dir = tempfile::tempdir().unwrap();
        let text = "name = \"mine\"\nversion = 1\ndescription = \"Mine.\"\n[[rule]]\nselect = \"my_metric\"\n";
        std::fs::write(dir.path().join("mine.toml"), text).unwrap();
        std::fs::write(dir.path().join("notes.txt"), "no recipe").unwrap();
        let library = recipes(Some(dir.path())).unwrap();
        assert!(library.get("mine").is_ok() && library.get("node").is_ok());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("broken.toml"), "nonsense = 1").unwrap();
        assert!(matches!(recipes(Some(dir.path())), Err(RecipesError::Recipe(_))));
        let missing = dir.path().join("missing");
        assert!(recipes(Some(&missing)).unwrap_err().to_string().contains("missing"));
    }
}
