//! The call that is meant, and the way it would take.
//!
//! Enters: the words of the command line, and the configuration. Leaves: the plan of the tool, where it
//! goes, and what holds it up. Never: a question to a target.

use std::sync::Arc;

use serde_json::Value;
use toolgate_admit::authn::KEYS_ISSUER;
use toolgate_call::{Hint, Kind, Plan, Principal, Server, name};
use toolgate_mcp::{Said, Terms};
use toolgate_telemetry::{ContractAction, ContractChange, Word as _};

use super::report::Way;
use super::{ExplainArgs, Failed, arc};
use crate::assembly;
use crate::config::{
    Config, Credentials, Kubernetes, Target, TargetCredentials, TargetKind, Tools,
};

/// Checks that it is an object.
pub(super) fn arguments(text: &str) -> Result<&[u8], Failed> {
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text) {
        Ok(_) => Ok(text.as_bytes()),
        Err(error) => {
            let help = "write one as --args '{\"namespace\":\"prod\"}'";
            Err(Failed::usage(format!("the arguments are no JSON object: {error}"), help))
        }
    }
}

/// The plan of a tool at a server, by the configuration alone.
pub(in crate::commands) fn plan(
    (full, server): (&str, Option<&str>),
    said: Said,
    config: &Config,
) -> Result<(Plan, Option<Arc<Server>>), Failed> {
    let named = name::split(full).and_then(|(target, tool)| {
        let target = config.targets.iter().find(|known| known.name == target)?;
        Some((target, tool))
    });
    let Some((target, tool)) = named else {
        let names: Vec<&str> = config.targets.iter().map(|target| target.name.as_str()).collect();
        let help = format!("write TARGET___TOOL; the targets are: {}", names.join(", "));
        return Err(Failed::usage(format!("`{full}` is a tool of no target"), help));
    };
    let said = in_document(target, tool, said)?;
    let scopes = target.scopes.iter().map(String::as_str).collect();
    let terms = Terms {
        target: &arc(&target.name),
        scopes: &scopes,
        timeout: target.timeout,
        retry: assembly::retry(target.retry),
    };
    let rule = assembly::rules(config).remove(full).unwrap_or_default();
    let plan = rule.plan(terms, Kind::Tool, (arc(tool), arc(full)), said);
    let plan = Plan { quarantined: is_held_back(config, &target.name, tool), ..plan };
    at_server(server, config, plan)
}

/// What an API's document, or the definitions of a function, say of a tool, where nothing else was said: the gateway believes it, too.
fn in_document(target: &Target, tool: &str, said: Said) -> Result<Said, Failed> {
    let is_it = |known: &&Value| known.get("name").and_then(Value::as_str) == Some(tool);
    let (known, message, help) = match &target.kind {
        TargetKind::OpenApi { api, .. } => (
            api.definitions().find(is_it),
            format!("the document of `{}` has no operation `{tool}`", target.name),
            "`include` and `exclude` choose operations, too",
        ),
        TargetKind::Lambda(lambda) => (
            lambda.tools.definitions().find(is_it),
            format!("the definitions of `{}` have no tool `{tool}`", target.name),
            "`tools` of `lambda` says where they are",
        ),
        TargetKind::Builtin(_)
        | TargetKind::Tools(_)
        | TargetKind::Mcp { .. }
        | TargetKind::Stdio { .. } => return Ok(said),
    };
    let Some(known) = known else { return Err(Failed::usage(message, help)) };
    if !target.trust_annotations {
        return Ok(said);
    }
    let hint = |name: &str| known.get("annotations")?.get(name)?.as_bool();
    Ok(Said {
        read_only: said.read_only.or_else(|| hint("readOnlyHint")),
        idempotent: said.idempotent.or_else(|| hint("idempotentHint")),
    })
}

fn at_server(
    named: Option<&str>,
    config: &Config,
    plan: Plan,
) -> Result<(Plan, Option<Arc<Server>>), Failed> {
    let Some(named) = named else { return Ok((plan, None)) };
    let views = assembly::views(config);
    let Some(spec) = views.servers.into_iter().find(|spec| *spec.server.name == *named) else {
        let message = format!("no server is called `{named}`");
        return Err(Failed::usage(message, "the servers are those of `servers`"));
    };
    let selection = &spec.selection;
    if !selection.has_target(&plan.target) || !selection.has(Kind::Tool, &plan.full) {
        let message = format!("the server `{named}` does not have `{}`", plan.full);
        let help = "callers of it are told that there is no such tool; see `servers` in the \
                    configuration";
        return Err(Failed::usage(message, help));
    }
    let server = Arc::clone(&spec.server);
    Ok((spec.offered(plan), Some(server)))
}

/// Whether it waits to be approved: what was approved and has changed, only its target knows.
fn is_held_back(config: &Config, target: &str, tool: &str) -> bool {
    let Some(pins) = &config.pins else { return false };
    let Some((_, actions)) = pins.targets.iter().find(|(name, _)| name == target) else {
        return false;
    };
    let approved = pins.approved.targets.get(target).is_some_and(|tools| tools.contains_key(tool));
    !approved && actions.of(ContractChange::Added) == ContractAction::Quarantine
}

