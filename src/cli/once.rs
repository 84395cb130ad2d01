//! `once`: every source once, and deliver; or print what would be sent.

use std::path::Path;
use std::time::Duration;

use super::args::OnceOptions;
use super::output::Output;
use super::setting::{block_on, clock, load, service_key};
use crate::agent::{Collected, Collector};
use crate::deliver::{Drained, render};
use crate::error::{Exit, Failure};
use crate::sources::Outcome;

/// How long delivery may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);

/// Collects, then prints or delivers.
pub(super) fn once(config: Option<&Path>, options: &OnceOptions, output: &Output) -> Result<Exit, Failure> {
    let loaded = load(config, output)?;
    block_on(async {
        let collector = Collector::new(loaded.config.clone(), clock());
        output.note("reading every source twice, a moment apart …");
        let Collected { batches, outcomes } = collector.collect().await?;
        tell(&outcomes, output);
        if options.print {
            let key = service_key(&loaded)?;
            for batch in &batches {
                for request in render(&loaded.config.cloud_alm.deliver, key.api(), batch) {
                    output.json(&request);
                }
            }
            return Ok(Exit::Done);
        }
        let rows: usize = batches.iter().map(|batch| batch.rows.len()).sum();
        output.note(format_args!("delivering {rows} rows …"));
        let drained = collector.deliver(batches, DEADLINE).await?;
        outcome(&drained, format_args!("delivered {rows} rows"), output)
    })
}

fn tell(outcomes: &[(String, Outcome)], output: &Output) {
    for (name, outcome) in outcomes {
        match outcome {
            Outcome::Ok => output.done(name),
            Outcome::Degraded(reason) => output.note(format_args!("! {name}: {reason}")),
            Outcome::Failed(reason) => output.note(format_args!("✗ {name}: {reason}")),
        }
    }
}

/// What became of a delivery without an agent: done, refused, unreachable, or still queued.
pub(super) fn outcome(drained: &Drained, done: impl std::fmt::Display, output: &Output) -> Result<Exit, Failure> {
    if drained.complete && drained.dead_letters == 0 {
        output.document(&drained.snapshot, |output| output.done(done));
        return Ok(Exit::Done);
    }
    let snapshot = &drained.snapshot;
    let lane = snapshot.lanes.iter().find(|lane| lane.reason.is_some());
    let refused = snapshot.token.last_error.is_some();
    let reason = snapshot.reason.clone().or_else(|| lane.and_then(|lane| lane.reason.clone()));
    let hint = snapshot.hint.clone().or_else(|| lane.and_then(|lane| lane.hint.clone()));
    let exit = match () {
        () if drained.dead_letters > 0 => Exit::Malformed,
        () if refused => Exit::Refused,
        () if snapshot.state == "degraded" => Exit::Unavailable,
        () => Exit::Queued,
    };
    let mut failure =
        Failure::new(exit, "not everything was delivered, and nothing keeps it: this command has no queue");
    if let Some(reason) = reason.or_else(|| snapshot.token.last_error.clone()) {
        failure = failure.because(reason);
    }
    Err(match hint {
        Some(hint) => failure.hint(hint),
        None => failure.hint("run the agent: it keeps and repeats what cannot be delivered now"),
    })
}
