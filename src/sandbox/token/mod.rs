//! The token service.
//!
//! Owns `POST /oauth/token` in its two forms: with a secret (body or Basic) on the plain listener, with a client certificate on the TLS one.
//! Its answers are those measured on UAA 4.30.0, the program that the real service derives from, down to the texts; where later versions
//! answer otherwise, the knob `tokens.version` switches. For x509 the statuses are those of SAP's sample on mutual TLS: 404 for the wrong
//! host, 403 for a certificate that is not accepted.

mod answer;
mod client;
pub(crate) mod jwt;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State as Shared};
use axum::http::Method;
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::response::Response;
use axum::routing::{any, get};
use axum::{Json, Router};
use serde_json::{Value, json};

use self::answer::Denial;
use self::jwt::{Claims, ExtraAttributes};
use super::access::revocation_signature;
use super::knobs::UaaVersion;
use super::serve::PeerCertificate;
use super::state::{MASTER_APP, State};
use super::{guard, random};

/// The real service takes bodies up to 1 MB.
const BODY_BYTES_MAX: usize = 1_000_000;
/// Grants that exist, but not for a service key's client.
const FOREIGN_GRANTS: [&str; 2] = ["authorization_code", "refresh_token"];
/// Grants that are tried before anybody asks whether the client may use them: grant, code, description.
const ASSERTION_GRANTS: [(&str, &str, &str); 3] = [
    ("urn:ietf:params:oauth:grant-type:jwt-bearer", "unauthorized", "Unable to decode expected id_token"),
    ("urn:ietf:params:oauth:grant-type:saml2-bearer", "unauthorized", "Error decoding incoming SAML message"),
    ("implicit", "invalid_grant", "Implicit grant type not supported from token endpoint"),
];

/// What a token request says, wherever it says it.
#[derive(Debug)]
struct TokenRequest {
    method: Method,
    headers: HeaderMap,
    /// Of the query, then of a form body; the first of a name counts.
    parameters: Vec<(String, String)>,
    is_form: bool,
    peer: Option<PeerCertificate>,
    over_tls: bool,
}

impl TokenRequest {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The token service; `over_tls` for the listener that x509 keys name in `certurl`.
pub(crate) fn router(state: Arc<State>, over_tls: bool) -> Router {
    let handler = move |shared: Shared<Arc<State>>, request: Request| handle(shared.0, request, over_tls);
    Router::new()
        .route("/oauth/token", any(handler))
        .route("/token_keys", get(async |shared: Shared<Arc<State>>| Json(shared.0.signer.key_set())))
        .route("/.well-known/openid-configuration", get(discovery))
        .fallback(async || answer::not_found())
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&state), guard::token))
        .with_state(state)
}

async fn discovery(shared: Shared<Arc<State>>) -> Json<Value> {
    let addresses = shared.0.addresses();
    let uaa = &addresses.uaa;
    Json(json!({
        "issuer": format!("{uaa}/oauth/token"),
        "token_endpoint": format!("{uaa}/oauth/token"),
        "jwks_uri": format!("{uaa}/token_keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "tls_client_auth"],
        "mtls_endpoint_aliases": {"token_endpoint": format!("{}/oauth/token", addresses.uaa_cert)},
    }))
}

async fn handle(state: Arc<State>, request: Request, over_tls: bool) -> Response {
    if state.world().knobs.tokens.zone_missing {
        return answer::no_such_zone();
    }
    let (parts, body) = request.into_parts();
    let is_form = parts
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"));
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        return answer::too_large();
    };
    let request = TokenRequest {
        parameters: parameters(parts.uri.query().unwrap_or_default(), if is_form { &body } else { &[] }),
        peer: parts.extensions.get::<PeerCertificate>().cloned(),
        method: parts.method,
        headers: parts.headers,
        is_form,
        over_tls,
    };
    match grant(&state, &request) {
        Ok(body) => answer::granted(&body),
        Err(denial) => denial.into_response(state.world().knobs.tokens.version),
    }
}

fn parameters(query: &str, body: &[u8]) -> Vec<(String, String)> {
    let parse = |bytes: &[u8]| url::form_urlencoded::parse(bytes).into_owned().collect::<Vec<_>>();
    let mut all = parse(query.as_bytes());
    all.extend(parse(body));
    all
}

