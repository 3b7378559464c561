//! `text/event-stream` (HTML, "Server-sent events"), read as it arrives.
//!
//! Enters: bytes, cut anywhere. Leaves: the data of each event. Never: more than the limit held;
//! event names, ids and retry times are passed over, since MCP gives them no meaning here.

use bytes::{Bytes, BytesMut};

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// A decoder of one stream.
#[derive(Debug)]
pub(super) struct SseDecoder {
    buffer: BytesMut,
    scanned: usize,
    data: Vec<u8>,
    has_data: bool,
    started: bool,
    limit: usize,
}

// === impl SseDecoder ===

impl SseDecoder {
    /// A decoder that takes events of at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            scanned: 0,
            data: Vec::new(),
            has_data: false,
            started: false,
            limit,
        }
    }

    /// Takes bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The data of the next whole event; `Ok(None)` when more bytes are needed.
    ///
    /// # Errors
    /// The limit, when an event is larger.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, usize> {
        if !self.begin() {
            return Ok(None);
        }
        while let Some(line) = self.take_line() {
            if line.is_empty() {
                if std::mem::take(&mut self.has_data) {
                    return Ok(Some(std::mem::take(&mut self.data).into()));
                }
                continue;
            }
            self.field(&line);
            if self.data.len() > self.limit {
                return Err(self.limit);
            }
        }
        if self.buffer.len() + self.data.len() > self.limit { Err(self.limit) } else { Ok(None) }
    }

    /// Passes over a byte order mark; `false` while it cannot be told.
    fn begin(&mut self) -> bool {
        if self.started {
            return true;
        }
        if self.buffer.len() < BOM.len() && BOM.starts_with(&self.buffer) {
            return false;
        }
        if self.buffer.starts_with(BOM) {
            drop(self.buffer.split_to(BOM.len()));
        }
        self.started = true;
        true
    }

    /// A line without its end, if it is whole. A CR at the end of what has come may be half of a
    /// CRLF, and is left until the next byte tells.
    fn take_line(&mut self) -> Option<Bytes> {
        let fresh = self.buffer.get(self.scanned..)?;
        let Some(found) = memchr::memchr2(b'\n', b'\r', fresh) else {
            self.scanned = self.buffer.len();
            return None;
        };
        let at = self.scanned + found;
        self.scanned = at;
        let ending = match (self.buffer.get(at), self.buffer.get(at + 1)) {
            (Some(b'\r'), Some(b'\n')) => 2,
            (Some(b'\r'), None) => return None,
            _ => 1,
        };
        let line = self.buffer.split_to(at).freeze();
        drop(self.buffer.split_to(ending));
        self.scanned = 0;
        Some(line)
    }

    fn field(&mut self, line: &[u8]) {
        let Some(value) = line.strip_prefix(b"data") else { return };
        let value = match value.split_first() {
            None => value,
            Some((b':', rest)) => rest.strip_prefix(b" ").unwrap_or(rest),
            Some(_) => return,
        };
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        self.data.extend_from_slice(value);
    }
}
