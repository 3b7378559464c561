//! `errors`: failures, counted by what failed and why.
//!
//! Enters: filters. Leaves: a group for each tool and reason, the largest first, each with its last
//! call. Never: a failure without whose fault it was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::ask::{Coverage, Ending, Input};
use super::page::page;
use super::{Call, Calls};
use crate::context::Context;
use crate::error::{ToolError, words};
use crate::tool::{About, Brief, Effect, Tool};
use crate::when;

pub(super) struct Errors(pub(super) Arc<dyn Calls>);

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// The groups of this page.
    groups: Vec<Group>,
    /// How many calls failed in all.
    failed: usize,
    /// Whether there are more pages.
    truncated: bool,
    /// What to give as `next` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// How far back the records go.
    coverage: Coverage,
}

/// Failures of one kind.
#[derive(Debug, JsonSchema, Serialize)]
struct Group {
    /// The full name of the tool or prompt; else the method.
    name: String,
    /// The target.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    /// Why.
    reason: &'static str,
    /// Whose fault it is: caller, gateway, network, target or tool.
    blame: &'static str,
    /// How many.
    calls: usize,
    /// Of how many different callers.
    callers: usize,
    /// When the first of them ended, in UTC.
    first: String,
    /// When the last of them ended, in UTC.
    last: String,
    /// Of how many of them the caller may repeat the call without doing it twice.
    retry_safe: usize,
    /// The request id of the last; `explain` takes it.
    request_id: String,
    /// The trace of the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    /// What the operator is told of the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The same in words.
    summary: String,
}

impl Tool for Errors {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "errors",
            title: "Failures by tool and reason",
            description: "Counts the calls through this gateway that failed, by tool and reason, \
                each with whose fault it is (caller, gateway, network, target or tool), when it \
                began, and the last of them. Ask this first when something fails.",
            effect: Effect::Reads,
            limit: Duration::from_secs(5),
            aliases: &[],
            without: &["by", "order", "outcome"],
        }
    }

    async fn run<'a>(&'a self, input: Input, _: &'a Context) -> Result<Output, ToolError> {
        let input = Input { outcome: Ending::Failed, ..input };
        let (found, coverage) = input.find(&self.0).await?;
        let failed = found.calls.len();
        let mut groups: BTreeMap<(&str, &str), Vec<&Call>> = BTreeMap::new();
        for call in &found.calls {
            let Some((reason, _)) = call.failure else { continue };
            groups.entry((call.called(), reason)).or_default().push(call);
        }
        let groups = groups.into_values().filter_map(|calls| group(&calls)).collect();
        let key = |group: &Group| (group.calls as u64, format!("{} {}", group.name, group.reason));
        let page = page(groups, key, input.next.as_deref(), input.limit)?;
        let truncated = page.next.is_some();
        Ok(Output { groups: page.entries, failed, truncated, next: page.next, coverage })
    }
}

/// Calls with one name and reason, newest first.
fn group(calls: &[&Call]) -> Option<Group> {
    let (newest, oldest) = (calls.first()?, calls.last()?);
    let (reason, blame) = newest.failure?;
    let hashes = calls.iter().filter_map(|call| call.caller.as_ref());
    let hashes: BTreeSet<&str> = hashes.map(|caller| caller.hash.as_str()).collect();
    let (name, last) = (newest.called().to_owned(), when::utc(newest.ended));
    let detail = newest.detail.as_deref().map(words);
    let said = detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
    let summary = format!(
        "{name}: {} × {reason}; blame {blame}; last {last} (request {}){said}",
        calls.len(),
        newest.request_id
    );
    Some(Group {
        name,
        target: newest.target.clone(),
        reason,
        blame,
        calls: calls.len(),
        callers: hashes.len(),
        first: when::utc(oldest.ended),
        last,
        retry_safe: calls.iter().filter(|call| call.retry_safe).count(),
        request_id: newest.request_id.clone(),
        trace_id: newest.trace_id.clone(),
        detail,
        summary,
    })
}

impl Brief for Output {
    fn brief(&self) -> String {
        let Self { groups, failed, coverage, truncated, .. } = self;
        if groups.is_empty() {
            return format!("No call failed since {}.", coverage.since());
        }
        let more = if *truncated { ", and there are more kinds" } else { "" };
        let lines: Vec<&str> = groups.iter().map(|group| group.summary.as_str()).collect();
        format!("{failed} calls failed{more}:\n{}", lines.join("\n"))
    }
}
