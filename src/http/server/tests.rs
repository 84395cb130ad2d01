use std::path::Path;

use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::test_helpers::{Heard, exchange, hear, is_closed, request};
use super::*;
use crate::error::{Exit, Explain};
use crate::http::{ListenerTls, SecretSource};
use crate::secret::{self, Secret};
use http_body_util::BodyExt;

/// Echoes bodies; `/hold` is answered when `release` says so.
#[derive(Default)]
struct Echo {
    held: Notify,
    release: Notify,
}

impl Handler for Echo {
    type Body = Full<Bytes>;

    async fn handle(&self, request: Request<RequestBody>) -> Answer {
        let hold = request.uri().path() == "/hold";
        let (status, body) = match request.into_body().collect().await {
            Ok(body) => (StatusCode::OK, body.to_bytes()),
            Err(error) => (StatusCode::REQUEST_TIMEOUT, error.to_string().into()),
        };
        if hold {
            self.held.notify_one();
            self.release.notified().await;
        }
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        response
    }

    fn unauthorized(&self, _head: &Parts) -> (Full<Bytes>, &'static str) {
        (Full::new(Bytes::from_static(b"who?")), "text/plain")
    }
}

struct Running {
    address: SocketAddr,
    echo: Arc<Echo>,
    tasks: Tasks,
}

async fn start(config: ListenerConfig, connections: usize) -> Running {
    let listener = Listener::bind(&config, connections).await.unwrap();
    let (address, echo, tasks) = (listener.local_addr(), Arc::new(Echo::default()), Tasks::new(Stop::new()));
    let (handler, stop) = (Arc::clone(&echo), tasks.stop().clone());
    tasks.spawn("listener", async move { listener.serve(handler, stop).await });
    Running { address, echo, tasks }
}

async fn plain(connections: usize) -> Running {
    start(ListenerConfig::loopback(0), connections).await
}

async fn get(stream: &mut TcpStream, path: &str) -> Option<Heard> {
    stream.write_all(&request(&format!("GET {path}"), &[], b"")).await.ok()?;
    hear(stream).await
}

async fn connect(running: &Running) -> TcpStream {
    TcpStream::connect(running.address).await.unwrap()
}

/// *Scenario* A caller connects between binding and serving. *Guarantees* The address is known before, and the caller is answered.
#[tokio::test]
async fn the_address_is_known_before_it_serves() {
    let listener = Listener::bind(&ListenerConfig::loopback(0), 4).await.unwrap();
    assert_ne!(listener.local_addr().port(), 0);
    let mut early = TcpStream::connect(listener.local_addr()).await.unwrap();
    early.write_all(&request("POST /", &[], b"early")).await.unwrap();
    let tasks = Tasks::new(Stop::new());
    let stop = tasks.stop().clone();
    tasks.spawn("listener", async move { listener.serve(Arc::new(Echo::default()), stop).await });
    assert_eq!(hear(&mut early).await.unwrap().text(), "early");
}

#[tokio::test]
async fn a_head_is_bounded() {
    let running = plain(4).await;
    let long = "x".repeat(MAX_HEAD_BYTES);
    let heard = exchange(running.address, &request("GET /", &[("x-long", &long)], b"")).await;
    assert_eq!(heard.status, 431);
    let many = vec![("x-many", "1"); MAX_HEADERS];
    assert_eq!(exchange(running.address, &request("GET /", &many, b"")).await.status, 431);
    let fitting = vec![("x-many", "1"); MAX_HEADERS - 2];
    assert_eq!(exchange(running.address, &request("GET /", &fitting, b"")).await.status, 200);
}

