//! `text/event-stream` (HTML, "Server-sent events"), read as it arrives.
//!
//! Enters: bytes, cut anywhere. Leaves: the data of each event, and where the stream can be taken up
//! again. Never: more than the limit held; event names are passed over, since MCP gives them no
//! meaning here.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

const BOM: &[u8] = b"\xEF\xBB\xBF";
/// The longest id of an event that is kept, in bytes. After a longer one, nothing can be taken up.
const ID: usize = 1024;

/// A decoder of one stream.
#[derive(Debug)]
pub(super) struct SseDecoder {
    buffer: BytesMut,
    scanned: usize,
    data: Vec<u8>,
    has_data: bool,
    started: bool,
    limit: usize,
    /// The id that the event being read gives; empty: takes the last one back.
    fresh_id: Option<Vec<u8>>,
    place: Place,
}

/// Where a stream can be taken up again (HTML: "last event ID" and "reconnection time").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The id of the last event, unless it is empty or none had any.
    pub(super) id: Option<Vec<u8>>,
    /// How long to wait first, if the other side has said it.
    pub(super) retry: Option<Duration>,
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
            fresh_id: None,
            place: Place::default(),
        }
    }

    /// A decoder of what comes after that place.
    pub(super) fn from(place: Place, limit: usize) -> Self {
        Self { place, ..Self::new(limit) }
    }

    /// Where the stream can be taken up again, if nothing more comes of it. What has come of an
    /// event whose end has not is lost with it.
    pub(super) const fn place(&self) -> &Place {
        &self.place
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
                if let Some(id) = self.fresh_id.take() {
                    self.place.id = Some(id).filter(|id| !id.is_empty());
                }
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
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let (name, rest) = line.split_at(colon);
        let value = rest.strip_prefix(b":").unwrap_or(rest);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => self.more_data(value),
            b"id" if memchr::memchr(0, value).is_none() => {
                self.fresh_id = Some(if value.len() > ID { Vec::new() } else { value.to_vec() });
            }
            b"retry" => {
                let digits = value.iter().all(u8::is_ascii_digit);
                let number = std::str::from_utf8(value).ok().filter(|_| digits);
                let milliseconds = number.and_then(|text| text.parse().ok());
                self.place.retry = milliseconds.map(Duration::from_millis).or(self.place.retry);
            }
            _ => {}
        }
    }

    fn more_data(&mut self, value: &[u8]) {
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        self.data.extend_from_slice(value);
    }
}

/// All events of a stream that comes in these pieces; `None` if one is beyond the limit.
#[cfg(fuzzing)]
pub(crate) fn fuzzed_events<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
    limit: usize,
) -> Option<(Vec<Bytes>, Place)> {
    let (mut decoder, mut events) = (SseDecoder::new(limit), Vec::new());
    for piece in pieces {
        decoder.push(piece);
        while let Some(event) = decoder.next().ok()? {
            events.push(event);
        }
    }
    Some((events, decoder.place().clone()))
}

#[cfg(test)]
mod tests;
