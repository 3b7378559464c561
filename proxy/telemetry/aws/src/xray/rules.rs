//! Sampling by the rules of X-Ray.
//!
//! Enters: rules and quotas as X-Ray says them, and what is known of each call. Leaves: decisions,
//! and what each rule has spent. Never: a lock or an allocation while a call is matched: the table
//! is swapped whole, numbers are atomic.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwapOption;
use aws_sdk_xray::types::{SamplingRule, SamplingTargetDocument};
use toolgate_call::{Method, name};
use toolgate_telemetry::catalog::spans;
use toolgate_telemetry::{Beginning, Decided, SampleSource, Sampler};

use super::glob::Glob;
use super::spend::{Spend, Spent};

/// The share of calls that are recorded while no rules are known, besides one a second.
const FALLBACK: f64 = 0.05;
/// Rules that are kept; X-Ray allows 25 in an account unless it is asked for more.
const RULES: usize = 1000;
/// The longest time to a quota's end, in seconds, whatever X-Ray says.
const LONGEST: u32 = 3600;

/// Decides by the rules of X-Ray.
#[derive(Debug)]
pub struct Rules {
    service: Box<str>,
    table: ArcSwapOption<Table>,
    fallback: Spend,
    /// Tells this gateway from others: 24 hex digits.
    client: String,
}

/// The rules in the order in which they are tried.
#[derive(Debug)]
struct Table(Box<[Rule]>);

#[derive(Debug)]
struct Rule {
    name: Box<str>,
    order: (i32, Box<str>),
    matcher: Matcher,
    spend: Arc<Spend>,
}

/// What a rule asks of a call. What is never known of a gateway is decided beforehand.
#[derive(Debug)]
struct Matcher {
    host: Glob,
    http_method: Glob,
    url_path: Glob,
    attributes: Box<[(Known, Glob)]>,
}

/// The attributes that are known when a call begins.
#[derive(Clone, Copy, Debug)]
enum Known {
    Method,
    Tool,
    Target,
}

// === impl Rules ===

impl Rules {
    /// Rules for the gateway of that name; none are known yet.
    #[must_use]
    pub fn new(service: &str) -> Self {
        Self {
            service: service.into(),
            table: ArcSwapOption::empty(),
            fallback: Spend::new(FALLBACK, true),
            client: format!("{:024x}", fastrand::u128(..) >> 32),
        }
    }

    /// Takes the rules over. Those that were known keep their quotas and what they have spent.
    pub(super) fn learn(&self, rules: &[SamplingRule]) {
        let known = self.table.load();
        let known: HashMap<&str, &Arc<Spend>> = known
            .iter()
            .flat_map(|table| &table.0)
            .map(|rule| (&*rule.name, &rule.spend))
            .collect();
        let mut table: Vec<Rule> =
            rules.iter().filter_map(|rule| Rule::new(rule, &self.service, &known)).collect();
        table.sort_by(|a, b| a.order.cmp(&b.order));
        table.truncate(RULES);
        self.table.store(Some(Arc::new(Table(table.into()))));
    }

    /// X-Ray has not been heard of for too long: what it said is not believed any more.
    pub(super) fn forget(&self) {
        self.table.store(None);
    }

    /// What rules have spent since they last said so, those that were asked at all.
    pub(super) fn spent(&self) -> Vec<(Box<str>, Spent)> {
        let table = self.table.load();
        let rules = table.iter().flat_map(|table| &table.0);
        let spent = rules.map(|rule| (rule.name.clone(), rule.spend.spent()));
        spent.filter(|(_, spent)| spent.asked > 0).collect()
    }

    /// Nobody heard it: it will be said again.
    pub(super) fn unsaid(&self, spent: &[(Box<str>, Spent)]) {
        for (name, spent) in spent {
            self.with(name, |spend| spend.unsaid(*spent));
        }
    }

    /// Takes a quota over.
    pub(super) fn target(&self, target: &SamplingTargetDocument, now: u32) {
        self.with(target.rule_name().unwrap_or_default(), |spend| {
            spend.set_rate(target.fixed_rate());
            if let (Some(each), Some(until)) =
                (target.reservoir_quota(), target.reservoir_quota_ttl())
            {
                let until = u32::try_from(until.secs()).unwrap_or_default();
                let until = until.min(now.saturating_add(LONGEST));
                spend.set_quota(u32::try_from(each).unwrap_or_default(), until);
            }
        });
    }

