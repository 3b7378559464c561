//! Rates: defaults in.
//!
//! In: `rates`, `shared` and `loops` of `limits` as written. Out: the same with every default. It never counts a call.

use std::time::Duration;

use toolgate_guard::LoopRule;
use toolgate_telemetry::RateScope;

use crate::config::choice::RatePer;
use crate::config::file;
use crate::config::file::{LoopLimit, RateRule};
use crate::config::resolved::{Rate, SharedRates};

use super::{Resolver, time};

/// For how long answers that were the same count.
const FORGET_AFTER: Duration = Duration::from_secs(300);

/// How long a call waits for buckets that gateways share.
const ASKED: Duration = Duration::from_millis(50);

impl Resolver<'_, '_> {
    pub(super) fn shared(&mut self, written: Option<&file::SharedRates>) -> Option<SharedRates> {
        let written = written?;
        let redis = written.redis.as_ref()?;
        let url = &redis.url.as_ref()?.0;
        let path = ["limits", "shared", "redis", "password"];
        Some(SharedRates {
            host: url.host.clone(),
            port: url.port,
            database: url.database,
            tls: url.tls,
            user: redis.user.clone(),
            password: redis.password.as_ref().and_then(|secret| self.secret(&secret.0, &path)),
            prefix: redis.prefix.clone().unwrap_or_else(|| "toolgate".to_owned()),
            timeout: time(&written.timeout, ASKED),
            on_failure: written.on_failure.unwrap_or_default(),
        })
    }
}

pub(super) fn rate(written: &RateRule) -> Option<Rate> {
    let calls = written.calls?;
    Some(Rate {
        per: match written.per? {
            RatePer::Principal => RateScope::Principal,
            RatePer::Tool => RateScope::Tool,
            RatePer::Target => RateScope::Target,
            RatePer::Server => RateScope::Server,
            RatePer::Gateway => RateScope::Gateway,
        },
        calls,
        every: written.every.as_ref()?.0,
        burst: written.burst.unwrap_or(calls),
        target: written.target.clone(),
        tool: written.tool.clone(),
    })
}

pub(super) fn loops(written: &LoopLimit) -> Option<LoopRule> {
    let stop_after = written.stop_after?;
    Some(LoopRule {
        slow_after: written.slow_after.unwrap_or(stop_after.div_ceil(2)),
        stop_after,
        forget_after: written.forget_after.as_ref().map_or(FORGET_AFTER, |time| time.0),
    })
}
