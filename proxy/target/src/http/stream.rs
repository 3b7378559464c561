//! An event stream that answers one request.
//!
//! Enters: the bytes of the stream. Leaves: notifications and questions, and then the answer; while
//! a question is open, the target may be as quiet as it likes. Never: ends without
//! saying how; dropped before its end, it tells the target that nobody waits any more.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use serde_json::json;
use tokio::time::Sleep;
use toolgate_call::{
    Abilities, Deadline, Event, Events, Ledger, MOST_OPEN, OpenQuestions, Outbound, PATIENCE,
    Question, RawJson, Said,
};

use super::aside;
use super::calls::{Beside, InFlight};
use super::exchange::AnswerBody;
use super::failure::Failure;
use super::reply::{is_ours, receiving};
use super::request;
use super::resume::Source;
use super::session::Session;
use super::{AfterThat, Inner, Told};
use crate::ask::{Refused, Request};
use crate::lacking::Lacking;
use crate::progress::{Wanted, news};
use crate::wire::{Incoming, read_message};

/// How long an answer waits for log messages that were written before it, beside its stream: only that
/// of a call of which some have come already.
const LATE: Duration = Duration::from_millis(100);

/// The stream.
pub(super) struct TargetStream {
    target: Arc<Inner>,
    source: Source,
    id: u64,
    cancel: Cancel,
    ledger: Arc<Ledger>,
    wanted: Wanted,
    kept: Option<Event>,
    abilities: Abilities,
    lacking: Lacking,
    /// `None` until the target asks something.
    asked: Option<Asked>,
    /// Whether log messages have come beside the stream.
    is_logged: bool,
    /// Until when an answer must be out.
    deadline: Deadline,
    /// The answer, while it waits for the last of them.
    late: Option<(Event, Pin<Box<Sleep>>)>,
}

/// What the target has asked.
#[derive(Default)]
struct Asked {
    questions: OpenQuestions,
    /// Whether any was open when it was last looked at.
    open: bool,
}

