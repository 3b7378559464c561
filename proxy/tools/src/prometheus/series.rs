//! `series`: which series there are.
//!
//! Enters: selectors and times. Leaves: label sets, up to a limit. Never: values; those are asked
//! for by query.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::api::{Api, Success};
use super::data::{Labels, lines, selector};
use super::query::hundred;
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Brief, Effect, Tool};
use crate::when;

pub(super) struct Series(pub(super) Arc<Api>);

/// Series that stand in the text.
const MOST_LINES: usize = 50;

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Selectors, such as `up` or `{job="node"}`; a series that fits one of them is listed.
    #[serde(rename = "match")]
    #[schemars(length(min = 1, max = 10), inner(length(min = 1, max = 2000)))]
    selectors: Vec<String>,
    /// From when; default `now-1h`.
    #[schemars(length(min = 1, max = 64))]
    start: Option<String>,
    /// Until when; default `now`.
    #[schemars(length(min = 1, max = 64))]
    end: Option<String>,
    /// How many series at most.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 1000))]
    limit: usize,
    /// The workspace, by id or alias, as list_workspaces tells them.
    #[schemars(length(min = 1, max = 128))]
    workspace: Option<String>,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// The labels of each series; its name is `__name__`.
    series: Vec<Labels>,
    /// How many are here.
    count: usize,
    /// Whether there are more than are here; select more narrowly.
    truncated: bool,
}

impl Tool for Series {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "series",
            title: "Prometheus series",
            description: "Lists the series that fit selectors, by their labels and without values.",
            effect: Effect::Reads,
            limit: Duration::from_secs(30),
            aliases: &[],
            without: self.0.without(),
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        let now = when::now();
        let start = when::time("start", input.start.as_deref().unwrap_or("now-1h"), now)?;
        let end = when::time("end", input.end.as_deref().unwrap_or("now"), now)?;
        if start > end {
            return Err(ToolError::argument("start", "is after `end`; exchange the two"));
        }
        let (start, end) = (format!("{start:.3}"), format!("{end:.3}"));
        // One more shows that there are more; servers before 2.53 ignore it and give all.
        let limit = input.limit.saturating_add(1).to_string();
        let mut fields = vec![("start", start.as_str()), ("end", &end), ("limit", &limit)];
        fields.extend(input.selectors.iter().map(|selector| ("match[]", selector.as_str())));
        let api = self.0.at(input.workspace.as_deref(), context).await?;
        let Success { data, .. } = api.post("series", &fields, context).await?;
        let mut series: Vec<Labels> = data;
        let truncated = series.len() > input.limit;
        series.truncate(input.limit);
        Ok(Output { count: series.len(), series, truncated })
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        let more = if self.truncated { ", and there are more" } else { "" };
        let head = format!("{} series{more}", self.count);
        lines(head, self.series.iter().map(selector), MOST_LINES)
    }
}