/// *Scenario* One caller dribbles its head, one says nothing, one rests between two requests, one dribbles its body.
/// *Guarantees* Each is ended by its own bound, and by none of the others.
#[tokio::test(start_paused = true)]
async fn each_phase_has_its_own_time() {
    let running = plain(8).await;
    let begun = Instant::now();
    let mut slow = connect(&running).await;
    slow.write_all(b"GET / HTTP/1.1\r\nho").await.unwrap();
    assert!(is_closed(&mut slow).await);
    assert_eq!(begun.elapsed().as_secs(), HEAD_TIMEOUT.as_secs());

    let begun = Instant::now();
    let mut silent = connect(&running).await;
    assert!(is_closed(&mut silent).await);
    assert_eq!(begun.elapsed().as_secs(), IDLE_TIMEOUT.as_secs());

    let mut resting = connect(&running).await;
    for _ in 0..3 {
        assert_eq!(get(&mut resting, "/").await.unwrap().status, 200);
        tokio::time::sleep(IDLE_TIMEOUT - Duration::from_secs(1)).await;
    }
    assert_eq!(get(&mut resting, "/").await.unwrap().status, 200);
    let begun = Instant::now();
    resting.write_all(b"GET").await.unwrap();
    assert!(is_closed(&mut resting).await);
    assert_eq!(begun.elapsed().as_secs(), HEAD_TIMEOUT.as_secs(), "a second head has its time as well");

    let begun = Instant::now();
    let mut dribbling = connect(&running).await;
    dribbling.write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nx").await.unwrap();
    assert_eq!(hear(&mut dribbling).await.unwrap().status, 408);
    assert_eq!(begun.elapsed().as_secs(), BODY_TIMEOUT.as_secs());
}

/// *Scenario* All places are taken by callers that wait. *Guarantees* The one that has waited longest gives way to a new one; the others stay.
#[tokio::test(start_paused = true)]
async fn the_longest_sleeper_gives_way() {
    let running = plain(3).await;
    let mut first = connect(&running).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    let mut second = connect(&running).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    let mut third = connect(&running).await;
    // The first is no longer the longest: it has just been answered.
    assert_eq!(get(&mut first, "/").await.unwrap().status, 200);
    let mut fourth = connect(&running).await;
    assert_eq!(get(&mut fourth, "/").await.unwrap().status, 200);
    assert!(get(&mut second, "/").await.is_none());
    assert_eq!(get(&mut first, "/").await.unwrap().status, 200);
    assert_eq!(get(&mut third, "/").await.unwrap().status, 200);
}

/// *Scenario* All places are taken by requests in work. *Guarantees* None of them is cut off; the next caller waits for its turn.
#[tokio::test]
async fn work_does_not_give_way() {
    let running = plain(1).await;
    let mut working = connect(&running).await;
    working.write_all(&request("POST /hold", &[], b"held")).await.unwrap();
    running.echo.held.notified().await;
    let mut next = connect(&running).await;
    next.write_all(&request("POST /", &[], b"next")).await.unwrap();
    running.echo.release.notify_one();
    assert_eq!(hear(&mut working).await.unwrap().text(), "held");
    assert_eq!(hear(&mut next).await.unwrap().text(), "next");
}

/// *Scenario* A caller without the token declares a body and sends none of it. *Guarantees* It is turned away at once, unread.
#[tokio::test]
async fn the_token_is_asked_for_before_the_body() {
    let token = SecretSource::Value(Secret::new("planted-value"));
    let config = ListenerConfig { bearer_token: Some(token), ..ListenerConfig::loopback(0) };
    let running = start(config, 4).await;
    for authorization in ["", "authorization: Bearer planted-other\r\n", "authorization: Basic planted-value\r\n"] {
        let head = format!("POST / HTTP/1.1\r\nhost: a\r\n{authorization}content-length: 1000000\r\n\r\n");
        let mut stream = connect(&running).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let heard = hear(&mut stream).await.unwrap();
        assert_eq!((heard.status, heard.header("www-authenticate")), (401, Some("Bearer")));
        assert_eq!((heard.text(), heard.header("content-type")), ("who?", Some("text/plain")));
        assert!(is_closed(&mut stream).await);
    }
    let with = request("POST /", &[("authorization", "Bearer planted-value")], b"in");
    assert_eq!(exchange(running.address, &with).await.text(), "in");
}

