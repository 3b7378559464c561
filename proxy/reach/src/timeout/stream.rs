//! The deadline of an answer that comes bit by bit.
//!
//! Enters: a stream and the moment it may not pass. Leaves: its events, and at that moment an end
//! in its place; while the target waits for its caller to answer a question, the clock stands
//! still. Never: a timer while events are at hand; an answer that is there is given, late or not;
//! a question that is open for ever.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};
use toolgate_call::{Event, Events, OpenQuestions, PATIENCE, Question};

use crate::timeout::Expiry;

/// A stream with a deadline.
pub(super) struct Bounded {
    /// `None` once it has ended or was cut off, so that the drop reaches the target at once.
    events: Option<Pin<Box<dyn Events>>>,
    timer: Option<Pin<Box<Sleep>>>,
    expiry: Expiry<'static>,
    /// `None` until the target asks something.
    asked: Option<Asked>,
}

/// What the target asked its caller.
#[derive(Default)]
struct Asked {
    questions: OpenQuestions,
    /// Since when any is open.
    since: Option<Instant>,
}

// === impl Bounded ===

impl Bounded {
    pub(super) fn new(events: Pin<Box<dyn Events>>, expiry: Expiry<'static>) -> Self {
        Self { events: Some(events), timer: None, expiry, asked: None }
    }

    fn at(&self) -> Instant {
        let since = self.asked.as_ref().and_then(|asked| asked.since);
        since.map_or_else(|| Instant::from_std(self.expiry.deadline.instant()), |s| s + PATIENCE)
    }

    /// Whether the deadline has passed; if not, the task is woken when it does.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let at = self.at();
        self.timer.get_or_insert_with(|| Box::pin(sleep_until(at))).as_mut().poll(cx)
    }

    fn cut_off(&mut self) -> Event {
        self.events = None;
        let open = self.asked.as_ref().is_some_and(|asked| asked.since.is_some());
        let refusal = if open { self.expiry.unanswered() } else { self.expiry.cut_short() };
        Event::Done(Err(refusal))
    }

    /// From now on the clock stands still, until the caller has answered.
    fn asks(&mut self, question: Question) -> Question {
        let asked = self.asked.get_or_insert_default();
        asked.since.get_or_insert_with(Instant::now);
        self.timer = None;
        asked.questions.note(question)
    }

    /// Lets the clock go on if every question was answered meanwhile.
    fn resume(&mut self, cx: &Context<'_>) {
        let Some(asked) = &mut self.asked else { return };
        if asked.since.is_some()
            && asked.questions.poll_closed(cx)
            && let Some(since) = asked.since.take()
        {
            self.expiry.put_off(since.elapsed());
            self.timer = None;
        }
    }
}

impl Events for Bounded {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.resume(cx);
        let Some(events) = self.events.as_mut() else { return Poll::Ready(None) };
        match events.as_mut().poll_event(cx) {
            // A stream that never pauses must not outlive its deadline either.
            Poll::Ready(Some(event @ (Event::Notice(_) | Event::Ask(_))))
                if Instant::now() >= self.at() =>
            {
                drop(event);
                Poll::Ready(Some(self.cut_off()))
            }
            Poll::Ready(Some(Event::Ask(question))) => {
                Poll::Ready(Some(Event::Ask(self.asks(question))))
            }
            Poll::Ready(Some(Event::Notice(notice))) => Poll::Ready(Some(Event::Notice(notice))),
            Poll::Ready(end) => {
                self.events = None;
                Poll::Ready(end)
            }
            Poll::Pending => {
                ready!(self.poll_deadline(cx));
                Poll::Ready(Some(self.cut_off()))
            }
        }
    }
}
