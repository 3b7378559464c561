//! Servers: parts of one gateway, each as if there were nothing else.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use serde_json::{Value, json};
use toolgate_call::{
    Abilities, Body, Call, Case, Directory as _, Event, Events, Frame, FrameParts, Holder, Kind,
    Listed, Method, Policy, Principal, Refusal, Reply, Scopes, Server, SessionRef, Version,
};
use toolgate_telemetry::Telemetry;
use tower::ServiceExt as _;

use super::offers::{Said, target};
use super::routing::{call, router_over, value};
use crate::{
    Pattern, Prefix, Registry, Router, Search, Selection, ServerSpec, Sieve, TargetSpec, Views,
    Watches,
};

/// `narrow` has some of `a`, `wide` has all of `a` and `b`; nobody has `c`.
struct Rig {
    registry: Arc<Registry>,
    router: Router,
    servers: [Arc<Server>; 2],
    a: Said,
}

fn sieve(allow: &[&str], deny: &[&str]) -> Sieve {
    let read = |texts: &[&str]| texts.iter().map(|text| Pattern::parse(text).unwrap()).collect();
    Sieve { allow: read(allow), deny: read(deny) }
}

fn server(number: usize, name: &str, selection: Selection, prefix: Prefix) -> ServerSpec {
    let scopes: Scopes =
        if number == 0 { ["narrow"].into_iter().collect() } else { Scopes::default() };
    ServerSpec {
        server: Arc::new(Server { name: name.into(), number, scopes }),
        selection: Arc::new(selection),
        prefix,
        search: Search::Off,
        budget: None,
        instructions: (number == 0).then(|| "mind the gap".to_owned()),
    }
}

fn said(name: &str) -> Value {
    let tool = |tool: &str| json!({ "name": tool, "inputSchema": { "type": "object" } });
    json!({
        "about": {
            "capabilities": {
                "tools": {}, "prompts": {}, "resources": { "subscribe": true }, "completions": {},
            },
            "instructions": format!("I am {name}"),
        },
        "tools": [tool("get"), tool("put"), tool(&format!("only_{name}"))],
        "prompts": [{ "name": "hello" }],
        "resources": [
            { "uri": format!("{name}://open/1"), "name": "1" },
            { "uri": format!("{name}://shut/1"), "name": "2" },
        ],
        "resourceTemplates": [{ "uriTemplate": format!("{name}://open/{{id}}"), "name": "t" }],
    })
}

impl Rig {
    async fn new() -> Self {
        let (a, said_by_a) = target("a", said("a"));
        let others = ["b", "c"].map(|name| target(name, said(name)).0);
        Self::over([a].into_iter().chain(others).collect(), said_by_a).await
    }

    async fn over(specs: Vec<TargetSpec>, a: Said) -> Self {
        let narrow = Selection {
            targets: vec!["a".into()],
            tools: sieve(&["a___*"], &["*___put"]),
            prompts: sieve(&[], &["*"]),
            resources: sieve(&["a://open/*"], &[]),
        };
        let wide = Selection { targets: vec!["a".into(), "b".into()], ..Selection::default() };
        let servers = vec![
            server(0, "narrow", narrow, Prefix::Never),
            server(1, "wide", wide, Prefix::WhenNeeded),
        ];
        let watches = Arc::new(Watches::default());
        for spec in &specs {
            drop(watches.of(&spec.name));
        }
        let named = [0, 1].map(|n: usize| Arc::clone(&servers[n].server));
        let views = Views { servers, ..Views::from(Prefix::Always) };
        let telemetry = Telemetry::for_tests();
        let registry = Registry::new(specs, HashMap::new(), views, watches, telemetry);
        registry.load().await;
        let router = router_over(&registry);
        Self { registry, router, servers: named, a }
    }

    fn at(&self, server: &str, mut call: Call) -> Call {
        call.server = self.servers.iter().find(|known| &*known.name == server).cloned();
        assert!(call.server.is_some() || server.is_empty());
        call
    }

    async fn send(&self, call: Call) -> Result<Reply, Refusal> {
        let plan = match (call.kind, call.name.as_deref()) {
            (Some(kind), Some(name)) => {
                Some(self.registry.resolve(call.server.as_deref(), kind, name).await?)
            }
            _ => None,
        };
        self.router.clone().oneshot(Policy::open().permit(call, plan).unwrap()).await
    }

