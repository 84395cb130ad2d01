//! A caller that writes what it likes, byte by byte, as no proper client would.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Heard {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Sends raw bytes on a new connection and hears one answer.
pub(crate) async fn exchange(address: SocketAddr, request: &[u8]) -> Heard {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    hear(&mut stream).await.expect("an answer")
}

/// Hears one answer; `None` when the connection ends without one.
pub(crate) async fn hear(stream: &mut (impl AsyncRead + Unpin)) -> Option<Heard> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if !matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut heard = Heard { status: head[9..12].parse().unwrap(), head, body: bytes.split_off(end) };
    let length = heard.header("content-length").map_or(0, |length| length.parse().unwrap());
    while heard.body.len() < length {
        assert!(stream.read_buf(&mut heard.body).await.unwrap() > 0, "the body was cut off");
    }
    Some(heard)
}

/// Whether the other side has ended the connection; what it still says is passed over.
pub(crate) async fn is_closed(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> bool {
    let mut rest = Vec::new();
    // A reset ends it as well.
    stream.read_to_end(&mut rest).await.map_or(true, |_| true)
}

/// A request with a declared length.
pub(crate) fn request(line: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut request = format!("{line} HTTP/1.1\r\nhost: agent\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    [request.as_bytes(), body].concat()
}
