//! Servers for the tests of the pulled sources: raw bytes over TCP or TLS, so that each misbehaviour can be had.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use url::Url;

use crate::metric::{Entry, Point, Points, Rating, Value};
use crate::shutdown::{Stop, Tasks};

type Reply = Arc<dyn Fn(&str) -> Vec<u8> + Send + Sync>;

/// A server on a free port of loopback; it ends when dropped.
pub(super) struct Server {
    scheme: &'static str,
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    stop: Stop,
    ca: Option<tempfile::NamedTempFile>,
}

/// A certificate for `localhost` and 127.0.0.1, and its key.
pub(super) struct Identity {
    certificate: rcgen::Certificate,
    key: rcgen::KeyPair,
}

/// A self-signed certificate that ends in so many days; a negative number is the past.
pub(super) fn self_signed(days: i64) -> Identity {
    let mut params = rcgen::CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()]).unwrap();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    params.not_before = epoch + (now - Duration::from_secs(30 * 86_400));
    // A minute more, so that "in 12 days" is not 11.99.
    params.not_after = epoch + Duration::from_secs((now.as_secs() as i64 + days * 86_400 + 60) as u64);
    let key = rcgen::KeyPair::generate().unwrap();
    Identity { certificate: params.self_signed(&key).unwrap(), key }
}

/// An answer with status 200.
pub(super) fn ok(content_type: &str, body: &str) -> Vec<u8> {
    answer("200 OK", content_type, body)
}

/// Any answer with a body.
pub(super) fn answer(status: &str, content_type: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

impl Server {
    /// Gives everybody the same answer.
    pub(super) async fn always(bytes: Vec<u8>) -> Self {
        Self::replying(move |_| bytes.clone()).await
    }

    /// Answers by the request's text.
    pub(super) async fn replying(reply: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::start("http", None, Arc::new(reply), false).await
    }

    /// Accepts, reads, and says nothing.
    pub(super) async fn silent() -> Self {
        Self::start("http", None, Arc::new(|_: &str| Vec::new()), true).await
    }

    /// Begins with `head` and repeats `chunk`, far beyond every bound of the tests.
    pub(super) async fn endless(head: &str, chunk: &str) -> Self {
        Self::always([head, &chunk.repeat((4 << 20) / chunk.len())].concat().into_bytes()).await
    }

    /// Gives everybody the same answer over TLS.
    pub(super) async fn tls(identity: Identity, bytes: Vec<u8>) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![identity.certificate.der().clone()],
                rustls::pki_types::PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let mut server = Self::start("https", Some(acceptor), Arc::new(move |_: &str| bytes.clone()), false).await;
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(identity.certificate.pem().as_bytes()).unwrap();
        server.ca = Some(file);
        server
    }

    async fn start(scheme: &'static str, tls: Option<TlsAcceptor>, reply: Reply, silent: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, stop) = (Arc::new(Mutex::new(Vec::new())), Stop::new());
        let tasks = Tasks::new(stop.clone());
        let (connections, heard, ends) = (tasks.clone(), Arc::clone(&asked), stop.clone());
        tasks.spawn("server", async move {
            while let Some(Ok((stream, _))) = ends.until(listener.accept()).await {
                let (tls, reply, heard, ends) = (tls.clone(), Arc::clone(&reply), Arc::clone(&heard), ends.clone());
                connections.spawn("connection", async move {
                    let serve = Box::pin(handshake_and_serve(stream, tls, reply, heard, silent));
                    let _ = ends.until(serve).await;
                });
            }
        });
        Self { scheme, port, asked, stop, ca: None }
    }

    /// A URL of this server.
    pub(super) fn url(&self, path: &str) -> Url {
        format!("{}://127.0.0.1:{}{path}", self.scheme, self.port).parse().unwrap()
    }

    /// What was asked last.
    pub(super) fn asked(&self) -> String {
        self.asked.lock().unwrap().last().cloned().unwrap_or_default()
    }

    /// How often something was asked.
    pub(super) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// Its certificate as a file.
    pub(super) fn ca_file(&self) -> PathBuf {
        self.ca.as_ref().unwrap().path().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

async fn handshake_and_serve(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    reply: Reply,
    heard: Arc<Mutex<Vec<String>>>,
    silent: bool,
) {
    match tls {
        None => serve(stream, reply, heard, silent).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, reply, heard, silent).await;
            }
        }
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    reply: Reply,
    heard: Arc<Mutex<Vec<String>>>,
    silent: bool,
) {
    let mut request = Vec::new();
    let mut chunk = [0; 4_096];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut chunk).await {
            Ok(read) if read > 0 => request.extend_from_slice(&chunk[..read]),
            _ => return,
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let bytes = reply(&request);
    heard.lock().unwrap().push(request);
    if silent {
        std::future::pending::<()>().await;
    }
    let _ = stream.write_all(&bytes).await;
    let _ = stream.shutdown().await;
}

/// The points of a block as `name{key=value,…} unit value`, in their order.
pub(super) fn lines(points: &Points) -> Vec<String> {
    let line = |point: &Point| {
        let metric = &points.metrics()[point.metric as usize];
        let attributes: Vec<String> = points
            .attributes(point.attributes)
            .iter()
            .map(Result::unwrap)
            .map(|(key, value)| format!("{key}={}", value.to_text()))
            .collect();
        let value = match point.value {
            Value::Number(number) => number.to_string(),
            other => format!("{other:?}"),
        };
        format!("{}{{{}}} {} {value}", points.text(metric.name), attributes.join(","), points.text(metric.unit))
    };
    points.points().iter().map(line).collect()
}

/// The block among the entries of a run.
pub(super) fn points_of(entries: &[Entry]) -> &Points {
    entries
        .iter()
        .find_map(|entry| match entry {
            Entry::Points(points) => Some(&**points),
            _ => None,
        })
        .expect("a block of points")
}

/// The statuses among the entries of a run: name, rating, sentence.
pub(super) fn statuses(entries: &[Entry]) -> Vec<(&str, Rating, &str)> {
    entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Observation(seen) => Some((&*seen.name, seen.rating, seen.text.as_str())),
            _ => None,
        })
        .collect()
}

/// Whether the run ended what was shown before.
pub(super) fn ended(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| matches!(entry, Entry::Ended(_)))
}
