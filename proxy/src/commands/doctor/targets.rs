//! Targets: asked as the gateway asks them.
//!
//! Enters: a configuration. Leaves: a probe for each target, over the very services that calls take.
//! Never: a child process or a session that is left behind; a tool called that changes anything.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Uri};
use serde_json::{Map, Value};
use tokio::time::Instant;
use toolgate_call::{Reason, Refusal};
use toolgate_mcp::{Watches, offered, probed};
use toolgate_target::{Api, Asked, Tools as _};

use super::Surgery;
use super::finding::{Probe, Said};
use super::remedy;
use super::weight::{judged, weighed};
use crate::assembly::{self, Backend, Showing};
use crate::commands::inherited;
use crate::config::{Aws, Config, Search, SearchEngine, Target, TargetKind, Tools};
use crate::facts::Facts;
use toolgate_client as client;

/// How long a child may take to start is not known; the rest is left to the deadline of all.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long an upstream of a built-in tool may take.
const KNOCK: Duration = Duration::from_secs(10);

/// All of them, put together.
pub(super) struct Targets<'a>(Vec<(&'a Target, Result<Backend, String>)>);

// === impl Targets ===

impl<'a> Targets<'a> {
    pub(super) fn new(surgery: &Surgery<'a>, showing: &mut Showing<'_>) -> Self {
        let (facts, watches) = (Facts::new(inherited()), Arc::<Watches>::default());
        let made = surgery.config.targets.iter().map(|target| {
            let backend = Backend::new(target, surgery.telemetry, &facts, &watches, showing);
            (target, backend.map_err(|error| format!("{error:#}")))
        });
        Self(made.collect())
    }

