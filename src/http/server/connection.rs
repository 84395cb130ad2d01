//! Where each connection stands, and what that means for its time.
//!
//! A [`Connection`] is a few atomics that the transport, the body and the registry share. [`Timed`] closes a connection whose request head
//! was begun and not finished; [`RequestBody`] ends a body that does not come in time; the [`Registry`] knows who has waited longest.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep};

use super::{BODY_TIMEOUT, HEAD_TIMEOUT, WRITE_TIMEOUT};

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Connection {
    peer: IpAddr,
    opened: Instant,
    /// When the last request was answered, in milliseconds since `opened`.
    waiting_since: AtomicU64,
    /// A request is here completely, and its answer is being worked on.
    working: AtomicBool,
    /// The head of the present request is complete.
    in_request: AtomicBool,
    /// Requests so far.
    requests: AtomicU64,
    close: Notify,
}

impl Connection {
    pub(super) fn new(peer: IpAddr) -> Self {
        Self {
            peer,
            opened: Instant::now(),
            waiting_since: AtomicU64::new(0),
            working: AtomicBool::new(false),
            in_request: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            close: Notify::new(),
        }
    }

    pub(super) fn head_complete(&self) {
        self.requests.fetch_add(1, Relaxed);
        self.in_request.store(true, Relaxed);
    }

    fn body_complete(&self) {
        self.working.store(true, Relaxed);
    }

    pub(super) fn answered(&self) {
        let elapsed = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.waiting_since.store(elapsed, Relaxed);
        self.working.store(false, Relaxed);
        self.in_request.store(false, Relaxed);
    }

    /// Resolves when it must give way.
    pub(super) async fn closed(&self) {
        self.close.notified().await;
    }

    /// When it began to wait for a complete request; `None` while one is worked on.
    fn waiting_since(&self) -> Option<Instant> {
        let since = self.opened + std::time::Duration::from_millis(self.waiting_since.load(Relaxed));
        (!self.working.load(Relaxed)).then_some(since)
    }
}

/// All open connections.
#[derive(Debug, Default)]
pub(super) struct Registry {
    connections: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    entries: BTreeMap<u64, Arc<Connection>>,
}

impl Registry {
    pub(super) fn enter(&self, connection: Arc<Connection>) -> u64 {
        let mut open = self.lock();
        open.next += 1;
        let entry = open.next;
        open.entries.insert(entry, connection);
        entry
    }

    pub(super) fn leave(&self, entry: u64) {
        self.lock().entries.remove(&entry);
    }

    /// Connections of one peer.
    pub(super) fn count(&self, peer: IpAddr) -> usize {
        self.lock().entries.values().filter(|connection| connection.peer == peer).count()
    }

    /// Ends the connection that has gone longest without a complete request, if any is without one.
    pub(super) fn close_longest_waiting(&self) {
        let open = self.lock();
        let waiting = open.entries.values().filter_map(|connection| Some((connection.waiting_since()?, connection)));
        if let Some((_, connection)) = waiting.min_by_key(|(since, _)| *since) {
            connection.close.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A transport that fails when the head of a request was begun and does not end within [`HEAD_TIMEOUT`], or when nothing of an answer is
/// taken for [`WRITE_TIMEOUT`].
pub(super) struct Timed<S> {
    inner: S,
    connection: Arc<Connection>,
    /// Runs from the first byte after an answer; it belongs to the request of that number.
    head: Option<(u64, Pin<Box<Sleep>>)>,
    /// Runs while the other side takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Timed<S> {
    pub(super) const fn new(inner: S, connection: Arc<Connection>) -> Self {
        Self { inner, connection, head: None, stalled: None }
    }

    fn head_is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let requests = self.connection.requests.load(Relaxed);
        match &mut self.head {
            Some((request, late)) if *request == requests => late.as_mut().poll(cx).is_ready(),
            _ => {
                self.head = None;
                false
            }
        }
    }

    /// Fails a write that has made no progress for too long.
    fn in_time<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(WRITE_TIMEOUT)));
        stalled.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    fn bytes_came(&mut self) {
        let requests = self.connection.requests.load(Relaxed);
        let begun = self.head.as_ref().is_some_and(|(request, _)| *request == requests);
        if !begun && !self.connection.in_request.load(Relaxed) {
            self.head = Some((requests, Box::pin(sleep(HEAD_TIMEOUT))));
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.inner).poll_read(cx, buf) {
            Poll::Ready(read) => {
                if buf.filled().len() > before {
                    self.bytes_came();
                }
                Poll::Ready(read)
            }
            Poll::Pending if self.head_is_late(cx) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.in_time(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let written = Pin::new(&mut self.inner).poll_flush(cx);
        self.in_time(cx, written)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.in_time(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

/// Why a body did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Not within [`BODY_TIMEOUT`].
    #[error("the body did not come in time")]
    TooSlow,
    /// The caller broke off, or broke the format.
    #[error("the body broke off")]
    Broken(#[source] hyper::Error),
}

/// The body of a request, which must come within [`BODY_TIMEOUT`]. How large it may be is for its reader to say.
#[derive(Debug)]
pub struct RequestBody {
    incoming: Incoming,
    late: Pin<Box<Sleep>>,
    connection: Arc<Connection>,
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, connection: Arc<Connection>) -> Self {
        if incoming.is_end_stream() {
            connection.body_complete();
        }
        Self { incoming, late: Box::pin(sleep(BODY_TIMEOUT)), connection }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut this.incoming).poll_frame(cx) else {
            ready!(this.late.as_mut().poll(cx));
            return Poll::Ready(Some(Err(BodyError::TooSlow)));
        };
        if frame.is_none() || this.incoming.is_end_stream() {
            this.connection.body_complete();
        }
        Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Broken)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
