//! The acceptance targets, and how a run stands beside them.
//!
//! In: a report. Out: one line per target that could be measured. It decides nothing.

use serde::Serialize;

use super::Report;
use crate::cli::Kind;

/// Processor time per call, as a multiple of the relay's: aimed at, and not to be exceeded.
const CPU: (f64, f64) = (1.35, 1.6);
/// Latency added at one connection, as a multiple of the relay's.
const ADDED_P50: f64 = 1.3;
/// Resident memory before the first call, MiB.
const IDLE_MIB: f64 = 30.0;
/// Start to ready, ms.
const READY_MS: f64 = 150.0;
/// Calls per second, as a multiple of Envoy's MCP router.
const BEATS_ENVOY: f64 = 3.0;

/// Processor time per call with all telemetry on, as a multiple of that with it off.
const TELEMETRY: f64 = 1.10;

/// Resident memory with 1,000 calls open, MiB.
pub(super) const HELD_MIB: f64 = 150.0;

/// One target and what was measured.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Verdict {
    /// What is held against a target.
    pub(super) what: String,
    /// What was found.
    pub(super) measured: f64,
    /// The target in words.
    pub(super) target: &'static str,
    /// Where the measurement stands.
    pub(super) stands: Stands,
}

/// Where a measurement stands beside its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stands {
    /// Target met.
    Met,
    /// Over the goal, under the limit.
    WithinLimit,
    /// Target missed.
    Missed,
}

impl Stands {
    /// For the table.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::WithinLimit => "within the limit",
            Self::Missed => "MISSED",
        }
    }

    fn at_most(measured: f64, goal: f64, limit: f64) -> Self {
        if measured <= goal {
            Self::Met
        } else if measured <= limit {
            Self::WithinLimit
        } else {
            Self::Missed
        }
    }
}

/// Holds the gateway's numbers against the targets.
pub(super) fn judge(report: &Report) -> Vec<Verdict> {
    let gateway = Kind::Toolgate.name();
    let mut verdicts = Vec::new();
    for ratio in report.ratios.iter().filter(|ratio| ratio.subject == gateway) {
        let level = ratio.level;
        verdicts.extend(ratio.cpu.map(|cpu| Verdict {
            what: format!("CPU per call / relay, c={level}"),
            measured: cpu,
            target: "goal 1.35, limit 1.6",
            stands: Stands::at_most(cpu, CPU.0, CPU.1),
        }));
        verdicts.extend(ratio.added_p50.filter(|_| level == 1).map(|added| Verdict {
            what: "added p50 / relay, c=1".to_owned(),
            measured: added,
            target: "at most 1.3",
            stands: Stands::at_most(added, ADDED_P50, ADDED_P50),
        }));
    }
    verdicts.extend(against_envoy(report));
    verdicts.extend(telemetry(report));
    for process in report.processes.iter().filter(|process| process.subject == gateway) {
        verdicts.extend(process.rss_idle_mib.map(|rss| Verdict {
            what: "RSS idle, MiB".to_owned(),
            measured: rss,
            target: "at most 30",
            stands: Stands::at_most(rss, IDLE_MIB, IDLE_MIB),
        }));
        verdicts.push(Verdict {
            what: "ready, ms".to_owned(),
            measured: process.ready_ms,
            target: "at most 150",
            stands: Stands::at_most(process.ready_ms, READY_MS, READY_MS),
        });
    }
    verdicts
}

/// What everything on costs beside everything off.
fn telemetry(report: &Report) -> Vec<Verdict> {
    let rows = report.rows.iter().filter(|row| row.subject == Kind::Traced.name());
    let compared = rows.filter_map(|row| {
        let quiet = report.find(Kind::Quiet.name(), row.level)?;
        let ratio = row.all.cpu_us_per_call? / quiet.all.cpu_us_per_call?;
        Some(Verdict {
            what: format!("CPU per call, telemetry on / off, c={}", row.level),
            measured: ratio,
            target: "at most 1.10",
            stands: Stands::at_most(ratio, TELEMETRY, TELEMETRY),
        })
    });
    compared.collect()
}

fn against_envoy(report: &Report) -> Vec<Verdict> {
    let gateway = Kind::Toolgate.name();
    let rows = report.rows.iter().filter(|row| row.subject == gateway);
    let compared = rows.filter_map(|row| {
        let envoy = report.find(Kind::Envoy.name(), row.level)?;
        let ratio = row.all.calls_per_s / envoy.all.calls_per_s;
        let stands = if ratio >= BEATS_ENVOY { Stands::Met } else { Stands::Missed };
        let what = format!("calls/s / envoy, c={}", row.level);
        Some(Verdict { what, measured: ratio, target: "at least 3", stands })
    });
    compared.collect()
}
