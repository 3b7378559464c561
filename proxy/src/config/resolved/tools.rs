//! The tools of this program that ask somebody else.
//!
//! In: nothing. Out: whom they ask. Never: a secret that is not in a [`Credentials`].

use std::path::PathBuf;

use http::Uri;

use super::{Aws, Credentials};
use crate::config::choice::SearchEngine;

/// A set of tools, and whom they ask.
#[derive(Debug, Clone)]
pub enum Tools {
    /// Those of a Prometheus.
    Prometheus {
        /// Where it is.
        url: Uri,
        /// What it is shown.
        credentials: Option<Credentials>,
    },
    /// That of a search engine.
    WebSearch {
        /// Which one.
        engine: SearchEngine,
        /// Where it is, if not where it always is.
        url: Option<Uri>,
        /// What it is shown.
        credentials: Option<Credentials>,
    },
    /// Those of the documentation of AWS.
    AwsDocs {
        /// What stands in for it; `None` is AWS.
        url: Option<Uri>,
        /// Hosts besides AWS's whose pages may be read.
        hosts: Vec<String>,
    },
    /// Those of Amazon's Prometheus.
    Amp {
        /// Where AWS is.
        aws: Aws,
        /// The workspace that every call is about.
        workspace: Option<String>,
    },
    /// Those of CloudWatch.
    CloudWatch {
        /// Where AWS is.
        aws: Aws,
    },
    /// Those about AWS itself.
    AwsCore {
        /// Where AWS is.
        aws: Aws,
    },
    /// Those of EKS.
    Eks {
        /// Where AWS is.
        aws: Aws,
    },
    /// Those of a Kubernetes cluster.
    K8s {
        /// Which one.
        cluster: Kubernetes,
        /// Where AWS is, for clusters and users of AWS.
        aws: Aws,
        /// Whether those are there that change something.
        allow_mutations: bool,
    },
}

/// How a Kubernetes cluster is found.
#[derive(Debug, Clone)]
pub enum Kubernetes {
    /// By a kubeconfig.
    Kubeconfig {
        /// The file, absolute.
        file: PathBuf,
        /// Which of its contexts; `None`: the current one.
        context: Option<String>,
    },
    /// By its name in EKS.
    Eks(String),
}
