//! `sandbox`: a local landscape until SIGTERM.

use super::args::SandboxOptions;
use super::output::Output;
use crate::error::{Exit, Failure};

/// Starts it, says where everything is, and serves.
#[cfg(feature = "sandbox")]
pub(super) fn sandbox(options: SandboxOptions, output: &Output) -> Result<Exit, Failure> {
    use super::args::AccountState;
    use crate::sandbox::{AccountState as State, Landscape, Options};

    let state = match options.state {
        AccountState::Ready => State::Ready,
        AccountState::Entitled => State::Entitled,
        AccountState::Empty => State::Empty,
    };
    let started = Options { dir: options.dir, state, listen: options.listen, services: Vec::new() };
    super::setting::block_on(async move {
        let landscape = Landscape::start(started)
            .await
            .map_err(|error| Failure::new(Exit::Unavailable, "the sandbox cannot start").because(error))?;
        let facts = landscape.facts();
        output.document(facts, |output| {
            output.line(format_args!("page         {}", facts.page));
            output.line(format_args!("Cloud ALM    {}", facts.cloud_alm));
            output.line(format_args!("tokens       {}", facts.uaa));
            for service in &facts.services {
                output.line(format_args!("service      {}  {}", service.service_id, service.name));
            }
            if let Some(key) = &facts.service_key_file {
                output.line(format_args!("service key  {}", key.display()));
            }
            output.line(format_args!("config       {}", facts.config_file.display()));
            output.hint(format_args!("calm-agent run --config {}", facts.config_file.display()));
        });
        super::run::stop_signal().await?;
        landscape.stop().await;
        Ok(Exit::Done)
    })
}

/// This build has none.
#[cfg(not(feature = "sandbox"))]
pub(super) fn sandbox(_options: SandboxOptions, _output: &Output) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::Usage, "this build of calm-agent has no sandbox")
        .hint("build it with the feature `sandbox`, which is on by default"))
}
