//! Server certificates, and whose client certificates are let in.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::ListenError;
use crate::http::ListenerTls;
use crate::secret::{self, Guard, Secret};

/// TLS 1.2 and 1.3, HTTP/1.1 alone; with `client_ca_file`, a certificate from there is required.
pub(super) fn acceptor(files: &ListenerTls) -> Result<TlsAcceptor, ListenError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = certificates(&files.cert_file)?;
    let key = secret::read_file(&files.key_file, Guard::OwnerOnly)?;
    let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(unfit(&files.key_file))?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(unfit(&files.cert_file))?;
    let builder = match &files.client_ca_file {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for root in certificates(path)? {
                roots.add(root).map_err(unfit(path))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().map_err(unfit(path))?)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(unfit(&files.cert_file))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Certificates are public, so the modes of their file do not matter.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ListenError> {
    let pem: Secret = secret::read_file(path, Guard::Mounted)?;
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(pem.expose().as_bytes()).collect::<Result<_, _>>().map_err(unfit(path))?;
    if certificates.is_empty() { Err(unfit(path)("there is no certificate in it")) } else { Ok(certificates) }
}

fn unfit<E: Into<Box<dyn std::error::Error + Send + Sync>>>(path: &Path) -> impl FnOnce(E) -> ListenError {
    move |source| ListenError::Tls { path: path.to_owned(), source: source.into() }
}
