//! What a refused request is told.
//!
//! Owns the three forms in which the API side writes its errors. The published clients met all of them: an OData error object, some other
//! JSON, and plain text; so a client has to show what it got and must not rely on one. Promises that each refusal carries its reason to the
//! request log. Never holds a secret: the texts are fixed or quote only names, sizes and query values.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use serde_json::json;

use super::record::Note;

/// How the body of a refusal is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `{"error": {"code", "message"}}`, as the OData services answer.
    OData,
    /// `{"status", "message"}`, as a gateway answers.
    Gateway,
    /// The bare text.
    Text,
}

/// A request that is refused, and why.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    form: Form,
    reason: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    /// A refusal with `status`; `reason` is both the body's message and what the request log keeps.
    pub(crate) fn new(status: StatusCode, form: Form, reason: impl Into<String>) -> Self {
        Self { status, form, reason: reason.into(), headers: Vec::new() }
    }

    /// 400 in the OData form: the request can be read, but its content is not accepted.
    pub(crate) fn bad_request(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Form::OData, reason)
    }

    /// 428: a parameter that must be there is not. The wording was seen live on the outbound side.
    pub(crate) fn missing_parameter(name: &str) -> Self {
        Self::new(StatusCode::PRECONDITION_REQUIRED, Form::OData, format!("A required parameter is missing : {name}"))
    }

    /// 404 as the router in front of the services writes it.
    pub(crate) fn no_such_path(path: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, Form::Text, format!("Requested route ('{path}') does not exist."))
    }

    /// 405 with the methods that are allowed.
    pub(crate) fn method(allowed: &'static str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, Form::Text, "Method Not Allowed")
            .with(HeaderName::from_static("allow"), HeaderValue::from_static(allowed))
    }

    /// The same refusal with one more header.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// What the body says and the request log keeps.
    #[cfg(test)]
    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }

    fn body(&self) -> (&'static str, String) {
        let code = self.status.as_u16();
        match self.form {
            Form::OData => {
                ("application/json", json!({"error": {"code": code.to_string(), "message": self.reason}}).to_string())
            }
            Form::Gateway => ("application/json", json!({"status": code, "message": self.reason}).to_string()),
            Form::Text => ("text/plain; charset=utf-8", self.reason.clone()),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> axum::response::Response {
        let (content_type, body) = self.body();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(Note { reason: Some(self.reason), ..Note::default() });
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn text(refusal: Refusal) -> (StatusCode, String, String) {
        let response = refusal.into_response();
        let status = response.status();
        let content_type = response.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
        let bytes = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, content_type, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn each_form_is_written_as_the_public_clients_met_it() {
        let odata = text(Refusal::missing_parameter("serviceId")).await;
        assert_eq!(odata.0, StatusCode::PRECONDITION_REQUIRED);
        assert_eq!(odata.2, r#"{"error":{"code":"428","message":"A required parameter is missing : serviceId"}}"#);
        let gateway = text(Refusal::new(StatusCode::TOO_MANY_REQUESTS, Form::Gateway, "slow down")).await;
        assert_eq!(gateway.2, r#"{"message":"slow down","status":429}"#);
        let plain = text(Refusal::no_such_path("/x")).await;
        assert!(plain.1.starts_with("text/plain"));
        assert_eq!(plain.2, "Requested route ('/x') does not exist.");
    }

    #[test]
    fn the_reason_travels_to_the_request_log_and_headers_are_kept() {
        let response = Refusal::method("GET, POST").into_response();
        assert_eq!(response.headers()["allow"], "GET, POST");
        assert_eq!(response.extensions().get::<Note>().unwrap().reason.as_deref(), Some("Method Not Allowed"));
    }
}
