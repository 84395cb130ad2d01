//! Every key there is, declared once: its documentation, type, default or example.
//!
//! The texts here are what the generated reference shows; write them for the person who edits a config.

mod agent;
mod cloud_alm;
mod receivers;
mod services;
mod setup;
mod shared;

pub(crate) use agent::{AdminSaid, AgentSaid, ListenSaid, LogSaid, TelemetrySaid};
pub(crate) use cloud_alm::CloudAlmSaid;
pub(crate) use receivers::{OtlpSaid, ReceiversSaid, RouteSaid};
pub(crate) use services::{HealthSaid, HostSaid, HttpCheckSaid, LevelsSaid, PrometheusSaid, ServiceSaid};
pub(crate) use setup::{SetupCloudFoundrySaid, SetupSaid};
pub(crate) use shared::{GuardSaid, MeaningSaid, ReachSaid, SignInSaid, WeightSaid};

use crate::config::said::{Preset, Said, Shown, table};

table! {
    /// The whole file.
    Root {
        /// SAP Cloud ALM: the service key of its API, and how data is delivered.
        cloud_alm: Preset<CloudAlmSaid> = "{}";
        /// The agent itself.
        agent: Preset<AgentSaid> = "{}";
        /// The agent's own HTTP server: /livez, /readyz, /delivering, /status, /metrics and the status page. It only reads.
        admin: Preset<AdminSaid> = "{}";
        /// What applications push.
        receivers: Preset<ReceiversSaid> = "{}";
        /// The managed services. Each is one object in Landscape Management, and one tile in Health Monitoring.
        services: Shown<Vec<ServiceSaid>> = "";
        /// The enablement: only read when there is no usable key, or by `calm-agent setup`.
        setup: Said<SetupSaid> = "";
        /// What the agent writes about itself.
        log: Preset<LogSaid> = "{}";
        /// Where the agent sends its own metrics, beside its page /metrics.
        telemetry: Said<TelemetrySaid> = "";
    }
}
