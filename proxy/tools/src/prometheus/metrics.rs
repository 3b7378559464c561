//! `list_metrics`: what is measured.
//!
//! Enters: how names begin, and a selector. Leaves: names in order, a page at a time. Never: a page
//! that does not say whether it is the last.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::api::Api;
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Brief, Effect, Tool};

pub(super) struct ListMetrics(pub(super) Arc<Api>);

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Only names that begin like this.
    #[schemars(length(max = 200))]
    prefix: Option<String>,
    /// Only metrics of series that fit this selector, such as `{job="node"}`.
    #[serde(rename = "match")]
    #[schemars(length(min = 1, max = 2000))]
    selector: Option<String>,
    /// How many names at most.
    #[serde(default = "many")]
    #[schemars(range(min = 1, max = 2000))]
    limit: usize,
    /// How many names to leave out; `next_offset` of the page before.
    #[serde(default)]
    #[schemars(range(max = 1_000_000))]
    offset: usize,
    /// The workspace, by id or alias, as list_workspaces tells them.
    #[schemars(length(min = 1, max = 128))]
    workspace: Option<String>,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// How many names fit, on all pages.
    pub(super) total: usize,
    /// The names of this page, in order.
    pub(super) names: Vec<String>,
    /// Whether there are more pages.
    pub(super) truncated: bool,
    /// The `offset` of the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_offset: Option<usize>,
}

pub(super) const fn many() -> usize {
    200
}

impl Tool for ListMetrics {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "list_metrics",
            title: "Prometheus metrics",
            description: "Lists the names of metrics, all or those that begin with `prefix` or \
                belong to series that fit `match`. Call metadata to learn what one means.",
            effect: Effect::Reads,
            limit: Duration::from_secs(30),
            aliases: &[],
            without: self.0.without(),
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        let fields: Vec<(&str, &str)> =
            input.selector.as_deref().map(|selector| ("match[]", selector)).into_iter().collect();
        let api = self.0.at(input.workspace.as_deref(), context).await?;
        let answered = api.get("label/__name__/values", &fields, context).await?;
        let mut names: Vec<String> = answered.data;
        if let Some(prefix) = &input.prefix {
            names.retain(|name| name.starts_with(prefix.as_str()));
        }
        Ok(Output::page(names, input.offset, input.limit))
    }
}

// === impl Output ===

impl Output {
    /// One page of names, put in order.
    pub(super) fn page(mut names: Vec<String>, offset: usize, limit: usize) -> Self {
        names.sort_unstable();
        let total = names.len();
        let names: Vec<String> = names.into_iter().skip(offset).take(limit).collect();
        let next = offset.saturating_add(names.len());
        let truncated = next < total && !names.is_empty();
        Self { total, names, truncated, next_offset: truncated.then_some(next) }
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        if self.names.is_empty() {
            return format!("No names here; {} in all.", self.total);
        }
        let next = match self.next_offset {
            Some(next) => format!("; go on with offset {next}"),
            None => String::new(),
        };
        format!("{} of {} names{next}\n{}", self.names.len(), self.total, self.names.join("\n"))
    }
}
