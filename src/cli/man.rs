//! `completions` and `man`: generated from the command line's own description.

use clap::CommandFactory;
use clap_complete::Shell;

use super::args::Arguments;
use super::output::Output;
use crate::error::{Exit, Failure};

/// Prints a completion script.
pub(super) fn completions(shell: Shell, output: &Output) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "calm-agent", &mut script);
    output.raw(&script);
    Ok(Exit::Done)
}

/// Prints the manual page in roff, with every command.
pub(super) fn man(output: &Output) -> Result<Exit, Failure> {
    let mut page = Vec::new();
    let failed = |error: std::io::Error| Failure::new(Exit::Failed, "cannot write the manual page").because(error);
    let mut command = Arguments::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut page).map_err(failed)?;
    for sub in command.get_subcommands() {
        let man = clap_mangen::Man::new(sub.clone().display_name(format!("calm-agent {}", sub.get_name())));
        man.render_name_section(&mut page).map_err(failed)?;
        man.render_description_section(&mut page).map_err(failed)?;
        man.render_options_section(&mut page).map_err(failed)?;
    }
    output.raw(&page);
    Ok(Exit::Done)
}
