//! A model behind the OpenAI-compatible API that knows when it sent its words.
//!
//! In: questions over HTTP, one a connection at a time. Out: the same two words for each, and the moment at which the
//! first of them was written. Never: thinks.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The head, and the first event as a chunk.
const FIRST: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const WORDS: [&str; 2] = ["one ", "two"];

/// One that runs until it is dropped.
#[derive(Debug)]
pub struct Provider {
    address: SocketAddr,
    sent: Arc<Mutex<Vec<Instant>>>,
    serving: JoinHandle<()>,
}

// === impl Provider ===

impl Provider {
    /// Starts one.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, sent) = (listener.local_addr()?, Arc::default());
        let noted = Arc::clone(&sent);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let noted = Arc::clone(&noted);
                // A connection that breaks off is the client's business.
                tokio::spawn(async move { serve(stream, &noted).await.ok() });
            }
        });
        Ok(Self { address, sent, serving })
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// When the first word of each reply was written, in the order of the replies.
    #[must_use]
    pub fn sent(&self) -> Vec<Instant> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(stream: TcpStream, noted: &Mutex<Vec<Instant>>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(length) = head(&mut stream).await? {
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let [first, second] = WORDS.map(word);
        let at = Instant::now();
        stream.write_all(format!("{FIRST}{first}").as_bytes()).await?;
        noted.lock().unwrap_or_else(PoisonError::into_inner).push(at);
        let end = chunk(r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#) + &chunk("[DONE]");
        stream.write_all(format!("{second}{end}0\r\n\r\n").as_bytes()).await?;
    }
    Ok(())
}

/// Reads the head of a request: how long its body is; `None` at the end of the connection.
async fn head(stream: &mut BufReader<TcpStream>) -> Result<Option<usize>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            return Ok(Some(length));
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().context("a length")?;
        }
    }
}

fn word(text: &str) -> String {
    chunk(&format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}]}}"#))
}

/// An event as a chunk of its own.
fn chunk(data: &str) -> String {
    let event = format!("data: {data}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len())
}
