//! What an answer means, and what a person is told about it.
//!
//! | answer | verdict | scope |
//! |---|---|---|
//! | 2xx | delivered, in part if it says so | request |
//! | 401 | again with a new token, once; then park | everything |
//! | 403 | again with a new token, once a token; then park | lane |
//! | 404, 405, 410, redirects | park | lane |
//! | 413 | split, and remember the size | request |
//! | 400, 415, 422, 428, other 4xx | isolate: halve down to the point | request |
//! | 429 | throttled: everything waits | everything |
//! | 500, other 5xx | doubt: is it the request or the service? | request |
//! | 408, 502, 503, 504, no answer | retry | everything |
//!
//! Nothing is ever dropped because of a credential, an address or an outage. Source: OTLP's table of retryable answers, and where this
//! differs, BTP's best practices (401, 403) and SAP sample XP267 (500).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Explain;
use crate::http::{Error as HttpError, Fault};
use crate::sap::cloud_alm::Partial;
use crate::sap::uaa::TokenError;

/// How far a verdict reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The service.
    Lane,
    /// Everything that goes to Cloud ALM.
    Everything,
}

/// What to do with a request that was tried.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// It was taken.
    Delivered,
    /// It was taken but for some points; these must not be sent again.
    Partial(Partial),
    /// It passes: try again later.
    Retry {
        /// When, if the other side said so.
        after: Option<Duration>,
        /// Whether somebody answered.
        reachable: bool,
        /// Why.
        cause: Cause,
    },
    /// Too many requests.
    Throttled {
        /// When to go on, if the other side said so.
        after: Option<Duration>,
    },
    /// Too large.
    Split(Cause),
    /// Something in it is not accepted.
    Isolate(Cause),
    /// The service failed over it, or fails altogether.
    Doubt(Cause),
    /// A new token may help: try again at once.
    Again(Cause),
    /// A person has to put something right; nothing is lost meanwhile.
    Park {
        /// How far it reaches.
        scope: Scope,
        /// Why.
        cause: Cause,
    },
    /// It was not sent, since there is no token.
    NoToken {
        /// Why.
        error: Arc<TokenError>,
        /// When to ask again.
        retry_after: Duration,
    },
}

impl Verdict {
    /// The word in metrics: a closed list.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Partial(_) => "partial",
            Self::Retry { .. } => "retry",
            Self::Throttled { .. } => "throttled",
            Self::Split(_) => "too_large",
            Self::Isolate(_) => "refused",
            Self::Doubt(_) => "failed",
            Self::Again(_) => "token_refused",
            Self::Park { .. } => "parked",
            Self::NoToken { .. } => "no_token",
        }
    }
}

/// Why something does not go out, for people.
#[derive(Debug, Clone)]
pub enum Cause {
    /// An answer that speaks for itself.
    Answer {
        /// Its status.
        status: u16,
        /// The beginning of its body.
        excerpt: String,
    },
    /// 401 with a token that has just been issued.
    Unauthorized,
    /// 403, and the token lacks scopes.
    MissingScopes(Vec<&'static str>),
    /// 403, and the token has the scopes or does not tell.
    Forbidden {
        /// The beginning of the body.
        excerpt: String,
    },
    /// The address leads nowhere.
    Address {
        /// Its status.
        status: u16,
        /// Host and path of the URL.
        url: String,
    },
    /// No answer.
    Unreachable {
        /// Where it failed.
        fault: Fault,
        /// In the words of who found it.
        root: String,
    },
    /// No token.
    Token(Arc<TokenError>),
    /// The row alone is too large.
    Unfit(&'static str),
}

impl Cause {
    /// From an exchange without an answer.
    pub fn unreachable(error: &HttpError) -> Self {
        Self::Unreachable { fault: error.fault(), root: error.root() }
    }

    /// The next action of a person.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unauthorized => {
                "API and token service are of different tenants or regions, or this host's clock is wrong: compare them with calm-agent key show"
            }
            Self::MissingScopes(_) => {
                "the instance was created without these authorities: create a new instance with them and a key for it (calm-agent setup)"
            }
            Self::Forbidden { .. } => {
                "in Cloud ALM, Health Monitoring: add the service to the scope and switch its data collection on; check its service_id"
            }
            Self::Address { .. } => {
                "the API URL ends in /api, once: compare endpoints.Api of the key, api_url and metrics_path"
            }
            Self::Answer { status: 428, .. } => "a required parameter is missing: check service_id and extra_query",
            Self::Answer { status: 400..=499, .. } => {
                "run calm-agent doctor --push to see what the consumer says about it"
            }
            Self::Unreachable { fault: Fault::Dns, .. } => {
                "check the API host of the key and this host's name resolution"
            }
            Self::Unreachable { fault: Fault::Tls, .. } => "a proxy that intercepts TLS needs its root in ca_file",
            Self::Unreachable { .. } => "check the proxy setting and the firewall (calm-agent key show --egress)",
            Self::Token(error) => return error.hint(),
            Self::Answer { .. } | Self::Unfit(_) => return None,
        };
        Some(hint.to_owned())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { status, excerpt } if excerpt.is_empty() => write!(f, "Cloud ALM answers {status}"),
            Self::Answer { status, excerpt } => write!(f, "Cloud ALM answers {status}: {excerpt}"),
            Self::Unauthorized => f.write_str("Cloud ALM does not accept the token (401), not even a new one"),
            Self::MissingScopes(scopes) => {
                write!(f, "Cloud ALM refuses (403), and the token lacks {}", scopes.join(" and "))
            }
            Self::Forbidden { excerpt } if excerpt.is_empty() => f.write_str("Cloud ALM refuses the service (403)"),
            Self::Forbidden { excerpt } => write!(f, "Cloud ALM refuses the service (403): {excerpt}"),
            Self::Address { status, url } => write!(f, "there is no metrics API at {url} ({status})"),
            Self::Unreachable { fault, root } => {
                let what = match fault {
                    Fault::Dns => "the name of the API's host cannot be resolved",
                    Fault::Connect => "no connection to Cloud ALM",
                    Fault::Tls => "the TLS handshake with Cloud ALM failed",
                    Fault::Timeout => "Cloud ALM does not answer in time",
                    Fault::Broken => "the connection to Cloud ALM broke off",
                };
                write!(f, "{what} ({root})")
            }
            Self::Token(error) => error.fmt(f),
            Self::Unfit(why) => f.write_str(why),
        }
    }
}
