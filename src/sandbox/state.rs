//! The shared state of the landscape.
//!
//! Owns what all services of the landscape have in common: the tenant, the credential, the managed services with what Health Monitoring
//! holds of them, the knobs and the request log. One lock, held for the length of a lookup or an insertion and never across an await.
//! A further service brings its own struct and becomes one more field of [`World`].

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, Timestamp};

use super::health::Rows;
use super::knobs::Knobs;
use super::random;
use super::record::RequestLog;
use super::tls::{Authority, ClientCertificate};
use super::token::jwt::Signer;

/// The application that owns the scopes: their prefix in every token.
pub(crate) const MASTER_APP: &str = "sapcloudalm-ext-01!b42";

/// The tenant: one Cloud ALM subaccount.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    /// The zone of its token service, also its tenant id.
    pub(crate) zone_id: String,
    /// The subaccount.
    pub(crate) subaccount_id: String,
    /// The subdomain, `identityzone` in keys.
    pub(crate) subdomain: String,
}

/// How a client proves who it is.
#[derive(Clone)]
pub(crate) enum Proof {
    /// By a secret.
    Secret(String),
    /// By a client certificate.
    Certificate(ClientCertificate),
}

/// A client of the token service.
#[derive(Clone)]
pub(crate) struct Credential {
    /// With `!` and `|`, as every real one.
    pub(crate) client_id: String,
    /// Its proof.
    pub(crate) proof: Proof,
}

/// A managed service: one object of Landscape Management.
#[derive(Clone, Debug)]
pub(crate) struct ManagedService {
    /// The LMS GUID.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Its type code, such as `SAP_CP_CF`.
    pub(crate) service_type: String,
    /// Whether data collection is switched on in Health Monitoring; 403 otherwise.
    pub(crate) collection: bool,
    /// Whether Landscape Management knows it (yet).
    pub(crate) in_landscape: bool,
    /// What Health Monitoring holds.
    pub(crate) rows: Rows,
}

impl ManagedService {
    /// A service that is known and switched on.
    pub(crate) fn new(name: &str, service_type: &str) -> Self {
        Self {
            id: random::guid(),
            name: name.to_owned(),
            service_type: service_type.to_owned(),
            collection: true,
            in_landscape: true,
            rows: Rows::default(),
        }
    }
}

/// Who has asked how often in the last minute.
#[derive(Debug, Default)]
pub(crate) struct RateWindows(HashMap<String, VecDeque<Timestamp>>);

impl RateWindows {
    /// Length of the sliding window.
    const WINDOW: Duration = Duration::from_secs(60);
    /// How many keys are told apart; with more, all windows start anew.
    const KEYS_MAX: usize = 10_000;

    /// Counts a request, or says how long to wait until there is room for it.
    pub(crate) fn admit(&mut self, key: &str, limit: usize, now: Timestamp) -> Result<(), Duration> {
        if self.0.len() >= Self::KEYS_MAX && !self.0.contains_key(key) {
            self.0.clear();
        }
        let window = self.0.entry(key.to_owned()).or_default();
        while window.front().is_some_and(|time| now.since(*time) >= Self::WINDOW) {
            window.pop_front();
        }
        if window.len() < limit {
            window.push_back(now);
            return Ok(());
        }
        let frees = window.get(window.len().saturating_sub(limit)).copied().unwrap_or(now);
        Err(frees.plus(Self::WINDOW).since(now))
    }
}

/// Where the services listen; URLs without a trailing slash.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    /// The page.
    pub(crate) page: String,
    /// The API base, ending in `/api`.
    pub(crate) api: String,
    /// The token service.
    pub(crate) uaa: String,
    /// The token service for x509.
    pub(crate) uaa_cert: String,
}

/// What changes.
pub(crate) struct World {
    /// The credentials with a secret, newest last; none before one was made. All are of one client: each key of an instance has a secret of
    /// its own.
    pub(crate) keys: Vec<Credential>,
    /// The credential with a certificate.
    pub(crate) x509: Option<Credential>,
    /// The managed services, in the order in which they were given.
    pub(crate) services: Vec<ManagedService>,
    /// The knobs.
    pub(crate) knobs: Knobs,
    /// The request log.
    pub(crate) requests: RequestLog,
    /// The rate limit's memory.
    pub(crate) rates: RateWindows,
}

