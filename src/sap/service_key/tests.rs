//! Every wrapper yields the same key, and every broken one says what is wrong.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::*;
use crate::clock::Timestamp;
use crate::error::{Exit, Explain};

const CLIENT: &str = "sb-agent!b1|sapcloudalm!b77";

/// A key as the cockpit shows it.
pub(super) fn canonical(secret: &str) -> Value {
    json!({
        "endpoints": { "Api": "https://eu10.alm.cloud.sap/api" },
        "uaa": {
            "clientid": CLIENT,
            "clientsecret": secret,
            "url": "https://acme.authentication.eu10.hana.ondemand.com",
            "identityzone": "acme",
            "identityzoneid": "zone-1",
            "subaccountid": "sub-1",
            "credential-type": "binding-secret",
            "verificationkey": "not looked at"
        },
        "future": [1]
    })
}

fn parse(text: &str) -> Result<ServiceKey, KeyError> {
    ServiceKey::parse(text, &KeyOptions::default())
}

fn with_api() -> KeyOptions {
    KeyOptions { api_url: Some("https://eu10.alm.cloud.sap".into()), ..KeyOptions::default() }
}

fn assert_is_the_key(key: &ServiceKey, from: &str) {
    assert_eq!(key.client_id(), CLIENT, "{from}");
    assert_eq!(key.api().as_str(), "https://eu10.alm.cloud.sap/api", "{from}");
    assert_eq!(key.token_url().as_str(), "https://acme.authentication.eu10.hana.ondemand.com/oauth/token", "{from}");
    assert_eq!(key.secrets().next().map(Secret::expose), Some("one$+/="), "{from}");
}

#[test]
fn every_wrapper_yields_the_same_key() {
    let key = canonical("one$+/=");
    let strings = json!({ "uaa": key["uaa"].to_string(), "endpoints": key["endpoints"].to_string(), "label": "x" });
    let vcap =
        |offering: &str| json!({ "xsuaa": [{ "credentials": {} }], offering: [{ "name": "alm", "credentials": key }] });
    let template = json!({ "uaa": key["uaa"], "url": "https://eu10.alm.cloud.sap" });
    for (from, text) in [
        ("cockpit", key.to_string()),
        ("older cf", format!("Getting key sap_cloud_alm_key as admin@example.com…\n\n{key:#}\n")),
        ("byte order mark", format!("\u{feff}{key}")),
        ("talk behind", format!("{key}\n\nTIP: done")),
        ("cf", json!({ "credentials": key }).to_string()),
        (
            "service manager",
            json!({ "id": "1", "name": "k", "service_instance_id": "2", "credentials": key }).to_string(),
        ),
        ("list of one", json!([{ "credentials": key }]).to_string()),
        ("vcap", vcap("SAPCloudALMAPIs").to_string()),
        ("vcap, older name", vcap("sap-cloud-alm-api").to_string()),
        ("vcap, user-provided", vcap("user-provided").to_string()),
        ("strings", strings.to_string()),
        ("template", template.to_string()),
    ] {
        let key = parse(&text).unwrap_or_else(|error| panic!("{from}: {error}"));
        assert_is_the_key(&key, from);
    }
}

#[test]
fn a_destination_is_a_key_too() {
    let export = json!({
        "Name": "CALM_datacollector", "Type": "HTTP", "Authentication": "OAuth2ClientCredentials",
        "URL": "https://eu10.alm.cloud.sap/api", "clientId": CLIENT, "clientSecret": "one$+/=",
        "tokenServiceURL": "https://acme.authentication.eu10.hana.ondemand.com/oauth/token"
    });
    assert_is_the_key(&parse(&export.to_string()).unwrap(), "export");
    assert_is_the_key(&parse(&json!({ "destinationConfiguration": export }).to_string()).unwrap(), "found");
    let properties = "#Thu\nType=HTTP\nURL=https\\://eu10.alm.cloud.sap/api\nclientId=sb-agent!b1|sapcloudalm!b77\n\
                      clientSecret=one$+/\\=\ntokenServiceURL=https\\://acme.authentication.eu10.hana.ondemand.com\n";
    assert_is_the_key(&parse(properties).unwrap(), "properties");
    let without_secret = properties.replace("clientSecret", "x");
    assert!(matches!(parse(&without_secret), Err(KeyError::Missing("uaa.clientsecret"))));
}