/// The order is the measured one: the client first, then the method, then the grant, then the scope.
fn grant(state: &State, request: &TokenRequest) -> Result<Value, Denial> {
    let client_id = client::authenticate(state, request)?;
    let version = state.world().knobs.tokens.version;
    let allowed = request.method == Method::POST || (request.method == Method::GET && version == UaaVersion::Old);
    if !allowed {
        return Err(Denial::Method(request.method.clone()));
    }
    if request.parameter("client_id").is_some_and(|named| named != client_id) {
        return Err(Denial::OtherClient);
    }
    match request.parameter("grant_type") {
        None | Some("") => return Err(Denial::MissingGrant),
        Some("client_credentials") => {}
        // A password grant for a client without users is a user that does not exist.
        Some("password") => return Err(Denial::BadCredentials),
        Some(grant) if FOREIGN_GRANTS.contains(&grant) => return Err(Denial::ForeignGrant(grant.to_owned())),
        Some(grant) => return Err(other_grant(grant)),
    }
    let has = scopes(state);
    let granted = narrowed(&has, request.parameter("scope").unwrap_or_default())?;
    issue(state, &client_id, &has, granted)
}

fn other_grant(grant: &str) -> Denial {
    match ASSERTION_GRANTS.iter().find(|(known, ..)| *known == grant) {
        Some((_, code, description)) => Denial::Assertion(code, description),
        None => Denial::UnknownGrant(grant.to_owned()),
    }
}

fn scopes(state: &State) -> Vec<String> {
    let world = state.world();
    let mut all: Vec<String> =
        world.knobs.tokens.authorities.iter().map(|authority| format!("{MASTER_APP}.{authority}")).collect();
    all.push("uaa.resource".to_owned());
    all
}

fn narrowed(has: &[String], asked: &str) -> Result<Vec<String>, Denial> {
    let asked: Vec<&str> = asked.split_whitespace().collect();
    match asked.iter().find(|scope| !has.iter().any(|known| known == *scope)) {
        Some(unknown) => Err(Denial::Scope { asked: (*unknown).to_owned(), has: has.join(" ") }),
        None if asked.is_empty() => Ok(has.to_vec()),
        None => Ok(asked.into_iter().map(str::to_owned).collect()),
    }
}

fn issue(state: &State, client_id: &str, authorities: &[String], scope: Vec<String>) -> Result<Value, Denial> {
    let now = state.now().as_nanos() / 1_000_000_000;
    let (life, generation) = {
        let world = state.world();
        (world.knobs.tokens.life_seconds, world.knobs.tokens.generation)
    };
    let (uaa, text) = (&state.addresses().uaa, client_id.to_owned());
    let mut audience: Vec<String> =
        scope.iter().filter_map(|scope| scope.rsplit_once('.')).map(|(prefix, _)| prefix.to_owned()).collect();
    audience.sort();
    audience.dedup();
    let claims = Claims {
        jti: random::guid().replace('-', ""),
        ext_attr: ExtraAttributes {
            enhancer: "XSUAA".to_owned(),
            subaccountid: state.tenant.subaccount_id.clone(),
            zdn: state.tenant.subdomain.clone(),
        },
        sub: text.clone(),
        authorities: authorities.to_vec(),
        client_id: text.clone(),
        cid: text.clone(),
        azp: text,
        grant_type: "client_credentials".to_owned(),
        rev_sig: revocation_signature(generation),
        iat: now,
        exp: now.saturating_add(life),
        iss: format!("{uaa}/oauth/token"),
        zid: state.tenant.zone_id.clone(),
        aud: audience,
        scope,
    };
    let token = state.signer.sign(&claims, uaa).map_err(|_| Denial::Internal)?;
    Ok(json!({
        "access_token": token,
        "token_type": "bearer",
        "expires_in": life,
        "scope": claims.scope.join(" "),
        "jti": claims.jti,
    }))
}

/// A body of JSON text with the content type that the service writes.
fn json_body(value: &Value) -> Response {
    let mut response = Response::new(Body::from(Bytes::from(value.to_string())));
    response.headers_mut().insert(CONTENT_TYPE, answer::JSON);
    response
}
