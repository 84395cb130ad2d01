//! `demo`: everything on this machine, without a tenant.
//!
//! It starts the sandbox, takes the service key that the sandbox issued, and runs an agent that watches this host and a small shop of its
//! own. Ports are free ones; nothing outlives it.

#[cfg(feature = "sandbox")]
mod landscape;
#[cfg(feature = "sandbox")]
mod shop;

use super::args::DemoOptions;
use super::output::Output;
use crate::error::{Exit, Failure};

/// Shows it, until Ctrl-C or for as long as was asked.
#[cfg(feature = "sandbox")]
pub(super) fn demo(options: &DemoOptions, output: &Output) -> Result<Exit, Failure> {
    let duration = options.duration.as_deref().map(humantime::parse_duration).transpose();
    let duration =
        duration.map_err(|error| Failure::new(Exit::Usage, "--for takes a duration such as 1m").because(error))?;
    super::setting::block_on(landscape::show(options.listen, duration, *output))
}

/// This build has no sandbox.
#[cfg(not(feature = "sandbox"))]
pub(super) fn demo(_options: &DemoOptions, _output: &Output) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::Usage, "this build of calm-agent has no sandbox, which the demo needs")
        .hint("build it with the feature `sandbox`, which is on by default"))
}
