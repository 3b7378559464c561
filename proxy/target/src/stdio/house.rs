//! What the parts of one stdio target share.
//!
//! Enters: the state of its child, as the supervisor sees it. Leaves: a link for a call, or the
//! refusal that says why there is none. Never: more patience with a child than is of use.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use toolgate_call::{Case, Deadline, Reason, Refusal};
use toolgate_telemetry::{TargetMetrics, Telemetry};

use super::backoff::{LOOP, Pause};
use super::chatter::Chatter;
use super::link::Link;
use super::{NoticeSink, StdioConfig, StdioStatus, TargetNotice};

/// One target, whichever child stands for it now.
pub(super) struct House {
    pub(super) config: StdioConfig,
    pub(super) metrics: Arc<TargetMetrics>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) notices: NoticeSink,
    pub(super) state: watch::Sender<State>,
    pub(super) stop: watch::Sender<bool>,
    pub(super) chatter: Chatter,
    pub(super) dropped_lines: AtomicU64,
    last_words: Mutex<String>,
    /// A child has ended, or could not be started.
    failed: AtomicBool,
    /// Somebody has waited for it in vain.
    missed: AtomicBool,
    restarts: AtomicU64,
}

/// Where the child stands.
#[derive(Debug)]
pub(super) enum State {
    /// Started, not ready.
    Starting {
        /// Nothing has failed so far.
        first: bool,
    },
    /// Ready.
    Up {
        /// The way to it.
        link: Arc<Link>,
        /// Its process id.
        pid: Option<u32>,
    },
    /// Not running.
    Down {
        /// When it is started again.
        until: Instant,
        /// Why, for the operator.
        why: Arc<str>,
        /// It ends again and again.
        looping: bool,
    },
    /// Being stopped for good.
    Stopping,
    /// Stopped for good.
    Stopped,
}

/// Somebody who waits for the child, and may give up at any time.
struct Waiting<'a> {
    missed: &'a AtomicBool,
    in_vain: bool,
}

/// How long a call waits for a child that is being restarted.
const PATIENCE: Duration = Duration::from_secs(2);
/// How much of a line of stderr is kept for reports.
const LAST_WORDS: usize = 300;

// === impl House ===

impl House {
    pub(super) fn new(
        config: StdioConfig,
        telemetry: &Arc<Telemetry>,
        notices: NoticeSink,
    ) -> Self {
        Self {
            metrics: telemetry.target(&config.target),
            telemetry: Arc::clone(telemetry),
            config,
            notices,
            state: watch::Sender::new(State::Starting { first: true }),
            stop: watch::Sender::new(false),
            chatter: Chatter::default(),
            dropped_lines: AtomicU64::new(0),
            last_words: Mutex::default(),
            failed: AtomicBool::new(false),
            missed: AtomicBool::new(false),
            restarts: AtomicU64::new(0),
        }
    }

    /// The way to the child, waiting for it as long as that is of use.
    ///
    /// # Errors
    /// [`Reason::ConnectRefused`] when it is not running, [`Case::ShuttingDown`] when it will not
    /// run again. Nothing was sent.
    pub(super) async fn link(&self, deadline: Deadline) -> Result<Arc<Link>, Refusal> {
        let begun = Instant::now();
        let mut state = self.state.subscribe();
        let mut waiting = Waiting { missed: &self.missed, in_vain: true };
        loop {
            let patience = match &*state.borrow_and_update() {
                State::Up { link, .. } => {
                    waiting.in_vain = false;
                    return Ok(Arc::clone(link));
                }
                State::Starting { first: true } => self.config.start_timeout,
                State::Starting { first: false } => PATIENCE,
                State::Down { until, .. } if *until <= begun + PATIENCE => PATIENCE,
                State::Down { .. } | State::Stopping | State::Stopped => Duration::ZERO,
            };
            let until = Instant::from_std(deadline.instant()).min(begun + patience);
            if patience.is_zero() || timeout_at(until, state.changed()).await.is_err() {
                return Err(self.absent(Instant::now()));
            }
        }
    }

    /// The way to the child, if it is ready now.
    pub(super) fn link_now(&self) -> Option<Arc<Link>> {
        match &*self.state.borrow() {
            State::Up { link, .. } => Some(Arc::clone(link)),
            State::Starting { .. } | State::Down { .. } | State::Stopping | State::Stopped => None,
        }
    }

