//! The end of service, told to everyone who must know.
//!
//! Enters: two steps: no new connections, and then: no more time. Leaves: a future for each
//! connection, and a wait for the last of them. Never: an exchange cut off before its time is up.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use toolgate_call::Lifecycle;

/// How long answers that the gateway stops may take to go out.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How far it has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Serving,
    Draining,
    Over,
}

/// Says that the service ends, and waits until the last connection is gone.
#[derive(Debug)]
pub struct Drain {
    steps: watch::Sender<Step>,
    lifecycle: Arc<Lifecycle>,
}

/// Hears that the service ends. Every connection holds one.
#[derive(Clone, Debug)]
pub struct Drained {
    steps: watch::Receiver<Step>,
    lifecycle: Arc<Lifecycle>,
}

/// A pair of the two. `lifecycle` tells the same to whoever cannot wait for it.
#[must_use]
pub fn drain(lifecycle: Arc<Lifecycle>) -> (Drain, Drained) {
    let (steps, receiver) = watch::channel(Step::Serving);
    let drained = Drained { steps: receiver, lifecycle: Arc::clone(&lifecycle) };
    (Drain { steps, lifecycle }, drained)
}

// === impl Drain ===

impl Drain {
    /// Ends the service. Gives back whether everything ended within the grace period; what did not
    /// is answered so.
    pub async fn end(self, grace: Duration) -> bool {
        self.lifecycle.drain();
        self.steps.send_replace(Step::Draining);
        if tokio::time::timeout(grace, self.steps.closed()).await.is_ok() {
            return true;
        }
        self.lifecycle.end();
        self.steps.send_replace(Step::Over);
        // Whether they got their last words out or not, the time is over.
        let _all_gone = tokio::time::timeout(LAST_WORDS, self.steps.closed()).await;
        false
    }
}

// === impl Drained ===

impl Drained {
    /// Runs `work` until it is done or the service ends (`None`). While neither has happened, each
    /// poll costs one load: what was registered at the first poll stays registered.
    pub(crate) async fn until_ending<F: Future>(&mut self, work: Pin<&mut F>) -> Option<F::Output> {
        let (lifecycle, mut work) = (Arc::clone(&self.lifecycle), work);
        let mut ending = pin!(self.ending());
        let mut registered = false;
        poll_fn(|cx| {
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            if registered && !lifecycle.is_draining() {
                return Poll::Pending;
            }
            registered = true;
            ending.as_mut().poll(cx).map(|()| None)
        })
        .await
    }

    /// Waits for the end of service.
    pub async fn ending(&mut self) {
        self.reaches(Step::Draining).await;
    }

    /// Waits for the end of the grace period.
    pub async fn over(&mut self) {
        self.reaches(Step::Over).await;
    }

    /// Waits for the next step, whichever it is; `None` when there is none any more.
    pub(crate) async fn stepped(mut self) -> Option<Self> {
        if *self.steps.borrow_and_update() == Step::Over {
            return None;
        }
        self.steps.changed().await.ok().map(|()| self)
    }

    async fn reaches(&mut self, wanted: Step) {
        // An error means that the sender is gone, which is an end as well.
        let _reached = self.steps.wait_for(|step| *step >= wanted).await;
    }
}