pub(super) fn way(config: &Config, plan: &Plan) -> Way {
    let target = config.targets.iter().find(|target| *target.name == *plan.target);
    let (to, credential) = target.map_or_else(Default::default, reached);
    let mut limits =
        vec![format!("{} attempts in {} ms", plan.retry.attempts, plan.timeout.as_millis())];
    limits.extend(plan.concurrency.map(|most| format!("{most} calls of it at once")));
    limits
        .extend(target.map(|target| format!("{} calls of the target at once", target.concurrency)));
    limits.push(format!("{} calls of the gateway at once", config.limits.concurrency));
    let applies = |name: &Option<String>, own: &str| name.as_deref().is_none_or(|name| name == own);
    let rates = config.limits.rates.iter();
    let rates =
        rates.filter(|rate| applies(&rate.target, &plan.target) && applies(&rate.tool, &plan.full));
    limits.extend(rates.map(|rate| {
        let (every, per) = (rate.every.as_secs_f64(), rate.per.word());
        format!("{} calls in {every} s for each {per}, {} at once", rate.calls, rate.burst)
    }));
    Way { name: plan.full.to_string(), target: plan.target.to_string(), to, credential, limits }
}

fn reached(target: &Target) -> (String, Option<String>) {
    match &target.kind {
        TargetKind::Builtin(_) => ("this program".to_owned(), None),
        TargetKind::Tools(Tools::Prometheus { url, credentials }) => {
            (format!("this program, which asks {url}"), credentials.as_ref().map(header))
        }
        TargetKind::Tools(Tools::WebSearch { engine, credentials, .. }) => {
            (format!("this program, which asks {engine:?}"), credentials.as_ref().map(header))
        }
        TargetKind::Mcp { url, credentials, .. } | TargetKind::OpenApi { url, credentials, .. } => {
            (url.to_string(), credentials.as_ref().map(shown))
        }
        TargetKind::Tools(Tools::AwsDocs { .. }) => {
            ("this program, which asks the AWS documentation".to_owned(), None)
        }
        TargetKind::Tools(Tools::K8s { cluster: Kubernetes::Kubeconfig { file, .. }, .. }) => {
            let file = file.display();
            (format!("this program, which asks the Kubernetes cluster of {file}"), None)
        }
        TargetKind::Tools(Tools::K8s { cluster: Kubernetes::Eks(name), .. }) => {
            (format!("this program, which asks the Kubernetes cluster {name} of EKS"), None)
        }
        TargetKind::Tools(
            Tools::Amp { aws, .. }
            | Tools::CloudWatch { aws }
            | Tools::AwsCore { aws }
            | Tools::Eks { aws },
        ) => {
            let region = aws.region.as_deref().unwrap_or("the region that is found");
            (format!("this program, which asks AWS in {region}"), None)
        }
        TargetKind::Lambda(lambda) => {
            let to = format!("the function {} at {}", lambda.function, lambda.endpoint);
            (to, Some(shown(&lambda.credentials)))
        }
        TargetKind::Stdio { command, .. } => {
            let program = command.first().map_or("", String::as_str);
            (format!("the child process {program}"), None)
        }
    }
}

fn shown(credentials: &TargetCredentials) -> String {
    match credentials {
        TargetCredentials::Header(credentials, _) => header(credentials),
        TargetCredentials::Client(client) => {
            format!("authorization: Bearer (a token of the gateway's own from {})", client.endpoint)
        }
        TargetCredentials::Exchange(client) => format!(
            "authorization: Bearer (what the caller's token was exchanged for at {})",
            client.endpoint
        ),
        TargetCredentials::User(grant) => format!(
            "authorization: Bearer (the caller's own, once they have connected their account at {})",
            grant.client.endpoint
        ),
        TargetCredentials::SigV4 { service, .. } => {
            format!("authorization: (a signature for the AWS service {service})")
        }
    }
}

fn header(credential: &Credentials) -> String {
    let scheme =
        credential.scheme.as_deref().map(|scheme| format!("{scheme} ")).unwrap_or_default();
    format!("{}: {scheme}(the configured secret)", credential.header)
}

/// Whether the target of that tool is believed in what it says of it.
pub(in crate::commands) fn is_believed(config: &Config, full: &str) -> bool {
    let target = name::split(full).map(|(target, _)| target);
    config
        .targets
        .iter()
        .any(|known| Some(known.name.as_str()) == target && known.trust_annotations)
}

/// What was not known.
pub(super) fn notes(
    args: &ExplainArgs,
    config: &Config,
    plan: &Plan,
    caller: &Principal,
) -> Vec<String> {
    let mut notes = Vec::new();
    if args.who.token_env.is_some() && &*caller.issuer != KEYS_ISSUER {
        notes.push("the signature of the token was not looked at".to_owned());
    }
    if args.who.certificate.is_some() {
        notes.push(
            "whether an authority of `tls.client_ca` signed the certificate was not looked at"
                .to_owned(),
        );
    }
    if config.policy.is_some() && args.args.is_none() {
        notes.push(
            "no --args: the policies were asked whether some arguments could be allowed".to_owned(),
        );
    }
    if is_believed(config, &plan.full) && plan.read_only == Hint::Unknown {
        let target = &plan.target;
        notes.push(format!(
            "`{target}` was not asked what it says of its tools: --read-only and --idempotent say it"
        ));
    }
    if config.pins.is_some() && !plan.quarantined {
        notes.push(
            "whether the tool still is what was approved, `toolgate pins diff` finds out"
                .to_owned(),
        );
    }
    notes
}
