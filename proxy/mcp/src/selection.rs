//! What of all that is on offer a server has.
//!
//! Enters: the targets of a server, and patterns of names and URIs, as configured. Leaves: yes or no,
//! for a target, a tool, a prompt and a resource. Never: a name of its own making: what is judged is
//! the full name, `target___tool`, whatever callers are shown. Never: a URI that could be spelled in
//! another way, where patterns decide on URIs.

mod pattern;
mod uri;

use std::sync::Arc;

use toolgate_call::{Kind, Plan, Server};

pub use pattern::{Pattern, Unfit};

use crate::{Prefix, Search};

/// A server, as the registry needs to know it.
#[derive(Clone, Debug)]
pub struct ServerSpec {
    /// Its name and its scopes.
    pub server: Arc<Server>,
    /// What belongs to it.
    pub selection: Arc<Selection>,
    /// When names carry their target's at this server.
    pub prefix: Prefix,
    /// Whether its tools can be searched.
    pub search: Search,
    /// What its list of tools may weigh, in tokens, before it is told of.
    pub budget: Option<usize>,
    /// What models are told before what its targets say.
    pub instructions: Option<String>,
}

/// What belongs to a server.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The targets, by name.
    pub targets: Vec<Arc<str>>,
    /// Which of their tools, by full name.
    pub tools: Sieve,
    /// Which of their prompts, by full name.
    pub prompts: Sieve,
    /// Which of their resources and templates, by URI.
    pub resources: Sieve,
}

/// What passes: what one of the first fits, or anything if there are none, and none of the others.
#[derive(Clone, Debug, Default)]
pub struct Sieve {
    /// What may pass.
    pub allow: Vec<Pattern>,
    /// What may not, even so.
    pub deny: Vec<Pattern>,
}

// === impl ServerSpec ===

impl ServerSpec {
    /// What is offered at it: its scopes are needed, too.
    #[must_use]
    pub fn offered(&self, plan: Plan) -> Plan {
        let server = Some(Arc::clone(&self.server.name));
        Plan { scopes: plan.scopes.union(&self.server.scopes), server, ..plan }
    }
}

// === impl Selection ===

impl Selection {
    /// Whether anything of that target may belong to it.
    #[must_use]
    pub fn has_target(&self, target: &str) -> bool {
        self.targets.iter().any(|own| **own == *target)
    }

    /// Whether a tool or a prompt belongs to it (by full name), or a resource or a template (by URI).
    #[must_use]
    pub fn has(&self, kind: Kind, name: &str) -> bool {
        self.sieve(kind).passes(name) && self.can_judge(kind, name)
    }

    /// Whether patterns can decide on that name: who may have `docs://public/*` may not have
    /// `docs://public/../secret`, nor `docs://public/%73ecret` who may not have `docs://public/secret`.
    #[must_use]
    pub fn can_judge(&self, kind: Kind, name: &str) -> bool {
        kind != Kind::Resources || self.sieve(kind).is_open() || uri::is_plain(name)
    }

    /// What decides on such things.
    #[must_use]
    pub const fn sieve(&self, kind: Kind) -> &Sieve {
        match kind {
            // A task is its tool's.
            Kind::Tool | Kind::Task => &self.tools,
            Kind::Prompt => &self.prompts,
            Kind::Resources => &self.resources,
        }
    }
}

// === impl Sieve ===

impl Sieve {
    /// Whether something of that name passes.
    #[must_use]
    pub fn passes(&self, name: &str) -> bool {
        let among = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.fits(name));
        (self.allow.is_empty() || among(&self.allow)) && !among(&self.deny)
    }

    /// Whether nothing passes, whatever its name.
    #[must_use]
    pub fn is_shut(&self) -> bool {
        self.deny.iter().any(Pattern::fits_all)
    }

    /// Whether everything passes.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// All patterns.
    pub(crate) fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.allow.iter().chain(&self.deny)
    }
}

#[cfg(test)]
mod tests {
    //! What passes.

    use toolgate_call::Kind;

    use super::{Pattern, Selection, Sieve};

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
    }

    #[test]
    fn what_is_allowed_passes_unless_it_is_denied() {
        let everything = Sieve::default();
        assert!(everything.passes("k8s___get") && everything.is_open() && !everything.is_shut());
        let allow = patterns(&["k8s___get_*", "prom___*"]);
        let sieve = Sieve { allow, deny: patterns(&["*___*secret*"]) };
        let passing = ["k8s___get_pods", "prom___query"].map(|name| sieve.passes(name));
        assert_eq!(passing, [true, true]);
        for not in ["k8s___delete", "k8s___get_secret", "k8s___get", "xk8s___get_pods"] {
            assert!(!sieve.passes(not), "{not}");
        }
        let shut = Sieve { allow: Vec::new(), deny: patterns(&["*"]) };
        assert!(shut.is_shut() && !shut.passes("a___b"));
    }

    #[test]
    fn no_resource_is_reached_by_climbing_out_of_what_is_allowed() {
        let allow = patterns(&["docs://public/*"]);
        let resources = Sieve { allow, deny: Vec::new() };
        let selection = Selection { resources, ..Selection::default() };
        let has = |uri: &str| selection.has(Kind::Resources, uri);
        for good in
            ["docs://public/a", "docs://public/a..b", "docs://public/...", "docs://public/a%2Fb"]
        {
            assert!(has(good), "{good}");
        }
        for bad in [
            "docs://public/../secret",
            "docs://public/..",
            "docs://public/%2e%2E/secret",
            "docs://public/a%2f..%2fb",
            "docs://public/..?x",
            "docs://public/..\\secret",
            "docs://secret",
        ] {
            assert!(!has(bad), "{bad}");
        }
        assert!(
            Selection::default().has(Kind::Resources, "docs://a/../b"),
            "nothing to climb out of"
        );
    }

    #[test]
    fn no_resource_that_is_denied_is_reached_by_another_spelling() {
        let deny = patterns(&["file:///data/secret/*"]);
        let resources = Sieve { allow: Vec::new(), deny };
        let selection = Selection { resources, ..Selection::default() };
        let has = |uri: &str| selection.has(Kind::Resources, uri);
        for good in [
            "file:///data/open/",
            "file://share/data/A%2Fb%20c",
            "docs://host:80/a/b",
            "docs://{Team}/a/{id}{?Q}",
            "docs://a?x=//.&y",
            "docs://a#//",
            "docs://",
            "urn:Isbn:1",
            "README",
            "/etc/Motd",
            "memo:a%zz%",
        ] {
            assert!(has(good), "{good}");
        }
        for bad in [
            "file:///data/./secret/k",
            "file:///data/secret/./../secret/k",
            "file:///data/%73ecret/k",
            "file:///data/%2E/secret/k",
            "file:///data%2fsecret/k",
            "file:///data//secret/k",
            "file:////data/secret/k",
            "FILE:///data/secret/k",
            "File:///data/secret/k",
            "file://LOCALHOST/data/secret/k",
            "file://localhost/data/secret/k",
            "file:/data/secret/k",
            "file:///data\\secret\\k",
            "file:///data/sec\tret/k",
            "file:///data/secret/k",
            "docs://host/a/.",
            "docs://Host/a",
            "docs:a//b",
        ] {
            assert!(!has(bad), "{bad}");
        }
        assert!(Selection::default().has(Kind::Resources, "FILE:///a/./b"), "nothing to pass by");
    }
}
