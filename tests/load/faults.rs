//! The gateway beside backends of telemetry that are well, and beside others that are not.
//!
//! In: options. Out: what a call costs beside each, as a ratio to the one that is well, and what
//! became of every span and line. All run side by side and are measured in turn, as in the main
//! series. It judges no number; a span or line that is in no count fails the run.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::time::interval;
use toolgate_tests::gateway::free_address;
use toolgate_tests::scrape::Metrics;

use crate::child::Child;
use crate::cli::{Kind, Options};
use crate::drive::{self, Measured};
use crate::ground::{Ground, Subject, wait_listed};
use crate::report::{Books, Row, SickReport};
use crate::toolgate::{Setup, metrics, one_target};

/// A batch is given up after four attempts of a second each, and pauses.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(100);
/// The call's span, and that of its only attempt.
const SPANS: f64 = 2.0;

/// What is the matter with a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Fine,
    Dead,
    Slow,
    Unwilling,
    Stalled,
    DiskFull,
}

const FAULTS: [Fault; 6] =
    [Fault::Fine, Fault::Dead, Fault::Slow, Fault::Unwilling, Fault::Stalled, Fault::DiskFull];

/// A gateway beside its backend.
struct Patient {
    fault: Fault,
    subject: Subject,
    admin: SocketAddr,
    _collector: Option<Child>,
}

/// Runs the series; `false` when an answer was wrong, or a span or line is in no count.
pub(crate) async fn run(options: &Options) -> Result<bool> {
    let width = options.levels.iter().copied().max().unwrap_or(1);
    let ground = Ground::prepare(options.era, usize::from(width), false).await?;
    let mut patients = Vec::new();
    for fault in FAULTS {
        patients.push(Patient::start(fault, &ground, options).await?);
    }
    let mut report = SickReport::new();
    let length = Duration::from_secs(options.seconds);
    for level in &options.levels {
        let mut rounds: Vec<Vec<Measured>> = patients.iter().map(|_| Vec::new()).collect();
        for _ in 0..options.rounds {
            for (patient, rounds) in patients.iter().zip(&mut rounds) {
                rounds.push(drive::measure(&patient.subject, *level, length).await?);
            }
        }
        for (patient, rounds) in patients.iter().zip(rounds) {
            let row = Row::new(patient.fault.name(), *level, rounds, &mut report.faults);
            report.add(row);
        }
    }
    for patient in patients {
        report.books.push(patient.books().await?);
        patient.subject.stop().await?;
    }
    report.print(options.output)?;
    Ok(report.is_right())
}

// === impl Fault ===

impl Fault {
    /// The name in tables, files and JSON.
    fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Dead => "dead",
            Self::Slow => "slow",
            Self::Unwilling => "429",
            Self::Stalled => "stalled",
            Self::DiskFull => "disk-full",
        }
    }

    /// How its collector is started; none for one that is dead.
    fn collector(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Fine | Self::DiskFull => Some(&["collector"]),
            Self::Dead => None,
            Self::Slow => Some(&["collector", "--pause", "200"]),
            Self::Unwilling => Some(&["collector", "--refuse", "429"]),
            Self::Stalled => Some(&["collector", "--stall"]),
        }
    }
}

// === impl Patient ===

impl Patient {
    /// Starts both, and waits until the gateway is ready. Nothing is recorded before the calls that
    /// are measured: those alone say that they want to be.
    async fn start(fault: Fault, ground: &Ground, options: &Options) -> Result<Self> {
        let (collector, address) = match fault.collector() {
            Some(arguments) => {
                let started = Child::start_role("collector-of", arguments, &ground.scratch).await?;
                (Some(started.0), started.1)
            }
            None => (None, free_address()?),
        };
        let name = fault.name();
        let access_log = match fault {
            Fault::DiskFull => PathBuf::from("/dev/full"),
            Fault::Fine | Fault::Dead | Fault::Slow | Fault::Unwilling | Fault::Stalled => {
                ground.scratch.path().join(format!("{name}-access.log"))
            }
        };
        let traces = format!(
            "traces: {{ sample: 0, otlp: {{ endpoint: \"http://{address}\", timeout: 1s }} }}\n"
        );
        let targets = one_target(ground);
        let setup = Setup { name, access_log, traces, quiet: false, targets };
        let (start, mut gateway) = (Instant::now(), setup.start(ground, options)?);
        wait_listed(name, &gateway.door, Some(&mut gateway.child)).await?;
        let (ready, mut door) = (start.elapsed(), gateway.door);
        door.traced = true;
        let child = Some(gateway.child);
        let subject = Subject { kind: Kind::Toolgate, door, ready, idle_rss: None, child };
        Ok(Self { fault, subject, admin: gateway.admin, _collector: collector })
    }

    /// What became of spans and lines, once all of them are accounted for, or time is up.
    async fn books(&self) -> Result<Books> {
        let deadline = Instant::now() + PATIENCE;
        let mut tick = interval(LOOK);
        loop {
            tick.tick().await;
            let metrics = Metrics::parse(&metrics(self.admin).await?);
            let metrics = metrics.with_context(|| format!("metrics of {}", self.fault.name()))?;
            let all = metrics.sum("toolgate_requests_total", &[]);
            let calls = [("mcp_method_name", "tools/call")];
            let spans = metrics.sum("toolgate_requests_total", &calls) * SPANS;
            let books = Books::of(self.fault.name(), (spans, all), &metrics);
            if books.is_balanced() || Instant::now() >= deadline {
                return Ok(books);
            }
        }
    }
}
