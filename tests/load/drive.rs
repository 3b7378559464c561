//! Puts load on one subject and measures it.
//!
//! In: a door and a number of connections. Out: calls, latencies, processor time and faults of
//! one interval. Warm-up is excluded; every answer is checked, also those of the warm-up.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::cli::Era;
use crate::ground::Subject;
use crate::mcp::{Client, Door, FIRST_ID};

/// Load before the measured interval.
const WARM_UP: Duration = Duration::from_millis(500);
/// How long the last answers may take after the interval.
const STRAGGLERS: Duration = Duration::from_secs(30);
/// Faults after which a connection gives up.
const MOST_FAULTS: u64 = 5;
/// Fault messages kept.
const MOST_SAMPLES: usize = 3;

const WARMING: u8 = 0;
const MEASURING: u8 = 1;
const DONE: u8 = 2;

/// What one interval brought.
#[derive(Debug, Default, Clone)]
pub(crate) struct Measured {
    /// Its length.
    pub(crate) length: Duration,
    /// One entry per call that ended in it, in no order.
    pub(crate) latencies: Vec<Duration>,
    /// Processor time of the subject in it; the direct way has no subject.
    pub(crate) cpu: Option<Duration>,
    /// What went wrong.
    pub(crate) faults: Faults,
}

/// Wrong or missing answers.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct Faults {
    /// How many.
    #[serde(rename = "wrong_answers")]
    pub(crate) count: u64,
    /// The first few.
    #[serde(rename = "wrong_answer_samples")]
    pub(crate) samples: Vec<String>,
}

/// What the connections of one measurement share.
#[derive(Debug)]
struct Shared {
    phase: AtomicU8,
    next_id: AtomicU64,
}

/// Measures `subject` under `clients` connections for `length`.
pub(crate) async fn measure(subject: &Subject, clients: u16, length: Duration) -> Result<Measured> {
    measure_as(subject, subject.door.era, clients, length).await
}

/// The same by clients of that era.
pub(crate) async fn measure_as(
    subject: &Subject,
    era: Era,
    clients: u16,
    length: Duration,
) -> Result<Measured> {
    let shared = Arc::new(Shared::new());
    let mut workers = JoinSet::new();
    let door = Door { era, ..subject.door.clone() };
    for client in enter(&door, clients).await? {
        workers.spawn(work(client, door.clone(), Arc::clone(&shared)));
    }
    sleep(WARM_UP).await;
    // One thread runs everything here, so no call ends between these lines.
    let (cpu, start) = (subject.cpu()?, Instant::now());
    shared.phase.store(MEASURING, Ordering::Relaxed);
    sleep(length).await;
    let (cpu_after, length) = (subject.cpu()?, start.elapsed());
    shared.phase.store(DONE, Ordering::Relaxed);

    let cpu = cpu_after.zip(cpu).map(|(after, before)| after.saturating_sub(before));
    let mut measured = Measured { length, cpu, ..Measured::default() };
    timeout(STRAGGLERS, collect(&mut workers, &mut measured))
        .await
        .with_context(|| format!("{} left a call unanswered", subject.kind.name()))?;
    ensure!(
        !measured.latencies.is_empty() || measured.faults.count > 0,
        "{} answered no call within {length:?}",
        subject.kind.name()
    );
    Ok(measured)
}

/// Opens `clients` connections, ready to call.
pub(crate) async fn enter(door: &Door, clients: u16) -> Result<Vec<Client>> {
    let mut entered = Vec::with_capacity(usize::from(clients));
    for _ in 0..clients {
        entered.push(door.enter().await?);
    }
    Ok(entered)
}

async fn collect(workers: &mut JoinSet<Measured>, all: &mut Measured) {
    while let Some(outcome) = workers.join_next().await {
        match outcome {
            Ok(one) => all.absorb(one),
            Err(error) => all.faults.add(&anyhow::Error::new(error)),
        }
    }
}

async fn work(mut client: Client, door: Door, shared: Arc<Shared>) -> Measured {
    let mut mine = Measured::default();
    loop {
        let id = shared.next_id.fetch_add(1, Ordering::Relaxed);
        let start = Instant::now();
        let outcome = client.call(id).await;
        let latency = start.elapsed();
        let phase = shared.phase.load(Ordering::Relaxed);
        match outcome {
            Ok(()) if phase == MEASURING => mine.latencies.push(latency),
            Ok(()) => {}
            Err(error) => {
                mine.faults.add(&error);
                let again = door.enter().await;
                match again {
                    Ok(fresh) if mine.faults.count < MOST_FAULTS => client = fresh,
                    Ok(_) | Err(_) => return mine,
                }
            }
        }
        if phase == DONE {
            return mine;
        }
    }
}

impl Shared {
    fn new() -> Self {
        Self { phase: AtomicU8::new(WARMING), next_id: AtomicU64::new(FIRST_ID) }
    }
}

impl Measured {
    /// Adds what another connection or round measured; the length stays.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.faults.absorb(other.faults);
    }

    /// Adds another round of the same length of measurement.
    pub(crate) fn add_round(&mut self, round: Self) {
        self.length += round.length;
        self.cpu = match (self.cpu, round.cpu) {
            (Some(sum), Some(more)) => Some(sum + more),
            (sum, more) => sum.or(more),
        };
        self.absorb(round);
    }

    /// The latency that `share` (0 to 1) of the calls did not exceed, by nearest rank.
    pub(crate) fn percentile(&mut self, share: f64) -> Duration {
        self.latencies.sort_unstable();
        let calls = self.latencies.len();
        // Call counts are far below 2^52 and the rank is at most the count.
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank between 0 and the number of calls"
        )]
        let rank = (share * calls as f64).ceil() as usize;
        self.latencies.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// Calls per second.
    pub(crate) fn rate(&self) -> f64 {
        self.calls() / self.length.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// The subject's processor time per call, microseconds.
    pub(crate) fn cpu_per_call(&self) -> Option<f64> {
        self.cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / self.calls().max(1.0))
    }

    fn calls(&self) -> f64 {
        f64::from(u32::try_from(self.latencies.len()).unwrap_or(u32::MAX))
    }
}

impl Faults {
    /// Counts one.
    pub(crate) fn add(&mut self, error: &anyhow::Error) {
        self.count += 1;
        if self.samples.len() < MOST_SAMPLES {
            self.samples.push(format!("{error:#}"));
        }
    }

    /// Counts another's.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.count += other.count;
        let room = MOST_SAMPLES.saturating_sub(self.samples.len());
        self.samples.extend(other.samples.into_iter().take(room));
    }
}