    async fn listed(&self, server: &str, what: Listed) -> Vec<String> {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let mut list = self.at(server, call(what.method(), Version::LATEST));
            list.cursor = cursor;
            let page = value(self.send(list).await.unwrap());
            for item in page[what.member()].as_array().unwrap() {
                let name = item.get("uri").or(item.get("uriTemplate")).unwrap_or(&item["name"]);
                all.push(name.as_str().unwrap().to_owned());
            }
            cursor = page["nextCursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return all;
            }
        }
    }

    async fn called(&self, server: &str, kind: Kind, name: &str) -> Result<Value, Refusal> {
        let method = match kind {
            Kind::Tool => Method::ToolsCall,
            Kind::Prompt => Method::PromptsGet,
            Kind::Resources => Method::ResourcesRead,
            Kind::Task => Method::TasksGet,
        };
        let mut call = self.at(server, call(method, Version::LATEST));
        (call.kind, call.name) = (Some(kind), Some(name.to_owned()));
        self.send(call).await.map(|reply| value(reply)["asked"].clone())
    }

    async fn discovered(&self, server: &str) -> Value {
        value(self.send(self.at(server, call(Method::Discover, Version::LATEST))).await.unwrap())
    }

    async fn session(&self, server: &str) -> String {
        let mut hello = self.at(server, call(Method::Initialize, Version::V2025_11_25));
        hello.session = SessionRef::Wanted(Version::V2025_11_25);
        self.send(hello).await.unwrap().session.unwrap().to_string()
    }

    async fn listen(&self, server: &str, filter: Value) -> Pin<Box<dyn Events>> {
        let mut listen = self.at(server, call(Method::Listen, Version::LATEST));
        let body = json!({ "params": { "notifications": filter } }).to_string();
        listen.frame = Frame::new(Bytes::from(body), FrameParts::default());
        let Body::Stream(events) = self.send(listen).await.unwrap().body else { panic!() };
        events
    }
}

/// What a stream says by now.
fn told(events: &mut Pin<Box<dyn Events>>) -> Option<Value> {
    match events.as_mut().poll_event(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Event::Notice(raw))) => Some(raw.parse().unwrap()),
        Poll::Ready(other) => panic!("{other:?}"),
        Poll::Pending => None,
    }
}

#[tokio::test]
async fn each_server_lists_its_part_under_its_own_names() {
    let rig = Rig::new().await;
    assert_eq!(rig.listed("", Listed::Tools).await.len(), 9);
    assert_eq!(rig.listed("narrow", Listed::Tools).await, ["get", "only_a"]);
    let wide = ["a___get", "a___put", "only_a", "b___get", "b___put", "only_b"];
    assert_eq!(rig.listed("wide", Listed::Tools).await, wide);
    assert_eq!(rig.listed("narrow", Listed::Prompts).await, [""; 0]);
    assert_eq!(rig.listed("wide", Listed::Prompts).await, ["a___hello", "b___hello"]);
    assert_eq!(rig.listed("narrow", Listed::Resources).await, ["a://open/1"]);
    assert_eq!(rig.listed("wide", Listed::Resources).await.len(), 4);
    assert_eq!(rig.listed("narrow", Listed::Templates).await, ["a://open/{id}"]);
}

#[tokio::test]
async fn what_is_not_of_a_server_is_as_if_it_were_not_there() {
    let rig = Rig::new().await;
    assert_eq!(rig.called("narrow", Kind::Tool, "get").await.unwrap(), "get");
    assert_eq!(rig.called("narrow", Kind::Tool, "a___get").await.unwrap(), "get");
    assert_eq!(rig.called("wide", Kind::Tool, "b___put").await.unwrap(), "put");
    for (server, kind, hidden, nothing) in [
        ("narrow", Kind::Tool, "a___put", "a___xxx"),
        ("narrow", Kind::Tool, "put", "xxx"),
        ("narrow", Kind::Tool, "b___get", "x___get"),
        ("wide", Kind::Tool, "c___get", "x___get"),
        ("wide", Kind::Tool, "only_c", "only_x"),
        ("narrow", Kind::Prompt, "a___hello", "a___xxxxx"),
        ("wide", Kind::Prompt, "c___hello", "x___hello"),
        ("narrow", Kind::Resources, "b://open/1", "x://open/1"),
        ("wide", Kind::Resources, "c://open/1", "x://open/1"),
        ("narrow", Kind::Resources, "a://shut/1", "a://xxxx/1"),
        ("narrow", Kind::Resources, "a://open/../shut/1", "a://open/../xxxx/1"),
    ] {
        let hidden = (rig.called(server, kind, hidden).await.unwrap_err(), hidden);
        let nothing = (rig.called(server, kind, nothing).await.unwrap_err(), nothing);
        assert_eq!(hidden.0.case(), nothing.0.case(), "{}", hidden.1);
        let same = hidden.0.message().replace(hidden.1, nothing.1);
        assert_eq!(same, nothing.0.message(), "no word tells them apart");
    }
}

