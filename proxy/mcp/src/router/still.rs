//! Whether what was allowed still is.
//!
//! Enters: a call that was allowed when it came, before it is sent once more. Leaves: the decision as
//! it would fall now. Never: another call than that.

use std::sync::Arc;

use toolgate_call::{Permitted, Plan, Policy, Refusal};

use crate::Registry;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Still {
    pub(crate) registry: Arc<Registry>,
    pub(crate) policy: Arc<Policy>,
}

// === impl Still ===

impl Still {
    /// Decides again: its tool may be held back by now.
    pub(crate) fn allows(&self, permitted: &Permitted) -> Result<(), Refusal> {
        let Some(plan) = permitted.plan() else { return Ok(()) };
        let quarantined = self.registry.holds_back(plan);
        let plan = Plan { quarantined, ..Plan::clone(plan) };
        self.policy.judge(permitted.call(), &plan).map_err(Refusal::after_send)
    }
}
