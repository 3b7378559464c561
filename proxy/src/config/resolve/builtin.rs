//! Targets that are part of this program.
//!
//! In: a target with `builtin`, and its credentials. Out: what it is and whom it asks. It never
//! invents an address: one without is left out, and has been reported.

use http::HeaderName;

use crate::config::choice::{Builtin, SearchEngine};
use crate::config::file;
use crate::config::resolved::{Aws, Credentials, Kubernetes, Own, TargetKind, Tools};

/// Where Brave expects its key.
const BRAVE_KEY: HeaderName = HeaderName::from_static("x-subscription-token");

/// `None` when it is incomplete, which has been reported.
pub(super) fn kind(
    builtin: Builtin,
    written: &file::Target,
    credentials: Option<Credentials>,
    aws: Aws,
    cluster: Option<Kubernetes>,
) -> Option<TargetKind> {
    let aws = Aws { region: written.region.clone().or(aws.region), endpoint: aws.endpoint };
    let url = written.url.as_ref().map(|url| url.0.uri.clone());
    Some(TargetKind::Tools(match builtin {
        Builtin::Clock => return Some(TargetKind::Builtin(Own::Clock)),
        Builtin::Gateway => return Some(TargetKind::Builtin(Own::Gateway)),
        Builtin::Prometheus => Tools::Prometheus { url: url?, credentials },
        Builtin::WebSearch => {
            let engine = written.engine.unwrap_or_default();
            let credentials = credentials.map(|credentials| at_home(engine, written, credentials));
            Tools::WebSearch { engine, url, credentials }
        }
        Builtin::AwsDocs => Tools::AwsDocs { url, hosts: written.hosts.clone() },
        Builtin::Amp => Tools::Amp { aws, workspace: written.workspace.clone() },
        Builtin::Cloudwatch => Tools::CloudWatch { aws },
        Builtin::AwsCore => Tools::AwsCore { aws },
        Builtin::Eks => Tools::Eks { aws },
        Builtin::K8s => Tools::K8s {
            cluster: cluster?,
            aws,
            allow_mutations: written.allow_mutations.unwrap_or(false),
        },
    }))
}

/// The header in which an engine expects its key, unless another one is written.
fn at_home(engine: SearchEngine, written: &file::Target, credentials: Credentials) -> Credentials {
    let is_written = written.credentials.as_ref().is_some_and(|written| written.header.is_some());
    match engine {
        SearchEngine::Brave if !is_written => {
            Credentials { header: BRAVE_KEY, scheme: None, ..credentials }
        }
        SearchEngine::Brave | SearchEngine::Duckduckgo | SearchEngine::Searxng => credentials,
    }
}
