//! `get_pod`: how one pod is, and why.
//!
//! Enters: its name. Leaves: conditions, containers with their states and limits. Never: its
//! environment, its commands or its annotations, which hold secrets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::api::Api;
use super::names;
use super::objects::{Container, ContainerState, ContainerStatus, Pod};
use super::redact::redact;
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Brief, Effect, Tool, clip};

pub(super) struct GetPod(pub(super) Arc<Api>);

/// The longest message, in characters.
pub(super) const MOST_TEXT: usize = 500;
/// Labels that are shown.
const MOST_LABELS: usize = 50;

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// The namespace of the pod.
    #[schemars(length(min = 1, max = 63))]
    namespace: String,
    /// The name of the pod; list_pods tells which there are.
    #[schemars(length(min = 1, max = 253))]
    pod: String,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    namespace: String,
    name: String,
    /// The most telling word, as `kubectl get pods` has it.
    status: String,
    phase: String,
    /// What the cluster says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// How many of its containers are ready, such as `1/2`.
    ready: String,
    restarts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality_of_service: Option<String>,
    /// Who made it, as `kind/name`.
    owners: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    labels: BTreeMap<String, String>,
    /// What does not hold, and why.
    unmet: Vec<String>,
    init_containers: Vec<Part>,
    containers: Vec<Part>,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Part {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    ready: bool,
    restarts: u32,
    /// What it does now.
    state: String,
    /// How it ended the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
    requests: BTreeMap<String, String>,
    limits: BTreeMap<String, String>,
}

impl Tool for GetPod {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "get_pod",
            title: "Kubernetes pod",
            description: "Describes one pod: status, conditions that do not hold, and each container's \
                state, last end, image and limits. Its environment and commands are not told. Use \
                events and pod_logs to find out why it is not well.",
            effect: Effect::Reads,
            limit: Duration::from_secs(30),
            aliases: &[("name", "pod"), ("pod_name", "pod")],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        names::label("namespace", &input.namespace)?;
        names::subdomain("pod", &input.pod)?;
        let path = ["api", "v1", "namespaces", &input.namespace, "pods", &input.pod];
        Ok(Output::from(self.0.get::<Pod>(&path, &[], context).await?))
    }
}

impl From<Pod> for Output {
    fn from(pod: Pod) -> Self {
        let (status, ready, restarts) = (pod.word(), pod.ready(), pod.restarts());
        let unmet = pod.status.conditions.iter().filter(|one| one.status != "True");
        let unmet = unmet.map(|one| {
            let reason = one.reason.as_deref().unwrap_or_default();
            let message = one.message.as_deref().unwrap_or_default();
            said(&format!("{} {reason} {message}", one.kind))
        });
        let (spec, told, meta) = (pod.spec, &pod.status, pod.metadata);
        let parts = |all: Vec<Container>, known: &[ContainerStatus]| {
            all.into_iter().map(|one| Part::new(one, known)).collect()
        };
        Self {
            status,
            ready,
            restarts,
            unmet: unmet.collect(),
            phase: told.phase.clone(),
            message: told.message.as_deref().map(said),
            node: spec.node_name,
            ip: told.pod_ip.clone(),
            service_account: spec.service_account_name,
            quality_of_service: told.qos_class.clone(),
            owners: meta
                .owner_references
                .iter()
                .map(|one| format!("{}/{}", one.kind, one.name))
                .collect(),
            created: meta.creation_timestamp,
            labels: meta.labels.into_iter().take(MOST_LABELS).collect(),
            init_containers: parts(spec.init_containers, &told.init_container_statuses),
            containers: parts(spec.containers, &told.container_statuses),
            namespace: meta.namespace,
            name: meta.name,
        }
    }
}

impl Part {
    fn new(container: Container, known: &[ContainerStatus]) -> Self {
        let status = known.iter().find(|status| status.name == container.name);
        Self {
            ready: status.is_some_and(|status| status.ready),
            restarts: status.map_or(0, |status| status.restart_count),
            state: status.and_then(|status| state(&status.state)).unwrap_or("unknown".to_owned()),
            last: status.and_then(|status| state(&status.last_state)),
            name: container.name,
            image: container.image,
            requests: container.resources.requests,
            limits: container.resources.limits,
        }
    }
}

/// A state in words.
fn state(state: &ContainerState) -> Option<String> {
    let word = |text: &Option<String>| text.clone().unwrap_or_default();
    let text = if let Some(waits) = &state.waiting {
        format!("waiting {} {}", word(&waits.reason), word(&waits.message))
    } else if let Some(ended) = &state.terminated {
        let at = word(&ended.finished_at);
        let why = format!("{} {}", word(&ended.reason), word(&ended.message));
        format!("ended with {} at {at} {why}", ended.exit_code)
    } else {
        format!("running since {}", word(&state.running.as_ref()?.started_at))
    };
    Some(said(&text))
}

/// What programs and clusters say, on one line and without secrets.
pub(super) fn said(text: &str) -> String {
    let line = redact(text).0.split_whitespace().collect::<Vec<_>>().join(" ");
    clip(&line, MOST_TEXT).into_owned()
}

impl Brief for Output {
    fn brief(&self) -> String {
        let (ready, restarts) = (&self.ready, self.restarts);
        let name = format!("{}/{}", self.namespace, self.name);
        let mut lines = vec![format!("{name} {}, {ready} ready, {restarts} restarts", self.status)];
        lines.extend(self.message.iter().cloned());
        lines.extend(self.unmet.iter().map(|unmet| format!("! {unmet}")));
        for part in self.init_containers.iter().chain(&self.containers) {
            let last =
                part.last.as_ref().map_or_else(String::new, |last| format!("; before: {last}"));
            lines.push(format!("{}: {}{last}", part.name, part.state));
        }
        lines.join("\n")
    }
}
