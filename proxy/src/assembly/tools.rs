//! The tools that ask somebody else, as a target.
//!
//! Enters: whom they ask. Leaves: what `target` takes. Never: a tool; those know nothing of the
//! gateway, and `target` nothing of them.

use std::sync::Arc;

use anyhow::Context as _;
use serde_json::{Map, Value};
use tokio::time::Instant;
use toolgate_target::{Asked, Coming, Progress, ToolResult, Tools};
use toolgate_telemetry::Telemetry;
use toolgate_tools::{Context, Teller, Toolset, aws_docs, gateway, k8s, prometheus, web_search};

use super::calls::Records;
use super::target::credential;
use crate::config::{self, Kubernetes, SearchEngine};

/// A set of tools behind the seam of `target`.
#[derive(Debug)]
pub(crate) struct Handed(Toolset);

/// The tools of a configured target.
///
/// # Errors
/// A URL or a secret that cannot be used.
pub(crate) fn toolset(tools: &config::Tools) -> anyhow::Result<Arc<Handed>> {
    let shown = |credentials: &Option<config::Credentials>| {
        credentials.as_ref().map(credential).transpose()
    };
    let set = match tools {
        config::Tools::Prometheus { url, credentials } => prometheus::toolset(prometheus::Config {
            url: url.to_string(),
            credentials: shown(credentials)?,
        }),
        config::Tools::WebSearch { engine, url, credentials } => {
            web_search::toolset(web_search::Config {
                engine: match engine {
                    SearchEngine::Duckduckgo => web_search::Engine::DuckDuckGo,
                    SearchEngine::Searxng => web_search::Engine::SearXng,
                    SearchEngine::Brave => web_search::Engine::Brave,
                },
                url: url.as_ref().map(ToString::to_string),
                credentials: shown(credentials)?,
            })
        }
        config::Tools::AwsDocs { url, hosts } => aws_docs::toolset(aws_docs::Config {
            url: url.as_ref().map(ToString::to_string),
            hosts: hosts.clone(),
        }),
        config::Tools::K8s { cluster, aws, allow_mutations } => k8s::toolset(&k8s::Config {
            cluster: match cluster.clone() {
                Kubernetes::Kubeconfig { file, context } => {
                    k8s::Cluster::Kubeconfig { file, context }
                }
                Kubernetes::Eks(name) => k8s::Cluster::Eks(name),
            },
            region: aws.region.clone(),
            endpoint: aws.endpoint.as_ref().map(ToString::to_string),
            allow_mutations: *allow_mutations,
        }),
        config::Tools::Amp { .. }
        | config::Tools::CloudWatch { .. }
        | config::Tools::AwsCore { .. }
        | config::Tools::Eks { .. } => return of_aws(tools),
    };
    Ok(Arc::new(Handed(set.context("built-in tools")?)))
}

/// The tools that ask the gateway's own flight recorder.
pub(super) fn of_calls(telemetry: &Telemetry) -> Arc<Handed> {
    let records = Records(Arc::clone(telemetry.recorder()));
    Arc::new(Handed(gateway::toolset(Arc::new(records))))
}

/// The tools that ask AWS.
#[cfg(feature = "aws")]
fn of_aws(tools: &config::Tools) -> anyhow::Result<Arc<Handed>> {
    use toolgate_tools::{aws, aws_core, cloudwatch, eks};

    let place = |aws: &config::Aws| aws::Config {
        region: aws.region.clone(),
        endpoint: aws.endpoint.as_ref().map(ToString::to_string),
    };
    let set = match tools {
        config::Tools::Amp { aws, workspace } => prometheus::amp_toolset(prometheus::AmpConfig {
            aws: place(aws),
            workspace: workspace.clone(),
        }),
        config::Tools::CloudWatch { aws } => cloudwatch::toolset(place(aws)),
        config::Tools::AwsCore { aws } => aws_core::toolset(place(aws)),
        config::Tools::Eks { aws } => eks::toolset(place(aws)),
        config::Tools::Prometheus { .. }
        | config::Tools::WebSearch { .. }
        | config::Tools::AwsDocs { .. }
        | config::Tools::K8s { .. } => anyhow::bail!("these tools do not ask AWS"),
    };
    Ok(Arc::new(Handed(set.context("built-in tools")?)))
}

/// The configuration was refused already.
#[cfg(not(feature = "aws"))]
fn of_aws(_: &config::Tools) -> anyhow::Result<Arc<Handed>> {
    anyhow::bail!("this build has no AWS in it")
}

impl Tools for Handed {
    fn definitions(&self) -> Vec<Value> {
        self.0.definitions()
    }

    fn call(&self, tool: &str, arguments: Map<String, Value>, asked: Asked) -> Option<Coming> {
        let mut context = Context::new(Instant::from_std(asked.deadline), asked.request_id);
        if let Some(progress) = asked.progress {
            context = context.told_to(Teller::new(move |done, message| {
                progress.try_send(Progress { done, message: message.to_owned() }).is_ok()
            }));
        }
        let running = self.0.call(tool, arguments, context)?;
        Some(Box::pin(async move {
            let reply = running.await;
            let is_error = reply.is_error();
            ToolResult { result: reply.into_result(), is_error }
        }))
    }
}
