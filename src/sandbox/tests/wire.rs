//! HTTP/1.1 by hand: one request a connection, bytes in, bytes out.

use std::io;
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// A request that can be sent.
pub(crate) struct Call {
    method: String,
    url: url::Url,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    chunked: bool,
    tls: Option<Tls>,
}

/// What a client needs for the x509 token endpoint.
#[derive(Clone)]
pub(crate) struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Trusts `authority`; shows the certificate chain and key, if there are any.
    pub(crate) fn new(authority: &[u8], client: Option<(&str, &str)>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority).unwrap()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match client {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).map(Result::unwrap).collect();
                builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap()
            }
        };
        Self(Arc::new(config))
    }
}

impl Call {
    pub(crate) fn new(method: &str, url: &str) -> Self {
        Self {
            method: method.to_owned(),
            url: url::Url::parse(url).unwrap(),
            headers: Vec::new(),
            body: Vec::new(),
            chunked: false,
            tls: None,
        }
    }

    pub(crate) fn post(url: &str) -> Self {
        Self::new("POST", url)
    }

    /// Sets a header; a later value replaces an earlier one.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn body(self, body: &str) -> Self {
        self.bytes(body.as_bytes())
    }

    pub(crate) fn bytes(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    /// Sends the body in chunks, without a length.
    pub(crate) fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    pub(crate) fn tls(mut self, tls: &Tls) -> Self {
        self.tls = Some(tls.clone());
        self
    }

    /// The answer; an error when the connection ends without a whole one.
    pub(crate) async fn send(self) -> io::Result<Reply> {
        let host = self.url.host_str().unwrap().to_owned();
        let stream = TcpStream::connect((host.as_str(), self.url.port_or_known_default().unwrap())).await?;
        match &self.tls {
            None => self.speak(stream).await,
            Some(tls) => {
                let name = ServerName::try_from(host).unwrap();
                let stream = TlsConnector::from(Arc::clone(&tls.0)).connect(name, stream).await?;
                self.speak(stream).await
            }
        }
    }

    async fn speak(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<Reply> {
        // A server may answer and close before it has read everything; then the answer counts, not the failed write.
        let written = stream.write_all(&self.request()).await;
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer).await;
        match Reply::parse(&answer) {
            Some(reply) => Ok(reply),
            None => Err(written.and(read.map(|_| ())).err().unwrap_or(io::ErrorKind::UnexpectedEof.into())),
        }
    }

    fn request(&self) -> Vec<u8> {
        let target = &self.url[url::Position::BeforePath..url::Position::AfterQuery];
        let mut head = format!("{} {target} HTTP/1.1\r\nconnection: close\r\n", self.method);
        if !self.headers.iter().any(|(name, _)| name == "host") {
            head.push_str(&format!("host: {}\r\n", self.url.authority()));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut bytes = if self.chunked {
            format!("{head}transfer-encoding: chunked\r\n\r\n")
        } else {
            format!("{head}content-length: {}\r\n\r\n", self.body.len())
        }
        .into_bytes();
        if self.chunked {
            for chunk in self.body.chunks(16 * 1024) {
                bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
        } else {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let body = bytes[end + 4..].to_vec();
        let reply = Self { status, headers, body };
        let length = reply.header("content-length").and_then(|length| length.parse::<usize>().ok());
        (length.unwrap_or(reply.body.len()) == reply.body.len()).then_some(reply)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}
