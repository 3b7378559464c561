//! Messages and then an answer, as `text/event-stream`.
//!
//! Enters: the events of one call. Leaves: one `data:` line a message, a comment when it is quiet
//! for long. Never: more than one event ahead of the caller; what is dropped is cancelled.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::Response;
use tokio::time::{Instant, Sleep};
use toolgate_call::{Answer, Case, Event, Events, Guards, Outcome, Phase, Reason, Refusal};

use crate::encode::{Context, message};
use crate::exchange::Ending;
use crate::{Body, encode, refuse};

/// The body of an event stream.
pub(crate) struct SseBody {
    cx: Context,
    source: Source,
    guards: Guards,
    quiet: Option<Pin<Box<Sleep>>>,
    /// What is with the writer, and in which phase it came.
    handed: Option<(Phase, Instant)>,
}

enum Source {
    Events(Pin<Box<dyn Events>>),
    Once(Option<Answer>),
    Ended,
}

/// A writer that comes for more after so long has a caller that does not read.
const SLOW: Duration = Duration::from_secs(1);

/// What a quiet stream says.
const COMMENT: Bytes = Bytes::from_static(b":\r\n\r\n");

// === impl SseBody ===

impl SseBody {
    pub(crate) fn new(cx: Context, events: Pin<Box<dyn Events>>, guards: Guards) -> Self {
        Self { cx, source: Source::Events(events), guards, quiet: None, handed: None }
    }

    /// One answer for a caller that takes nothing but event streams.
    pub(crate) fn once(cx: Context, answer: Answer, guards: Guards) -> Self {
        Self { cx, source: Source::Once(Some(answer)), guards, quiet: None, handed: None }
    }

    /// Waits for the answer and leaves the messages out: for a caller that takes JSON only.
    pub(crate) async fn last(mut self, cx: &Context) -> Response<Body> {
        loop {
            match poll_fn(|task| self.poll_within_life(task)).await {
                // A question that is dropped is answered: this caller cannot be asked.
                Some(Event::Notice(_) | Event::Ask(_)) => {}
                Some(Event::Done(Ok(answer))) => {
                    return encode::whole(cx, &answer, std::mem::take(&mut self.guards));
                }
                Some(Event::Done(Err(refusal))) => return encode::refused(cx, &refusal, None),
                None => return encode::refused(cx, &unfinished(), None),
            }
        }
    }

    /// The next bytes; `None` at the end.
    pub(crate) fn poll_chunk(&mut self, task: &mut TaskContext<'_>) -> Poll<Option<Bytes>> {
        if matches!(self.source, Source::Ended) {
            return Poll::Ready(None);
        }
        let polled = self.poll_event(task);
        // Only now: whoever gives up a call in that poll must see that its caller did not read.
        let kept_waiting = self.back();
        let event = match polled {
            Poll::Pending if self.cx.lifecycle.is_draining() => match self.cut(task) {
                Some(event) => event,
                None => return self.poll_comment(task),
            },
            Poll::Pending => return self.poll_comment(task),
            Poll::Ready(event) => event,
        };
        self.quiet = None;
        Poll::Ready(match event {
            None if self.cx.is_endless() => {
                self.source = Source::Ended;
                None
            }
            None => Some(self.finish(&Err(unfinished()))),
            Some(Event::Notice(raw)) => {
                self.hand_over();
                Some(data_line(raw.as_bytes()))
            }
            Some(Event::Ask(question)) => {
                // It should have been put into the caller's words before it came here.
                drop(question);
                task.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Event::Done(end)) => Some(self.finish(&blamed(end, kept_waiting))),
        })
    }

    fn poll_comment(&mut self, task: &mut TaskContext<'_>) -> Poll<Option<Bytes>> {
        let comment = self.poll_quiet(task);
        if comment.is_ready() {
            self.hand_over();
        }
        comment
    }

    /// From here on it is the caller who takes the time.
    fn hand_over(&mut self) {
        let ledger = &self.cx.exchange.ledger;
        self.handed = Some((ledger.phase(), Instant::now()));
        ledger.enter(Phase::Write);
    }

    /// The writer comes for more; gives back how long that took.
    fn back(&mut self) -> Duration {
        let Some((phase, since)) = self.handed.take() else { return Duration::ZERO };
        let ledger = &self.cx.exchange.ledger;
        if ledger.phase() == Phase::Write {
            ledger.enter(phase);
        }
        since.elapsed()
    }

