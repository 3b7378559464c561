//! Targets and tool rules: the tool's word over the target's over the defaults.
//!
//! In: `defaults`, `targets` and `tools` as written. Out: each target and rule
//! complete. It never invents a target: one without a kind is left out, and has
//! been reported.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toolgate_tools::gateway;

use crate::config::file;
use crate::config::reference::EnvText;
use crate::config::resolved::{
    Aws, Breaker, EnvValue, Own, Retry, Target, TargetCredentials, TargetKind, Tool,
};
use crate::config::secret::Secret;

use super::{DEFAULT_RETRY, Resolver, count, merge_retry, scopes, servers, size, time};

/// Settings of a target with nothing left open.
struct Settings {
    timeout: Duration,
    connect_timeout: Duration,
    idle_timeout: Duration,
    concurrency: usize,
    list_ttl: Duration,
    max_response: usize,
    max_tokens: Option<usize>,
    retry: Retry,
    breaker: Breaker,
}

const DEFAULT: Settings = Settings {
    timeout: Duration::from_secs(30),
    connect_timeout: Duration::from_secs(5),
    idle_timeout: Duration::from_secs(60),
    concurrency: 100,
    list_ttl: Duration::from_secs(60),
    max_response: 16 << 20,
    max_tokens: None,
    retry: DEFAULT_RETRY,
    breaker: Breaker { failures: 5, open: Duration::from_secs(10) },
};

// === impl Settings ===

impl Settings {
    /// What is written, over these.
    fn merge(&self, written: &file::Settings) -> Self {
        Self {
            timeout: time(&written.timeout, self.timeout),
            connect_timeout: time(&written.connect_timeout, self.connect_timeout),
            idle_timeout: time(&written.idle_timeout, self.idle_timeout),
            concurrency: count(written.concurrency, self.concurrency),
            list_ttl: time(&written.list_ttl, self.list_ttl),
            max_response: size(&written.max_response, self.max_response),
            max_tokens: self.max_tokens,
            retry: merge_retry(self.retry, written.retry.as_ref()),
            breaker: merge_breaker(self.breaker, written.breaker.as_ref()),
        }
    }
}

// === impl Resolver ===

impl Resolver<'_, '_> {
    /// All targets that have a kind, in the order of the file.
    pub(super) fn targets(&mut self, file: &file::File) -> Vec<Target> {
        let max_tokens = servers::max_tokens(file);
        let shared = Settings { max_tokens, ..DEFAULT.merge(&file.defaults) };
        let targets = file.targets.0.iter();
        let aws = super::aws(file);
        targets.filter_map(|(name, written)| self.target(name, written, (&shared, &aws))).collect()
    }

    fn target(
        &mut self,
        name: &str,
        written: &file::Target,
        (shared, aws): (&Settings, &Aws),
    ) -> Option<Target> {
        let settings = shared.merge(&written.settings());
        let max_tokens = written.definitions.as_ref().and_then(|own| own.max_tokens);
        Some(Target {
            name: name.to_owned(),
            kind: self.kind(name, written, aws)?,
            timeout: settings.timeout,
            connect_timeout: settings.connect_timeout,
            idle_timeout: settings.idle_timeout,
            concurrency: settings.concurrency,
            list_ttl: settings.list_ttl,
            max_response: settings.max_response,
            max_tokens: servers::tokens(max_tokens).or(settings.max_tokens),
            retry: settings.retry,
            breaker: settings.breaker,
            required: written.required.unwrap_or(false),
            // What is compiled in says the truth about itself; what methods mean is a standard.
            trust_annotations: written
                .trust_annotations
                .unwrap_or(written.builtin.is_some() || written.openapi.is_some()),
            scopes: scopes(&written.scopes),
        })
    }

    /// `None` when it is missing or incomplete, which has been reported. Secrets are
    /// fetched all the same, to report those as well.
    fn kind(&mut self, name: &str, written: &file::Target, aws: &Aws) -> Option<TargetKind> {
        let credentials =
            written.credentials.as_ref().and_then(|c| self.target_credentials(name, c));
        if let Some(builtin) = written.builtin {
            // Another way than a secret in a header has been reported.
            let credentials = credentials.and_then(TargetCredentials::in_header);
            let cluster = self.kubernetes(name, written);
            return super::builtin::kind(builtin, written, credentials, aws.clone(), cluster);
        }
        if let Some(mcp) = &written.mcp {
            return Some(TargetKind::Mcp {
                url: mcp.url.as_ref()?.0.uri.clone(),
                era: mcp.era.unwrap_or_default(),
                credentials,
            });
        }
        if let Some(openapi) = &written.openapi {
            return self.openapi(name, openapi, credentials);
        }
        if let Some(lambda) = &written.lambda {
            return self.lambda(name, lambda);
        }
        let stdio = written.stdio.as_ref()?;
        Some(TargetKind::Stdio {
            command: self.command(&stdio.command),
            env: self.variables(name, stdio),
            cwd: stdio.cwd.as_ref().map(|cwd| self.cwd(name, cwd)),
        })
    }

