//! Policies, kept by the one thing that their head names.
//!
//! Enters: policies. Leaves: those that a decision could be about, so that a thousand policies about a
//! thousand tools cost what one does. Never: a policy left out whose head fits; the engine looks at the
//! heads of those that are left again.

use std::collections::HashMap;

use cedar_policy::{EntityUid, Policy, PolicySet, PrincipalConstraint, ResourceConstraint};

use super::entities::About;

/// Policies with the same anchor.
#[derive(Default)]
pub(super) struct Set {
    quiet: PolicySet,
    speaking: PolicySet,
    listing: PolicySet,
}

/// A part of a set.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// What does not speak of arguments.
    Quiet,
    /// What does.
    Speaking,
    /// All, where arguments are not known.
    Listing,
}

/// All policies.
#[derive(Default)]
pub(super) struct Sets {
    /// Those whose head names nothing.
    anywhere: Set,
    /// The others, by the resource that it names, or else by the principal.
    at: HashMap<EntityUid, Set>,
}

// === impl Set ===

impl Set {
    pub(super) const fn part(&self, part: Part) -> &PolicySet {
        match part {
            Part::Quiet => &self.quiet,
            Part::Speaking => &self.speaking,
            Part::Listing => &self.listing,
        }
    }
}

// === impl Sets ===

impl Sets {
    /// Takes in a policy, and what is left of it where arguments are not known; `None`: all, since it does
    /// not speak of them.
    ///
    /// # Errors
    /// Two policies of one name.
    pub(super) fn add(&mut self, policy: Policy, listed: Option<Policy>) -> Result<(), String> {
        let set = match anchor(&policy) {
            Some(anchor) => self.at.entry(anchor).or_default(),
            None => &mut self.anywhere,
        };
        let part = if listed.is_some() { &mut set.speaking } else { &mut set.quiet };
        part.add(policy.clone()).map_err(|error| error.to_string())?;
        set.listing.add(listed.unwrap_or(policy)).map_err(|error| error.to_string())
    }

    /// Those whose head could fit. Beside itself, a caller is in its issuer alone, and a tool in its target.
    pub(super) fn fitting<'a>(&'a self, about: &About) -> impl Iterator<Item = &'a Set> + use<'a> {
        let named = [&about.resource, &about.target, &about.caller, &about.issuer];
        let [one, two, three, four] = named.map(|uid| self.at.get(uid));
        [Some(&self.anywhere), one, two, three, four].into_iter().flatten()
    }
}

/// What must be there for a policy to apply: the resource that its head names, or else the principal.
fn anchor(policy: &Policy) -> Option<EntityUid> {
    match policy.resource_constraint() {
        ResourceConstraint::In(uid)
        | ResourceConstraint::Eq(uid)
        | ResourceConstraint::IsIn(_, uid) => return Some(uid),
        ResourceConstraint::Any | ResourceConstraint::Is(_) => {}
    }
    match policy.principal_constraint() {
        PrincipalConstraint::In(uid)
        | PrincipalConstraint::Eq(uid)
        | PrincipalConstraint::IsIn(_, uid) => Some(uid),
        PrincipalConstraint::Any | PrincipalConstraint::Is(_) => None,
    }
}