#[test]
fn a_flat_one_needs_the_api_url_from_the_configuration() {
    let flat = canonical("one$+/=")["uaa"].to_string();
    assert!(matches!(parse(&flat), Err(KeyError::NoApiUrl)));
    let key = ServiceKey::parse(&flat, &with_api()).unwrap();
    assert_is_the_key(&key, "flat");
    assert!(key.notes()[0].contains("/api"), "{:?}", key.notes());
}

#[test]
fn a_mounted_folder_has_one_file_a_key_or_one_file_for_all() {
    let key = canonical("one$+/=");
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = dir.path().join(name);
        crate::secret::write_file(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    };
    let location = Location::Directory(dir.path().to_owned());
    assert!(matches!(load(&location, &KeyOptions::default()), Err(KeyError::Empty { .. })));
    put("type", "xsuaa\n");
    put("whole", &format!("{key}\n"));
    assert_is_the_key(&load(&location, &KeyOptions::default()).unwrap(), "one for all");
    std::fs::remove_file(dir.path().join("whole")).unwrap();
    put("uaa", &key["uaa"].to_string());
    put("endpoints", &key["endpoints"].to_string());
    put(".hidden", "{");
    assert_is_the_key(&load(&location, &KeyOptions::default()).unwrap(), "one a key");
}

#[test]
fn an_operators_file_must_be_his_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key.json");
    crate::secret::write_file(&path, &canonical("one$+/=").to_string()).unwrap();
    let location = Location::File(path.clone());
    assert_is_the_key(&load(&location, &KeyOptions::default()).unwrap(), "file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = load(&location, &KeyOptions::default()).unwrap_err();
    assert!(error.hint().is_some_and(|hint| hint.contains("chmod 600")));
    assert!(load(&Location::SystemdCredential(path), &KeyOptions::default()).is_ok());
}

#[test]
fn broken_keys_say_what_is_wrong_and_repeat_no_value() {
    let key = canonical("planted-value");
    let without = |pointer: &str, name: &str| {
        let mut key = key.clone();
        key.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(name);
        key.to_string()
    };
    let cases = [
        ("".to_owned(), "is empty"),
        ("planted-value".to_owned(), "not JSON (line 1, column 1)"),
        ("Getting key\n{\"uaa\": planted-value".to_owned(), "not JSON (line 2, column 9)"),
        ("{}".to_owned(), "no \"uaa\""),
        ("[1, 2]".to_owned(), "no \"uaa\""),
        (without("", "endpoints"), "no \"endpoints.Api\""),
        (without("/uaa", "clientid"), "no uaa.clientid"),
        (without("/uaa", "clientsecret"), "no uaa.clientsecret"),
        (without("/uaa", "url"), "no uaa.url"),
        (json!({ "xsuaa": [{ "credentials": { "x": "planted-value" } }] }).to_string(), "it has xsuaa"),
    ];
    for (text, expected) in cases {
        let error = parse(&text).expect_err(expected);
        assert!(error.to_string().contains(expected), "{error} for {expected}");
        assert!(error.hint().is_some() && error.exit() == Exit::Refused);
        assert!(!format!("{error:?}{error}").contains("planted-value"), "{error:?}");
    }
}

#[test]
fn wrapping_has_an_end() {
    let mut key = canonical("x");
    for _ in 0..10 {
        key = json!({ "credentials": key });
    }
    assert!(matches!(parse(&key.to_string()), Err(KeyError::Unknown)));
    let deep = "[".repeat(100_000);
    assert!(matches!(parse(&deep), Err(KeyError::NotJson { .. })));
}

