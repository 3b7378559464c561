//! What users let the gateway do at targets.
//!
//! Enters: whether a target wants that, where browsers find the gateway, and the file of grants. Leaves:
//! the grants, their pages and who keeps them. Never: a page where no target wants one.

use std::sync::Arc;

use toolgate_admit::Pages;
use toolgate_target::grants::Grants;
use toolgate_telemetry::Telemetry;

use super::{Callers, public_url};
use crate::config::{Config, TargetCredentials};
use crate::grants::{GrantPages, Keeping, Sealed};

/// See the module.
pub(super) struct Granting {
    pub(super) grants: Arc<Grants>,
    pub(super) pages: Option<Arc<dyn Pages>>,
    pub(super) keeping: Option<Arc<Keeping>>,
}

/// Makes them.
///
/// # Errors
/// A file of grants that cannot be read.
pub(super) fn granting(
    config: &Config,
    callers: &Callers,
    telemetry: &Arc<Telemetry>,
) -> anyhow::Result<Granting> {
    let asks = |target: &crate::config::Target| {
        matches!(target.kind.credentials(), Some(TargetCredentials::User(_)))
    };
    let origin = match callers {
        Callers::Network(bound) if config.targets.iter().any(asks) => {
            Some(public_url(config, *bound))
        }
        Callers::Network(_) | Callers::Process(_) => None,
    };
    let sealed = config.grants.as_ref().filter(|_| origin.is_some());
    let sealed = sealed.map(Sealed::new).transpose()?;
    let kept = sealed.as_ref().map(Sealed::read).transpose()?.unwrap_or_default();
    let grants = Grants::new(origin.clone(), kept, telemetry);
    let keeping = sealed.map(|sealed| sealed.keeping(&grants, telemetry));
    let pages = origin.map(|origin| GrantPages::door(&grants, &origin));
    Ok(Granting { grants, pages, keeping })
}