    pub(super) fn probes(&self, surgery: &Surgery<'_>) -> Vec<Probe<'_>> {
        let (until, warn) = (surgery.until, budget(surgery.config));
        let probes = self.0.iter().map(|(target, backend)| {
            Probe::new("target", target.name.clone(), async move {
                match backend {
                    Ok(backend) => tried((target, backend), warn, until).await,
                    Err(why) => Said::fail(why, format!("look at `targets.{}`", target.name)),
                }
            })
        });
        probes.collect()
    }

    /// Ends children and sessions.
    pub(super) async fn end(self) {
        for far in self.0.into_iter().filter_map(|(_, backend)| backend.ok()?.far) {
            far.shutdown().await;
        }
    }
}

/// What a list may weigh before that is told of. Where only two tools are on it, what stands behind
/// them weighs nothing.
fn budget(config: &Config) -> Option<usize> {
    config.warn_tokens.filter(|_| config.search != Search::Only)
}

/// One for each kind of target: a new kind has to say here how it is tried.
async fn tried(
    (target, backend): (&Target, &Backend),
    warn: Option<usize>,
    until: Instant,
) -> Said {
    let said = match &target.kind {
        TargetKind::Builtin(_) => return listed((target, backend), warn).await,
        TargetKind::Mcp { .. } | TargetKind::Stdio { .. } => {
            let said = listed((target, backend), warn).await;
            return said.sent("server/discover or initialize, and its lists");
        }
        TargetKind::OpenApi { api, .. } => an_api(target, api, backend).await,
        TargetKind::Lambda(_) => a_function(target, backend).await,
        TargetKind::Tools(tools) => upstream(target, tools, until).await,
    };
    weighed((target, backend), warn, PATIENCE, said).await
}

/// Asks for the tools.
async fn listed((target, backend): (&Target, &Backend), warn: Option<usize>) -> Said {
    match offered(&backend.spec, PATIENCE).await {
        Ok(tools) if tools.is_empty() => Said::warn(
            "it answers, and lists no tools",
            "that is right only where it has prompts or resources alone",
        ),
        Ok(tools) => judged(target, warn, &tools, Said::ok("")),
        Err(refusal) => refused(target, &refusal),
    }
}

async fn an_api(target: &Target, api: &Api, backend: &Backend) -> Said {
    let sent = "a connection, and nothing over it";
    if let Err(refusal) = probed(&backend.spec, PATIENCE).await {
        return refused(target, &refusal).sent(sent);
    }
    let (tools, left) = (api.definitions().count(), api.left_out().len());
    let found = format!("it can be connected to; {tools} operations of its document are tools");
    match (tools, left) {
        (0, _) => Said::warn(found, "`include` and `exclude` choose operations; look at both"),
        (_, 0) => Said::ok(found),
        (_, left) => Said::warn(
            format!("{found}, {left} cannot be"),
            "toolgate serve names each with the reason when it starts",
        ),
    }
    .sent(sent)
}

/// A function is not invoked: that may change something, and costs something.
async fn a_function(target: &Target, backend: &Backend) -> Said {
    let sent = "a connection to Lambda, and nothing over it";
    match probed(&backend.spec, PATIENCE).await {
        Ok(()) => Said::ok("Lambda can be connected to; the function was not invoked").sent(sent),
        Err(refusal) => refused(target, &refusal).sent(sent),
    }
}

/// Whether whom a built-in tool asks is there.
async fn upstream(target: &Target, tools: &Tools, until: Instant) -> Said {
    match tools {
        Tools::Prometheus { .. } => {
            let sent = "what its tool `server_info` asks: build, flags and state";
            called(&target.name, tools, "server_info", until).await.sent(sent)
        }
        Tools::WebSearch { engine, url, .. } => {
            let home = match engine {
                SearchEngine::Duckduckgo => Uri::from_static("https://html.duckduckgo.com/html"),
                SearchEngine::Brave => Uri::from_static("https://api.search.brave.com/res/v1"),
                SearchEngine::Searxng => Uri::from_static("http://127.0.0.1:8888"),
            };
            answers(
                target,
                url.as_ref().unwrap_or(&home),
                "a search was not made: engines count them",
            )
            .await
        }
        Tools::AwsDocs { url, .. } => {
            let home = Uri::from_static("https://docs.aws.amazon.com/");
            answers(target, url.as_ref().unwrap_or(&home), "no page was read").await
        }
        Tools::Amp { aws, .. } => {
            known_at_aws(&target.name, aws, "whether it may use `aps` was not tried", until).await
        }
        Tools::CloudWatch { aws } => {
            known_at_aws(&target.name, aws, "whether it may read CloudWatch was not tried", until)
                .await
        }
        Tools::AwsCore { aws } => known_at_aws(&target.name, aws, "", until).await,
        Tools::Eks { .. } => {
            called(&target.name, tools, "list_clusters", until).await.sent("eks:ListClusters")
        }
        Tools::K8s { .. } => {
            let sent = "a list of the nodes; those who may not read it are told so";
            called(&target.name, tools, "list_nodes", until).await.sent(sent)
        }
    }
}

/// Calls one of its tools, which reads.
async fn called(place: &str, tools: &Tools, tool: &str, until: Instant) -> Said {
    let set = match assembly::toolset(tools) {
        Ok(set) => set,
        Err(error) => {
            return Said::fail(format!("{error:#}"), remedy::of(place, tools, "misconfigured"));
        }
    };
    let asked = Asked {
        deadline: (Instant::now() + KNOCK).min(until).into_std(),
        request_id: "doctor".into(),
        progress: None,
    };
    let Some(coming) = set.call(tool, Map::new(), asked) else {
        return Said::untried(format!("there is no tool `{tool}` to try it with"));
    };
    let answered = coming.await;
    let text = answered.result.pointer("/content/0/text").and_then(Value::as_str);
    let text = text.and_then(|text| text.lines().next()).unwrap_or_default();
    if !answered.is_error {
        return Said::ok(text);
    }
    let code = answered.result.pointer("/structuredContent/code").and_then(Value::as_str);
    Said::fail(text, remedy::of(place, tools, code.unwrap_or_default()))
}

/// Asks STS, which needs no permission, who this is.
pub(super) async fn known_at_aws(place: &str, aws: &Aws, untried: &str, until: Instant) -> Said {
    let sts = Tools::AwsCore { aws: aws.clone() };
    let said = called(place, &sts, "aws_context", until).await;
    let found = if untried.is_empty() { said.found } else { format!("{}; {untried}", said.found) };
    Said { found, ..said }.sent("sts:GetCallerIdentity")
}

/// Whether anybody answers there, whatever the answer is.
async fn answers(target: &Target, url: &Uri, untried: &str) -> Said {
    let sent = "HEAD, without any credential";
    match client::admin(Method::HEAD, &url.to_string(), KNOCK).await {
        Ok((status, _)) => Said::ok(format!("{url} answers HTTP {status}; {untried}")).sent(sent),
        Err(failure) => {
            let fix = format!(
                "look whether `targets.{}` says the right place, and whether this \
                               machine may go there",
                target.name
            );
            Said::fail(failure.to_string(), fix).sent(sent)
        }
    }
}

/// Why it could not be asked, whose fault that is, and what to do.
fn refused(target: &Target, refusal: &Refusal) -> Said {
    let (reason, name) = (refusal.reason(), &target.name);
    let detail = refusal.operator_detail().unwrap_or(refusal.message());
    let found = format!("{}, blame {}: {detail}", reason.as_str(), reason.blame().as_str());
    let fix = match (reason, &target.kind) {
        (_, TargetKind::Stdio { command, .. }) => format!(
            "run `{}` by hand: it must speak MCP on its standard output, and nothing else",
            command.first().map_or("", String::as_str)
        ),
        (Reason::ConnectRefused, _) => {
            format!("start it, or mend the port in `targets.{name}`")
        }
        (Reason::Dns, _) => {
            format!("mend the name in `targets.{name}`, or this machine's resolver")
        }
        (Reason::Tls, _) => {
            "look at its certificate: name, end and authority; SSL_CERT_FILE adds authorities"
                .to_owned()
        }
        (Reason::TimeoutConnect | Reason::TimeoutFirstByte | Reason::TimeoutTotal, _) => {
            "look whether a firewall drops what is sent, or it is overloaded".to_owned()
        }
        (Reason::Upstream4xx | Reason::Unauthenticated | Reason::Forbidden, _) => {
            format!("look at the path of the URL, and at the credentials of `targets.{name}`")
        }
        _ => format!("look at its own log, and whether `targets.{name}` means the right server"),
    };
    Said::fail(found, fix)
}
