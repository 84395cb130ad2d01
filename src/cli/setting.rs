//! What every command needs before its own work: the configuration, a runtime, a clock.

use std::path::Path;

use super::output::Output;
use crate::clock::Clock;
use crate::config::{self, Environment, Loaded, Purpose, Request};
use crate::error::{Exit, Failure};
use crate::sap::service_key::{self, KeyOptions, ServiceKey};

/// Reads the configuration; warnings are told, problems end the command.
pub(super) fn load(said: Option<&Path>, output: &Output) -> Result<Loaded, Failure> {
    let loaded = read(said, Purpose::Run)?;
    for warning in &loaded.warnings {
        output.note(format_args!("warning: {warning}"));
    }
    Ok(loaded)
}

/// Reads the configuration without talking.
pub(super) fn read(said: Option<&Path>, purpose: Purpose) -> Result<Loaded, Failure> {
    let environment = Environment::of_process();
    let path = config::path(said, &environment);
    let request = Request { path: &path, environment: &environment, recipes: &recipe_names, purpose };
    config::load(&request).map_err(|invalid| {
        let details: Vec<String> = invalid.problems.iter().map(ToString::to_string).collect();
        Failure::new(Exit::Config, invalid.to_string())
            .because(details.join("\n           "))
            .hint(format!("`calm-agent check --config {}` shows each with its line", invalid.path.display()))
    })
}

/// The recipes there are: those compiled in, and the files of the user's folder.
pub(super) fn recipe_names(folder: Option<&Path>) -> Vec<String> {
    // A folder that cannot be read is said when the recipes are needed.
    let library = crate::agent::recipes(folder).or_else(|_| crate::agent::recipes(None)).unwrap_or_default();
    library.iter().map(|recipe| recipe.name.to_string()).collect()
}

/// The service key that the configuration names.
pub(super) fn service_key(loaded: &Loaded) -> Result<ServiceKey, Failure> {
    let Some(location) = &loaded.config.cloud_alm.service_key else { return Err(no_key(loaded)) };
    Ok(service_key::load(location, &key_options(loaded))?)
}

/// What the configuration knows better than the key.
pub(super) fn key_options(loaded: &Loaded) -> KeyOptions {
    let api_url = loaded.config.cloud_alm.api_url.as_ref().map(ToString::to_string);
    KeyOptions { api_url, ..KeyOptions::default() }
}

/// There is no key, and this is how to get one.
pub(super) fn no_key(loaded: &Loaded) -> Failure {
    Failure::new(Exit::Config, format!("{} names no service key", loaded.config.path.display()))
        .hint("add service_key_file under [cloud_alm], then: calm-agent key import FILE")
}

/// Runs `work` on a runtime of its own.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, "cannot start the runtime").because(error))?;
    runtime.block_on(work)
}

/// The machine's clock: the commands are where it is handed in.
pub(super) const fn clock() -> Clock {
    Clock::system()
}