    /// A program with a slash in it is a path, as in a shell; others are looked for in `PATH`.
    fn command(&self, written: &[String]) -> Vec<String> {
        let mut command = written.to_vec();
        if let Some(program) = command.first_mut().filter(|program| program.contains('/')) {
            *program = self.path(Path::new(program.as_str())).display().to_string();
        }
        command
    }

    fn cwd(&mut self, name: &str, written: &str) -> PathBuf {
        let folder = self.path(Path::new(written));
        self.need_folder(&folder, &["targets", name, "stdio", "cwd"]);
        folder
    }

    fn variables(&mut self, name: &str, stdio: &file::Stdio) -> Vec<(String, EnvValue)> {
        let mut variables = Vec::with_capacity(stdio.env.0.len());
        for (variable, value) in &stdio.env.0 {
            let path = ["targets", name, "stdio", "env", variable];
            let value = match &value.0 {
                EnvText::Secret(reference) => match self.secret(reference, &path) {
                    Some(secret) => EnvValue::Secret(secret),
                    None => continue,
                },
                EnvText::Plain(text) => self.plain(text, &path),
            };
            variables.push((variable.clone(), value));
        }
        variables
    }

    /// What the environment put in may be a secret, so it is held like one.
    fn plain(&self, text: &str, path: &[&str]) -> EnvValue {
        let is_foreign = self.review.tree.scalar(path).is_some_and(|s| s.is_substituted());
        if is_foreign {
            EnvValue::Secret(Secret::new(text.to_owned()))
        } else {
            EnvValue::Plain(text.to_owned())
        }
    }
}

/// All rules about a target that exists, in the order of the file; then those that are there without
/// being written.
pub(super) fn tools(file: &file::File, targets: &[Target]) -> Vec<Tool> {
    let rules = file.tools.0.iter();
    let mut rules: Vec<Tool> =
        rules.filter_map(|(name, written)| tool(name, written, targets)).collect();
    for target in targets {
        if matches!(target.kind, TargetKind::Builtin(Own::Gateway)) {
            gateway::NAMES.iter().for_each(|own| observed(&target.name, own, targets, &mut rules));
        }
    }
    super::kubernetes::guard(&mut rules, targets);
    rules
}

/// Whoever reads of everybody's calls needs the scope for it, whatever is written.
fn observed(target: &str, own: &str, targets: &[Target], rules: &mut Vec<Tool>) {
    let name = format!("{target}___{own}");
    let written = rules.iter_mut().find(|rule| rule.name == name);
    match written {
        Some(rule) if rule.scopes.iter().any(|scope| scope == gateway::SCOPE) => {}
        Some(rule) => rule.scopes.push(gateway::SCOPE.to_owned()),
        None => rules.extend(
            tool(&name, &file::Tool::default(), targets)
                .map(|rule| Tool { scopes: vec![gateway::SCOPE.to_owned()], ..rule }),
        ),
    }
}

pub(super) fn tool(name: &str, written: &file::Tool, targets: &[Target]) -> Option<Tool> {
    let (target, tool) = name.split_once("___")?;
    let target = targets.iter().find(|candidate| candidate.name == target)?;
    Some(Tool {
        name: name.to_owned(),
        target: target.name.clone(),
        tool: tool.to_owned(),
        scopes: scopes(&written.scopes),
        read_only: written.read_only,
        idempotent: written.idempotent,
        timeout: time(&written.timeout, target.timeout),
        concurrency: written.concurrency.map(|limit| count(Some(limit), usize::MAX)),
        retry: merge_retry(target.retry, written.retry.as_ref()),
    })
}

fn merge_breaker(inherited: Breaker, written: Option<&file::Breaker>) -> Breaker {
    let Some(written) = written else { return inherited };
    Breaker {
        failures: written.failures.unwrap_or(inherited.failures),
        open: time(&written.open, inherited.open),
    }
}
