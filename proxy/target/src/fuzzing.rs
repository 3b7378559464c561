//! What the fuzzer drives (`tests/fuzz`); compiled for it alone.
//!
//! Enters: any bytes. Leaves: nothing, or a panic that names what does not hold. Never: a socket.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a promise that does not hold must stop whoever drives this"
)]

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use serde::Deserialize;
use tokio::io::{AsyncRead, ReadBuf};

use crate::http::fuzzed_events;
use crate::stdio::lines::{Limits, Line, Lines};
use crate::wire::{Incoming, read_message};

/// The longest event or line here.
const LONGEST: usize = 4096;
const KEEP: usize = 16;

/// Takes the size of the pieces and an event stream. However it is cut, the events are the same,
/// and each is read as a message.
pub fn an_event_stream(input: &[u8]) {
    let Some((size, stream)) = input.split_first() else { return };
    let size = usize::from(*size).max(1);
    let whole = fuzzed_events([stream].into_iter(), LONGEST);
    let cut = fuzzed_events(stream.chunks(size), LONGEST);
    match (whole, cut) {
        (Some(whole), Some(cut)) => {
            assert!(whole == cut, "cut into pieces of {size}, the stream means something else");
            whole.0.into_iter().for_each(|event| a_message(&event));
        }
        // Where a limit is met depends on how much has come.
        (None, _) | (_, None) => {}
    }
}

/// Takes the size of the pieces and what a child writes. However it is cut, the lines are what lies
/// between the breaks, and each is read as a message.
pub fn lines_of_a_child(input: &[u8]) {
    let Some((size, stream)) = input.split_first() else { return };
    let reader = Pieces { rest: stream, size: usize::from(*size).max(1) };
    let mut lines = Lines::new(reader, Limits { line: LONGEST, keep: KEEP });
    let mut wanted = stream.split(|byte| *byte == b'\n');
    while let Some(line) = next(&mut lines) {
        let wanted = wanted.next().expect("more lines than breaks");
        match line {
            Line::Whole(line) => {
                assert!(line == wanted.strip_suffix(b"\r").unwrap_or(wanted), "another line");
                assert!(wanted.len() <= LONGEST, "a line of {} bytes is whole", wanted.len());
                a_message(&line);
            }
            Line::Cut { head, tail } => {
                assert!(wanted.len() > LONGEST, "a line of {} bytes is cut", wanted.len());
                assert!(wanted.starts_with(&head) && wanted.ends_with(&tail), "other ends");
                assert!((head.len(), tail.len()) == (KEEP, KEEP), "more or less of it is kept");
            }
        }
    }
    // Behind the last break there is nothing; of a stream that ends without one, nothing is left.
    let lost: Vec<&[u8]> = wanted.collect();
    assert!(matches!(&*lost, [] | [b""]), "{} lines are lost", lost.len());
}

/// What is read of a message is a part of it.
fn a_message(bytes: &Bytes) {
    let Ok(message) = read_message(bytes.clone()) else { return };
    let (Incoming::Notice { method, raw, .. } | Incoming::Request { method, raw, .. }) = message
    else {
        return;
    };
    // Not a `Value`: some JSON does not go into one (a number beyond f64).
    let spoken: Spoken = raw.parse().expect("a message that is not JSON, or without a method");
    assert!(spoken.method == method, "another method");
}

#[derive(Deserialize)]
struct Spoken {
    method: String,
}

fn next(lines: &mut Lines<Pieces<'_>>) -> Option<Line> {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(lines.next()).poll(&mut cx) {
        Poll::Ready(line) => line.expect("memory can be read"),
        Poll::Pending => panic!("memory is never waited for"),
    }
}

/// Bytes that come in pieces, each at once.
struct Pieces<'a> {
    rest: &'a [u8],
    size: usize,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let size = self.size.min(self.rest.len()).min(buffer.remaining());
        let (piece, rest) = self.rest.split_at(size);
        buffer.put_slice(piece);
        self.rest = rest;
        Poll::Ready(Ok(()))
    }
}
