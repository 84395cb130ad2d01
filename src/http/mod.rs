//! One HTTP client, one listener, one vocabulary of retrying.
//!
//! Everything that speaks HTTP goes through here, so that timeouts, TLS, proxies and bounds are the same everywhere: no redirects, no body
//! without a bound, no certificate left unchecked, no credential over plain text beyond loopback.

mod client;
mod config;
mod retry;
pub mod server;
mod tls;

pub use client::{Answer, BuildError, Client, Error, Fault, Request};
pub use config::{Auth, ClientCertificate, ClientConfig, ListenerConfig, ListenerTls, SecretSource};
pub use retry::{Backoff, MAX_RETRY_AFTER, retry_after};
pub use tls::{PemError, read_certificates, read_key};

use url::{Host, Url};

/// Whether a URL leads to this machine and nowhere else.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_this_machine_only() {
        for (url, expected) in [
            ("http://127.0.0.1:1/", true),
            ("http://127.9.9.9/", true),
            ("http://[::1]/", true),
            ("http://localhost/", true),
            ("http://10.0.0.1/", false),
            ("http://localhost.example/", false),
            ("http://0.0.0.0/", false),
            ("http://[::ffff:127.0.0.1]/", false),
        ] {
            assert_eq!(is_loopback(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