fn certificate() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.not_after = rcgen::date_time_ymd(2030, 1, 1);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn x509() -> Value {
    let (pem, pem_key) = certificate();
    let mut key = canonical("x");
    let uaa = key["uaa"].as_object_mut().unwrap();
    uaa.remove("clientsecret");
    uaa.insert("credential-type".into(), "x509".into());
    uaa.insert("certurl".into(), "https://acme.authentication.cert.eu10.hana.ondemand.com".into());
    uaa.insert("certificate".into(), pem.into());
    uaa.insert("key".into(), pem_key.into());
    key
}

#[test]
fn an_x509_key_signs_in_at_the_certurl_and_shows_its_end() {
    let key = parse(&x509().to_string()).unwrap();
    assert_eq!(key.token_url().host_str(), Some("acme.authentication.cert.eu10.hana.ondemand.com"));
    assert!(matches!(key.credential(), Credential::Certificate(ClientCertificate::Inline { .. })));
    let summary = key.summary(Timestamp::from_secs(1_893_369_600));
    assert_eq!(summary.certificate_not_after.as_deref(), Some("2030-01-01T00:00:00Z"));
    assert_eq!(summary.certificate_days_left, Some(1));
    assert!(summary.warnings.iter().any(|warning| warning.contains("expires")), "{:?}", summary.warnings);
}

#[test]
fn an_operators_own_certificate_wins() {
    let (pem, pem_key) = certificate();
    let dir = tempfile::tempdir().unwrap();
    let (cert_file, key_file) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    crate::secret::write_file(&cert_file, &pem).unwrap();
    crate::secret::write_file(&key_file, &pem_key).unwrap();
    let mut text = x509();
    text["uaa"].as_object_mut().unwrap().remove("key");
    assert!(matches!(parse(&text.to_string()), Err(KeyError::Missing("uaa.certificate and uaa.key"))));
    let options = KeyOptions { certificate: Some((cert_file, key_file.clone())), ..KeyOptions::default() };
    let key = ServiceKey::parse(&text.to_string(), &options).unwrap();
    assert!(matches!(key.credential(), Credential::Certificate(ClientCertificate::Files { .. })));
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(ServiceKey::parse(&text.to_string(), &options), Err(KeyError::Certificate(_))));
}

#[test]
fn an_instance_secret_and_foreign_regions_are_told() {
    let mut key = canonical("x");
    key["uaa"]["credential-type"] = "instance-secret".into();
    key["uaa"]["url"] = "https://acme.authentication.us10.hana.ondemand.com".into();
    let summary = parse(&key.to_string()).unwrap().summary(Timestamp::UNSET);
    assert_eq!(summary.credential_type, "instance-secret");
    assert!(summary.warnings.iter().any(|warning| warning.contains("instance-secret")));
    assert!(summary.warnings.iter().any(|warning| warning.contains("us10")));
}

#[test]
fn nothing_that_shows_a_key_shows_its_secret() {
    for text in [canonical("planted-value").to_string(), x509().to_string()] {
        let key = parse(&text).unwrap();
        let shown = format!("{key:?} {:?} {:?}", key.summary(Timestamp::UNSET), key.egress());
        assert!(!shown.contains("planted-value") && !shown.contains("PRIVATE KEY"), "{shown}");
    }
}

#[test]
fn the_firewall_has_to_know_two_hosts() {
    let egress = parse(&canonical("x").to_string()).unwrap().egress();
    let hosts: Vec<_> = egress.iter().map(|endpoint| (endpoint.host.as_str(), endpoint.port)).collect();
    assert_eq!(hosts, [("acme.authentication.eu10.hana.ondemand.com", 443), ("eu10.alm.cloud.sap", 443)]);
}

#[test]
fn what_is_imported_is_the_same_key_in_canonical_shape() {
    for text in [json!({ "credentials": canonical("one$+/=") }).to_string(), x509().to_string()] {
        let key = parse(&text).unwrap();
        let again = parse(key.to_json().expose()).unwrap();
        assert_eq!(again, key);
    }
}
