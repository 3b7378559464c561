//! Who is told of what: subscriptions, and what sessions wish.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::future::poll_immediate;
use serde_json::{Value, json};
use tokio::time::timeout;
use toolgate_call::{
    Answer, Body, Call, Case, Directory as _, Era, Event, Events, Frame, FrameParts, Kind,
    LogLevel, Method, Mirrored, Op, Outbound, Policy, Principal, RawJson, Refusal, Reply,
    SessionRef, Version,
};
use toolgate_telemetry::Telemetry;
use tower::{ServiceExt as _, service_fn};

use super::lists::{Script, registry, spec};
use super::routing::{call, value};
use crate::{McpConfig, Prefix, Registry, Router, SessionConfig, Sessions, TargetSpec, TargetSvc};

const ID: &str = "io.modelcontextprotocol/subscriptionId";

/// Three targets: one that tells of its resources, one that does not, and one behind a scope.
struct Rig {
    registry: Arc<Registry>,
    router: Router,
    policy: Arc<Policy>,
    tools: Arc<Mutex<Value>>,
    /// What the calls that reached a target carried.
    calls: Calls,
    /// Whether the next call is told that its headers do not fit.
    picky: Arc<Mutex<u32>>,
}

fn tool(name: &str) -> Value {
    json!({ "name": name, "inputSchema": { "type": "object" } })
}

fn about(subscribe: bool) -> Value {
    json!({ "capabilities": {
        "tools": {}, "resources": { "subscribe": subscribe }, "logging": {},
    } })
}

impl Rig {
    async fn new() -> Self {
        let tools = Arc::new(Mutex::new(json!([tool("x")])));
        let (calls, picky) = (Arc::default(), Arc::<Mutex<u32>>::default());
        let mut specs = Vec::new();
        for (name, subscribe) in [("a", true), ("b", false), ("c", true)] {
            specs.push(target(name, subscribe, (&tools, &calls, &picky)));
        }
        specs[2].scopes = ["secret"].into_iter().collect();
        let registry = registry(specs, Prefix::Always);
        registry.load().await;
        let policy = Arc::new(Policy::scoped(["gateway"].into_iter().collect()));
        let config = McpConfig {
            name: "toolgate".into(),
            version: "1".into(),
            instructions: None,
            page: 700,
        };
        let sessions = SessionConfig { key: vec![1], lifetime: Duration::from_secs(600) };
        let sessions = Sessions::new(&sessions).unwrap();
        let (shared, telemetry) = (Arc::clone(&policy), Telemetry::for_tests());
        let router = Router::new(config, Arc::clone(&registry), shared, sessions, telemetry);
        Self { registry, router, policy, tools, calls, picky }
    }

    async fn send(&self, call: Call) -> Result<Reply, Refusal> {
        let plan = call.kind.zip(call.name.as_deref());
        let plan = plan.and_then(|(kind, name)| self.registry.lookup(None, kind, name));
        let permitted = self.policy.permit(call, plan)?;
        self.router.clone().oneshot(permitted).await
    }

    async fn listen(&self, call: Call) -> Pin<Box<dyn Events>> {
        let Body::Stream(events) = self.send(call).await.unwrap().body else { panic!("no stream") };
        events
    }

    async fn session(&self) -> String {
        let mut hello = as_somebody(call(Method::Initialize, Version::V2025_11_25), &["gateway"]);
        hello.session = SessionRef::Wanted(Version::V2025_11_25);
        self.send(hello).await.unwrap().session.unwrap().to_string()
    }

    fn watched(&self, target: &str) -> Vec<String> {
        let uris = self.registry.watches().of(&Arc::from(target)).borrow().clone();
        uris.uris.iter().map(ToString::to_string).collect()
    }
}

type Calls = Arc<Mutex<Vec<(Option<LogLevel>, Vec<Mirrored>)>>>;
type Shared<'a> = (&'a Arc<Mutex<Value>>, &'a Calls, &'a Arc<Mutex<u32>>);

