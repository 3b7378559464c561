//! The conversation with one living child.
//!
//! Enters: requests of many callers, and what the child says. Leaves: each answer in the inbox of
//! its request. Never: an id of a caller on the pipe, an entry that outlives its caller, or a
//! message that waits for room.

mod calls;
mod told;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;
use toolgate_call::{
    Abilities, Answer, Case, Era, Event, Events, Ledger, MOST_OPEN, Permitted, Phase, RawJson,
    Reason, Refusal, Said, Version,
};
use toolgate_telemetry::Telemetry;

use super::attend::Subscriptions;
use super::mailbox::Mailbox;
use super::request;
use crate::ask::{Refused, Request};
use crate::lacking::Lacking;
use crate::left::Left;
use crate::progress::{id_number, reported};
use crate::session::Logs;

/// One child's pipe, shared by its callers.
#[derive(Debug)]
pub(super) struct Link {
    target: Arc<str>,
    era: OnceLock<Era>,
    /// The revision agreed on, if it is one that is counted.
    version: OnceLock<Version>,
    /// The child's answer to `initialize`.
    about: OnceLock<RawJson>,
    /// Whether it has said that it tells of changes of its lists (modern era).
    tells: AtomicBool,
    subscriptions: Subscriptions,
    /// From which level on it sends log messages (older era).
    logs: OnceLock<Logs>,
    queue: mpsc::Sender<Outgoing>,
    queued: AtomicUsize,
    calls: Mutex<Calls>,
    next: AtomicU64,
    served: AtomicBool,
    /// Counts what the child has said.
    words: AtomicU64,
    /// Woken when a request was given up that the child knows of.
    doubt: Notify,
}

#[derive(Debug, Default)]
struct Calls {
    open: HashMap<u64, Entry>,
    /// Of callers who were not answered: what the child said after an answer is about others.
    left: Left,
    closed: bool,
}

#[derive(Debug)]
struct Entry {
    mail: Arc<Mailbox>,
    /// The caller's progress token.
    token: Option<RawJson>,
    asker: Asker,
    abilities: Abilities,
    caller: Option<Arc<Permitted>>,
}

/// A message on its way to the child.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// The message, on one line, without its end.
    pub(super) line: Bytes,
    /// The inbox of the request that it is, if it is one.
    pub(super) mail: Option<Arc<Mailbox>>,
}

/// Who asks, which decides what an answer, or leaving, means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// A caller of a tool.
    Caller,
    /// The gateway, for its list or its health.
    Gateway,
    /// The handshake: never cancelled (`basic/patterns/cancellation`).
    Handshake,
}

/// What goes with a request besides its text.
#[derive(Debug)]
pub(super) struct Ask {
    /// Who asks.
    pub(super) asker: Asker,
    /// Follows the request.
    pub(super) ledger: Option<Arc<Ledger>>,
    /// The caller's progress token.
    pub(super) token: Option<RawJson>,
    /// What the child may ask of the caller.
    pub(super) abilities: Abilities,
    /// The caller's request, if it is one.
    pub(super) caller: Option<Arc<Permitted>>,
}

impl Ask {
    /// A question of the gateway's own.
    pub(super) fn own(asker: Asker, ledger: Option<Arc<Ledger>>) -> Self {
        Self { asker, ledger, token: None, abilities: Abilities::NONE, caller: None }
    }
}

/// A request in flight. Dropping it frees its place and tells the child.
#[derive(Debug)]
pub(super) struct Ticket {
    link: Arc<Link>,
    id: u64,
    mail: Arc<Mailbox>,
    asker: Asker,
}

/// Requests in flight.
const MAX_OPEN: usize = 10_000;
/// Messages waiting to be written.
pub(super) const MAX_QUEUED: usize = 1024;
/// Their bytes.
const MAX_QUEUED_BYTES: usize = 64 * 1024 * 1024;

// === impl Link ===

impl Link {
    /// A link, and the queue that a writer has to empty.
    pub(super) fn new(target: &Arc<str>) -> (Arc<Self>, mpsc::Receiver<Outgoing>) {
        let (queue, outgoing) = mpsc::channel(MAX_QUEUED);
        let link = Self {
            target: Arc::clone(target),
            era: OnceLock::new(),
            version: OnceLock::new(),
            about: OnceLock::new(),
            tells: AtomicBool::new(false),
            subscriptions: Subscriptions::default(),
            logs: OnceLock::new(),
            queue,
            queued: AtomicUsize::new(0),
            calls: Mutex::default(),
            next: AtomicU64::new(1),
            served: AtomicBool::new(false),
            words: AtomicU64::new(0),
            doubt: Notify::new(),
        };
        (Arc::new(link), outgoing)
    }

