//! What an older target asks beside the stream of the call that it is about.
//!
//! Enters: the stream of a session (GET) whose callers can be asked something. Leaves: each question,
//! and each log message, with the only call in flight on that session. Never: a question that may be another call's; a
//! stream that keeps its session or its target alive.

use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use toolgate_call::{Ledger, Said};

use super::calls::Beside;
use super::exchange::AnswerBody;
use super::failure::Failure;
use super::reply::Kind;
use super::session::Session;
use super::sse::SseDecoder;
use super::{Inner, request, show, stream};
use crate::ask::{Refused, Request};
use crate::progress::is_message;
use crate::wire::{Incoming, read_message};

/// How long a first call waits for the stream to be there, so that its question is heard on it. Some
/// targets send no head before the first event.
const HEAD: Duration = Duration::from_millis(500);
/// A session may have nothing to say for as long as it lasts.
const QUIET: Duration = Duration::from_secs(24 * 3600);
/// The first pause before a stream is opened again, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// The task that hears a session; it ends with it.
#[derive(Debug)]
pub(super) struct Ear(AbortHandle);

// === impl Ear ===

impl Ear {
    /// Begins to hear a session; there is a stream when this is done, or there will be one later, or
    /// the target has none.
    pub(super) async fn of(target: &Arc<Inner>, session: &Arc<Session>) -> Self {
        let (sender, opened) = oneshot::channel();
        let (target, session) = (Arc::downgrade(target), Arc::downgrade(session));
        // Made at once: if nobody waits any more, it ends.
        let ear = Self(tokio::spawn(hear_on(target, session, sender)).abort_handle());
        // Either word will do: that it is open, or that there is nobody to open it.
        let _word = tokio::time::timeout(HEAD, opened).await;
        ear
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Hears a session for as long as it lasts.
async fn hear_on(target: Weak<Inner>, session: Weak<Session>, opened: oneshot::Sender<()>) {
    let (mut pause, mut opened) = (PAUSES.0, Some(opened));
    loop {
        let Some(there) = target.upgrade() else { return };
        let Some(outgoing) = session.upgrade().map(|session| request::open(&there, &session))
        else {
            return;
        };
        let ledger = Ledger::new(Instant::now());
        let head = show::sent(http::Method::GET, &there, outgoing, &ledger).await;
        let limit = there.config.max_response;
        drop(there);
        match head {
            Ok(head) if head.status.is_success() && Kind::of(&head.headers) == Kind::Sse => {
                opened.take();
                pause = PAUSES.0;
                let _over = hear(head.body, limit, (&target, &session)).await;
            }
            // The target has no such stream, or the session is over.
            Ok(head) if matches!(head.status.as_u16(), 200..=299 | 400 | 404 | 405 | 501) => return,
            Ok(_) | Err(_) => {}
        }
        opened.take();
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

async fn hear(
    mut body: AnswerBody,
    limit: usize,
    (target, session): (&Weak<Inner>, &Weak<Session>),
) -> Result<(), Failure> {
    let mut decoder = SseDecoder::new(limit);
    while let Some(data) = poll_fn(|cx| body.poll_data(cx, QUIET)).await {
        decoder.push(&data?);
        while let Some(event) = decoder.next().map_err(Failure::TooLarge)? {
            let (Some(target), Some(session)) = (target.upgrade(), session.upgrade()) else {
                return Ok(());
            };
            if let Ok(message) = read_message(event) {
                take(&target, &session, message);
            }
        }
    }
    Ok(())
}

/// Whether nothing in a message says which call it is about.
pub(super) fn may_be_anothers(message: &Incoming) -> bool {
    match message {
        Incoming::Request { .. } => true,
        Incoming::Notice { method, .. } => is_message(method),
        Incoming::Answer { .. } => false,
    }
}

/// Takes a message. What is neither a question nor about a call is heard on the gateway's own session.
pub(super) fn take(target: &Arc<Inner>, session: &Arc<Session>, message: Incoming) {
    let (id, method, raw) = match message {
        Incoming::Request { id, method, raw } => (id, method, raw),
        Incoming::Notice { method, raw, .. } if is_message(&method) => {
            return session.calls.logged(raw);
        }
        Incoming::Notice { .. } | Incoming::Answer { .. } => return,
    };
    if method == "ping" {
        stream::answer(target, session, &id, &method);
        return;
    }
    let request = Request { id: &id, method: &method, raw: &raw };
    let why = match attributed(target, session, &request) {
        Ok(()) => return,
        Err(why) => why,
    };
    let said = request.refuse(why, &target.telemetry);
    Inner::send_aside(target, request::said_on(target, session, said), None);
}

/// Hands a question to the call that it must be about.
fn attributed(
    target: &Arc<Inner>,
    session: &Arc<Session>,
    request: &Request<'_>,
) -> Result<(), Refused> {
    request.asks().ok_or(Refused::Unknown)?;
    let sole = session.calls.sole().ok_or(Refused::Ambiguous)?;
    let place = sole.try_reserve().map_err(|_| Refused::Overloaded)?;
    let (there, on) = (Arc::downgrade(target), Arc::clone(session));
    let send = move |bytes: Bytes, _: &Said| {
        if let Some(target) = there.upgrade() {
            Inner::send_answer(&target, request::said_on(&target, &on, bytes), None);
        }
    };
    let question = request.question(session.abilities, &target.telemetry, send);
    match question {
        Ok(question) => {
            place.send(Beside::Question(question));
            Ok(())
        }
        Err(why) => {
            if let Refused::Undeclared(needs) = why {
                place.send(Beside::Lacking(needs));
            }
            Err(why)
        }
    }
}
