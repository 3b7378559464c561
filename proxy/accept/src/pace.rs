//! How long a connection may do nothing.
//!
//! Enters: what passes on a connection: bytes, heads of requests, the ends of answers, a write that
//! finds no room. Leaves: the moment by which something must happen, and the end of a connection
//! on which it did not. Never: a timer for each request; a limit on a call that is at work.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// How long a connection may take over what is its caller's to do.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// From the first byte of a head, or from the start of the connection, to the end of the head.
    pub head: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// Without reading what was written to it.
    pub write: Duration,
}

/// What a connection is doing. Shared with its socket, its requests and its answers.
#[derive(Debug)]
pub(crate) struct Pace {
    patience: Patience,
    start: Instant,
    state: AtomicU8,
    /// When the state began, in milliseconds from the start.
    since: AtomicU64,
    /// When a write first found no room, likewise, and one more; 0 while there is room.
    stuck: AtomicU64,
    /// Requests whose answers are not out yet.
    active: AtomicUsize,
    http2: AtomicBool,
}

/// A request that counts as active until this is dropped.
#[derive(Debug)]
pub(crate) struct Active(Arc<Pace>);

/// Looks after one connection.
pub(crate) struct Watch {
    pace: Arc<Pace>,
    timer: Option<Pin<Box<Sleep>>>,
    registered: bool,
}

/// The states: nothing has come yet, or part of a head; at work; nothing to do.
const HEAD: u8 = 0;
const BUSY: u8 = 1;
const IDLE: u8 = 2;

// === impl Pace ===

impl Pace {
    /// A connection that was accepted now.
    pub(crate) fn new(patience: Patience) -> Arc<Self> {
        Arc::new(Self {
            patience,
            start: Instant::now(),
            state: AtomicU8::new(HEAD),
            since: AtomicU64::new(0),
            stuck: AtomicU64::new(0),
            active: AtomicUsize::new(0),
            http2: AtomicBool::new(false),
        })
    }

    /// Bytes have come. On HTTP/1.1 they begin a head if nothing else is going on; HTTP/2 has
    /// frames that are no request.
    pub(crate) fn read(&self) {
        if self.state.load(Relaxed) == IDLE && !self.http2.load(Relaxed) {
            self.turn(HEAD);
        }
    }

    /// A write found room, or none.
    pub(crate) fn wrote(&self, room: bool) {
        let stuck = self.stuck.load(Relaxed);
        if room && stuck != 0 {
            self.stuck.store(0, Relaxed);
        } else if !room && stuck == 0 {
            self.stuck.store(self.now() + 1, Relaxed);
        }
    }

    /// The head of a request is there.
    pub(crate) fn begin(self: &Arc<Self>, http2: bool) -> Active {
        self.http2.store(http2, Relaxed);
        self.active.fetch_add(1, Relaxed);
        self.state.store(BUSY, Relaxed);
        Active(Arc::clone(self))
    }

    fn end(&self) {
        if self.active.fetch_sub(1, Relaxed) == 1 {
            self.turn(IDLE);
        }
    }

    fn turn(&self, state: u8) {
        self.since.store(self.now(), Relaxed);
        self.state.store(state, Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// By when something must happen; `None` while the gateway is at work.
    fn due(&self) -> Option<Instant> {
        let after = |millis: u64, limit: Duration| {
            self.start.checked_add(Duration::from_millis(millis).saturating_add(limit))
        };
        let since = self.since.load(Relaxed);
        let waiting = match self.state.load(Relaxed) {
            HEAD => after(since, self.patience.head),
            IDLE => after(since, self.patience.idle),
            _ => None,
        };
        let stuck = self.stuck.load(Relaxed).checked_sub(1);
        let stuck = stuck.and_then(|millis| after(millis, self.patience.write));
        match (waiting, stuck) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.end();
    }
}

// === impl Watch ===

impl Watch {
    pub(crate) fn new(pace: &Arc<Pace>) -> Self {
        Self { pace: Arc::clone(pace), timer: None, registered: false }
    }

    /// Runs a connection until it ends by itself (`Some`), or nothing has happened on it for too
    /// long.
    pub(crate) async fn over<F: Future>(
        &mut self,
        mut connection: Pin<&mut F>,
    ) -> Option<F::Output> {
        poll_fn(|cx| {
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(Some(ended));
            }
            self.poll_late(cx).map(|()| None)
        })
        .await
    }

    /// Ready once it is too late. While nothing is due sooner than before, this costs a few loads.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let due = self.pace.due();
            let again = self.pace.patience.idle;
            let timer = self.timer.get_or_insert_with(|| {
                Box::pin(sleep_until(due.unwrap_or_else(|| Instant::now() + again)))
            });
            if let Some(sooner) = due.filter(|due| *due < timer.deadline()) {
                timer.as_mut().reset(sooner);
                self.registered = false;
            }
            // What was registered at the first poll stays registered.
            if self.registered && !timer.is_elapsed() {
                return Poll::Pending;
            }
            self.registered = true;
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            if due.is_some_and(|due| due <= now) {
                return Poll::Ready(());
            }
            // What it was set for has happened meanwhile.
            timer.as_mut().reset(due.unwrap_or(now + again));
            self.registered = false;
        }
    }
}
