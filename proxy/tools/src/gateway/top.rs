//! `top`: calls counted by tool, target or caller.
//!
//! Enters: filters. Leaves: for each how many calls, failures by blame, percentiles of the duration,
//! and in which phase the time goes. Never: a percentile of too few calls to have one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::ask::{By, Coverage, Input, Order};
use super::call::{doing, length, ms, whose};
use super::page::page;
use super::{Call, Calls};
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Brief, Effect, Tool};

pub(super) struct Top(pub(super) Arc<dyn Calls>);

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// The groups of this page.
    groups: Vec<Group>,
    /// How many calls they are counted from.
    calls: usize,
    /// Whether there are more pages.
    truncated: bool,
    /// What to give as `next` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// How far back the records go.
    coverage: Coverage,
}

/// The calls of one.
#[derive(Debug, JsonSchema, Serialize)]
struct Group {
    /// The tool, target, or hash of the caller; `(none)` where there was none.
    name: String,
    /// How many calls.
    calls: usize,
    /// How many of them failed.
    failed: usize,
    /// Failures by whom they count against.
    failed_by: BTreeMap<&'static str, usize>,
    /// How long they took together, in milliseconds.
    total_ms: f64,
    /// Half of them took no longer, in milliseconds; from 20 calls on.
    #[serde(skip_serializing_if = "Option::is_none")]
    p50_ms: Option<f64>,
    /// 95 of 100 took no longer, in milliseconds; from 200 calls on.
    #[serde(skip_serializing_if = "Option::is_none")]
    p95_ms: Option<f64>,
    /// 99 of 100 took no longer, in milliseconds; from 1000 calls on.
    #[serde(skip_serializing_if = "Option::is_none")]
    p99_ms: Option<f64>,
    /// The longest, in milliseconds.
    longest_ms: f64,
    /// The request id of the longest; `explain` takes it.
    longest_request_id: String,
    /// Where the time went, the longest phase first.
    phases: Vec<Spent>,
    /// The same in words.
    summary: String,
}

/// The time of one phase.
#[derive(Debug, JsonSchema, Serialize)]
struct Spent {
    /// The phase.
    phase: &'static str,
    /// On whose side it passes: caller, gateway, network or target.
    whose: &'static str,
    /// How long, in milliseconds, of all the calls.
    ms: f64,
    /// Its share of the time, in percent.
    percent: f64,
}

impl Tool for Top {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "top",
            title: "Calls by tool, target or caller",
            description: "Counts the calls through this gateway by tool, target or caller: how \
                many, how many failed and whose fault that was, how long they took, and in which \
                phase the time goes. Ask this to see who uses what, and what is slow or failing.",
            effect: Effect::Reads,
            limit: Duration::from_secs(5),
            aliases: &[],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, _: &'a Context) -> Result<Output, ToolError> {
        let (mut found, coverage) = input.find(&self.0).await?;
        found.calls.retain(|call| !call.is_kept_open());
        let mut groups: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
        for call in &found.calls {
            groups.entry(name_of(call, input.by)).or_default().push(call);
        }
        let groups = groups.into_iter().filter_map(|(name, calls)| group(name, &calls)).collect();
        let key = |group: &Group| (weight(group, input.order), group.name.clone());
        let page = page(groups, key, input.next.as_deref(), input.limit)?;
        Ok(Output {
            groups: page.entries,
            calls: found.calls.len(),
            truncated: page.next.is_some(),
            next: page.next,
            coverage,
        })
    }
}

fn name_of(call: &Call, by: By) -> &str {
    let caller = || call.caller.as_ref().map(|caller| caller.hash.as_str());
    match by {
        By::Tool => call.called(),
        By::Target => call.target.as_deref().unwrap_or("(none)"),
        By::Caller => caller().unwrap_or("(none)"),
    }
}

fn weight(group: &Group, order: Order) -> u64 {
    match order {
        // Durations have at most a few digits behind the point; microseconds are whole.
        Order::Time => Duration::try_from_secs_f64(group.total_ms / 1e3)
            .map_or(u64::MAX, |time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
        Order::Calls => group.calls as u64,
        Order::Failures => group.failed as u64,
    }
}

fn group(name: &str, calls: &[&Call]) -> Option<Group> {
    let longest = calls.iter().max_by_key(|call| call.total())?;
    let mut failed_by = BTreeMap::new();
    for blame in calls.iter().filter_map(|call| call.blame()) {
        *failed_by.entry(blame).or_insert(0) += 1;
    }
    let mut times: Vec<Duration> = calls.iter().map(|call| call.total()).collect();
    times.sort_unstable();
    let failed = failed_by.values().sum();
    let mut group = Group {
        name: name.to_owned(),
        calls: calls.len(),
        failed,
        failed_by,
        total_ms: ms(times.iter().sum()),
        p50_ms: percentile(&times, 50),
        p95_ms: percentile(&times, 95),
        p99_ms: percentile(&times, 99),
        longest_ms: ms(longest.total()),
        longest_request_id: longest.request_id.clone(),
        phases: phases(calls),
        summary: String::new(),
    };
    group.summary = group.sentence();
    Some(group)
}

/// The nearest rank, where ten calls at least lie beyond it.
fn percentile(sorted: &[Duration], percent: usize) -> Option<f64> {
    if sorted.len() * (100 - percent) < 1000 {
        return None;
    }
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).map(|time| ms(*time))
}

fn phases(calls: &[&Call]) -> Vec<Spent> {
    let mut sums: BTreeMap<&'static str, Duration> = BTreeMap::new();
    for (phase, spent) in calls.iter().flat_map(|call| &call.phases) {
        *sums.entry(phase).or_default() += *spent;
    }
    let all = sums.values().sum::<Duration>().as_secs_f64();
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|(phase, spent)| (std::cmp::Reverse(*spent), *phase));
    let share = |spent: Duration| if all > 0.0 { spent.as_secs_f64() / all } else { 0.0 };
    let shown = sums.into_iter().map(|(phase, spent)| Spent {
        phase,
        whose: whose(phase),
        ms: ms(spent),
        percent: (share(spent) * 1000.0).round() / 10.0,
    });
    shown.collect()
}

// === impl Group ===

impl Group {
    fn sentence(&self) -> String {
        let mut said = format!("{}: {} calls", self.name, self.calls);
        if self.failed > 0 {
            let by = self.failed_by.iter().map(|(blame, calls)| format!("{blame} {calls}"));
            let by: Vec<String> = by.collect();
            said.push_str(&format!(", {} failed ({})", self.failed, by.join(", ")));
        }
        let time = |ms: f64| length(Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default());
        if let Some(half) = self.p50_ms {
            said.push_str(&format!(", half within {}", time(half)));
        }
        said.push_str(&format!(", longest {}", time(self.longest_ms)));
        if let Some(Spent { phase, percent, .. }) = self.phases.first() {
            said.push_str(&format!(", {percent:.0} % of the time {}", doing(phase)));
        }
        said
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        let Self { groups, coverage, .. } = self;
        if groups.is_empty() {
            return format!("No call matches.{}", coverage.caveat());
        }
        let lines: Vec<&str> = groups.iter().map(|group| group.summary.as_str()).collect();
        format!("{}{}", lines.join("\n"), coverage.caveat())
    }
}