    /// The era agreed on; the older one until then.
    pub(super) fn era(&self) -> Era {
        self.era.get().copied().unwrap_or(Era::Legacy)
    }

    /// Says which era was agreed on. The first word counts.
    pub(super) fn agree(&self, era: Era) {
        self.era.get_or_init(|| era);
    }

    /// Says which revision of it. The first word counts.
    pub(super) fn agree_on(&self, version: Version) {
        self.version.get_or_init(|| version);
        self.agree(version.era());
    }

    /// The revision agreed on, if it is one that is counted.
    pub(super) fn version(&self) -> Option<Version> {
        self.version.get().copied()
    }

    /// Keeps what the child said of itself. The first word counts.
    pub(super) fn introduce(&self, about: RawJson) {
        self.logs.get_or_init(|| Logs::of(&about));
        self.about.get_or_init(|| about);
    }

    /// What a child of the older era said of itself.
    pub(super) fn about(&self) -> Option<RawJson> {
        self.about.get().cloned()
    }

    /// Whether a tool's caller was answered.
    pub(super) fn served(&self) -> bool {
        self.served.load(Relaxed)
    }

    /// The child said something, whatever it was.
    pub(super) fn heard(&self) {
        self.words.fetch_add(1, Relaxed);
    }

    /// Ends when the child is taken for hung: a request was given up, nothing came from it for a
    /// while, and a question as to whether it lives was not answered either.
    pub(super) async fn hung(self: &Arc<Self>, patience: Duration) {
        loop {
            self.doubt.notified().await;
            let before = self.words.load(Relaxed);
            tokio::time::sleep(patience).await;
            if self.words.load(Relaxed) != before {
                continue;
            }
            let ask = Ask::own(Asker::Gateway, None);
            let era = self.era();
            let Ok(mut question) = self.ask(ask, |id| Some(request::probe(id, era))) else {
                // There is no room for a question, or the child has just ended: its end is seen
                // elsewhere.
                continue;
            };
            let answered = timeout(patience, question.ending()).await.is_ok();
            if !answered && self.words.load(Relaxed) == before {
                return;
            }
        }
    }

    /// Sends a request. `body` makes its text from our id, and may find that it cannot.
    ///
    /// # Errors
    /// [`Case::Overloaded`] when too much is in flight, [`Reason::ConnectRefused`] when the child
    /// has just ended; nothing was sent then.
    pub(super) fn ask(
        self: &Arc<Self>,
        ask: Ask,
        body: impl FnOnce(u64) -> Option<Bytes>,
    ) -> Result<Ticket, Refusal> {
        let id = self.next.fetch_add(1, Relaxed);
        let Some(line) = body(id) else {
            return Err(Refusal::internal("the progress token of a request was not found again"));
        };
        let Ask { asker, ledger, token, abilities, caller } = ask;
        // As long as it waits for its turn on the pipe, it has not left.
        if let Some(ledger) = &ledger {
            ledger.enter(Phase::Connect);
        }
        let mail = Arc::new(Mailbox::new(ledger, Lacking::of(caller.as_deref())));
        let entry = Entry { mail: Arc::clone(&mail), token, asker, abilities, caller };
        self.register(id, entry)?;
        let ticket = Ticket { link: Arc::clone(self), id, mail: Arc::clone(&mail), asker };
        // On failure the ticket is dropped, which frees the place; the child knows of nothing.
        self.send(Outgoing { line, mail: Some(mail) })?;
        Ok(ticket)
    }

    /// Sends something that has no answer. Without room it is lost: nobody depends on it.
    pub(super) fn say(&self, line: Bytes) {
        if let Err(refusal) = self.send(Outgoing { line, mail: None }) {
            tracing::debug!(server = %self.target, %refusal, "a notification was not sent");
        }
    }

    /// The writer has taken a message out of the queue.
    pub(super) fn taken(&self, bytes: usize) {
        self.queued.fetch_sub(bytes, Relaxed);
    }

    /// The child answered. An id that nobody waits for is late, and ignored.
    pub(super) fn answered(&self, id: &RawJson, answer: Answer) {
        let number = id_number(id.as_bytes());
        let entry = number.and_then(|id| self.calls().open.remove(&id));
        let Some(entry) = entry else {
            // A child that knows no subscriptions is not asked again.
            if let (Some(id), Answer::Result { .. }) = (number, &answer) {
                self.subscriptions.ended(id);
            }
            tracing::debug!(server = %self.target, "an answer that nobody waits for");
            return;
        };
        if entry.asker == Asker::Caller {
            self.served.store(true, Relaxed);
        }
        entry.mail.answer(answer);
    }

