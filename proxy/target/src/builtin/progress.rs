//! A tool that tells what it does meanwhile, as a stream of progress.
//!
//! Enters: a call that goes on, and what it tells. Leaves: notifications with the caller's own token
//! (2026-07-28 `basic/utilities/progress`), then the answer. Never: more waiting than [`WAITING`]: who
//! tells more learns that it was not taken.

use std::pin::Pin;
use std::task::{Context, Poll};

use serde_json::json;
use tokio::sync::mpsc;
use toolgate_call::{Answer, Event, Events, RawJson};

use super::raw;
use super::tools::{Coming, ToolResult};

/// Most of what was told that waits to be sent.
pub(super) const WAITING: usize = 64;

/// What a tool tells meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How far it is: a number that grows.
    pub done: u64,
    /// What there is to say.
    pub message: String,
}

/// The stream.
pub(super) struct Telling {
    token: RawJson,
    first: Option<Progress>,
    told: mpsc::Receiver<Progress>,
    coming: Coming,
    answer: Option<Answer>,
    over: bool,
}

// === impl Telling ===

impl Telling {
    /// A call that goes on and has told something.
    pub(super) const fn new(
        token: RawJson,
        first: Progress,
        told: mpsc::Receiver<Progress>,
        coming: Coming,
    ) -> Self {
        Self { token, first: Some(first), told, coming, answer: None, over: false }
    }

    fn notice(&self, Progress { done, message }: &Progress) -> Event {
        let token = String::from_utf8_lossy(self.token.as_bytes());
        let message = json!(message);
        let notice = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{done},"message":{message}}}}}"#,
        );
        Event::Notice(RawJson::built(notice.into()))
    }
}

impl Events for Telling {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.over {
            return Poll::Ready(None);
        }
        if self.answer.is_none()
            && let Poll::Ready(result) = self.coming.as_mut().poll(cx)
        {
            self.answer = Some(answered(&result));
        }
        // What was told goes before the answer.
        let told = match self.first.take() {
            Some(first) => Some(first),
            None => match self.told.poll_recv(cx) {
                Poll::Ready(told) => told,
                Poll::Pending => None,
            },
        };
        if let Some(told) = told {
            return Poll::Ready(Some(self.notice(&told)));
        }
        let Some(answer) = self.answer.take() else { return Poll::Pending };
        self.over = true;
        Poll::Ready(Some(Event::Done(Ok(answer))))
    }
}

/// What a call came to, as an answer.
pub(super) fn answered(ToolResult { result, is_error }: &ToolResult) -> Answer {
    Answer::Result { raw: raw(result), is_error: *is_error }
}
