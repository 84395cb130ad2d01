//! From text to key: the wrappers it comes in.
//!
//! | where it comes from | shape |
//! |---|---|
//! | BTP cockpit, Landscape Management | `{"endpoints": {"Api"}, "uaa": {…}}`, perhaps behind a line of text |
//! | `cf service-key`, Cloud Foundry v3, Service Manager, `btp get` | an object with `credentials` |
//! | `VCAP_SERVICES` | bindings by the name of the offering |
//! | Kubernetes secrets | `uaa` and `endpoints` as strings that hold JSON |
//! | an administrator's template | `{"uaa": {…}, "url": "https://TENANT.REGION.alm.cloud.sap"}` |
//! | flat XSUAA | `{"url", "clientid", "clientsecret"}`, with the API URL from the configuration |
//! | a destination's export (`CALM_datacollector`) | JSON or properties with `URL`, `clientId`, `clientSecret`, `tokenServiceURL` |
//!
//! Unknown keys are legal everywhere. Error messages carry places, never content.

use serde_json::{Map, Value};

use super::{CertificateFacts, Credential, CredentialType, KeyError, KeyOptions, OFFERING_NAMES, ServiceKey, base_url};
use crate::http::{ClientCertificate, read_certificates, read_key};
use crate::secret::Secret;

/// How deep a key may be wrapped.
const MAX_DEPTH: u8 = 4;

type Object = Map<String, Value>;

impl ServiceKey {
    /// Reads a key in any wrapper.
    ///
    /// # Errors
    /// [`KeyError`] with what is missing or wrong; it never repeats a value.
    pub fn parse(text: &str, options: &KeyOptions) -> Result<Self, KeyError> {
        let value = match text.find(['{', '[']) {
            Some(start) => first_json(text, start)?,
            None => properties(text)?,
        };
        let (key, api) = unwrap(value, options, MAX_DEPTH)?;
        build(&key, api, options)
    }
}

/// The first JSON value in a text; what stands before and behind it is talk.
fn first_json(text: &str, start: usize) -> Result<Value, KeyError> {
    let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => {
            let before = &text[..start];
            let lines_before = before.matches('\n').count();
            let column_before = if error.line() == 1 { start - before.rfind('\n').map_or(0, |at| at + 1) } else { 0 };
            Err(KeyError::NotJson { line: error.line() + lines_before, column: error.column() + column_before })
        }
        None => Err(KeyError::NotJson { line: 1, column: 1 }),
    }
}

/// A destination's export as Java properties: `name=value`, with `\:` and `\=` escaped.
fn properties(text: &str) -> Result<Value, KeyError> {
    if text.trim().is_empty() {
        return Err(KeyError::Empty { origin: "the service key".to_owned() });
    }
    let pairs = text.lines().filter(|line| !line.trim_start().starts_with('#')).filter_map(|line| line.split_once('='));
    let object: Object = pairs
        .map(|(name, value)| {
            (name.trim().to_owned(), Value::String(value.trim().replace("\\:", ":").replace("\\=", "=")))
        })
        .collect();
    if object.contains_key("tokenServiceURL") {
        Ok(Value::Object(object))
    } else {
        Err(KeyError::NotJson { line: 1, column: 1 })
    }
}

/// Finds the object with the `uaa` fields, and the API URL beside it.
fn unwrap(value: Value, options: &KeyOptions, depth: u8) -> Result<(Object, Option<String>), KeyError> {
    let object = match value {
        Value::Object(object) => object,
        Value::Array(mut items) if items.len() == 1 && depth > 0 => {
            return unwrap(items.remove(0), options, depth - 1);
        }
        _ => return Err(KeyError::Unknown),
    };
    if let Some(uaa) = object.get("uaa").and_then(inner_object) {
        let endpoints = object.get("endpoints").and_then(inner_object);
        let api = endpoints.as_ref().and_then(|endpoints| text(endpoints, "Api").or_else(|| text(endpoints, "api")));
        return Ok((uaa, api.or_else(|| text(&object, "url"))));
    }
    if depth > 0 {
        for wrapper in ["credentials", "destinationConfiguration"] {
            if let Some(inner) = object.get(wrapper).and_then(inner_object) {
                return unwrap(Value::Object(inner), options, depth - 1);
            }
        }
        if let Some(binding) = binding(&object, options)? {
            return unwrap(binding, options, depth - 1);
        }
    }
    if object.contains_key("tokenServiceURL") {
        return Ok(destination(&object));
    }
    if object.contains_key("clientid") && (object.contains_key("url") || object.contains_key("certurl")) {
        return Ok((object, None));
    }
    Err(KeyError::Unknown)
}

/// An object, or a string that holds one as JSON.
fn inner_object(value: &Value) -> Option<Object> {
    match value {
        Value::Object(object) => Some(object.clone()),
        Value::String(text) => serde_json::from_str(text).ok(),
        _ => None,
    }
}

