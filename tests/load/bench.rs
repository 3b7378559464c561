//! The main series: every subject under every level of load, in interleaved rounds.
//!
//! In: options. Out: a printed report. Subjects run side by side and are measured in turn, so
//! that whatever else the machine does falls on all of them alike.

use std::time::Duration;

use anyhow::Result;

use crate::cli::Options;
use crate::drive::{self, Measured};
use crate::ground::{Ground, Subject};
use crate::report::{Process, Report, Row};

/// Runs the series; `false` when an answer was wrong.
pub(crate) async fn run(options: &Options) -> Result<bool> {
    let width = options.levels.iter().copied().max().unwrap_or(1);
    let ground = Ground::prepare(options.era, usize::from(width), false).await?;
    let mut subjects = Vec::new();
    for kind in options.kinds() {
        subjects.push(ground.subject(kind, options).await?);
    }
    let cells = go_round(options, &subjects).await?;
    let mut report = Report::new(options);
    for (subject, level, rounds) in cells {
        report.rows.push(Row::new(subject.kind.name(), level, rounds, &mut report.faults));
    }
    for subject in subjects {
        report.processes.push(Process::of(&subject)?);
        subject.stop().await?;
    }
    report.compare();
    report.print(options.output)?;
    Ok(report.faults.count == 0)
}

/// Every subject at every level, with what each round measured.
type Cells<'a> = Vec<(&'a Subject, u16, Vec<Measured>)>;

async fn go_round<'a>(options: &Options, subjects: &'a [Subject]) -> Result<Cells<'a>> {
    let length = Duration::from_secs(options.seconds);
    let mut cells: Cells<'a> = Vec::new();
    for level in &options.levels {
        cells.extend(subjects.iter().map(|subject| (subject, *level, Vec::new())));
    }
    for _ in 0..options.rounds {
        for (subject, level, rounds) in &mut cells {
            rounds.push(drive::measure(subject, *level, length).await?);
        }
    }
    Ok(cells)
}
