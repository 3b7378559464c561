//! Lists and calls are judged alike.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use toolgate_call::{
    Applied, Asked, Directory as _, Era, Kind, Listed, Policy, Principal, Rules, Scopes, Subject,
    Verdict,
};
use toolgate_telemetry::{ContractAction, Telemetry};

use super::lists::{Script, spec};
use super::pins::contracts;
use crate::contract::Actions;
use crate::local::ModernFields;
use crate::page::{Wanted, page};
use crate::{Prefix, Registry, ToolRule, Watches};

/// What is random of a tool: the scopes that it needs, whether it was approved, and whether the
/// operator's policies are against it.
type Made = (Vec<&'static str>, bool, bool);

/// Policies against some tools.
#[derive(Debug)]
struct Against(BTreeSet<String>);

impl Rules for Against {
    fn judge(&self, asked: &Asked<'_>, _: Option<&mut Vec<Applied>>) -> Verdict {
        if self.0.contains(&*asked.plan.full) { Verdict::Deny } else { Verdict::Allow }
    }
}

fn against(tools: &[Made]) -> Arc<dyn Rules> {
    let banned = tools.iter().enumerate().filter(|(_, (.., banned))| *banned);
    Arc::new(Against(banned.map(|(number, _)| format!("t___t{number}")).collect()))
}

fn scopes() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(vec!["a", "b", "c"], 0..=3)
}

fn set(scopes: &[&str]) -> Scopes {
    scopes.iter().copied().collect()
}

async fn registry(tools: &[Made]) -> Arc<Registry> {
    let defined = |number: usize| json!({ "name": format!("t{number}"), "inputSchema": { "type": "object" } });
    let all: Vec<Value> = (0..tools.len()).map(defined).collect();
    let script = Script::default();
    script.pages(vec![Ok(json!({ "tools": all }).to_string())]);
    let rules = tools.iter().enumerate().map(|(number, (scopes, ..))| {
        (format!("t___t{number}"), ToolRule { scopes: set(scopes), ..ToolRule::default() })
    });
    let watches = Arc::new(Watches::default());
    drop(watches.of(&Arc::from("t")));
    let (specs, rules) = (vec![spec("t", &script)], rules.collect::<HashMap<_, _>>());
    let registry = Registry::new(specs, rules, Prefix::Always, watches, Telemetry::for_tests());
    let approved = all.into_iter().zip(tools).filter(|(_, (_, approved, _))| *approved);
    let approved: Vec<Value> = approved.map(|(tool, _)| tool).collect();
    registry.hold_to(&contracts(&approved, Actions::all(ContractAction::Quarantine)));
    registry.load().await;
    registry
}

/// The names on all pages.
async fn listed(
    registry: &Arc<Registry>,
    policy: &Policy,
    who: &Principal,
    size: usize,
) -> BTreeSet<String> {
    let catalog = registry.fresh(None).await.unwrap();
    let fields = ModernFields { ttl_ms: None, server_info: "{}".to_owned(), more_meta: None };
    let (mut names, mut cursor) = (BTreeSet::new(), None::<String>);
    loop {
        let era = Era::Legacy;
        let wanted =
            Wanted { what: Listed::Tools, principal: who, cursor: cursor.as_deref(), era, size };
        let page = page(&catalog, policy, &wanted, &fields).unwrap().parse::<Value>().unwrap();
        let tools = page["tools"].as_array().unwrap();
        names.extend(tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return names,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_tool_is_listed_exactly_when_it_may_be_called(
        tools in vec((scopes(), any::<bool>(), any::<bool>()), 1..8),
        (gateway, held) in (scopes(), scopes()),
        (enforced, size) in (any::<bool>(), 1..200_usize),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let policy = if enforced { Policy::scoped(set(&gateway)) } else { Policy::open() };
        let policy = policy.with(Some(against(&tools)));
        let who = Principal { scopes: set(&held), ..Principal::anonymous() };
        let (shown, callable) = runtime.block_on(async {
            let registry = registry(&tools).await;
            let may = |name: &String| {
                let plan = registry.lookup(None, Kind::Tool, name);
                plan.is_some_and(|plan| policy.decide(&who, Subject::One(&plan)).is_ok())
            };
            let all = (0..tools.len()).map(|number| format!("t___t{number}"));
            let callable: BTreeSet<String> = all.filter(may).collect();
            (listed(&registry, &policy, &who, size).await, callable)
        });
        // And by the rules as they are meant, not only by the one function that both ask.
        let meant = tools.iter().enumerate().filter(|(_, (needs, approved, banned))| {
            let has = |scope: &&&str| !held.contains(*scope);
            *approved && !banned && (!enforced || needs.iter().chain(&gateway).filter(has).count() == 0)
        });
        let meant: BTreeSet<String> = meant.map(|(number, _)| format!("t___t{number}")).collect();
        prop_assert_eq!(&shown, &callable);
        prop_assert_eq!(&shown, &meant);
    }
}
