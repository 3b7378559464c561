//! `describe_cluster`: what a cluster is made of.
//!
//! Enters: its name. Leaves: the cluster, its node groups, Fargate profiles and add-ons. Never: a part
//! of which EKS has not told, half of an answer as the whole, or parts that may not be read as none.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::api::{Addon, Cluster, Eks, Fargate, Health, Kind, NodeGroup, Unread, Whole};
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Brief, Effect, Tool, clip};

pub(super) struct DescribeCluster(pub(super) Arc<Eks>);

/// The longest issue, in characters.
const MOST_TEXT: usize = 300;
/// Issues of one part that are shown.
const MOST_ISSUES: usize = 10;

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// The name of the cluster; list_clusters tells which there are.
    #[schemars(length(min = 1, max = 100))]
    pub(super) cluster: String,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    name: String,
    status: String,
    /// The version of Kubernetes.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Option<String>,
    /// Since when it exists, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<f64>,
    /// Where its API is.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<Network>,
    /// Which logs of the control plane go to CloudWatch.
    logs: Vec<String>,
    /// Whether secrets are encrypted with a key of one's own.
    encrypted: bool,
    /// What EKS holds against the cluster.
    issues: Vec<String>,
    /// Absent where `not_read` has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    node_groups: Option<Vec<Group>>,
    /// Absent where `not_read` has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    fargate_profiles: Option<Vec<Profile>>,
    /// Absent where `not_read` has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    addons: Option<Vec<Extra>>,
    /// Whether there are more parts than these.
    truncated: bool,
    /// Parts that this gateway may not read: there may be some, or none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_read: Vec<NotRead>,
}

/// Parts that are missing from this answer.
#[derive(Debug, JsonSchema, Serialize)]
struct NotRead {
    parts: Kind,
    /// Why, in AWS's words.
    why: String,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Network {
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc: Option<String>,
    subnets: Vec<String>,
    /// Whether the API can be reached from outside.
    public_access: bool,
    /// Whether the API can be reached from the VPC.
    private_access: bool,
    /// From where outside.
    public_from: Vec<String>,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Group {
    name: String,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    instance_types: Vec<String>,
    /// `ON_DEMAND` or `SPOT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    desired: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    least: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    most: Option<u32>,
    /// What EKS holds against it.
    issues: Vec<String>,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Profile {
    name: String,
    status: String,
    namespaces: Vec<String>,
    /// What EKS holds against it.
    issues: Vec<String>,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Extra {
    name: String,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// What EKS holds against it.
    issues: Vec<String>,
}

impl Tool for DescribeCluster {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "describe_cluster",
            title: "EKS cluster",
            description: "Describes an EKS cluster: version, network, logs, and all node groups, \
                Fargate profiles and add-ons with their states and the issues that EKS reports; \
                `not_read` names the parts that it may not read.",
            effect: Effect::Reads,
            limit: Duration::from_secs(30),
            aliases: &[("cluster_name", "cluster"), ("name", "cluster")],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        Ok(Output::from(Box::pin(self.0.readable(&input.cluster, context)).await?))
    }
}

impl From<Whole> for Output {
    fn from(whole: Whole) -> Self {
        let Whole { cluster, node_groups, fargate, addons, truncated, unread } = whole;
        let may = |kind| !unread.iter().any(|unread| unread.kind == kind);
        let Cluster { name, status, arn, version, platform_version, .. } = cluster;
        let logs = cluster.logging.into_iter().flat_map(|logging| logging.cluster_logging);
        let logs = logs.filter(|setup| setup.enabled).flat_map(|setup| setup.types).collect();
        Self {
            name,
            status,
            version,
            platform_version,
            arn,
            created: cluster.created_at,
            endpoint: cluster.endpoint,
            role: cluster.role_arn,
            network: cluster.resources_vpc_config.map(Network::from),
            logs,
            encrypted: !cluster.encryption_config.is_empty(),
            issues: issues(&cluster.health),
            node_groups: may(Kind::NodeGroups)
                .then(|| node_groups.into_iter().map(Group::from).collect()),
            fargate_profiles: may(Kind::FargateProfiles)
                .then(|| fargate.into_iter().map(Profile::from).collect()),
            addons: may(Kind::Addons).then(|| addons.into_iter().map(Extra::from).collect()),
            truncated,
            not_read: unread.into_iter().map(NotRead::from).collect(),
        }
    }
}

impl From<Unread> for NotRead {
    fn from(unread: Unread) -> Self {
        Self { parts: unread.kind, why: clip(unread.error.message(), MOST_TEXT).into_owned() }
    }
}

impl From<super::api::Network> for Network {
    fn from(told: super::api::Network) -> Self {
        Self {
            vpc: told.vpc_id,
            subnets: told.subnet_ids,
            public_access: told.endpoint_public_access,
            private_access: told.endpoint_private_access,
            public_from: told.public_access_cidrs,
        }
    }
}

impl From<NodeGroup> for Group {
    fn from(told: NodeGroup) -> Self {
        let size = told.scaling_config.as_ref();
        Self {
            desired: size.and_then(|size| size.desired_size),
            least: size.and_then(|size| size.min_size),
            most: size.and_then(|size| size.max_size),
            issues: issues(&told.health),
            name: told.nodegroup_name,
            status: told.status,
            version: told.version,
            instance_types: told.instance_types,
            capacity: told.capacity_type,
            image: told.ami_type,
        }
    }
}

impl From<Fargate> for Profile {
    fn from(told: Fargate) -> Self {
        let namespaces = told.selectors.into_iter().map(|one| one.namespace).collect();
        let issues = issues(&told.health);
        Self { name: told.fargate_profile_name, status: told.status, namespaces, issues }
    }
}

impl From<Addon> for Extra {
    fn from(told: Addon) -> Self {
        let issues = issues(&told.health);
        Self { name: told.addon_name, status: told.status, version: told.addon_version, issues }
    }
}

/// Issues in words.
pub(super) fn issues(health: &Health) -> Vec<String> {
    let shown = health.issues.iter().take(MOST_ISSUES);
    shown
        .map(|issue| clip(&format!("{}: {}", issue.code, issue.message), MOST_TEXT).into_owned())
        .collect()
}

impl Brief for Output {
    fn brief(&self) -> String {
        let version = self.version.as_deref().unwrap_or("?");
        let mut lines = vec![format!("{} is {}, Kubernetes {version}", self.name, self.status)];
        lines.extend(self.issues.iter().map(|issue| format!("! {issue}")));
        for group in self.node_groups.iter().flatten() {
            let size = group.desired.map_or_else(String::new, |size| format!(", {size} nodes"));
            lines.push(format!("node group {}: {}{size}", group.name, group.status));
            lines.extend(group.issues.iter().map(|issue| format!("! {issue}")));
        }
        for profile in self.fargate_profiles.iter().flatten() {
            lines.push(format!("Fargate {}: {}", profile.name, profile.status));
        }
        for addon in self.addons.iter().flatten() {
            let version = addon.version.as_deref().unwrap_or("?");
            lines.push(format!("add-on {} {version}: {}", addon.name, addon.status));
        }
        if self.truncated {
            lines.push("There are more parts than these.".to_owned());
        }
        let unread = self.not_read.iter();
        lines.extend(
            unread.map(|one| format!("{} could not be read: {}", one.parts.words(), one.why)),
        );
        lines.join("\n")
    }
}
