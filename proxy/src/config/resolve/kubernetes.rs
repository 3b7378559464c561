//! Which Kubernetes cluster a target asks, and who may change it.
//!
//! In: a target with `builtin: k8s`, and the rules about tools. Out: the cluster, and rules by which tools
//! that change it need a scope. It keeps nothing of a kubeconfig: what is in there is read again where it
//! is used.

use std::path::Path;

use toolgate_tools::k8s::{MUTATIONS, check_kubeconfig};

use crate::config::choice::Builtin;
use crate::config::code;
use crate::config::file;
use crate::config::report::{Mistake, quote};
use crate::config::resolved::{Kubernetes, Target, TargetKind, Tool, Tools};

use super::Resolver;
use super::targets::tool;

/// What callers need for tools that change a cluster, unless `tools` says otherwise.
const WRITE: &str = "k8s/write";

impl Resolver<'_, '_> {
    /// `None` when there is none or it cannot be used, which has been reported.
    pub(super) fn kubernetes(&mut self, name: &str, written: &file::Target) -> Option<Kubernetes> {
        if written.builtin != Some(Builtin::K8s) {
            return None;
        }
        if let Some(cluster) = &written.cluster {
            return Some(Kubernetes::Eks(cluster.clone()));
        }
        let named = written.kubeconfig.as_ref()?;
        let (file, context) = (self.path(Path::new(named)), written.context.clone());
        let text = (self.outside.read)(&file).map_err(|error| error.to_string());
        let checked = text.and_then(|text| {
            check_kubeconfig(&text, context.as_deref()).map_err(|error| error.to_string())
        });
        if let Err(problem) = checked {
            let at = self.review.at(&["targets", name, "kubeconfig"]);
            let message = format!("{}: {problem}", quote(&file.display().to_string()));
            self.review.add(Mistake::new(code::KUBECONFIG, at, message).help(
                "name a file whose user has a token, a `tokenFile`, a certificate, or `aws eks get-token`",
            ));
            return None;
        }
        Some(Kubernetes::Kubeconfig { file, context })
    }
}

/// Tools that change a cluster need a scope: that of their rule, or else this one.
pub(super) fn guard(rules: &mut Vec<Tool>, targets: &[Target]) {
    let changes = |target: &&Target| {
        matches!(target.kind, TargetKind::Tools(Tools::K8s { allow_mutations: true, .. }))
    };
    for target in targets.iter().filter(changes) {
        for mutation in MUTATIONS {
            let name = format!("{}___{mutation}", target.name);
            let at = rules.iter().position(|rule| rule.name == name).or_else(|| {
                rules.push(tool(&name, &file::Tool::default(), targets)?);
                rules.len().checked_sub(1)
            });
            let rule = at.and_then(|at| rules.get_mut(at)).filter(|rule| rule.scopes.is_empty());
            if let Some(rule) = rule {
                rule.scopes.push(WRITE.to_owned());
            }
        }
    }
}
