//! One request, from its head to its answer.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::EXPECT;
use http::request::Parts;
use http::{Request, StatusCode};
use http_body_util::Full;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::answer::{BUSY_RETRY, Refused, refusal, response};
use super::body::{self, Packing, Room};
use super::head::{Signal, encoding, judge};
use super::routes::Routes;
use super::{Config, Limits, OtherSignals, Stats};
use crate::clock::Clock;
use crate::http::server::{Answer, Handler, RequestBody};
use crate::metric::{Entry, Intake, Points};
use crate::otlp::{self, Decoded, Encoding, Reason, Refusals, Rules, StatusCode as Code};

/// How far ahead of our clock a point may be. Source: decided for skew between hosts; the destination would refuse it later.
const MAX_AHEAD: Duration = Duration::from_secs(60 * 60);
/// Bodies up to this size are unpacked and read where they came; larger ones would hold up the other connections of the thread.
const INLINE_BYTES: usize = 128 * 1024;
/// For the intake to make an entry safe; then the sender is asked to come again, and may send something twice.
const INTAKE_TIMEOUT: Duration = Duration::from_secs(20);
/// What is still read of the body of a refused request, so that its sender hears the answer instead of a reset connection.
const LINGER_BYTES: usize = 16 << 20;
/// How long that may take.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of all bodies that are being read, unless one alone may be larger.
const BODY_ROOM_BYTES: usize = 48 << 20;
/// How long a request that was read waits for its turn, before its sender is asked to come again.
const TURN_TIMEOUT: Duration = Duration::from_secs(2);
/// Bodies beyond [`INLINE_BYTES`] that are unpacked at the same time: this, times the limit of a body, is what bombs can make us hold.
const LARGE_AT_ONCE: usize = 2;

/// What of the configuration can change while the receiver runs.
#[derive(Debug)]
pub(super) struct Settings {
    routes: Routes,
    /// The number of the configuration that the routes are of.
    generation: u32,
    other_signals: OtherSignals,
    limits: Limits,
    max_age: Duration,
}

impl Settings {
    pub(super) fn new(config: &Config, generation: u32) -> Self {
        Self {
            routes: Routes::new(config.routes.clone()),
            generation,
            other_signals: config.other_signals,
            limits: config.limits,
            max_age: config.max_age,
        }
    }
}

/// What answers requests.
pub(super) struct Push {
    pub(super) settings: ArcSwap<Settings>,
    intake: Intake,
    clock: Clock,
    pub(super) stats: Arc<Stats>,
    /// Bytes of the bodies that are being read.
    room: Room,
    /// Requests that were read and are worked on, or wait for the intake. A sender who dribbles its body is not among them, so that a few of
    /// those cannot keep out the others.
    work: Semaphore,
    /// Large ones among them that are unpacked.
    large: Semaphore,
}

impl Push {
    pub(super) fn new(config: &Config, intake: Intake, clock: Clock) -> Self {
        Self {
            settings: ArcSwap::from_pointee(Settings::new(config, 0)),
            intake,
            clock,
            stats: Arc::default(),
            room: Arc::new(Semaphore::new(BODY_ROOM_BYTES.max(config.limits.wire_bytes))),
            work: Semaphore::new(config.limits.requests.max(1)),
            large: Semaphore::new(LARGE_AT_ONCE),
        }
    }
}

impl Handler for Push {
    type Body = Full<Bytes>;

    async fn handle(&self, request: Request<RequestBody>) -> Answer {
        let (head, mut body) = request.into_parts();
        let settings = self.settings.load_full();
        let signal = Signal::of(head.uri.path())
            .filter(|signal| *signal == Signal::Metrics || settings.other_signals == OtherSignals::Discard);
        let done = match signal {
            Some(Signal::Metrics) => {
                self.stats.requests.fetch_add(1, Relaxed);
                let done = self.metrics(&head, &mut body, settings).await;
                self.stats.failed.fetch_add(u64::from(done.is_err()), Relaxed);
                done
            }
            Some(other) => self.discard(other, &head, &mut body, &settings.limits).await,
            None => Err(Refused::new(StatusCode::NOT_FOUND, Code::NotFound, "metrics are taken at /v1/metrics")),
        };
        let encoding = encoding(&head).unwrap_or(Encoding::Json);
        match done {
            Ok(refusals) => response(StatusCode::OK, encoding, otlp::export_response(encoding, &refusals)),
            Err(refused) => {
                let rest_is_read = linger(&head, &mut body).await;
                refusal(&refused, encoding, rest_is_read)
            }
        }
    }

    fn unauthorized(&self, head: &Parts) -> (Full<Bytes>, &'static str) {
        let encoding = encoding(head).unwrap_or(Encoding::Json);
        let body = otlp::status(encoding, Code::Unauthenticated, "a bearer token is required");
        (Full::new(body), encoding.media_type())
    }
}

