//! The operator's policies, in Cedar (ADR 29).
//!
//! Enters: policies as text, and at each decision who asks for what. Leaves: a verdict, with the policies
//! that led to it for whoever wants to know. Never: a policy that the schema does not know the words of;
//! I/O; a verdict other than no when a policy cannot be judged.

mod arguments;
mod entities;
mod listing;
mod load;
mod schema;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use cedar_policy::{
    AuthorizationError, Authorizer, Decision, Effect as Says, PolicyId, PolicySet, Request,
    Response,
};
use toolgate_call::{Applied, Asked, ClaimKind, Effect, Rules, Verdict};
use toolgate_telemetry::Telemetry;

pub use load::{Flaw, Source};

/// The most policies.
pub const MOST_POLICIES: usize = 1000;

/// What policies are made of.
#[derive(Clone, Debug, Default)]
pub struct CedarConfig {
    /// The texts.
    pub sources: Vec<Source>,
    /// The claims that they may speak of.
    pub claims: Vec<(String, ClaimKind)>,
    /// Whether what no policy speaks of is allowed.
    pub allow: bool,
}

/// Policies that were found to be right.
pub struct Cedar {
    authorizer: Authorizer,
    /// For calls whose arguments are known.
    full: PolicySet,
    /// For lists: what could be allowed with some arguments.
    listing: PolicySet,
    /// The policies that speak of arguments.
    speaking: HashSet<PolicyId>,
    /// What a policy says, and how it is called.
    names: HashMap<PolicyId, (Effect, String)>,
}

/// Policies whose failures are counted.
#[derive(Debug)]
struct Counted {
    cedar: Arc<Cedar>,
    telemetry: Arc<Telemetry>,
}

// === impl Cedar ===

impl Cedar {
    /// Reads and checks policies.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn load(config: &CedarConfig) -> Result<Self, Vec<Flaw>> {
        load::load(config)
    }

    /// These rules for a gateway: what cannot be judged is counted.
    #[must_use]
    pub fn counted(self: Arc<Self>, telemetry: Arc<Telemetry>) -> Arc<dyn Rules> {
        Arc::new(Counted { cedar: self, telemetry })
    }

    /// Whether a policy speaks of arguments: only then are they read.
    #[must_use]
    pub fn reads_arguments(&self) -> bool {
        !self.speaking.is_empty()
    }

    /// How many policies there are, besides the default.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none besides the default.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    fn listed(&self, response: &Response) -> Verdict {
        let diagnostics = response.diagnostics();
        let mut possible = false;
        for error in diagnostics.errors() {
            let AuthorizationError::PolicyEvaluationError(error) = error;
            let id = error.policy_id();
            if !self.speaking.contains(id) {
                return Verdict::Failed;
            }
            // With other arguments it may well hold; what forbids is not certain to.
            possible |= self.names.get(id).is_some_and(|(effect, _)| *effect == Effect::Permit);
        }
        let forbidden = diagnostics.reason().next().is_some();
        match response.decision() {
            Decision::Allow => Verdict::Allow,
            Decision::Deny if possible && !forbidden => Verdict::Allow,
            Decision::Deny => Verdict::Deny,
        }
    }

    fn tell(&self, response: &Response, applied: &mut Vec<Applied>) {
        let diagnostics = response.diagnostics();
        let named = |id: &PolicyId| match self.names.get(id) {
            Some((effect, name)) => (*effect, name.clone()),
            None => (Effect::Permit, "default".to_owned()),
        };
        applied.extend(diagnostics.reason().map(|id| {
            let (effect, id) = named(id);
            Applied { id, effect, note: None }
        }));
        applied.extend(diagnostics.errors().map(|error| {
            let AuthorizationError::PolicyEvaluationError(error) = error;
            let (_, id) = named(error.policy_id());
            // The engine's own words may hold values of the call.
            let note = Some("it could not be evaluated".to_owned());
            Applied { id, effect: Effect::Failed, note }
        }));
        applied.sort_by(|a, b| a.id.cmp(&b.id));
    }

    fn request(&self, asked: &Asked<'_>, known: bool) -> Option<entities::Situation> {
        let arguments = match asked.arguments.filter(|_| known && self.reads_arguments()) {
            Some(json) => Some(arguments::read(json)?),
            None => None,
        };
        entities::situation(asked, arguments)
    }
}

impl Rules for Cedar {
    fn judge(&self, asked: &Asked<'_>, applied: Option<&mut Vec<Applied>>) -> Verdict {
        let known = asked.arguments.is_some();
        let Some((request, entities)) = self.request(asked, known) else {
            if let Some(applied) = applied {
                let note =
                    "the arguments cannot be read: a key is there twice, or there are too many";
                let note = Some(note.to_owned());
                applied.push(Applied { id: "arguments".to_owned(), effect: Effect::Failed, note });
            }
            return Verdict::Failed;
        };
        let policies = if known { &self.full } else { &self.listing };
        let request: &Request = &request;
        let response = self.authorizer.is_authorized(request, policies, &entities);
        if let Some(applied) = applied {
            self.tell(&response, applied);
        }
        if !known {
            return self.listed(&response);
        }
        if response.diagnostics().errors().next().is_some() {
            return Verdict::Failed;
        }
        match response.decision() {
            Decision::Allow => Verdict::Allow,
            Decision::Deny => Verdict::Deny,
        }
    }
}

impl fmt::Debug for Cedar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cedar").field("policies", &self.names.len()).finish_non_exhaustive()
    }
}

const fn effect(says: Says) -> Effect {
    match says {
        Says::Permit => Effect::Permit,
        Says::Forbid => Effect::Forbid,
    }
}

// === impl Counted ===

impl Rules for Counted {
    fn judge(&self, asked: &Asked<'_>, applied: Option<&mut Vec<Applied>>) -> Verdict {
        let verdict = self.cedar.judge(asked, applied);
        if verdict == Verdict::Failed {
            self.telemetry.auth.policy_failed();
        }
        verdict
    }
}

#[cfg(test)]
mod tests;
