//! Kubernetes: one cluster, by a kubeconfig or by its name in EKS.
//!
//! Enters: names, selectors. Leaves: bounded pieces of what the cluster says, with the way to the
//! rest. Never: a secret of a pod's environment, a name that could mean another path, or a change that
//! was not both allowed by the operator and asked for by `dry_run: false`.

mod api;
mod change;
mod delete_pod;
mod events;
mod failure;
mod follow;
mod get_pod;
mod kubeconfig;
mod list_nodes;
mod list_pods;
mod names;
mod objects;
mod pod_logs;
mod quantity;
mod redact;
mod restart_rollout;
mod scale;
mod seat;
mod top;

#[cfg(feature = "aws")]
mod eks;

use std::path::PathBuf;
use std::sync::Arc;

use crate::toolset::Toolset;
use crate::upstream::SetupError;
use api::Api;

/// The tools that change something; they are there only where [`Config::allow_mutations`] is set.
pub const MUTATIONS: [&str; 3] = ["restart_rollout", "scale", "delete_pod"];

/// Which cluster, and what may be done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Which cluster.
    pub cluster: Cluster,
    /// The region of AWS, if it has to be asked; `None`: what the environment, the profile or the
    /// machine says.
    pub region: Option<String>,
    /// Where AWS is asked; `None`: AWS itself.
    pub endpoint: Option<String>,
    /// Whether the tools of [`MUTATIONS`] are there.
    pub allow_mutations: bool,
}

/// How the cluster is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cluster {
    /// By a kubeconfig.
    Kubeconfig {
        /// The file.
        file: PathBuf,
        /// Which of its contexts; `None`: the current one.
        context: Option<String>,
    },
    /// By its name in EKS.
    Eks(String),
}

// === impl Config ===

#[cfg(feature = "aws")]
impl Config {
    /// Where AWS is.
    fn aws(&self) -> crate::aws::Config {
        crate::aws::Config { region: self.region.clone(), endpoint: self.endpoint.clone() }
    }
}

/// The tools of a cluster.
///
/// # Errors
/// A kubeconfig that cannot be used, or what this build lacks.
pub fn toolset(config: &Config) -> Result<Toolset, SetupError> {
    Ok(tools(Api::new(config)?, config.allow_mutations))
}

/// Whether the text of a kubeconfig can be used; files that it names are not looked at.
///
/// # Errors
/// Why not.
pub fn check_kubeconfig(text: &str, context: Option<&str>) -> Result<(), SetupError> {
    kubeconfig::read(text, std::path::Path::new("/"), context).map(drop)
}

fn tools(api: Api, allow_mutations: bool) -> Toolset {
    let api = Arc::new(api);
    let reads = Toolset::default()
        .with(list_pods::ListPods(Arc::clone(&api)))
        .with(get_pod::GetPod(Arc::clone(&api)))
        .with(pod_logs::PodLogs(Arc::clone(&api)))
        .with(events::Events(Arc::clone(&api)))
        .with(list_nodes::ListNodes(Arc::clone(&api)))
        .with(top::Top(Arc::clone(&api)));
    if !allow_mutations {
        return reads;
    }
    reads
        .with(restart_rollout::RestartRollout(Arc::clone(&api)))
        .with(scale::Scale(Arc::clone(&api)))
        .with(delete_pod::DeletePod(api))
}

#[cfg(test)]
mod tests;
