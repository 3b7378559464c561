//! EKS: the clusters of one region, as AWS's control plane knows them.
//!
//! Enters: the name of a cluster. Leaves: what it is made of, and how well it is, with every reason.
//! Never: anything that is changed, a part left out without a word, or a failure counted as health.

mod api;
mod cluster_health;
mod describe_cluster;
mod list_clusters;
mod score;

use std::sync::Arc;

use crate::aws::{Aws, Config};
use crate::toolset::Toolset;
use crate::upstream::SetupError;
use api::Eks;

pub(crate) use api::Eks as ControlPlane;

/// The tools of EKS.
///
/// # Errors
/// A region or an endpoint that cannot be used.
pub fn toolset(config: Config) -> Result<Toolset, SetupError> {
    Ok(tools(&Aws::new(config)?))
}

fn tools(aws: &Arc<Aws>) -> Toolset {
    let eks = Arc::new(Eks::new(aws));
    Toolset::default()
        .with(list_clusters::ListClusters(Arc::clone(&eks)))
        .with(describe_cluster::DescribeCluster(Arc::clone(&eks)))
        .with(cluster_health::ClusterHealth(eks))
}

#[cfg(test)]
mod tests;
