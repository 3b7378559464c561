//! What to do about a built-in tool that failed.
//!
//! Enters: whom it asks, and the code of its error. Leaves: one remedy. Never: advice on credentials
//! where nobody was reached who could have looked at them.

use crate::config::{Kubernetes, Tools};

/// Who is asked with AWS's credentials.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// AWS.
    Aws,
    /// AWS for a cluster, and then the cluster.
    Cluster,
    /// Neither.
    Other,
}

/// The remedy for an error of that code (`toolgate_tools::Code`).
pub(super) fn of(place: &str, tools: &Tools, code: &str) -> String {
    let asked = asked(tools);
    match (code, asked) {
        ("unreachable" | "timeout", _) => unreached(place, asked),
        ("rate_limited" | "blocked", _) => {
            "wait, and see who else asks so much with the same credentials".to_owned()
        }
        ("upstream_error", Asked::Aws) => {
            "AWS itself has failed: look at https://health.aws.amazon.com, and try again".to_owned()
        }
        ("upstream_error" | "garbled", _) => format!(
            "look at its own log or status page, and whether `targets.{place}` means the right server"
        ),
        ("not_found", Asked::Cluster) => format!(
            "look whether `targets.{place}` names the cluster as EKS does, in the right region and account; \
             `aws eks list-clusters` shows what there is"
        ),
        ("denied", Asked::Cluster) => {
            "let its AWS role do eks:DescribeCluster, and give the role an access entry of the cluster; \
             `aws eks list-access-entries` shows who has one"
                .to_owned()
        }
        ("denied", Asked::Aws) => {
            "let its AWS role do this, or give the process other credentials; \
             `aws sts get-caller-identity` shows what it has"
                .to_owned()
        }
        (_, Asked::Aws | Asked::Cluster) => {
            "give the process credentials of AWS that are good; `aws sts get-caller-identity` shows what \
             it has"
                .to_owned()
        }
        (_, Asked::Other) => {
            format!("look whether `targets.{place}` says the right place and credentials")
        }
    }
}

fn unreached(place: &str, asked: Asked) -> String {
    match asked {
        Asked::Aws => {
            "look whether this machine may go to AWS (firewall, VPC endpoint), and whether the \
             region and `aws.endpoint` are right"
                .to_owned()
        }
        Asked::Cluster => format!(
            "look whether this machine may go to AWS and to the cluster, whose endpoint may be private to its \
             VPC, and whether `targets.{place}` means the right one"
        ),
        Asked::Other => format!(
            "start it, or look whether `targets.{place}` says the right place and this machine may go there"
        ),
    }
}

const fn asked(tools: &Tools) -> Asked {
    match tools {
        Tools::Amp { .. }
        | Tools::CloudWatch { .. }
        | Tools::AwsCore { .. }
        | Tools::Eks { .. } => Asked::Aws,
        Tools::K8s { cluster: Kubernetes::Eks { .. }, .. } => Asked::Cluster,
        Tools::K8s { .. }
        | Tools::Prometheus { .. }
        | Tools::WebSearch { .. }
        | Tools::AwsDocs { .. } => Asked::Other,
    }
}
