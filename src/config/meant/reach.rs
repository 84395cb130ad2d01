//! Listeners, clients and signing in: what may be reached how.

use std::net::SocketAddr;
use std::time::Duration;

use crate::config::catalogue::{GuardSaid, ReachSaid, SignInSaid};
use crate::config::problem::Place;
use crate::config::said::{FilePath, Link, Reader, Said, SecretText};
use crate::http::{Auth, ClientCertificate, ClientConfig, ListenerConfig, ListenerTls, SecretSource};

/// A listener; beyond loopback it needs a guard.
pub(super) fn listener(
    address: SocketAddr,
    place: &Place,
    said: &GuardSaid,
    reader: &mut Reader<'_>,
) -> ListenerConfig {
    let tls = said.tls.value.as_ref().and_then(|tls| {
        Some(ListenerTls {
            cert_file: tls.cert_file.value.clone()?.0,
            key_file: tls.key_file.value.clone()?.0,
            client_ca_file: tls.client_ca_file.value.clone().map(|path| path.0),
        })
    });
    let bearer_token = secret("bearer_token", &said.bearer_token, &said.bearer_token_file, reader);
    let token_said = said.bearer_token.is_said() || said.bearer_token_file.is_said();
    let insecure = said.insecure.value;
    // A certificate alone keeps the line private but lets everybody in.
    let knows_callers = token_said || said.tls.value.as_ref().is_some_and(|tls| tls.client_ca_file.is_said());
    if !address.ip().is_loopback() && !insecure && !knows_callers && !said.tls.is_said() {
        reader.error(
            place,
            format!("{address} is reachable from other machines, and nothing guards it"),
            "add tls = { cert_file, key_file, client_ca_file } or bearer_token_file, say insecure = true, or listen on 127.0.0.1",
        );
    } else if !address.ip().is_loopback() && !insecure && !knows_callers {
        reader.warn(
            place,
            format!("everybody who reaches {address} may use it"),
            "add client_ca_file to tls, or bearer_token_file",
        );
    }
    ListenerConfig { address, tls, bearer_token, insecure }
}

/// How a target is signed in to.
pub(super) fn sign_in(said: &SignInSaid, reader: &mut Reader<'_>) -> Auth {
    let password = secret("password", &said.password, &said.password_file, reader);
    let token = secret("bearer_token", &said.bearer_token, &said.bearer_token_file, reader);
    let password_place = said.password.place.as_ref().or(said.password_file.place.as_ref());
    let token_place = said.bearer_token.place.as_ref().or(said.bearer_token_file.place.as_ref());
    if let (Some(place), true) = (token_place, password_place.is_some() || said.username.is_said()) {
        reader.error(
            place,
            "a target signs in with a password or with a bearer token, not with both",
            "take one of them out",
        );
        return Auth::None;
    }
    match (&said.username.place, password_place) {
        (Some(place), None) => {
            reader.error(place, "`username` without a password", "add password_file, or password = \"${env:NAME}\"");
        }
        (None, Some(place)) => reader.error(place, "a password without `username`", "add username = \"…\""),
        _ => {}
    }
    match (said.username.value.clone(), password, token) {
        (Some(username), Some(password), _) => Auth::Basic { username, password },
        (_, _, Some(token)) => Auth::Bearer(token),
        _ => Auth::None,
    }
}

/// How a target is reached: the rules about plain http, and its client.
pub(super) fn client(
    (link, place): (&Link, &Place),
    timeout: Duration,
    said: &ReachSaid,
    sign_in: &SignInSaid,
    reader: &mut Reader<'_>,
) -> ClientConfig {
    if link.is_exposed() {
        let credential = [
            &sign_in.bearer_token.place,
            &sign_in.password.place,
            &sign_in.password_file.place,
            &sign_in.bearer_token_file.place,
        ]
        .into_iter()
        .flatten()
        .next();
        if let Some(credential) = credential {
            let message = "a credential would travel over plain http://";
            reader.error(credential, message, "use https:// for this target; allow_insecure does not change that");
        } else if !said.allow_insecure.value {
            let message = "plain http:// to another machine can be read and changed on the way";
            reader.error(place, message, "use https://, or say allow_insecure = true beside it");
        }
    }
    ClientConfig {
        timeout,
        ca_file: said.ca_file.value.clone().map(|path| path.0),
        proxy: said.proxy.value.clone().map(|link| link.0),
        client_certificate: client_certificate(said, reader),
    }
}

fn client_certificate(said: &ReachSaid, reader: &mut Reader<'_>) -> Option<ClientCertificate> {
    match (&said.cert_file.place, &said.key_file.place) {
        (Some(place), None) => reader.error(place, "`cert_file` without `key_file`", "add the key of the certificate"),
        (None, Some(place)) => reader.error(place, "`key_file` without `cert_file`", "add the certificate of the key"),
        _ => {}
    }
    let (cert_file, key_file) = (said.cert_file.value.clone()?.0, said.key_file.value.clone()?.0);
    Some(ClientCertificate::Files { cert_file, key_file })
}

/// An address that carries a credential, or whose content must not be changed: https, or loopback.
pub(super) fn refuse_exposed(link: &Link, place: &Place, key: &str, reader: &mut Reader<'_>) {
    if link.is_exposed() {
        reader.error(place, format!("`{key}` must not be plain http:// beyond loopback"), "use https://");
    }
}

/// A secret that may be given in two ways.
pub(super) fn secret(
    key: &str,
    value: &Said<SecretText>,
    file: &Said<FilePath>,
    reader: &mut Reader<'_>,
) -> Option<SecretSource> {
    if let (Some(_), Some(place)) = (&value.place, &file.place) {
        let message = format!("both `{key}` and `{key}_file` are given");
        reader.error(place, message, "take one of them out");
    }
    let from_value = value.value.clone().map(|secret| secret.0);
    from_value.or_else(|| file.value.clone().map(|path| SecretSource::File(path.0)))
}
