//! `slowest`: the calls that took longest.
//!
//! Enters: filters. Leaves: a line for each call, the longest first, a page at a time. Never: a call
//! whose time is not said by phase.

use std::sync::Arc;
use std::time::Duration;

use super::ask::Input;
use super::find_calls::Output;
use super::page::page;
use super::{Call, Calls};
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Effect, Tool};

pub(super) struct Slowest(pub(super) Arc<dyn Calls>);

impl Tool for Slowest {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "slowest",
            title: "Slowest calls",
            description: "Lists the calls through this gateway that took longest, each with the \
                phase in which the time went: waiting for the target, connecting, in the gateway's \
                queue, or at the caller. Ask this when something is slow.",
            effect: Effect::Reads,
            limit: Duration::from_secs(5),
            aliases: &[],
            without: &["by", "order"],
        }
    }

    async fn run<'a>(&'a self, input: Input, _: &'a Context) -> Result<Output, ToolError> {
        let (mut found, coverage) = input.find(&self.0).await?;
        found.calls.retain(|call| !call.is_kept_open());
        let took = |call: &Call| u64::try_from(call.total().as_micros()).unwrap_or(u64::MAX);
        let key = |call: &Call| (took(call), call.request_id.clone());
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
