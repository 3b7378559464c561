//! `text/event-stream` (HTML, "Server-sent events"), cut into the data of its events.
//!
//! Enters: bytes, cut anywhere. Leaves: the data of each event that has ended. Never: more than
//! the limit held; names, ids and retry times, which MCP gives no meaning here.

/// A reader of one stream.
#[derive(Debug)]
pub struct EventReader {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    after_cr: bool,
    limit: usize,
}

/// An event is larger than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

// === impl EventReader ===

impl EventReader {
    /// A reader that takes events of at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { line: Vec::new(), data: Vec::new(), has_data: false, after_cr: false, limit }
    }

    /// Takes bytes, and gives the events that end in them.
    ///
    /// # Errors
    /// An event is larger than the limit.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, TooLarge> {
        let mut events = Vec::new();
        for byte in bytes {
            // A CRLF is one line end, even when it is cut in two.
            let is_second_half = std::mem::take(&mut self.after_cr) && *byte == b'\n';
            match byte {
                b'\n' if is_second_half => {}
                b'\r' | b'\n' => {
                    self.after_cr = *byte == b'\r';
                    events.extend(self.end_line());
                }
                _ => self.line.push(*byte),
            }
            if self.line.len() + self.data.len() > self.limit {
                return Err(TooLarge);
            }
        }
        Ok(events)
    }

    /// Ends a line; an empty one ends the event.
    fn end_line(&mut self) -> Option<Vec<u8>> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let has_data = std::mem::take(&mut self.has_data);
            return has_data.then(|| std::mem::take(&mut self.data));
        }
        // A byte order mark can only stand before the first line.
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&line);
        let value = match line.strip_prefix(b"data:") {
            Some(value) => value,
            None if line == b"data" => b"",
            None => return None,
        };
        if std::mem::replace(&mut self.has_data, true) {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
        None
    }
}
