//! Whose a resource is.
//!
//! Enters: the URIs and templates that targets list. Leaves: the target of a URI. Never: a guess
//! among several: a URI that nobody lists is the only target's that has resources, or nobody's.

mod template;

use std::collections::HashMap;
use std::sync::Arc;

use toolgate_call::Plan;

use template::Template;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Owners {
    exact: HashMap<Arc<str>, Arc<Plan>>,
    /// In configuration order; the first that fits decides.
    templates: Vec<(Template, Arc<Plan>)>,
    all: Vec<Arc<Plan>>,
}

// === impl Owners ===

impl Owners {
    /// A target has this resource; `false` if an earlier one has it.
    pub(super) fn claim(&mut self, uri: &Arc<str>, plan: &Arc<Plan>) -> bool {
        if self.exact.contains_key(uri) {
            return false;
        }
        self.exact.insert(Arc::clone(uri), Arc::clone(plan));
        true
    }

    /// A target has all resources of this form; `false` if an earlier one has them.
    pub(super) fn claim_all(&mut self, template: &str, plan: &Arc<Plan>) -> bool {
        let template = Template::read(template);
        if self.templates.iter().any(|(other, _)| *other == template) {
            return false;
        }
        self.templates.push((template, Arc::clone(plan)));
        true
    }

    /// A target has resources.
    pub(super) fn join(&mut self, plan: &Arc<Plan>) {
        self.all.push(Arc::clone(plan));
    }

    /// Whose it is. A template stands for itself, too: arguments are completed by it.
    pub(super) fn of(&self, uri: &str) -> Option<Arc<Plan>> {
        let listed = self.exact.get(uri);
        let formed = || {
            let fits = |template: &Template| template.is(uri) || template.fits(uri);
            self.templates.iter().find(|(template, _)| fits(template)).map(|(_, plan)| plan)
        };
        let sole = || if let [plan] = &self.all[..] { Some(plan) } else { None };
        listed.or_else(formed).or_else(sole).map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    //! Who owns what.

    use std::sync::Arc;
    use std::time::Duration;

    use toolgate_call::{Hint, Kind, Plan, RetryPlan, Scopes};

    use super::Owners;

    fn plan(target: &str) -> Arc<Plan> {
        let retry =
            RetryPlan { attempts: 1, base: Duration::ZERO, multiplier: 1.0, max: Duration::ZERO };
        Arc::new(Plan {
            kind: Kind::Resources,
            target: Arc::from(target),
            name: Arc::from(target),
            full: Arc::from(target),
            server: None,
            scopes: Scopes::default(),
            read_only: Hint::Yes,
            idempotent: Hint::Yes,
            timeout: Duration::from_secs(1),
            retry,
            concurrency: None,
            quarantined: false,
            definition: None,
        })
    }

    fn owner(owners: &Owners, uri: &str) -> Option<String> {
        owners.of(uri).map(|plan| plan.target.to_string())
    }

    #[test]
    fn a_resource_is_its_listers_then_its_templates_and_then_nobodys() {
        let (mut owners, a, b) = (Owners::default(), plan("a"), plan("b"));
        assert!(owners.claim(&Arc::from("file:///x"), &a));
        assert!(!owners.claim(&Arc::from("file:///x"), &b));
        assert!(owners.claim_all("file:///{name}", &b));
        assert!(!owners.claim_all("file:///{name}", &a));
        owners.join(&a);
        assert_eq!(owner(&owners, "unheard:of").as_deref(), Some("a"));
        owners.join(&b);
        assert_eq!(owner(&owners, "file:///x").as_deref(), Some("a"));
        assert_eq!(owner(&owners, "file:///y").as_deref(), Some("b"));
        assert_eq!(owner(&owners, "file:///{name}").as_deref(), Some("b"));
        assert_eq!(owner(&owners, "unheard:of"), None);
    }
}
