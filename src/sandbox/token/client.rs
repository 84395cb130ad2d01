//! Who asks for a token.
//!
//! Owns the authentication of clients: Basic, form parameters, client certificate. Promises the measured quirks: a Basic header wins over
//! the form; percent-encoded Basic credentials are refused (unless the newer version is switched on and the header says that they are
//! encoded); form parameters count only when the content type says that there is a form, wherever they stand.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use axum::http::header::AUTHORIZATION;

use super::TokenRequest;
use super::answer::Denial;
use crate::sandbox::knobs::UaaVersion;
use crate::sandbox::state::{Credential, Proof, State};

/// By which later versions are told that the Basic credentials are percent-encoded.
const ENCODED: &str = "x-cf-encoded-credentials";

/// The client's id, if it can prove who it is.
pub(super) fn authenticate(state: &State, request: &TokenRequest) -> Result<String, Denial> {
    let (id, secret) = match basic(state, request)? {
        Some(pair) => pair,
        None if !request.is_form => return Err(Denial::NoAuthentication),
        None => {
            let text = |name| request.parameter(name).unwrap_or_default().to_owned();
            (text("client_id"), text("client_secret"))
        }
    };
    if request.over_tls && secret.is_empty() {
        return by_certificate(state, request, id);
    }
    let world = state.world();
    if !request.over_tls && secret.is_empty() && is(world.x509.as_ref(), &id) {
        // An x509 client at the host of the secrets: SAP's sample names this as the sign of `url` used in place of `certurl`.
        return Err(Denial::WrongHost);
    }
    let known = |credential: &Credential| match &credential.proof {
        Proof::Secret(known) => credential.client_id == id && *known == secret,
        Proof::Certificate(_) => false,
    };
    if world.keys.iter().any(known) && !world.knobs.tokens.key_revoked { Ok(id) } else { Err(Denial::BadCredentials) }
}

fn is(credential: Option<&Credential>, id: &str) -> bool {
    credential.is_some_and(|credential| credential.client_id == id)
}

fn by_certificate(state: &State, request: &TokenRequest, id: String) -> Result<String, Denial> {
    let now = state.now();
    let world = state.world();
    let Some(Credential { proof: Proof::Certificate(known), .. }) =
        world.x509.as_ref().filter(|credential| credential.client_id == id)
    else {
        return Err(Denial::BadCredentials);
    };
    let peer = request.peer.as_ref().ok_or(Denial::BadCredentials)?;
    let accepted = world.knobs.x509.accepted && !world.knobs.tokens.key_revoked;
    if *peer.0 == known.der && now < known.not_after && accepted { Ok(id) } else { Err(Denial::Certificate) }
}

/// Id and secret of a Basic header; `None` without one.
fn basic(state: &State, request: &TokenRequest) -> Result<Option<(String, String)>, Denial> {
    let Some(header) = request.headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap_or_default()) else {
        return Ok(None);
    };
    let encoded = match header.split_once(' ') {
        Some(("Basic", encoded)) => encoded,
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("bearer") => return Err(Denial::BearerInPlaceOfBasic),
        // Also "basic": the scheme is compared with regard to case.
        _ => return Err(Denial::NoAuthentication),
    };
    let decoded = STANDARD.decode(encoded.trim()).map_err(|_| Denial::Undecodable)?;
    let text = String::from_utf8(decoded).map_err(|_| Denial::Undecodable)?;
    let (id, secret) = text.split_once(':').ok_or(Denial::WithoutColon)?;
    let says_encoded = request.headers.get(ENCODED).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    if says_encoded && state.world().knobs.tokens.version == UaaVersion::New {
        return Ok(Some((form_decoded(id), form_decoded(secret))));
    }
    Ok(Some((id.to_owned(), secret.to_owned())))
}

fn form_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}
