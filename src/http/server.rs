//! The one listener: HTTP/1.1 for the OTLP receiver and the admin pages.
//!
//! Owns the socket, TLS, the bearer token, and every bound on a connection. A [`Handler`] sees only requests that were let in; a caller
//! without the token is answered 401 before a byte of its body is read.
//!
//! Bounds: [`HANDSHAKE_TIMEOUT`], [`HEAD_TIMEOUT`], [`BODY_TIMEOUT`], [`WRITE_TIMEOUT`], [`IDLE_TIMEOUT`], [`MAX_HEAD_BYTES`], [`MAX_HEADERS`], and the number of
//! connections, which is the listener's own setting. When connections run out, the one that has gone longest without a complete request
//! gives way, so that sleepers cannot shut out the others.
//!
//! ```text
//!            first byte            head complete            body complete            answered
//!  waiting ────────────► head ───────────────────► body ───────────────────► working ────────► waiting
//!  60 s, may give way    5 s, may give way         30 s, may give way        the handler's own bound
//! ```
//!
//! Never: HTTP/2 (nothing of ours needs it), upgrades, a cap per peer on loopback, where all callers look alike.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response, StatusCode, request::Parts};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

use super::ListenerConfig;
use crate::shutdown::{Stop, Tasks};

mod connection;
mod error;
mod guard;
mod tls;

pub use connection::{BodyError, RequestBody};
pub use error::ListenError;

use connection::{Connection, Registry, Timed};
use guard::Token;

/// For the TLS handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// From the first byte of a request to the end of its headers.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// From the end of the headers to the end of the body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// For a caller to take some of its answer.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Without a request.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Request line and headers together; beyond it the answer is 431.
pub const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Headers of a request; beyond it the answer is 431.
pub const MAX_HEADERS: usize = 64;
/// How long connections may finish their request when the listener stops.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// The share of all connections that one peer may hold, loopback excepted.
const PEER_SHARE: usize = 4;
/// How soon a listener that has no room looks again for a connection that could give way.
const ROOM_INTERVAL: Duration = Duration::from_millis(100);
/// Rest after an `accept` that failed, as it does when descriptors run out.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// What answers requests.
pub trait Handler: Send + Sync + 'static {
    /// The body of an answer.
    type Body: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static;

    /// Answers one request that was let in.
    fn handle(&self, request: Request<RequestBody>) -> impl Future<Output = Response<Self::Body>> + Send;

    /// The body and its media type with which a caller without the token is turned away.
    fn unauthorized(&self, head: &Parts) -> (Self::Body, &'static str);
}

/// Answers whose body is there at once.
pub type Answer = Response<Full<Bytes>>;

impl Handler for axum::Router {
    type Body = axum::body::Body;

    async fn handle(&self, request: Request<RequestBody>) -> Response<axum::body::Body> {
        let answered = tower::ServiceExt::oneshot(self.clone(), request.map(axum::body::Body::new)).await;
        answered.unwrap_or_else(|never: Infallible| match never {})
    }

    fn unauthorized(&self, _head: &Parts) -> (axum::body::Body, &'static str) {
        (axum::body::Body::from("a bearer token is required\n"), "text/plain; charset=utf-8")
    }
}

impl ListenerConfig {
    /// Whether nobody from another machine can come without a certificate or token. Said by `insecure`, it is believed.
    pub fn is_guarded(&self) -> bool {
        let asks_for_certificate = self.tls.as_ref().is_some_and(|tls| tls.client_ca_file.is_some());
        self.address.ip().is_loopback() || asks_for_certificate || self.bearer_token.is_some() || self.insecure
    }
}

/// A bound socket with its guards.
pub struct Listener {
    tcp: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    token: Option<Arc<Token>>,
    connections: usize,
}

impl Listener {
    /// Binds the address and reads certificates and token. From then on callers can connect; they are answered once it serves.
    ///
    /// # Errors
    /// [`ListenError`].
    pub async fn bind(config: &ListenerConfig, connections: usize) -> Result<Self, ListenError> {
        if !config.is_guarded() {
            return Err(ListenError::Unguarded(config.address));
        }
        let tls = config.tls.as_ref().map(tls::acceptor).transpose()?;
        let token = config.bearer_token.clone().map(Token::read).transpose()?.map(Arc::new);
        let bound = |source| ListenError::Bind { address: config.address, source };
        let tcp = TcpListener::bind(config.address).await.map_err(bound)?;
        let address = tcp.local_addr().map_err(bound)?;
        Ok(Self { tcp, address, tls, token, connections: connections.max(1) })
    }