#[tokio::test]
async fn beyond_loopback_a_guard_is_needed_or_its_absence_said() {
    let open = ListenerConfig { address: "0.0.0.0:0".parse().unwrap(), ..ListenerConfig::loopback(0) };
    let error = Listener::bind(&open, 4).await.err().unwrap();
    assert_eq!(error.to_string(), "0.0.0.0:0 is reachable from other machines and has no guard");
    assert!(error.hint().unwrap().contains("insecure = true") && error.exit() == Exit::Config);
    let files = |client_ca_file| Some(ListenerTls { cert_file: "c".into(), key_file: "k".into(), client_ca_file });
    let token = Some(SecretSource::File("t".into()));
    assert!(!ListenerConfig { tls: files(None), ..open.clone() }.is_guarded(), "TLS alone lets everybody in");
    assert!(ListenerConfig { tls: files(Some("ca".into())), ..open.clone() }.is_guarded());
    assert!(ListenerConfig { bearer_token: token, ..open.clone() }.is_guarded());
    assert!(ListenerConfig { insecure: true, ..open }.is_guarded());
}

#[tokio::test]
async fn a_taken_port_says_so() {
    let running = plain(4).await;
    let config = ListenerConfig { address: running.address, ..ListenerConfig::loopback(0) };
    let error = Listener::bind(&config, 4).await.err().unwrap();
    assert_eq!(error.to_string(), format!("cannot listen on {}", running.address));
    assert!(error.hint().unwrap().contains("choose another port"));
}

/// *Scenario* A stop while one request is in work and one caller rests. *Guarantees* The request is answered, the resting one is let go, and
/// nobody new is let in.
#[tokio::test]
async fn a_stop_lets_work_end() {
    let running = plain(4).await;
    let mut resting = connect(&running).await;
    assert_eq!(get(&mut resting, "/").await.unwrap().status, 200);
    let mut working = connect(&running).await;
    working.write_all(&request("POST /hold", &[], b"held")).await.unwrap();
    running.echo.held.notified().await;
    running.tasks.stop().stop();
    assert!(is_closed(&mut resting).await);
    running.echo.release.notify_one();
    assert_eq!(hear(&mut working).await.unwrap().text(), "held");
    assert_eq!(running.tasks.drain(Duration::from_secs(5)).await, Ok(()));
    assert!(TcpStream::connect(running.address).await.is_err());
}

/// *Scenario* A request hangs at the stop. *Guarantees* It is cut off after [`DRAIN_TIMEOUT`].
#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_ever() {
    let running = plain(4).await;
    let mut working = connect(&running).await;
    working.write_all(&request("POST /hold", &[], b"held")).await.unwrap();
    running.echo.held.notified().await;
    let begun = Instant::now();
    assert_eq!(running.tasks.drain(DRAIN_TIMEOUT * 2).await, Ok(()));
    assert_eq!(begun.elapsed().as_secs(), DRAIN_TIMEOUT.as_secs());
    assert!(is_closed(&mut working).await);
}

#[tokio::test]
async fn an_axum_router_is_a_handler() {
    let listener = Listener::bind(&ListenerConfig::loopback(0), 4).await.unwrap();
    let (address, tasks) = (listener.local_addr(), Tasks::new(Stop::new()));
    let router = axum::Router::new().route("/livez", axum::routing::get(|| async { "alive\n" }));
    let stop = tasks.stop().clone();
    tasks.spawn("listener", async move { listener.serve(Arc::new(router), stop).await });
    assert_eq!(exchange(address, &request("GET /livez", &[], b"")).await.text(), "alive\n");
    assert_eq!(exchange(address, &request("GET /nothing", &[], b"")).await.status, 404);
}

/// *Scenario* A peer takes nothing of its answer. *Guarantees* The transport fails after [`WRITE_TIMEOUT`] without progress.
#[tokio::test(start_paused = true)]
async fn who_takes_no_answer_is_let_go() {
    let (near, _far) = tokio::io::duplex(16);
    let mut timed = Timed::new(near, Arc::new(Connection::new([127, 0, 0, 1].into())));
    let begun = Instant::now();
    let error = timed.write_all(&[0; 64]).await.unwrap_err();
    assert_eq!((error.kind(), begun.elapsed().as_secs()), (std::io::ErrorKind::TimedOut, WRITE_TIMEOUT.as_secs()));
}

