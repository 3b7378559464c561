//! How a stage learns of the end of an answer, also of one that comes bit by bit.
//!
//! Enters: what an inner stage gave, and a watcher. Leaves: the same, with the watcher told once
//! of its end: at once, when the stream is over, or by being dropped. Never: holds events back, or
//! makes a watcher last that is told at once.

use std::pin::Pin;
use std::task::{Context, Poll};

use toolgate_call::{Answer, Body, Event, Events, Question, Refusal, Reply};

/// Learns how an answer ended. Dropped instead of told: nobody waited for the end.
pub(crate) trait Watcher {
    /// The same watcher, which borrows nothing from the call.
    type Lasting: Watcher + Send + Unpin + 'static;

    /// The first part of a stream has come; the end is told later, to the watcher given back.
    fn began(self) -> Self::Lasting;

    /// The target asks something of the caller: from here on it is not alone with the time. The
    /// question that is given back is passed on.
    fn asked(&mut self, question: Question) -> Question {
        question
    }

    /// The target answered; `None`: it accepted a notification.
    fn answered(self, answer: Option<&Answer>);

    /// It failed. The refusal that is given back is passed on.
    fn refused(self, refusal: Refusal) -> Refusal;
}

/// A stream with a watcher.
struct Watched<W> {
    events: Pin<Box<dyn Events>>,
    watcher: Option<W>,
}

/// Tells the watcher of the end, now or when it comes.
pub(crate) fn watch<W: Watcher>(
    ending: Result<Reply, Refusal>,
    watcher: W,
) -> Result<Reply, Refusal> {
    let reply = match ending {
        Ok(reply) => reply,
        Err(refusal) => return Err(watcher.refused(refusal)),
    };
    let body = match reply.body {
        Body::One(answer) => {
            watcher.answered(Some(&answer));
            Body::One(answer)
        }
        Body::Stream(events) => {
            Body::Stream(Box::pin(Watched { events, watcher: Some(watcher.began()) }))
        }
        Body::Accepted => {
            watcher.answered(None);
            Body::Accepted
        }
    };
    Ok(Reply { body, ..reply })
}

impl<W: Watcher + Send + Unpin> Events for Watched<W> {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let event = std::task::ready!(self.events.as_mut().poll_event(cx));
        let ending = match (event, &mut self.watcher) {
            (Some(Event::Done(ending)), _) => ending,
            (Some(Event::Ask(question)), Some(watcher)) => {
                return Poll::Ready(Some(Event::Ask(watcher.asked(question))));
            }
            (event, _) => return Poll::Ready(event),
        };
        let ending = match (self.watcher.take(), ending) {
            (Some(watcher), Ok(answer)) => {
                watcher.answered(Some(&answer));
                Ok(answer)
            }
            (Some(watcher), Err(refusal)) => Err(watcher.refused(refusal)),
            (None, ending) => ending,
        };
        Poll::Ready(Some(Event::Done(ending)))
    }
}
