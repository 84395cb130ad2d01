//! Why there is no token.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Exit, Explain};
use crate::http;

/// Why a request for a token failed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The client for the token service cannot be built from the key.
    #[error("the client for the token service cannot be built")]
    Client(#[from] http::BuildError),
    /// No answer came.
    #[error("the token service {host} gives no answer")]
    NoAnswer {
        /// Its host.
        host: String,
        /// Where it failed.
        #[source]
        source: http::Error,
    },
    /// A page for people in place of JSON: no such identity zone.
    #[error("the token service {host} answers with a page for people (status {status}), so there is no such subdomain")]
    Page {
        /// Its host.
        host: String,
        /// Its status.
        status: u16,
    },
    /// The client id or secret is not accepted.
    #[error("the token service does not accept the client: {said}")]
    BadCredentials {
        /// In the words of the service.
        said: String,
        /// Whom it does not accept.
        client_id: String,
        /// Whether a certificate was used.
        x509: bool,
    },
    /// A certificate was used and the path is not there.
    #[error("the token service {host} has no token endpoint (404)")]
    NoEndpoint {
        /// Its host.
        host: String,
        /// Whether a certificate was used.
        x509: bool,
    },
    /// The certificate, or the client, is not allowed in.
    #[error("the token service refuses the client (403): {said}")]
    Refused {
        /// In the words of the service.
        said: String,
        /// Whether a certificate was used.
        x509: bool,
    },
    /// The request is not what the service wants.
    #[error("the token service refuses the request ({status}): {said}")]
    BadRequest {
        /// Its status.
        status: u16,
        /// In the words of the service.
        said: String,
    },
    /// It has a problem of its own.
    #[error("the token service has a problem (status {status})")]
    Server {
        /// Its status.
        status: u16,
    },
    /// Too many requests.
    #[error("the token service asks to wait")]
    Throttled {
        /// How long, if it said so.
        retry_after: Option<Duration>,
    },
    /// A success that has no usable token in it.
    #[error("the token service's answer has no usable token: {0}")]
    Unreadable(&'static str),
}

impl TokenError {
    /// Whether the credential was refused, so that only a person can help and asking again soon is harmful.
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::Page { .. }
            | Self::BadCredentials { .. }
            | Self::NoEndpoint { .. }
            | Self::Refused { .. }
            | Self::BadRequest { .. }
            | Self::Client(_) => true,
            Self::NoAnswer { .. } | Self::Server { .. } | Self::Throttled { .. } | Self::Unreadable(_) => false,
        }
    }

    /// The wait before the second try and its growth, for failures that pass. Source: BTP's best practices for access tokens.
    pub(super) const fn pace(&self) -> Option<(Duration, u32)> {
        const SOON: Option<(Duration, u32)> = Some((Duration::from_millis(300), 2));
        const LATER: Option<(Duration, u32)> = Some((Duration::from_secs(1), 3));
        match self {
            Self::NoAnswer { .. } | Self::Server { status: 408 | 502 | 504 } => SOON,
            Self::Server { .. } => LATER,
            _ => None,
        }
    }
}

impl Explain for TokenError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Client(_) => "certificate and key of the service key belong together; make a new key if in doubt",
            Self::NoAnswer { source, .. } => match source.fault() {
                http::Fault::Dns => "check subdomain and region of uaa.url in the key, then the host's name resolution",
                http::Fault::Tls => {
                    "a proxy that intercepts TLS needs its root in ca_file; with a client certificate, check that it has not expired (calm-agent key show)"
                }
                _ => {
                    "check the proxy setting and that the firewall lets this host through (calm-agent key show --egress)"
                }
            },
            Self::Page { .. } => "check the subdomain of uaa.url in the key, and that the tenant still exists",
            Self::BadCredentials { x509: true, client_id, .. } => {
                return Some(format!(
                    "the client id was sent as \"{client_id}\": if it looks cut, take the whole key; else the key was deleted: make a new one"
                ));
            }
            Self::BadCredentials { .. } => {
                "the key was deleted or rotated, or its secret was damaged on the way (cut by a shell, + turned into a blank): download the key again"
            }
            Self::NoEndpoint { x509: true, .. } => {
                "with a certificate the host is that of uaa.certurl, not of uaa.url: take the whole key"
            }
            Self::NoEndpoint { .. } => "check uaa.url in the key",
            Self::Refused { x509: true, .. } => {
                "the certificate expired or its key was deleted: look at calm-agent key show, then make a new key"
            }
            Self::Refused { .. } => "make a new key",
            Self::BadRequest { .. } => "take the whole key again; if it stays, show this message to SAP support",
            Self::Server { .. } | Self::Throttled { .. } => "nothing to do: it is asked again by itself",
            Self::Unreadable(_) => "check that uaa.url leads to the token service and not to a proxy's page",
        };
        Some(hint.to_owned())
    }

    fn exit(&self) -> Exit {
        if self.is_refusal() { Exit::Refused } else { Exit::Unavailable }
    }
}

/// There is no token now.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no token")]
pub struct Denied {
    /// Why the last request failed.
    #[source]
    pub error: Arc<TokenError>,
    /// How long the token service is left in peace.
    pub retry_after: Duration,
}

impl Explain for Denied {
    fn hint(&self) -> Option<String> {
        self.error.hint()
    }

    fn exit(&self) -> Exit {
        self.error.exit()
    }
}
