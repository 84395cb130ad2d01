//! Tokens of the token service: made here, checked here.
//!
//! Owns one signing key (ES256) that lives as long as the landscape. Promises that a token of another landscape, a changed token and one
//! that is not signed at all are refused. The real service signs with RS256; `ring` makes no RSA keys, and no client of the API may care.
//!
//! The claims are those measured on UAA 4.30.0 plus what XSUAA adds (`ext_attr`).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Longest token that is looked at; the real service refuses headers above 16 KB.
pub(crate) const TOKEN_BYTES_MAX: usize = 16 * 1024;
const KEY_ID: &str = "default-jwt-key";
/// The fixed beginning of a SubjectPublicKeyInfo for P-256; the point follows.
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// The token's own id.
    pub(crate) jti: String,
    /// What XSUAA adds.
    pub(crate) ext_attr: ExtraAttributes,
    /// The client it was made for; a client is its own subject.
    pub(crate) sub: String,
    /// What the client may do.
    pub(crate) authorities: Vec<String>,
    /// What this token may do.
    pub(crate) scope: Vec<String>,
    /// The client, under three names.
    pub(crate) client_id: String,
    /// The client.
    pub(crate) cid: String,
    /// The client.
    pub(crate) azp: String,
    /// How it was got.
    pub(crate) grant_type: String,
    /// Changes when the credential is revoked.
    pub(crate) rev_sig: String,
    /// When it was made, in seconds since the epoch.
    pub(crate) iat: u64,
    /// When it ends.
    pub(crate) exp: u64,
    /// Who made it.
    pub(crate) iss: String,
    /// The tenant's zone.
    pub(crate) zid: String,
    /// Who should accept it.
    pub(crate) aud: Vec<String>,
}

/// The `ext_attr` claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExtraAttributes {
    /// Always `XSUAA`.
    pub(crate) enhancer: String,
    /// The subaccount of the tenant.
    pub(crate) subaccountid: String,
    /// The subdomain of the tenant.
    pub(crate) zdn: String,
}

/// The key that signs.
pub(crate) struct Signer {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl Signer {
    /// A fresh key.
    pub(crate) fn generate() -> Result<Self, ring::error::Unspecified> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random)
            .map_err(|_| ring::error::Unspecified)?;
        Ok(Self { pair, random })
    }

    /// The token for `claims`; `issuer` is the base URL of the token service.
    pub(crate) fn sign(&self, claims: &Claims, issuer: &str) -> Result<String, ring::error::Unspecified> {
        let header = json!({"alg": "ES256", "jku": format!("{issuer}/token_keys"), "kid": KEY_ID, "typ": "JWT"});
        let claims = serde_json::to_vec(claims).map_err(|_| ring::error::Unspecified)?;
        let mut token = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.pair.sign(&self.random, token.as_bytes())?;
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature.as_ref()));
        Ok(token)
    }

    /// What `token` says, if it is one of ours. Its life is not looked at here.
    pub(crate) fn verify(&self, token: &str) -> Option<Claims> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        if header["alg"] != "ES256" {
            return None;
        }
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key().as_ref())
            .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?)
            .ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }

    /// The public key as PEM, the `verificationkey` of a service key.
    pub(crate) fn public_key_pem(&self) -> String {
        let mut der = P256_PREFIX.to_vec();
        der.extend_from_slice(self.pair.public_key().as_ref());
        let text = STANDARD.encode(der);
        let lines: Vec<String> =
            text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", lines.join("\n"))
    }

    /// The body of `GET /token_keys`.
    pub(crate) fn key_set(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        // An uncompressed point: one byte 0x04, then two coordinates of 32 bytes.
        let (x, y) = (point.get(1..33).unwrap_or_default(), point.get(33..65).unwrap_or_default());
        json!({"keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": KEY_ID,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y), "value": self.public_key_pem(),
        }]})
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        Claims {
            jti: "1".into(),
            ext_attr: ExtraAttributes { enhancer: "XSUAA".into(), subaccountid: "s".into(), zdn: "z".into() },
            sub: "c".into(),
            authorities: vec!["uaa.resource".into()],
            scope: vec!["a!b1.calm-api.hm.write".into()],
            client_id: "c".into(),
            cid: "c".into(),
            azp: "c".into(),
            grant_type: "client_credentials".into(),
            rev_sig: "0".into(),
            iat: 1,
            exp: 2,
            iss: "http://127.0.0.1/oauth/token".into(),
            zid: "zone".into(),
            aud: vec![],
        }
    }

    #[test]
    fn what_was_signed_is_read_back() {
        let signer = Signer::generate().unwrap();
        let token = signer.sign(&claims(), "http://127.0.0.1").unwrap();
        assert_eq!(signer.verify(&token), Some(claims()));
    }

    #[test]
    fn a_foreign_a_changed_and_an_unsigned_token_are_refused() {
        let signer = Signer::generate().unwrap();
        let token = signer.sign(&claims(), "http://127.0.0.1").unwrap();
        assert_eq!(Signer::generate().unwrap().verify(&token), None);

        let parts: Vec<&str> = token.split('.').collect();
        let more = Claims { scope: vec!["everything".into()], ..claims() };
        let forged = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&more).unwrap());
        assert_eq!(signer.verify(&format!("{}.{forged}.{}", parts[0], parts[2])), None);

        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        assert_eq!(signer.verify(&format!("{none}.{forged}.")), None);
        for junk in ["", "a", "a.b", "a.b.c", "....", &"x".repeat(TOKEN_BYTES_MAX + 1)] {
            assert_eq!(signer.verify(junk), None);
        }
    }

    #[test]
    fn the_public_key_is_published_in_both_forms() {
        let signer = Signer::generate().unwrap();
        let pem = signer.public_key_pem();
        assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\n") && pem.ends_with("-----END PUBLIC KEY-----"));
        assert!(pem.lines().all(|line| line.len() <= 64));
        let set = signer.key_set();
        assert_eq!(URL_SAFE_NO_PAD.decode(set["keys"][0]["x"].as_str().unwrap()).unwrap().len(), 32);
        assert_eq!(set["keys"][0]["value"], pem);
    }
}
