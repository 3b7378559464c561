//! The body of a response.
//!
//! Enters: bytes, or the events of one call. Leaves: HTTP frames, and the exchange's record when
//! the last frame is out or the caller is gone. Never: more than one message ahead of the caller.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::batch::BatchBody;
use crate::exchange::Finisher;
use crate::sse::SseBody;

/// A response body: whole, or an event stream.
#[derive(Debug)]
pub struct Body {
    kind: Kind,
    finisher: Option<Finisher>,
}

#[derive(Debug)]
enum Kind {
    Whole(Option<Bytes>),
    Sse(Box<SseBody>),
    Batch(Box<BatchBody>),
}

// === impl Body ===

impl Body {
    /// No bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Self { kind: Kind::Whole(None), finisher: None }
    }

    /// These bytes.
    #[must_use]
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { kind: Kind::Whole((!bytes.is_empty()).then_some(bytes)), finisher: None }
    }

    pub(crate) fn sse(stream: SseBody) -> Self {
        Self { kind: Kind::Sse(Box::new(stream)), finisher: None }
    }

    pub(crate) fn batch(batch: BatchBody) -> Self {
        Self { kind: Kind::Batch(Box::new(batch)), finisher: None }
    }

    /// Its bytes, if they are all there; they count as written.
    pub(crate) fn into_whole(mut self) -> Result<Option<Bytes>, Self> {
        let Kind::Whole(bytes) = &mut self.kind else { return Err(self) };
        let bytes = bytes.take();
        self.count(bytes.as_ref(), true);
        Ok(bytes)
    }

    pub(crate) fn recorded(mut self, finisher: Finisher) -> Self {
        self.finisher = Some(finisher);
        self
    }

    /// Counts what goes out, and writes the record as soon as nothing more will.
    fn count(&mut self, frame: Option<&Bytes>, last: bool) {
        if let (Some(bytes), Some(finisher)) = (frame, &self.finisher) {
            finisher.exchange.ledger.add_bytes_out(bytes.len());
        }
        if last {
            self.finisher = None;
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        let next = match &mut this.kind {
            Kind::Whole(bytes) => bytes.take(),
            Kind::Sse(stream) => match stream.poll_chunk(cx) {
                Poll::Ready(chunk) => chunk,
                Poll::Pending => return Poll::Pending,
            },
            Kind::Batch(batch) => match batch.poll_chunk(cx) {
                Poll::Ready(chunk) => chunk,
                Poll::Pending => return Poll::Pending,
            },
        };
        let last = next.is_none() || matches!(this.kind, Kind::Whole(_));
        this.count(next.as_ref(), last);
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.kind, Kind::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Kind::Sse(_) | Kind::Batch(_) => SizeHint::default(),
        }
    }
}
