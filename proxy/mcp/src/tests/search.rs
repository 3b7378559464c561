//! Search: what is found is what may be called, and how it is found is handed in.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use toolgate_call::{
    Body, Call, Directory as _, Frame, FrameParts, Method, Policy, Principal, Refusal, Reply,
    Scopes, Span, Version,
};
use toolgate_telemetry::Telemetry;
use tower::ServiceExt as _;

use super::offers::target;
use super::routing::{call, value};
use crate::{
    CALL, Findable, Finder, Finding, Found, McpConfig, Prefix, Registry, Router, SEARCH, Search,
    SessionConfig, Sessions, ToolRule, Views, Watches,
};

/// Finds all that it may look at, in order of their names, and remembers what it was told.
#[derive(Debug, Default)]
struct Everything {
    known: Mutex<Vec<Vec<String>>>,
    looked_at: Mutex<HashSet<Arc<str>>>,
}

impl Finder for Everything {
    fn know(&self, tools: Vec<Findable>) {
        self.known.lock().unwrap().push(tools.iter().map(|tool| tool.full.to_string()).collect());
    }

    fn find(&self, _: String, may: HashSet<Arc<str>>, most: usize) -> Finding {
        self.looked_at.lock().unwrap().clone_from(&may);
        let mut tools = may.into_iter().collect::<Vec<_>>();
        tools.sort();
        tools.truncate(most);
        Box::pin(std::future::ready(Found { tools, by_meaning: false, waiting: 1 }))
    }
}

struct Rig {
    router: Router,
    registry: Arc<Registry>,
    finder: Arc<Everything>,
    policy: Arc<Policy>,
    said: super::offers::Said,
}

fn tool(name: &str) -> Value {
    json!({ "name": name, "inputSchema": { "type": "object" }, "description": format!("it {name}s") })
}

impl Rig {
    /// `secret` needs a scope of its own.
    async fn new(search: Search, prefix: Prefix) -> Self {
        let (spec, said) =
            target("a", json!({ "tools": [tool("get"), tool("secret"), tool(SEARCH)] }));
        let rule = ToolRule { scopes: ["secret"].into_iter().collect(), ..ToolRule::default() };
        let rules = HashMap::from([("a___secret".to_owned(), rule)]);
        let finder = Arc::new(Everything::default());
        let held: Arc<dyn Finder> = Arc::<Everything>::clone(&finder);
        let views = Views { search, finder: Some(held), ..Views::from(prefix) };
        let telemetry = Telemetry::for_tests();
        let watches = Arc::new(Watches::default());
        let registry = Registry::new(vec![spec], rules, views, watches, Arc::clone(&telemetry));
        registry.load().await;
        let policy = Arc::new(Policy::scoped(Scopes::default()));
        let config = McpConfig {
            name: "toolgate".into(),
            version: "1".into(),
            instructions: None,
            page: 100,
        };
        let sessions = SessionConfig { key: vec![1], lifetime: std::time::Duration::from_secs(60) };
        let sessions = Sessions::new(&sessions).unwrap();
        let (held, decided) = (Arc::clone(&registry), Arc::clone(&policy));
        let router = Router::new(config, held, decided, sessions, telemetry);
        Self { router, registry, finder, policy, said }
    }

    /// As the guard would: what is meant, what that is, whether it may be.
    async fn send(&self, call: Call) -> Result<Reply, Refusal> {
        let call = self.router.meant(&call).unwrap_or(call);
        let plan = match (call.kind, call.name.as_deref()) {
            (Some(kind), Some(name)) => Some(self.registry.resolve(None, kind, name).await?),
            _ => None,
        };
        self.router.clone().oneshot(self.policy.permit(call, plan)?).await
    }

