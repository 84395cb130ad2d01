//! The client. It tries once and says exactly what happened; trying again is policy and lives with whoever asks.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use super::tls::{PemError, client_config};
use super::{ClientConfig, is_loopback};

/// How long a connection may take to be made, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept; a new identity is in use everywhere after this.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Idle connections to one host.
const MAX_IDLE: usize = 2;
/// How we name ourselves.
const USER_AGENT: &str = concat!("calm-agent/", env!("CARGO_PKG_VERSION"));

/// An HTTP client for one other side. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    inner: reqwest::Client,
    timeout: Duration,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Its headers; a credential among them must be marked sensitive.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body after decompression, at most as long as was asked for.
    pub body: Bytes,
    /// Whether the body was longer than that.
    pub truncated: bool,
    /// The server's certificate (DER), over TLS.
    pub certificate: Option<Vec<u8>>,
}

/// The client could not be built from its configuration.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Certificates or keys were not usable.
    #[error(transparent)]
    Tls(#[from] PemError),
    /// The HTTP library refused the settings.
    #[error("the HTTP client cannot be built")]
    Client(#[source] reqwest::Error),
}

/// Where an exchange failed. No answer came, or only a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The name has no address.
    Dns,
    /// No connection: refused, unreachable, reset while connecting, or the proxy did not let us through.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// It took too long.
    Timeout,
    /// The connection ended in the middle.
    Broken,
}

/// No usable answer.
#[derive(Debug, thiserror::Error)]
#[error("{}", describe(*fault))]
pub struct Error {
    fault: Fault,
    #[source]
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

const fn describe(fault: Fault) -> &'static str {
    match fault {
        Fault::Dns => "the host name cannot be resolved",
        Fault::Connect => "no connection",
        Fault::Tls => "the TLS handshake failed",
        Fault::Timeout => "no answer in time",
        Fault::Broken => "the connection broke off",
    }
}

impl Error {
    /// Where it failed.
    pub const fn fault(&self) -> Fault {
        self.fault
    }

    /// The innermost cause in the words of who found it, such as `Connection refused (os error 111)`.
    pub fn root(&self) -> String {
        let mut error: &dyn StdError = self;
        while let Some(next) = error.source() {
            error = next;
        }
        error.to_string()
    }

    /// The first cause of type `E`, such as the `rustls::Error` of a failed handshake.
    pub fn find<E: StdError + 'static>(&self) -> Option<&E> {
        find(self)
    }

    fn of(cause: reqwest::Error) -> Self {
        // The URL may carry an id that is nobody's business in a log.
        let cause = cause.without_url();
        let fault = if find::<ResolveError>(&cause).is_some() {
            Fault::Dns
        } else if find::<rustls::Error>(&cause).is_some() {
            Fault::Tls
        } else if cause.is_timeout() {
            Fault::Timeout
        } else if cause.is_connect() {
            Fault::Connect
        } else {
            Fault::Broken
        };
        Self { fault, cause: Some(Box::new(cause)) }
    }
}

/// Looks for a foreign error type among the causes, through `std::io::Error`s, which hide what they wrap from `source`.
fn find<'e, E: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

impl Request {
    /// A GET without headers.
    pub fn get(url: Url) -> Self {
        Self { method: Method::GET, url, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// A POST of `body`.
    pub fn post(url: Url, body: impl Into<Bytes>) -> Self {
        Self { method: Method::POST, url, headers: HeaderMap::new(), body: body.into() }
    }
}

impl Client {
    /// A client for the host of `target`: loopback is never asked for through a proxy.
    ///
    /// # Errors
    /// [`BuildError`] when a certificate or key cannot be used.
    #[expect(clippy::disallowed_methods, reason = "the one client builder")]
    pub fn new(config: &ClientConfig, target: &Url) -> Result<Self, BuildError> {
        let tls = client_config(config.ca_file.as_ref(), config.client_certificate.as_ref())?;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .tls_info(true)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT.min(config.timeout))
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(MAX_IDLE)
            .dns_resolver(SystemResolver)
            .user_agent(USER_AGENT);
        if is_loopback(target) {
            builder = builder.no_proxy();
        } else if let Some(proxy) = &config.proxy {
            builder = builder.proxy(reqwest::Proxy::all(proxy.clone()).map_err(BuildError::Client)?);
        }
        Ok(Self { inner: builder.build().map_err(BuildError::Client)?, timeout: config.timeout })
    }

    /// Sends one request and reads its answer up to `max_body` bytes.
    ///
    /// # Errors
    /// [`Error`] when no whole answer came in time. Any status is an answer.
    pub async fn send(&self, request: Request, max_body: usize) -> Result<Answer, Error> {
        let exchange = self.exchange(request, max_body);
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(Error { fault: Fault::Timeout, cause: None }),
        }
    }

