//! Backends of telemetry that are gone, slow, unwilling or full: no call waits for them, and what
//! they do not take is counted, to the last span and line.
//!
//! In: gateways side by side, one well and the others each with a sick backend, called in turn, so
//! that a busy machine is slow for all alike. Out: how long calls took, and what became of spans
//! and lines.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::json;
use tokio::sync::Semaphore;
use toolgate_tests::client::{Ask, Kept};
use toolgate_tests::collector::Collector;
use toolgate_tests::gateway::{Gateway, free_address, parse_log};
use toolgate_tests::scrape::Metrics;
use toolgate_tests::sick::{Era, Sick};
use toolgate_tests::story;
use toolgate_tests::wait::{until, until_within};

use crate::expect::OPEN;

/// Calls of each gateway: enough for a few batches of spans while they go on.
const CALLS: usize = 700;
/// The attempt's span besides the call's.
const SPANS: f64 = 2.0;
/// What the slow collector takes for an answer.
const SLOW: Duration = Duration::from_millis(200);
/// More calls that take as long as the slow collector than beside a backend that is well: twice as
/// many and one in a hundred. This tells waiting from a machine that is busy, which hits both alike.
const LATE: usize = CALLS / 100;
/// How much slower than beside a backend that is well a call may be: this many times, and this long.
/// A backend that is waited for takes 200 ms and more.
const TIMES: u32 = 4;
const MARGIN: Duration = Duration::from_millis(60);
/// A batch is given up after four attempts of 1 s with pauses between them.
const GIVEN_UP: Duration = Duration::from_secs(40);

/// What is the matter with the backend, and what its spans are counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Fine,
    Refused,
    Slow,
    Unwilling,
    Stalled,
    DiskFull,
}

const FAULTS: [Fault; 6] =
    [Fault::Fine, Fault::Refused, Fault::Slow, Fault::Unwilling, Fault::Stalled, Fault::DiskFull];

impl Fault {
    /// What its spans are counted as.
    fn fate(self) -> &'static str {
        match self {
            Self::Fine | Self::Slow | Self::DiskFull => "ok",
            Self::Refused => "connect",
            Self::Unwilling => "throttled",
            Self::Stalled => "timeout",
        }
    }
}

/// A gateway beside its backend.
struct Subject {
    fault: Fault,
    gateway: Gateway,
    collector: Collector,
    caller: Kept,
    took: Vec<Duration>,
}

impl Subject {
    async fn start(fault: Fault, sick: &Sick) -> Result<Self> {
        let collector = Collector::start().await?;
        match fault {
            Fault::Fine | Fault::Refused | Fault::DiskFull => {}
            Fault::Slow => collector.slow_down(SLOW),
            Fault::Unwilling => collector.refuse_all(429),
            Fault::Stalled => collector.hold(&Arc::new(Semaphore::new(0))),
        }
        let otlp = match fault {
            Fault::Refused => format!("http://{}", free_address()?),
            Fault::Fine | Fault::Slow | Fault::Unwilling | Fault::Stalled | Fault::DiskFull => {
                collector.url()
            }
        };
        let url = sick.url();
        let config = format!(
            "{OPEN}traces: {{ sample: 0, otlp: {{ endpoint: \"{otlp}\", timeout: 1s }} }}\n\
             targets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n"
        );
        let gateway = match fault {
            Fault::DiskFull => Gateway::start_logging_to(Path::new("/dev/full"), &config).await?,
            Fault::Fine | Fault::Refused | Fault::Slow | Fault::Unwilling | Fault::Stalled => {
                Gateway::start(&config).await?
            }
        };
        // Connections and tool list are there before time is taken; nobody records this call.
        let mut caller = gateway.client().kept();
        caller.send(Ask::tool("sick___read", json!({}))).await?.result()?;
        Ok(Self { fault, gateway, collector, caller, took: Vec::new() })
    }

    /// One call that is recorded.
    async fn call(&mut self) -> Result<()> {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let ask = Ask::tool("sick___read", json!({})).header("traceparent", parent);
        let start = Instant::now();
        let answer = self.caller.send(ask).await.with_context(|| format!("{:?}", self.fault))?;
        self.took.push(start.elapsed());
        answer.result().map(drop)
    }

    /// The time within which such a share of the calls was answered.
    fn within(&self, percent: usize) -> Duration {
        let mut sorted = self.took.clone();
        sorted.sort_unstable();
        sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
    }

    /// Calls that took as long as the slow collector takes.
    fn late(&self) -> usize {
        self.took.iter().filter(|took| **took >= SLOW).count()
    }

    /// Waits until every span and every line is accounted for; gives their fates.
    async fn settled(&self) -> Result<Fates> {
        let (spans, lines) = (SPANS * self.calls()?, self.calls()? + 1.0);
        let mut last = Fates::default();
        let settled = until_within(GIVEN_UP, "spans and lines are accounted for", async || {
            last = Fates::of(&self.gateway.metrics().await?);
            Ok((last.sum("traces") >= spans && last.sum("access_log") >= lines).then_some(()))
        });
        settled.await.with_context(|| format!("{:?}: {spans} {lines}, {last:?}", self.fault))?;
        Ok(last)
    }