#[tokio::test]
async fn a_target_that_is_not_of_a_server_is_no_reason_for_anything() {
    let (a, said_by_a) = target("a", said("a"));
    let (mut down, _) = target("c", json!({ "about": { "capabilities": { "tools": {} } } }));
    down.required = true;
    let rig = Rig::over(vec![a, down], said_by_a).await;
    let whole = rig.send(call(Method::ToolsList, Version::LATEST)).await;
    assert!(whole.is_err(), "the whole lacks what it requires");
    let list = rig.at("narrow", call(Method::ToolsList, Version::LATEST));
    let page = value(rig.send(list).await.unwrap());
    assert_eq!(page["_meta"].get("toolgate/missing"), None, "{page}");
    let unknown = rig.called("narrow", Kind::Tool, "c___x").await.unwrap_err();
    assert_eq!(unknown.case(), Case::ToolUnknown, "and not that `c` is down");
}

#[tokio::test]
async fn a_server_introduces_itself_with_what_its_targets_say() {
    let rig = Rig::new().await;
    let narrow = rig.discovered("narrow").await;
    assert_eq!(narrow["instructions"], "mind the gap\n\n## a\n\nI am a");
    let name = &narrow["_meta"]["io.modelcontextprotocol/serverInfo"]["name"];
    assert_eq!(name, "toolgate/narrow");
    assert_eq!(narrow["capabilities"].get("prompts"), None, "it has none");
    assert!(narrow["capabilities"]["resources"]["subscribe"].as_bool().unwrap());
    let wide = rig.discovered("wide").await;
    let instructions = wide["instructions"].as_str().unwrap();
    assert!(instructions.contains("I am b") && !instructions.contains("I am c"), "{instructions}");
    assert!(wide["capabilities"]["prompts"].is_object());
}

#[tokio::test]
async fn a_session_a_cursor_and_a_state_are_good_where_they_were_made() {
    let rig = Rig::new().await;
    for made in ["", "narrow", "wide"] {
        let id = rig.session(made).await;
        for used in ["", "narrow", "wide"] {
            let mut ping = rig.at(used, call(Method::Ping, Version::V2025_11_25));
            ping.session = SessionRef::Claimed(id.clone());
            let server = ping.server.clone();
            let answered = rig.send(ping).await;
            assert_eq!(answered.is_ok(), made == used, "{made} {used}");
            let refusal = answered.err().map(|refusal| refusal.case());
            assert!(refusal.is_none_or(|case| case == Case::SessionUnknown));
            let (principal, server) = (Principal::anonymous(), server.as_deref());
            let negotiated = rig.router.negotiated(&id, Holder { principal: &principal, server });
            assert_eq!(negotiated.is_ok(), made == used, "of a batch: {made} {used}");
        }
        let page = value(
            rig.send(rig.at(made, call(Method::ResourcesList, Version::LATEST))).await.unwrap(),
        );
        let Some(cursor) = page["nextCursor"].as_str() else { continue };
        for used in ["", "narrow", "wide"] {
            let mut next = rig.at(used, call(Method::ResourcesList, Version::LATEST));
            next.cursor = Some(cursor.to_owned());
            assert_eq!(rig.send(next).await.is_ok(), made == used, "{made} {used}");
        }
    }
}

