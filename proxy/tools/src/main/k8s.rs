//! The tools of Kubernetes, on the command line.
//!
//! Enters: which cluster. Leaves: its tools. Never: a credential; those stand in the kubeconfig, or are
//! AWS's. Nobody is asked who calls, so changes have to be allowed here.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use toolgate_tools::{Sets, k8s};

/// What is asked of Kubernetes.
#[derive(Debug, Args)]
pub(crate) struct Cluster {
    /// Ask the Kubernetes cluster of this kubeconfig.
    #[arg(long, value_name = "FILE", env = "TOOLGATE_KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
    /// Its context, if not the current one.
    #[arg(long, value_name = "NAME", env = "TOOLGATE_KUBE_CONTEXT", requires = "kubeconfig")]
    kube_context: Option<String>,
    /// Ask the Kubernetes cluster of this name in EKS.
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "NAME", env = "TOOLGATE_EKS_CLUSTER", conflicts_with = "kubeconfig")]
    eks_cluster: Option<String>,
    /// Offer the tools that change the cluster too, to whoever calls.
    #[arg(long, env = "TOOLGATE_K8S_ALLOW_MUTATIONS")]
    k8s_allow_mutations: bool,
}

// === impl Cluster ===

impl Cluster {
    /// With the set that was asked for.
    ///
    /// # Errors
    /// A kubeconfig that cannot be used.
    pub(crate) fn sets(&self, sets: Sets, region: Option<String>) -> anyhow::Result<Sets> {
        let Some(cluster) = self.cluster() else { return Ok(sets) };
        let allow_mutations = self.k8s_allow_mutations;
        let config = k8s::Config { cluster, region, endpoint: None, allow_mutations };
        Ok(sets.with("k8s", k8s::toolset(&config).context("Kubernetes")?))
    }

    fn cluster(&self) -> Option<k8s::Cluster> {
        #[cfg(feature = "aws")]
        if let Some(name) = &self.eks_cluster {
            return Some(k8s::Cluster::Eks(name.clone()));
        }
        let context = self.kube_context.clone();
        Some(k8s::Cluster::Kubeconfig { file: self.kubeconfig.clone()?, context })
    }
}
