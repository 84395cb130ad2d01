//! `status`: what the running agent knows of itself, and the probes of containers.

use std::path::Path;
use std::time::Duration;

use comfy_table::{Table, presets};
use url::Url;

use super::args::{Probe, StatusOptions};
use super::output::Output;
use super::setting::{block_on, read};
use crate::agent::status::Status;
use crate::config::Purpose;
use crate::error::{Exit, Failure};
use crate::http::{Answer, Client, ClientConfig, Request};

/// How long the agent may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How often `--watch` looks.
const WATCH_INTERVAL: Duration = Duration::from_secs(2);
/// The most of a status document that is read.
const MAX_STATUS_BYTES: usize = 32 * 1024 * 1024;

/// Shows the state, or answers a probe by the exit code.
pub(super) fn status(config: Option<&Path>, options: &StatusOptions, output: &Output) -> Result<Exit, Failure> {
    // The agent may run with secrets in its environment that this shell does not have.
    let loaded = read(config, Purpose::Check)?;
    let Some(admin) = &loaded.config.admin else {
        return Err(Failure::new(Exit::Config, "the configuration has no admin port")
            .hint("add [admin] listen = \"127.0.0.1:13131\""));
    };
    let mut address = admin.listener.address;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let scheme = if admin.listener.tls.is_some() { "https" } else { "http" };
    let base: Url = format!("{scheme}://{address}/")
        .parse()
        .map_err(|error| Failure::new(Exit::Config, "the admin address is no URL").because(error))?;
    block_on(async {
        match options.probe {
            Some(probe) => answer(&base, probe, output).await,
            None => show(&base, options.watch, output).await,
        }
    })
}

async fn fetch(base: &Url, path: &str) -> Result<Answer, Failure> {
    let down = |fact: String| {
        Failure::new(Exit::Unavailable, "no agent answers")
            .because(fact)
            .hint("start it with `calm-agent run`, or look at its log")
    };
    let config = ClientConfig { timeout: TIMEOUT, ..ClientConfig::default() };
    let client = Client::new(&config, base).map_err(|error| down(error.to_string()))?;
    let url = base.join(path).map_err(|error| down(error.to_string()))?;
    client
        .send(Request::get(url), MAX_STATUS_BYTES)
        .await
        .map_err(|error| down(format!("{error} at {base}: {}", error.root())))
}

async fn answer(base: &Url, probe: Probe, output: &Output) -> Result<Exit, Failure> {
    let path = match probe {
        Probe::Live => "livez",
        Probe::Ready => "readyz",
        Probe::Delivering => "delivering",
    };
    let answer = fetch(base, path).await?;
    output.note(String::from_utf8_lossy(&answer.body).trim_end());
    Ok(if answer.status.is_success() { Exit::Done } else { Exit::Unavailable })
}

async fn show(base: &Url, watch: bool, output: &Output) -> Result<Exit, Failure> {
    loop {
        let answer = fetch(base, "status").await?;
        let status: Status = serde_json::from_slice(&answer.body).map_err(|error| {
            Failure::new(Exit::Unavailable, format!("what answers at {base} is no calm-agent")).because(error)
        })?;
        if output.is_json() {
            output.raw(&answer.body);
            output.line("");
        } else {
            if watch {
                // Home and clear: the newest state stands where the last one stood.
                output.line("\u{1b}[H\u{1b}[2J");
            }
            human(&status, *output);
        }
        if !watch {
            return Ok(Exit::Done);
        }
        tokio::time::sleep(WATCH_INTERVAL).await;
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

fn human(status: &Status, output: Output) {
    let ledger = &status.ledger;
    output.line(format_args!("calm-agent {} is {}, since {}", status.version, status.state, status.started));
    for warning in &status.warnings {
        output.line(format_args!("! {warning}"));
    }
    let mut services = table(&["SERVICE", "TILE", "SCORE", "HEALTH", "LANE", "LAST ACCEPTED", "REASON"]);
    for service in &status.services {
        let score = service.score.map_or_else(|| "-".to_owned(), |score| format!("{score:.0} %"));
        let last = service.last_accepted.as_deref().unwrap_or("-");
        services.add_row([
            &service.name,
            &service.tile,
            &score,
            &service.rating,
            &service.state,
            last,
            &service.reason,
        ]);
    }
    output.line(format_args!("\n{services}"));
    let mut sources = table(&["SOURCE", "SERVICE", "KIND", "STATE", "LAST SUCCESS", "ERROR"]);
    for source in &status.sources {
        let (last, error) =
            (source.last_success.as_deref().unwrap_or("-"), source.error.as_deref().unwrap_or_default());
        sources.add_row([&source.name, &source.service, &source.kind, &source.state, last, error]);
    }
    output.line(format_args!("\n{sources}"));
    let dropped: u64 = ledger.dropped.values().sum();
    output.line(format_args!(
        "\nledger   accepted {} = delivered {} + queued {} + merged {} + rejected {} + expired {} + dropped {dropped}{}",
        ledger.accepted,
        ledger.delivered,
        ledger.queued,
        ledger.merged,
        ledger.rejected,
        ledger.expired,
        if ledger.balanced { "" } else { "  (in motion)" }
    ));
    for (reason, count) in &ledger.dropped {
        output.line(format_args!("         dropped {count}: {}", reason.replace('_', " ")));
    }
    for (reason, count) in &ledger.refused {
        output.line(format_args!("         refused {count}: {}", reason.replace('_', " ")));
    }
    output.line(format_args!(
        "budget   {} of {} requests in the last minute",
        status.budget.used_last_minute, status.budget.requests_per_minute
    ));
    let token = status.token.expires.as_deref().map_or_else(|| "none".to_owned(), |time| format!("valid until {time}"));
    output.line(format_args!(
        "token    {token}{}",
        status.token.error.as_deref().map(|error| format!(" ({error})")).unwrap_or_default()
    ));
    output.line(format_args!("storage  {}", status.storage));
}
