//! `scale`: more or fewer pods for a workload.
//!
//! Enters: the workload, and how many. Leaves: how many it had, and has or would have. Never: a change
//! on top of one that was made between looking and changing.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::api::{Api, Patch};
use super::change::{HOW, Scaled, dry};
use super::names;
use super::objects::Meta;
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Brief, Effect, Tool};

pub(super) struct Scale(pub(super) Arc<Api>);

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// The namespace of the workload.
    #[schemars(length(min = 1, max = 63))]
    namespace: String,
    /// The kind of the workload.
    kind: Scaled,
    /// The name of the workload.
    #[schemars(length(min = 1, max = 253))]
    name: String,
    /// How many pods it shall have; 0 stops it.
    #[schemars(range(min = 0, max = 1000))]
    replicas: u32,
    /// Only ask the cluster whether it would; false to do it.
    #[serde(default = "dry")]
    dry_run: bool,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    namespace: String,
    kind: Scaled,
    name: String,
    /// Whether nothing was changed.
    dry_run: bool,
    /// How many pods it was to have.
    before: u32,
    /// How many it is to have, or would.
    after: u32,
}

/// `autoscaling/v1 Scale`.
#[derive(Deserialize)]
struct Told {
    metadata: Meta,
    spec: Spec,
}

/// No pods at all are left out of it.
#[derive(Deserialize)]
struct Spec {
    #[serde(default)]
    replicas: u32,
}

impl Tool for Scale {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "scale",
            title: "Kubernetes: scale a workload",
            description: "Sets how many pods a deployment, stateful set or replica set has. An \
                autoscaler may set it otherwise again. Only tries unless `dry_run` is false.",
            effect: Effect::Changes { idempotent: true },
            limit: Duration::from_secs(30),
            aliases: &[],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        names::label("namespace", &input.namespace)?;
        names::subdomain("name", &input.name)?;
        let kind = input.kind.plural();
        let path =
            ["apis", "apps", "v1", "namespaces", &input.namespace, kind, &input.name, "scale"];
        let had: Told = self.0.get(&path, &[], context).await?;
        let change = json!({
            "metadata": { "resourceVersion": had.metadata.resource_version },
            "spec": { "replicas": input.replicas },
        });
        let patch = (Patch::Merge, &change);
        let has: Told = self.0.patch(&path, patch, input.dry_run, context).await?;
        Ok(Output {
            namespace: input.namespace,
            kind: input.kind,
            name: has.metadata.name,
            dry_run: input.dry_run,
            before: had.spec.replicas,
            after: has.spec.replicas,
        })
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        let name = format!("{} {}/{}", self.kind.plural(), self.namespace, self.name);
        let (before, after) = (self.before, self.after);
        match self.dry_run {
            true => format!("{name} would go from {before} to {after} pods. {HOW}"),
            false => format!("{name} goes from {before} to {after} pods."),
        }
    }
}
