//! The sets that ask AWS, on the command line.
//!
//! Enters: what was asked for. Leaves: the sets. Never: a credential; those come from the
//! environment, a profile, a container or the machine.

use anyhow::Context as _;
use clap::Args;
use toolgate_tools::prometheus::{AmpConfig, amp_toolset};
use toolgate_tools::{Sets, aws, aws_core, cloudwatch, eks};

/// What is asked of AWS.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// Ask Amazon Managed Service for Prometheus.
    #[arg(long, env = "TOOLGATE_AMP")]
    amp: bool,
    /// The workspace that every call is about, by id or alias; without it each call names one.
    #[arg(long, value_name = "NAME", env = "TOOLGATE_AMP_WORKSPACE", requires = "amp")]
    amp_workspace: Option<String>,
    /// Ask CloudWatch for logs, metrics and alarms.
    #[arg(long, env = "TOOLGATE_CLOUDWATCH")]
    cloudwatch: bool,
    /// Tell which AWS account this is, and how AWS is.
    #[arg(long, env = "TOOLGATE_AWS_CORE")]
    aws_core: bool,
    /// Ask EKS about the clusters of the region.
    #[arg(long, env = "TOOLGATE_EKS")]
    eks: bool,
    /// The region, if not the one of the environment, the profile or the machine.
    #[arg(long, value_name = "REGION", env = "TOOLGATE_AWS_REGION")]
    aws_region: Option<String>,
}

// === impl Asked ===

impl Asked {
    /// The region, if one was named.
    pub(crate) fn region(&self) -> Option<String> {
        self.aws_region.clone()
    }

    /// With the sets that were asked for.
    ///
    /// # Errors
    /// A region that cannot be one.
    pub(crate) fn sets(&self, mut sets: Sets) -> anyhow::Result<Sets> {
        let place = || aws::Config { region: self.aws_region.clone(), endpoint: None };
        if self.amp {
            let config = AmpConfig { aws: place(), workspace: self.amp_workspace.clone() };
            sets = sets.with("amp", amp_toolset(config).context("--amp")?);
        }
        if self.cloudwatch {
            sets = sets.with("cloudwatch", cloudwatch::toolset(place()).context("--cloudwatch")?);
        }
        if self.aws_core {
            sets = sets.with("aws_core", aws_core::toolset(place()).context("--aws-core")?);
        }
        if self.eks {
            sets = sets.with("eks", eks::toolset(place()).context("--eks")?);
        }
        Ok(sets)
    }
}