fn target(name: &'static str, subscribe: bool, (tools, calls, picky): Shared<'_>) -> TargetSpec {
    let mut spec = spec(name, &Script::default());
    let (tools, calls, picky) = (Arc::clone(tools), Arc::clone(calls), Arc::clone(picky));
    spec.http = true;
    spec.svc = TargetSvc::new(service_fn(move |outbound: Outbound| {
        let result = match &outbound.op {
            Op::Describe => about(subscribe),
            Op::List { what, .. } => match what.member() {
                "tools" => json!({ "tools": *tools.lock().unwrap() }),
                "resources" => {
                    json!({ "resources": [{ "uri": format!("{name}://1"), "name": "1" }] })
                }
                other => json!({ other: [] }),
            },
            Op::Call(permitted) => {
                let seen = (permitted.log_level(), permitted.mirrored().to_vec());
                calls.lock().unwrap().push(seen);
                let mut picky = picky.lock().unwrap();
                if *picky > 0 {
                    *picky -= 1;
                    let raw = RawJson::literal(r#"{"code":-32020,"message":"no"}"#);
                    let answer = Answer::Error { raw, code: -32020 };
                    return std::future::ready(Ok(Reply::one(Era::Modern, answer)));
                }
                json!({ "resultType": "complete", "content": [] })
            }
            Op::Probe => json!({}),
        };
        let answer = Answer::result(RawJson::built(result.to_string().into()));
        std::future::ready(Ok(Reply::one(Era::Modern, answer)))
    }));
    spec
}

fn as_somebody(mut call: Call, scopes: &[&str]) -> Call {
    let scopes = scopes.iter().copied().collect();
    call.principal = Arc::new(Principal { scopes, ..Principal::anonymous() });
    call
}

fn with_params(method: Method, version: Version, params: &Value) -> Call {
    let mut call = as_somebody(call(method, version), &["gateway"]);
    let body = json!({ "params": params }).to_string();
    call.frame = Frame::new(Bytes::from(body), FrameParts::default());
    call
}

fn listen(filter: &Value) -> Call {
    with_params(Method::Listen, Version::LATEST, &json!({ "notifications": filter }))
}

async fn next(events: &mut Pin<Box<dyn Events>>) -> Value {
    let event = timeout(Duration::from_secs(5), poll_fn(|cx| events.as_mut().poll_event(cx)));
    let Some(Event::Notice(raw)) = event.await.expect("nothing is said") else {
        panic!("no notice")
    };
    raw.parse().unwrap()
}

async fn is_silent(events: &mut Pin<Box<dyn Events>>) -> bool {
    let event = poll_fn(|cx| events.as_mut().poll_event(cx));
    timeout(Duration::from_secs(5), event).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn a_subscription_begins_with_what_was_accepted_of_it() {
    let rig = Rig::new().await;
    let uris = ["a://1", "b://1", "c://1", "nobody://1"];
    let filter = json!({
        "toolsListChanged": true, "resourcesListChanged": false,
        "resourceSubscriptions": uris, "taskIds": ["t"],
    });
    let mut call = listen(&filter);
    call.id = Some(RawJson::literal(r#""seven""#));
    let mut events = rig.listen(call).await;
    let first = next(&mut events).await;
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    let accepted = json!({ "toolsListChanged": true, "resourceSubscriptions": ["a://1"] });
    assert_eq!(first["params"], json!({ "notifications": accepted, "_meta": { ID: "seven" } }));
    assert_eq!((rig.watched("a"), rig.watched("c")), (vec!["a://1".to_owned()], vec![]));
    let mut insider = listen(&filter);
    insider.principal = as_somebody(insider.clone(), &["gateway", "secret"]).principal;
    let mut more = rig.listen(insider).await;
    let accepted = &next(&mut more).await["params"]["notifications"];
    assert_eq!(accepted["resourceSubscriptions"], json!(["a://1", "c://1"]));
    drop((events, more));
    assert_eq!((rig.watched("a"), rig.watched("c")), (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn bursts_come_as_one_and_only_what_was_asked_for() {
    let rig = Rig::new().await;
    let filter = json!({ "toolsListChanged": true, "resourceSubscriptions": ["a://1"] });
    let mut events = rig.listen(listen(&filter)).await;
    let mut other = rig.listen(listen(&json!({ "promptsListChanged": true }))).await;
    next(&mut events).await;
    next(&mut other).await;
    for name in ["y", "z"] {
        *rig.tools.lock().unwrap() = json!([tool(name)]);
        rig.registry.changed("a").await;
        rig.registry.watches().updated("a", "a://1");
        rig.registry.watches().updated("a", "a://2");
        rig.registry.watches().updated("b", "a://1");
        let event = poll_fn(|cx| events.as_mut().poll_event(cx));
        assert!(poll_immediate(event).await.is_none(), "more may come");
        tokio::time::advance(Duration::from_millis(40)).await;
    }
    let meta = json!({ ID: 1 });
    let told = next(&mut events).await;
    assert_eq!(told["method"], "notifications/tools/list_changed");
    assert_eq!(told["params"], json!({ "_meta": meta }));
    let told = next(&mut events).await;
    assert_eq!(told["method"], "notifications/resources/updated");
    assert_eq!(told["params"], json!({ "uri": "a://1", "_meta": meta }));
    assert!(is_silent(&mut events).await && is_silent(&mut other).await);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_of_a_change_of_what_it_may_not_see() {
    let rig = Rig::new().await;
    let filter = json!({ "toolsListChanged": true });
    let mut outsider = rig.listen(listen(&filter)).await;
    let mut call = listen(&filter);
    call = as_somebody(call, &["gateway", "secret"]);
    let mut insider = rig.listen(call).await;
    next(&mut outsider).await;
    next(&mut insider).await;
    *rig.tools.lock().unwrap() = json!([tool("y")]);
    rig.registry.changed("c").await;
    assert_eq!(next(&mut insider).await["method"], "notifications/tools/list_changed");
    assert!(is_silent(&mut outsider).await);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_ends_with_a_result_when_its_token_or_the_gateway_does() {
    let rig = Rig::new().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    for stops in [false, true] {
        let mut call = listen(&json!({}));
        let mut principal = Principal::clone(&call.principal);
        principal.expires = (!stops).then_some(now + 60);
        call.principal = Arc::new(principal);
        let mut events = rig.listen(call).await;
        assert_eq!(next(&mut events).await["params"]["notifications"], json!({}));
        if stops {
            events.as_mut().stopping();
        }
        let last = poll_fn(|cx| events.as_mut().poll_event(cx)).await;
        let Some(Event::Done(Ok(Answer::Result { raw, .. }))) = last else { panic!("{last:?}") };
        let wanted = json!({ "resultType": "complete", "_meta": { ID: 1 } });
        assert_eq!(raw.parse::<Value>().unwrap(), wanted);
        assert!(poll_fn(|cx| events.as_mut().poll_event(cx)).await.is_none());
    }
}

#[tokio::test]
async fn a_subscription_to_nothing_sayable_is_the_callers_mistake() {
    let rig = Rig::new().await;
    let many: Vec<String> = (0..257).map(|n| format!("a://{n}")).collect();
    let bad = [
        json!({}),
        json!({ "notifications": null }),
        json!({ "notifications": { "toolsListChanged": "yes" } }),
        json!({ "notifications": { "resourceSubscriptions": "a://1" } }),
        json!({ "notifications": { "resourceSubscriptions": many } }),
    ];
    for params in bad {
        let call = with_params(Method::Listen, Version::LATEST, &params);
        assert_eq!(rig.send(call).await.unwrap_err().case(), Case::ParamsInvalid, "{params}");
    }
}

fn on_session(id: &str, method: Method, params: &Value) -> Call {
    let mut call = with_params(method, Version::V2025_11_25, params);
    call.session = SessionRef::Claimed(id.to_owned());
    call
}

fn about_uri(id: &str, method: Method, uri: &str) -> Call {
    let mut call = on_session(id, method, &json!({ "uri": uri }));
    (call.kind, call.name) = (Some(Kind::Resources), Some(uri.to_owned()));
    call
}

#[tokio::test(start_paused = true)]
async fn a_session_hears_of_the_resources_it_subscribed_to_until_it_does_not() {
    let rig = Rig::new().await;
    let id = rig.session().await;
    let subscribe = |uri| about_uri(&id, Method::Subscribe, uri);
    assert_eq!(value(rig.send(subscribe("a://1")).await.unwrap()), json!({}));
    let refused = rig.send(subscribe("b://1")).await.unwrap_err();
    assert_eq!(refused.case(), Case::MethodUnknown, "`b` cannot tell");
    rig.registry.watches().updated("a", "a://1");
    rig.registry.watches().updated("a", "a://1");
    let mut events = rig.listen(on_session(&id, Method::OpenStream, &json!({}))).await;
    let told = next(&mut events).await;
    let wanted = json!({
        "jsonrpc": "2.0", "method": "notifications/resources/updated",
        "params": { "uri": "a://1" },
    });
    assert_eq!(told, wanted, "also what came before the stream");
    assert!(is_silent(&mut events).await, "each once");
    let other = rig.session().await;
    rig.send(about_uri(&other, Method::Subscribe, "a://1")).await.unwrap();
    rig.send(about_uri(&id, Method::Unsubscribe, "a://1")).await.unwrap();
    rig.registry.watches().updated("a", "a://1");
    assert!(is_silent(&mut events).await);
    assert_eq!(rig.watched("a"), ["a://1"], "the other session still wants it");
    rig.send(on_session(&other, Method::EndSession, &json!({}))).await.unwrap();
    assert_eq!(rig.watched("a"), [""; 0]);
}

#[tokio::test]
async fn a_session_sets_the_level_of_its_own_calls() {
    let rig = Rig::new().await;
    let (loud, still) = (rig.session().await, rig.session().await);
    let set = |level: &str| on_session(&loud, Method::SetLevel, &json!({ "level": level }));
    assert_eq!(rig.send(set("verbose")).await.unwrap_err().case(), Case::ParamsInvalid);
    assert_eq!(value(rig.send(set("debug")).await.unwrap()), json!({}));
    for id in [&loud, &still] {
        let mut call = on_session(id, Method::ToolsCall, &json!({}));
        call.name = Some("a___x".to_owned());
        rig.send(call).await.unwrap();
    }
    let levels: Vec<_> = rig.calls.lock().unwrap().iter().map(|(level, _)| *level).collect();
    assert_eq!(levels, [Some(LogLevel::Debug), None]);
}

fn headed() -> Value {
    json!({ "name": "x", "inputSchema": { "type": "object", "properties": {
        "region": { "type": "string", "x-mcp-header": "Region" },
    } } })
}

fn calling(version: Version, sent: &[(&str, &str)]) -> Call {
    let mut call =
        with_params(Method::ToolsCall, version, &json!({ "arguments": { "region": "eu" } }));
    call.name = Some("a___x".to_owned());
    let header = |(name, value): &(&str, &str)| Mirrored {
        name: Box::from(*name),
        value: Some(Box::from(*value)),
    };
    call.mirrored = sent.iter().map(header).collect();
    call
}

#[tokio::test]
async fn arguments_that_a_tool_wants_in_headers_are_checked_and_sent_there() {
    let rig = Rig::new().await;
    *rig.tools.lock().unwrap() = json!([headed()]);
    rig.registry.changed("a").await;
    for sent in [&[][..], &[("region", "us")]] {
        let refused = rig.send(calling(Version::LATEST, sent)).await.unwrap_err();
        assert_eq!(refused.case(), Case::HeaderMismatch, "{sent:?}");
    }
    rig.send(calling(Version::LATEST, &[("region", "eu")])).await.unwrap();
    let id = rig.session().await;
    let mut older = calling(Version::V2025_11_25, &[]);
    older.session = SessionRef::Claimed(id);
    rig.send(older).await.unwrap();
    let eu = vec![Mirrored { name: "region".into(), value: Some("eu".into()) }];
    let sent: Vec<_> = rig.calls.lock().unwrap().iter().map(|(_, sent)| sent.clone()).collect();
    assert_eq!(sent, [eu.clone(), eu], "callers of both eras, and nothing of what was refused");
}

#[tokio::test]
async fn headers_by_an_old_list_are_made_again_by_a_new_one_once() {
    let rig = Rig::new().await;
    *rig.tools.lock().unwrap() = json!([headed()]);
    *rig.picky.lock().unwrap() = 1;
    let mut older = calling(Version::V2025_11_25, &[]);
    older.session = SessionRef::Claimed(rig.session().await);
    assert_eq!(value(rig.send(older).await.unwrap())["content"], json!([]));
    let eu = vec![Mirrored { name: "region".into(), value: Some("eu".into()) }];
    assert_eq!(rig.calls.lock().unwrap().last().unwrap().1, eu);
    assert_eq!(rig.calls.lock().unwrap().len(), 2);
    *rig.picky.lock().unwrap() = 9;
    let refused = rig.send(calling(Version::LATEST, &[("region", "eu")])).await.unwrap_err();
    assert_eq!(refused.reason(), toolgate_call::Reason::UpstreamProtocol);
    assert!(refused.is_retry_safe(), "the target has looked at nothing");
    assert_eq!(rig.calls.lock().unwrap().len(), 3, "the list says the same: it is not sent again");
    let mut more = headed();
    more["inputSchema"]["properties"]["region"]["x-mcp-header"] = json!("Zone");
    *rig.tools.lock().unwrap() = json!([more]);
    let mut call = calling(Version::LATEST, &[("region", "eu"), ("zone", "us")]);
    call.name = Some("b___x".to_owned());
    rig.registry.changed("b").await;
    let refused = rig.send(call).await.unwrap_err();
    assert_eq!(refused.case(), Case::HeaderMismatch, "by the new list");
}

#[tokio::test]
async fn a_tool_whose_headers_cannot_be_made_is_left_out_of_a_modern_http_target() {
    let rig = Rig::new().await;
    let mut bad = headed();
    bad["name"] = json!("bad");
    bad["inputSchema"]["properties"]["region"]["type"] = json!("number");
    *rig.tools.lock().unwrap() = json!([headed(), bad]);
    rig.registry.changed("a").await;
    assert!(rig.registry.lookup(None, Kind::Tool, "a___x").is_some());
    assert!(rig.registry.lookup(None, Kind::Tool, "a___bad").is_none());
    let (tools, calls, picky) = (&rig.tools, &rig.calls, &rig.picky);
    let mut piped = target("a", true, (tools, calls, picky));
    piped.http = false;
    let piped = registry(vec![piped], Prefix::Always);
    piped.load().await;
    let plan = piped.lookup(None, Kind::Tool, "a___bad").unwrap();
    assert_eq!(piped.mirrors(&plan), None, "over a pipe nothing stands in headers");
}

#[tokio::test]
async fn thousands_of_tools_go_page_by_page_in_both_eras_and_never_over_a_change() {
    let rig = Rig::new().await;
    let many: Vec<Value> = (0..2000).map(|n| tool(&format!("tool-{n}"))).collect();
    *rig.tools.lock().unwrap() = json!(many);
    for target in ["a", "b", "c"] {
        rig.registry.changed(target).await;
    }
    let id = rig.session().await;
    for version in [Version::LATEST, Version::V2025_11_25] {
        let page = |cursor: Option<String>| {
            let mut call = as_somebody(call(Method::ToolsList, version), &["gateway", "secret"]);
            if version.era() == Era::Legacy {
                call.session = SessionRef::Claimed(id.clone());
            }
            call.cursor = cursor;
            call
        };
        let (mut names, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let result = value(rig.send(page(cursor)).await.unwrap());
            let tools = result["tools"].as_array().unwrap();
            names.extend(tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()));
            pages += 1;
            cursor = result["nextCursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        let all = ["a", "b", "c"]
            .into_iter()
            .flat_map(|target| (0..2000).map(move |n| format!("{target}___tool-{n}")));
        assert!(names.iter().cloned().eq(all), "in order, without gaps, none twice");
        assert_eq!(pages, 9);
        let first = value(rig.send(page(None)).await.unwrap());
        let cursor = first["nextCursor"].as_str().map(str::to_owned);
        rig.tools.lock().unwrap()[0] = tool(version.as_str());
        rig.registry.changed("c").await;
        let refused = rig.send(page(cursor)).await.unwrap_err();
        assert_eq!(refused.case(), Case::ParamsInvalid, "the third target has changed");
        rig.tools.lock().unwrap()[0] = tool("tool-0");
        rig.registry.changed("c").await;
    }
}
