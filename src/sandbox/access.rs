//! Who may do what on the API host.
//!
//! Owns the check of bearer tokens: signature, life, tenant, revocation, then scopes. Promises that a missing or bad token is 401 and a
//! missing scope 403, in that order and before anything else of the request is looked at.

use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};

use super::problem::{Form, Refusal};
use super::state::{MASTER_APP, State};

/// The client that a token was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client(pub(crate) String);

/// Checks the bearer token of a request that needs `scopes` (without their prefix, such as `calm-api.hm.write`).
pub(crate) fn authorize(state: &State, headers: &HeaderMap, scopes: &[&str]) -> Result<Client, Refusal> {
    let token = bearer(headers).ok_or_else(|| unauthorized("no bearer token"))?;
    let claims = state.signer.verify(token).ok_or_else(|| unauthorized("the token is not one of this tenant"))?;
    let now = state.now().as_nanos() / 1_000_000_000;
    if claims.exp <= now {
        return Err(unauthorized("the token has expired"));
    }
    if claims.zid != state.tenant.zone_id {
        return Err(unauthorized("the token is of another tenant"));
    }
    revocation(state, &claims.cid, &claims.rev_sig)?;
    for scope in scopes {
        if !claims
            .scope
            .iter()
            .any(|has| has.strip_prefix(MASTER_APP).and_then(|rest| rest.strip_prefix('.')) == Some(*scope))
        {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                Form::OData,
                format!("Insufficient scope: {scope} is required"),
            ));
        }
    }
    Ok(Client(claims.cid))
}

/// What a token's `rev_sig` says for a client while the knobs stand as they do.
pub(crate) fn revocation_signature(generation: u64) -> String {
    format!("{generation:08x}")
}

fn revocation(state: &State, client_id: &str, signature: &str) -> Result<(), Refusal> {
    let world = state.world();
    let known = world.keys.iter().chain(&world.x509).any(|credential| credential.client_id == client_id);
    if !known || world.knobs.tokens.key_revoked {
        return Err(unauthorized("the key of this token has been deleted"));
    }
    if signature != revocation_signature(world.knobs.tokens.generation) {
        return Err(unauthorized("the token has been revoked"));
    }
    Ok(())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn unauthorized(reason: &str) -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, Form::Text, format!("Unauthorized: {reason}"))
        .with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""))
}
