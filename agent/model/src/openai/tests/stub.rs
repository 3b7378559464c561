//! A server of models that does what a test says.
//!
//! In: connections. Out: whatever the test wants sent, when it wants it. Never: an answer of its
//! own.

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Listens on a port of its own.
pub(super) struct Stub {
    listener: TcpListener,
    pub(super) url: String,
}

/// A connection.
pub(super) struct Caller(TcpStream);

/// A request.
pub(super) struct Seen {
    pub(super) head: String,
    pub(super) body: Value,
}

impl Stub {
    pub(super) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/v1/", listener.local_addr().expect("an address"));
        Self { listener, url }
    }

    pub(super) async fn accept(&self) -> Caller {
        Caller(self.listener.accept().await.expect("a connection").0)
    }

    /// Takes a connection and a request, and answers with these bytes.
    pub(super) async fn answer(&self, bytes: impl AsRef<[u8]>) -> (Caller, Seen) {
        let mut caller = self.accept().await;
        let seen = caller.request().await;
        caller.send(bytes).await;
        (caller, seen)
    }
}

impl Caller {
    pub(super) async fn request(&mut self) -> Seen {
        let mut bytes = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&bytes);
            if let Some((head, body)) = text.split_once("\r\n\r\n")
                && body.len() >= length(head)
            {
                let body = serde_json::from_str(body).expect("JSON");
                return Seen { head: head.to_lowercase(), body };
            }
            assert!(self.0.read_buf(&mut bytes).await.expect("a request") > 0, "the end");
        }
    }

    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.expect("somebody who reads");
    }

    /// Sends a piece of a body of unknown length.
    pub(super) async fn chunk(&mut self, text: &str) {
        self.send(format!("{:x}\r\n{text}\r\n", text.len())).await;
    }

    /// Waits until the other side has closed the connection.
    pub(super) async fn closed(&mut self) {
        let mut rest = Vec::new();
        // A reset is an end, too.
        drop(self.0.read_to_end(&mut rest).await);
    }
}

/// The head of a stream of events, in chunks.
pub(super) const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                                 x-request-id: r-1\r\ntransfer-encoding: chunked\r\n\r\n";

/// A whole answer.
pub(super) fn whole(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

/// A stream of events that is known to its end.
pub(super) fn events(events: &[&str]) -> String {
    let body = events.iter().map(|data| format!("data: {data}\n\n")).collect::<String>();
    whole(200, "content-type: text/event-stream\r\n", &body)
}

fn length(head: &str) -> usize {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    lengths.next().and_then(|(_, length)| length.trim().parse().ok()).unwrap_or(0)
}