/// Tells a target of the older era that a call is not wanted any more, unless it was answered. A
/// modern one hears it from the closed connection.
pub(super) struct Cancel {
    target: Arc<Inner>,
    session: Option<Arc<Session>>,
    id: u64,
    /// Dropped when the target has been told, or need not be.
    told: Option<Told>,
    /// `None` for callers who cannot be asked anything, of a target that writes no log messages.
    in_flight: Option<InFlight>,
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
        let source = Source::new(body, target.config.max_response);
        // Callers share a session of the older era, so that their tokens were replaced by ours.
        let wanted = Wanted::of(&outbound.op, cancel.session.as_ref().map(|_| id));
        let (target, ledger) = (Arc::clone(target), Arc::clone(&outbound.ledger));
        let (kept, asked, abilities) = (None, None, outbound.abilities);
        let (late, is_logged, deadline) = (None, false, outbound.deadline);
        let lacking = Lacking::of(outbound.permitted());
        Self {
            target,
            source,
            id,
            cancel,
            ledger,
            wanted,
            kept,
            abilities,
            lacking,
            asked,
            is_logged,
            deadline,
            late,
        }
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
            // First, for it may be about what the target says next on the stream.
            if let Some(event) = this.poll_aside(cx) {
                return Poll::Ready(Some(Ok(event)));
            }
            if let Some((_, until)) = &mut this.late {
                if until.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                this.cancel.disarm();
                return Poll::Ready(this.late.take().map(|(answer, _)| Ok(answer)));
            }
            match this.source.next() {
                Ok(Some(data)) => {
                    let Some(event) = this.read(data) else { continue };
                    if let Ok(Event::Done(_)) = &event {
                        this.source.wind_up(&this.target, cx);
                    }
                    match event {
                        Ok(answer @ Event::Done(_)) if this.is_logged => {
                            let wait = this.wait_for_messages();
                            this.late = Some((answer, Box::pin(tokio::time::sleep(wait))));
                            continue;
                        }
                        event => return Poll::Ready(Some(event)),
                    }
                }
                Ok(None) => {}
                Err(failure) => return Poll::Ready(Some(Err(this.fail(failure)))),
            }
            let patience = this.patience(cx);
            let far = (&this.target, this.cancel.session.as_ref());
            match ready!(this.source.poll_more(cx, patience, far)) {
                None => return Poll::Ready(None),
                Some(Ok(())) => {}
                Some(Err(failure)) => return Poll::Ready(Some(Err(this.fail(failure)))),
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
                self.cancel.answered(self.is_logged);
                Some(Ok(Event::Done(self.lacking.settle(answer))))
            }
            Incoming::Answer { .. } => {
                tracing::warn!(target = %self.target.config.target, "an answer nobody waits for");
                None
            }
            // On a stream that was taken up, the target may speak of other calls as well.
            beside @ (Incoming::Notice { .. } | Incoming::Request { .. })
                if self.source.is_taken_up() && aside::may_be_anothers(&beside) =>
            {
                if let Some(session) = &self.cancel.session {
                    aside::take(&self.target, session, beside);
                }
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
            Incoming::Request { id, method, raw } => {
                let request = Request { id: &id, method: &method, raw: &raw };
                self.question(&request).map(|question| Ok(Event::Ask(question)))
            }
        }
    }

    /// A question for the caller; all others are answered here.
    fn question(&mut self, request: &Request<'_>) -> Option<Question> {
        // A modern server has no right to ask on a stream, and a client none to answer.
        let session = Arc::clone(self.cancel.session.as_ref()?);
        if request.method == "ping" {
            answer(&self.target, &session, request.id, request.method);
            return None;
        }
        let asked = self.asked.get_or_insert_default();
        let send = {
            let (target, session) = (Arc::clone(&self.target), Arc::clone(&session));
            let cancelled = self.cancel.told();
            move |bytes, said: &Said| {
                // A call that is cancelled first does not go on with such an answer.
                let after = matches!(said, Said::Abandoned).then_some(cancelled);
                let outgoing = request::said_on(&target, &session, bytes);
                Inner::send_answer(&target, outgoing, after);
            }
        };
        let question = if asked.questions.count() < MOST_OPEN {
            request.question(self.abilities, &self.target.telemetry, send)
        } else {
            Err(Refused::Overloaded)
        };
        match question {
            Ok(question) => Some(asked.questions.note(question)),
            Err(why) => {
                if let Refused::Undeclared(needs) = why {
                    self.lacking.note(needs);
                }
                let said = request.refuse(why, &self.target.telemetry);
                let outgoing = request::said_on(&self.target, &session, said);
                Inner::send_aside(&self.target, outgoing, None);
                None
            }
        }
    }

    /// A question or a log message of this call that did not come on its stream.
    fn poll_aside(&mut self, cx: &mut Context<'_>) -> Option<Event> {
        loop {
            let in_flight = self.cancel.in_flight.as_mut()?;
            let Poll::Ready(Some(beside)) = in_flight.poll_beside(cx) else { return None };
            match beside {
                Beside::Question(question) => {
                    receiving(&self.ledger);
                    let questions = &mut self.asked.get_or_insert_default().questions;
                    return Some(Event::Ask(questions.note(question)));
                }
                Beside::Lacking(needs) => self.lacking.note(needs),
                Beside::Message(raw) => {
                    if let Some(raw) = self.wanted.message(raw) {
                        receiving(&self.ledger);
                        self.is_logged = true;
                        return Some(Event::Notice(raw));
                    }
                }
            }
        }
    }

    /// For how long the target may be quiet: longer, while it waits for the caller.
    fn patience(&mut self, cx: &Context<'_>) -> Duration {
        let idle = self.target.config.idle_timeout;
        let Some(asked) = &mut self.asked else { return idle };
        let open = !asked.questions.poll_closed(cx);
        if open != asked.open {
            self.source.wait_anew();
        }
        asked.open = open;
        if open { PATIENCE } else { idle }
    }

    /// How long an answer that is there may wait: it must be out in time all the same.
    fn wait_for_messages(&self) -> Duration {
        let left = self.deadline.left(std::time::Instant::now());
        LATE.min(left.saturating_sub(LATE))
    }

    /// Gives up, and says so to a target that would not notice.
    fn fail(&mut self, failure: Failure) -> Failure {
        self.cancel.fire();
        self.source.close();
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
    pub(super) fn new(
        target: &Arc<Inner>,
        session: Option<&Arc<Session>>,
        id: u64,
        outbound: &Outbound,
    ) -> Self {
        let speaks =
            |session: &&Arc<Session>| !session.abilities.is_none() || session.logs.are_offered();
        let whose = outbound.permitted().map(|permitted| &permitted.call().principal);
        let spoken = session.filter(speaks);
        let in_flight = spoken.map(|session| InFlight::on(session, id, whose.map(Arc::clone)));
        let (target, session) = (Arc::clone(target), session.map(Arc::clone));
        Self { target, session, id, told: None, in_flight }
    }

    /// The call was answered, or never arrived.
    pub(super) fn disarm(&mut self) {
        self.session = None;
        self.told = None;
        self.in_flight = None;
    }

    /// The call was answered. What is said beside its stream may still be about it.
    fn answered(&mut self, is_logged: bool) {
        let in_flight = self.in_flight.take().filter(|_| is_logged);
        self.disarm();
        self.in_flight = in_flight;
    }

    /// Ends when the target has been told, or need not be.
    fn told(&mut self) -> AfterThat {
        self.told.get_or_insert_with(|| Told::new(())).subscribe()
    }

    /// Nobody waits any more, for whatever reason.
    fn fire(&mut self) {
        let Some(session) = self.session.take() else { return };
        let message = json!({
            "jsonrpc": "2.0",
            "method": "notifications/cancelled",
            "params": { "requestId": self.id, "reason": "nobody waits for the answer any more" },
        });
        let outgoing = request::on_session(&self.target, &session, &message);
        Inner::send_aside(&self.target, outgoing, self.told.take());
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        self.fire();
    }
}

/// Answers a question of the target's that belongs to no call: the gateway lives, and can do nothing
/// else for it.
pub(super) fn answer(target: &Arc<Inner>, session: &Session, id: &RawJson, method: &str) {
    let Ok(id) = id.parse::<serde_json::Value>() else { return };
    let message = if method == "ping" {
        json!({ "jsonrpc": "2.0", "id": id, "result": {} })
    } else {
        let error = json!({ "code": -32601, "message": "not offered by this client" });
        json!({ "jsonrpc": "2.0", "id": id, "error": error })
    };
    Inner::send_aside(target, request::on_session(target, session, &message), None);
}
