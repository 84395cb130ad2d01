//! The files of a landscape.
//!
//! Owns the shapes of the service keys (as a tenant hands them out), of the key of the Cloud Management service, of the agent's
//! configuration and of `landscape.json`. Promises mode 0600 for what holds a secret, from the first byte on, and that a rewritten file is
//! replaced at once and never seen half.

use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::state::{Credential, MASTER_APP, Proof, State};
use super::{Facts, random};

/// The service key with a secret.
pub(crate) const SERVICE_KEY: &str = "service-key.json";
/// The service key with a client certificate.
pub(crate) const X509_KEY: &str = "service-key-x509.json";
/// The key of the Cloud Management service.
pub(crate) const CIS_KEY: &str = "cis-key.json";
/// The agent's configuration.
pub(crate) const CONFIG: &str = "agent.toml";
/// Where everything is.
pub(crate) const LANDSCAPE: &str = "landscape.json";
/// What a client of the x509 token endpoint has to trust.
pub(crate) const AUTHORITY: &str = "ca.pem";

/// Writes the key file of a credential; gives back its path.
pub(crate) fn write_key(state: &State, credential: &Credential) -> io::Result<PathBuf> {
    let name = match credential.proof {
        Proof::Secret(_) => SERVICE_KEY,
        Proof::Certificate(_) => X509_KEY,
    };
    write_json(&state.dir.join(name), &service_key(state, credential))
}

/// Writes the certificate authority of the x509 token endpoint.
pub(crate) fn write_authority(state: &State) -> io::Result<PathBuf> {
    write(&state.dir.join(AUTHORITY), state.authority.pem().as_bytes())
}

/// Writes a key of the Cloud Management service (plan `central`). Its services are not part of the landscape yet, so its endpoints lead to a
/// port of loopback where nobody listens.
pub(crate) fn write_cis_key(state: &State) -> io::Result<PathBuf> {
    const NOBODY: &str = "http://127.0.0.1:9";
    let uaa = &state.addresses().uaa;
    let key = json!({
        "endpoints": {
            "accounts_service_url": NOBODY, "cloud_automation_url": NOBODY, "entitlements_service_url": NOBODY,
            "events_service_url": NOBODY, "external_provider_registry_url": NOBODY, "metadata_service_url": NOBODY,
            "order_processing_url": NOBODY, "provisioning_service_url": NOBODY, "saas_registry_service_url": NOBODY,
        },
        "grant_type": "user_token",
        "sap.cloud.service": "com.sap.core.commercial.service.central",
        "uaa": {
            "apiurl": uaa, "clientid": "sb-ut-sandbox-clone!b7|cis-central!b14", "clientsecret": random::client_secret(),
            "credential-type": "binding-secret", "identityzone": state.tenant.subdomain,
            "identityzoneid": state.tenant.zone_id, "sburl": uaa, "subaccountid": state.tenant.subaccount_id,
            "tenantid": state.tenant.zone_id, "tenantmode": "shared", "uaadomain": "127.0.0.1", "url": uaa,
            "verificationkey": state.signer.public_key_pem(), "xsappname": "ut-sandbox-clone!b7|cis-central!b14",
            "zoneid": state.tenant.zone_id,
        },
    });
    write_json(&state.dir.join(CIS_KEY), &key)
}

/// Writes the agent's configuration; `ports` are free ones for its page and its OTLP receiver.
pub(crate) fn write_config(state: &State, ready: bool, ports: (SocketAddr, SocketAddr)) -> io::Result<PathBuf> {
    write(&state.dir.join(CONFIG), config(state, ready, ports).as_bytes())
}

/// Writes `landscape.json`.
pub(crate) fn write_facts(dir: &Path, facts: &Facts) -> io::Result<PathBuf> {
    write_json(&dir.join(LANDSCAPE), &json!(facts))
}

fn service_key(state: &State, credential: &Credential) -> Value {
    let (tenant, addresses) = (&state.tenant, state.addresses());
    let mut uaa = json!({
        "apiurl": addresses.uaa,
        "clientid": credential.client_id,
        "identityzone": tenant.subdomain,
        "identityzoneid": tenant.zone_id,
        "sburl": addresses.uaa,
        "serviceInstanceId": random::guid(),
        "subaccountid": tenant.subaccount_id,
        "tenantid": tenant.zone_id,
        "tenantmode": "shared",
        "uaadomain": "127.0.0.1",
        "url": addresses.uaa,
        "verificationkey": state.signer.public_key_pem(),
        "xsappname": credential.client_id.strip_prefix("sb-").unwrap_or(MASTER_APP),
        "zoneid": tenant.zone_id,
    });
    match &credential.proof {
        Proof::Secret(secret) => {
            uaa["clientsecret"] = json!(secret);
            uaa["credential-type"] = json!("binding-secret");
        }
        Proof::Certificate(certificate) => {
            uaa["certificate"] = json!(certificate.chain_pem);
            uaa["key"] = json!(certificate.key_pem);
            uaa["certurl"] = json!(addresses.uaa_cert);
            uaa["certificate-pinning"] = json!(true);
            uaa["credential-type"] = json!("x509");
        }
    }
    json!({"endpoints": {"Api": addresses.api}, "uaa": uaa})
}

fn config(state: &State, ready: bool, (admin, otlp): (SocketAddr, SocketAddr)) -> String {
    let mut text = format!(
        "# Written by `calm-agent sandbox`: a local landscape, nothing of it is real.\n\n\
         [cloud_alm]\nservice_key_file = \"{SERVICE_KEY}\"\n\n\
         [agent]\ndata_dir = \"data\"\n\n\
         [admin]\nlisten = \"{admin}\"\n\n\
         [receivers.otlp]\nhttp = \"{otlp}\"\n"
    );
    let world = state.world();
    for service in &world.services {
        let name = quoted(&service.name);
        text.push_str(&format!(
            "\n[[receivers.otlp.route]]\nmatch = {{ \"service.name\" = {name} }}\nservice = {name}\n"
        ));
    }
    for service in &world.services {
        let (name, id) = (quoted(&service.name), quoted(&service.id));
        text.push_str(&format!("\n[[services]]\nname = {name}\nservice_id = {id}\n"));
    }
    if !ready {
        let subaccount = quoted(&state.tenant.subaccount_id);
        text.push_str(&format!(
            "\n[setup]\nbackend = \"auto\"\n\n[setup.btp]\ncis_key_file = \"{CIS_KEY}\"\nsubaccount = {subaccount}\n"
        ));
    }
    text
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

fn write_json(path: &Path, value: &Value) -> io::Result<PathBuf> {
    write(path, format!("{value:#}\n").as_bytes())
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let fresh = path.with_extension(format!("{:016x}.part", u64::from_be_bytes(random::bytes())));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(bytes)?;
    fs::rename(&fresh, path)?;
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_so_that_toml_reads_them_back() {
        for name in ["orders", "it's \"quoted\"", "back\\slash", "tab\there", "ünïcode\u{7f}"] {
            let text = format!("name = {}", quoted(name));
            let table: toml::Table = toml::from_str(&text).unwrap();
            assert_eq!(table["name"].as_str(), Some(name));
        }
    }

    #[test]
    fn a_file_is_private_and_replaced_as_a_whole() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.json");
        write(&path, b"first").unwrap();
        write(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
