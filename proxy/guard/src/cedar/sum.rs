//! What several sets of policies come to together.
//!
//! Enters: the engine's answers. Leaves: one verdict. Never: a yes where one of them forbids, or could not
//! be judged.

use cedar_policy::{AuthorizationError, Decision, Response};
use toolgate_call::{Effect, Verdict};

use super::Cedar;

/// What was said so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    /// A policy permits it.
    permitted: bool,
    /// A policy forbids it.
    forbidden: bool,
    /// A policy could not be judged.
    failed: bool,
    /// With other arguments a policy may permit it.
    possible: bool,
}

// === impl Sum ===

impl Sum {
    /// Adds what the engine said; `known`: whether the arguments are.
    pub(super) fn add(&mut self, cedar: &Cedar, response: &Response, known: bool) {
        let diagnostics = response.diagnostics();
        match response.decision() {
            Decision::Allow => self.permitted = true,
            // The policies that led to a no are those that forbid; if there are none, nothing permits.
            Decision::Deny => self.forbidden |= diagnostics.reason().next().is_some(),
        }
        for error in diagnostics.errors() {
            let AuthorizationError::PolicyEvaluationError(error) = error;
            let id = error.policy_id();
            if known || !cedar.speaking.contains(id) {
                self.failed = true;
            } else {
                // With other arguments it may well hold; what forbids is not certain to.
                self.possible |=
                    cedar.names.get(id).is_some_and(|(effect, _)| *effect == Effect::Permit);
            }
        }
    }

    /// The verdict. `forbid` wins over `permit`, and what could not be judged over both.
    pub(super) const fn verdict(self) -> Verdict {
        match self {
            Self { failed: true, .. } => Verdict::Failed,
            Self { forbidden: true, .. } => Verdict::Deny,
            Self { permitted: true, .. } | Self { possible: true, .. } => Verdict::Allow,
            Self { .. } => Verdict::Deny,
        }
    }
}
