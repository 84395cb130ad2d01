//! What a scrape and a check have in common: asking a URL over HTTP, and saying in a sentence why no answer came.
//!
//! Owns one HTTP client for one target, made when it is first needed and made anew after a failed handshake, because certificates and keys
//! on disk may have been rotated since. A password or token file is read for each request, so a new one counts at once. Never follows a
//! redirect by itself, and never puts a query or user name of the URL into a sentence.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderValue, header};
use rustls::CertificateError;
use tokio::time::Instant;
use url::Url;

use crate::http::{Answer, Auth, BuildError, Client, ClientConfig, Error, Fault, Request, SecretSource, is_loopback};
use crate::secret::{FileError, Guard, Secret, read_file};

/// One target, and how it is reached.
#[derive(Debug)]
pub(super) struct Target {
    url: Url,
    address: String,
    auth: Auth,
    config: ClientConfig,
    client: Option<Client>,
}

/// Why there is no answer: one sentence without a full stop, for the status of the target.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// No address for the name.
    #[error("the host name of {address} cannot be resolved; check its spelling and this host's DNS")]
    Dns {
        /// Host and port.
        address: String,
    },
    /// Nobody listens.
    #[error("connection refused by {address}; is the service running?")]
    Refused {
        /// Host and port.
        address: String,
    },
    /// No connection for another reason.
    #[error("no connection to {address}: {cause}")]
    Connect {
        /// Host and port.
        address: String,
        /// The system's words.
        cause: String,
    },
    /// The server's certificate is past its end.
    #[error("the certificate of {address} has expired; renew it")]
    Expired {
        /// Host and port.
        address: String,
    },
    /// Another reason to distrust the server.
    #[error("TLS with {address} failed: {cause}")]
    Tls {
        /// Host and port.
        address: String,
        /// What was wrong, with the next action where one is known.
        cause: String,
    },
    /// Nothing came in time.
    #[error("no answer from {address} within {}", humantime::format_duration(*after))]
    Timeout {
        /// Host and port.
        address: String,
        /// The timeout.
        after: Duration,
    },
    /// The connection ended before the answer did.
    #[error("{address} broke off its answer: {cause}")]
    Broken {
        /// Host and port.
        address: String,
        /// The library's words.
        cause: String,
    },
    /// The password or token file was not usable.
    #[error("cannot sign in: {0}")]
    Credential(#[from] FileError),
    /// A password or token holds characters that no header can carry.
    #[error("cannot sign in: the {0} holds characters that HTTP does not allow")]
    BadCredential(&'static str),
    /// Certificates for the connection were not usable.
    #[error("cannot set up TLS: {0}")]
    Client(#[from] BuildError),
}

impl Target {
    pub(super) fn new(url: Url, auth: Auth, config: ClientConfig) -> Self {
        let address = address_of(&url);
        Self { url, address, auth, config, client: None }
    }

    /// Host and port.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// How long one exchange may take.
    pub(super) const fn timeout(&self) -> Duration {
        self.config.timeout
    }

    /// Sends a request, signed in if it goes to the target's own origin, and reads at most `max_body` bytes of the answer.
    pub(super) async fn ask(&mut self, mut request: Request, max_body: usize) -> Result<Answer, Trouble> {
        if request.url.origin() == self.url.origin() {
            sign_in(&self.auth, &mut request.headers)?;
        }
        let address = address_of(&request.url);
        let client = match &self.client {
            Some(client) => client,
            None => self.client.insert(Client::new(&self.config, &self.url)?),
        };
        let began = Instant::now();
        let sent = client.send(request, max_body).await;
        sent.map_err(|error| {
            if error.fault() == Fault::Tls {
                self.client = None;
            }
            // What really passed: making a connection has a shorter timeout of its own.
            Trouble::of(&error, self.on_the_way(address), began.elapsed())
        })
    }
}

impl Target {
    /// Where an exchange ended that got no answer: a configured proxy stands in front.
    fn on_the_way(&self, address: String) -> String {
        match self.config.proxy.as_ref().filter(|_| !is_loopback(&self.url)) {
            Some(proxy) => format!("{address} (through the proxy {})", address_of(proxy)),
            None => address,
        }
    }
}

impl Trouble {
    /// Whether the cause is on our side, so that it says nothing of the target.
    pub(super) const fn is_ours(&self) -> bool {
        matches!(self, Self::Credential(_) | Self::BadCredential(_) | Self::Client(_))
    }

    fn of(error: &Error, address: String, passed: Duration) -> Self {
        match error.fault() {
            Fault::Dns => Self::Dns { address },
            Fault::Timeout => {
                Self::Timeout { address, after: Duration::from_millis(passed.as_millis() as u64 / 100 * 100) }
            }
            Fault::Broken => Self::Broken { address, cause: error.root() },
            Fault::Tls => Self::of_tls(error, address),
            Fault::Connect => {
                let refused =
                    error.find::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused);
                if refused { Self::Refused { address } } else { Self::Connect { address, cause: error.root() } }
            }
        }
    }

    fn of_tls(error: &Error, address: String) -> Self {
        let Some(rustls::Error::InvalidCertificate(problem)) = error.find::<rustls::Error>() else {
            return Self::Tls { address, cause: error.root() };
        };
        let cause = match problem {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => return Self::Expired { address },
            CertificateError::UnknownIssuer => {
                "this host does not trust the issuer of its certificate; name that issuer's certificate in ca_file"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another host name"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet; compare the clocks"
            }
            _ => return Self::Tls { address, cause: error.root() },
        };
        Self::Tls { address, cause: cause.to_owned() }
    }
}

/// Host and port, the port also where it is the scheme's own.
pub(super) fn address_of(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

/// The URL as it may be shown and used as an attribute: without user name, password, query and fragment, which may hold secrets.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Neither can fail for a URL that has a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

fn sign_in(auth: &Auth, headers: &mut HeaderMap) -> Result<(), Trouble> {
    let (text, what) = match auth {
        Auth::None => return Ok(()),
        Auth::Basic { username, password } => {
            let pair = Secret::new(format!("{username}:{}", secret(password)?.expose()));
            (Secret::new(format!("Basic {}", BASE64_STANDARD.encode(pair.expose()))), "password")
        }
        Auth::Bearer(token) => (Secret::new(format!("Bearer {}", secret(token)?.expose())), "token"),
    };
    let mut value = HeaderValue::from_str(text.expose()).map_err(|_| Trouble::BadCredential(what))?;
    value.set_sensitive(true);
    headers.insert(header::AUTHORIZATION, value);
    Ok(())
}

fn secret(source: &SecretSource) -> Result<Secret, FileError> {
    match source {
        SecretSource::Value(value) => Ok(value.clone()),
        // A final newline comes with every editor and belongs to no secret.
        SecretSource::File(path) => Ok(Secret::new(read_file(path, guard(path))?.expose().trim_end())),
    }
}

/// Where container platforms and systemd mount secrets, with modes of their own.
const MOUNTS: [&str; 3] = ["/run/secrets", "/var/run/secrets", "/run/credentials"];

fn guard(path: &Path) -> Guard {
    if MOUNTS.iter().any(|mount| path.starts_with(mount)) { Guard::Mounted } else { Guard::OwnerOnly }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Server, ok, self_signed};
    use super::*;
    use std::io::{Seek, Write};
    use std::os::unix::fs::PermissionsExt;

    fn target(url: &Url, auth: Auth) -> Target {
        Target::new(url.clone(), auth, ClientConfig { timeout: Duration::from_secs(5), ..ClientConfig::default() })
    }

    async fn trouble(url: &str) -> String {
        let url: Url = url.parse().unwrap();
        target(&url, Auth::None).ask(Request::get(url), 100).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_closed_port_and_an_unknown_name_are_said_in_words() {
        assert_eq!(
            trouble("http://127.0.0.1:1/x?token=t").await,
            "connection refused by 127.0.0.1:1; is the service running?"
        );
        let unknown = trouble("http://no-such-host.invalid:81/").await;
        assert!(unknown.contains("the host name of no-such-host.invalid:81 cannot be resolved"), "{unknown}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_is_left_in_time() {
        let server = Server::silent().await;
        let message = trouble(server.url("/").as_str()).await;
        assert!(message.starts_with("no answer from 127.0.0.1:") && message.ends_with("within 5s"), "{message}");
    }

    #[tokio::test]
    async fn an_answer_cut_short_is_no_answer() {
        let server = Server::always(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf".to_vec()).await;
        let message = trouble(server.url("/").as_str()).await;
        assert!(message.contains("broke off its answer"), "{message}");
    }

    #[tokio::test]
    async fn distrust_says_what_to_do() {
        let server = Server::tls(self_signed(365), ok("text/plain", "fine")).await;
        let message = trouble(server.url("/").as_str()).await;
        assert!(message.contains("ca_file"), "{message}");

        let expired = Server::tls(self_signed(-1), ok("text/plain", "fine")).await;
        let url = expired.url("/");
        let config = ClientConfig { ca_file: Some(expired.ca_file()), ..ClientConfig::default() };
        let error = Target::new(url.clone(), Auth::None, config).ask(Request::get(url), 100).await.unwrap_err();
        assert!(matches!(error, Trouble::Expired { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_token_file_is_read_anew_for_each_request() {
        let server = Server::always(ok("text/plain", "fine")).await;
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_owned();
        let mut target = target(&server.url("/"), Auth::Bearer(SecretSource::File(path.clone())));
        for text in ["first one\n", "second\n\n\n\n"] {
            file.rewind().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            target.ask(Request::get(server.url("/")), 100).await.unwrap();
            let asked = server.asked();
            assert!(asked.contains(&format!("authorization: Bearer {}\r\n", text.trim())), "{asked}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = target.ask(Request::get(server.url("/")), 100).await.unwrap_err();
        assert!(error.to_string().contains("can be read by others"), "{error}");
    }

    #[tokio::test]
    async fn a_password_goes_to_the_targets_own_origin_only() {
        let (own, other) = (Server::always(ok("text/plain", "")).await, Server::always(ok("text/plain", "")).await);
        let auth = Auth::Basic { username: "me".into(), password: SecretSource::Value(Secret::new("p")) };
        let mut target = target(&own.url("/"), auth);
        target.ask(Request::get(own.url("/deeper")), 10).await.unwrap();
        target.ask(Request::get(other.url("/")), 10).await.unwrap();
        assert!(own.asked().contains("authorization: Basic bWU6cA=="), "{}", own.asked());
        assert!(!other.asked().contains("authorization"), "{}", other.asked());
    }

    #[tokio::test]
    async fn a_proxy_that_is_not_there_is_named() {
        let url: Url = "http://orders.invalid/".parse().unwrap();
        let proxy = Some("http://127.0.0.1:1".parse().unwrap());
        let config = ClientConfig { proxy, ..ClientConfig::default() };
        let error = Target::new(url.clone(), Auth::None, config).ask(Request::get(url), 10).await.unwrap_err();
        assert!(error.to_string().contains("orders.invalid:80 (through the proxy 127.0.0.1:1)"), "{error}");
    }

    #[test]
    fn what_is_shown_of_a_url_holds_no_secret() {
        let url: Url = "https://user:pass@orders.example/health?key=k#f".parse().unwrap();
        assert_eq!(shown(&url), "https://orders.example/health");
        assert_eq!(address_of(&url), "orders.example:443");
    }

    #[test]
    fn mounted_secrets_may_have_the_modes_of_their_platform() {
        assert_eq!(guard(Path::new("/var/run/secrets/kubernetes.io/serviceaccount/token")), Guard::Mounted);
        assert_eq!(guard(Path::new("/etc/calm-agent/token")), Guard::OwnerOnly);
    }
}
