//! `mute` and `unmute`: maintenance by hand, through the running agent.

use std::path::Path;

use super::args::{MuteOptions, UnmuteOptions};
use super::output::Output;
use super::setting::{block_on, load};
use crate::agent::control::{Command, Reply, ask};
use crate::error::{Exit, Failure};

/// Mutes a service for a while.
pub(super) fn mute(config: Option<&Path>, options: &MuteOptions, output: &Output) -> Result<Exit, Failure> {
    let duration = humantime::parse_duration(&options.duration).map_err(|error| {
        Failure::new(Exit::Usage, format!("{:?} is no duration", options.duration))
            .because(error)
            .hint("write it as 30m, 2h or 1d")
    })?;
    let command =
        Command::Mute { service: options.service.clone(), seconds: duration.as_secs(), reason: options.reason.clone() };
    tell(config, &command, output)
}

/// Ends that.
pub(super) fn unmute(config: Option<&Path>, options: &UnmuteOptions, output: &Output) -> Result<Exit, Failure> {
    tell(config, &Command::Unmute { service: options.service.clone() }, output)
}

fn tell(config: Option<&Path>, command: &Command, output: &Output) -> Result<Exit, Failure> {
    let loaded = load(config, output)?;
    let data_dir = loaded.config.agent.data_dir;
    let reply = block_on(async { Ok(ask(&data_dir, command).await?) })?;
    match reply {
        Some(Reply::Done(text)) => {
            output.document(&serde_json::json!({ "ok": true, "message": text }), |output| output.done(&text));
            Ok(Exit::Done)
        }
        Some(Reply::Refused(reason)) => Err(Failure::new(Exit::Usage, reason)),
        None => Err(Failure::new(
            Exit::Unavailable,
            format!("no agent runs with the data directory {}", data_dir.display()),
        )
        .hint("start it with: calm-agent run")),
    }
}
