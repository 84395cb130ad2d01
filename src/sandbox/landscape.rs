//! The landscape from start to stop.
//!
//! ```text
//!  Options ──start──► listeners bound ──► keys made, files written ──► served ──stop──► gone
//! ```
//!
//! Owns the order of the start: addresses are known before a key is written, and everything is written before the first request is
//! answered. Promises that a failed start leaves nothing running. A further service of the landscape adds one listener here, its router, and
//! its field of [`Facts`].

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::files;
use super::serve::Listener;
use super::state::{Addresses, ManagedService, Seed, State};
use super::tls::Authority;
use super::token::jwt::Signer;
use super::{AccountState, Facts, Options, SandboxError, ServiceFacts, api, keys, page, random, token};
use crate::clock::Clock;
use crate::shutdown::{Stop, Tasks};

/// How long a stop waits for requests that are being answered.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// Managed services when none are named.
const DEFAULT_SERVICES: [(&str, &str); 3] =
    [("orders", "SAP_CP_CF"), ("billing", "SAP_CP_CF"), ("cloud connector", "SAP_CLOUD_CONNECTOR")];

/// A running landscape; it serves until [`Landscape::stop`], or until it is dropped.
pub struct Landscape {
    facts: Facts,
    tasks: Tasks,
    /// Removed with the landscape when nobody named a directory.
    temporary: Option<PathBuf>,
}

/// The listeners of a landscape.
struct Listeners {
    page: Listener,
    api: Listener,
    uaa: Listener,
    uaa_cert: Listener,
}

impl Landscape {
    /// Starts a landscape on loopback: binds, makes keys, writes the files, serves.
    pub async fn start(options: Options) -> Result<Self, SandboxError> {
        Self::start_at(options, Clock::system()).await
    }

    /// The same under another clock; tests move it.
    pub async fn start_at(options: Options, clock: Clock) -> Result<Self, SandboxError> {
        let (dir, temporary) = directory(options.dir)?;
        let seed = Seed {
            services: managed(&options.services),
            signer: Signer::generate().map_err(|_| SandboxError::TokenKey)?,
            authority: Authority::generate(clock.now()).map_err(|error| SandboxError::Tls(error.into()))?,
            clock,
            dir,
        };
        let state = Arc::new(State::new(seed));
        let listeners = Listeners::bind(options.listen, &state).await?;
        state.set_addresses(listeners.addresses());
        let ready = options.state == AccountState::Ready;
        let facts = write_all(&state, ready).map_err(|(path, source)| SandboxError::Write { path, source })?;
        let tasks = Tasks::new(Stop::new());
        listeners.serve(&state, &tasks);
        Ok(Self { facts, tasks, temporary })
    }

    /// Where everything is: the content of `landscape.json`.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Ends all services and connections, and removes the directory if it was a temporary one.
    pub async fn stop(self) {
        // Connections listen to the stop, so this does not run into the deadline; if it does, they are aborted.
        let _ = self.tasks.drain(STOP_TIMEOUT).await;
    }
}

/// A landscape that is let go, by a test that fails for instance, ends as well; only nobody waits for it.
impl Drop for Landscape {
    fn drop(&mut self) {
        self.tasks.stop().stop();
        if let Some(dir) = &self.temporary {
            // It is in the folder for temporary files; what stays there harms nobody.
            let _ = std::fs::remove_dir_all(dir);
        }
    }
}

impl Listeners {
    async fn bind(page: Option<SocketAddr>, state: &State) -> Result<Self, SandboxError> {
        let tls = state.authority.server_config(state.now())?;
        Ok(Self {
            page: bind(page.unwrap_or(free())).await?,
            api: bind(free()).await?,
            uaa: bind(free()).await?,
            uaa_cert: bind(free()).await?.with_tls(tls),
        })
    }

    fn addresses(&self) -> Addresses {
        Addresses {
            page: self.page.url(),
            api: format!("{}/api", self.api.url()),
            uaa: self.uaa.url(),
            uaa_cert: self.uaa_cert.url(),
        }
    }

    fn serve(self, state: &Arc<State>, tasks: &Tasks) {
        self.page.serve("sandbox page", page::router(Arc::clone(state)), tasks);
        self.api.serve("sandbox cloud alm", api::router(Arc::clone(state)), tasks);
        self.uaa.serve("sandbox uaa", token::router(Arc::clone(state), false), tasks);
        self.uaa_cert.serve("sandbox uaa x509", token::router(Arc::clone(state), true), tasks);
    }
}

const fn free() -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0)
}

async fn bind(address: SocketAddr) -> Result<Listener, SandboxError> {
    Listener::bind(address).await.map_err(|source| SandboxError::Bind { address, source })
}

fn directory(named: Option<PathBuf>) -> Result<(PathBuf, Option<PathBuf>), SandboxError> {
    let temporary = named.is_none();
    let dir = named.unwrap_or_else(|| {
        std::env::temp_dir().join(format!("calm-sandbox-{:016x}", u64::from_be_bytes(random::bytes())))
    });
    let made =
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).and_then(|()| std::fs::canonicalize(&dir));
    let dir = made.map_err(|source| SandboxError::Write { path: dir, source })?;
    Ok((dir.clone(), temporary.then_some(dir)))
}

fn managed(named: &[(String, String)]) -> Vec<ManagedService> {
    if named.is_empty() {
        return DEFAULT_SERVICES.iter().map(|(name, kind)| ManagedService::new(name, kind)).collect();
    }
    named.iter().map(|(name, kind)| ManagedService::new(name, kind)).collect()
}

type WriteError = (PathBuf, io::Error);

fn write_all(state: &State, ready: bool) -> Result<Facts, WriteError> {
    let dir = state.dir.clone();
    let at = |name: &str| {
        let path = dir.join(name);
        move |source| (path, source)
    };
    files::write_authority(state).map_err(at(files::AUTHORITY))?;
    let cis_key = files::write_cis_key(state).map_err(at(files::CIS_KEY))?;
    let service_key = if ready { Some(keys::make(state).map_err(at(files::SERVICE_KEY))?) } else { None };
    let ports = free_ports().map_err(at(files::CONFIG))?;
    let config = files::write_config(state, ready, ports).map_err(at(files::CONFIG))?;
    let facts = facts(state, service_key, &cis_key, &config);
    files::write_facts(&dir, &facts).map_err(at(files::LANDSCAPE))?;
    Ok(facts)
}

/// Two ports that are free now, for the agent's page and its receiver: the usual ones may belong to an OpenTelemetry Collector.
fn free_ports() -> io::Result<(SocketAddr, SocketAddr)> {
    let (first, second) = (std::net::TcpListener::bind(free())?, std::net::TcpListener::bind(free())?);
    Ok((first.local_addr()?, second.local_addr()?))
}

fn facts(state: &State, service_key: Option<PathBuf>, cis_key: &Path, config: &Path) -> Facts {
    let addresses = state.addresses();
    let world = state.world();
    let services = world
        .services
        .iter()
        .map(|service| ServiceFacts { name: service.name.clone(), service_id: service.id.clone() })
        .collect();
    Facts {
        page: addresses.page.clone(),
        cloud_alm: addresses.api.clone(),
        uaa: addresses.uaa.clone(),
        cf_api: None,
        cf_uaa: None,
        btp: None,
        service_manager: None,
        user: None,
        password: None,
        org: None,
        global_account: None,
        subaccount: Some(state.tenant.subaccount_id.clone()),
        services,
        service_key_file: service_key,
        cis_key_file: cis_key.to_owned(),
        config_file: config.to_owned(),
    }
}
