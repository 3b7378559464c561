//! What comes back.
//!
//! Enters: a target's answer, as bytes. Leaves: one answer, or messages and then one answer, with
//! the guards that must live as long as it does. Never: an id (each side has its own), never HTTP.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::{Era, Question, RawJson, Refusal};

/// The end of a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// `result`, as sent.
    Result {
        /// The result object.
        raw: RawJson,
        /// Whether it says `isError: true`.
        is_error: bool,
    },
    /// `error`, as sent.
    Error {
        /// The error object.
        raw: RawJson,
        /// Its code.
        code: i64,
    },
}

/// One thing on a stream of answers.
#[derive(Debug)]
pub enum Event {
    /// A notification: a whole JSON-RPC message.
    Notice(RawJson),
    /// The target asks something of the caller (older era). Never on a stream to a caller.
    Ask(Question),
    /// The end. Nothing follows.
    Done(Result<Answer, Refusal>),
}

/// Messages that belong to one request, and then its end.
pub trait Events: Send {
    /// The next one; `None` after [`Event::Done`].
    fn poll_event(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>>;

    /// Told before it is dropped if that is because the gateway stops.
    fn stopping(self: Pin<&mut Self>) {}
}

/// An answer at once, or messages first.
pub enum Body {
    /// Just the answer.
    One(Answer),
    /// Messages, then the answer. Dropping it cancels the request at the target.
    Stream(Pin<Box<dyn Events>>),
    /// Nothing: a notification was accepted.
    Accepted,
}

/// Something that is held until the last byte is out: a permit, a gauge.
pub trait Guard: Send + Sync {}

impl<T: Send + Sync> Guard for T {}

/// The guards of one reply. Most replies have two, which need no list.
#[derive(Default)]
pub struct Guards {
    first: Option<Box<dyn Guard>>,
    second: Option<Box<dyn Guard>>,
    more: Vec<Box<dyn Guard>>,
}

/// A reply.
#[derive(Debug)]
pub struct Reply {
    /// The answer.
    pub body: Body,
    /// The era in which the answer is written.
    pub era: Era,
    /// What lives as long as the reply.
    pub guards: Guards,
    /// The id of a session that was just made (older era).
    pub session: Option<Arc<str>>,
}

// === impl Answer ===

impl Answer {
    /// A result that is not a tool error.
    #[must_use]
    pub const fn result(raw: RawJson) -> Self {
        Self::Result { raw, is_error: false }
    }

    /// The length of the result or error in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Result { raw, .. } | Self::Error { raw, .. } => raw.len(),
        }
    }

    /// Whether there are no bytes in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

// === impl Reply ===

impl Reply {
    /// An answer at once.
    #[must_use]
    pub fn one(era: Era, answer: Answer) -> Self {
        Self::new(era, Body::One(answer))
    }

    /// Messages and then an answer.
    #[must_use]
    pub fn stream(era: Era, events: Pin<Box<dyn Events>>) -> Self {
        Self::new(era, Body::Stream(events))
    }

    /// A notification was accepted.
    #[must_use]
    pub fn accepted(era: Era) -> Self {
        Self::new(era, Body::Accepted)
    }

    fn new(era: Era, body: Body) -> Self {
        Self { body, era, guards: Guards::default(), session: None }
    }

    /// Keeps something alive until the reply is out.
    #[must_use]
    pub fn holding(mut self, guard: impl Guard + 'static) -> Self {
        self.guards.add(Box::new(guard));
        self
    }
}

// === impl Guards ===

impl Guards {
    fn add(&mut self, guard: Box<dyn Guard>) {
        if self.first.is_none() {
            self.first = Some(guard);
        } else if self.second.is_none() {
            self.second = Some(guard);
        } else {
            self.more.push(guard);
        }
    }

    fn count(&self) -> usize {
        usize::from(self.first.is_some()) + usize::from(self.second.is_some()) + self.more.len()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(answer) => f.debug_tuple("One").field(answer).finish(),
            Self::Stream(_) => f.write_str("Stream"),
            Self::Accepted => f.write_str("Accepted"),
        }
    }
}

impl fmt::Debug for Guards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guards({})", self.count())
    }
}
