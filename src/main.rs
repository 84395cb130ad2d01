//! The program: understand the command line, run it, and end with the code that says how it went.

use std::process::ExitCode;

fn main() -> ExitCode {
    calm_agent::cli::main(std::env::args_os())
}
