//! What a run found, as a table or as JSON.
//!
//! In: measurements. Out: text on stdout. It compares with the acceptance targets but never
//! decides by them: a number over a target is printed, a wrong answer fails the run.

mod sick;
mod table;
#[cfg(test)]
mod tests;
mod verdict;

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::cells::Cells;
use crate::cli::{Kind, Options, Output};
use crate::drive::{Faults, Measured};
use crate::ground::Subject;
pub(crate) use sick::{Books, SickReport};
use verdict::Verdict;

/// The whole outcome of the main series.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    era: crate::cli::Era,
    seconds: u64,
    /// Built without optimisation: the numbers mean nothing.
    debug_build: bool,
    /// A subject under a level of load.
    pub(crate) rows: Vec<Row>,
    /// A subject as a process.
    pub(crate) processes: Vec<Process>,
    /// A subject beside the relay.
    pub(crate) ratios: Vec<Ratio>,
    verdicts: Vec<Verdict>,
    #[serde(flatten)]
    pub(crate) faults: Faults,
}

/// One subject under one level of load, all rounds together.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// Its name.
    pub(crate) subject: &'static str,
    /// Connections in use at once.
    pub(crate) level: u16,
    #[serde(flatten)]
    pub(crate) all: Numbers,
    rounds: Vec<Numbers>,
}

/// Calls that were answered well, and what they cost.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Numbers {
    calls: usize,
    calls_per_s: f64,
    p50_us: f64,
    p99_us: f64,
    /// The subject's processor time per call; the direct way has none.
    cpu_us_per_call: Option<f64>,
}

/// One subject as a process.
#[derive(Debug, Serialize)]
pub(crate) struct Process {
    subject: &'static str,
    /// From start to the first complete tool list.
    ready_ms: f64,
    rss_idle_mib: Option<f64>,
    rss_after_mib: Option<f64>,
}

/// One subject beside the relay at the same level; 1 means "the same".
#[derive(Debug, Serialize)]
pub(crate) struct Ratio {
    subject: &'static str,
    level: u16,
    calls_per_s: f64,
    cpu: Option<f64>,
    p50: f64,
    /// Of the latency that each adds to the direct way.
    added_p50: Option<f64>,
}

/// Memory of one subject with many calls open.
#[derive(Debug, Serialize)]
pub(crate) struct Held {
    /// Its name.
    pub(crate) subject: &'static str,
    /// Calls open at once.
    pub(crate) calls: usize,
    /// How many of them were answered well afterwards.
    pub(crate) answered: usize,
    /// Resident memory before.
    pub(crate) idle_rss_mib: Option<f64>,
    /// Resident memory while all were open.
    pub(crate) rss_mib: Option<f64>,
    /// The first few faults.
    pub(crate) errors: Vec<String>,
}

/// The same calls, counted in five places.
#[derive(Debug, Serialize)]
pub(crate) struct Counts {
    /// Calls sent.
    pub(crate) sent: u64,
    /// Good answers received.
    pub(crate) answered: u64,
    /// The gateway's counter.
    pub(crate) metrics: u64,
    /// Lines of the gateway's access log.
    pub(crate) access_log: u64,
    /// Calls that reached the stub.
    pub(crate) stub: u64,
    /// The first few faults.
    pub(crate) errors: Vec<String>,
}

impl Report {
    /// An empty report of a run with these options.
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            era: options.era,
            seconds: options.seconds,
            debug_build: cfg!(debug_assertions),
            rows: Vec::new(),
            processes: Vec::new(),
            ratios: Vec::new(),
            verdicts: Vec::new(),
            faults: Faults::default(),
        }
    }

    /// Fills in the ratios and holds them against the targets.
    pub(crate) fn compare(&mut self) {
        let ratios = self.rows.iter().filter_map(|row| {
            let relay = self.find(Kind::Relay.name(), row.level)?;
            let direct = self.find(Kind::Direct.name(), row.level);
            let compared = !matches!(row.subject, "direct" | "relay");
            compared.then(|| Ratio::of(row, relay, direct))
        });
        self.ratios = ratios.collect();
        self.verdicts = verdict::judge(self);
    }

    /// The row of a subject at a level.
    fn find(&self, subject: &str, level: u16) -> Option<&Row> {
        self.rows.iter().find(|row| row.subject == subject && row.level == level)
    }

    /// Prints it.
    pub(crate) fn print(&self, output: Output) -> Result<()> {
        emit(output, self, || table::report(self))
    }
}

