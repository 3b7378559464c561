//! Lines of a pipe, none longer than a limit.
//!
//! Enters: what a child writes. Leaves: whole lines without their end, or the first and last bytes
//! of a line that was too long. Never: holds more than one line and one read beyond the limit.

use std::io;

use bytes::{Bytes, BytesMut};
use memchr::memchr;
use tokio::io::{AsyncRead, AsyncReadExt};

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// All of it.
    Whole(Bytes),
    /// The first and the last bytes of one that was longer than the limit; the rest is gone.
    Cut {
        /// How it begins.
        head: Bytes,
        /// How it ends; the two may overlap.
        tail: Bytes,
    },
}

/// How long a line may be, in bytes, and how much is kept of one that is longer.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest line.
    pub line: usize,
    /// What is kept of a longer one, at either end.
    pub keep: usize,
}

/// Splits a stream of bytes at `\n`.
#[derive(Debug)]
pub struct Lines<R> {
    from: R,
    limits: Limits,
    buffer: BytesMut,
    /// How much of the buffer is known to hold no line end.
    searched: usize,
    /// The first bytes of a line whose rest is being passed over, and the last so far.
    cut: Option<(Bytes, BytesMut)>,
}

/// Room made for one read.
const READ: usize = 16 * 1024;

// === impl Lines ===

impl<R: AsyncRead + Unpin> Lines<R> {
    /// The lines of `from`.
    #[must_use]
    pub fn new(from: R, limits: Limits) -> Self {
        Self { from, limits, buffer: BytesMut::new(), searched: 0, cut: None }
    }

    /// The next line; `None` at the end. A last line without an end is a line.
    ///
    /// Dropping the future loses nothing: what was read waits for the next call.
    ///
    /// # Errors
    /// When the pipe cannot be read.
    pub async fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            if let Some(line) = self.take() {
                return Ok(Some(line));
            }
            self.buffer.reserve(READ);
            if self.from.read_buf(&mut self.buffer).await? == 0 {
                return Ok(self.rest());
            }
        }
    }

    fn take(&mut self) -> Option<Line> {
        let fresh = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(at) = memchr(b'\n', fresh) else {
            self.searched = self.buffer.len();
            if self.buffer.len() > self.limits.line {
                self.pass_over();
            }
            return None;
        };
        let line = self.buffer.split_to(self.searched + at + 1).freeze();
        self.searched = 0;
        Some(self.finish(&line.slice(..line.len() - 1)))
    }

    fn rest(&mut self) -> Option<Line> {
        let line = self.buffer.split().freeze();
        self.searched = 0;
        (!line.is_empty() || self.cut.is_some()).then(|| self.finish(&line))
    }

    /// Keeps the ends of a line that has become too long, and forgets the rest as it comes.
    fn pass_over(&mut self) {
        let (keep, piece) = (self.limits.keep, self.buffer.split());
        let (_, tail) = self.cut.get_or_insert_with(|| (first(&piece, keep), BytesMut::new()));
        extend_tail(tail, &piece, keep);
        self.searched = 0;
    }

    fn finish(&mut self, line: &Bytes) -> Line {
        let keep = self.limits.keep;
        match self.cut.take() {
            Some((head, mut tail)) => {
                extend_tail(&mut tail, line, keep);
                Line::Cut { head, tail: tail.freeze() }
            }
            None if line.len() > self.limits.line => {
                let tail = line.slice(line.len().saturating_sub(keep)..);
                Line::Cut { head: line.slice(..keep.min(line.len())), tail }
            }
            None => {
                let text = line.strip_suffix(b"\r").unwrap_or(line);
                Line::Whole(line.slice_ref(text))
            }
        }
    }
}

fn first(piece: &[u8], keep: usize) -> Bytes {
    Bytes::copy_from_slice(piece.get(..keep).unwrap_or(piece))
}

/// The last bytes of what was kept and what has come.
fn extend_tail(tail: &mut BytesMut, piece: &[u8], keep: usize) {
    let fresh = piece.get(piece.len().saturating_sub(keep)..).unwrap_or_default();
    tail.extend_from_slice(fresh);
    let surplus = tail.len().saturating_sub(keep);
    drop(tail.split_to(surplus));
}