impl World {
    /// The managed service with this id, if Landscape Management knows it.
    pub(crate) fn service(&self, id: &str) -> Option<&ManagedService> {
        self.services.iter().find(|service| service.in_landscape && service.id.eq_ignore_ascii_case(id))
    }

    /// The same, to change it.
    pub(crate) fn service_mut(&mut self, id: &str) -> Option<&mut ManagedService> {
        self.services.iter_mut().find(|service| service.in_landscape && service.id.eq_ignore_ascii_case(id))
    }
}

/// Everything the services share.
pub(crate) struct State {
    /// The tenant.
    pub(crate) tenant: Tenant,
    /// The key that signs tokens.
    pub(crate) signer: Signer,
    /// The authority that signs certificates.
    pub(crate) authority: Authority,
    /// Where the key files are.
    pub(crate) dir: PathBuf,
    addresses: OnceLock<Addresses>,
    clock: Clock,
    world: Mutex<World>,
}

/// The parts a [`State`] starts with.
pub(crate) struct Seed {
    /// Time.
    pub(crate) clock: Clock,
    /// Where the key files are.
    pub(crate) dir: PathBuf,
    /// The managed services.
    pub(crate) services: Vec<ManagedService>,
    /// The token key.
    pub(crate) signer: Signer,
    /// The authority.
    pub(crate) authority: Authority,
}

impl State {
    /// A landscape without credentials.
    pub(crate) fn new(seed: Seed) -> Self {
        let tenant = Tenant {
            zone_id: random::guid(),
            subaccount_id: random::guid(),
            subdomain: format!("sandbox-{:08x}", u32::from_be_bytes(random::bytes())),
        };
        let world = World {
            keys: Vec::new(),
            x509: None,
            services: seed.services,
            knobs: Knobs::default(),
            requests: RequestLog::default(),
            rates: RateWindows::default(),
        };
        Self {
            tenant,
            signer: seed.signer,
            authority: seed.authority,
            dir: seed.dir,
            addresses: OnceLock::new(),
            clock: seed.clock,
            world: Mutex::new(world),
        }
    }

    /// The landscape's time: this machine's, and what the knob adds to it.
    pub(crate) fn now(&self) -> Timestamp {
        let skew = self.world().knobs.clock.skew_seconds;
        let by = Duration::from_secs(skew.unsigned_abs());
        if skew < 0 { self.clock.now().minus(by) } else { self.clock.now().plus(by) }
    }

    /// What changes; not to be held across an await.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the services listen.
    pub(crate) fn addresses(&self) -> &Addresses {
        static NOWHERE: OnceLock<Addresses> = OnceLock::new();
        self.addresses.get().unwrap_or_else(|| {
            // Only before the listeners are bound, when nobody can ask.
            let none = String::new;
            NOWHERE.get_or_init(|| Addresses { page: none(), api: none(), uaa: none(), uaa_cert: none() })
        })
    }

    /// Tells where the services listen, once.
    pub(crate) fn set_addresses(&self, addresses: Addresses) {
        // A second call would be a second start, which `Landscape` does not have.
        let _ = self.addresses.set(addresses);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides() {
        let mut windows = RateWindows::default();
        let at = Timestamp::from_secs;
        assert!(windows.admit("t", 2, at(1_000)).is_ok());
        assert!(windows.admit("t", 2, at(1_030)).is_ok());
        assert_eq!(windows.admit("t", 2, at(1_031)), Err(Duration::from_secs(29)));
        assert!(windows.admit("other", 2, at(1_031)).is_ok());
        assert!(windows.admit("t", 2, at(1_060)).is_ok());
        assert_eq!(windows.admit("t", 2, at(1_060)), Err(Duration::from_secs(30)));
    }

    #[test]
    fn a_limit_of_nothing_lets_nothing_through() {
        assert!(RateWindows::default().admit("t", 0, Timestamp::from_secs(1)).is_err());
    }

    #[test]
    fn ids_are_compared_without_regard_to_case() {
        let mut service = ManagedService::new("orders", "SAP_CP_CF");
        service.id = service.id.to_uppercase();
        assert!(random::is_guid(&service.id));
    }
}