    fn calls(&self) -> Result<f64> {
        Ok(u32::try_from(self.took.len())?.into())
    }
}

/// How many items came to which end, by signal.
#[derive(Debug, Default)]
struct Fates(BTreeMap<(String, String), f64>);

impl Fates {
    fn of(metrics: &Metrics) -> Self {
        let mut fates = BTreeMap::new();
        for sample in metrics.select("toolgate_telemetry_items_total", &[]) {
            if sample.value > 0.0 {
                let key = (sample.label("signal").to_owned(), sample.label("reason").to_owned());
                *fates.entry(key).or_default() += sample.value;
            }
        }
        Self(fates)
    }

    fn sum(&self, signal: &str) -> f64 {
        self.0.iter().filter(|((of, _), _)| of == signal).map(|(_, count)| count).sum()
    }

    /// All items of the signal came to this end, and there are so many.
    fn all(&self, signal: &str, reason: &str, count: f64) -> Result<()> {
        let all = self.sum(signal);
        let key = (signal.to_owned(), reason.to_owned());
        let such = self.0.get(&key).copied().unwrap_or_default();
        ensure!(all == count && such == count, "{count} {signal} as {reason:?}, but {self:?}");
        Ok(())
    }
}

/// Gateways beside one target, in the order of [`FAULTS`].
async fn side_by_side(sick: &Sick) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    for fault in FAULTS {
        subjects.push(Subject::start(fault, sick).await?);
    }
    Ok(subjects)
}

#[tokio::test]
async fn no_call_waits_for_a_backend_and_what_it_does_not_take_is_counted() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let mut subjects = side_by_side(&sick).await?;
    story::broke(
        "gateways side by side, 700 calls each, whose collector of traces or disk is in trouble",
    );
    for _ in 0..CALLS {
        for subject in &mut subjects {
            subject.call().await?;
        }
    }
    let (fine, sick) = subjects.split_first().context("no subjects")?;
    for percent in [50, 99] {
        let limit = fine.within(percent) * TIMES + MARGIN;
        for subject in sick {
            let took = subject.within(percent);
            assert!(took <= limit, "{:?}: p{percent} {took:?} > {limit:?}", subject.fault);
        }
    }
    for subject in sick {
        let (late, usual) = (subject.late(), fine.late());
        assert!(late <= usual * 2 + LATE, "{:?}: {late} late, {usual} usually", subject.fault);
    }
    for subject in &subjects {
        let (fates, calls) = (subject.settled().await?, subject.calls()?);
        fates.all("traces", subject.fault.fate(), SPANS * calls)?;
        // The first call was logged as well.
        let lost = if subject.fault == Fault::DiskFull { "io" } else { "ok" };
        fates.all("access_log", lost, calls + 1.0)?;
        // What is said to be exported has arrived.
        let arrived = if subject.fault.fate() == "ok" { SPANS * calls } else { 0.0 };
        assert_eq!(f64::from(u32::try_from(subject.collector.taken())?), arrived, "{fates:?}");
        let told = format!(
            "99 of 100 calls within {:.1?}; traces {} {}, lines of the access log {} {lost}",
            subject.within(99),
            fates.sum("traces"),
            subject.fault.fate(),
            fates.sum("access_log"),
        );
        story::said(&format!("{:?}", subject.fault), &told);
    }
    story::points_to(
        "toolgate_telemetry_items_total; alarms/runbooks/ToolgateTelemetryDropping.md",
    );
    Ok(())
}

const LOST: &str = "the access log cannot be written; lines are lost";

#[tokio::test]
async fn a_full_disk_loses_lines_but_no_call_says_so_once_and_is_forgiven() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let mut full = Subject::start(Fault::DiskFull, &sick).await?;
    // Written twice at least: the first line is counted before the others are made.
    full.settled().await?;
    for _ in 0..CALLS {
        full.call().await?;
    }
    let lost = full.calls()? + 1.0;
    full.settled().await?.all("access_log", "io", lost)?;
    let said = full.gateway.stderr();
    assert_eq!(said.matches(LOST).count(), 1, "{said}");

    // Somebody makes room: the name leads to a file again.
    let link = full.gateway.access_path();
    let room = link.with_extension("room");
    fs::remove_file(&link)?;
    symlink(&room, &link)?;
    full.gateway.signal(Signal::HUP)?;
    until("the log is well again", async || {
        full.call().await?;
        Ok(full.gateway.stderr().contains("the access log can be written again").then_some(()))
    })
    .await?;
    full.call().await?;
    let made = full.calls()? + 1.0;
    let fates = full.settled().await?;
    let written = f64::from(u32::try_from(parse_log(&fs::read_to_string(&room)?)?.len())?);
    let io = fates.0[&("access_log".to_owned(), "io".to_owned())];
    assert!(written >= 2.0 && io >= lost, "{written} {fates:?}");
    assert_eq!(written + io, made, "{fates:?}");
    Ok(())
}
