//! `schema`: the JSON schema of the configuration, or the reference of its keys.

use super::args::SchemaOptions;
use super::output::Output;
use crate::config;
use crate::error::{Exit, Failure};

/// Prints it.
pub(super) fn schema(options: &SchemaOptions, output: &Output) -> Result<Exit, Failure> {
    if options.reference {
        output.raw(config::reference().as_bytes());
        return Ok(Exit::Done);
    }
    let schema = serde_json::to_string_pretty(&config::schema())
        .map_err(|error| Failure::new(Exit::Failed, "cannot write the schema").because(error))?;
    output.line(schema);
    Ok(Exit::Done)
}
