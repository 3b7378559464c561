//! `query`: the value of an expression at one time.
//!
//! Enters: PromQL and a time. Leaves: a value for each series, up to a limit. Never: an empty list
//! for a query that failed.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::api::{Api, Success};
use super::data::{Data, Kept, OneSeries, lines};
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Brief, Effect, Tool};
use crate::when;

pub(super) struct Query(pub(super) Arc<Api>);

/// Series whose values stand in the text.
const MOST_LINES: usize = 50;

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// The expression, in PromQL.
    #[schemars(length(min = 1, max = 10_000))]
    query: String,
    /// When: `now` (default), `now-1h`, RFC 3339 with a zone, or seconds since 1970.
    #[schemars(length(max = 64))]
    time: Option<String>,
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
    /// `vector`, `matrix`, `scalar` or `string`.
    result_type: String,
    /// How many series have answered.
    total: usize,
    /// The series, in Prometheus' order.
    series: Vec<OneSeries>,
    /// Whether there are more than are here; aggregate, or ask with a larger `limit`.
    truncated: bool,
    /// What Prometheus remarks about the query.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    warnings: Vec<String>,
}

pub(super) const fn hundred() -> usize {
    100
}

impl Tool for Query {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "query",
            title: "Prometheus query",
            description: "Evaluates a PromQL expression at one moment. For the course of a value \
                over time use range_query; for the names of metrics list_metrics.",
            effect: Effect::Reads,
            limit: Duration::from_secs(30),
            aliases: &[],
            without: self.0.without(),
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        let now = when::now();
        let time = input.time.as_deref().map_or(Ok(now), |time| when::time("time", time, now))?;
        let fields = [
            ("query", input.query.as_str()),
            ("time", &format!("{time:.3}")),
            ("timeout", &when::written(context.for_upstream())),
        ];
        let api = self.0.at(input.workspace.as_deref(), context).await?;
        let Success { data, warnings } = api.post("query", &fields, context).await?;
        let Data { kind, result } = data;
        let Kept { total, mut series } = result;
        series.truncate(input.limit);
        let truncated = series.len() < total;
        Ok(Output { result_type: kind, total, series, truncated, warnings })
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        if self.total == 0 {
            return "No series: nothing matches at that time.".to_owned();
        }
        let more = if self.truncated { format!(" of {}", self.total) } else { String::new() };
        let head = format!("{}{more} series ({})", self.series.len(), self.result_type);
        let each = self.series.iter().map(|series| {
            let last = series.values.last().map(String::as_str).unwrap_or_default();
            format!("{} {last}", series.name())
        });
        lines(head, each, MOST_LINES)
    }
}