    /// The child reported progress. A token that nobody gave is ignored.
    pub(super) fn progressed(&self, token: &RawJson, notice: &RawJson) {
        let Some(id) = id_number(token.as_bytes()) else { return };
        let known = |entry: &Entry| Some((entry.token.clone()?, Arc::clone(&entry.mail)));
        let Some((theirs, mail)) = self.calls().open.get(&id).and_then(known) else { return };
        if let Some(notice) = reported(notice, &theirs) {
            mail.push(notice);
        }
    }

    /// The child asks something: of the only caller it serves, for a pipe does not say of which.
    pub(super) fn asked(self: &Arc<Self>, request: &Request<'_>, telemetry: &Arc<Telemetry>) {
        let question = self.attribute(request).and_then(|(mail, abilities)| {
            let link = Arc::clone(self);
            let send = move |bytes, _: &Said| link.say(request::on_one_line(bytes));
            let question = request.question(abilities, telemetry, send);
            if let Err(Refused::Undeclared(needs)) = question {
                mail.lacks(needs);
            }
            Ok((mail, question?))
        });
        match question {
            Ok((mail, question)) => mail.ask(question),
            Err(why) => self.say(request::on_one_line(request.refuse(why, telemetry))),
        }
    }

    /// Whose a question of the child's is.
    fn attribute(&self, request: &Request<'_>) -> Result<(Arc<Mailbox>, Abilities), Refused> {
        if request.asks().is_none() {
            return Err(Refused::Unknown);
        }
        let calls = self.calls();
        let sole = calls.sole().ok_or(Refused::Ambiguous)?;
        if sole.mail.open_questions() >= MOST_OPEN {
            return Err(Refused::Overloaded);
        }
        Ok((Arc::clone(&sole.mail), sole.abilities))
    }

    /// Ends one request without an answer. `false`: nobody waits for it.
    pub(super) fn failed(&self, id: u64, refusal: Refusal) -> bool {
        let entry = self.calls().give_up(id);
        entry.map(|entry| entry.mail.fail(refusal)).is_some()
    }

    /// Ends every request; there will be no more.
    pub(super) fn close(&self, refusal: &Refusal) {
        let mut calls = self.calls();
        calls.closed = true;
        let open = std::mem::take(&mut calls.open);
        drop(calls);
        for entry in open.into_values() {
            entry.mail.fail(refusal.clone());
        }
    }

    /// How many requests are in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.calls().open.len()
    }

    fn register(&self, id: u64, entry: Entry) -> Result<(), Refusal> {
        let mut calls = self.calls();
        if calls.closed {
            return Err(self.gone());
        }
        if calls.open.len() >= MAX_OPEN {
            return Err(self.overloaded("requests are in flight"));
        }
        calls.open.insert(id, entry);
        Ok(())
    }

    fn send(&self, message: Outgoing) -> Result<(), Refusal> {
        let bytes = message.line.len();
        if self.queued.fetch_add(bytes, Relaxed) > MAX_QUEUED_BYTES {
            self.taken(bytes);
            return Err(self.overloaded("bytes wait to be read by it"));
        }
        self.queue.try_send(message).map_err(|error| {
            self.taken(bytes);
            match error {
                mpsc::error::TrySendError::Full(_) => {
                    self.overloaded("messages wait to be read by it")
                }
                mpsc::error::TrySendError::Closed(_) => self.gone(),
            }
        })
    }

    fn gone(&self) -> Refusal {
        let message = format!("`{}` has just stopped; it is being restarted", self.target);
        Refusal::target(Reason::ConnectRefused, &self.target, message).safe_to_retry(true)
    }

    fn overloaded(&self, what: &str) -> Refusal {
        let message =
            format!("`{}` takes no more: too many {what}; try again in a moment", self.target);
        Refusal::new(Case::Overloaded, message)
            .retry_after(Duration::from_secs(1))
            .safe_to_retry(true)
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Ticket ===

impl Ticket {
    /// The next thing said about the request; `None` after its end.
    pub(super) async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.mail.poll(cx)).await
    }

    /// The end of the request; notices before it are dropped.
    pub(super) async fn ending(&mut self) -> Result<Answer, Refusal> {
        loop {
            match self.next().await {
                Some(Event::Notice(_) | Event::Ask(_)) => {}
                Some(Event::Done(ending)) => return ending,
                None => return Err(Refusal::internal("a request ended twice")),
            }
        }
    }
}

impl Events for Ticket {
    fn poll_event(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.mail.poll(cx)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let open = self.link.calls().give_up(self.id).is_some();
        let known = self.mail.abandon();
        if open && known && self.asker != Asker::Handshake {
            self.link.say(request::cancelled(self.id));
            self.link.doubt.notify_one();
        }
    }
}
