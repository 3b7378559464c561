//! Rules and quotas are kept up to date.
//!
//! Enters: X-Ray. Leaves: rules at the start and every five minutes, quotas every ten seconds, in
//! exchange for what was spent. Never: a rule that X-Ray has not confirmed for an hour.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_xray::Client;
use aws_sdk_xray::primitives::DateTime;
use aws_sdk_xray::types::{SamplingRule, SamplingStatisticsDocument, SamplingTargetDocument};
use tokio::time::{Instant, sleep_until};
use toolgate_telemetry::{Refreshes, RulesAsked};

use super::put;
use super::rules::{Rules, now};
use super::spend::Spent;

/// How often rules are asked for.
const RULES: Duration = Duration::from_secs(300);
/// How soon they are asked for again when there was no answer.
const RULES_AGAIN: Duration = Duration::from_secs(10);
/// How long rules hold that X-Ray has not confirmed.
const BELIEVED: Duration = Duration::from_secs(3600);
/// How often quotas are asked for, unless X-Ray says how often.
const TARGETS: Duration = Duration::from_secs(10);
/// How often X-Ray may ask for that.
const INTERVALS: (u64, u64) = (1, 300);
/// Documents in one request.
const DOCUMENTS: usize = 25;
/// Pages of rules that are read.
const PAGES: usize = 20;

/// What X-Ray answers to what was spent.
#[derive(Clone, Debug, Default)]
pub(super) struct Targets {
    pub(super) targets: Vec<SamplingTargetDocument>,
    /// When rules were last changed, in seconds since 1970.
    pub(super) changed: Option<i64>,
}

/// The two questions.
pub(super) trait Asked: Send + Sync {
    /// All rules.
    fn rules(&self) -> impl Future<Output = Result<Vec<SamplingRule>, String>> + Send;

    /// Quotas, for what was spent.
    fn targets(
        &self,
        spent: Vec<SamplingStatisticsDocument>,
    ) -> impl Future<Output = Result<Targets, String>> + Send;
}

/// The state of asking.
struct Poll<'a, A> {
    asked: A,
    rules: Arc<Rules>,
    refreshes: &'a Refreshes,
    /// When rules were last answered.
    heard: Instant,
    /// When they were last changed, as far as is known.
    changed: Option<i64>,
    /// Whether the operator has heard that there is no answer.
    complained: bool,
}

/// Asks for as long as it is polled.
pub(super) async fn keep(rules: Arc<Rules>, asked: impl Asked, refreshes: &Refreshes) {
    let began = Instant::now();
    let mut poll = Poll { asked, rules, refreshes, heard: began, changed: None, complained: false };
    let (mut rules_at, mut targets_at) = (began, began + TARGETS);
    loop {
        sleep_until(rules_at.min(targets_at)).await;
        if Instant::now() >= targets_at {
            let (interval, changed) = poll.targets().await;
            targets_at = Instant::now() + interval;
            if changed {
                rules_at = Instant::now();
            }
        }
        if Instant::now() >= rules_at {
            rules_at = Instant::now() + poll.rules().await;
        }
    }
}

// === impl Poll ===

impl<A: Asked> Poll<'_, A> {
    /// Asks for rules; gives back how long they hold.
    async fn rules(&mut self) -> Duration {
        match self.asked.rules().await {
            Ok(rules) => {
                self.refreshes.asked(RulesAsked::Ok);
                self.rules.learn(&rules);
                self.heard = Instant::now();
                self.complained = false;
                RULES
            }
            Err(detail) => {
                self.refreshes.asked(RulesAsked::Failed);
                self.complain(&detail);
                if self.heard.elapsed() >= BELIEVED {
                    self.rules.forget();
                }
                RULES_AGAIN
            }
        }
    }

    /// Says what was spent and takes quotas over; gives back when to do so again, and whether the
    /// rules have changed.
    async fn targets(&mut self) -> (Duration, bool) {
        let (mut interval, mut changed) = (None, false);
        let spent = self.rules.spent();
        for some in spent.chunks(DOCUMENTS) {
            let answer = match self.asked.targets(said(some, self.rules.client())).await {
                Ok(answer) => answer,
                Err(detail) => {
                    self.rules.unsaid(some);
                    self.complain(&detail);
                    continue;
                }
            };
            for target in &answer.targets {
                self.rules.target(target, now());
                let asked = target.interval().and_then(|seconds| u64::try_from(seconds).ok());
                interval = interval.into_iter().chain(asked).min();
            }
            changed |= answer.changed > self.changed.max(self.known_since(answer.changed));
            self.changed = self.changed.max(answer.changed);
        }
        let interval = interval.map(|seconds| seconds.clamp(INTERVALS.0, INTERVALS.1));
        (interval.map_or(TARGETS, Duration::from_secs), changed)
    }

    /// The first answer says when rules were changed before they were asked for, if it is older
    /// than that.
    fn known_since(&self, answered: Option<i64>) -> Option<i64> {
        let age = i64::try_from(self.heard.elapsed().as_secs()).unwrap_or(i64::MAX);
        let heard = i64::from(now()) - age;
        answered.filter(|changed| self.changed.is_none() && *changed < heard)
    }

    fn complain(&mut self, detail: &str) {
        if !std::mem::replace(&mut self.complained, true) {
            tracing::warn!(
                detail,
                "X-Ray does not say how to sample; the last rules hold for an hour, and without rules \
                 one call a second and 5 % of the others are recorded"
            );
        }
    }
}

impl Asked for Client {
    async fn rules(&self) -> Result<Vec<SamplingRule>, String> {
        let (mut all, mut next) = (Vec::new(), None);
        for _ in 0..PAGES {
            let page = Box::pin(self.get_sampling_rules().set_next_token(next).send()).await;
            let page = page.map_err(|error| put::plain(&error))?;
            let records = page.sampling_rule_records.unwrap_or_default();
            all.extend(records.into_iter().filter_map(|record| record.sampling_rule));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                break;
            }
        }
        Ok(all)
    }

    async fn targets(&self, spent: Vec<SamplingStatisticsDocument>) -> Result<Targets, String> {
        let request = self.get_sampling_targets().set_sampling_statistics_documents(Some(spent));
        let answer = Box::pin(request.send()).await.map_err(|error| put::plain(&error))?;
        Ok(Targets {
            targets: answer.sampling_target_documents.unwrap_or_default(),
            changed: answer.last_rule_modification.map(|at| at.secs()),
        })
    }
}

// === helpers ===

fn said(spent: &[(Box<str>, Spent)], client: &str) -> Vec<SamplingStatisticsDocument> {
    let count = |count: u64| i32::try_from(count).unwrap_or(i32::MAX);
    let document = |(name, spent): &(Box<str>, Spent)| {
        SamplingStatisticsDocument::builder()
            .rule_name(&**name)
            .client_id(client)
            .timestamp(DateTime::from_secs(i64::from(now())))
            .request_count(count(spent.asked))
            .sampled_count(count(spent.sampled))
            .borrow_count(count(spent.borrowed))
            .build()
            .ok()
    };
    spent.iter().filter_map(document).collect()
}

#[cfg(test)]
mod tests;
