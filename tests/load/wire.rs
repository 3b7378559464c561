//! One HTTP/1.1 connection of the load generator.
//!
//! In: whole requests as bytes. Out: whole answers. It never pipelines, retries, reconnects or
//! interprets a body: the generator shares the processor with what it measures, so it does little.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use bytes::{Bytes, BytesMut};
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest answer accepted, bytes; a page of metrics is the longest expected.
const LONGEST: usize = 8 << 20;
const READ: usize = 8 << 10;

/// A keep-alive connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
}

/// A whole answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Status code.
    pub(crate) status: u16,
    /// Status line and headers.
    head: String,
    /// The body, unchunked.
    pub(crate) body: Bytes,
}

#[derive(Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
}

impl Connection {
    /// Connects, with Nagle's delay off.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: BytesMut::with_capacity(READ) })
    }

    /// Sends one request and reads its answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        self.stream.write_all(request).await.context("sending a request")?;
        loop {
            if let Some(answer) = take_answer(&mut self.buffer)? {
                return Ok(answer);
            }
            ensure!(self.buffer.len() < LONGEST, "an answer of more than {LONGEST} bytes");
            self.buffer.reserve(READ);
            let read = self.stream.read_buf(&mut self.buffer).await.context("reading an answer")?;
            ensure!(read > 0, "the connection was closed before the answer ended");
        }
    }
}

impl Answer {
    /// The first value of a header, without the white space around it.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

/// Fetches one path on a connection of its own.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Result<Answer> {
    request(address, "GET", path).await
}

/// Sends an empty request on a connection of its own.
pub(crate) async fn request(address: SocketAddr, method: &str, path: &str) -> Result<Answer> {
    let text = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n");
    Connection::open(address).await?.exchange(text.as_bytes()).await
}

/// Takes the first answer out of `buffer`, or leaves it as it is while the answer is incomplete.
pub(crate) fn take_answer(buffer: &mut BytesMut) -> Result<Option<Answer>> {
    let Some(end) = memmem::find(buffer, b"\r\n\r\n") else { return Ok(None) };
    let body_at = end + 4;
    let head = std::str::from_utf8(buffer.get(..end).unwrap_or_default())
        .context("a head that is not text")?;
    let status = status(head)?;
    match framing(head, status)? {
        Framing::Length(length) => {
            ensure!(length <= LONGEST, "an answer of {length} bytes");
            if buffer.len() < body_at + length {
                return Ok(None);
            }
            let head = head.to_owned();
            let body = buffer.split_to(body_at + length).freeze().slice(body_at..);
            Ok(Some(Answer { status, head, body }))
        }
        Framing::Chunked => {
            let Some((body, length)) = unchunk(buffer.get(body_at..).unwrap_or_default())? else {
                return Ok(None);
            };
            let head = head.to_owned();
            drop(buffer.split_to(body_at + length));
            Ok(Some(Answer { status, head, body: body.into() }))
        }
    }
}

fn status(head: &str) -> Result<u16> {
    let code = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split(' ').next());
    code.and_then(|code| code.trim_end().parse().ok()).context("no HTTP/1.1 status line")
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim())
}

/// How the body ends (RFC 9112 section 6.3); "until the connection closes" is not accepted.
fn framing(head: &str, status: u16) -> Result<Framing> {
    if header(head, "transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
        return Ok(Framing::Chunked);
    }
    match header(head, "content-length") {
        Some(length) => Ok(Framing::Length(length.parse().context("a wrong Content-Length")?)),
        None if matches!(status, 202 | 204) => Ok(Framing::Length(0)),
        None => bail!("status {status} with neither Content-Length nor chunks"),
    }
}

/// The body and its length on the wire, or nothing while the last chunk is missing.
fn unchunk(wire: &[u8]) -> Result<Option<(Vec<u8>, usize)>> {
    let mut body = Vec::new();
    let mut rest = wire;
    loop {
        let Some(line) = memmem::find(rest, b"\r\n") else { return Ok(None) };
        let (size, after) = rest.split_at(line);
        let size = chunk_size(size)?;
        let needed = 2 + size + 2;
        let Some(chunk) = after.get(2..needed) else { return Ok(None) };
        let Some(data) = chunk.strip_suffix(b"\r\n") else { bail!("a chunk that does not end") };
        body.extend_from_slice(data);
        rest = after.get(needed..).unwrap_or_default();
        if size == 0 {
            return Ok(Some((body, wire.len() - rest.len())));
        }
    }
}

fn chunk_size(line: &[u8]) -> Result<usize> {
    let text = std::str::from_utf8(line).context("a chunk size that is not text")?;
    let digits = text.split(';').next().unwrap_or_default().trim();
    let size = usize::from_str_radix(digits, 16).context("a wrong chunk size")?;
    ensure!(size <= LONGEST, "a chunk of {size} bytes");
    Ok(size)
}
