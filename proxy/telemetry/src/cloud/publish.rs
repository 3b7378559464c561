//! The task that makes minutes and sends them.
//!
//! Enters: the time. Leaves: batches at the sink, and a count of every datum by what became of it.
//! Never: a minute's numbers in another minute because a sink is slow; two batches at once.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::time::Instant;

use super::backlog::{Backlog, Fates, UnderWay};
use super::fold::Fold;
use super::{CloudSink, Refusal, Retry, limits};
use crate::registry::Registry;

const MINUTE: Duration = Duration::from_secs(60);
/// How long after the edge of a minute its numbers are sent at most: gateways that were started
/// together do not send together.
const JITTER: Duration = Duration::from_secs(5);
/// How far past the edge a minute is read, so that a clock that is being slowed is past it as well.
const PAST: Duration = Duration::from_millis(20);
/// Attempts at a batch in one minute.
const ATTEMPTS: u32 = 4;
/// The longest first pause between two attempts, and the longest of all.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long one attempt may take, whatever the sink promises.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the operator hears that it does not work.
const COMPLAIN: Duration = Duration::from_secs(15 * 60);

/// Makes minutes and sends them.
#[derive(Debug)]
pub(crate) struct Publisher {
    fold: Fold,
    backlog: Arc<Backlog>,
    sender: Sender,
    closed: watch::Receiver<bool>,
}

/// Sends minutes.
#[derive(Debug)]
struct Sender {
    backlog: Arc<Backlog>,
    fates: Arc<Fates>,
    sink: Arc<dyn CloudSink>,
    closed: watch::Receiver<bool>,
    /// Since when it has not worked, as last told.
    complained: Option<Instant>,
}

// === impl Publisher ===

impl Publisher {
    pub(super) fn new(
        registry: &Registry,
        fold: Fold,
        (sink, closed): (Arc<dyn CloudSink>, watch::Receiver<bool>),
    ) -> Self {
        let fates = Arc::new(Fates::new(registry));
        let backlog = Arc::new(Backlog::new(Arc::clone(&fates)));
        let sender = Sender {
            backlog: Arc::clone(&backlog),
            fates,
            sink,
            closed: closed.clone(),
            complained: None,
        };
        Self { fold, backlog, sender, closed }
    }

    /// Works until the gateway closes; the minute that is not over then goes out as well. `ask`
    /// brings gauges up to date; `clock` tells the time.
    pub(crate) async fn run(
        self,
        ask: impl Fn() + Send + 'static,
        clock: impl Fn() -> SystemTime + Send + 'static,
    ) {
        let Self { mut fold, backlog, sender, mut closed } = self;
        let minutes = async move {
            let mut over = false;
            while !over {
                let (minute, left) = place(clock());
                over = tokio::select! {
                    () = tokio::time::sleep(left + PAST) => false,
                    // An error means that the gateway is gone.
                    _closed = closed.wait_for(|closed| *closed) => true,
                };
                ask();
                backlog.push(fold.take(minute), over);
            }
        };
        tokio::join!(minutes, sender.run());
    }
}

// === impl Sender ===

impl Sender {
    async fn run(mut self) {
        let mut over = false;
        while !over {
            self.backlog.woken().await;
            self.pause(JITTER.mul_f64(fastrand::f64())).await;
            // Asked first: what comes after that wakes this again.
            over = self.backlog.is_over();
            while let Some(minute) = self.backlog.next() {
                if !self.deliver(minute).await {
                    break;
                }
            }
        }
    }

    /// Waits, but not once the gateway closes; gives back whether it does.
    async fn pause(&mut self, pause: Duration) -> bool {
        let closed = self.closed.wait_for(|closed| *closed);
        tokio::time::timeout(pause, closed).await.is_ok()
    }

    /// Sends a minute. Gives back whether all of it has its fate; else it waits again.
    async fn deliver(&mut self, mut minute: UnderWay) -> bool {
        for batch in limits::batches(minute.datums.clone()) {
            let began = Instant::now();
            match self.repeat(&batch).await {
                Ok(()) => {
                    self.fates.worked(batch.len(), began.elapsed());
                    self.works();
                }
                Err(refusal) => {
                    self.fates.failed(batch.len(), began.elapsed());
                    self.complain(&refusal);
                    if refusal.again != Retry::Never {
                        self.backlog.put_back(minute, refusal.fate);
                        return false;
                    }
                    self.fates.count(refusal.fate, batch.len());
                }
            }
            minute.datums.drain(..batch.len());
        }
        true
    }

    /// Sends until it is taken, refused for good, or not worth another attempt in this minute.
    async fn repeat(&mut self, batch: &[super::Datum]) -> Result<(), Refusal> {
        let mut attempt = 1;
        loop {
            let sent = tokio::time::timeout(PATIENCE, self.sink.put(batch)).await;
            let refusal = match sent {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(refusal)) => refusal,
                Err(_) => late(),
            };
            let grown = PAUSE.saturating_mul(1 << (attempt - 1)).min(LONGEST_PAUSE);
            let worth = refusal.again == Retry::Soon && attempt < ATTEMPTS;
            if !worth || self.pause(grown.mul_f64(fastrand::f64())).await {
                return Err(refusal);
            }
            attempt += 1;
        }
    }

    fn works(&mut self) {
        if self.complained.take().is_some() {
            tracing::info!("CloudWatch takes numbers again");
        }
    }

    fn complain(&mut self, refusal: &Refusal) {
        if self.complained.is_none_or(|last| last.elapsed() >= COMPLAIN) {
            self.complained = Some(Instant::now());
            tracing::warn!(
                detail = refusal.detail,
                "CloudWatch takes no numbers; the last 15 minutes are kept, and \
                 toolgate_telemetry_items_total{{signal=\"cloudwatch\"}} counts what is lost"
            );
        }
    }
}

fn late() -> Refusal {
    let fate = toolgate_telemetry_catalog::CloudFate::Timeout;
    Refusal { fate, again: Retry::Soon, detail: "no answer in time".to_owned() }
}

/// The beginning of the minute, and how long it still lasts.
fn place(now: SystemTime) -> (SystemTime, Duration) {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let into = Duration::from_secs(since.as_secs() % MINUTE.as_secs())
        + Duration::from_nanos(u64::from(since.subsec_nanos()));
    (now.checked_sub(into).unwrap_or(UNIX_EPOCH), MINUTE.saturating_sub(into))
}