#[test]
fn connections_are_counted_by_peer() {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        let (registry, peer) = (Registry::default(), |last| std::net::IpAddr::from([10, 0, 0, last]));
        let entries = [1, 1, 2].map(|last| registry.enter(Arc::new(Connection::new(peer(last)))));
        assert_eq!((registry.count(peer(1)), registry.count(peer(2)), registry.count(peer(3))), (2, 1, 0));
        registry.leave(entries[0]);
        assert_eq!(registry.count(peer(1)), 1);
    });
}

mod with_tls {
    use super::*;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};

    /// A certificate authority of the test, and what it has signed.
    struct Authority {
        certificate: rcgen::Certificate,
        issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    }

    impl Authority {
        fn new() -> Self {
            let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate = params.self_signed(&key).unwrap();
            Self { certificate, issuer: rcgen::Issuer::new(params, key) }
        }

        fn sign(&self, name: &str) -> (rcgen::Certificate, rcgen::KeyPair) {
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate =
                rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
            (certificate, key)
        }
    }

    fn files(dir: &Path, authority: &Authority) -> ListenerTls {
        let (certificate, key) = authority.sign("localhost");
        let path = |name: &str, content: &str| {
            secret::write_file(&dir.join(name), content).unwrap();
            dir.join(name)
        };
        ListenerTls {
            cert_file: path("cert.pem", &certificate.pem()),
            key_file: path("key.pem", &key.serialize_pem()),
            client_ca_file: Some(path("ca.pem", &authority.certificate.pem())),
        }
    }

    async fn call(address: SocketAddr, authority: &Authority, client: Option<&Authority>) -> Option<Heard> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(authority.certificate.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match client.map(|client| client.sign("caller")) {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
                builder.with_client_auth_cert(chain, PrivateKeyDer::Pkcs8(key.serialize_der().into())).unwrap()
            }
        };
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()?;
        stream.write_all(&request("POST /", &[], b"sealed")).await.ok()?;
        hear(&mut stream).await
    }

    /// *Scenario* Callers with a certificate of ours, of others, and with none. *Guarantees* Only the first is let in.
    #[tokio::test]
    async fn only_certificates_of_the_given_authority_are_let_in() {
        let (dir, ours, others) = (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
        let config = ListenerConfig { tls: Some(files(dir.path(), &ours)), ..ListenerConfig::loopback(0) };
        let running = start(config, 4).await;
        assert_eq!(call(running.address, &ours, Some(&ours)).await.unwrap().text(), "sealed");
        assert!(call(running.address, &ours, Some(&others)).await.is_none());
        assert!(call(running.address, &ours, None).await.is_none());
    }

    /// *Scenario* A caller opens a connection and never begins the handshake. *Guarantees* It is closed in time.
    #[tokio::test(start_paused = true)]
    async fn a_handshake_has_its_time() {
        let (dir, ours) = (tempfile::tempdir().unwrap(), Authority::new());
        let config = ListenerConfig { tls: Some(files(dir.path(), &ours)), ..ListenerConfig::loopback(0) };
        let running = start(config, 4).await;
        let begun = Instant::now();
        assert!(is_closed(&mut connect(&running).await).await);
        assert_eq!(begun.elapsed().as_secs(), HANDSHAKE_TIMEOUT.as_secs());
    }

    #[tokio::test]
    async fn files_that_do_not_fit_are_named() {
        let (dir, ours) = (tempfile::tempdir().unwrap(), Authority::new());
        let good = files(dir.path(), &ours);
        let cases = [
            ListenerTls { cert_file: good.key_file.clone(), ..good.clone() },
            ListenerTls { key_file: good.cert_file.clone(), ..good.clone() },
            ListenerTls { client_ca_file: Some(good.key_file.clone()), ..good.clone() },
            ListenerTls { cert_file: dir.path().join("absent.pem"), ..good },
        ];
        for tls in cases {
            let config = ListenerConfig { tls: Some(tls), ..ListenerConfig::loopback(0) };
            let error = Listener::bind(&config, 4).await.err().unwrap();
            assert!(error.to_string().contains(".pem") && error.exit() == Exit::Refused, "{error}");
        }
    }
}
