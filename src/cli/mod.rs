//! The command line: one file a command, and the only place that prints.
//!
//! Data goes to stdout, talk to stderr. A failure is printed as its chain of facts, innermost last, then the next action; the exit code
//! says which kind it was (see [`Exit`]).

mod args;
mod check;
mod demo;
mod key;
mod man;
mod mute;
mod once;
mod output;
mod parse;
mod run;
mod sandbox;
mod schema;
mod send;
mod setting;
mod status;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::error::{Exit, Failure};
use args::{Arguments, Command};
use output::Output;

/// Understands `arguments`, runs the command, prints a failure, and returns the exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let parsed =
        Arguments::command().try_get_matches_from(arguments).and_then(|found| Arguments::from_arg_matches(&found));
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are answers, not errors; clap knows which stream each belongs to.
            let code = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            let _ = error.print();
            return ExitCode::from(code as u8);
        }
    };
    let output = Output::new(arguments.output);
    match run(arguments, &output) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.exit() as u8)
        }
    }
}

fn run(arguments: Arguments, output: &Output) -> Result<Exit, Failure> {
    let config = arguments.config.as_deref();
    match arguments.command {
        Command::Run => run::run(config, output),
        Command::Check => check::check(config, output),
        Command::Once(options) => once::once(config, &options, output),
        Command::Send(options) => send::send(config, &options, output),
        Command::Mute(options) => mute::mute(config, &options, output),
        Command::Unmute(options) => mute::unmute(config, &options, output),
        Command::Parse(options) => parse::parse(&options, output),
        Command::Status(options) => status::status(config, &options, output),
        Command::Key(command) => key::key(config, &command, output),
        Command::Sandbox(options) => sandbox::sandbox(options, output),
        Command::Demo(options) => demo::demo(&options, output),
        Command::Schema(options) => schema::schema(&options, output),
        Command::Completions { shell } => man::completions(shell, output),
        Command::Man => man::man(output),
    }
}
