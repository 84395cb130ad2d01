//! What happens around every request: the fault that waits for it, its correlation id, its record.
//!
//! Owns the order: take a fault → wait → execute or not → read what is left of the body → answer, lose or cut the answer → record. Promises
//! that every answer carries `x-correlationid`, that every request is recorded, also one whose answer is lost, and that a refusal reaches a
//! client which is still sending.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State as Shared};
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use hyper::body::Frame;

use super::knobs::faults::Fault;
use super::random;
use super::record::{Note, Record, Service};
use super::serve::LoseAnswer;
use super::state::State;

/// The header by which SAP's support finds a request.
pub(crate) const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlationid");
/// Longest part of a request's target that is recorded.
const TARGET_CHARS_MAX: usize = 500;
/// At most so much of a body is read and forgotten after its request was answered.
const DRAINED_BYTES_MAX: usize = 32 * 1024 * 1024;
/// And for no longer than this.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that can be cut in the middle.
const CUT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Tells the push handler that the consumer will complain, whatever was sent.
#[derive(Clone, Debug)]
pub(crate) struct ConsumerFault(pub(crate) String);

/// The middleware of the API host: which service is asked follows from path and method.
pub(crate) async fn api(shared: Shared<Arc<State>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let service = if path.starts_with("/api/calm-metrics/") {
        if request.method() == Method::GET { Service::Outbound } else { Service::Push }
    } else if path.starts_with("/api/calm-landscape/") {
        Service::Landscape
    } else {
        Service::Api
    };
    run(&shared.0, service, request, next).await
}

/// The middleware of the token service.
pub(crate) async fn token(shared: Shared<Arc<State>>, request: Request, next: Next) -> Response {
    run(&shared.0, Service::Token, request, next).await
}

async fn run(state: &State, service: Service, request: Request, next: Next) -> Response {
    let (mut request, body) = SharedBody::take_from(request);
    let query = request.uri().query().unwrap_or_default();
    let service_id = url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == "serviceId")
        .map(|(_, id)| id.into_owned());
    let mut record = Record {
        time: state.now().to_string(),
        service,
        method: request.method().to_string(),
        target: target(service, &request),
        service_id,
        status: 0,
        reason: None,
        correlation_id: random::guid(),
        points: 0,
        bytes: 0,
        answer_lost: false,
        consumer_errors: Vec::new(),
        consumer_error_count: 0,
    };
    let fault = state.world().knobs.faults(service).and_then(|faults| faults.take(record.service_id.as_deref()));
    let fault = fault.unwrap_or_default();
    if !fault.delay().is_zero() {
        tokio::time::sleep(fault.delay()).await;
    }
    if let Some(text) = &fault.consumer_error {
        request.extensions_mut().insert(ConsumerFault(text.clone()));
    }
    let executes = fault.execute || fault.drop || (fault.status.is_none() && !fault.reset);
    let executed = if executes { Some(next.run(request).await) } else { None };
    if !fault.reset {
        body.drain().await;
    }
    let response = finish(state, &fault, executed, &mut record).await;
    state.world().requests.push(record);
    response
}

async fn finish(state: &State, fault: &Fault, executed: Option<Response>, record: &mut Record) -> Response {
    if let Some(note) = executed.as_ref().and_then(|response| response.extensions().get::<Note>()) {
        record.reason.clone_from(&note.reason);
        record.consumer_errors.clone_from(&note.consumer_errors);
        (record.points, record.bytes) = (note.points, note.bytes);
    }
    let mut response = match (fault.status, executed) {
        (Some(status), _) => {
            record.reason = Some(format!("fault: status {status}"));
            faulty(state, fault, status)
        }
        (None, Some(response)) => response,
        (None, None) => StatusCode::OK.into_response(),
    };
    record.status = response.status().as_u16();
    if let Ok(id) = HeaderValue::from_str(&record.correlation_id) {
        response.headers_mut().insert(CORRELATION_ID, id);
    }
    if fault.drop || fault.reset {
        record.answer_lost = true;
        record.reason.get_or_insert_with(|| {
            if fault.drop { "fault: the answer was lost" } else { "fault: connection closed before execution" }
                .to_owned()
        });
        response.extensions_mut().insert(LoseAnswer);
    }
    if fault.truncate { cut(response).await } else { response }
}

fn faulty(state: &State, fault: &Fault, status: u16) -> Response {
    let body = fault.body.clone().unwrap_or_else(|| format!("fault: status {status}"));
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = fault.content_type.as_deref().unwrap_or("text/plain; charset=utf-8");
    if let Ok(value) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    if let Some(value) = fault.retry_after.header(state.now()) {
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    response
}

/// Of a query the token service could be sent a secret in, nothing is kept.
fn target(service: Service, request: &Request) -> String {
    let uri = request.uri();
    let text = match uri.path_and_query() {
        Some(all) if service != Service::Token => all.as_str(),
        _ => uri.path(),
    };
    text.chars().take(TARGET_CHARS_MAX).collect()
}

async fn cut(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let Ok(whole) = axum::body::to_bytes(body, CUT_BYTES_MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let half = whole.slice(..whole.len() / 2);
    Response::from_parts(parts, Body::new(CutBody { half: Some(half), whole_bytes: whole.len() as u64 }))
}

/// A request's body, of which the handler reads as much as it wants and the guard the rest: a connection that is closed with unread bytes
/// takes the answer with it, and a client would see a reset in place of a 401 or a 413.
#[derive(Clone)]
struct SharedBody(Arc<Mutex<Body>>);

impl SharedBody {
    /// The same request with its body behind a second handle.
    fn take_from(request: Request) -> (Request, Self) {
        let (parts, body) = request.into_parts();
        let shared = Self(Arc::new(Mutex::new(body)));
        (Request::from_parts(parts, Body::new(shared.clone())), shared)
    }

    /// Reads and forgets what is left, within bounds of size and time.
    async fn drain(mut self) {
        let rest = async {
            let mut drained = 0;
            while let Some(Ok(frame)) = self.frame().await {
                drained += frame.data_ref().map_or(0, Bytes::len);
                if drained > DRAINED_BYTES_MAX {
                    break;
                }
            }
        };
        // What is not here by then is not waited for.
        let _ = tokio::time::timeout(DRAIN_TIMEOUT, rest).await;
    }
}

impl hyper::body::Body for SharedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Pin::new(&mut *body).poll_frame(context)
    }
}

/// Promises the whole, sends half, then fails: the connection ends in the middle of the body.
struct CutBody {
    half: Option<Bytes>,
    whole_bytes: u64,
}

impl hyper::body::Body for CutBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(Some(match self.half.take() {
            Some(half) => Ok(Frame::data(half)),
            None => Err(std::io::Error::other("cut on purpose")),
        }))
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(self.whole_bytes)
    }
}
