//! The service keys of the tenant.
//!
//! Owns their making, the rotation of the secret and the renewal of the certificate. Promises that a rotation has no gap: the new secret is
//! accepted before its file is there, and the old one refused only after it, so that a client which is told 401 finds the new one.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::state::{Credential, MASTER_APP, Proof, State};
use super::{files, random};
use crate::clock::Timestamp;

/// How many secrets live beside each other at most; the oldest goes first.
const SECRETS_MAX: usize = 10;

/// Makes both keys of a tenant that is ready; gives back the path of the one with a secret.
pub(crate) fn make(state: &State) -> io::Result<PathBuf> {
    let number = u16::from_be_bytes(random::bytes());
    let client_id = || format!("sb-{}!b{number}|{MASTER_APP}", random::guid());
    let path = add_secret(state, client_id())?;
    add_certificate(state, client_id())?;
    Ok(path)
}

/// Replaces the secret and rewrites the key's file. `keep_old` leaves the earlier ones valid, as between the two phases of a rotation.
pub(crate) fn rotate(state: &State, keep_old: bool) -> io::Result<()> {
    let Some(client_id) = state.world().keys.last().map(|key| key.client_id.clone()) else {
        return Err(io::Error::other("there is no service key yet"));
    };
    add_secret(state, client_id)?;
    let keys = &mut state.world().keys;
    let keep = if keep_old { SECRETS_MAX } else { 1 };
    let surplus = keys.len().saturating_sub(keep);
    keys.drain(..surplus);
    Ok(())
}

/// Gives the x509 key, if there is one, a certificate of the validity that the knob asks for.
pub(crate) fn renew(state: &State) -> io::Result<()> {
    let client_id = state.world().x509.as_ref().map(|key| key.client_id.clone());
    client_id.map_or(Ok(()), |client_id| add_certificate(state, client_id))
}

fn add_secret(state: &State, client_id: String) -> io::Result<PathBuf> {
    let credential = Credential { client_id, proof: Proof::Secret(random::client_secret()) };
    state.world().keys.push(credential.clone());
    files::write_key(state, &credential)
}

fn add_certificate(state: &State, client_id: String) -> io::Result<()> {
    let validity = state.world().knobs.x509.validity_seconds;
    let issued = state.authority.issue_client(&client_id, ends(state.now(), validity)).map_err(io::Error::other)?;
    let credential = Credential { client_id, proof: Proof::Certificate(issued) };
    files::write_key(state, &credential)?;
    state.world().x509 = Some(credential);
    Ok(())
}

/// When a certificate ends that is valid for so long from `now` on; negative: it ended before.
fn ends(now: Timestamp, validity_seconds: i64) -> Timestamp {
    let by = Duration::from_secs(validity_seconds.unsigned_abs());
    if validity_seconds < 0 { now.minus(by) } else { now.plus(by) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validity_may_be_negative() {
        let now = Timestamp::from_secs(1_000);
        assert_eq!((ends(now, 5), ends(now, -5)), (Timestamp::from_secs(1_005), Timestamp::from_secs(995)));
    }
}