    pub(super) fn client(&self) -> &str {
        &self.client
    }

    fn with(&self, name: &str, change: impl FnOnce(&Spend)) {
        let table = self.table.load();
        let mut rules = table.iter().flat_map(|table| &table.0);
        if let Some(rule) = rules.find(|rule| &*rule.name == name) {
            change(&rule.spend);
        }
    }

    fn decide_at(&self, call: &Beginning<'_>, (now, position): (u32, f64)) -> Option<Decided> {
        let table = self.table.load();
        let Some(table) = &*table else {
            let sampled = self.fallback.decide(now, position);
            return Some(Decided { by: SampleSource::Fallback, sampled });
        };
        let rule = table.0.iter().find(|rule| rule.matcher.matches(call))?;
        Some(Decided { by: SampleSource::Rule, sampled: rule.spend.decide(now, position) })
    }
}

impl Sampler for Rules {
    fn decide(&self, call: &Beginning<'_>, position: f64) -> Option<Decided> {
        self.decide_at(call, (now(), position))
    }
}

// === impl Rule ===

impl Rule {
    /// `None` when it cannot match any call of this gateway.
    fn new(rule: &SamplingRule, service: &str, known: &HashMap<&str, &Arc<Spend>>) -> Option<Self> {
        let name = rule.rule_name()?;
        // What kind of service this is, and which resource, X-Ray would be told by AWS itself.
        let ours =
            [(rule.service_name(), service), (rule.service_type(), ""), (rule.resource_arn(), "")];
        if !ours.iter().all(|(pattern, text)| Glob::new(pattern).matches(text)) {
            return None;
        }
        let attributes = rule.attributes().into_iter().flatten();
        let attributes: Option<Box<[_]>> =
            attributes.map(|(key, value)| Some((Known::of(key)?, Glob::new(value)))).collect();
        let matcher = Matcher {
            host: Glob::new(rule.host()),
            http_method: Glob::new(rule.http_method()),
            url_path: Glob::new(rule.url_path()),
            attributes: attributes?,
        };
        let lends = rule.reservoir_size() > 0;
        let spend = known.get(name).map_or_else(
            || Arc::new(Spend::new(rule.fixed_rate(), lends)),
            |spend| {
                spend.set(rule.fixed_rate(), lends);
                Arc::clone(spend)
            },
        );
        Some(Self { name: name.into(), order: (rule.priority(), name.into()), matcher, spend })
    }
}

// === impl Matcher ===

impl Matcher {
    fn matches(&self, call: &Beginning<'_>) -> bool {
        self.host.matches(call.host)
            && self.http_method.matches(http_method(call.method))
            && self.url_path.matches("/mcp")
            && self
                .attributes
                .iter()
                .all(|(key, glob)| key.value(call).is_some_and(|value| glob.matches(value)))
    }
}

// === impl Known ===

impl Known {
    fn of(key: &str) -> Option<Self> {
        match key {
            spans::METHOD => Some(Self::Method),
            spans::TOOL => Some(Self::Tool),
            spans::TARGET => Some(Self::Target),
            _ => None,
        }
    }

    /// A tool is what its caller wrote: no list has confirmed it yet. It names its target if it has
    /// a prefix, which depends on how the gateway is configured.
    fn value<'a>(self, call: &Beginning<'a>) -> Option<&'a str> {
        let tool = call.name.filter(|_| call.method == Method::ToolsCall);
        match self {
            Self::Method => Some(call.method.label()),
            Self::Tool => tool.map(|full| name::split(full).map_or(full, |(_, tool)| tool)),
            Self::Target => tool.and_then(name::split).map(|(target, _)| target),
        }
    }
}

// === helpers ===

/// The time in whole seconds since 1970.
pub(super) fn now() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}

fn http_method(method: Method) -> &'static str {
    if method == Method::OpenStream {
        "GET"
    } else if method == Method::EndSession {
        "DELETE"
    } else {
        "POST"
    }
}

#[cfg(test)]
pub(super) mod tests;
