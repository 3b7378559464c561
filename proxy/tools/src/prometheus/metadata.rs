//! `metadata`: what metrics mean.
//!
//! Enters: perhaps a name. Leaves: type, help and unit of metrics, up to a limit. Never: a guess
//! about a metric that says nothing of itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::api::{Api, Success};
use super::data::lines;
use super::query::hundred;
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Brief, Effect, Tool, clip};

pub(super) struct Metadata(pub(super) Arc<Api>);

/// Metrics that stand in the text.
const MOST_LINES: usize = 50;
/// The longest help that is passed on, in characters.
const MOST_HELP: usize = 500;

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// The metric; without it all are listed.
    #[schemars(length(min = 1, max = 200))]
    metric: Option<String>,
    /// How many metrics at most.
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
    /// The metrics, by name.
    metrics: Vec<Metric>,
    /// How many are here.
    count: usize,
    /// Whether there are more than are here; ask for one by `metric`.
    truncated: bool,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Metric {
    name: String,
    /// `counter`, `gauge`, `histogram`, `summary`, `untyped` and so on.
    kind: String,
    /// What it says of itself.
    help: String,
    /// Its unit, if it names one.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    unit: String,
}

#[derive(Deserialize)]
struct Said {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    help: String,
    #[serde(default)]
    unit: String,
}

impl Tool for Metadata {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "metadata",
            title: "Prometheus metadata",
            description: "Tells type, meaning and unit of metrics: of one, or of all.",
            effect: Effect::Reads,
            limit: Duration::from_secs(30),
            aliases: &[],
            without: self.0.without(),
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        let limit = input.limit.saturating_add(1).to_string();
        let mut fields = vec![("limit", limit.as_str()), ("limit_per_metric", "1")];
        fields.extend(input.metric.as_deref().map(|metric| ("metric", metric)));
        let api = self.0.at(input.workspace.as_deref(), context).await?;
        let Success { data, .. } = api.get("metadata", &fields, context).await?;
        let said: BTreeMap<String, Vec<Said>> = data;
        let truncated = said.len() > input.limit;
        let metrics: Vec<Metric> = said
            .into_iter()
            .take(input.limit)
            .filter_map(|(name, said)| metric(name, said))
            .collect();
        Ok(Output { count: metrics.len(), metrics, truncated })
    }
}

/// Targets that disagree about a metric each say their own; the first is as good as any.
fn metric(name: String, said: Vec<Said>) -> Option<Metric> {
    let Said { kind, help, unit } = said.into_iter().next()?;
    Some(Metric { name, kind, help: clip(&help, MOST_HELP).into_owned(), unit })
}

impl Brief for Output {
    fn brief(&self) -> String {
        let more = if self.truncated { ", and there are more" } else { "" };
        let head = format!("{} metrics{more}", self.count);
        let each =
            self.metrics.iter().map(|one| format!("{} ({}): {}", one.name, one.kind, one.help));
        lines(head, each, MOST_LINES)
    }
}
