//! This machine: CPU, memory, filesystems, load.
//!
//! Names and units are OpenTelemetry's (`system.*`). `usage` is what is in use, with a `limit` beside it that has the same attributes, so
//! that a rule makes a quota of both. Reading happens on a thread of its own and never twice at a time: a filesystem that hangs costs one
//! thread and a warning, not the agent.

mod config;
mod reading;

use std::time::Duration;

use sysinfo::{MINIMUM_CPU_UPDATE_INTERVAL, System};
use tokio::task::JoinHandle;

use self::reading::{Reader, Reading};
use super::gauges::{Gauges, Pairs};
use super::source::{Outcome, Pull, Pulled};
use crate::clock::Clock;
use crate::metric::{Entry, Observation, Points, Rating, SourceId, SourceKey};

pub use config::Config;

/// How long a reading may take before it is said to hang.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

type Read = Box<dyn FnMut() -> Reading + Send>;

/// This machine as a source.
pub struct Host {
    config: Config,
    clock: Clock,
    name: String,
    state: State,
}

/// The reader, here or on its thread.
enum State {
    Idle(Read),
    Reading(JoinHandle<(Read, Reading)>),
    /// Its thread died.
    Lost,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Host {
    /// This machine, not read yet.
    pub fn new(config: Config, clock: Clock) -> Self {
        let mut reader = Reader::new(config.filesystems.clone());
        Self::reading(config, clock, Box::new(move || reader.read()))
    }

    fn reading(config: Config, clock: Clock, read: Read) -> Self {
        let name = System::host_name().unwrap_or_default();
        Self { config, clock, name, state: State::Idle(read) }
    }

    /// Reads, or says why not. A share of CPU needs two readings, so the first pull makes two.
    async fn read(&mut self) -> Result<Reading, &'static str> {
        let reading = self.read_once().await?;
        if reading.cpu.is_some() {
            return Ok(reading);
        }
        tokio::time::sleep(MINIMUM_CPU_UPDATE_INTERVAL).await;
        self.read_once().await
    }

    async fn read_once(&mut self) -> Result<Reading, &'static str> {
        self.begin();
        let State::Reading(running) = &mut self.state else { return Err("cannot be read; restart the agent") };
        let Ok(ended) = tokio::time::timeout(READ_TIMEOUT, running).await else {
            return Err("does not answer: a filesystem seems to hang; compare with `df`");
        };
        match ended {
            Ok((read, reading)) => {
                self.state = State::Idle(read);
                Ok(reading)
            }
            Err(_) => {
                self.state = State::Lost;
                Err("cannot be read because of an error in the agent itself; restart it, and report what its log says")
            }
        }
    }

    /// Starts a reading, unless the one before is still at it.
    fn begin(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Lost) {
            State::Idle(mut read) => State::Reading(tokio::task::spawn_blocking(move || {
                let reading = read();
                (read, reading)
            })),
            other => other,
        };
    }

    fn status(&self, rating: Rating, text: &str) -> Entry {
        let (source, name, time) = (self.config.source, self.config.key.name.clone(), self.clock.now());
        Entry::Observation(Observation { source, name, labels: [].into(), rating, text: text.to_owned(), time })
    }

    fn points(&self, reading: &Reading) -> Box<Points> {
        let mut gauges = Gauges::new(self.config.source, &[("host.name", &self.name)], self.clock.now());
        if let Some(cpu) = reading.cpu {
            gauges.add("system.cpu.utilization", "1", &[], cpu);
        }
        for (minutes, load) in ["1m", "5m", "15m"].into_iter().zip(reading.load) {
            gauges.add(&format!("system.cpu.load_average.{minutes}"), "{thread}", &[], load);
        }
        let mut pair = |usage: &str, limit: &str, (used, size): (u64, u64)| {
            if size > 0 {
                gauges.add(usage, "By", &[], used as f64);
                gauges.add(limit, "By", &[], size as f64);
            }
        };
        pair("system.memory.usage", "system.memory.limit", reading.memory);
        pair("system.paging.usage", "system.paging.limit", reading.swap);
        gauges.add("system.uptime", "s", &[], reading.uptime_seconds as f64);
        for (name, value_of) in [
            ("system.filesystem.usage", (|filesystem| filesystem.used) as fn(&reading::Filesystem) -> u64),
            ("system.filesystem.limit", |filesystem| filesystem.size),
        ] {
            for filesystem in &reading.filesystems {
                let attributes: Pairs<'_> = &[
                    ("device", &filesystem.device),
                    ("mountpoint", &filesystem.mountpoint),
                    ("type", &filesystem.kind),
                ];
                gauges.add(name, "By", attributes, value_of(filesystem) as f64);
            }
        }
        gauges.finish()
    }
}

impl Pull for Host {
    const KIND: &'static str = "host";

    fn source(&self) -> SourceId {
        self.config.source
    }

    fn key(&self) -> &SourceKey {
        &self.config.key
    }

    fn interval(&self) -> Duration {
        self.config.interval
    }

    async fn pull(&mut self) -> Pulled {
        match self.read().await {
            Ok(reading) => {
                let points = self.points(&reading);
                let samples = points.points().len();
                let entries = vec![Entry::Points(points), self.status(Rating::Ok, "is read")];
                Pulled { entries, outcome: Outcome::Ok, refused: Vec::new(), samples }
            }
            Err(text) => {
                let entries = vec![self.status(Rating::Warning, text), Entry::Ended(self.config.source)];
                Pulled { entries, outcome: Outcome::Failed(text.to_owned()), refused: Vec::new(), samples: 0 }
            }
        }
    }
}

#[cfg(test)]
mod tests;
