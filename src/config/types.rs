//! What was meant: the validated configuration, in the types of the components that it builds.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::http::{ListenerConfig, SecretSource};
use crate::metric::ServiceName;
use crate::sap::service_key::Location;
use crate::sources::{host, http_check, otlp, prometheus};
use crate::{condense, deliver};

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// The file it was read from.
    pub path: PathBuf,
    /// Cloud ALM.
    pub cloud_alm: CloudAlm,
    /// The agent itself.
    pub agent: AgentTable,
    /// The agent's own server; none when it is off.
    pub admin: Option<Admin>,
    /// The OTLP receiver; none without its key.
    pub otlp: Option<otlp::Config>,
    /// Scrapes.
    pub prometheus: Vec<prometheus::Config>,
    /// Checks.
    pub http_checks: Vec<http_check::Config>,
    /// This machine.
    pub hosts: Vec<host::Config>,
    /// Meaning. `sources` are in the order of their [`SourceId`](crate::metric::SourceId)s.
    pub condense: condense::Config,
    /// What the agent writes about itself.
    pub log: LogConfig,
    /// Where it sends its own metrics.
    pub telemetry: Option<TelemetryConfig>,
    /// The enablement, if the file has one.
    pub setup: Option<SetupTable>,
}

/// Cloud ALM.
#[derive(Debug, Clone, PartialEq)]
pub struct CloudAlm {
    /// Where the key is. None when no place is named and `[setup]` is to make a key.
    pub service_key: Option<Location>,
    /// Where setup writes a new key; none when the key comes from a place that cannot be written.
    pub service_key_path_for_setup: Option<PathBuf>,
    /// Another address than the key's `endpoints.Api`.
    pub api_url: Option<Url>,
    /// Delivery.
    pub deliver: deliver::Config,
    /// How often a sample is read back.
    pub verify_every: Option<Duration>,
}

/// The agent itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentTable {
    /// Journal, outbox and audit log.
    pub data_dir: PathBuf,
    /// The most bytes that wait.
    pub queue_max_bytes: u64,
    /// What an acknowledged point survives.
    pub durability: Durability,
    /// How long an orderly stop may take.
    pub shutdown_timeout: Duration,
    /// The service under which the agent reports its own health.
    pub heartbeat_service: Option<ServiceName>,
    /// Whether the data directory outlives this instance; none: to be found out.
    pub storage: Option<Storage>,
    /// Recipes beside those compiled in.
    pub recipes_dir: Option<PathBuf>,
}

/// What an acknowledged point survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Power loss: every acknowledgement waits for the disk.
    PowerLoss,
    /// The end of the process: the operating system's cache is enough.
    Process,
}

/// Whether the data directory outlives this instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// It does.
    Persistent,
    /// It dies with the container or pod.
    Ephemeral,
}

/// The agent's own server.
#[derive(Debug, Clone, PartialEq)]
pub struct Admin {
    /// Where and how guarded.
    pub listener: ListenerConfig,
    /// Nobody asked for it by name: a port that is taken is then no reason not to start.
    pub by_default: bool,
}

/// What the agent writes about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogConfig {
    /// How much.
    pub level: LogLevel,
    /// For whom.
    pub format: LogFormat,
}

/// How much is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What failed.
    Error,
    /// And what is odd.
    Warn,
    /// And what happens.
    Info,
    /// And why.
    Debug,
    /// Everything.
    Trace,
}

/// For whom it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One sentence a line.
    Human,
    /// One JSON object a line.
    Json,
}

/// Where the agent sends its own metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// An OTLP/HTTP receiver.
    pub endpoint: Url,
    /// How often.
    pub interval: Duration,
}

/// The enablement. Shapes are checked, whether a step has what it needs is setup's to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupTable {
    /// Which way.
    pub backend: SetupBackend,
    /// The space that holds the instance.
    pub space: String,
    /// The service instance.
    pub instance: String,
    /// The service key.
    pub key: String,
    /// Names under which the service may be offered.
    pub service_names: Vec<String>,
    /// The plan.
    pub plan: String,
    /// What the key may do; none: setup's default.
    pub authorities: Option<Vec<String>>,
    /// How the key signs in.
    pub credential_type: CredentialType,
    /// The Cloud Foundry way.
    pub cloud_foundry: Option<SetupCloudFoundry>,
    /// The Service Manager way: a binding's file, if there is one.
    pub service_manager: Option<SetupServiceManager>,
    /// The entitlement.
    pub btp: Option<SetupBtp>,
    /// The optional further step.
    pub destination: Option<SetupDestination>,
}

/// Which way setup goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetupBackend {
    /// By the credentials that are there.
    Auto,
    /// Organisation, space, instance, key.
    CloudFoundry,
    /// Instance and binding of the subaccount.
    ServiceManager,
}

/// How a key signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialType {
    /// With a secret of its binding.
    BindingSecret,
    /// With a certificate.
    X509,
}

/// The Cloud Foundry way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupCloudFoundry {
    /// The API.
    pub api: Option<Url>,
    /// The organisation.
    pub org: Option<String>,
    /// The identity provider.
    pub origin: Option<String>,
    /// The user.
    pub username: Option<String>,
    /// The password.
    pub password: Option<SecretSource>,
}

/// The Service Manager way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupServiceManager {
    /// A binding of it.
    pub key_file: Option<PathBuf>,
}

/// The entitlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupBtp {
    /// A cis key.
    pub cis_key_file: Option<PathBuf>,
    /// The subaccount.
    pub subaccount: Option<String>,
}

/// The destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupDestination {
    /// Its name.
    pub name: String,
    /// A key of the destination service.
    pub key_file: Option<PathBuf>,
}
