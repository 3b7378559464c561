//! Just enough HTTP/1.1 to misbehave in it.
//!
//! In: a socket. Out: whole requests, and bytes written as they are. It never corrects what it is
//! told to write.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The longest head that is read, bytes.
const LONGEST_HEAD: usize = 64 * 1024;

/// A connection from a caller.
pub(super) struct Wire {
    stream: TcpStream,
    unread: BytesMut,
}

/// A request.
pub(super) struct Received {
    pub(super) verb: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, unread: BytesMut::new() }
    }

    /// The next request; `None` when the caller has closed the connection between two.
    pub(super) async fn receive(&mut self) -> Result<Option<Received>> {
        let Some(head) = self.head().await? else { return Ok(None) };
        let mut lines = head.lines();
        let verb = lines.next().and_then(|line| line.split(' ').next()).unwrap_or_default();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length: usize = length.map_or(Ok(0), |(_, text)| text.parse())?;
        while self.unread.len() < length {
            if self.stream.read_buf(&mut self.unread).await? == 0 {
                bail!("a body broke off");
            }
        }
        let body = self.unread.split_to(length).freeze();
        Ok(Some(Received { verb: verb.to_owned(), headers, body }))
    }

    async fn head(&mut self) -> Result<Option<String>> {
        loop {
            if let Some(end) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = self.unread.split_to(end + 4);
                let text = std::str::from_utf8(&head).context("a head that is not text")?;
                return Ok(Some(text.trim_end().to_owned()));
            }
            if self.unread.len() > LONGEST_HEAD {
                bail!("a head without an end");
            }
            if self.stream.read_buf(&mut self.unread).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Writes bytes and hands them to the network.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    /// A whole answer.
    pub(super) async fn answer(
        &mut self,
        status: &str,
        headers: &[&str],
        body: &str,
    ) -> Result<()> {
        let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
        for line in headers {
            head.push_str(line);
            head.push_str("\r\n");
        }
        self.write(format!("{head}\r\n{body}").as_bytes()).await
    }

    /// A JSON answer.
    pub(super) async fn json(&mut self, body: &str) -> Result<()> {
        self.answer("200 OK", &["Content-Type: application/json"], body).await
    }

    /// Bytes one by one.
    pub(super) async fn drip(&mut self, bytes: &[u8], pause: Duration) -> Result<()> {
        let mut tick = tokio::time::interval(pause);
        for byte in bytes {
            tick.tick().await;
            self.write(std::slice::from_ref(byte)).await?;
        }
        Ok(())
    }

    /// Waits until the caller closes the connection.
    pub(super) async fn closed(&mut self) {
        let mut nothing = BytesMut::new();
        while matches!(self.stream.read_buf(&mut nothing).await, Ok(1..)) {
            nothing.clear();
        }
    }

    /// Closes it with a reset instead of an end.
    pub(super) fn reset(self) -> Result<()> {
        Ok(self.stream.set_zero_linger()?)
    }
}
