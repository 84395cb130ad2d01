//! One request for a token: the form, the bounded answer, errors by type.
//!
//! The client's id and secret go into the body, percent-encoded: the one form that every version of UAA takes, also when the secret has
//! `$ + / =` in it (in a Basic header `+` breaks it). No `scope` parameter: the token then has all that the instance was given.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use ::http::{HeaderValue, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::claims;
use super::{Claims, Issued, TokenError};
use crate::clock::Clock;
use crate::http::{Answer, Client, ClientConfig, Request, retry_after};
use crate::sap::service_key::{Credential, Keyed, ServiceKey};
use crate::secret::redact;

/// The most that is read of an answer. A token of 16 KiB is the most that XSUAA takes back in a header.
const MAX_ANSWER: usize = 256 * 1024;
/// The most characters that are kept of what the service said.
const MAX_SAID: usize = 200;
/// What needs no encoding in a form.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A future that can be stored.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The seam to the network: one try, no policy.
pub trait Fetch: Send + Sync {
    /// Asks the token service of `key` once.
    fn fetch<'a>(&'a self, key: &'a Keyed) -> BoxFuture<'a, Result<Issued, TokenError>>;
}

/// Over HTTP. Keeps a client for as long as the key is the same, since the key may carry the client's certificate.
#[derive(Debug)]
pub struct HttpFetch {
    config: ClientConfig,
    clock: Clock,
    client: Mutex<Option<(u64, Client)>>,
}

impl HttpFetch {
    /// With the timeout, proxy and roots of `config`; its client certificate is that of the key.
    pub const fn new(config: ClientConfig, clock: Clock) -> Self {
        Self { config, clock, client: Mutex::new(None) }
    }

    fn client(&self, keyed: &Keyed) -> Result<Client, TokenError> {
        let mut kept = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((generation, client)) = kept.as_ref()
            && *generation == keyed.generation
        {
            return Ok(client.clone());
        }
        let mut config = self.config.clone();
        config.client_certificate = match keyed.key.credential() {
            Credential::Secret(_) => None,
            Credential::Certificate(certificate) => Some(certificate.clone()),
        };
        let client = Client::new(&config, keyed.key.token_url())?;
        *kept = Some((keyed.generation, client.clone()));
        Ok(client)
    }
}

impl Fetch for HttpFetch {
    fn fetch<'a>(&'a self, keyed: &'a Keyed) -> BoxFuture<'a, Result<Issued, TokenError>> {
        Box::pin(async move {
            let key = &keyed.key;
            let mut request = Request::post(key.token_url().clone(), form(key));
            request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            request.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
            let answer = self.client(keyed)?.send(request, MAX_ANSWER).await;
            let answer = answer.map_err(|source| TokenError::NoAnswer { host: host(key), source })?;
            read(key, &answer, &self.clock)
        })
    }
}

fn form(key: &ServiceKey) -> String {
    let encode = |text: &str| utf8_percent_encode(text, FORM).to_string();
    let mut form = format!("grant_type=client_credentials&client_id={}", encode(key.client_id()));
    if let Credential::Secret(secret) = key.credential() {
        form.push_str("&client_secret=");
        form.push_str(&encode(secret.expose()));
    }
    form
}

fn host(key: &ServiceKey) -> String {
    key.token_url().host_str().unwrap_or_default().to_owned()
}

fn read(key: &ServiceKey, answer: &Answer, clock: &Clock) -> Result<Issued, TokenError> {
    let status = answer.status.as_u16();
    match status {
        429 => return Err(TokenError::Throttled { retry_after: retry_after(&answer.headers, clock.now()) }),
        408 | 500..=599 => return Err(TokenError::Server { status }),
        _ => {}
    }
    let x509 = matches!(key.credential(), Credential::Certificate(_));
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok().filter(Value::is_object);
    if body.is_none() && looks_like_a_page(answer) && status != 404 {
        return Err(TokenError::Page { host: host(key), status });
    }
    let said = said(key, body.as_ref());
    match status {
        200..=299 => issued(body.as_ref()),
        401 => Err(TokenError::BadCredentials { said, client_id: key.client_id().to_owned(), x509 }),
        403 => Err(TokenError::Refused { said, x509 }),
        404 if x509 || body.is_some() || !looks_like_a_page(answer) => {
            Err(TokenError::NoEndpoint { host: host(key), x509 })
        }
        404 => Err(TokenError::Page { host: host(key), status }),
        _ => Err(TokenError::BadRequest { status, said }),
    }
}

fn looks_like_a_page(answer: &Answer) -> bool {
    let typed = answer.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    typed.is_some_and(|text| text.starts_with("text/html")) || answer.body.trim_ascii_start().starts_with(b"<")
}

/// What an error body says, without secrets. Source: RFC 6749, section 5.2.
fn said(key: &ServiceKey, body: Option<&Value>) -> String {
    let text = |name: &str| body.and_then(|body| body.get(name)).and_then(Value::as_str);
    let said = text("error_description").or_else(|| text("error")).unwrap_or("no reason given");
    redact(said, key.secrets()).chars().take(MAX_SAID).collect()
}

fn issued(body: Option<&Value>) -> Result<Issued, TokenError> {
    let body = body.ok_or(TokenError::Unreadable("it is not JSON"))?;
    let token = body.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty());
    let token = token.ok_or(TokenError::Unreadable("\"access_token\" is missing"))?;
    let mut authorization = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| TokenError::Unreadable("\"access_token\" cannot stand in a header"))?;
    authorization.set_sensitive(true);
    let mut claims: Claims = claims::read(token).unwrap_or_default();
    if claims.scopes.is_empty() {
        claims.scopes = claims::scopes(body.get("scope"));
    }
    Ok(Issued { authorization, expires_in: body.get("expires_in").and_then(Value::as_u64), claims })
}

#[cfg(test)]
mod tests;