    fn poll_within_life(&mut self, task: &mut TaskContext<'_>) -> Poll<Option<Event>> {
        let polled = self.poll_event(task);
        if polled.is_pending() && self.cx.lifecycle.is_over() {
            return Poll::Ready(Some(Event::Done(Err(stopping()))));
        }
        polled
    }

    fn poll_event(&mut self, task: &mut TaskContext<'_>) -> Poll<Option<Event>> {
        match &mut self.source {
            Source::Events(events) => events.as_mut().poll_event(task),
            Source::Once(answer) => {
                Poll::Ready(answer.take().map(|answer| Event::Done(Ok(answer))))
            }
            Source::Ended => Poll::Ready(None),
        }
    }

    /// What a stream that waits says while the gateway stops: that of a session or a subscription
    /// ends at once, a call's when its time is over.
    fn cut(&mut self, task: &mut TaskContext<'_>) -> Option<Option<Event>> {
        if self.cx.is_endless() {
            let Source::Events(events) = &mut self.source else { return Some(None) };
            events.as_mut().stopping();
            let last = events.as_mut().poll_event(task);
            return Some(if let Poll::Ready(last) = last { last } else { None });
        }
        self.cx.lifecycle.is_over().then(|| Some(Event::Done(Err(stopping()))))
    }

    fn poll_quiet(&mut self, task: &mut TaskContext<'_>) -> Poll<Option<Bytes>> {
        let pause = self.cx.keep_alive;
        let quiet = self.quiet.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
        if quiet.as_mut().poll(task).is_pending() {
            return Poll::Pending;
        }
        quiet.as_mut().reset(Instant::now() + pause.max(Duration::from_millis(1)));
        Poll::Ready(Some(COMMENT))
    }

    fn finish(&mut self, end: &Result<Answer, Refusal>) -> Bytes {
        self.source = Source::Ended;
        self.guards = Guards::default();
        let exchange = &self.cx.exchange;
        let (ending, bytes) = match end {
            Ok(answer) => {
                let outcome = Outcome::of(Ok(answer));
                let ending =
                    Ending { outcome, detail: None, status: 200, streamed: true, denied_by: None };
                let noted = self.cx.observed(answer);
                (ending, message(self.cx.id.as_ref(), noted.as_ref().unwrap_or(answer)))
            }
            Err(refusal) => {
                let asked = (self.cx.id.as_ref(), self.cx.era);
                let ending = Ending::refused(refusal, 200, true);
                (ending, refuse::message(refusal, asked, Some(exchange)))
            }
        };
        exchange.ledger.enter(Phase::Write);
        exchange.end(ending);
        data_line(&bytes)
    }
}

impl fmt::Debug for SseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SseBody")
    }
}

/// A stream of events must end with an answer.
fn unfinished() -> Refusal {
    Refusal::internal("a stream of events ended without an answer")
}

/// The end of a call, told truthfully: if its time ran out while its caller did not read, the
/// target is not to blame.
fn blamed(end: Result<Answer, Refusal>, kept_waiting: Duration) -> Result<Answer, Refusal> {
    end.map_err(|refusal| {
        let ran_out = matches!(refusal.reason(), Reason::TimeoutTotal | Reason::TimeoutIdle);
        if !ran_out || kept_waiting < SLOW {
            return refusal;
        }
        let seconds = kept_waiting.as_secs();
        let message =
            format!("the caller did not read for {seconds} s, and the call's time ran out");
        Refusal::new(Case::Cancelled, message).detail(refusal.message()).after_send()
    })
}

/// What a call is told that the gateway has no time left for.
pub(crate) fn stopping() -> Refusal {
    let message = "the gateway stops and did not wait longer for this call; it may have been \
                   carried out, look before you repeat it";
    Refusal::new(Case::ShuttingDown, message).after_send()
}

/// One event with one `data:` line: raw line breaks can only stand between tokens of JSON.
pub(crate) fn data_line(json: &[u8]) -> Bytes {
    const HEAD: &[u8] = b"event: message\ndata: ";
    let mut out = BytesMut::with_capacity(json.len() + HEAD.len() + 2);
    out.put_slice(HEAD);
    if memchr::memchr2(b'\n', b'\r', json).is_none() {
        out.put_slice(json);
    } else {
        out.extend(
            json.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }),
        );
    }
    out.put_slice(b"\n\n");
    out.freeze()
}
