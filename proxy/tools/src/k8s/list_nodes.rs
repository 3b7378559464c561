//! `list_nodes`: which nodes there are, and how they are.
//!
//! Enters: labels. Leaves: a page of nodes with state, version and size. Never: no nodes where the
//! cluster has failed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::api::Api;
use super::list_pods::{CORE, fifty, page, within};
use super::objects::{Condition, List, Meta};
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Brief, Effect, Tool};

pub(super) struct ListNodes(pub(super) Arc<Api>);

/// What the label of a role begins with.
const ROLE: &str = "node-role.kubernetes.io/";

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Only nodes with these labels, such as `topology.kubernetes.io/zone=eu-west-1a`.
    #[schemars(length(min = 1, max = 1000))]
    label_selector: Option<String>,
    /// How many at most.
    #[serde(default = "fifty")]
    #[schemars(range(min = 1, max = 500))]
    limit: u32,
    /// Where to go on; `next` of the page before.
    #[schemars(length(min = 1, max = 4000))]
    next: Option<String>,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// The nodes of this page.
    nodes: Vec<Row>,
    /// How many are here.
    count: usize,
    /// Whether there are more pages.
    truncated: bool,
    /// What to give as `next` for the next page; it is good for some minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Row {
    name: String,
    /// Whether it takes part.
    ready: bool,
    /// Whether it takes new pods.
    schedulable: bool,
    /// What weighs on it, such as `MemoryPressure`, or why it is not ready.
    troubles: Vec<String>,
    roles: Vec<String>,
    /// The version of its kubelet.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    /// What pods may use: `cpu`, `memory`, `pods`.
    allocatable: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
}

#[derive(Deserialize)]
struct Node {
    metadata: Meta,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
struct Spec {
    #[serde(default)]
    unschedulable: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    conditions: Vec<Condition>,
    #[serde(default)]
    allocatable: BTreeMap<String, String>,
    node_info: Option<Info>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    kubelet_version: Option<String>,
}

impl Tool for ListNodes {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "list_nodes",
            title: "Kubernetes nodes",
            description: "Lists the nodes of a Kubernetes cluster: readiness, pressure, version, \
                instance type, zone and what pods may use of them.",
            effect: Effect::Reads,
            limit: Duration::from_secs(30),
            aliases: &[("continue", "next"), ("labels", "label_selector")],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        let limit = input.limit.to_string();
        let query = page(
            &limit,
            [
                ("labelSelector", input.label_selector.as_deref()),
                ("continue", input.next.as_deref()),
                ("fieldSelector", None),
            ],
        );
        let told: List<Node> = self.0.get(&within(&CORE, None, "nodes"), &query, context).await?;
        let next = told.next();
        let nodes: Vec<Row> = told.items.into_iter().map(Row::from).collect();
        Ok(Output { count: nodes.len(), nodes, truncated: next.is_some(), next })
    }
}

impl From<Node> for Row {
    fn from(node: Node) -> Self {
        let Node { metadata: meta, spec, status } = node;
        let is = |one: &&Condition| one.kind == "Ready";
        let ready = status.conditions.iter().find(is).is_some_and(|one| one.status == "True");
        let odd = |one: &&Condition| (one.status == "True") != (one.kind == "Ready");
        let trouble = |one: &Condition| {
            let reason = one.reason.as_deref().unwrap_or_default();
            if one.kind == "Ready" { format!("not ready: {reason}") } else { one.kind.clone() }
        };
        let label = |name: &str| meta.labels.get(name).cloned();
        let roles = meta.labels.keys().filter_map(|name| Some(name.strip_prefix(ROLE)?.to_owned()));
        let told = |name: &&str| Some(((*name).to_owned(), status.allocatable.get(*name)?.clone()));
        Self {
            ready,
            schedulable: !spec.unschedulable,
            troubles: status.conditions.iter().filter(odd).map(trouble).collect(),
            roles: roles.collect(),
            version: status.node_info.and_then(|info| info.kubelet_version),
            instance_type: label("node.kubernetes.io/instance-type"),
            zone: label("topology.kubernetes.io/zone"),
            allocatable: ["cpu", "memory", "pods"].iter().filter_map(told).collect(),
            name: meta.name,
            created: meta.creation_timestamp,
        }
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        let more = if self.truncated { ", and there are more" } else { "" };
        let mut lines = vec![format!("{} nodes{more}", self.count)];
        lines.extend(self.nodes.iter().map(|node| {
            let ready = if node.ready { "ready" } else { "NOT ready" };
            let cordoned = if node.schedulable { "" } else { ", takes no new pods" };
            let troubles = match node.troubles.is_empty() {
                true => String::new(),
                false => format!(", {}", node.troubles.join(", ")),
            };
            let version = node.version.as_deref().unwrap_or("?");
            format!("{} {ready}{cordoned}{troubles}, {version}", node.name)
        }));
        lines.join("\n")
    }
}