#[test]
fn no_name_of_a_caller_makes_it_the_holder_of_something_of_another_server() {
    let server = Server { name: "a".into(), number: 0, scopes: Scopes::default() };
    let holder = Holder { principal: &Principal::anonymous(), server: Some(&server) }.key();
    for subject in ["\0a\0anonymous:anonymous", "anonymous", "a\0anonymous"] {
        let other = Principal { subject: subject.into(), ..Principal::anonymous() };
        assert_ne!(Holder::of(&other).key(), holder);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_tells_of_what_is_of_its_server() {
    let rig = Rig::new().await;
    let all = json!({ "toolsListChanged": true, "resourceSubscriptions": [
        "a://open/1", "a://shut/1", "b://open/1", "a://open",
    ] });
    let mut narrow = rig.listen("narrow", all.clone()).await;
    let mut wide = rig.listen("wide", all).await;
    let accepted =
        |events| told(events).unwrap()["params"]["notifications"]["resourceSubscriptions"].clone();
    assert_eq!(accepted(&mut narrow), json!(["a://open/1"]));
    assert_eq!(accepted(&mut wide), json!(["a://open/1", "a://shut/1", "b://open/1"]));
    // A change of what `narrow` does not have.
    let put = json!({ "name": "put", "inputSchema": { "type": "object" }, "title": "new" });
    rig.a.lock().unwrap()["tools"][1] = put;
    rig.registry.changed("a").await;
    let mut both = async || {
        // A subscription gathers for a moment.
        let _ = (told(&mut narrow), told(&mut wide));
        tokio::time::advance(std::time::Duration::from_millis(200)).await;
        let method =
            |told: Option<Value>| told.map(|told| told["method"].as_str().unwrap().to_owned());
        (method(told(&mut narrow)), method(told(&mut wide)))
    };
    let tools = || Some("notifications/tools/list_changed".to_owned());
    assert_eq!(both().await, (None, tools()));
    rig.a.lock().unwrap()["tools"][0]["title"] = "new".into();
    rig.registry.changed("a").await;
    assert_eq!(both().await, (tools(), tools()));
    let updated = || Some("notifications/resources/updated".to_owned());
    rig.registry.watches().updated("a", "a://shut/1");
    assert_eq!(both().await, (None, updated()));
    rig.registry.watches().updated("a", "a://open/1");
    assert_eq!(both().await, (updated(), updated()));
    rig.registry.watches().updated("a", "a://open/1/../../shut/2");
    assert_eq!(both().await, (None, updated()), "a part that is none of its own");
}

#[tokio::test]
async fn what_a_server_has_needs_the_scopes_of_the_server() {
    let rig = Rig::new().await;
    let narrow = Some(&*rig.servers[0]);
    let plan = rig.registry.lookup(narrow, Kind::Tool, "get").unwrap();
    assert_eq!(plan.scopes.to_string(), "narrow");
    assert!(rig.registry.lookup(None, Kind::Tool, "a___get").unwrap().scopes.is_empty());
    let policy = Policy::scoped(["gateway"].into_iter().collect());
    let call = rig.at("narrow", call(Method::ToolsList, Version::LATEST));
    let refusal = policy.permit(call, None).unwrap_err();
    assert_eq!(refusal.case(), Case::ScopeMissing);
    assert_eq!(refusal.scopes().unwrap().to_string(), "gateway narrow", "all in one challenge");
}

#[tokio::test]
async fn a_server_that_nobody_has_configured_has_nothing() {
    let rig = Rig::new().await;
    let strange = Server { name: "x".into(), number: 7, scopes: Scopes::default() };
    assert!(rig.registry.lookup(Some(&strange), Kind::Tool, "a___get").is_none());
    assert!(rig.registry.resolve(Some(&strange), Kind::Tool, "a___get").await.is_err());
}

#[tokio::test]
async fn a_server_serves_tasks_if_one_of_its_own_targets_has_any() {
    let (a, said_by_a) = target("a", said("a"));
    let tasks = json!({ "requests": { "tools": { "call": {} } } });
    let about = json!({ "capabilities": { "tools": {}, "tasks": tasks } });
    let (c, _) = target("c", json!({ "about": about, "tools": [] }));
    let rig = Rig::over(vec![a, c], said_by_a).await;
    let asked = |server: &str| {
        let asking = rig.at(server, call(Method::TasksGet, Version::LATEST));
        rig.router.task(&Call { abilities: Abilities::TASKS, ..asking }).unwrap_err().case()
    };
    assert_eq!(asked(""), Case::ParamsInvalid, "no such task");
    assert_eq!(asked("narrow"), Case::MethodUnknown);
}
