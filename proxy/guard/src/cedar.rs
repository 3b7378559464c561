//! The operator's policies, in Cedar (ADR 29).
//!
//! Enters: policies as text, and at each decision who asks for what. Leaves: a verdict, with the policies
//! that led to it for whoever wants to know. Never: a policy that the schema does not know the words of;
//! I/O; a verdict other than no when a policy cannot be judged.

mod anchored;
mod arguments;
mod entities;
mod listing;
mod load;
mod memo;
mod schema;
mod sum;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use cedar_policy::{
    AuthorizationError, Authorizer, Effect as Says, Entities, PolicyId, Request, Response,
};
use toolgate_call::{Applied, Asked, ClaimKind, Effect, Rules, Verdict};
use toolgate_telemetry::{CacheEvent, Telemetry};

use anchored::{Part, Sets};
use entities::About;
use memo::Memo;
use sum::Sum;

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
    sets: Sets,
    /// The policies that speak of arguments.
    speaking: HashSet<PolicyId>,
    /// What a policy says, and how it is called.
    names: HashMap<PolicyId, (Effect, String)>,
}

/// Policies of a gateway: what they said is remembered, what cannot be judged is counted, and others may
/// take their place.
#[derive(Debug)]
pub struct Standing {
    now: ArcSwap<Remembered>,
    telemetry: Arc<Telemetry>,
}

/// Policies, and what they said: of others nothing is remembered.
#[derive(Debug)]
struct Remembered {
    cedar: Arc<Cedar>,
    memo: Memo,
}

/// A decision under way.
struct Deciding<'a> {
    cedar: &'a Cedar,
    about: About,
    asked: &'a Asked<'a>,
    sum: Sum,
}

/// Arguments that policies speak of and that nobody can be asked about.
struct Unreadable;

// === impl Cedar ===

impl Cedar {
    /// Reads and checks policies.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn load(config: &CedarConfig) -> Result<Self, Vec<Flaw>> {
        load::load(config)
    }

    /// These rules for a gateway.
    #[must_use]
    pub fn counted(self: Arc<Self>, telemetry: Arc<Telemetry>) -> Arc<Standing> {
        Arc::new(Standing { now: ArcSwap::from_pointee(Remembered::of(self)), telemetry })
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
    }

    fn deciding<'a>(&'a self, asked: &'a Asked<'a>) -> Option<Deciding<'a>> {
        let about = entities::about(asked)?;
        Some(Deciding { cedar: self, about, asked, sum: Sum::default() })
    }
}

impl Rules for Cedar {
    fn judge(&self, asked: &Asked<'_>, mut applied: Option<&mut Vec<Applied>>) -> Verdict {
        let Some(mut deciding) = self.deciding(asked) else { return Verdict::Failed };
        if deciding.quiet(applied.as_deref_mut()).is_none() {
            return Verdict::Failed;
        }
        if deciding.speaking(applied.as_deref_mut()).is_err() {
            if let Some(applied) = applied {
                let note =
                    "the arguments cannot be read: a key is there twice, or there are too many";
                let note = Some(note.to_owned());
                *applied =
                    vec![Applied { id: "arguments".to_owned(), effect: Effect::Failed, note }];
            }
            return Verdict::Failed;
        }
        if let Some(applied) = applied {
            settle(applied);
        }
        deciding.sum.verdict()
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

/// What led to the verdict: where something forbids, what permits did not count.
fn settle(applied: &mut Vec<Applied>) {
    if applied.iter().any(|one| one.effect == Effect::Forbid) {
        applied.retain(|one| one.effect != Effect::Permit);
    }
    applied.sort_by(|a, b| a.id.cmp(&b.id));
}

// === impl Deciding ===

impl Deciding<'_> {
    /// What can be decided without looking at arguments: where they are not known, that is all.
    fn quiet(&mut self, applied: Option<&mut Vec<Applied>>) -> Option<()> {
        let known = self.asked.arguments.is_some();
        let part = if known { Part::Quiet } else { Part::Listing };
        let situation = entities::situation(&self.about, self.asked, None)?;
        self.ask(part, &situation, applied);
        Some(())
    }

    /// What is left: only if such a policy could apply are arguments read.
    fn speaking(&mut self, applied: Option<&mut Vec<Applied>>) -> Result<(), Unreadable> {
        let Some(json) = self.asked.arguments else { return Ok(()) };
        let mut sets = self.cedar.sets.fitting(&self.about);
        if sets.all(|set| set.part(Part::Speaking).is_empty()) {
            return Ok(());
        }
        let arguments = arguments::read(json).ok_or(Unreadable)?;
        let situation = entities::situation(&self.about, self.asked, Some(arguments));
        self.ask(Part::Speaking, &situation.ok_or(Unreadable)?, applied);
        Ok(())
    }

    fn ask(
        &mut self,
        part: Part,
        (request, entities): &(Box<Request>, Entities),
        mut applied: Option<&mut Vec<Applied>>,
    ) {
        let known = self.asked.arguments.is_some();
        let sets = self.cedar.sets.fitting(&self.about).map(|set| set.part(part));
        for set in sets.filter(|set| !set.is_empty()) {
            let response = self.cedar.authorizer.is_authorized(request, set, entities);
            self.sum.add(self.cedar, &response, known);
            if let Some(applied) = applied.as_deref_mut() {
                self.cedar.tell(&response, applied);
            }
        }
    }
}

// === impl Remembered ===

impl Remembered {
    fn of(cedar: Arc<Cedar>) -> Self {
        Self { cedar, memo: Memo::new() }
    }

    fn judge(&self, asked: &Asked<'_>, told: impl Fn(CacheEvent)) -> Verdict {
        let Some(mut deciding) = self.cedar.deciding(asked) else { return Verdict::Failed };
        let question = memo::question(asked);
        if let Some(sum) = self.memo.get(&question) {
            told(CacheEvent::Hit);
            deciding.sum = sum;
        } else {
            told(CacheEvent::Miss);
            if deciding.quiet(None).is_none() {
                return Verdict::Failed;
            }
            if self.memo.put(question, deciding.sum) {
                told(CacheEvent::Evicted);
            }
        }
        match deciding.speaking(None) {
            Ok(()) => deciding.sum.verdict(),
            Err(Unreadable) => Verdict::Failed,
        }
    }
}

// === impl Standing ===

impl Standing {
    /// From now on these count, and what the others said does not.
    pub fn take(&self, cedar: Arc<Cedar>) {
        self.now.store(Arc::new(Remembered::of(cedar)));
    }
}

impl Rules for Standing {
    fn judge(&self, asked: &Asked<'_>, applied: Option<&mut Vec<Applied>>) -> Verdict {
        let now = self.now.load();
        let verdict = match applied {
            Some(applied) => now.cedar.judge(asked, Some(applied)),
            None => now.judge(asked, |event| self.telemetry.auth.policy_cache(event)),
        };
        if verdict == Verdict::Failed {
            self.telemetry.auth.policy_failed();
        }
        verdict
    }
}

#[cfg(test)]
mod tests;
