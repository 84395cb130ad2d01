//! `[agent]`, `[admin]`, `[log]` and `[telemetry]`.

use super::GuardSaid;
use crate::config::said::{Choice, FilePath, Flat, Form, Link, Needed, Period, Preset, Said, Size, Words, table};
use crate::config::{Durability, LogFormat, LogLevel, Storage};

impl Words for Durability {
    const WORDS: &'static [(&'static str, Self)] = &[("power-loss", Self::PowerLoss), ("process", Self::Process)];
}

impl Words for Storage {
    const WORDS: &'static [(&'static str, Self)] = &[("persistent", Self::Persistent), ("ephemeral", Self::Ephemeral)];
}

impl Words for LogLevel {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}

impl Words for LogFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("human", Self::Human), ("json", Self::Json)];
}

table! {
    /// The agent itself.
    AgentSaid {
        /// Journal, outbox and audit log; made with mode 0700.
        data_dir: Preset<FilePath> = "/var/lib/calm-agent";
        /// The most bytes that wait on disk.
        queue_max_bytes: Preset<Size<1_048_576, 1_099_511_627_776>> = "1GiB";
        /// What an acknowledged point survives: "power-loss", or only the end of the "process".
        durability: Preset<Choice<Durability>> = "power-loss";
        /// How long an orderly stop may take; what is not sent by then stays on disk.
        shutdown_timeout: Preset<Period<0>> = "5s";
        /// The service under which the agent reports its own health.
        heartbeat_service: Said<String> = "orders";
        /// Whether the data directory outlives this instance: "persistent" or "ephemeral". Default: found out at start.
        storage: Said<Choice<Storage>> = "ephemeral";
        /// A folder with recipes beside those compiled in; its files win over built-in ones of the same name.
        recipes_dir: Said<FilePath> = "recipes";
        /// The most bytes of series state; new series beyond it are refused and counted.
        max_state_bytes: Preset<Size<1_048_576, 68_719_476_736>> = "256MiB";
    }
}

/// An address, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListenSaid {
    At(std::net::SocketAddr),
    Off,
}

impl Form for ListenSaid {
    const WHAT: &'static str = "an address to listen on, or \"off\"";
    const EXAMPLE: &'static str = "127.0.0.1:13131";

    fn parse(text: &str) -> Result<Self, String> {
        if text == "off" { Ok(Self::Off) } else { Form::parse(text).map(Self::At) }
    }
}

table! {
    /// The agent's own HTTP server. It only reads.
    AdminSaid {
        /// Address and port, or "off".
        listen: Preset<ListenSaid> = "127.0.0.1:13131";
        /// What guards it.
        guard: Flat<GuardSaid> = "";
    }
}

table! {
    /// What the agent writes about itself, on stderr.
    LogSaid {
        /// How much: "error", "warn", "info", "debug" or "trace".
        level: Preset<Choice<LogLevel>> = "info";
        /// For whom: "human" or "json".
        format: Preset<Choice<LogFormat>> = "human";
    }
}

table! {
    /// Where the agent sends its own metrics by OTLP/HTTP. Without this table: nowhere, they are on its page /metrics.
    TelemetrySaid {
        /// The receiver's address; the path /v1/metrics is added unless there is one.
        endpoint: Needed<Link> = "http://127.0.0.1:4318";
        /// How often.
        interval: Preset<Period<1_000>> = "60s";
    }
}
