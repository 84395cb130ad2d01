//! The state of each component, with a reason that a person can act on.
//!
//! ```text
//!   Starting ──► Ok ◄──► Degraded ──► Failed
//!                 ▲         │            │
//!                 └── Parked ◄───────────┘      any ──► Stopping
//! ```
//!
//! The board only remembers; whoever owns a component says its state. One vocabulary everywhere: log, page, JSON, `status`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::clock::{Clock, Timestamp};

/// The one status vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Works.
    Ok,
    /// Not there yet.
    Starting,
    /// Ends.
    Stopping,
    /// Works in part, or with loss.
    Degraded,
    /// Waits for somebody to put something right; nothing is lost meanwhile.
    Parked,
    /// Does not work.
    Failed,
}

impl State {
    /// The word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Starting => "starting",
            Self::Stopping => "stopping",
            Self::Degraded => "degraded",
            Self::Parked => "parked",
            Self::Failed => "failed",
        }
    }
}

/// Which component.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// The agent as a whole; only `Starting`, `Ok`, `Stopping` are set, the rest follows from the others.
    Agent,
    /// The service key and the token that comes of it.
    Credential,
    /// A receiver, by its name.
    Receiver(&'static str),
    /// A pulled source.
    Source {
        /// Its service.
        service: String,
        /// Its name.
        name: String,
        /// Its kind, such as `prometheus`.
        kind: &'static str,
    },
    /// The way of a service to Cloud ALM.
    Lane(String),
    /// The configuration, after a reload.
    Configuration,
}

/// What is known of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentStatus {
    /// Its state.
    pub state: State,
    /// Why, when it is not simply ok; empty otherwise.
    pub reason: String,
    /// Since when it has this state.
    pub since: Timestamp,
    /// When it last did its work.
    pub last_success: Option<Timestamp>,
}

/// The board. Shared by reference.
#[derive(Debug)]
pub struct Board {
    clock: Clock,
    entries: Mutex<BTreeMap<Component, ComponentStatus>>,
}

impl Board {
    /// An empty board.
    pub const fn new(clock: Clock) -> Self {
        Self { clock, entries: Mutex::new(BTreeMap::new()) }
    }

    /// The component did its work.
    pub fn succeeded(&self, component: Component) {
        self.update(component, State::Ok, String::new(), true);
    }

    /// The component did its work, but not all of it.
    pub fn succeeded_in_part(&self, component: Component, reason: impl Into<String>) {
        self.update(component, State::Degraded, reason.into(), true);
    }

    /// The component has this state for this reason. A change is logged, a repetition is not.
    pub fn set(&self, component: Component, state: State, reason: impl Into<String>) {
        self.update(component, state, reason.into(), state == State::Ok);
    }

    /// The component left the configuration.
    pub fn remove(&self, component: &Component) {
        self.lock().remove(component);
    }

    /// Everything that is known.
    pub fn all(&self) -> BTreeMap<Component, ComponentStatus> {
        self.lock().clone()
    }

    /// One component.
    pub fn get(&self, component: &Component) -> Option<ComponentStatus> {
        self.lock().get(component).cloned()
    }

    /// The worst state of all components, and the agent's own while it starts or stops.
    pub fn overall(&self) -> State {
        let entries = self.lock();
        let own = entries.get(&Component::Agent).map(|entry| entry.state);
        match own {
            Some(State::Starting) => State::Starting,
            Some(State::Stopping) => State::Stopping,
            _ => entries.values().map(|entry| entry.state).max().map_or(State::Starting, |worst| {
                match worst {
                    // One target that is down degrades the agent; it does not fail it.
                    State::Failed => State::Degraded,
                    // A source that has not been asked yet does not hold up an agent that takes data.
                    State::Starting | State::Stopping if own.is_some() => State::Ok,
                    other => other,
                }
            }),
        }
    }

    fn update(&self, component: Component, state: State, reason: String, worked: bool) {
        let now = self.clock.now();
        let mut entries = self.lock();
        let last_success = worked.then_some(now);
        match entries.get_mut(&component) {
            Some(entry) if entry.state == state => {
                entry.reason = reason;
                entry.last_success = last_success.or(entry.last_success);
            }
            previous => {
                let kept = previous.and_then(|entry| entry.last_success);
                log_change(&component, state, &reason);
                entries.insert(
                    component,
                    ComponentStatus { state, reason, since: now, last_success: last_success.or(kept) },
                );
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Component, ComponentStatus>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log_change(component: &Component, state: State, reason: &str) {
    let name = component.to_string();
    match state {
        State::Degraded | State::Parked | State::Failed => {
            tracing::warn!(component = name, state = state.as_str(), reason, "component changed");
        }
        State::Ok | State::Starting | State::Stopping => {
            tracing::info!(component = name, state = state.as_str(), "component changed");
        }
    }
}

impl std::fmt::Display for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Agent => f.write_str("agent"),
            Self::Credential => f.write_str("credential"),
            Self::Receiver(name) => write!(f, "receiver {name}"),
            Self::Source { service, name, kind } => write!(f, "{kind} {service}/{name}"),
            Self::Lane(service) => write!(f, "lane {service}"),
            Self::Configuration => f.write_str("configuration"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn source() -> Component {
        Component::Source { service: "orders".into(), name: "front".into(), kind: "http_check" }
    }

    #[tokio::test(start_paused = true)]
    async fn since_is_the_change_and_last_success_the_last_work() {
        let board = Board::new(Clock::starting_at(Timestamp::from_secs(100)));
        board.succeeded(source());
        tokio::time::advance(Duration::from_secs(10)).await;
        board.succeeded(source());
        tokio::time::advance(Duration::from_secs(10)).await;
        board.set(source(), State::Failed, "connection refused");
        let entry = board.get(&source()).unwrap();
        assert_eq!(entry.since, Timestamp::from_secs(120));
        assert_eq!(entry.last_success, Some(Timestamp::from_secs(110)));
        assert_eq!(entry.reason, "connection refused");
    }

    #[tokio::test]
    async fn overall_is_the_worst_but_a_dead_target_does_not_fail_the_agent() {
        let board = Board::new(Clock::system());
        assert_eq!(board.overall(), State::Starting);
        board.set(Component::Agent, State::Ok, "");
        assert_eq!(board.overall(), State::Ok);
        board.set(source(), State::Starting, "");
        assert_eq!(board.overall(), State::Ok, "not asked yet");
        board.set(source(), State::Failed, "down");
        assert_eq!(board.overall(), State::Degraded);
        board.set(Component::Lane("orders".into()), State::Parked, "403");
        board.remove(&source());
        assert_eq!(board.overall(), State::Parked);
        board.set(Component::Agent, State::Stopping, "");
        assert_eq!(board.overall(), State::Stopping);
    }
}
