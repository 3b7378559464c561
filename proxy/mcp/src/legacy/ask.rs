//! Questions to clients of the older era, until they are answered.
//!
//! Enters: a question on the stream of a session's call, and the responses that the session posts.
//! Leaves: each response with whoever asked. Never: another session's answer; never more than a
//! bounded number of questions, or one that outlives its stream.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use serde::Deserialize;
use serde_json::value::RawValue;
use toolgate_call::{
    AskKind, Case, Event, Events, Frame, Ledger, Phase, Question, RawJson, Refusal, Respond, Said,
    Span, Version,
};

use crate::ask::{older_params, older_request};

/// Open questions of all sessions that this replica serves.
const MOST: usize = 4096;
/// Of one session.
const EACH: usize = 64;

/// The questions that are open.
#[derive(Clone, Debug)]
pub(crate) struct Asks(Arc<Table>);

#[derive(Debug)]
struct Table {
    /// Tells this process from others that serve the same sessions.
    tag: String,
    next: AtomicU64,
    open: Mutex<HashMap<u64, Open>>,
}

#[derive(Debug)]
struct Open {
    session: String,
    respond: Respond,
}

/// A question that was asked. Dropped before it was answered, it is forgotten.
#[derive(Debug)]
pub(crate) struct Asked {
    asks: Asks,
    number: u64,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// A stream of an older target's for an older client, its questions under ids of ours.
pub(crate) struct Relayed {
    events: Pin<Box<dyn Events>>,
    asks: Asks,
    session: String,
    version: Version,
    ledger: Arc<Ledger>,
    asked: Vec<Asked>,
}

// === impl Asks ===

impl Asks {
    pub(crate) fn new() -> Self {
        let tag = format!("{:08x}", fastrand::u32(..));
        Self(Arc::new(Table { tag, next: AtomicU64::new(1), open: Mutex::default() }))
    }

    /// Notes a question to a session; gives back its id.
    ///
    /// # Errors
    /// When too many are open: the way back, unused.
    pub(crate) fn ask(&self, session: &str, respond: Respond) -> Result<(RawJson, Asked), Respond> {
        let number = self.0.next.fetch_add(1, Relaxed);
        let mut open = self.open();
        let own = open.values().filter(|open| open.session == session).count();
        if own >= EACH || open.len() >= MOST {
            return Err(respond);
        }
        open.insert(number, Open { session: session.to_owned(), respond });
        drop(open);
        let id = RawJson::string(&format!("tg-{}-{number}", self.0.tag));
        Ok((id, Asked { asks: self.clone(), number }))
    }

    /// Takes a response of a session. One to a question that nobody asks any more is ignored.
    ///
    /// # Errors
    /// [`Case::BodyNotRequest`] when it is no response, or when the question was asked by another
    /// replica of the gateway, where the call waits.
    pub(crate) fn answered(&self, session: &str, frame: &Frame) -> Result<(), Refusal> {
        let all = frame.slice(Span { start: 0, end: frame.len() }).unwrap_or_default();
        let response: Response<'_> = serde_json::from_slice(all).map_err(|_| no_response())?;
        let said = response.said().ok_or_else(no_response)?;
        let id: String = serde_json::from_str(response.id.get()).unwrap_or_default();
        let Some((tag, number)) = id.strip_prefix("tg-").and_then(|id| id.split_once('-')) else {
            return Ok(());
        };
        if tag != self.0.tag {
            return Err(elsewhere());
        }
        if let Some(open) = number.parse().ok().and_then(|number| self.take(number, session)) {
            open.respond.say(said);
        }
        Ok(())
    }

    fn take(&self, number: u64, session: &str) -> Option<Open> {
        let mut open = self.open();
        let own = open.get(&number).is_some_and(|open| open.session == session);
        own.then(|| open.remove(&number)).flatten()
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Open>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Response ===

impl Response<'_> {
    /// What it says; `None` unless it is just one of the two.
    fn said(&self) -> Option<Said> {
        let owned = |raw: &RawValue| RawJson::built(raw.get().to_owned().into());
        match (self.result, self.error) {
            (Some(result), None) if result.get().starts_with('{') => {
                Some(Said::Result(owned(result)))
            }
            (None, Some(error)) if error.get().starts_with('{') => Some(Said::Error(owned(error))),
            _ => None,
        }
    }
}

// === impl Asked ===

impl Asked {
    /// Nobody answers any more.
    pub(crate) fn expire(self) {
        let open = self.asks.open().remove(&self.number);
        if let Some(Open { respond, .. }) = open {
            respond.say(Said::Expired);
        }
    }

    /// Whether nobody has answered yet.
    fn is_open(&self) -> bool {
        self.asks.open().contains_key(&self.number)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let forgotten = self.asks.open().remove(&self.number);
        // Not under the lock: whoever asked is told.
        drop(forgotten);
    }
}

// === impl Relayed ===

impl Relayed {
    pub(crate) fn new(
        events: Pin<Box<dyn Events>>,
        asks: &Asks,
        (session, version): (&str, Version),
        ledger: &Arc<Ledger>,
    ) -> Self {
        let (asks, session, ledger) = (asks.clone(), session.to_owned(), Arc::clone(ledger));
        Self { events, asks, session, version, ledger, asked: Vec::new() }
    }

    /// The request for the client; `None` if there is no room for another.
    fn ask(&mut self, question: Question) -> Option<RawJson> {
        let Question { kind, params, respond } = question;
        // As long as it is open it is the caller who takes the time.
        let ledger = Arc::clone(&self.ledger);
        let respond = respond.then(move || ledger.enter(Phase::Receive));
        match self.asks.ask(&self.session, respond) {
            Ok((id, asked)) => {
                self.ledger.enter(Phase::Write);
                self.asked.retain(Asked::is_open);
                self.asked.push(asked);
                // The page of an older target has the target's own id, by which it will speak of it.
                let form =
                    (kind == AskKind::Form).then(|| older_params(kind, &params, self.version));
                Some(older_request(&id, kind, form.as_ref().unwrap_or(&params)))
            }
            Err(respond) => {
                respond.say(Said::Overloaded);
                None
            }
        }
    }
}

impl Events for Relayed {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        loop {
            match self.events.as_mut().poll_event(cx) {
                Poll::Ready(Some(Event::Ask(question))) => {
                    if let Some(request) = self.ask(question) {
                        return Poll::Ready(Some(Event::Notice(request)));
                    }
                }
                other @ (Poll::Pending
                | Poll::Ready(None | Some(Event::Notice(_) | Event::Done(_)))) => {
                    return other;
                }
            }
        }
    }

    fn stopping(mut self: Pin<&mut Self>) {
        self.events.as_mut().stopping();
    }
}

fn no_response() -> Refusal {
    let message = "a response has an `id` and an object as either `result` or `error`";
    Refusal::new(Case::BodyNotRequest, message)
}

fn elsewhere() -> Refusal {
    let message = "this answers a question of another replica of the gateway, or of one that was \
                   restarted; requests of one session must go to one replica while a question is \
                   open";
    Refusal::new(Case::BodyNotRequest, message)
}

#[cfg(test)]
mod tests;
