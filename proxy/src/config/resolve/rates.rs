//! Rates: defaults in.
//!
//! In: a rule of `limits.rates` as written. Out: the same with every default. It never counts a call.

use toolgate_telemetry::RateScope;

use crate::config::choice::RatePer;
use crate::config::file::RateRule;
use crate::config::resolved::Rate;

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
