//! The middle part of a JSON web token, read and never believed: it serves diagnostics, the API checks the signature.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::Claims;
use crate::clock::Timestamp;

/// The most scopes that are kept of a token; a Cloud ALM key has at most a few dozen.
const MAX_SCOPES: usize = 256;

/// Reads the claims of `jwt`; `None` when it is no JSON web token (an opaque one is legal).
pub(super) fn read(jwt: &str) -> Option<Claims> {
    let middle = jwt.split('.').nth(1)?;
    let bytes = URL_SAFE_NO_PAD.decode(middle.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&bytes).ok()?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    let expires = claims.get("exp").and_then(Value::as_u64).map(Timestamp::from_secs);
    let mut all = scopes(claims.get("scope"));
    all.extend(scopes(claims.get("authorities")));
    all.sort();
    all.dedup();
    Some(Claims { expires, zone_id: text("zid"), client_id: text("cid"), scopes: all })
}

/// Scopes as a list (in the token) or as words (in the answer beside it).
pub(super) fn scopes(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(items)) => {
            items.iter().filter_map(Value::as_str).take(MAX_SCOPES).map(str::to_owned).collect()
        }
        Some(Value::String(words)) => words.split_whitespace().take(MAX_SCOPES).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(claims: &Value) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    #[test]
    fn reads_what_diagnostics_need() {
        let claims = serde_json::json!({
            "exp": 1_764_065_400, "zid": "z", "cid": "sb-a!b1|c!b2",
            "scope": ["alm!b1.calm-api.hm.write", "uaa.resource"], "authorities": ["alm!b1.calm-api.hm.write"]
        });
        let read = read(&jwt(&claims)).unwrap();
        assert_eq!(read.expires, Some(Timestamp::from_secs(1_764_065_400)));
        assert_eq!((read.zone_id.as_deref(), read.client_id.as_deref()), (Some("z"), Some("sb-a!b1|c!b2")));
        assert_eq!(read.scopes, ["alm!b1.calm-api.hm.write", "uaa.resource"]);
    }

    #[test]
    fn an_opaque_or_broken_token_has_no_claims() {
        for token in ["", "opaque", "a.!.c", "a.bm8.c", "a..c"] {
            assert_eq!(read(token), None, "{token}");
        }
        assert_eq!(read(&jwt(&serde_json::json!({ "scope": 7, "exp": "soon" }))), Some(Claims::default()));
    }
}
