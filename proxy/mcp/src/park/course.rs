//! The course of a call at an older target that may ask its modern caller something.
//!
//! Enters: the events of the call. Leaves: the same in the caller's words; and when the target
//! asks, an end that asks the caller, with the call parked. Never: an end that cancels the call at
//! the target; progress under a token that the caller has not given with this request.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use memchr::memmem;
use toolgate_call::{
    Answer, Era, Event, Events, Guards, MOST_OPEN, Question, RawJson, Refusal, Reply, Said,
};

use super::{Caller, Parked, Waiting};
use crate::bridge::answer_for;

/// How often a target may ask in one call.
const ROUNDS: u32 = 10;
/// Events that are looked at for more questions before the caller is asked, and that are kept of
/// what is said while it is.
const LOOK: usize = 64;
/// How many bytes of that are kept.
const KEPT: usize = 256 * 1024;

/// A call at its target.
pub(crate) struct Live {
    /// `None` once the call is over.
    events: Option<Pin<Box<dyn Events>>>,
    /// Above all the permits at the target: a call that waits counts as one in flight.
    guards: Guards,
    /// The progress token with which it was begun.
    token: Option<RawJson>,
    /// How many questions there were.
    asked: u32,
    /// How often the caller was asked.
    rounds: u32,
    /// What was said while it was parked.
    early: VecDeque<Event>,
    /// How many bytes of it are left.
    kept: usize,
}

/// The call with its caller.
struct Course {
    /// `None` once it is parked or over.
    live: Option<Live>,
    parked: Parked,
    caller: Caller,
    told: VecDeque<Event>,
    /// Nothing follows what is to be told.
    over: bool,
}

/// The reply of a call that was just made or taken up again. An answer, or a question, that comes
/// first is no stream.
pub(crate) async fn follow(parked: &Parked, live: Live, caller: Caller) -> Result<Reply, Refusal> {
    let (parked, told) = (parked.clone(), VecDeque::new());
    let mut course = Course { live: Some(live), parked, caller, told, over: false };
    match poll_fn(|cx| Pin::new(&mut course).poll_event(cx)).await {
        Some(Event::Done(ending)) => {
            let reply = Reply::one(Era::Modern, ending?);
            let guards = course.live.take().map(|live| live.guards);
            Ok(guards.into_iter().fold(reply, Reply::holding))
        }
        Some(first) => {
            course.told.push_front(first);
            Ok(Reply::stream(Era::Modern, Box::pin(course)))
        }
        None => Err(unfinished()),
    }
}

fn unfinished() -> Refusal {
    Refusal::internal("a stream of events ended without an answer")
}

// === impl Live ===

impl Live {
    /// A call whose answer is such a stream.
    pub(crate) fn new(events: Pin<Box<dyn Events>>, guards: Guards, caller: &Caller) -> Self {
        let (events, token, early) = (Some(events), caller.token.clone(), VecDeque::new());
        Self { events, guards, token, asked: 0, rounds: 0, early, kept: 0 }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        match (self.early.pop_front(), &mut self.events) {
            (Some(event), _) => {
                self.kept = self.kept.saturating_sub(size(&event));
                Poll::Ready(Some(event))
            }
            (None, Some(events)) => events.as_mut().poll_event(cx),
            (None, None) => Poll::Ready(None),
        }
    }

    /// Hears the target while the call is parked. Ready once the call is over there: then nothing of
    /// the target's is held any more, and its end waits for the caller.
    pub(super) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let Some(events) = &mut self.events else { return Poll::Ready(()) };
            match ready!(events.as_mut().poll_event(cx)) {
                Some(event @ (Event::Notice(_) | Event::Ask(_))) => self.keep(event),
                end @ (Some(Event::Done(_)) | None) => {
                    self.early.extend(end);
                    self.events = None;
                    self.guards = Guards::default();
                }
            }
        }
    }

    /// Keeps what is said before the end, if there is room for it.
    fn keep(&mut self, event: Event) {
        let kept = self.kept.saturating_add(size(&event));
        if self.early.len() < LOOK && kept <= KEPT {
            self.kept = kept;
            self.early.push_back(event);
        } else if let Event::Ask(question) = event {
            question.respond.say(Said::Overloaded);
        }
    }

    /// Whether the target waits for nothing any more.
    pub(super) const fn is_over(&self) -> bool {
        self.events.is_none()
    }
}

/// What is counted of what is kept.
fn size(event: &Event) -> usize {
    match event {
        Event::Notice(raw) => raw.len(),
        Event::Ask(question) => question.params.len(),
        Event::Done(_) => 0,
    }
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Live")
    }
}

// === impl Course ===

impl Course {
    /// Looks at what the target says; gives back what it asks, and keeps the rest to be told.
    fn listen(&mut self, cx: &mut Context<'_>) -> Vec<Question> {
        let mut questions = Vec::new();
        let Some(live) = &mut self.live else { return questions };
        for _ in 0..LOOK {
            match live.poll_event(cx) {
                Poll::Pending => return questions,
                Poll::Ready(Some(Event::Ask(question))) => questions.push(question),
                Poll::Ready(Some(Event::Notice(raw))) => {
                    if self.caller.hears(&raw, live) {
                        self.told.push_back(Event::Notice(raw));
                    }
                }
                Poll::Ready(Some(Event::Done(ending))) => {
                    let way = self.caller.way;
                    self.end(ending.and_then(|answer| answer_for(answer, way)));
                    // What it has asked before is of no interest any more.
                    return Vec::new();
                }
                Poll::Ready(None) => {
                    self.end(Err(unfinished()));
                    return Vec::new();
                }
            }
            // Without a question there is nothing to look ahead for.
            if (questions.is_empty() && !self.told.is_empty()) || questions.len() >= MOST_OPEN {
                break;
            }
        }
        cx.waker().wake_by_ref();
        questions
    }

    fn end(&mut self, ending: Result<Answer, Refusal>) {
        self.told.push_back(Event::Done(ending));
        self.over = true;
    }

    /// Parks the call, and says so to its caller; if it cannot be parked, the target is told.
    fn ask(&mut self, questions: Vec<Question>) {
        let Some(mut live) = self.live.take() else { return };
        if live.rounds >= ROUNDS {
            self.live = Some(live);
            questions.into_iter().for_each(|question| question.respond.say(Said::Overloaded));
            return;
        }
        live.rounds += 1;
        let keyed = questions.into_iter().map(|question| {
            live.asked += 1;
            (format!("ask-{}", live.asked), question)
        });
        let keyed = keyed.collect();
        match self.parked.park(Waiting::new(live, keyed), &self.caller) {
            Ok(answer) => self.end(Ok(answer)),
            Err(waiting) => {
                let (live, questions) = waiting.apart();
                self.live = Some(live);
                for (_, question) in questions {
                    question.respond.say(Said::Overloaded);
                }
            }
        }
    }
}

impl Events for Course {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.told.is_empty() && !self.over {
            let questions = self.listen(cx);
            if !questions.is_empty() {
                self.ask(questions);
                // If it was not parked, the target goes on.
                cx.waker().wake_by_ref();
            }
        }
        match self.told.pop_front() {
            Some(event) => Poll::Ready(Some(event)),
            None if self.over => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

// === impl Caller ===

impl Caller {
    /// Whether a notice is for this request. Progress goes under the token of the request with which
    /// the call was begun; one that takes it further may have another, or none.
    fn hears(&self, notice: &RawJson, live: &Live) -> bool {
        let progress = || memmem::find(notice.as_bytes(), b"notifications/progress").is_some();
        self.token == live.token || !progress()
    }
}
