//! The agent's own log: to stderr, as text where a person reads, as JSON where a machine does.
//!
//! Levels by crate: the chosen one for our own code, warnings for everybody else's, and nothing of the HTTP stack's inner life, which
//! prints headers at its trace level. Control characters of foreign text are escaped by the formatter, so that no line breaks.

use std::io::IsTerminal;

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// Always text.
    Text,
    /// Always JSON, one object a line.
    Json,
}

/// Crates whose logs would show what must not be seen, or feed themselves.
const SILENT: [&str; 7] = ["hyper", "hyper_util", "reqwest", "rustls", "h2", "opentelemetry_sdk", "opentelemetry_otlp"];

/// Which events pass at `level`.
fn filter(level: Level) -> Targets {
    let others = LevelFilter::from_level(level).min(LevelFilter::WARN);
    Targets::new()
        .with_default(others)
        .with_target("calm_agent", level)
        .with_targets(SILENT.map(|name| (name, LevelFilter::OFF)))
}

/// Starts logging. A second call changes nothing: the first one wins.
pub fn init(level: Level, format: Format, color: bool) {
    let text = match format {
        Format::Auto => std::io::stderr().is_terminal(),
        Format::Text => true,
        Format::Json => false,
    };
    let registry = tracing_subscriber::registry().with(filter(level));
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let started = if text {
        registry.with(layer.with_ansi(color)).try_init()
    } else {
        registry.with(layer.json().flatten_event(true)).try_init()
    };
    if started.is_err() {
        tracing::debug!("logging runs already");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_code_is_heard_at_the_level_and_the_http_stack_never() {
        let filter = filter(Level::TRACE);
        assert!(filter.would_enable("calm_agent::deliver", &Level::TRACE));
        assert!(!filter.would_enable("some_crate", &Level::INFO));
        assert!(filter.would_enable("some_crate", &Level::WARN));
        for name in SILENT {
            assert!(!filter.would_enable(name, &Level::ERROR), "{name}");
        }
    }
}
