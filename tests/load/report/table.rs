//! Reports as text for people.
//!
//! In: a report. Out: aligned lines. It never prints.

use super::verdict::{HELD_MIB, Stands};
use super::{Counts, Held, Report};
use crate::cells::{Cells, List};

/// The main series.
pub(super) fn report(report: &Report) -> String {
    let mut text = String::new();
    if report.debug_build {
        text.push_str("debug build of the benchmark: the numbers below mean nothing\n\n");
    }
    text.push_str(&rows(report));
    text.push('\n');
    text.push_str(&processes(report));
    text.push('\n');
    if !report.ratios.is_empty() {
        text.push_str(&ratios(report));
        text.push('\n');
    }
    if !report.verdicts.is_empty() {
        text.push_str(&verdicts(report));
        text.push('\n');
    }
    line(&mut text, format_args!("wrong answers: {}", report.faults.count));
    for sample in &report.faults.samples {
        line(&mut text, format_args!("  {sample}"));
    }
    text
}

/// The outcome of `--inflight`.
pub(super) fn held(rows: &[Held]) -> String {
    let mut text = format!(
        "{:<10} {:>7} {:>9} {:>13} {:>10}\n",
        "subject", "open", "answered", "RSS idle MiB", "RSS MiB"
    );
    for row in rows {
        line(
            &mut text,
            format_args!(
                "{:<10} {:>7} {:>9} {:>13} {:>10}",
                row.subject,
                row.calls,
                row.answered,
                number(row.idle_rss_mib, 1),
                number(row.rss_mib, 1),
            ),
        );
        for error in &row.errors {
            line(&mut text, format_args!("  {error}"));
        }
    }
    line(&mut text, format_args!("target for toolgate: at most {HELD_MIB} MiB at 1000 open"));
    text
}

/// The outcome of `--count`.
pub(super) fn counts(counts: &Counts) -> String {
    let mut text = String::new();
    let places = [
        ("sent", counts.sent),
        ("answered", counts.answered),
        ("metrics", counts.metrics),
        ("access log", counts.access_log),
        ("stub", counts.stub),
    ];
    for (place, count) in places {
        let mark = if count == counts.sent { "" } else { "  DIFFERS" };
        line(&mut text, format_args!("{place:<11} {count:>10}{mark}"));
    }
    for error in &counts.errors {
        line(&mut text, format_args!("  {error}"));
    }
    text.push_str(if counts.agree() { "all counts agree\n" } else { "the counts differ\n" });
    text
}

/// The outcome of `--cells`.
pub(super) fn cells(cells: &Cells) -> String {
    let mut text = format!(
        "{:<8} {:<8} {:<6} {:>7} {:>10} {:>10} {:>12} {:>10} {:>10}\n",
        "client",
        "target",
        "answer",
        "targets",
        "calls/s",
        "p50 us",
        "CPU us/call",
        "CPU/relay",
        "p50/relay"
    );
    for cell in &cells.rows {
        let all = &cell.row.all;
        line(
            &mut text,
            format_args!(
                "{:<8} {:<8} {:<6} {:>7} {:>10.0} {:>10.0} {:>12} {:>10} {:>10.2}",
                cell.client,
                cell.target,
                cell.shape,
                cell.targets,
                all.calls_per_s,
                all.p50_us,
                number(all.cpu_us_per_call, 1),
                number(cell.cpu_to_relay, 2),
                cell.p50_to_relay,
            ),
        );
    }
    for list in &cells.lists {
        let List { client, tools, p50_ms, p99_ms } = list;
        line(
            &mut text,
            format_args!(
                "tools/list, {client}, {tools} tools: p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms"
            ),
        );
    }
    line(&mut text, format_args!("wrong answers: {}", cells.faults.count));
    for sample in &cells.faults.samples {
        line(&mut text, format_args!("  {sample}"));
    }
    text
}

fn rows(report: &Report) -> String {
    let mut text = format!(
        "{:<10} {:>5} {:>10} {:>10} {:>10} {:>12}\n",
        "subject", "c", "calls/s", "p50 us", "p99 us", "CPU us/call"
    );
    for row in &report.rows {
        let all = &row.all;
        line(
            &mut text,
            format_args!(
                "{:<10} {:>5} {:>10.0} {:>10.0} {:>10.0} {:>12}",
                row.subject,
                row.level,
                all.calls_per_s,
                all.p50_us,
                all.p99_us,
                number(all.cpu_us_per_call, 1),
            ),
        );
    }
    text
}

fn processes(report: &Report) -> String {
    let mut text = format!(
        "{:<10} {:>9} {:>13} {:>14}\n",
        "subject", "ready ms", "RSS idle MiB", "RSS after MiB"
    );
    for process in &report.processes {
        line(
            &mut text,
            format_args!(
                "{:<10} {:>9.0} {:>13} {:>14}",
                process.subject,
                process.ready_ms,
                number(process.rss_idle_mib, 1),
                number(process.rss_after_mib, 1),
            ),
        );
    }
    text
}

fn ratios(report: &Report) -> String {
    let mut text = format!(
        "{:<10} {:>5} {:>10} {:>10} {:>10} {:>12}\n",
        "to relay", "c", "calls/s", "CPU", "p50", "added p50"
    );
    for ratio in &report.ratios {
        line(
            &mut text,
            format_args!(
                "{:<10} {:>5} {:>10.2} {:>10} {:>10.2} {:>12}",
                ratio.subject,
                ratio.level,
                ratio.calls_per_s,
                number(ratio.cpu, 2),
                ratio.p50,
                number(ratio.added_p50, 2),
            ),
        );
    }
    text
}

fn verdicts(report: &Report) -> String {
    let mut text = String::new();
    for verdict in &report.verdicts {
        let stands: Stands = verdict.stands;
        line(
            &mut text,
            format_args!(
                "{:<28} {:>8.2}   {:<22} {}",
                verdict.what,
                verdict.measured,
                verdict.target,
                stands.words(),
            ),
        );
    }
    text
}

pub(super) fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
}

pub(super) fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.push_str(&format!("{arguments}\n"));
}
