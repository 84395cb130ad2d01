//! `check`: every problem of the configuration at once, offline.

use std::io::IsTerminal;
use std::path::Path;

use serde::Serialize;

use super::output::Output;
use super::setting::recipe_names;
use crate::config::{self, Environment, Estimate, Loaded, Problem, Purpose, Request};
use crate::error::{Exit, Failure};

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    problems: &'a [Problem],
    warnings: &'a [Problem],
}

/// Checks, and shows what was found.
pub(super) fn check(said: Option<&Path>, output: &Output) -> Result<Exit, Failure> {
    let environment = Environment::of_process();
    let path = config::path(said, &environment);
    let request = Request { path: &path, environment: &environment, recipes: &recipe_names, purpose: Purpose::Check };
    match config::load(&request) {
        Ok(loaded) => {
            let report = Report { ok: true, problems: &[], warnings: &loaded.warnings };
            output.document(&report, |output| good(&loaded, output));
            Ok(Exit::Done)
        }
        Err(invalid) => {
            let report = Report { ok: false, problems: &invalid.problems, warnings: &invalid.warnings };
            output.document(&report, |output| {
                for problem in invalid.problems.iter().chain(&invalid.warnings) {
                    show(problem, &invalid.text, output);
                }
                output.note(format_args!("{invalid}"));
            });
            Ok(Exit::Config)
        }
    }
}

fn good(loaded: &Loaded, output: Output) {
    for warning in &loaded.warnings {
        show(warning, &loaded.text, output);
    }
    let config = &loaded.config;
    let sources = config.condense.sources.len();
    output.done(format_args!(
        "{} is good: {} services, {sources} sources",
        config.path.display(),
        config.condense.services.len()
    ));
    let estimate = Estimate::of(config);
    output.note(format_args!("  {estimate}"));
    if !estimate.fits() {
        output.hint("raise push_interval, or requests_per_minute if the tenant allows it");
    }
    output.note("  checked offline: credentials were not opened, nothing was connected to (`key test` does)");
}

fn show(problem: &Problem, text: &str, output: Output) {
    output.note(problem.render(text, std::io::stderr().is_terminal()));
    output.note("");
}
