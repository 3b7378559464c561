//! `cluster_health`: how well a cluster is, and why.
//!
//! Enters: its name. Leaves: a score with its reasons, from what EKS reports of every part and from
//! whether the API of the cluster answers. Never: a score where EKS has not told.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use schemars::JsonSchema;
use serde::Serialize;

use super::api::{Cluster, Eks};
use super::describe_cluster::Input;
use super::score::{Probe, Reason, State, score, state};
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Brief, Effect, Tool};
use crate::upstream::{self, Trust, Upstream, base};

pub(super) struct ClusterHealth(pub(super) Arc<Eks>);

/// How long the API of the cluster may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest answer of it that is read; nothing of it is used.
const MOST_BYTES: usize = 64 << 10;

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    name: String,
    /// What the score says in a word.
    state: State,
    /// 0 to 100: that of the worst part; 0 where the control plane cannot be used.
    score: u8,
    /// Why it is not 100, worst first.
    reasons: Vec<Reason>,
    /// The control plane, as EKS sees it.
    status: String,
    /// The version of Kubernetes.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// Whether the API of the cluster answered this gateway.
    api_answers: bool,
    node_groups: usize,
    fargate_profiles: usize,
    addons: usize,
    /// Whether there are more parts than were looked at.
    truncated: bool,
}

impl Tool for ClusterHealth {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "cluster_health",
            title: "EKS cluster health",
            description: "Scores the health of an EKS cluster from 0 to 100 with every reason: control \
                plane, API, node groups, Fargate profiles, add-ons and the issues that EKS reports. \
                The worst part decides. It does not look at pods; the tools of k8s do.",
            effect: Effect::Reads,
            limit: Duration::from_secs(30),
            aliases: &[("cluster_name", "cluster"), ("name", "cluster")],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        let whole = Box::pin(self.0.whole(&input.cluster, context)).await?;
        let probe = probe(&whole.cluster, &context.within(PATIENCE)).await;
        let (score, reasons) = score(&whole, &probe);
        Ok(Output {
            state: state(score),
            score,
            reasons,
            api_answers: probe == Probe::Answers,
            node_groups: whole.node_groups.len(),
            fargate_profiles: whole.fargate.len(),
            addons: whole.addons.len(),
            truncated: whole.truncated,
            name: whole.cluster.name,
            status: whole.cluster.status,
            version: whole.cluster.version,
        })
    }
}

/// Whether the API answers anything at all; nobody is named, so a refusal is an answer as well.
async fn probe(cluster: &Cluster, context: &Context) -> Probe {
    match ask(cluster, context).await {
        Ok(()) => Probe::Answers,
        Err(why) => Probe::Silent(why),
    }
}

async fn ask(cluster: &Cluster, context: &Context) -> Result<(), String> {
    let endpoint = cluster.endpoint.as_deref().unwrap_or_default();
    let url = base(endpoint).ok().filter(|url| url.starts_with("https://"));
    let url = url.ok_or("EKS does not say where it is")?;
    let authority = cluster.certificate_authority.clone().unwrap_or_default();
    let trust = Trust::of_base64(&authority.data).map_err(|error| error.to_string())?;
    let api = Upstream::trusting("its API", MOST_BYTES, &trust);
    let request = Request::get(format!("{url}/readyz"));
    let request = upstream::request(request, "").map_err(|error| error.message().to_owned())?;
    let answer = api.send(request, context).await.map_err(|error| error.message().to_owned())?;
    match answer.status.as_u16() {
        500.. => Err(format!("its API says {}", answer.status.as_u16())),
        _ => Ok(()),
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        let mut lines = vec![format!("{}: {} of 100, {:?}", self.name, self.score, self.state)];
        let each = self.reasons.iter();
        lines.extend(each.map(|one| format!("{}: {} (≤ {})", one.part, one.reason, one.caps_at)));
        if self.truncated {
            lines.push("There are more parts than were looked at.".to_owned());
        }
        lines.join("\n")
    }
}
