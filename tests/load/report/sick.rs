//! The outcome of `--faults`.
//!
//! In: measurements beside backends of telemetry, and counts of spans and lines. Out: ratios to the
//! backend that is well, and books that balance or do not.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;
use toolgate_tests::scrape::Metrics;

use super::table::{line, number};
use super::{Row, emit};
use crate::cli::Output;
use crate::drive::Faults;

/// The whole outcome.
#[derive(Debug, Serialize)]
pub(crate) struct SickReport {
    debug_build: bool,
    rows: Vec<Row>,
    ratios: Vec<ToFine>,
    /// What became of spans and lines, by backend.
    pub(crate) books: Vec<Books>,
    /// Wrong or missing answers.
    #[serde(flatten)]
    pub(crate) faults: Faults,
}

/// One backend beside the one that is well, at the same level; 1 means "the same".
#[derive(Debug, Serialize)]
struct ToFine {
    backend: &'static str,
    level: u16,
    p50: f64,
    p99: f64,
    cpu: Option<f64>,
}

/// What was made beside one backend, and what became of it.
#[derive(Debug, Serialize)]
pub(crate) struct Books {
    backend: &'static str,
    spans: Account,
    lines: Account,
}

/// Items of one kind.
#[derive(Debug, Serialize)]
struct Account {
    made: f64,
    exported: f64,
    /// By reason.
    dropped: BTreeMap<String, f64>,
}

// === impl SickReport ===

impl SickReport {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self {
            debug_build: cfg!(debug_assertions),
            rows: Vec::new(),
            ratios: Vec::new(),
            books: Vec::new(),
            faults: Faults::default(),
        }
    }

    /// Adds a row. The first one of a level is that of the backend that is well.
    pub(crate) fn add(&mut self, row: Row) {
        let fine = self.rows.iter().find(|fine| fine.level == row.level).unwrap_or(&row);
        let (mine, fine) = (&row.all, &fine.all);
        let cpu = mine.cpu_us_per_call.zip(fine.cpu_us_per_call).map(|(mine, fine)| mine / fine);
        let (p50, p99) = (mine.p50_us / fine.p50_us, mine.p99_us / fine.p99_us);
        self.ratios.push(ToFine { backend: row.subject, level: row.level, p50, p99, cpu });
        self.rows.push(row);
    }

    /// Whether every answer was right and every span and line is in a count.
    pub(crate) fn is_right(&self) -> bool {
        self.faults.count == 0 && self.books.iter().all(Books::is_balanced)
    }

    /// Prints it.
    pub(crate) fn print(&self, output: Output) -> Result<()> {
        emit(output, self, || self.table())
    }

    fn table(&self) -> String {
        let mut text = String::new();
        if self.debug_build {
            text.push_str("debug build of the benchmark: the numbers below mean nothing\n\n");
        }
        text.push_str(&format!(
            "{:<10} {:>5} {:>9} {:>9} {:>9} {:>12} {:>8} {:>8} {:>8}\n",
            "backend",
            "c",
            "calls",
            "p50 us",
            "p99 us",
            "CPU us/call",
            "p50 :1",
            "p99 :1",
            "CPU :1"
        ));
        for (row, ratio) in self.rows.iter().zip(&self.ratios) {
            let all = &row.all;
            line(
                &mut text,
                format_args!(
                    "{:<10} {:>5} {:>9} {:>9.0} {:>9.0} {:>12} {:>8.2} {:>8.2} {:>8}",
                    row.subject,
                    row.level,
                    all.calls,
                    all.p50_us,
                    all.p99_us,
                    number(all.cpu_us_per_call, 1),
                    ratio.p50,
                    ratio.p99,
                    number(ratio.cpu, 2),
                ),
            );
        }
        text.push('\n');
        for books in &self.books {
            for (what, account) in [("spans", &books.spans), ("lines", &books.lines)] {
                line(&mut text, format_args!("{:<10} {what}: {}", books.backend, account.text()));
            }
        }
        text.push('\n');
        line(&mut text, format_args!("wrong answers: {}", self.faults.count));
        for sample in &self.faults.samples {
            line(&mut text, format_args!("  {sample}"));
        }
        text
    }
}

// === impl Books ===

impl Books {
    /// Of so many spans and lines that were made, what the metrics say.
    pub(crate) fn of(backend: &'static str, made: (f64, f64), metrics: &Metrics) -> Self {
        let (spans, lines) = made;
        Self {
            backend,
            spans: Account::of(spans, "traces", metrics),
            lines: Account::of(lines, "access_log", metrics),
        }
    }

    /// Whether what was made is what was exported and dropped.
    pub(crate) fn is_balanced(&self) -> bool {
        [&self.spans, &self.lines].iter().all(|account| account.made == account.known())
    }
}

// === impl Account ===

impl Account {
    fn of(made: f64, signal: &str, metrics: &Metrics) -> Self {
        let (mut exported, mut dropped) = (0.0, BTreeMap::new());
        for item in metrics.select("toolgate_telemetry_items_total", &[("signal", signal)]) {
            if item.label("outcome") == "exported" {
                exported += item.value;
            } else if item.value > 0.0 {
                *dropped.entry(item.label("reason").to_owned()).or_default() += item.value;
            }
        }
        Self { made, exported, dropped }
    }

    fn known(&self) -> f64 {
        self.exported + self.dropped.values().sum::<f64>()
    }

    fn text(&self) -> String {
        let dropped = self.dropped.iter().map(|(reason, many)| format!(" + {many} {reason}"));
        let dropped: String = dropped.collect();
        let mark = if self.made == self.known() { "" } else { "  DIFFERS" };
        format!("{} made = {} exported{dropped}{mark}", self.made, self.exported)
    }
}
