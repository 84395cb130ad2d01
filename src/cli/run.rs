//! `run`: the agent, until a signal.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::output::Output;
use super::setting::{block_on, clock, load, read};
use crate::admin::Admin;
use crate::agent::{Built, Drained, House, Running};
use crate::config::{AgentConfig, LogConfig, LogFormat, LogLevel, Purpose};
use crate::error::{Exit, Failure};
use crate::http::server::Listener;
use crate::shutdown::Tasks;
use crate::telemetry::logging;

/// Connections of the admin port.
const ADMIN_CONNECTIONS: usize = 32;
/// The loop shows itself every second; when it has not for this long, systemd is no longer told that all is well.
const SILENCE: Duration = Duration::from_secs(10);
/// How often systemd is told; the unit's watchdog waits several times as long.
const WATCHDOG_INTERVAL: Duration = Duration::from_secs(5);

/// Runs the agent until SIGTERM or SIGINT.
pub(super) fn run(said: Option<&Path>, output: &Output) -> Result<Exit, Failure> {
    let loaded = load(said, output)?;
    let config = loaded.config;
    log_as(config.log);
    block_on(async {
        let mut signals = Signals::new()?;
        let mut running = start(config).await?;
        loop {
            match signals.next().await {
                Told::Stop => break,
                Told::Reload => reload(&mut running, said).await,
            }
        }
        let _ = sd_notify::notify(&[NotifyState::Stopping]);
        tracing::info!("stopping; a second signal ends at once");
        tokio::select! {
            drained = running.drain() => { say_goodbye(&drained); Ok(Exit::Done) }
            () = signals.stop() => Err(Failure::new(Exit::Failed, "ended at once, by a second signal")),
        }
    })
}

/// Builds and starts an agent with its admin port, and says where it is.
pub(super) async fn start(config: AgentConfig) -> Result<Running, Failure> {
    let built = Built::new(config.clone(), clock()).await?;
    let otlp = built.otlp_address();
    let admin = bind_admin(&config).await?;
    let running = built.start();
    let page = admin.map(|listener| serve_admin(listener, &running));
    watch_over(running.surface(), running.house());
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        config = %config.path.display(),
        services = config.condense.services.len(),
        sources = config.condense.sources.len(),
        page = page.unwrap_or_default(),
        otlp = otlp.map(|address| address.to_string()).unwrap_or_default(),
        storage = "in memory: what is queued does not outlive the process",
        "running"
    );
    Ok(running)
}

async fn bind_admin(config: &AgentConfig) -> Result<Option<Listener>, Failure> {
    let Some(admin) = &config.admin else { return Ok(None) };
    match Listener::bind(&admin.listener, ADMIN_CONNECTIONS).await {
        Ok(listener) => Ok(Some(listener)),
        // Nobody asked for this port: another agent on the machine may have it.
        Err(error) if admin.by_default => {
            tracing::warn!(%error, "no admin page; give it a port with [admin] listen");
            Ok(None)
        }
        Err(error) => Err(Failure::explain("the admin port cannot be had", error)),
    }
}

fn serve_admin(listener: Listener, running: &Running) -> String {
    let address = listener.local_addr();
    let house = running.house();
    let admin = Arc::new(Admin::new(move || house.status(), running.house().instruments()));
    let stop = running.surface().stop().clone();
    running.surface().spawn("admin", async move { listener.serve(admin, stop).await });
    format!("http://{address}/")
}

/// Tells systemd that the loop turns, as long as it does.
fn watch_over(tasks: &Tasks, house: Arc<House>) {
    let stop = tasks.stop().clone();
    tasks.spawn("watchdog", async move {
        let beat = async {
            loop {
                tokio::time::sleep(WATCHDOG_INTERVAL).await;
                if house.clock().now().since(house.last_turn()) < SILENCE {
                    let _ = sd_notify::notify(&[NotifyState::Watchdog]);
                }
            }
        };
        stop.until(beat).await;
    });
}

async fn reload(running: &mut Running, said: Option<&Path>) {
    let problem = match read(said, Purpose::Run) {
        Ok(loaded) => running.reload(loaded.config).await.err(),
        Err(failure) => Some(failure),
    };
    let problem = problem.map(|failure| failure.chain().join(": "));
    match &problem {
        None => tracing::info!("the new configuration is in force"),
        Some(problem) => tracing::error!(problem, "the last good configuration stays in force"),
    }
    running.note_reload(problem);
}

fn say_goodbye(drained: &Drained) {
    for task in &drained.late {
        tracing::warn!(task, "did not end in time");
    }
    if drained.queued > 0 {
        tracing::warn!(
            points = drained.queued,
            "not delivered, and lost with this process: the outbox lives in memory"
        );
    }
    tracing::info!("stopped");
}

/// The log of a configuration; colours on a terminal.
pub(super) fn log_as(log: LogConfig) {
    let level = match log.level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Trace => tracing::Level::TRACE,
    };
    let format = match log.format {
        LogFormat::Human => logging::Format::Text,
        LogFormat::Json => logging::Format::Json,
    };
    logging::init(level, format, std::io::stderr().is_terminal());
}

/// What a signal says.
enum Told {
    Stop,
    Reload,
}

/// The signals of a service.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let listen =
            |kind| signal(kind).map_err(|error| Failure::new(Exit::Failed, "cannot listen for signals").because(error));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.hang_up.recv() => Told::Reload,
        }
    }
}

/// Waits for SIGTERM or SIGINT.
#[cfg(feature = "sandbox")]
pub(super) async fn stop_signal() -> Result<(), Failure> {
    Signals::new()?.stop().await;
    Ok(())
}
