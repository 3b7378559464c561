//! The same again.
//!
//! Enters: a `Permitted` tool call, and the answer to it. Leaves: the same; later, when its caller keeps
//! asking the same and is told the same; a refusal in the end, in words that a model understands. Never:
//! arguments or answers kept: only what tells them apart is.

mod seen;

use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Semaphore;
use toolgate_call::{Answer, Body, Case, Event, Events, Method, Permitted, Phase, Refusal, Reply};
use toolgate_telemetry::{LoopEnd, Telemetry};
use tower::{Layer, Service};

use self::seen::{Key, Seen};
use crate::Replying;

/// The longest pause before a call that repeats others.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The most calls that wait for such a pause.
const PAUSED: usize = 256;

/// When a caller is taken to go round in circles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoopRule {
    /// After so many answers that were the same, the next call waits a second, that after it two, …
    pub slow_after: u32,
    /// After so many, calls are refused.
    pub stop_after: u32,
    /// Until the caller has left it alone for so long.
    pub forget_after: Duration,
}

/// Makes [`Loops`].
#[derive(Clone, Debug)]
pub struct LoopLayer {
    rule: Option<LoopRule>,
    seen: Arc<Seen>,
    pauses: Arc<Semaphore>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Loops<S> {
    inner: S,
    layer: LoopLayer,
}

/// A stream of which the end is looked at.
struct Watched {
    inner: Pin<Box<dyn Events>>,
    seen: Arc<Seen>,
    key: Key,
}

/// What becomes of a call.
#[derive(Debug, PartialEq, Eq)]
enum Course {
    Straight,
    After(Duration),
    Stopped { same: u32, wait: Duration },
}

// === impl LoopLayer ===

impl LoopLayer {
    /// Holds callers to that rule, if there is one. At most so many callers and calls are remembered.
    #[must_use]
    pub fn new(rule: Option<LoopRule>, most: usize, telemetry: Arc<Telemetry>) -> Self {
        let pauses = Arc::new(Semaphore::new(PAUSED));
        Self { rule, seen: Arc::new(Seen::new(most, telemetry)), pauses }
    }

    /// What the call is known by: who, where, which tool, and the arguments as they were sent.
    fn key(&self, permitted: &Permitted) -> Option<Key> {
        let (call, plan) = (permitted.call(), permitted.plan()?);
        if call.method != Method::ToolsCall || !plan.is_tool() {
            return None;
        }
        let server = plan.server.as_deref();
        let arguments = call.frame.arguments().unwrap_or(b"{}");
        Some(self.seen.key(&(call.principal.key(), server, &*plan.full, arguments)))
    }

    fn course(&self, rule: LoopRule, key: Key) -> Course {
        let Some((same, since)) = self.seen.same(key, rule.forget_after) else {
            return Course::Straight;
        };
        if same >= rule.stop_after {
            return Course::Stopped { same, wait: rule.forget_after.saturating_sub(since) };
        }
        match same.checked_sub(rule.slow_after) {
            Some(over) => {
                Course::After(Duration::from_secs(u64::from(over) + 1).min(LONGEST_PAUSE))
            }
            None => Course::Straight,
        }
    }
}

impl<S> Layer<S> for LoopLayer {
    type Service = Loops<S>;

    fn layer(&self, inner: S) -> Loops<S> {
        Loops { inner, layer: self.clone() }
    }
}

// === impl Loops ===

impl<S> Service<Permitted> for Loops<S>
where
    S: Service<Permitted, Response = Reply, Error = Refusal, Future = Replying>
        + Clone
        + Send
        + 'static,
{
    type Response = Reply;
    type Error = Refusal;
    type Future = Replying;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, permitted: Permitted) -> Replying {
        let known = self.layer.rule.zip(self.layer.key(&permitted));
        let Some((rule, key)) = known else { return self.inner.call(permitted) };
        let course = self.layer.course(rule, key);
        let (seen, mut inner) = (Arc::clone(&self.layer.seen), self.inner.clone());
        let pauses = Arc::clone(&self.layer.pauses);
        Box::pin(async move {
            match course {
                Course::Straight => {}
                Course::After(pause) => {
                    let Ok(_place) = pauses.try_acquire() else { return Err(crowded(&seen)) };
                    seen.count(LoopEnd::Slowed);
                    permitted.call().ledger.enter(Phase::Queue);
                    tokio::time::sleep(pause).await;
                }
                Course::Stopped { same, wait } => {
                    seen.count(LoopEnd::Stopped);
                    return Err(stopped(&permitted, same, wait));
                }
            }
            match inner.call(permitted).await {
                Ok(reply) => Ok(watched(reply, seen, key)),
                Err(refusal) => {
                    seen.answered(key, &refusal.reason().as_str());
                    Err(refusal)
                }
            }
        })
    }
}

/// For the model: what happened, that it will not help to go on, and what may.
fn stopped(permitted: &Permitted, same: u32, wait: Duration) -> Refusal {
    let name = permitted.call().name.as_deref().unwrap_or_default();
    let seconds = wait.as_secs() + 1;
    let message = format!(
        "`{name}` was called {same} times in a row with exactly these arguments, and the answer was the \
         same each time: another call would not change it, and none was made. Use the answer that is \
         there, change the arguments, or ask the user; the same call is possible again in {seconds} s"
    );
    Refusal::new(Case::Looping, message)
        .detail(format!("a loop: {same} answers were the same"))
        .retry_after(Duration::from_secs(seconds))
}

fn crowded(seen: &Seen) -> Refusal {
    seen.shed();
    let message =
        "too many calls that are like others before wait; nothing was sent, try again later";
    Refusal::new(Case::Overloaded, message).retry_after(LONGEST_PAUSE).safe_to_retry(true)
}

fn watched(mut reply: Reply, seen: Arc<Seen>, key: Key) -> Reply {
    reply.body = match reply.body {
        Body::One(answer) => {
            seen.answered(key, &told(&answer));
            Body::One(answer)
        }
        Body::Stream(inner) => Body::Stream(Box::pin(Watched { inner, seen, key })),
        Body::Accepted => Body::Accepted,
    };
    reply
}

/// What is compared of an answer.
fn told(answer: &Answer) -> impl Hash + '_ {
    match answer {
        Answer::Result { raw, .. } | Answer::Error { raw, .. } => raw.as_bytes(),
    }
}

// === impl Watched ===

impl Events for Watched {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let polled = self.inner.as_mut().poll_event(cx);
        if let Poll::Ready(Some(Event::Done(done))) = &polled {
            match done {
                Ok(answer) => self.seen.answered(self.key, &told(answer)),
                Err(refusal) => self.seen.answered(self.key, &refusal.reason().as_str()),
            }
        }
        polled
    }

    fn stopping(mut self: Pin<&mut Self>) {
        self.inner.as_mut().stopping();
    }
}

#[cfg(test)]
mod tests;
