//! `list_pods`: which pods there are, and how they are.
//!
//! Enters: a namespace, selectors. Leaves: a page of pods, each in one line. Never: no pods where the
//! cluster has failed.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::api::Api;
use super::names;
use super::objects::{List, Pod};
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Brief, Effect, Tool};

pub(super) struct ListPods(pub(super) Arc<Api>);

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Only pods of this namespace; without it, of all.
    #[schemars(length(min = 1, max = 63))]
    namespace: Option<String>,
    /// Only pods with these labels, such as `app=shop,tier!=cache`.
    #[schemars(length(min = 1, max = 1000))]
    label_selector: Option<String>,
    /// Only pods with these fields, such as `status.phase=Failed` or `spec.nodeName=a`.
    #[schemars(length(min = 1, max = 1000))]
    field_selector: Option<String>,
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
    /// The pods of this page.
    pods: Vec<Row>,
    /// How many are here.
    count: usize,
    /// Whether there are more pages.
    truncated: bool,
    /// About how many more there are, if the cluster tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<u64>,
    /// What to give as `next` for the next page; it is good for some minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Row {
    namespace: String,
    name: String,
    /// The most telling word, as `kubectl get pods` has it: `Running`, `CrashLoopBackOff`.
    status: String,
    /// How many of its containers are ready, such as `1/2`.
    ready: String,
    /// How often its containers were started again.
    restarts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    /// Since when it exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
}

pub(super) const fn fifty() -> u32 {
    50
}

/// The query of a page.
pub(super) fn page<'a>(
    limit: &'a str,
    fields: [(&'a str, Option<&'a str>); 3],
) -> Vec<(&'a str, &'a str)> {
    let mut query = vec![("limit", limit)];
    query.extend(fields.into_iter().filter_map(|(name, value)| Some((name, value?))));
    query
}

/// The path of a kind of things, in one namespace or in all.
pub(super) fn within<'a>(
    group: &[&'a str],
    namespace: Option<&'a str>,
    kind: &'a str,
) -> Vec<&'a str> {
    let mut path = group.to_vec();
    path.extend(namespace.into_iter().flat_map(|namespace| ["namespaces", namespace]));
    path.push(kind);
    path
}

/// The path of the core's things.
pub(super) const CORE: [&str; 2] = ["api", "v1"];

impl Tool for ListPods {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "list_pods",
            title: "Kubernetes pods",
            description: "Lists the pods of a Kubernetes cluster with status, readiness, restarts and \
                node; in one namespace or all, by labels or fields, a page at a time.",
            effect: Effect::Reads,
            limit: Duration::from_secs(30),
            aliases: &[("continue", "next"), ("labels", "label_selector")],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        names::some_label("namespace", input.namespace.as_deref())?;
        let limit = input.limit.to_string();
        let query = page(
            &limit,
            [
                ("labelSelector", input.label_selector.as_deref()),
                ("fieldSelector", input.field_selector.as_deref()),
                ("continue", input.next.as_deref()),
            ],
        );
        let path = within(&CORE, input.namespace.as_deref(), "pods");
        let told: List<Pod> = self.0.get(&path, &query, context).await?;
        let next = told.next();
        let remaining = told.metadata.remaining_item_count;
        let pods: Vec<Row> = told.items.into_iter().map(Row::from).collect();
        Ok(Output { count: pods.len(), pods, truncated: next.is_some(), remaining, next })
    }
}

impl From<Pod> for Row {
    fn from(pod: Pod) -> Self {
        Self {
            status: pod.word(),
            ready: pod.ready(),
            restarts: pod.restarts(),
            namespace: pod.metadata.namespace,
            name: pod.metadata.name,
            node: pod.spec.node_name,
            created: pod.metadata.creation_timestamp,
        }
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        let more = if self.truncated { ", and there are more" } else { "" };
        let mut lines = vec![format!("{} pods{more}", self.count)];
        lines.extend(self.pods.iter().map(|pod| {
            let restarts = match pod.restarts {
                0 => String::new(),
                times => format!(", {times} restarts"),
            };
            format!("{}/{} {} {}{restarts}", pod.namespace, pod.name, pod.ready, pod.status)
        }));
        lines.join("\n")
    }
}
