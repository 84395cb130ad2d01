//! The key as it may be shown, and the hosts that a firewall has to let through.

use serde::Serialize;
use url::Url;

use super::ServiceKey;
use crate::clock::Timestamp;

/// What `key show` shows. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeySummary {
    /// Who signs in.
    pub client_id: String,
    /// Subdomain of the subaccount.
    pub identity_zone: Option<String>,
    /// Its id.
    pub identity_zone_id: Option<String>,
    /// The subaccount's id.
    pub subaccount_id: Option<String>,
    /// The base of the API.
    pub api: String,
    /// Host of the token service.
    pub token_host: String,
    /// `binding-secret`, `instance-secret`, `x509`, or `unstated`.
    pub credential_type: &'static str,
    /// Subject of the client certificate.
    pub certificate_subject: Option<String>,
    /// When it ends, RFC 3339.
    pub certificate_not_after: Option<String>,
    /// Whole days until then.
    pub certificate_days_left: Option<i64>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// One other side that must be reachable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// Its host name; addresses behind it change.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What for.
    pub purpose: &'static str,
}

impl ServiceKey {
    /// The redacted view at `now`.
    pub fn summary(&self, now: Timestamp) -> KeySummary {
        let certificate = self.certificate.as_ref();
        let mut warnings = self.notes.clone();
        warnings.extend(certificate.and_then(|certificate| certificate.warning(now)));
        KeySummary {
            client_id: self.client_id.clone(),
            identity_zone: self.zone.clone(),
            identity_zone_id: self.zone_id.clone(),
            subaccount_id: self.subaccount_id.clone(),
            api: self.api.to_string(),
            token_host: host(&self.token_url),
            credential_type: self.credential_type.as_str().unwrap_or("unstated"),
            certificate_subject: certificate.map(|certificate| certificate.subject.clone()),
            certificate_not_after: certificate.map(|certificate| certificate.not_after.to_string()),
            certificate_days_left: certificate.map(|certificate| certificate.days_left(now)),
            warnings,
        }
    }

    /// Everything that the agent connects to on SAP's side, for the request to the firewall's people.
    pub fn egress(&self) -> Vec<Endpoint> {
        let endpoint = |url: &Url, purpose| Endpoint {
            host: host(url),
            port: url.port_or_known_default().unwrap_or(443),
            purpose,
        };
        vec![endpoint(&self.token_url, "token service (XSUAA)"), endpoint(&self.api, "SAP Cloud ALM API")]
    }
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}
