//! The receiver as a whole: bound, running, reloaded.

use std::net::SocketAddr;
use std::sync::Arc;

use super::push::{Push, Settings};
use super::{Config, Stats};
use crate::clock::Clock;
use crate::http::server::{ListenError, Listener};
use crate::metric::Intake;
use crate::shutdown::Stop;

/// The OTLP/HTTP receiver.
pub struct Receiver {
    listener: Listener,
    push: Arc<Push>,
}

impl Receiver {
    /// Binds the listener. The address is known from then on; requests are answered once it runs.
    ///
    /// # Errors
    /// [`ListenError`].
    pub async fn bind(config: &Config, intake: Intake, clock: Clock) -> Result<Self, ListenError> {
        let listener = Listener::bind(&config.http, config.limits.connections).await?;
        let push = Push::new(config, intake, clock);
        Ok(Self { listener, push: Arc::new(push) })
    }

    /// Where it listens, with the port that port 0 became.
    pub const fn local_addr(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    /// What it counts.
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.push.stats)
    }

    /// `generation` counts configurations: pushes carry it, so that one routed under an older configuration is recognised. Takes over routes, limits of a request, the age of points and the treatment of other signals; open connections stay. The listener,
    /// the numbers of connections and of requests in work, and the room for bodies stay what they were when it was bound.
    pub fn reload(&self, config: &Config, generation: u32) {
        self.push.settings.store(Arc::new(Settings::new(config, generation)));
        self.push.stats.forget_unrouted();
    }

    /// Answers requests until `stop` is given and the running ones have ended. The address is given up when the receiver is dropped.
    pub async fn run(&self, stop: Stop) {
        self.listener.serve(Arc::clone(&self.push), stop).await;
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
