//! `delete_pod`: the end of one pod.
//!
//! Enters: its name. Leaves: that the cluster ends it, or would, and who makes a new one. Never: another
//! pod that has taken its name meanwhile, or an end without the time that the pod has for it.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::api::Api;
use super::change::{HOW, dry};
use super::names;
use super::objects::Pod;
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Brief, Effect, Tool};

pub(super) struct DeletePod(pub(super) Arc<Api>);

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// The namespace of the pod.
    #[schemars(length(min = 1, max = 63))]
    namespace: String,
    /// The name of the pod.
    #[schemars(length(min = 1, max = 253))]
    pod: String,
    /// Seconds that it has for its end; without it, what it says itself.
    #[schemars(range(min = 1, max = 3600))]
    grace_period: Option<u32>,
    /// Only ask the cluster whether it would; false to do it.
    #[serde(default = "dry")]
    dry_run: bool,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    namespace: String,
    pod: String,
    /// Whether nothing was changed.
    dry_run: bool,
    /// Which pod it is, among all that ever have this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
    /// Who makes a new one in its place, as `kind/name`; nobody does where there are none.
    owners: Vec<String>,
}

/// The pod, or a `Status`.
#[derive(Deserialize)]
struct Told {
    #[serde(rename = "kind")]
    _kind: String,
}

impl Tool for DeletePod {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "delete_pod",
            title: "Kubernetes: delete a pod",
            description: "Ends one pod; whoever owns it makes a new one, and one without an owner is \
                gone for good. Only tries unless `dry_run` is false.",
            // The pod that comes in its place may have its name.
            effect: Effect::Changes { idempotent: false },
            limit: Duration::from_secs(30),
            aliases: &[("name", "pod"), ("pod_name", "pod")],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        names::label("namespace", &input.namespace)?;
        names::subdomain("pod", &input.pod)?;
        let path = ["api", "v1", "namespaces", &input.namespace, "pods", &input.pod];
        let pod: Pod = self.0.get(&path, &[], context).await?;
        let mut options = json!({
            "kind": "DeleteOptions", "apiVersion": "v1",
            "preconditions": { "uid": pod.metadata.uid },
        });
        if let Some(members) = options.as_object_mut() {
            if input.dry_run {
                members.insert("dryRun".into(), json!(["All"]));
            }
            if let Some(seconds) = input.grace_period {
                members.insert("gracePeriodSeconds".into(), seconds.into());
            }
        }
        let _pod_or_status: Told = self.0.delete(&path, &options, context).await?;
        let owners = pod.metadata.owner_references.iter();
        Ok(Output {
            namespace: input.namespace,
            pod: input.pod,
            dry_run: input.dry_run,
            uid: pod.metadata.uid,
            owners: owners.map(|one| format!("{}/{}", one.kind, one.name)).collect(),
        })
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        let name = format!("{}/{}", self.namespace, self.pod);
        let after = match self.owners.as_slice() {
            [] => "nobody makes a new one".to_owned(),
            owners => format!("{} makes a new one", owners.join(", ")),
        };
        match self.dry_run {
            true => format!("{name} would be deleted, and {after}. {HOW}"),
            false => format!("{name} is being deleted; {after}."),
        }
    }
}
