//! Answers of the token service.
//!
//! Owns statuses, headers and texts of every answer, as measured on UAA 4.30.0 (`UaaVersion::Old`) or as its later versions write them.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, PRAGMA, WWW_AUTHENTICATE};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use crate::sandbox::knobs::UaaVersion;
use crate::sandbox::record::Note;

/// The content type of every JSON answer.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json;charset=UTF-8");

/// Why there is no token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Denial {
    /// Wrong secret, unknown client, no credentials, deleted key: all alike.
    BadCredentials,
    /// Neither a Basic header nor a form.
    NoAuthentication,
    /// A Basic header that is not Base64 of text.
    Undecodable,
    /// A Basic header that is not `id:secret`.
    WithoutColon,
    /// A token where credentials belong.
    BearerInPlaceOfBasic,
    /// A grant that fails on what it brings along: code and description.
    Assertion(&'static str, &'static str),
    /// Basic and form name different clients.
    OtherClient,
    /// No `grant_type`.
    MissingGrant,
    /// A `grant_type` that does not exist.
    UnknownGrant(String),
    /// A `grant_type` that this client must not use.
    ForeignGrant(String),
    /// A scope that the client does not have.
    Scope {
        /// The first one that was asked for in vain.
        asked: String,
        /// All that the client has.
        has: String,
    },
    /// Neither `POST` nor, in the old version, `GET`.
    Method(Method),
    /// An x509 client at the host of the secrets.
    WrongHost,
    /// A client certificate that is not accepted.
    Certificate,
    /// The token could not be signed.
    Internal,
}

impl Denial {
    /// The answer, in the words of `version`.
    pub(super) fn into_response(self, version: UaaVersion) -> Response {
        let unauthorized = match version {
            UaaVersion::Old => "unauthorized",
            UaaVersion::New => "invalid_client",
        };
        match self {
            Self::BadCredentials => basic(unauthorized, "Bad credentials"),
            Self::NoAuthentication => {
                basic(unauthorized, "An Authentication object was not found in the SecurityContext")
            }
            Self::Undecodable => basic(unauthorized, "Failed to decode basic authentication token"),
            Self::WithoutColon => basic(unauthorized, "Invalid basic authentication token"),
            Self::BearerInPlaceOfBasic => challenge(
                "invalid_token",
                "The token expired, was revoked, or the token ID is incorrect.",
                "Bearer realm=\"UAA/oauth\", ",
            ),
            Self::Assertion("invalid_grant", description) => {
                error(StatusCode::BAD_REQUEST, "invalid_grant", description)
            }
            Self::Assertion(_, description) => basic(unauthorized, description),
            Self::OtherClient => bearer("Given client ID does not match authenticated client"),
            Self::ForeignGrant(grant) => bearer(&format!("Unauthorized grant type: {grant}")),
            Self::MissingGrant => error(StatusCode::BAD_REQUEST, "invalid_request", "Missing grant type"),
            Self::UnknownGrant(grant) => {
                error(StatusCode::BAD_REQUEST, "unsupported_grant_type", &format!("Unsupported grant type: {grant}"))
            }
            Self::Scope { asked, has } => invalid_scope(&asked, &has),
            Self::Method(method) => error(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                &format!("Request method &#39;{method}&#39; not supported"),
            ),
            Self::WrongHost => not_found(),
            Self::Certificate => text(StatusCode::FORBIDDEN, "the client certificate is not accepted"),
            Self::Internal => text(StatusCode::INTERNAL_SERVER_ERROR, "the token could not be signed"),
        }
    }
}

/// 200 with a token.
pub(super) fn granted(body: &Value) -> Response {
    no_store(super::json_body(body))
}

/// 404: no such path, or the wrong host.
pub(super) fn not_found() -> Response {
    text(StatusCode::NOT_FOUND, "Not Found")
}

/// 413: more than the service reads.
pub(super) fn too_large() -> Response {
    text(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 1 MB")
}

/// The page for a subdomain that does not exist.
pub(super) fn no_such_zone() -> Response {
    let mut response = text(
        StatusCode::NOT_FOUND,
        "<!DOCTYPE html><html><head><title>Error</title></head><body><h2>The subdomain does not map to a valid identity zone.</h2></body></html>",
    );
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html;charset=UTF-8"));
    response
}

fn text(status: StatusCode, body: &'static str) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.extensions_mut().insert(Note { reason: Some(body.to_owned()), ..Note::default() });
    response
}

fn error(status: StatusCode, code: &str, description: &str) -> Response {
    refused(status, &json!({"error": code, "error_description": description}))
}

fn invalid_scope(asked: &str, has: &str) -> Response {
    let description = format!("Invalid scope: {asked}");
    refused(StatusCode::BAD_REQUEST, &json!({"error": "invalid_scope", "error_description": description, "scope": has}))
}

fn basic(code: &str, description: &str) -> Response {
    challenge(code, description, "Basic realm=\"UAA/client\", ")
}

fn bearer(description: &str) -> Response {
    challenge("invalid_client", description, "Bearer ")
}

fn challenge(code: &str, description: &str, scheme: &str) -> Response {
    let mut response = error(StatusCode::UNAUTHORIZED, code, description);
    let text = format!("{scheme}error=\"{code}\", error_description=\"{description}\"");
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    response
}

fn refused(status: StatusCode, body: &Value) -> Response {
    let mut response = no_store(super::json_body(body));
    *response.status_mut() = status;
    let reason = body["error_description"].as_str().map(str::to_owned);
    response.extensions_mut().insert(Note { reason, ..Note::default() });
    response
}

fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
