//! The configuration: one TOML file and the environment, read into [`AgentConfig`], or every mistake at once.
//!
//! Two stages. *Said* (`said`, `catalogue`): the spanned TOML is walked with leaves that cannot stop the reading; unknown keys, wrong types,
//! forms and bounds are found here, each at its place. *Meant* (`meant`): values are judged together and become the components' own types.
//! A config with one mistake is never used in part.
//!
//! The keys are declared once, in `catalogue`; the [`schema`] and the [`reference`](reference()) are generated from it, and a test fails
//! when the files in `config/` are stale.
//!
//! Never does: connect, open a credential, or show a secret. The process's environment is read here and nowhere else.

mod catalogue;
mod environment;
mod generate;
mod maintenance;
mod meant;
mod outlook;
mod problem;
mod said;
mod types;

#[cfg(test)]
mod tests;

use std::io::Read;
use std::path::{Path, PathBuf};

pub use environment::{Environment, OVERRIDE_PREFIX};
pub use generate::{reference, schema};
pub use outlook::{Estimate, MAX_ROWS_OF_A_CLEAR_TILE};
pub use problem::{Problem, Severity};
pub use types::{
    Admin, AgentConfig, AgentTable, CloudAlm, CredentialType, Durability, LogConfig, LogFormat, LogLevel, SetupBackend,
    SetupBtp, SetupCloudFoundry, SetupDestination, SetupServiceManager, SetupTable, Storage, TelemetryConfig,
};

use problem::{Place, Source};
#[cfg(test)]
use said::MAX_PROBLEMS;
use said::{Group, Leaf, Node, Reader};

/// The most bytes of a config file.
pub const MAX_CONFIG_BYTES: u64 = 1024 * 1024;

/// Where the config is when nobody says.
pub const DEFAULT_PATH: &str = "/etc/calm-agent/agent.toml";

/// What is to be read, and with whose help.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The file.
    pub path: &'a Path,
    /// Overrides, `${env:…}`, and credentials in variables.
    pub environment: &'a Environment,
    /// The names of the recipes there are, given the folder of the user's own.
    pub recipes: &'a dyn Fn(Option<&Path>) -> Vec<String>,
    /// What it is read for.
    pub purpose: Purpose,
}

/// What a config is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be looked at, maybe elsewhere than where the agent will run: a missing variable with the service key is a warning.
    Check,
    /// To run with it.
    Run,
}

/// A config that can be used.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What was meant.
    pub config: AgentConfig,
    /// What somebody should have a look at.
    pub warnings: Vec<Problem>,
    /// The text of the file for [`Problem::render`], with secrets masked.
    pub text: String,
}

/// A config that cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{} cannot be used: {} {}", path.display(), problems.len(), if problems.len() == 1 { "problem" } else { "problems" })]
pub struct Invalid {
    /// The file.
    pub path: PathBuf,
    /// Everything that is wrong, in the order of the file; never empty.
    pub problems: Vec<Problem>,
    /// What is merely odd.
    pub warnings: Vec<Problem>,
    /// The text of the file for [`Problem::render`], with secrets masked.
    pub text: String,
}

impl crate::error::Explain for Invalid {
    fn hint(&self) -> Option<String> {
        Some(format!("`calm-agent check --config {}` shows each with its line", self.path.display()))
    }

    fn exit(&self) -> crate::error::Exit {
        crate::error::Exit::Config
    }
}

/// The config's path: what was said, else `$CALM_AGENT_CONFIG`, else [`DEFAULT_PATH`].
pub fn path(said: Option<&Path>, environment: &Environment) -> PathBuf {
    let named = || environment.get("CALM_AGENT_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    said.map(Path::to_owned).or_else(named).unwrap_or_else(|| DEFAULT_PATH.into())
}

/// Reads the file of a request.
///
/// # Errors
/// [`Invalid`] with every problem; a file that cannot be read is one as well.
pub fn load(request: &Request<'_>) -> Result<Loaded, Box<Invalid>> {
    match read_file(request.path) {
        Ok(text) => read(&text, request),
        Err((message, hint)) => {
            let source = Source { file: request.path.display().to_string(), text: String::new() };
            let problem = source.problem(Severity::Error, &Place::Default, message, Some(hint));
            let path = request.path.to_owned();
            Err(Box::new(Invalid { path, problems: vec![problem], warnings: Vec::new(), text: String::new() }))
        }
    }
}

/// Reads the text of a config; the path of the request says what relative paths are relative to.
///
/// # Errors
/// [`Invalid`] with every problem.
pub fn read(text: &str, request: &Request<'_>) -> Result<Loaded, Box<Invalid>> {
    let folder = request.path.parent().unwrap_or(Path::new(""));
    let mut reader = Reader::new(request.environment, folder, request.purpose);
    let config = understand(text, request, &mut reader);
    let clean = reader.is_clean();
    let incomplete = reader.incomplete;
    let mut source = Source { file: request.path.display().to_string(), text: text.to_owned() };
    let found = reader.finish(&mut source);
    if incomplete {
        source.mask(&said::suspicious(text));
    }
    let (warnings, mut problems): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|problem| problem.severity == Severity::Warning);
    match config {
        Some(config) if clean => Ok(Loaded { config, warnings, text: source.text }),
        _ => {
            if problems.is_empty() {
                // Unreachable as long as every refusal is reported; should one not be, the config is still not used.
                problems.push(source.problem(Severity::Error, &Place::START, "the config was not understood", None));
            }
            Err(Box::new(Invalid { path: request.path.to_owned(), problems, warnings, text: source.text }))
        }
    }
}

fn understand(text: &str, request: &Request<'_>, reader: &mut Reader<'_>) -> Option<AgentConfig> {
    let (mut root, errors) = Node::parse(text);
    for error in &errors {
        reader.syntax(error);
    }
    reader.incomplete = !errors.is_empty();
    said::conceal_suspicious(&root, reader);
    said::overlay(&mut root, &catalogue::Root::keys(), request.environment.overrides(), reader);
    let said = catalogue::Root::read(root, reader)?;
    if reader.incomplete {
        // What could not be parsed may be what the rest refers to.
        return None;
    }
    meant::config(&said, request, reader)
}

fn read_file(path: &Path) -> Result<String, (String, String)> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_CONFIG_BYTES + 1).read_to_end(&mut bytes));
    if let Err(cause) = read {
        let hint = "name the file with --config or CALM_AGENT_CONFIG, or let `calm-agent init` write one";
        return Err((format!("cannot read the config: {cause}"), hint.to_owned()));
    }
    if bytes.len() as u64 > MAX_CONFIG_BYTES {
        return Err((
            format!("the file is larger than {MAX_CONFIG_BYTES} bytes"),
            "a config is a small text file".to_owned(),
        ));
    }
    String::from_utf8(bytes).map_err(|cause| {
        let line =
            cause.as_bytes()[..cause.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        (format!("line {line} is not UTF-8 text"), "save the file as UTF-8".to_owned())
    })
}
