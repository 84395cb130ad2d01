//! The service key of the SAP Cloud ALM API.
//!
//! Owns everything between "the operator has a JSON somewhere" and "this is the API, this is the token service, this is who we are": the
//! wrappers a key comes in ([`ServiceKey::parse`]), where it lies ([`Location`]), the traps of its base URL, what it looks like redacted
//! ([`ServiceKey::summary`]), and the watch for its rotation ([`KeyWatcher`]). It never talks to the network and never logs a secret.
//!
//! Source: SAP's Cloud ALM administration guide (screenshots of a service key), the samples of cloud-alm-api-examples, BTP's pages on
//! XSUAA credentials and on the formats of service binding secrets.

mod base_url;
mod certificate;
mod error;
mod load;
mod location;
mod parse;
mod summary;
mod watch;

pub use certificate::CertificateFacts;
pub use error::KeyError;
pub use load::load;
pub use location::Location;
pub use summary::{Endpoint, KeySummary};
pub use watch::{KeyReceiver, KeyWatcher, Keyed};

use std::path::PathBuf;

use url::Url;

use crate::http::ClientCertificate;
use crate::secret::Secret;

/// Names that the service offering goes by, in the order of belief. Source: `EnvironmentUtil.java` of SAP's API examples and SAP's own
/// Terraform samples (`SAPCloudALMAPIs`); the readme of the examples (`sap-cloud-alm-api`).
pub const OFFERING_NAMES: [&str; 2] = ["SAPCloudALMAPIs", "sap-cloud-alm-api"];

/// What the configuration knows better than the key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeyOptions {
    /// The base URL of the API, for a key that has none or a wrong one.
    pub api_url: Option<String>,
    /// A client certificate that the operator keeps (PEM), with its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Names of the service offering in `VCAP_SERVICES`; empty means [`OFFERING_NAMES`].
    pub offering_names: Vec<String>,
}

/// How the key signs in.
#[derive(Debug, Clone, PartialEq)]
pub enum Credential {
    /// With a client secret in the body of the token request.
    Secret(Secret),
    /// With a client certificate on the TLS connection.
    Certificate(ClientCertificate),
}

/// What kind of credential the key says it is. Source: XSUAA's `credential-type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialType {
    /// A secret of this binding alone.
    BindingSecret,
    /// One secret for the whole instance; cannot be had for new keys since 2026-01-19.
    InstanceSecret,
    /// A client certificate.
    X509,
    /// The key does not say.
    Unstated,
}

/// A service key, ready to use.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceKey {
    api: Url,
    token_url: Url,
    client_id: String,
    credential: Credential,
    credential_type: CredentialType,
    zone: Option<String>,
    zone_id: Option<String>,
    subaccount_id: Option<String>,
    app_name: Option<String>,
    certificate: Option<CertificateFacts>,
    notes: Vec<String>,
}

impl ServiceKey {
    /// The base of the API, `…/api` without a trailing slash.
    pub const fn api(&self) -> &Url {
        &self.api
    }

    /// Where tokens come from, `…/oauth/token`.
    pub const fn token_url(&self) -> &Url {
        &self.token_url
    }

    /// Who signs in. It has `!` and `|` in it.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// How it signs in.
    pub const fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Its kind by its own words.
    pub const fn credential_type(&self) -> &CredentialType {
        &self.credential_type
    }

    /// The client certificate's subject and end.
    pub const fn certificate(&self) -> Option<&CertificateFacts> {
        self.certificate.as_ref()
    }

    /// What was put right and what looks odd, as sentences for a person.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Everything in it that must not be shown.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let secret = match &self.credential {
            Credential::Secret(secret) | Credential::Certificate(ClientCertificate::Inline { key: secret, .. }) => {
                Some(secret)
            }
            Credential::Certificate(ClientCertificate::Files { .. }) => None,
        };
        secret.into_iter()
    }

    /// The key in the shape in which BTP shows it, whatever wrapper it came in: for `key import`.
    pub fn to_json(&self) -> Secret {
        let mut uaa = serde_json::Map::new();
        let mut put = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                uaa.insert(name.to_owned(), value.into());
            }
        };
        put("clientid", Some(&self.client_id));
        let base = self.token_url.as_str().trim_end_matches("/oauth/token");
        match &self.credential {
            Credential::Secret(secret) => {
                put("url", Some(base));
                put("clientsecret", Some(secret.expose()));
            }
            Credential::Certificate(certificate) => {
                put("certurl", Some(base));
                if let ClientCertificate::Inline { certificate, key } = certificate {
                    put("certificate", Some(certificate));
                    put("key", Some(key.expose()));
                }
            }
        }
        put("credential-type", self.credential_type.as_str());
        put("identityzone", self.zone.as_deref());
        put("identityzoneid", self.zone_id.as_deref());
        put("subaccountid", self.subaccount_id.as_deref());
        put("xsappname", self.app_name.as_deref());
        let key = serde_json::json!({ "endpoints": { "Api": self.api.as_str() }, "uaa": uaa });
        Secret::new(format!("{key:#}\n"))
    }
}

impl CredentialType {
    /// The word in the key.
    pub const fn as_str(&self) -> Option<&'static str> {
        match self {
            Self::BindingSecret => Some("binding-secret"),
            Self::InstanceSecret => Some("instance-secret"),
            Self::X509 => Some("x509"),
            Self::Unstated => None,
        }
    }
}

#[cfg(test)]
mod tests;
