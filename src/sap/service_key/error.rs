//! Why a service key was not taken.

use crate::error::{Exit, Explain};
use crate::http::PemError;
use crate::secret::FileError;

/// Why a service key was not taken. Messages never repeat what the key holds, but for hosts.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Its file was not read.
    #[error("the service key cannot be read")]
    File(#[from] FileError),
    /// There is nothing in it.
    #[error("{origin} is empty")]
    Empty {
        /// Where it was looked for.
        origin: String,
    },
    /// Not JSON, or cut off.
    #[error("the service key is not JSON (line {line}, column {column})")]
    NotJson {
        /// Line of the first byte that does not fit.
        line: usize,
        /// Its column.
        column: usize,
    },
    /// JSON, but none of the known shapes.
    #[error("the JSON is not a service key of the SAP Cloud ALM API: no \"uaa\" in it")]
    Unknown,
    /// No binding of the service.
    #[error("VCAP_SERVICES has no binding of {wanted}; it has {found}")]
    NoBinding {
        /// The names that were looked for.
        wanted: String,
        /// The names that are there.
        found: String,
    },
    /// A part is missing.
    #[error("the service key has no {0}")]
    Missing(&'static str),
    /// The key has no API URL and the configuration neither.
    #[error("the service key has no \"endpoints.Api\"")]
    NoApiUrl,
    /// A URL cannot be used.
    #[error("{what} is not a usable URL: {why}")]
    BadUrl {
        /// Which one.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The URL is that of a page for people.
    #[error("{what} is the address of a page for people (\"{path}\"), not of the API")]
    PageUrl {
        /// Which one.
        what: &'static str,
        /// Its path.
        path: String,
    },
    /// The client certificate or its key cannot be used.
    #[error("the client certificate cannot be used")]
    Certificate(#[from] PemError),
}

impl Explain for KeyError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::File(error) => return error.hint(),
            Self::Empty { .. } | Self::NotJson { .. } => {
                "download the key again (BTP cockpit: the instance or binding, View or Download) and take all of it; \
                 or run: calm-agent key import -"
            }
            Self::Unknown => {
                "take the key of an instance of \"SAP Cloud ALM API\"; keys of other services do not fit. To make one: calm-agent setup"
            }
            Self::NoBinding { .. } => {
                "bind the instance of SAP Cloud ALM API to this application (cf bind-service) and restage it"
            }
            Self::Missing("uaa.clientsecret") => {
                "the export of a destination leaves the secret out: take the key itself; for a certificate of your own set cert_file and key_file"
            }
            Self::Missing("uaa.certificate and uaa.key") => "set cert_file and key_file beside the key",
            Self::Missing(_) => "download the whole key again; it looks cut or edited",
            Self::NoApiUrl => {
                "set api_url in [cloud_alm], such as \"https://eu10.alm.cloud.sap/api\" with the region of your tenant"
            }
            Self::BadUrl { .. } => {
                "it has the form https://REGION.alm.cloud.sap/api (API) or https://SUBDOMAIN.authentication.REGION.hana.ondemand.com (uaa)"
            }
            Self::PageUrl { .. } => {
                "use the value of \"endpoints.Api\" of the service key, https://REGION.alm.cloud.sap/api"
            }
            Self::Certificate(_) => "certificate and key belong together, both in PEM form; make a new key if in doubt",
        };
        Some(hint.to_owned())
    }

    fn exit(&self) -> Exit {
        Exit::Refused
    }
}