impl Push {
    async fn metrics(
        &self,
        head: &Parts,
        body: &mut RequestBody,
        settings: Arc<Settings>,
    ) -> Result<Refusals, Refused> {
        let (encoding, packing) = judge(head, settings.limits.wire_bytes)?;
        let packed = body::read(body, settings.limits.wire_bytes, &self.room).await?;
        self.stats.wire_bytes.fetch_add(packed.bytes.len() as u64, Relaxed);
        let busy = || Refused::later(BUSY_RETRY, "the agent is busy with other requests");
        let Ok(Ok(_turn)) = timeout(TURN_TIMEOUT, self.work.acquire()).await else { return Err(busy()) };
        let work =
            Work { packed, packing, encoding, settings, clock: self.clock.clone(), stats: Arc::clone(&self.stats) };
        let decoded = if work.packed.bytes.len() <= INLINE_BYTES {
            work.run()?
        } else {
            let Ok(_turn) = self.large.acquire().await else { return Err(busy()) };
            let worked = tokio::task::spawn_blocking(move || work.run()).await;
            worked.map_err(|_| Refused::later(BUSY_RETRY, "the agent could not work on the request"))??
        };
        self.offer(decoded).await
    }

    async fn offer(&self, decoded: Decoded) -> Result<Refusals, Refused> {
        let Decoded { points, refusals } = decoded;
        let count = points.points().len() as u64;
        if count > 0 {
            let offered = self.intake.push(Entry::Points(Box::new(points)));
            let Ok(taken) = timeout(INTAKE_TIMEOUT, offered).await else {
                return Err(Refused::later(BUSY_RETRY, "the agent could not make the points safe in time"));
            };
            taken?;
        }
        // A push that comes again would count its refusals again, so they count with the success.
        self.stats.points.fetch_add(count, Relaxed);
        self.stats.refuse(&refusals);
        Ok(refusals)
    }

    /// Reads and drops a body, so that the connection can be used again.
    async fn discard(
        &self,
        signal: Signal,
        head: &Parts,
        body: &mut RequestBody,
        limits: &Limits,
    ) -> Result<Refusals, Refused> {
        judge(head, limits.wire_bytes)?;
        body::skip(body, limits.wire_bytes).await?;
        let counter = if signal == Signal::Traces { &self.stats.traces } else { &self.stats.logs };
        counter.fetch_add(1, Relaxed);
        Ok(Refusals::default())
    }
}

/// The part of a request that takes the processor.
struct Work {
    packed: body::Read,
    packing: Packing,
    encoding: Encoding,
    settings: Arc<Settings>,
    clock: Clock,
    stats: Arc<Stats>,
}

impl Work {
    fn run(self) -> Result<Decoded, Refused> {
        let limits = &self.settings.limits;
        let body = body::unpack(self.packing, self.packed.bytes, limits.body_bytes)?;
        self.stats.body_bytes.fetch_add(body.len() as u64, Relaxed);
        let now = self.clock.now();
        let rules = Rules {
            oldest: now.minus(self.settings.max_age),
            newest: now.plus(MAX_AHEAD),
            points: limits.points,
            attributes: limits.attributes,
        };
        let mut decoded = otlp::decode(body, self.encoding, &rules)
            .map_err(|bad| Refused::new(StatusCode::BAD_REQUEST, Code::InvalidArgument, bad.to_string()))?;
        route(&mut decoded, &self.settings, &self.stats);
        Ok(decoded)
    }
}

/// Gives each resource its source; points of those without one are refused, and their services remembered.
fn route(decoded: &mut Decoded, settings: &Settings, stats: &Stats) {
    let Decoded { points, refusals } = decoded;
    points.route(settings.generation, |resource| settings.routes.find(resource));
    if points.resources().iter().all(|resource| resource.source.is_some()) {
        return;
    }
    let mut refused = vec![0_u64; points.resources().len()];
    let resource_of: Vec<_> = points.metrics().iter().map(|metric| metric.resource as usize).collect();
    let has_route: Vec<_> = points.resources().iter().map(|resource| resource.source.is_some()).collect();
    points.retain(|point| {
        let resource = resource_of[point.metric as usize];
        refused[resource] += u64::from(!has_route[resource]);
        has_route[resource]
    });
    for (resource, count) in refused.into_iter().enumerate().filter(|(_, count)| *count > 0) {
        let service = service_name(points, resource);
        refusals.add(Reason::NoRoute, count, &service);
        stats.unrouted(&service, count);
    }
}

fn service_name(points: &Points, resource: usize) -> String {
    let attributes = points.resources().get(resource).map(|resource| points.attributes(resource.attributes));
    attributes.and_then(|attributes| attributes.text("service.name")).unwrap_or_default().to_owned()
}

/// Reads what is left of a refused body, within bounds; says whether that was all. A sender that waits to be asked for its body is not asked.
async fn linger(head: &Parts, body: &mut RequestBody) -> bool {
    let is_asked = !head.headers.contains_key(EXPECT);
    is_asked && matches!(timeout(LINGER_TIMEOUT, body::skip(body, LINGER_BYTES)).await, Ok(Ok(())))
}
