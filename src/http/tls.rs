//! The TLS of every client: versions 1.2 and 1.3, the system's roots, and those of a `ca_file`.
//!
//! The system's roots are read when the first handshake needs them, not before: an agent that only talks to loopback never pays for them.
//! Session resumption is off where a client certificate is used, since a resumed session would carry the identity from before a rotation.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::ClientCertificate;
use crate::secret::{FileError, Guard, Secret, read_file};

/// Why certificates or a key were not taken.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    /// The file with the key is missing, exposed, or too large.
    #[error(transparent)]
    File(#[from] FileError),
    /// No certificate or key in it.
    #[error("{origin} holds no {what} in PEM form")]
    Empty {
        /// Where it was looked for.
        origin: String,
        /// `certificate` or `private key`.
        what: &'static str,
    },
    /// The pieces do not belong together, or rustls does not take them.
    #[error("the client certificate and its key cannot be used")]
    Rejected(#[source] rustls::Error),
}

/// The crypto of every connection.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())))
}

/// Reads all certificates of a PEM file, which need not be secret.
///
/// # Errors
/// [`PemError`] when there is none, or the file cannot be read.
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let text = read_file(path, Guard::Mounted)?;
    certificates(text.expose(), &path.display().to_string())
}

/// Reads a private key from a PEM file that nobody else may read.
///
/// # Errors
/// [`PemError`] when there is none, or the file is exposed or cannot be read.
pub fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, PemError> {
    let text = read_file(path, Guard::OwnerOnly)?;
    private_key(&text, &path.display().to_string())
}

fn certificates(pem: &str, origin: &str) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes()).filter_map(Result::ok).collect();
    if all.is_empty() {
        return Err(PemError::Empty { origin: origin.to_owned(), what: "certificate" });
    }
    Ok(all)
}

fn private_key(pem: &Secret, origin: &str) -> Result<PrivateKeyDer<'static>, PemError> {
    PrivateKeyDer::from_pem_slice(pem.expose().as_bytes())
        .map_err(|_| PemError::Empty { origin: origin.to_owned(), what: "private key" })
}

/// A client's TLS configuration.
pub(super) fn client_config(
    ca_file: Option<&PathBuf>,
    identity: Option<&ClientCertificate>,
) -> Result<rustls::ClientConfig, PemError> {
    let roots = ca_file.map(|path| read_certificates(path)).transpose()?.unwrap_or_default();
    let builder = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(PemError::Rejected)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(SystemRoots { extra: roots, verifier: OnceLock::new() }));
    let Some(identity) = identity else { return Ok(builder.with_no_client_auth()) };
    let (chain, key) = match identity {
        ClientCertificate::Files { cert_file, key_file } => (read_certificates(cert_file)?, read_key(key_file)?),
        ClientCertificate::Inline { certificate, key } => {
            (certificates(certificate, "the service key")?, private_key(key, "the service key")?)
        }
    };
    let mut config = builder.with_client_auth_cert(chain, key).map_err(PemError::Rejected)?;
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

/// The system's verifier, made when it is first asked.
#[derive(Debug)]
struct SystemRoots {
    extra: Vec<CertificateDer<'static>>,
    verifier: OnceLock<Result<Arc<Verifier>, rustls::Error>>,
}

impl SystemRoots {
    fn verifier(&self) -> Result<&Verifier, rustls::Error> {
        static SYSTEM: OnceLock<Result<Arc<Verifier>, rustls::Error>> = OnceLock::new();
        let made = if self.extra.is_empty() {
            SYSTEM.get_or_init(|| Verifier::new(provider()).map(Arc::new))
        } else {
            self.verifier.get_or_init(|| Verifier::new_with_extra_roots(self.extra.clone(), provider()).map(Arc::new))
        };
        made.as_deref().map_err(Clone::clone)
    }
}

impl ServerCertVerifier for SystemRoots {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verifier()?.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier()?.verify_tls12_signature(message, cert, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier()?.verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
