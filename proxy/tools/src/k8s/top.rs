//! `top`: who uses how much.
//!
//! Enters: pods or nodes, in which order. Leaves: the largest users of CPU or memory, by
//! `metrics.k8s.io`. Never: zero where nothing was measured.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::api::Api;
use super::list_pods::within;
use super::objects::{List, Meta};
use super::{names, quantity};
use crate::context::Context;
use crate::error::{Code, ToolError};
use crate::tool::{About, Brief, Effect, Tool};

pub(super) struct Top(pub(super) Arc<Api>);

/// The path of the API of metrics.
const METRICS: [&str; 3] = ["apis", "metrics.k8s.io", "v1beta1"];

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Whose use: `pods` or `nodes`.
    #[serde(default)]
    of: Of,
    /// Only pods of this namespace; without it, of all.
    #[schemars(length(min = 1, max = 63))]
    namespace: Option<String>,
    /// Only those with these labels.
    #[schemars(length(min = 1, max = 1000))]
    label_selector: Option<String>,
    /// By what they are ordered, largest first.
    #[serde(default)]
    by: By,
    /// How many at most.
    #[serde(default = "twenty")]
    #[schemars(range(min = 1, max = 200))]
    limit: u32,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Of {
    #[default]
    Pods,
    Nodes,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum By {
    #[default]
    Cpu,
    Memory,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// The largest, in order.
    top: Vec<Row>,
    /// How many are here.
    count: usize,
    /// Of how many that were measured.
    total: usize,
    /// Whether there are more than these.
    truncated: bool,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    name: String,
    /// Cores in use.
    cpu: f64,
    /// Bytes in use.
    memory: f64,
    /// Over how long that was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<String>,
}

#[derive(Deserialize)]
struct Told {
    metadata: Meta,
    window: Option<String>,
    usage: Option<BTreeMap<String, String>>,
    containers: Option<Vec<Part>>,
}

#[derive(Deserialize)]
struct Part {
    usage: BTreeMap<String, String>,
}

const fn twenty() -> u32 {
    20
}

impl Tool for Top {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "top",
            title: "Kubernetes top",
            description: "Tells which pods or nodes use most CPU or memory now, as the cluster's \
                metrics-server has measured.",
            effect: Effect::Reads,
            limit: Duration::from_secs(30),
            aliases: &[("sort_by", "by"), ("kind", "of")],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        names::some_label("namespace", input.namespace.as_deref())?;
        let path = match (input.of, input.namespace.as_deref()) {
            (Of::Nodes, Some(_)) => {
                return Err(ToolError::argument("namespace", "is of pods only; leave it out"));
            }
            (Of::Nodes, None) => within(&METRICS, None, "nodes"),
            (Of::Pods, namespace) => within(&METRICS, namespace, "pods"),
        };
        let selector = input.label_selector.as_deref().map(|labels| ("labelSelector", labels));
        let query: Vec<(&str, &str)> = selector.into_iter().collect();
        let told: Result<List<Told>, ToolError> = self.0.get(&path, &query, context).await;
        let told = told.map_err(|error| missing(error, input.namespace.is_some()))?;
        let total = told.items.len();
        let rows: Result<Vec<Row>, ToolError> = told.items.into_iter().map(Row::of).collect();
        let mut top = rows?;
        let key = |row: &Row| if input.by == By::Cpu { row.cpu } else { row.memory };
        top.sort_by(|one, other| key(other).total_cmp(&key(one)));
        top.truncate(input.limit.try_into().unwrap_or(usize::MAX));
        Ok(Output { count: top.len(), truncated: top.len() < total, top, total })
    }
}

/// A list is always there, unless nobody serves it.
fn missing(error: ToolError, is_named: bool) -> ToolError {
    if error.code() != Code::NotFound || is_named {
        return error;
    }
    let message = "the cluster has no API of metrics (metrics.k8s.io); its operator has to install \
                   metrics-server";
    let source = error.source().cloned().unwrap_or_default();
    ToolError::new(Code::NotFound, message).caused_by(source)
}

impl Row {
    fn of(told: Told) -> Result<Self, ToolError> {
        let Told { metadata, window, usage, containers } = told;
        let parts: Vec<BTreeMap<String, String>> = match (usage, containers) {
            (Some(usage), _) => vec![usage],
            (None, Some(parts)) => parts.into_iter().map(|part| part.usage).collect(),
            (None, None) => return Err(unread(&metadata.name)),
        };
        let sum = |what: &str| {
            let each = parts.iter().map(|usage| quantity::number(usage.get(what)?));
            each.sum::<Option<f64>>()
        };
        let (Some(cpu), Some(memory)) = (sum("cpu"), sum("memory")) else {
            return Err(unread(&metadata.name));
        };
        let namespace = Some(metadata.namespace).filter(|namespace| !namespace.is_empty());
        Ok(Self { namespace, name: metadata.name, cpu, memory, window })
    }
}

fn unread(name: &str) -> ToolError {
    let message = format!("Kubernetes answered what cannot be read: the use of `{name}`");
    let service = super::seat::SERVICE.to_owned();
    let source = crate::error::Source { service, ..crate::error::Source::default() };
    ToolError::new(Code::Garbled, message).caused_by(source)
}

impl Brief for Output {
    fn brief(&self) -> String {
        let mut lines = vec![format!("{} of {}", self.count, self.total)];
        lines.extend(self.top.iter().map(|row| {
            let within = row.namespace.as_ref().map_or_else(String::new, |name| format!("{name}/"));
            format!("{within}{} {:.3} cores, {}", row.name, row.cpu, quantity::bytes(row.memory))
        }));
        lines.join("\n")
    }
}
