//! How well a cluster is.
//!
//! Enters: a cluster with its parts, and whether its API answers. Leaves: 0 to 100 with every reason.
//! Never: a mean; many healthy parts do not make up for one that is broken, and nothing makes up for
//! the control plane.

use schemars::JsonSchema;
use serde::Serialize;

use super::api::{Health, Whole};
use super::describe_cluster::issues;

/// What the score says in a word. Variants have no docs: they would be another word of JSON Schema.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    // Nothing is held against it, or a change is under way.
    Healthy,
    // It works, and something is not as it should be.
    Degraded,
    // A part of it does not work.
    Unhealthy,
    // It cannot be used.
    Down,
}

/// Why it is not at 100.
#[derive(Clone, Debug, JsonSchema, PartialEq, Eq, Serialize)]
pub(super) struct Reason {
    /// Which part: `control plane`, `node group x`, `Fargate profile x`, `add-on x` or `API`.
    pub(super) part: String,
    /// What the score can be at most for it.
    pub(super) caps_at: u8,
    /// What is wrong.
    pub(super) reason: String,
}

/// Whether the API of the cluster answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    /// It did.
    Answers,
    /// It did not, and why.
    Silent(String),
}

/// Minor versions that nodes may be behind the control plane ("Version Skew Policy").
const MOST_SKEW: u32 = 3;

/// The worst of all parts, and every reason, worst first.
pub(super) fn score(whole: &Whole, probe: &Probe) -> (u8, Vec<Reason>) {
    let mut reasons = Vec::new();
    let cluster = &whole.cluster;
    let at = control_plane(&cluster.status);
    hold(&mut reasons, "control plane", at, &cluster.status, &cluster.health);
    if let Probe::Silent(why) = probe {
        let reason = format!("it does not answer this gateway: {why}");
        reasons.push(Reason { part: "API".to_owned(), caps_at: 70, reason });
    }
    for group in &whole.node_groups {
        let name = format!("node group {}", group.nodegroup_name);
        hold(&mut reasons, &name, part(&group.status), &group.status, &group.health);
        let versions = (cluster.version.as_deref(), group.version.as_deref());
        let (Some(ours), Some(theirs)) = (versions.0.and_then(minor), versions.1.and_then(minor))
        else {
            continue;
        };
        let behind = ours.saturating_sub(theirs);
        if behind >= MOST_SKEW {
            let caps_at = if behind > MOST_SKEW { 40 } else { 80 };
            let reason = format!("its Kubernetes is {behind} minor versions behind");
            reasons.push(Reason { part: name, caps_at, reason });
        }
    }
    for profile in &whole.fargate {
        let name = format!("Fargate profile {}", profile.fargate_profile_name);
        hold(&mut reasons, &name, part(&profile.status), &profile.status, &profile.health);
    }
    for addon in &whole.addons {
        let name = format!("add-on {}", addon.addon_name);
        hold(&mut reasons, &name, part(&addon.status), &addon.status, &addon.health);
    }
    if whole.node_groups.is_empty() && whole.fargate.is_empty() {
        // Self-managed nodes, Karpenter's and those of Auto Mode are not told of by EKS.
        let reason = "EKS knows of no node group and no Fargate profile".to_owned();
        reasons.push(Reason { part: "nodes".to_owned(), caps_at: 95, reason });
    }
    reasons.sort_by_key(|reason| reason.caps_at);
    (reasons.first().map_or(100, |worst| worst.caps_at), reasons)
}

/// The score in a word.
pub(super) fn state(score: u8) -> State {
    match score {
        90.. => State::Healthy,
        60..90 => State::Degraded,
        1..60 => State::Unhealthy,
        0 => State::Down,
    }
}

/// What EKS's word for a cluster is worth (`Cluster.status`).
fn control_plane(status: &str) -> u8 {
    match status {
        "ACTIVE" => 100,
        "UPDATING" => 90,
        "CREATING" | "PENDING" => 30,
        "DELETING" | "FAILED" => 0,
        _ => 20,
    }
}

/// The same of a part (`Nodegroup.status`, `FargateProfile.status`, `Addon.status`).
fn part(status: &str) -> u8 {
    match status {
        "ACTIVE" => 100,
        "UPDATING" => 90,
        "CREATING" => 70,
        "DEGRADED" => 40,
        "DELETING" => 50,
        // CREATE_FAILED, UPDATE_FAILED, DELETE_FAILED, and what is not known here.
        _ => 20,
    }
}

fn hold(reasons: &mut Vec<Reason>, part: &str, at: u8, status: &str, health: &Health) {
    if at < 100 {
        let reason = format!("it is {status}");
        reasons.push(Reason { part: part.to_owned(), caps_at: at, reason });
    }
    let held = issues(health).into_iter();
    reasons.extend(held.map(|reason| Reason {
        part: part.to_owned(),
        caps_at: at.min(50),
        reason,
    }));
}

/// `30` of `1.30`.
fn minor(version: &str) -> Option<u32> {
    version.split('.').nth(1)?.parse().ok()
}