    /// The child is being started, or cleared away before it is.
    pub(super) fn starting(&self) {
        let first = !self.failed.load(Relaxed);
        self.state.send_replace(State::Starting { first });
    }

    /// The child is ready.
    pub(super) fn ready(&self, link: &Arc<Link>, pid: Option<u32>) {
        let (server, era) = (&self.config.target, link.era().as_str());
        tracing::info!(%server, pid, era, "a child is ready");
        self.metrics.process_up(true);
        self.state.send_replace(State::Up { link: Arc::clone(link), pid });
        let failed = self.failed.load(Relaxed);
        if failed {
            self.restarts.fetch_add(1, Relaxed);
        }
        // Its list may be among what was asked for too early.
        if self.missed.swap(false, Relaxed) || failed {
            (self.notices)(TargetNotice::Restarted);
        }
    }

    /// The child is not running until the moment that is returned.
    pub(super) fn down(&self, why: &str, pause: Pause) -> Instant {
        let until = Instant::now() + pause.wait;
        self.failed.store(true, Relaxed);
        self.state.send_replace(State::Down { until, why: why.into(), looping: pause.looping });
        until
    }

    /// Remembers a line of stderr.
    pub(super) fn set_last_words(&self, mut line: String) {
        line.truncate(line.floor_char_boundary(LAST_WORDS));
        *self.last_words.lock().unwrap_or_else(PoisonError::into_inner) = line;
    }

    /// The sentence, and what the child said last on stderr, which is forgotten with it.
    pub(super) fn with_last_words(&self, sentence: String) -> String {
        let words =
            std::mem::take(&mut *self.last_words.lock().unwrap_or_else(PoisonError::into_inner));
        if words.is_empty() { sentence } else { format!("{sentence}; last on stderr: {words}") }
    }

    /// How the target stands.
    pub(super) fn status(&self) -> StdioStatus {
        let (up, pid, era, detail) = match &*self.state.borrow() {
            State::Up { link, pid } => {
                let detail = format!("running, {} in flight", link.in_flight());
                (true, *pid, Some(link.era()), detail)
            }
            State::Starting { .. } => (false, None, None, "starting".into()),
            State::Down { until, why, looping } => {
                (false, None, None, down_detail((*until, *looping), why))
            }
            State::Stopping | State::Stopped => (false, None, None, "stopped".into()),
        };
        let restarts = self.restarts.load(Relaxed);
        let dropped_lines = self.dropped_lines.load(Relaxed);
        StdioStatus { up, pid, era, detail, restarts, dropped_lines }
    }

    /// Why there is no link.
    fn absent(&self, now: Instant) -> Refusal {
        let target = &self.config.target;
        match &*self.state.borrow() {
            State::Stopping | State::Stopped => {
                Refusal::new(Case::ShuttingDown, "the gateway is stopping")
            }
            State::Down { until, why, looping } => {
                let left = until.saturating_duration_since(now);
                let seconds = left.as_secs_f64().ceil().max(1.0);
                let times = format!(": it stopped {LOOP} times in a row");
                let times = if *looping { times.as_str() } else { "" };
                let message =
                    format!("`{target}` is not running{times}; it restarts in {seconds} s");
                self.refused(message, left).detail(&**why)
            }
            State::Starting { .. } | State::Up { .. } => {
                let message = format!("`{target}` is still starting; try again in a moment");
                self.refused(message, Duration::from_secs(1))
            }
        }
    }

    fn refused(&self, message: String, wait: Duration) -> Refusal {
        Refusal::target(Reason::ConnectRefused, &self.config.target, message)
            .retry_after(wait)
            .safe_to_retry(true)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.missed.fetch_or(self.in_vain, Relaxed);
    }
}

impl std::fmt::Debug for House {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("House").field("target", &self.config.target).finish_non_exhaustive()
    }
}

fn down_detail((until, looping): (Instant, bool), why: &str) -> String {
    let seconds = until.saturating_duration_since(Instant::now()).as_secs();
    let tail = if looping { "; it does so again and again" } else { "" };
    format!("{why}{tail}; the next start is in {seconds} s")
}
