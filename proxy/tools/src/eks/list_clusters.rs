//! `list_clusters`: which clusters there are.
//!
//! Enters: where to go on. Leaves: a page of clusters with state and version. Never: no clusters
//! where EKS has failed.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::api::{Cluster, Eks};
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Brief, Effect, Tool};

pub(super) struct ListClusters(pub(super) Arc<Eks>);

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// How many at most.
    #[serde(default = "twenty")]
    #[schemars(range(min = 1, max = 100))]
    limit: u32,
    /// Where to go on; `next` of the page before.
    #[schemars(length(min = 1, max = 4000))]
    next: Option<String>,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// The clusters of this page.
    clusters: Vec<Shown>,
    /// How many are here.
    count: usize,
    /// Whether there are more pages.
    truncated: bool,
    /// What to give as `next` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Shown {
    name: String,
    /// `ACTIVE`, `CREATING`, `UPDATING`, `DELETING`, `FAILED` or `PENDING`.
    status: String,
    /// The version of Kubernetes.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// Since when it exists, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<f64>,
}

const fn twenty() -> u32 {
    20
}

impl Tool for ListClusters {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "list_clusters",
            title: "EKS clusters",
            description: "Lists the EKS clusters of this region, each with its state and its version \
                of Kubernetes. Use it to find the name that the other tools take.",
            effect: Effect::Reads,
            limit: Duration::from_secs(30),
            aliases: &[("max_results", "limit"), ("next_token", "next")],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        let (names, next) = self.0.names(input.limit, input.next.as_deref(), context).await?;
        let found = self.0.clusters(names, context).await?;
        let clusters: Vec<Shown> = found.into_iter().map(Shown::from).collect();
        Ok(Output { count: clusters.len(), clusters, truncated: next.is_some(), next })
    }
}

impl From<Cluster> for Shown {
    fn from(told: Cluster) -> Self {
        let Cluster { name, status, version, created_at, .. } = told;
        Self { name, status, version, created: created_at }
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        let more = if self.truncated { ", and there are more" } else { "" };
        let mut lines = vec![format!("{} clusters{more}", self.count)];
        lines.extend(self.clusters.iter().map(|one| {
            format!("{} {} {}", one.name, one.status, one.version.as_deref().unwrap_or("-"))
        }));
        lines.join("\n")
    }
}
