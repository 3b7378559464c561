//! An answer on its way out of a connection.
//!
//! Enters: the answer and the body that the stack gives. Leaves: the same. Where a stream has a
//! task of its own (HTTP/2), it is also woken when the gateway stops, as a connection is; and a
//! stream of events whose caller does not read it is let go. Never: a task or a timer for HTTP/1.1,
//! where the connection looks after both, or for an answer that is whole.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::Drained;
use crate::pace::Active;

/// Wakes a task when the gateway takes a step towards its end.
pub(crate) struct Rouse {
    drained: Drained,
    waiting: Option<Pin<Box<dyn Future<Output = Option<Drained>> + Send>>>,
}

/// A body of an answer.
pub(crate) struct Carried<B> {
    body: Held<B>,
    rouse: Option<Rouse>,
    _active: Active,
}

enum Held<B> {
    Own(B),
    Lent(Arc<Lent<B>>, AbortHandle),
}

/// A body that is taken away from a writer who does not come for more.
struct Lent<B>(Mutex<Loan<B>>);

struct Loan<B> {
    body: Option<B>,
    /// Since when the writer has had what it asked for; `None` while it waits for us.
    since: Option<Instant>,
}

// === impl Rouse ===

impl Rouse {
    pub(crate) fn new(drained: Drained) -> Self {
        Self { drained, waiting: None }
    }

    /// Whether there was a step, so that whoever waits should look again.
    fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let drained = &self.drained;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(drained.clone().stepped()));
        match waiting.as_mut().poll(cx) {
            Poll::Pending => false,
            Poll::Ready(next) => {
                // Without a next step there is nothing more to wait for.
                self.waiting = Some(match next {
                    Some(drained) => Box::pin(drained.stepped()),
                    None => Box::pin(std::future::pending()),
                });
                true
            }
        }
    }
}

/// The answer, looked at again at every step towards the end.
pub(crate) async fn roused<F: Future>(answering: F, rouse: &mut Option<Rouse>) -> F::Output {
    let mut answering = pin!(answering);
    poll_fn(|cx| poll_roused(cx, rouse, |cx| answering.as_mut().poll(cx))).await
}

fn poll_roused<T>(
    cx: &mut Context<'_>,
    rouse: &mut Option<Rouse>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    loop {
        let polled = poll(cx);
        let again = polled.is_pending() && rouse.as_mut().is_some_and(|rouse| rouse.poll(cx));
        if !again {
            return polled;
        }
    }
}

// === impl Carried ===

impl<B: Body + Send + 'static> Carried<B> {
    /// A body; `rouse` is there if its stream has a task of its own.
    pub(crate) fn new(body: B, rouse: Option<Rouse>, active: Active, patience: Duration) -> Self {
        // An answer that is whole is handed over at once.
        let whole = body.size_hint().exact().is_some();
        let body = if whole || rouse.is_none() {
            Held::Own(body)
        } else {
            let loan = Loan { body: Some(body), since: Some(Instant::now()) };
            let lent = Arc::new(Lent(Mutex::new(loan)));
            let watch = tokio::spawn(reclaim(Arc::clone(&lent), patience)).abort_handle();
            Held::Lent(lent, watch)
        };
        Self { body, rouse, _active: active }
    }
}

impl<B> Body for Carried<B>
where
    B: Body<Data = Bytes, Error = Infallible> + Unpin,
{
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Self { body, rouse, .. } = &mut *self;
        poll_roused(cx, rouse, |cx| match body {
            Held::Own(body) => Pin::new(body).poll_frame(cx),
            Held::Lent(lent, _) => lent.poll_frame(cx),
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Held::Own(body) => body.is_end_stream(),
            Held::Lent(..) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Held::Own(body) => body.size_hint(),
            Held::Lent(..) => SizeHint::default(),
        }
    }
}

impl<B> Drop for Held<B> {
    fn drop(&mut self) {
        if let Self::Lent(lent, watch) = self {
            watch.abort();
            // The watch may hold the body for a while longer; what the body holds goes now.
            drop(lent.take());
        }
    }
}

// === impl Lent ===

impl<B> Lent<B> {
    fn take(&self) -> Option<B> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).body.take()
    }
}

impl<B> Lent<B>
where
    B: Body<Data = Bytes, Error = Infallible> + Unpin,
{
    fn poll_frame(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mut loan = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(body) = &mut loan.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        loan.since = polled.is_ready().then(Instant::now);
        polled
    }
}

/// Lets a body go when its writer has not come for more for that long.
async fn reclaim<B>(lent: Arc<Lent<B>>, patience: Duration) {
    loop {
        let since = lent.0.lock().unwrap_or_else(PoisonError::into_inner).since;
        let now = Instant::now();
        let due = since.unwrap_or(now) + patience;
        if due <= now {
            drop(lent.take());
            return;
        }
        sleep_until(due).await;
    }
}
