//! Listeners of the landscape.
//!
//! Owns the accept loops: plain and TLS, one router each. Promises a bounded number of connections per listener, that a stop ends them all,
//! and that a handler can lose its answer on purpose: a response that carries [`LoseAnswer`] is never written, the connection just ends, as
//! if the network had failed after the request was executed. Never decides anything about a request.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::shutdown::Tasks;

/// Connections that one listener serves at a time; further ones wait.
const CONNECTIONS_MAX: usize = 256;
/// A peer that has not sent its request's head by then is let go.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// A peer that has not finished its TLS handshake by then is let go.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The client certificate of a connection, as an extension of its requests.
#[derive(Clone, Debug)]
pub(crate) struct PeerCertificate(pub(crate) Arc<Vec<u8>>);

/// Marks a response that must not be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoseAnswer;

/// Why a connection ended early.
#[derive(Debug)]
struct AnswerLost;

impl fmt::Display for AnswerLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer was lost on purpose")
    }
}

impl std::error::Error for AnswerLost {}

/// One listener that is bound and not yet served.
pub(crate) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
}

impl Listener {
    /// Binds `address`; port 0 takes a free one.
    pub(crate) async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address, tls: None })
    }

    /// Speaks TLS with this configuration.
    pub(crate) fn with_tls(mut self, config: tokio_rustls::rustls::ServerConfig) -> Self {
        self.tls = Some(TlsAcceptor::from(Arc::new(config)));
        self
    }

    /// Its base URL, without a trailing slash.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Serves `router` until the tasks are stopped.
    pub(crate) fn serve(self, name: &'static str, router: Router, tasks: &Tasks) {
        let connections = tasks.clone();
        tasks.spawn(name, async move { self.accept(name, router, connections).await });
    }

    async fn accept(self, name: &'static str, router: Router, tasks: Tasks) {
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let stop = tasks.stop().clone();
        while let Some((permit, accepted)) = stop.until(next(&room, &self.socket)).await {
            let Ok(stream) = accepted else {
                // Out of file handles, most likely: let others finish first.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let (router, tls, ended) = (router.clone(), self.tls.clone(), stop.clone());
            tasks.spawn(format!("{name} connection"), async move {
                Box::pin(ended.until(connection(stream, tls, router))).await;
                drop(permit);
            });
        }
    }
}

async fn next(
    room: &Arc<Semaphore>,
    socket: &TcpListener,
) -> (Option<tokio::sync::OwnedSemaphorePermit>, std::io::Result<TcpStream>) {
    let permit = Arc::clone(room).acquire_owned().await.ok();
    (permit, socket.accept().await.map(|(stream, _)| stream))
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, router: Router) {
    let Some(tls) = tls else {
        return speak(stream, None, router).await;
    };
    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
        let leaf = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let peer = leaf.map(|leaf| PeerCertificate(Arc::new(leaf.to_vec())));
        speak(stream, peer, router).await;
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin, peer: Option<PeerCertificate>, router: Router) {
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        let router = router.clone();
        if let Some(peer) = peer.clone() {
            request.extensions_mut().insert(peer);
        }
        async move {
            let Ok(response): Result<_, Infallible> = router.oneshot(request.map(Body::new)).await;
            if response.extensions().get::<LoseAnswer>().is_some() { Err(AnswerLost) } else { Ok(response) }
        }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    // How a connection ends is the client's business; what was asked and answered is in the request log.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}