/// The binding of our service among those of an application. `None` when the object is no list of bindings at all.
fn binding(object: &Object, options: &KeyOptions) -> Result<Option<Value>, KeyError> {
    let is_list = !object.is_empty() && object.values().all(Value::is_array);
    if !is_list {
        return Ok(None);
    }
    let names: Vec<&str> = if options.offering_names.is_empty() {
        OFFERING_NAMES.to_vec()
    } else {
        options.offering_names.iter().map(String::as_str).collect()
    };
    // A user-provided service carries a key that somebody typed in; it is ours when it has its shape.
    let provided = object.get("user-provided").and_then(Value::as_array).into_iter().flatten();
    let provided = provided.filter(|binding| binding.pointer("/credentials/uaa").is_some());
    let mut bound = names.iter().filter_map(|name| object.get(*name)?.as_array()).flatten().chain(provided);
    match bound.next() {
        Some(binding) => Ok(Some(binding.clone())),
        None => Err(KeyError::NoBinding {
            wanted: names.join(" or "),
            found: object.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
        }),
    }
}

/// A destination in the words of a service key.
fn destination(object: &Object) -> (Object, Option<String>) {
    let names = [("clientId", "clientid"), ("clientSecret", "clientsecret"), ("tokenServiceURL", "url")];
    let uaa = names.iter().filter_map(|(from, to)| Some(((*to).to_owned(), object.get(*from)?.clone()))).collect();
    (uaa, text(object, "URL"))
}

fn text(object: &Object, name: &str) -> Option<String> {
    object.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn build(uaa: &Object, api: Option<String>, options: &KeyOptions) -> Result<ServiceKey, KeyError> {
    let mut notes = Vec::new();
    let api = options.api_url.clone().or(api).ok_or(KeyError::NoApiUrl)?;
    let api = base_url::api_url(&api, &mut notes)?;
    let client_id = text(uaa, "clientid").ok_or(KeyError::Missing("uaa.clientid"))?;
    let credential_type = credential_type(uaa, options);
    let (token_url, credential) = match credential_type {
        CredentialType::X509 => {
            let url = text(uaa, "certurl").ok_or(KeyError::Missing("uaa.certurl"))?;
            (base_url::token_url(&url, "uaa.certurl")?, Credential::Certificate(client_certificate(uaa, options)?))
        }
        _ => {
            let url = text(uaa, "url").ok_or(KeyError::Missing("uaa.url"))?;
            let secret = text(uaa, "clientsecret").ok_or(KeyError::Missing("uaa.clientsecret"))?;
            (base_url::token_url(&url, "uaa.url")?, Credential::Secret(Secret::new(secret)))
        }
    };
    if credential_type == CredentialType::InstanceSecret {
        notes.push(
            "the key's secret belongs to the whole instance (instance-secret), a kind that BTP no longer makes: rotate to a binding-secret key"
                .to_owned(),
        );
    }
    notes.extend(base_url::region_note(&api, &token_url));
    let certificate = certificate_facts(&credential)?;
    Ok(ServiceKey {
        api,
        token_url,
        client_id,
        credential,
        credential_type,
        zone: text(uaa, "identityzone"),
        zone_id: text(uaa, "identityzoneid").or_else(|| text(uaa, "zoneid")),
        subaccount_id: text(uaa, "subaccountid"),
        app_name: text(uaa, "xsappname"),
        certificate,
        notes,
    })
}

fn credential_type(uaa: &Object, options: &KeyOptions) -> CredentialType {
    match text(uaa, "credential-type").as_deref() {
        Some("binding-secret") => CredentialType::BindingSecret,
        Some("instance-secret") => CredentialType::InstanceSecret,
        Some("x509") => CredentialType::X509,
        // Not said, or a word from the future: what is there decides.
        _ if !uaa.contains_key("clientsecret") && (uaa.contains_key("certurl") || options.certificate.is_some()) => {
            CredentialType::X509
        }
        _ => CredentialType::Unstated,
    }
}

/// The operator's own files win over what the key carries.
fn client_certificate(uaa: &Object, options: &KeyOptions) -> Result<ClientCertificate, KeyError> {
    if let Some((cert_file, key_file)) = options.certificate.clone() {
        return Ok(ClientCertificate::Files { cert_file, key_file });
    }
    match (text(uaa, "certificate"), text(uaa, "key")) {
        (Some(certificate), Some(key)) => Ok(ClientCertificate::Inline { certificate, key: Secret::new(key) }),
        _ => Err(KeyError::Missing("uaa.certificate and uaa.key")),
    }
}

fn certificate_facts(credential: &Credential) -> Result<Option<CertificateFacts>, KeyError> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let leaf = match credential {
        Credential::Secret(_) => return Ok(None),
        Credential::Certificate(ClientCertificate::Files { cert_file, key_file }) => {
            // Read here so that a missing or exposed key shows with the key, not with the first push.
            read_key(key_file)?;
            read_certificates(cert_file)?.into_iter().next()
        }
        Credential::Certificate(ClientCertificate::Inline { certificate, .. }) => {
            CertificateDer::pem_slice_iter(certificate.as_bytes()).find_map(Result::ok)
        }
    };
    let leaf = leaf.ok_or(KeyError::Missing("readable uaa.certificate"))?;
    Ok(CertificateFacts::of_der(&leaf))
}
