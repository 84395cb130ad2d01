//! Why there is no listener, and what to do about it.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::error::{Exit, Explain};
use crate::secret::FileError;

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Open to others without a guard, and not said to be.
    #[error("{0} is reachable from other machines and has no guard")]
    Unguarded(SocketAddr),
    /// The address cannot be had.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A key or token file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A certificate or key that does not fit.
    #[error("cannot use {} for TLS", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A token that would let everybody in.
    #[error("the bearer token is empty")]
    EmptyToken,
}

impl Explain for ListenError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Unguarded(_) => Some(
                "give it tls with a client_ca_file, or a bearer_token_file; or say insecure = true when a mesh or firewall guards it"
                    .into(),
            ),
            Self::Bind { address, source } if source.kind() == std::io::ErrorKind::AddrInUse => Some(format!(
                "another program has port {} (an OpenTelemetry Collector?); choose another port or stop it",
                address.port()
            )),
            Self::File(error) => error.hint(),
            Self::EmptyToken => Some("put a long random value into the file, such as the output of: openssl rand -hex 32".into()),
            Self::Bind { .. } | Self::Tls { .. } => None,
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Unguarded(_) | Self::EmptyToken => Exit::Config,
            Self::File(_) | Self::Tls { .. } => Exit::Refused,
            Self::Bind { .. } => Exit::Unavailable,
        }
    }
}
