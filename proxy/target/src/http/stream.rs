//! An event stream that answers one request.
//!
//! Enters: the bytes of the stream. Leaves: notifications, and then the answer. Never: ends without
//! saying how; dropped before its end, it tells the target that nobody waits any more.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use serde_json::json;
use toolgate_call::{Event, Events, Ledger, Outbound, RawJson};

use super::Inner;
use super::exchange::AnswerBody;
use super::failure::Failure;
use super::reply::{is_ours, receiving};
use super::request;
use super::session::Session;
use super::sse::SseDecoder;
use crate::progress::{Wanted, news};
use crate::wire::{Incoming, read_message};

/// The stream.
pub(super) struct TargetStream {
    target: Arc<Inner>,
    body: Option<AnswerBody>,
    decoder: SseDecoder,
    id: u64,
    cancel: Cancel,
    ledger: Arc<Ledger>,
    wanted: Wanted,
    kept: Option<Event>,
}

/// Tells a target of the older era that a call is not wanted any more, unless it was answered. A
/// modern one hears it from the closed connection.
pub(super) struct Cancel {
    target: Arc<Inner>,
    session: Option<Arc<Session>>,
    id: u64,
}

// === impl TargetStream ===

impl TargetStream {
    pub(super) fn new(
        target: &Arc<Inner>,
        body: AnswerBody,
        id: u64,
        cancel: Cancel,
        outbound: &Outbound,
    ) -> Self {
        let decoder = SseDecoder::new(target.config.max_response);
        // Callers share a session of the older era, so that their tokens were replaced by ours.
        let wanted = Wanted::of(&outbound.op, cancel.session.as_ref().map(|_| id));
        let (target, ledger) = (Arc::clone(target), Arc::clone(&outbound.ledger));
        Self { target, body: Some(body), decoder, id, cancel, ledger, wanted, kept: None }
    }

    /// Puts the first message back, after it was looked at.
    pub(super) fn put_back(mut self: Pin<&mut Self>, event: Event) {
        self.kept = Some(event);
    }

    /// The next message of this request.
    pub(super) fn poll_message(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Event, Failure>>> {
        let this = &mut *self;
        loop {
            match this.decoder.next() {
                Ok(Some(data)) => {
                    let Some(event) = this.read(data) else { continue };
                    if let Ok(Event::Done(_)) = &event
                        && let Some(body) = this.body.take()
                    {
                        body.wind_up(&this.target, cx);
                    }
                    return Poll::Ready(Some(event));
                }
                Ok(None) => {}
                Err(limit) => return Poll::Ready(Some(Err(this.fail(Failure::TooLarge(limit))))),
            }
            let Some(body) = &mut this.body else { return Poll::Ready(None) };
            let patience = this.target.config.idle_timeout;
            match body.poll_data(cx, patience) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(data))) => this.decoder.push(&data),
                Poll::Ready(Some(Err(failure))) => {
                    return Poll::Ready(Some(Err(this.fail(failure))));
                }
                Poll::Ready(None) => {
                    let early = "the event stream ended without an answer".to_owned();
                    return Poll::Ready(Some(Err(this.fail(Failure::Broken(early)))));
                }
            }
        }
    }

    fn read(&mut self, data: bytes::Bytes) -> Option<Result<Event, Failure>> {
        if data.is_empty() {
            return None;
        }
        receiving(&self.ledger);
        let message = match read_message(data) {
            Ok(message) => message,
            Err(error) => return Some(Err(self.fail(Failure::Protocol(error.to_string())))),
        };
        match message {
            Incoming::Answer { id, answer } if is_ours(&id, self.id, &answer) => {
                self.cancel.disarm();
                Some(Ok(Event::Done(Ok(answer))))
            }
            Incoming::Answer { .. } => {
                tracing::warn!(target = %self.target.config.target, "an answer nobody waits for");
                None
            }
            Incoming::Notice { method, raw, progress_token } => {
                if let Some(notice) = news(&method, &raw) {
                    (self.target.notices)(notice);
                    return None;
                }
                let passed = self.wanted.pass(&method, raw, progress_token.as_ref());
                passed.map(|raw| Ok(Event::Notice(raw)))
            }
            Incoming::Request { id, method, .. } => {
                self.cancel.answer(&id, &method);
                None
            }
        }
    }

    /// Gives up, and says so to a target that would not notice.
    fn fail(&mut self, failure: Failure) -> Failure {
        self.cancel.fire();
        self.body = None;
        failure
    }
}

impl Events for TargetStream {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if let Some(kept) = self.kept.take() {
            return Poll::Ready(Some(kept));
        }
        let polled = self.as_mut().poll_message(cx);
        polled.map(|message| {
            message.map(|message| match message {
                Ok(event) => event,
                Err(failure) => Event::Done(Err(failure.refuse(&self.target.config.target))),
            })
        })
    }
}

// === impl Cancel ===

impl Cancel {
    pub(super) fn new(target: &Arc<Inner>, session: Option<&Arc<Session>>, id: u64) -> Self {
        Self { target: Arc::clone(target), session: session.map(Arc::clone), id }
    }

    /// The call was answered, or never arrived.
    pub(super) fn disarm(&mut self) {
        self.session = None;
    }

    /// Nobody waits any more, for whatever reason.
    fn fire(&mut self) {
        let Some(session) = self.session.take() else { return };
        let message = json!({
            "jsonrpc": "2.0",
            "method": "notifications/cancelled",
            "params": { "requestId": self.id, "reason": "nobody waits for the answer any more" },
        });
        Inner::send_aside(&self.target, request::on_session(&self.target, &session, &message));
    }

    fn answer(&self, id: &RawJson, method: &str) {
        if let Some(session) = &self.session {
            answer(&self.target, session, id, method);
        }
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        self.fire();
    }
}

/// Answers a question of the target's: the gateway lives, and can do nothing else for it yet.
pub(super) fn answer(target: &Arc<Inner>, session: &Session, id: &RawJson, method: &str) {
    let Ok(id) = id.parse::<serde_json::Value>() else { return };
    let message = if method == "ping" {
        json!({ "jsonrpc": "2.0", "id": id, "result": {} })
    } else {
        let error = json!({ "code": -32601, "message": "not offered by this client" });
        json!({ "jsonrpc": "2.0", "id": id, "error": error })
    };
    Inner::send_aside(target, request::on_session(target, session, &message));
}