    async fn called(&self, name: &str, arguments: &str, scopes: &str) -> Result<Value, Refusal> {
        let mut call = call(Method::ToolsCall, Version::LATEST);
        let text = format!(r#"{{"params":{{"name":"{name}","arguments":{arguments}}}}}"#);
        let named = text.find(&format!("\"{name}\"")).unwrap();
        let name_at = Span { start: named, end: named + name.len() + 2 };
        let arguments = Span { start: text.len() - 2 - arguments.len(), end: text.len() - 2 };
        let parts = FrameParts {
            name: Some(name_at),
            member: Some(name_at),
            arguments: Some(arguments),
            ..FrameParts::default()
        };
        call.frame = Frame::new(text.into(), parts);
        call.name = Some(name.to_owned());
        call.principal = with(scopes);
        self.send(call).await.map(value)
    }

    async fn listed(&self, scopes: &str) -> Vec<String> {
        let mut list = call(Method::ToolsList, Version::LATEST);
        list.principal = with(scopes);
        names(&value(self.send(list).await.unwrap())["tools"])
    }

    async fn found(&self, scopes: &str) -> Vec<String> {
        let found = self.called(SEARCH, r#"{"query":"it"}"#, scopes).await.unwrap();
        assert_eq!(found["_meta"]["toolgate/search"], json!({ "by": "words", "waiting": 1 }));
        let text: Value =
            serde_json::from_str(found["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, found["structuredContent"], "the same for who reads texts");
        names(&text["tools"])
    }
}

fn with(scopes: &str) -> Arc<Principal> {
    Arc::new(Principal { scopes: scopes.split_whitespace().collect(), ..Principal::anonymous() })
}

fn names(tools: &Value) -> Vec<String> {
    let tools = tools.as_array().unwrap().iter();
    tools.map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn without_search_there_is_no_such_tool() {
    let rig = Rig::new(Search::Off, Prefix::Always).await;
    assert!(!rig.listed("").await.contains(&SEARCH.to_owned()));
    for name in [SEARCH, CALL] {
        assert!(rig.called(name, r#"{"query":"it"}"#, "").await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn a_search_finds_what_the_list_shows_and_looks_at_nothing_else() {
    let rig = Rig::new(Search::Beside, Prefix::Always).await;
    for scopes in ["", "secret", "other"] {
        let listed = rig.listed(scopes).await;
        assert_eq!(listed[0], SEARCH, "first, so that it is seen");
        let mut others = listed[1..].to_vec();
        others.sort();
        assert_eq!(rig.found(scopes).await, others, "{scopes}");
        let looked_at = rig.finder.looked_at.lock().unwrap().len();
        assert_eq!(looked_at, others.len(), "what is hidden makes no difference to what is found");
        assert_eq!(others.contains(&"a___secret".to_owned()), scopes == "secret");
    }
}

#[tokio::test]
async fn beside_the_others_there_is_nothing_to_call_them_by() {
    let rig = Rig::new(Search::Beside, Prefix::Always).await;
    assert!(rig.called(CALL, r#"{"name":"a___get"}"#, "").await.is_err());
}

#[tokio::test]
async fn with_two_tools_only_what_is_called_by_one_is_called_as_by_its_name() {
    let rig = Rig::new(Search::Only, Prefix::Always).await;
    assert_eq!(rig.listed("secret").await, [SEARCH, CALL]);
    assert_eq!(rig.found("").await, ["a___get".to_owned(), format!("a___{SEARCH}")]);
    for (name, scopes) in [("a___get", ""), ("a___secret", "secret"), ("a___secret", ""), ("b", "")]
    {
        let direct = rig.called(name, "{}", scopes).await;
        let meant = rig.called(CALL, &format!(r#"{{"name":"{name}"}}"#), scopes).await;
        match (direct, meant) {
            (Ok(direct), Ok(meant)) => assert_eq!(direct["asked"], meant["asked"]),
            (Err(direct), Err(meant)) => {
                assert_eq!((direct.case(), direct.message()), (meant.case(), meant.message()));
            }
            other => panic!("{name} {scopes}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_call_that_means_nothing_is_the_models_mistake() {
    let rig = Rig::new(Search::Only, Prefix::Always).await;
    let long = format!(r#"{{"query":"{}"}}"#, "a".repeat(4000));
    let itself = format!(r#"{{"name":"{CALL}"}}"#);
    let bad = [(SEARCH, "{}"), (SEARCH, &*long), (CALL, "{}"), (CALL, &*itself)];
    for (name, arguments) in bad {
        let mut call = call(Method::ToolsCall, Version::LATEST);
        let parts = FrameParts {
            arguments: Some(Span { start: 0, end: arguments.len() }),
            ..FrameParts::default()
        };
        (call.frame, call.name) =
            (Frame::new(arguments.to_owned().into(), parts), Some(name.to_owned()));
        let reply = rig.send(call).await.unwrap();
        let Body::One(toolgate_call::Answer::Result { raw, is_error }) = reply.body else {
            panic!()
        };
        assert!(is_error, "{name} {arguments}");
        let said: Value = raw.parse().unwrap();
        assert!(said["isError"] == true && said["resultType"] == "complete", "{said}");
    }
}

#[tokio::test]
async fn a_targets_tool_of_that_name_goes_by_its_full_one() {
    for prefix in [Prefix::Never, Prefix::WhenNeeded] {
        let rig = Rig::new(Search::Beside, prefix).await;
        let full = format!("a___{SEARCH}");
        assert_eq!(rig.listed("").await, [SEARCH.to_owned(), "get".to_owned(), full.clone()]);
        assert_eq!(rig.called(&full, "{}", "").await.unwrap()["asked"], SEARCH);
        assert!(rig.called(SEARCH, r#"{"query":"it"}"#, "").await.unwrap()["asked"].is_null());
    }
}

#[tokio::test]
async fn another_list_is_made_known() {
    let rig = Rig::new(Search::Only, Prefix::Always).await;
    rig.said.lock().unwrap()["tools"] = json!([tool("get"), tool("put")]);
    rig.registry.changed("a").await;
    let known = rig.finder.known.lock().unwrap().last().cloned().unwrap();
    assert_eq!(known, ["a___get", "a___put"]);
    assert_eq!(rig.found("").await, ["a___get", "a___put"]);
}
