//! The answers to a batch: one array, or one stream in which each is an event.
//!
//! Enters: the responses of its calls, as each gets ready. Leaves: an array in the order of the
//! requests if all come whole; events in the order in which they come as soon as one call streams;
//! nothing if nothing was asked. Never: an answer that waits while another one's messages come.

use std::any::Any;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Body as _;

use crate::sse::data_line;
use crate::{Answering, Body, encode};

/// What is given back when the batch has been answered.
pub(crate) type Held = Box<dyn Any + Send>;

/// The calls of a batch.
pub(crate) struct BatchBody {
    members: Vec<Member>,
    /// Whose turn it is to be looked at first.
    turn: usize,
    _held: Option<Held>,
}

enum Member {
    Asked(Answering),
    /// Its answer, if it has one.
    Whole(Option<Bytes>),
    Streams(Body),
    Done,
}

/// Keeps it until the batch has been answered.
pub(crate) fn held(what: impl Any + Send) -> Held {
    Box::new(what)
}

/// One response for all. `json` is whether the caller takes an array.
pub(crate) async fn answer(
    members: Vec<Answering>,
    held: Option<Held>,
    json: bool,
) -> Response<Body> {
    let members = members.into_iter().map(Member::Asked).collect();
    let mut batch = BatchBody { members, turn: 0, _held: held };
    if !json || poll_fn(|cx| batch.poll_streams(cx)).await {
        return encode::events(Body::batch(batch));
    }
    let Some(array) = batch.array() else {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::ACCEPTED;
        return response;
    };
    let mut response = Response::new(Body::whole(array));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

// === impl BatchBody ===

impl BatchBody {
    /// Whether one of them streams; ready when one does, or when all are whole.
    fn poll_streams(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut waits = false;
        for member in &mut self.members {
            member.advance(cx);
            match member {
                Member::Streams(_) => return Poll::Ready(true),
                Member::Asked(_) => waits = true,
                Member::Whole(_) | Member::Done => {}
            }
        }
        if waits { Poll::Pending } else { Poll::Ready(false) }
    }

    /// All answers, in the order of the requests; `None` if there is none.
    fn array(self) -> Option<Bytes> {
        let answers: Vec<Bytes> =
            self.members.into_iter().filter_map(Member::into_answer).collect();
        let size = answers.iter().map(|answer| answer.len() + 1).sum::<usize>() + 1;
        let mut array = BytesMut::with_capacity(size);
        for answer in &answers {
            array.put_u8(if array.is_empty() { b'[' } else { b',' });
            array.put_slice(answer);
        }
        if array.is_empty() {
            return None;
        }
        array.put_u8(b']');
        Some(array.freeze())
    }

    /// The next event; `None` at the end. Each member has its turn.
    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let count = self.members.len();
        let mut waits = false;
        for step in 0..count {
            let at = self.turn.wrapping_add(step) % count;
            let Some(member) = self.members.get_mut(at) else { continue };
            match member.poll_chunk(cx) {
                Poll::Ready(Some(chunk)) => {
                    self.turn = at + 1;
                    return Poll::Ready(Some(chunk));
                }
                Poll::Ready(None) => {}
                Poll::Pending => waits = true,
            }
        }
        if waits { Poll::Pending } else { Poll::Ready(None) }
    }
}

impl fmt::Debug for BatchBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchBody").field("members", &self.members.len()).finish()
    }
}

// === impl Member ===

impl Member {
    /// Looks whether its response is there. One that is whole is taken at once, so that its record
    /// does not wait for the others.
    fn advance(&mut self, cx: &mut Context<'_>) {
        let Self::Asked(answering) = self else { return };
        let Poll::Ready(Ok(response)) = answering.as_mut().poll(cx) else { return };
        *self = match response.into_body().into_whole() {
            Ok(bytes) => Self::Whole(bytes),
            Err(body) => Self::Streams(body),
        };
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.advance(cx);
        let chunk = match self {
            Self::Asked(_) => return Poll::Pending,
            Self::Whole(bytes) => bytes.take().map(|bytes| data_line(&bytes)),
            Self::Streams(body) => match Pin::new(body).poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(frame))) => frame.into_data().ok(),
                Poll::Ready(None) => None,
            },
            Self::Done => None,
        };
        if chunk.is_none() {
            *self = Self::Done;
        }
        Poll::Ready(chunk)
    }

    fn into_answer(self) -> Option<Bytes> {
        match self {
            Self::Whole(bytes) => bytes,
            Self::Asked(_) | Self::Streams(_) | Self::Done => None,
        }
    }
}
