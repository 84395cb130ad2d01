//! One HTTP client, one listener, one vocabulary of retrying.

mod config;

pub use config::{Auth, ClientCertificate, ClientConfig, ListenerConfig, ListenerTls, SecretSource};
