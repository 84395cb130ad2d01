//! What can be said on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Keeps SAP Cloud ALM truthfully informed about your managed cloud services.
///
/// The agent takes the service key of the SAP Cloud ALM API, gathers health and metric data from Prometheus pages, HTTP checks, OTLP pushes
/// and the host, and delivers it to Health Monitoring.
///
/// New here? `calm-agent demo` shows everything against a local landscape, without a tenant.
#[derive(Debug, Parser)]
#[command(
    name = "calm-agent",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(super) struct Arguments {
    /// The configuration [default: $CALM_AGENT_CONFIG, else /etc/calm-agent/agent.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How results are written to stdout
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub output: Format,
    #[command(subcommand)]
    pub command: Command,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Human,
    /// One JSON document, with a stable schema.
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the agent
    ///
    /// Runs until SIGTERM or SIGINT; SIGHUP reads the configuration and the key again, and a bad new configuration keeps the last good one.
    Run,
    /// Check the configuration offline, and name every problem with its place
    Check,
    /// Collect every source once and deliver
    Once(OnceOptions),
    /// Send one metric from a script or cron job
    ///
    /// Through the running agent if there is one, else directly.
    #[command(group(clap::ArgGroup::new("what").required(true).args(["value", "rating", "used"])))]
    Send(SendOptions),
    /// Put a service into maintenance by hand: its statuses go out as info
    Mute(MuteOptions),
    /// End a maintenance that was begun with `mute`
    Unmute(UnmuteOptions),
    /// Read an exposition page and print one JSON line per sample
    Parse(ParseOptions),
    /// Show the state of the running agent
    Status(StatusOptions),
    /// Look at, import or try the service key
    #[command(subcommand)]
    Key(KeyCommand),
    /// Run a local landscape: token service, Cloud ALM, Landscape Management
    Sandbox(SandboxOptions),
    /// Show everything on this machine: a sandbox, its key, and an agent that watches this host
    Demo(DemoOptions),
    /// Print the JSON schema of the configuration
    Schema(SchemaOptions),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

#[derive(Debug, Args)]
pub(super) struct OnceOptions {
    /// Send nothing; print one JSON object per request that would be sent
    #[arg(long)]
    pub print: bool,
}

#[derive(Debug, Args)]
pub(super) struct SendOptions {
    /// The service, by its name in the configuration
    #[arg(long)]
    pub service: String,
    /// The name of the metric
    #[arg(long)]
    pub metric: String,
    /// A number
    #[arg(long, allow_negative_numbers = true)]
    pub value: Option<f64>,
    /// The unit of the number, or of the quota
    #[arg(long, conflicts_with = "rating")]
    pub unit: Option<String>,
    /// A status: ok, warning, critical, fatal or info
    #[arg(long, requires = "text")]
    pub rating: Option<String>,
    /// What the status says, as a sentence
    #[arg(long, requires = "rating")]
    pub text: Option<String>,
    /// A quota: how much is used
    #[arg(long, requires = "limit", allow_negative_numbers = true)]
    pub used: Option<f64>,
    /// A quota: of how much
    #[arg(long, requires = "used")]
    pub limit: Option<f64>,
}

#[derive(Debug, Args)]
pub(super) struct MuteOptions {
    /// The service, by its name in the configuration
    pub service: String,
    /// For how long, such as 30m or 2h
    pub duration: String,
    /// Why; it goes out with every status
    #[arg(long)]
    pub reason: String,
}

#[derive(Debug, Args)]
pub(super) struct UnmuteOptions {
    /// The service, by its name in the configuration
    pub service: String,
}

#[derive(Debug, Args)]
pub(super) struct ParseOptions {
    /// The page; `-` is stdin
    pub file: PathBuf,
    /// The content type it was sent with; it decides between the text format and OpenMetrics
    #[arg(long, value_name = "TYPE")]
    pub content_type: Option<String>,
    /// Refuse what the specification refuses, not only what cannot be read
    #[arg(long)]
    pub strict: bool,
}

#[derive(Debug, Args)]
pub(super) struct StatusOptions {
    /// Show it again every two seconds
    #[arg(long, conflicts_with = "probe")]
    pub watch: bool,
    /// Answer by the exit code alone, for containers
    #[arg(long, value_enum)]
    pub probe: Option<Probe>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Probe {
    /// The process runs its loop.
    Live,
    /// It takes data.
    Ready,
    /// Data gets through to Cloud ALM.
    Delivering,
}

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Show the key without its secrets
    Show(KeyShowOptions),
    /// Take a key out of any wrapper and store it where the configuration says
    Import(KeyImportOptions),
    /// Sign in with the key, and compare what the token allows with what is needed
    Test,
}

#[derive(Debug, Args)]
pub(super) struct KeyShowOptions {
    /// Print hosts and ports for the firewall request
    #[arg(long)]
    pub egress: bool,
}

#[derive(Debug, Args)]
pub(super) struct KeyImportOptions {
    /// The file with the key; `-`, or nothing, is stdin
    pub file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct SandboxOptions {
    /// Where the key, the configuration and landscape.json are written [default: a temporary folder]
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// What is enabled at the start
    #[arg(long, value_enum, default_value_t = AccountState::Ready)]
    pub state: AccountState,
    /// Where the page listens [default: a free port on loopback]
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<SocketAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum AccountState {
    /// A key with the push and read scopes exists.
    Ready,
    /// The plan is visible, there is no instance.
    Entitled,
    /// Nothing is enabled.
    Empty,
}

#[derive(Debug, Args)]
pub(super) struct DemoOptions {
    /// Where the pages listen [default: a free port on loopback]
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<SocketAddr>,
    /// End after this long, such as 1m [default: at Ctrl-C]
    #[arg(long = "for", value_name = "DURATION")]
    pub duration: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct SchemaOptions {
    /// Print the reference of all keys, as TOML with comments, in place of the schema
    #[arg(long)]
    pub reference: bool,
}
