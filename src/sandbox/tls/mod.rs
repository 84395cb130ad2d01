//! The certificate authority of the landscape, its TLS server and the client certificates of x509 keys.
//!
//! Owns one authority per landscape: it signs the certificate of the x509 token endpoint (so `ca.pem` is what a client has to trust) and the
//! client certificates in x509 keys. Promises that a handshake succeeds with *any* client certificate or none: the real endpoint answers a
//! rejected one with an HTTP status, so the decision is the token service's. Keys are elliptic (P-256), where BTP hands out RSA: `ring` makes
//! no RSA keys.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use rustls::DigitallySignedStruct;
use rustls::DistinguishedName;
use rustls::SignatureScheme;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};

use crate::clock::Timestamp;

/// How long the authority and the server certificate are valid.
const AUTHORITY_LIFE: Duration = Duration::from_secs(365 * 86_400);
/// Certificates begin a little in the past, for clients whose clock is behind.
const HEAD_START: Duration = Duration::from_secs(3_600);

/// The authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A client certificate with its private key.
#[derive(Clone)]
pub(crate) struct ClientCertificate {
    /// Leaf, then authority, as PEM.
    pub(crate) chain_pem: String,
    /// The private key as PEM.
    pub(crate) key_pem: String,
    /// The leaf as DER: what the token service pins.
    pub(crate) der: Vec<u8>,
    /// Until when it is valid.
    pub(crate) not_after: Timestamp,
}

impl Authority {
    /// A fresh authority, valid from `now` on.
    pub(crate) fn generate(now: Timestamp) -> Result<Self, rcgen::Error> {
        let mut params = named("calm-agent sandbox authority")?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        valid(&mut params, now.minus(HEAD_START), now.plus(AUTHORITY_LIFE));
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    /// What a client has to trust, as PEM.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A client certificate for `client_id`, valid until `not_after` (which may have passed).
    pub(crate) fn issue_client(
        &self,
        client_id: &str,
        not_after: Timestamp,
    ) -> Result<ClientCertificate, rcgen::Error> {
        let mut params = named(client_id)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        valid(&mut params, not_after.minus(AUTHORITY_LIFE), not_after);
        let (leaf, key) = self.sign(&params)?;
        Ok(ClientCertificate {
            chain_pem: format!("{}{}", leaf.pem(), self.0.pem()),
            key_pem: key.serialize_pem(),
            der: leaf.der().to_vec(),
            not_after,
        })
    }

    /// TLS for a server on loopback that asks for a client certificate.
    pub(crate) fn server_config(&self, now: Timestamp) -> Result<rustls::ServerConfig, TlsError> {
        let mut params =
            CertificateParams::new(vec!["127.0.0.1".to_owned(), "::1".to_owned(), "localhost".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, "127.0.0.1");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        valid(&mut params, now.minus(HEAD_START), now.plus(AUTHORITY_LIFE));
        let (leaf, key) = self.sign(&params)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key =
            PrivateKeyDer::try_from(key.serialize_der()).map_err(|text| rustls::Error::General(text.to_owned()))?;
        Ok(rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(Arc::new(AcceptAny(provider)))
            .with_single_cert(vec![leaf.der().clone(), self.0.der().clone()], key)?)
    }

    fn sign(&self, params: &CertificateParams) -> Result<(Certificate, KeyPair), rcgen::Error> {
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &self.0)?, key))
    }
}

/// What can go wrong while TLS is prepared.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate could not be made.
    #[error("a certificate could not be made")]
    Certificate(#[from] rcgen::Error),
    /// The TLS server could not be configured.
    #[error("the TLS server could not be configured")]
    Server(#[from] rustls::Error),
}

fn named(common_name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CountryName, "DE");
    params.distinguished_name.push(DnType::OrganizationName, "calm-agent sandbox");
    params.distinguished_name.push(DnType::CommonName, common_name);
    Ok(params)
}

fn valid(params: &mut CertificateParams, from: Timestamp, until: Timestamp) {
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(from.as_nanos() / 1_000_000_000);
    params.not_after = epoch + Duration::from_secs(until.as_nanos() / 1_000_000_000);
}

/// Lets every certificate through the handshake, after checking that the client holds its key.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ClientCertVerifier for AcceptAny {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_certificate_ends_when_it_was_told_to() {
        let now = Timestamp::from_secs(1_784_700_000);
        let authority = Authority::generate(now).unwrap();
        let until = now.plus(Duration::from_secs(7 * 86_400));
        let issued = authority.issue_client("sb-x!b1|y!b2", until).unwrap();
        let (_, parsed) = x509_parser::parse_x509_certificate(&issued.der).unwrap();
        assert_eq!(parsed.validity().not_after.timestamp() as u64, 1_784_700_000 + 7 * 86_400);
        assert!(parsed.subject().to_string().contains("sb-x!b1|y!b2"));
        assert_eq!(issued.chain_pem.matches("BEGIN CERTIFICATE").count(), 2);
        assert_ne!(issued.der, authority.issue_client("a", until).unwrap().der);
    }

    #[test]
    fn the_server_is_configured_with_its_chain() {
        let now = Timestamp::from_secs(1_784_700_000);
        let authority = Authority::generate(now).unwrap();
        assert!(authority.server_config(now).is_ok());
        assert!(authority.pem().starts_with("-----BEGIN CERTIFICATE-----"));
    }
}
