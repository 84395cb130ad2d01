//! One request to Cloud ALM, and what its answer means. It tries once; the scheduler decides what follows.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use http::{HeaderValue, header};
use url::Url;

use super::verdict::{Cause, Scope, Verdict};
use super::{Compression, Config, Encoding, Piece};
use crate::clock::Clock;
use crate::http::{BuildError, Client, Fault, Request, retry_after};
use crate::sap::cloud_alm::{MAX_ANSWER_BYTES, Reply, Target};
use crate::sap::service_key::{KeyReceiver, Keyed};
use crate::sap::uaa::{PUSH_SCOPES, Token, TokenSource};

/// What a try came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What to do.
    pub verdict: Verdict,
    /// The answer, if one came: in `dev` mode its text says what the consumer thinks.
    pub reply: Option<Reply>,
}

/// Sends pieces. Shared by reference.
#[derive(Debug)]
pub struct Exporter {
    config: Config,
    target: Target,
    keys: KeyReceiver,
    tokens: Arc<TokenSource>,
    clock: Clock,
    client: Mutex<Option<(u64, Client)>>,
}

impl Exporter {
    /// For the API of the key, with tokens for it.
    ///
    /// # Errors
    /// When the client cannot be built, such as for an unreadable `ca_file`.
    pub fn new(config: Config, keys: KeyReceiver, tokens: Arc<TokenSource>, clock: Clock) -> Result<Self, BuildError> {
        let target = config.target();
        let exporter = Self { config, target, keys, tokens, clock, client: Mutex::new(None) };
        exporter.client(&exporter.keys.current())?;
        Ok(exporter)
    }

    /// Tries once.
    pub async fn send(&self, piece: &Piece) -> Outcome {
        let silent = |verdict| Outcome { verdict, reply: None };
        let token = match self.tokens.token().await {
            Ok(token) => token,
            Err(denied) => {
                return silent(Verdict::NoToken { error: denied.error, retry_after: denied.retry_after });
            }
        };
        let keyed = self.keys.current();
        let url = self.target.url(keyed.key.api(), &piece.service_id);
        let client = match self.client(&keyed) {
            Ok(client) => client,
            // It could be built with the key before, so it is a file that went away.
            Err(error) => {
                let cause = Cause::Unreachable { fault: Fault::Tls, root: error.to_string() };
                return silent(Verdict::Retry { after: None, reachable: false, cause });
            }
        };
        match client.send(self.request(url.clone(), piece, &token), MAX_ANSWER_BYTES).await {
            Ok(answer) => {
                let reply = Reply::read(&answer);
                let after = retry_after(&answer.headers, self.clock.now());
                Outcome { verdict: self.verdict(&reply, after, &token, &url), reply: Some(reply) }
            }
            Err(error) => {
                let reachable = matches!(error.fault(), Fault::Broken | Fault::Timeout);
                silent(Verdict::Retry { after: None, reachable, cause: Cause::unreachable(&error) })
            }
        }
    }

    fn client(&self, keyed: &Keyed) -> Result<Client, BuildError> {
        let mut kept = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((generation, client)) = kept.as_ref()
            && *generation == keyed.generation
        {
            return Ok(client.clone());
        }
        let client = Client::new(&self.config.http, keyed.key.api())?;
        *kept = Some((keyed.generation, client.clone()));
        Ok(client)
    }

    fn request(&self, url: Url, piece: &Piece, token: &Token) -> Request {
        let content_type = match self.config.encoding {
            Encoding::Json => "application/json",
            Encoding::Protobuf => "application/x-protobuf",
        };
        let (body, compressed) = match self.config.compression {
            Compression::None => (piece.body.clone(), false),
            Compression::Gzip => gzip(&piece.body).map_or_else(|| (piece.body.clone(), false), |body| (body, true)),
        };
        let mut request = Request::post(url, body);
        request.headers.insert(header::AUTHORIZATION, token.authorization().clone());
        request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if compressed {
            request.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        request
    }

    fn verdict(&self, reply: &Reply, after: Option<std::time::Duration>, token: &Token, url: &Url) -> Verdict {
        let answer = || Cause::Answer { status: reply.status, excerpt: reply.excerpt.clone() };
        match reply.status {
            200..=299 => reply.partial.clone().map_or(Verdict::Delivered, Verdict::Partial),
            401 | 403 if self.tokens.invalidate(token) => Verdict::Again(answer()),
            401 => Verdict::Park { scope: Scope::Everything, cause: Cause::Unauthorized },
            403 => Verdict::Park { scope: Scope::Lane, cause: forbidden(reply, token) },
            300..=399 | 404 | 405 | 410 => {
                let place = format!("{}{}", url.host_str().unwrap_or_default(), url.path());
                Verdict::Park { scope: Scope::Lane, cause: Cause::Address { status: reply.status, url: place } }
            }
            408 | 502..=504 => Verdict::Retry { after, reachable: true, cause: answer() },
            // Of a proxy on the way.
            407 => Verdict::Retry { after, reachable: false, cause: answer() },
            413 => Verdict::Split(answer()),
            429 => Verdict::Throttled { after },
            500..=599 => Verdict::Doubt(answer()),
            _ => Verdict::Isolate(answer()),
        }
    }
}

fn forbidden(reply: &Reply, token: &Token) -> Cause {
    let missing = token.missing_scopes(&PUSH_SCOPES);
    if missing.is_empty() { Cause::Forbidden { excerpt: reply.excerpt.clone() } } else { Cause::MissingScopes(missing) }
}

fn gzip(body: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok().map(Bytes::from)
}
