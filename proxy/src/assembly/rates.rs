//! Rates become rules, and get their buckets.
//!
//! Enters: `limits`. Leaves: the rules, and where their buckets are. Never: a connection; whoever keeps
//! the buckets makes it.

use std::sync::Arc;

use toolgate_guard::{Buckets, LocalBuckets, Rate, RateRule};
use toolgate_telemetry::{Telemetry, Word as _};

use crate::buckets::SharedBuckets;
use crate::config::{self, Config};

/// Buckets of this gateway alone, 100 bytes each.
const BUCKETS: usize = 100_000;

/// Each rule goes by what it says: gateways with the same rules mean the same buckets.
pub(super) fn rules(config: &Config) -> Vec<RateRule> {
    let rule = |rate: &config::Rate| RateRule {
        name: Arc::from(format!(
            "{} {}/{:?}/{} {} {}",
            rate.per.word(),
            rate.calls,
            rate.every,
            rate.burst,
            rate.target.as_deref().unwrap_or("*"),
            rate.tool.as_deref().unwrap_or("*"),
        )),
        per: rate.per,
        rate: Rate { calls: rate.calls, every: rate.every, burst: rate.burst },
        target: rate.target.as_deref().map(Arc::from),
        tool: rate.tool.as_deref().map(Arc::from),
    };
    config.limits.rates.iter().map(rule).collect()
}

/// Where the buckets are; and once more those that are shared, if they are.
pub(super) fn buckets(
    config: &Config,
    telemetry: &Arc<Telemetry>,
) -> anyhow::Result<(Arc<dyn Buckets>, Option<SharedBuckets>)> {
    let local = LocalBuckets::new(BUCKETS, Arc::clone(telemetry));
    let Some(shared) = &config.limits.shared else { return Ok((Arc::new(local), None)) };
    let shared = SharedBuckets::new(shared, local, telemetry)?;
    Ok((Arc::new(shared.clone()), Some(shared)))
}
