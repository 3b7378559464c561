//! `restart_rollout`: new pods for a workload, a few at a time.
//!
//! Enters: the workload. Leaves: that the cluster has begun, or would. Never: more than a mark in the
//! template of the pods, as `kubectl rollout restart` makes it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::api::{Api, Patch};
use super::change::{HOW, Workload, dry};
use super::names;
use super::objects::Meta;
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Brief, Effect, Tool};
use crate::when;

pub(super) struct RestartRollout(pub(super) Arc<Api>);

/// The mark, which `kubectl` uses too.
const MARK: &str = "kubectl.kubernetes.io/restartedAt";

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// The namespace of the workload.
    #[schemars(length(min = 1, max = 63))]
    namespace: String,
    /// The kind of the workload.
    kind: Workload,
    /// The name of the workload.
    #[schemars(length(min = 1, max = 253))]
    name: String,
    /// Only ask the cluster whether it would; false to do it.
    #[serde(default = "dry")]
    dry_run: bool,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    namespace: String,
    kind: Workload,
    name: String,
    /// Whether nothing was changed.
    dry_run: bool,
    /// How many pods it is to have, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    replicas: Option<u32>,
}

#[derive(Deserialize)]
struct Told {
    metadata: Meta,
    #[serde(default)]
    spec: Spec,
}

#[derive(Default, Deserialize)]
struct Spec {
    replicas: Option<u32>,
}

impl Tool for RestartRollout {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "restart_rollout",
            title: "Kubernetes: restart a workload",
            description: "Replaces all pods of a deployment, stateful set or daemon set by new ones, as \
                its update strategy says. Only tries unless `dry_run` is false.",
            effect: Effect::Changes { idempotent: false },
            limit: Duration::from_secs(30),
            aliases: &[],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        names::label("namespace", &input.namespace)?;
        names::subdomain("name", &input.name)?;
        let mark = when::utc(SystemTime::now());
        let change = json!({
            "spec": { "template": { "metadata": { "annotations": { MARK: mark } } } },
        });
        let kind = input.kind.plural();
        let path = ["apis", "apps", "v1", "namespaces", &input.namespace, kind, &input.name];
        let patch = (Patch::Strategic, &change);
        let told: Told = self.0.patch(&path, patch, input.dry_run, context).await?;
        Ok(Output {
            namespace: input.namespace,
            kind: input.kind,
            name: told.metadata.name,
            dry_run: input.dry_run,
            replicas: told.spec.replicas,
        })
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        let name = format!("{} {}/{}", self.kind.plural(), self.namespace, self.name);
        match self.dry_run {
            true => format!("{name} would be restarted. {HOW}"),
            false => format!("{name} is being restarted; list_pods shows how far it is."),
        }
    }
}
