//! `find_calls`: calls that match, newest first.
//!
//! Enters: filters. Leaves: a line for each call, a page at a time. Never: a call twice while new ones
//! come.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::Serialize;

use super::ask::{Coverage, Input};
use super::call::Line;
use super::page::page;
use super::{Call, Calls};
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Brief, Effect, Tool};

pub(super) struct FindCalls(pub(super) Arc<dyn Calls>);

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// The calls of this page.
    pub(super) calls: Vec<Line>,
    /// How many match in all.
    pub(super) matched: usize,
    /// Whether there are more pages.
    pub(super) truncated: bool,
    /// What to give as `next` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
    /// How far back the records go.
    pub(super) coverage: Coverage,
}

impl Tool for FindCalls {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "find_calls",
            title: "Calls through the gateway",
            description: "Finds calls that went through this gateway, newest first, by tool, \
                target, reason, blame, caller, duration and time. Each says how long it took, in \
                which phase, why it failed and whose fault that was. Give a request_id to explain \
                for all of it.",
            effect: Effect::Reads,
            limit: Duration::from_secs(5),
            aliases: &[],
            without: &["by", "order"],
        }
    }

    async fn run<'a>(&'a self, input: Input, _: &'a Context) -> Result<Output, ToolError> {
        let (found, coverage) = input.find(&self.0).await?;
        let ended = |call: &Call| {
            let since = call.ended.duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
        };
        let key = |call: &Call| (ended(call), call.request_id.clone());
        let page = page(found.calls, key, input.next.as_deref(), input.limit)?;
        Ok(Output {
            calls: page.entries.iter().map(Call::line).collect(),
            matched: page.matched,
            truncated: page.next.is_some(),
            next: page.next,
            coverage,
        })
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        let Self { calls, matched, coverage, .. } = self;
        if calls.is_empty() {
            return format!("No call matches.{}", coverage.caveat());
        }
        let lines: Vec<String> = calls.iter().map(Line::brief).collect();
        format!("{} of {matched} calls:\n{}{}", calls.len(), lines.join("\n"), coverage.caveat())
    }
}
