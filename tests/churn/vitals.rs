//! What must not grow.
//!
//! In: a gateway. Out: its memory, descriptors, parked calls and the like, and whether they have
//! grown.

use std::thread::available_parallelism;

use anyhow::{Result, bail, ensure};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::wait::{PATIENCE, until_within};

use crate::say;

/// Memory may grow by so much from the second quarter of the time to the last, MiB. (The first is
/// when connections, series and the ring of records come to be.)
const MEMORY: f64 = 12.0;
/// Descriptors that are no kept connections to targets may be so many more at the end than at first:
/// what the readers of metrics and the last callers have not yet hung up.
const DESCRIPTORS: f64 = 4.0;
/// A pool makes a connection when all that it has are in use. So on each of the gateway's threads (up
/// to eight) it keeps at most as many as there were calls at once to the target: four callers, the
/// list, and for the one that asks what is parked.
const AT_ONCE: usize = 8;
const POOLS: usize = 3;
const THREADS: usize = 8;
/// Series that may come to be after the middle: a reason that no target had stated before.
const SERIES: f64 = 20.0;

/// The gateway's own figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Vitals {
    memory: f64,
    descriptors: f64,
    threads: f64,
    parked: f64,
    active: f64,
    streams: f64,
    series: f64,
    /// Connections that pools keep: among the descriptors, and none of what is left over.
    kept: f64,
}

// === impl Vitals ===

impl Vitals {
    pub(crate) async fn of(gateway: &Gateway) -> Result<Self> {
        let metrics = gateway.metrics().await?;
        // Nothing is told from nothing: a figure that is not there is not zero.
        let sum = |name: &'static str| {
            ensure!(metrics.select(name, &[]).next().is_some(), "no sample of {name}");
            Ok(metrics.sum(name, &[]))
        };
        Ok(Self {
            memory: sum("process_resident_memory_bytes")? / 1024.0 / 1024.0,
            descriptors: sum("process_open_fds")?,
            threads: sum("process_threads")?,
            parked: sum("toolgate_parked_calls")?,
            active: sum("toolgate_requests_active")?,
            streams: sum("toolgate_streams_active")?,
            series: sum("toolgate_series_active")?,
            kept: metrics.sum("toolgate_target_pool_connections", &[("state", "idle")]),
        })
    }

    /// Once nothing more is under way than there was at rest; if that does not come true, what
    /// there is.
    pub(crate) async fn settled(gateway: &Gateway, rest: &Self) -> Result<Self> {
        let quiet = until_within(PATIENCE, "the gateway is at rest", async || {
            let now = Self::of(gateway).await?;
            Ok(now.is_as_quiet_as(rest).then_some(now))
        });
        match quiet.await {
            Ok(vitals) => Ok(vitals),
            Err(_) => Self::of(gateway).await,
        }
    }

    fn is_as_quiet_as(&self, rest: &Self) -> bool {
        self.parked <= rest.parked
            && self.active <= rest.active
            && self.streams <= rest.streams
            && self.threads <= rest.threads
            && self.own() <= rest.own() + DESCRIPTORS
    }

    /// Descriptors that are not kept for the next call.
    fn own(&self) -> f64 {
        self.descriptors - self.kept
    }

    /// Memory, MiB, as often as one looks.
    pub(crate) async fn memory(gateway: &Gateway) -> Result<f64> {
        Ok(Self::of(gateway).await?.memory)
    }

    /// Prints three of them and the course of memory, and whether anything has grown.
    pub(crate) fn print([rest, halfway, settled]: [&Self; 3], memory: &[f64]) -> Result<bool> {
        say(&format!("{:<56}{:>10}{:>10}{:>10}", "", "before", "halfway", "after"))?;
        let line = |name: &str, of: fn(&Self) -> f64| {
            let [a, b, c] = [of(rest), of(halfway), of(settled)];
            say(&format!("{name:<56}{a:>10.1}{b:>10.1}{c:>10.1}"))
        };
        line("memory, MiB", |vitals| vitals.memory)?;
        line("descriptors", |vitals| vitals.descriptors)?;
        line("threads", |vitals| vitals.threads)?;
        line("parked calls", |vitals| vitals.parked)?;
        line("requests under way", |vitals| vitals.active)?;
        line("streams", |vitals| vitals.streams)?;
        line("connections to targets that are kept", |vitals| vitals.kept)?;
        line("series", |vitals| vitals.series)?;
        let quarters: Vec<f64> =
            memory.chunks(memory.len().div_ceil(4).max(1)).map(median).collect();
        say(&format!("memory, medians of the quarters, MiB: {quarters:.1?}"))?;
        let [_, second, .., last] = &*quarters else { bail!("too short to see anything grow") };
        let threads = available_parallelism().map_or(THREADS, |count| count.get().min(THREADS));
        let keeps = u32::try_from(AT_ONCE * POOLS * threads)?;
        let has_grown = *last > second + MEMORY
            || settled.own() > rest.own() + DESCRIPTORS
            || settled.kept > keeps.into()
            || settled.series > halfway.series + SERIES;
        if has_grown {
            say("WRONG: it has grown")?;
        }
        let is_quiet = settled.is_as_quiet_as(rest);
        if !is_quiet {
            say("WRONG: something is left over")?;
        }
        Ok(is_quiet && !has_grown)
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
