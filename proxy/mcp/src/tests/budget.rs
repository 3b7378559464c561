//! What a list of tools weighs, and whom that is told.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use toolgate_call::{Directory as _, Kind, Method, Policy, Principal, Scopes, Server, Version};
use toolgate_telemetry::Telemetry;
use tower::ServiceExt as _;

use super::lists::registry;
use super::offers::{Said, target};
use super::routing::{call, value};
use crate::{
    McpConfig, Prefix, Registry, Router, Search, Selection, ServerSpec, SessionConfig, Sessions,
    ToolRule, Views, Watches,
};

struct Rig {
    router: Router,
    registry: Arc<Registry>,
    policy: Arc<Policy>,
    telemetry: Arc<Telemetry>,
    few: Arc<Server>,
    said: Said,
}

fn tool(name: &str, words: usize) -> Value {
    let description = "word ".repeat(words);
    json!({ "name": name, "inputSchema": { "type": "object" }, "description": description })
}

impl Rig {
    /// `secret` needs a scope of its own; the server `few` lists the gateway's own two tools.
    async fn new(budget: Option<usize>, few: Option<usize>) -> Self {
        let (spec, said) = target("a", json!({ "tools": [tool("get", 4), tool("secret", 100)] }));
        let rule = ToolRule { scopes: ["secret"].into_iter().collect(), ..ToolRule::default() };
        let rules = HashMap::from([("a___secret".to_owned(), rule)]);
        let server = Arc::new(Server { name: "few".into(), number: 0, scopes: Scopes::default() });
        let servers = vec![ServerSpec {
            server: Arc::clone(&server),
            selection: Arc::new(Selection { targets: vec!["a".into()], ..Selection::default() }),
            prefix: Prefix::Always,
            search: Search::Only,
            budget: few,
            instructions: None,
        }];
        let views = Views { budget, servers, ..Views::from(Prefix::Always) };
        let (telemetry, watches) = (Telemetry::for_tests(), Arc::new(Watches::default()));
        let registry = Registry::new(vec![spec], rules, views, watches, Arc::clone(&telemetry));
        registry.load().await;
        let policy = Arc::new(Policy::scoped(Scopes::default()));
        let config =
            McpConfig { name: "toolgate".into(), version: "1".into(), instructions: None, page: 1 };
        let sessions = SessionConfig { key: vec![1], lifetime: std::time::Duration::from_secs(60) };
        let sessions = Sessions::new(&sessions).unwrap();
        let (held, decided) = (Arc::clone(&registry), Arc::clone(&policy));
        let router = Router::new(config, held, decided, sessions, Arc::clone(&telemetry));
        Self { router, registry, policy, telemetry, few: server, said }
    }

    async fn list(&self, (method, server): (Method, Option<&Arc<Server>>), scopes: &str) -> Value {
        let mut call = call(method, Version::LATEST);
        call.server = server.map(Arc::clone);
        let scopes = scopes.split_whitespace().collect();
        call.principal = Arc::new(Principal { scopes, ..Principal::anonymous() });
        let permitted = self.policy.permit(call, None).unwrap();
        value(self.router.clone().oneshot(permitted).await.unwrap())
    }

    /// What the first page says of the weight of all.
    async fn told(&self, scopes: &str) -> Value {
        self.list((Method::ToolsList, None), scopes).await["_meta"]["toolgate/definitions"].clone()
    }

    fn over(&self) -> bool {
        self.telemetry.render().contains("\ntoolgate_lists_over_budget 1")
    }
}

/// What they weigh under the names that they are listed by.
fn tokens(tools: &[(&str, usize)]) -> usize {
    let size = |(name, words): &(&str, usize)| tool(name, *words).to_string().len();
    tools.iter().map(size).sum::<usize>().div_ceil(4)
}

#[tokio::test]
async fn who_sees_more_than_the_budget_is_told_and_nobody_hears_of_hidden_tools() {
    let all = tokens(&[("a___get", 4), ("a___secret", 100)]);
    let rig = Rig::new(Some(all - 1), None).await;
    assert_eq!(rig.told("secret").await, json!({ "tokens": all, "budget": all - 1 }));
    assert_eq!(rig.told("").await, Value::Null, "what it may see is light");
    let others = rig.list((Method::PromptsList, None), "secret").await;
    assert_eq!(others["_meta"]["toolgate/definitions"], Value::Null, "prompts are no tools");
    let rig = Rig::new(Some(1), None).await;
    let seen = tokens(&[("a___get", 4)]);
    assert_eq!(rig.told("").await, json!({ "tokens": seen, "budget": 1 }), "its own, no other");
}

#[tokio::test]
async fn a_list_as_heavy_as_its_budget_is_within_it() {
    let all = tokens(&[("a___get", 4), ("a___secret", 100)]);
    for budget in [None, Some(all)] {
        let rig = Rig::new(budget, None).await;
        assert_eq!(rig.told("secret").await, Value::Null);
        assert!(!rig.over());
    }
}

#[tokio::test]
async fn a_list_that_is_lighter_again_does_not_count_any_more() {
    let rig = Rig::new(Some(100), None).await;
    assert!(rig.over());
    rig.said.lock().unwrap()["tools"] = json!([tool("get", 4)]);
    rig.registry.changed("a").await;
    assert!(!rig.over());
    assert_eq!(rig.told("secret").await, Value::Null);
}

#[tokio::test]
async fn where_two_tools_are_on_the_list_those_behind_them_weigh_nothing() {
    let rig = Rig::new(None, Some(1)).await;
    assert!(rig.over());
    let place = (Method::ToolsList, Some(&rig.few));
    let before = rig.list(place, "secret").await["_meta"]["toolgate/definitions"].clone();
    assert!(before["tokens"].as_u64() > Some(1), "{before}");
    rig.said.lock().unwrap()["tools"] = json!([tool("get", 4000)]);
    rig.registry.changed("a").await;
    let after = rig.list(place, "secret").await["_meta"]["toolgate/definitions"].clone();
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_list_past_what_it_may_weigh_is_refused_and_the_last_good_one_stays() {
    let (mut spec, said) = target("a", json!({ "tools": [tool("get", 4)] }));
    let as_it_is = tool("get", 4).to_string().len().div_ceil(4);
    spec.max_tokens = Some(as_it_is);
    let registry = registry(vec![spec], Prefix::Always);
    let known = |name: &str| registry.lookup(None, Kind::Tool, name).is_some();
    registry.load().await;
    assert!(known("a___get"), "as heavy as it may be is within it");
    said.lock().unwrap()["tools"] = json!([tool("get", 4), tool("more", 0)]);
    registry.changed("a").await;
    assert!(known("a___get") && !known("a___more"));
    let failure = || registry.targets().into_iter().find_map(|(_, _, failure)| failure);
    let why = failure().unwrap();
    assert!(
        why.contains(&format!("more than the {as_it_is} that `definitions.max_tokens`")),
        "{why}"
    );
    said.lock().unwrap()["tools"] = json!([tool("new", 4)]);
    registry.changed("a").await;
    assert!(known("a___new") && !known("a___get") && failure().is_none());
}