    /// Where it listens, with the port that port 0 became.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Whether callers speak TLS.
    pub const fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Serves until `stop` is given; then lets running requests end within [`DRAIN_TIMEOUT`].
    pub async fn serve<H: Handler>(&self, handler: Arc<H>, stop: Stop) {
        let tasks = Tasks::new(stop.child());
        let registry = Arc::new(Registry::default());
        let room = Arc::new(Semaphore::new(self.connections));
        while let Some(accepted) = stop.until(self.tcp.accept()).await {
            let Ok((stream, peer)) = accepted else {
                // Out of descriptors, or a caller that has already gone: the next one may fare better.
                tokio::time::sleep(ACCEPT_REST).await;
                continue;
            };
            // An IPv4 caller of a listener on both is not another one than itself.
            let peer = peer.ip().to_canonical();
            if !peer.is_loopback() && registry.count(peer) >= (self.connections / PEER_SHARE).max(1) {
                continue;
            }
            let Some(permit) = stop.until(make_room(&room, &registry)).await else { break };
            let connection = Arc::new(Connection::new(peer));
            let served = Served {
                connection: Arc::clone(&connection),
                handler: Arc::clone(&handler),
                token: self.token.clone(),
                stop: tasks.stop().clone(),
            };
            let (tls, registry) = (self.tls.clone(), Arc::clone(&registry));
            let entry = registry.enter(connection);
            tasks.spawn("http connection", async move {
                served.accept(stream, tls).await;
                registry.leave(entry);
                drop(permit);
            });
        }
        if let Err(late) = tasks.drain(DRAIN_TIMEOUT).await {
            tracing::warn!(connections = late.len(), "requests were cut off at the stop");
        }
    }
}

/// A place for one more connection; when there is none, the one that has waited longest gives way.
async fn make_room(room: &Arc<Semaphore>, registry: &Registry) -> OwnedSemaphorePermit {
    loop {
        if let Ok(permit) = Arc::clone(room).try_acquire_owned() {
            return permit;
        }
        registry.close_longest_waiting();
        if let Ok(Ok(permit)) = tokio::time::timeout(ROOM_INTERVAL, Arc::clone(room).acquire_owned()).await {
            return permit;
        }
    }
}

/// One connection and what serves it.
struct Served<H> {
    connection: Arc<Connection>,
    handler: Arc<H>,
    token: Option<Arc<Token>>,
    stop: Stop,
}

impl<H: Handler> Served<H> {
    async fn accept(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        // An answer is one small write; it need not wait for more.
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else { return self.serve(stream).await };
        let connection = Arc::clone(&self.connection);
        let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream));
        let secured = tokio::select! {
            secured = handshake => secured,
            () = connection.closed() => return,
            () = self.stop.stopped() => return,
        };
        match secured {
            Ok(Ok(stream)) => self.serve(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "a caller failed the TLS handshake"),
            Err(_) => tracing::debug!("a caller did not finish the TLS handshake in time"),
        }
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let io = TokioIo::new(Timed::new(stream, Arc::clone(&self.connection)));
        let (stop, connection) = (self.stop.clone(), Arc::clone(&self.connection));
        let service = service_fn(move |request| {
            let (connection, handler, token) =
                (Arc::clone(&self.connection), Arc::clone(&self.handler), self.token.clone());
            async move { Ok::<_, Infallible>(answer(request, &connection, &*handler, token.as_deref()).await) }
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            // This one also runs while nothing comes; the shorter bound on a begun head is `Timed`'s.
            .header_read_timeout(IDLE_TIMEOUT)
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEAD_BYTES)
            .serve_connection(io, service);
        let mut served = std::pin::pin!(served);
        tokio::select! {
            _ = &mut served => return,
            () = connection.closed() => return,
            () = stop.stopped() => {}
        }
        served.as_mut().graceful_shutdown();
        // How it ends is the caller's business alone.
        let _ = served.await;
    }
}

async fn answer<H: Handler>(
    request: Request<Incoming>,
    connection: &Arc<Connection>,
    handler: &H,
    token: Option<&Token>,
) -> Response<H::Body> {
    connection.head_complete();
    let (head, body) = request.into_parts();
    let response = if token.is_none_or(|token| token.admits(head.headers.get(AUTHORIZATION))) {
        let body = RequestBody::new(body, Arc::clone(connection));
        handler.handle(Request::from_parts(head, body)).await
    } else {
        unauthorized(handler, &head)
    };
    connection.answered();
    response
}

/// Turned away unread: what follows on this connection is an unread body, so it ends here.
fn unauthorized<H: Handler>(handler: &H, head: &Parts) -> Response<H::Body> {
    let (body, media_type) = handler.unauthorized(head);
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
pub(crate) mod test_helpers;
#[cfg(test)]
mod tests;
