//! Tokens of the XSUAA, SAP's OAuth 2.0 authorisation server.
//!
//! [`request`](self) speaks its wire: one form, one bounded answer, errors by type. [`TokenSource`] has the policy: when to ask, when to
//! renew, when to leave it in peace. Neither ever logs a token or a secret.
//!
//! Source: BTP's "Best practices for access tokens", answers measured on UAA 4.30, SAP's API examples (mTLS readme).

mod claims;
mod error;
mod request;
mod source;
mod token;

pub use error::{Denied, TokenError};
pub use request::{BoxFuture, Fetch, HttpFetch};
pub use source::TokenSource;
pub use token::{Claims, Issued, Token, TokenStatus, missing_scopes};

/// Suffixes of the scopes that pushing to Health Monitoring needs; the prefix differs from landscape to landscape.
/// Source: SAP's Automation Pilot example.
pub const PUSH_SCOPES: [&str; 2] = ["calm-api.metrics.write", "calm-api.hm.write"];
/// Suffixes of the scopes that reading back needs. Source: a third party's setup page.
pub const READ_SCOPES: [&str; 2] = ["calm-api.metrics.read", "calm-api.hm.read"];
