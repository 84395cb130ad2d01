//! What an HTTP client or listener of ours is told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::secret::Secret;

/// How to reach the other side. One shape for the token service, Cloud ALM, scrape targets and checks.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientConfig {
    /// For a whole exchange, from connecting to the last byte of the answer.
    pub timeout: Duration,
    /// Certificates (PEM) that are trusted beside the system's own.
    pub ca_file: Option<PathBuf>,
    /// A proxy for this client. Without one, the system's proxy variables count, except for loopback.
    pub proxy: Option<Url>,
    /// A client certificate (PEM) with its key, for mutual TLS.
    pub client_certificate: Option<ClientCertificate>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), ca_file: None, proxy: None, client_certificate: None }
    }
}

/// A client certificate for mutual TLS.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientCertificate {
    /// In files that the operator keeps.
    Files {
        /// PEM chain, leaf first.
        cert_file: PathBuf,
        /// PEM key.
        key_file: PathBuf,
    },
    /// As a service key carries it.
    Inline {
        /// PEM chain, leaf first.
        certificate: String,
        /// PEM key.
        key: Secret,
    },
}

/// Where a secret of the config comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// `{ file = "…" }` or a `…_file` key: read anew whenever it is needed, so that it can be rotated.
    File(PathBuf),
    /// `"${env:NAME}"`, resolved when the config was read.
    Value(Secret),
}

/// How a request to a target signs in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
    /// RFC 7617.
    Basic {
        /// In clear.
        username: String,
        /// The password.
        password: SecretSource,
    },
    /// RFC 6750.
    Bearer(SecretSource),
}

/// Where we listen, and how that is guarded.
#[derive(Debug, Clone, PartialEq)]
pub struct ListenerConfig {
    /// Address and port; port 0 takes a free one.
    pub address: SocketAddr,
    /// Server certificate and, with `client_ca_file`, who may come.
    pub tls: Option<ListenerTls>,
    /// A token that callers must bring.
    pub bearer_token: Option<SecretSource>,
    /// Said explicitly: no guard, though the address is not loopback.
    pub insecure: bool,
}

/// TLS of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerTls {
    /// PEM chain, leaf first.
    pub cert_file: PathBuf,
    /// PEM key.
    pub key_file: PathBuf,
    /// PEM roots that a caller's certificate must come from.
    pub client_ca_file: Option<PathBuf>,
}

impl ListenerConfig {
    /// On loopback, where no guard is needed.
    pub const fn loopback(port: u16) -> Self {
        let address = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port);
        Self { address, tls: None, bearer_token: None, insecure: false }
    }
}
