//! Who may do what.
//!
//! Enters: scopes and policies as configured. Leaves: what decides, and who looks for other policies.
//! Never: a decision.

use std::sync::Arc;

use toolgate_call::{Policy, Rules};
use toolgate_guard::cedar::Standing;
use toolgate_mcp::Registry;
use toolgate_telemetry::Telemetry;

use super::Callers;
use crate::config::Config;
use crate::policies::Rulebook;

/// Scopes first; what they allow, the policies may still refuse.
pub(crate) fn policy(config: &Config, callers: &Callers, telemetry: &Arc<Telemetry>) -> Policy {
    ruled(config, callers, standing(config, telemetry).as_ref())
}

/// The same, with rules that may be others in time.
pub(super) fn ruled(
    config: &Config,
    callers: &Callers,
    standing: Option<&Arc<Standing>>,
) -> Policy {
    let rules = standing.map(|standing| Arc::<Standing>::clone(standing) as Arc<dyn Rules>);
    scoped(config, callers).with(rules)
}

/// The policies as they count, if there are any.
pub(super) fn standing(config: &Config, telemetry: &Arc<Telemetry>) -> Option<Arc<Standing>> {
    let policies = config.policy.as_ref()?;
    Some(Arc::clone(&policies.rules).counted(Arc::clone(telemetry)))
}

/// Who looks for others.
pub(super) fn rulebook(
    config: &Config,
    standing: Option<&Arc<Standing>>,
    registry: &Arc<Registry>,
    telemetry: &Arc<Telemetry>,
) -> Option<Arc<Rulebook>> {
    let (policies, standing) = config.policy.as_ref().zip(standing)?;
    Some(Arc::new(Rulebook::new(policies, standing, registry, telemetry)))
}

fn scoped(config: &Config, callers: &Callers) -> Policy {
    match callers {
        Callers::Process(_) => Policy::local(),
        Callers::Network(_) if config.auth.anonymous => Policy::open(),
        Callers::Network(_) => {
            Policy::scoped(config.auth.scopes.iter().map(String::as_str).collect())
        }
    }
}