    async fn exchange(&self, request: Request, max_body: usize) -> Result<Answer, Error> {
        let Request { method, url, headers, body } = request;
        let mut response =
            self.inner.request(method, url).headers(headers).body(body).send().await.map_err(Error::of)?;
        let certificate = response
            .extensions()
            .get::<reqwest::tls::TlsInfo>()
            .and_then(|info| info.peer_certificate())
            .map(<[u8]>::to_vec);
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = BytesMut::new();
        let mut truncated = false;
        while let Some(chunk) = response.chunk().await.map_err(Error::of)? {
            let room = max_body - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                // The rest is left unread; dropping the response closes the connection.
                truncated = true;
                break;
            }
        }
        Ok(Answer { status, headers, body: body.freeze(), truncated, certificate })
    }
}

/// The system's resolver, with an error that can be told apart.
#[derive(Debug)]
struct SystemResolver;

#[derive(Debug, thiserror::Error)]
#[error("cannot resolve {name}")]
struct ResolveError {
    name: String,
    #[source]
    source: std::io::Error,
}

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let name: Arc<str> = name.as_str().into();
            let found = tokio::net::lookup_host((&*name, 0)).await;
            let found = found.map_err(|source| ResolveError { name: name.to_string(), source })?;
            Ok(Box::new(found.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Answers the first connection with `bytes`, as they are; returns where and what was asked.
    async fn answering(bytes: Vec<u8>) -> (Url, tokio::sync::oneshot::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let (tell, told) = tokio::sync::oneshot::channel();
        let tasks = crate::shutdown::Tasks::default();
        tasks.spawn("server", async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4_096];
            let read = stream.read(&mut request).await.unwrap();
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            let _ = tell.send(String::from_utf8_lossy(&request[..read]).into_owned());
        });
        (url, told)
    }

    fn client(url: &Url) -> Client {
        Client::new(&ClientConfig::default(), url).unwrap()
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_bound() {
        let (url, _) = answering([b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[b'x'; 100_000]].concat()).await;
        let answer = client(&url).send(Request::get(url), 1_000).await.unwrap();
        assert!(answer.truncated);
        assert_eq!(answer.body.len(), 1_000);
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        let (url, _) =
            answering(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n".to_vec())
                .await;
        let answer = client(&url).send(Request::get(url), 10).await.unwrap();
        assert_eq!(answer.status, StatusCode::FOUND);
    }

    #[tokio::test]
    async fn says_who_is_asking_and_asks_for_gzip() {
        let (url, asked) = answering(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()).await;
        client(&url).send(Request::get(url), 10).await.unwrap();
        let asked = asked.await.unwrap();
        assert!(asked.contains("calm-agent/") && asked.contains("accept-encoding: gzip"), "{asked}");
    }

    #[tokio::test]
    async fn each_fault_has_its_name() {
        let refused: Url = "http://127.0.0.1:1/".parse().unwrap();
        let error = client(&refused).send(Request::get(refused), 10).await.unwrap_err();
        assert_eq!(error.fault(), Fault::Connect);
        assert!(error.root().contains("refused"), "{}", error.root());

        let unknown: Url = "http://no-such-host.invalid/".parse().unwrap();
        let config = ClientConfig { timeout: Duration::from_secs(20), ..ClientConfig::default() };
        let error = Client::new(&config, &refused_base()).unwrap().send(Request::get(unknown), 10).await.unwrap_err();
        assert_eq!(error.fault(), Fault::Dns, "{error:?}");

        let (url, _) = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf".to_vec()).await;
        let error = client(&url).send(Request::get(url), 100).await.unwrap_err();
        assert_eq!(error.fault(), Fault::Broken);

        let (url, _) = answering(b"this is no TLS".to_vec()).await;
        let secure: Url = url.as_str().replace("http:", "https:").parse().unwrap();
        let error = client(&secure).send(Request::get(secure), 10).await.unwrap_err();
        assert_eq!(error.fault(), Fault::Tls, "{error:?}");
    }

    fn refused_base() -> Url {
        "http://127.0.0.1/".parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_says_nothing_is_left_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let error = client(&url).send(Request::get(url), 10).await.unwrap_err();
        assert_eq!(error.fault(), Fault::Timeout);
    }
}