impl Row {
    /// Joins the rounds; their faults go to `faults`.
    pub(crate) fn new(
        subject: &'static str,
        level: u16,
        rounds: Vec<Measured>,
        faults: &mut Faults,
    ) -> Self {
        let mut sum = Measured::default();
        let mut each = Vec::new();
        for mut round in rounds {
            faults.absorb(std::mem::take(&mut round.faults));
            each.push(Numbers::of(&mut round));
            sum.add_round(round);
        }
        Self { subject, level, all: Numbers::of(&mut sum), rounds: each }
    }

    /// Processor time and middle latency, with those of the floor as 1.
    pub(crate) fn beside(&self, floor: &Self) -> (Option<f64>, f64) {
        let cpu = self.all.cpu_us_per_call.zip(floor.all.cpu_us_per_call);
        (cpu.map(|(mine, theirs)| mine / theirs), self.all.p50_us / floor.all.p50_us)
    }
}

impl Numbers {
    fn of(measured: &mut Measured) -> Self {
        Self {
            calls: measured.latencies.len(),
            calls_per_s: measured.rate(),
            p50_us: micros(measured.percentile(0.5)),
            p99_us: micros(measured.percentile(0.99)),
            cpu_us_per_call: measured.cpu_per_call(),
        }
    }
}

impl Process {
    /// Looks at a subject after its load.
    pub(crate) fn of(subject: &Subject) -> Result<Self> {
        Ok(Self {
            subject: subject.kind.name(),
            ready_ms: subject.ready.as_secs_f64() * 1e3,
            rss_idle_mib: subject.idle_rss,
            rss_after_mib: subject.rss()?,
        })
    }
}

impl Ratio {
    fn of(row: &Row, relay: &Row, direct: Option<&Row>) -> Self {
        let cpu = row.all.cpu_us_per_call.zip(relay.all.cpu_us_per_call);
        let added = direct.map(|direct| {
            let base = direct.all.p50_us;
            (row.all.p50_us - base, relay.all.p50_us - base)
        });
        Self {
            subject: row.subject,
            level: row.level,
            calls_per_s: row.all.calls_per_s / relay.all.calls_per_s,
            cpu: cpu.map(|(mine, floor)| mine / floor),
            p50: row.all.p50_us / relay.all.p50_us,
            // A relay as fast as no relay at all is noise, not a floor.
            added_p50: added.filter(|(_, floor)| *floor > 0.0).map(|(mine, floor)| mine / floor),
        }
    }
}

impl Counts {
    /// Whether all five are the same.
    pub(crate) fn agree(&self) -> bool {
        [self.answered, self.metrics, self.access_log, self.stub]
            .iter()
            .all(|count| *count == self.sent)
    }
}

/// Prints the outcome of `--inflight`.
pub(crate) fn print_held(rows: &[Held], output: Output) -> Result<()> {
    emit(output, rows, || table::held(rows))
}

/// Prints the outcome of `--count`.
pub(crate) fn print_counts(counts: &Counts, output: Output) -> Result<()> {
    emit(output, counts, || table::counts(counts))
}

/// Prints the outcome of `--cells`.
pub(crate) fn print_cells(cells: &Cells, output: Output) -> Result<()> {
    emit(output, cells, || table::cells(cells))
}

fn emit<T: Serialize + ?Sized>(
    output: Output,
    value: &T,
    table: impl Fn() -> String,
) -> Result<()> {
    let text = match output {
        Output::Table => table(),
        Output::Json => serde_json::to_string_pretty(value)?,
    };
    writeln!(std::io::stdout().lock(), "{}", text.trim_end()).context("printing the outcome")
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
