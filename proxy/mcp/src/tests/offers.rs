//! Prompts, resources and what targets say of themselves, federated.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use toolgate_call::{
    Answer, Body, Directory as _, Era, Event, Kind, Listed, Method, Op, Outbound, Policy, RawJson,
    Reason, Refusal, Reply, Version,
};
use tower::{ServiceExt as _, service_fn};

use super::lists::{Script, registry, spec};
use super::routing::{call, router_over, value};
use crate::{Prefix, Registry, TargetSpec, TargetSvc};

/// What a target says of itself and lists, by the member of the result; what is missing is refused
/// as an unknown method.
pub(super) type Said = Arc<Mutex<Value>>;

pub(super) fn target(name: &str, said: Value) -> (TargetSpec, Said) {
    let said: Said = Arc::new(Mutex::new(said));
    let shared = Arc::clone(&said);
    let mut spec = spec(name, &Script::default());
    spec.svc = TargetSvc::new(service_fn(move |outbound: Outbound| {
        let answer = answer(&shared.lock().unwrap(), &outbound.op);
        async move { answer }
    }));
    (spec, said)
}

fn answer(said: &Value, op: &Op) -> Result<Reply, Refusal> {
    let result = match op {
        Op::Describe => said.get("about").cloned(),
        Op::List { what, .. } => said.get(what.member()).map(|list| json!({ what.member(): list })),
        Op::Call(permitted) => {
            let renamed = permitted.plan().unwrap().renamed().map(str::to_owned);
            Some(json!({ "asked": renamed.or(permitted.call().name.clone()) }))
        }
        Op::Probe => Some(json!({})),
    };
    if result == Some(json!({ "prompts": "down" })) {
        return Err(Refusal::target(Reason::Reset, &Arc::from("t"), "down"));
    }
    let answer = match result {
        Some(result) => Answer::result(RawJson::built(result.to_string().into())),
        None => Answer::Error { raw: RawJson::literal(r#"{"code":-32601}"#), code: -32601 },
    };
    Ok(Reply::one(Era::Legacy, answer))
}

fn about() -> Value {
    json!({
        "capabilities": { "prompts": {}, "resources": { "subscribe": true }, "completions": {} },
        "instructions": "be kind",
    })
}

async fn two() -> (Arc<Registry>, Said) {
    let (first, said) = target(
        "a",
        json!({
            "about": about(),
            "prompts": [{ "name": "hello", "arguments": [] }],
            "resources": [{ "uri": "test://x", "name": "x" }],
            "resourceTemplates": [{ "uriTemplate": "test://{id}/y", "name": "y" }],
        }),
    );
    let (second, _) = target(
        "b",
        json!({
            "about": about(),
            "prompts": [{ "name": "hello" }],
            "resources": [{ "uri": "test://x", "name": "other" }, { "uri": "b://x", "name": "b" }],
        }),
    );
    let registry = registry(vec![first, second], Prefix::Always);
    registry.load().await;
    (registry, said)
}

async fn listed(registry: &Arc<Registry>, what: Listed) -> Value {
    let router = router_over(registry);
    let permitted = Policy::open().permit(call(what.method(), Version::LATEST), None).unwrap();
    value(router.oneshot(permitted).await.unwrap())[what.member()].clone()
}

#[tokio::test]
async fn prompts_are_prefixed_and_resources_keep_their_uris() {
    let (registry, _) = two().await;
    let prompts = listed(&registry, Listed::Prompts).await;
    assert_eq!(prompts[0], json!({ "name": "a___hello", "arguments": [] }));
    assert_eq!(prompts[1]["name"], "b___hello");
    let resources = listed(&registry, Listed::Resources).await;
    assert_eq!(resources[0], json!({ "uri": "test://x", "name": "x" }));
    assert_eq!(resources[1]["uri"], "b://x", "the second of one URI is hidden");
    assert_eq!(resources.as_array().unwrap().len(), 2);
    let templates = listed(&registry, Listed::Templates).await;
    assert_eq!(templates[0]["uriTemplate"], "test://{id}/y");
    assert_eq!(listed(&registry, Listed::Tools).await, json!([]), "nobody promised tools");
}

#[tokio::test]
async fn each_call_goes_to_whom_it_belongs_under_its_own_name() {
    let (registry, _) = two().await;
    let cases = [
        (Method::PromptsGet, Kind::Prompt, "b___hello", "b", "hello"),
        (Method::Complete, Kind::Prompt, "a___hello", "a", "hello"),
        (Method::ResourcesRead, Kind::Resources, "b://x", "b", "b://x"),
        (Method::ResourcesRead, Kind::Resources, "test://7/y", "a", "test://7/y"),
        (Method::Complete, Kind::Resources, "test://{id}/y", "a", "test://{id}/y"),
    ];
    for (method, kind, name, target, asked) in cases {
        let plan = registry.lookup(None, kind, name).unwrap();
        assert_eq!(&*plan.target, target, "{name}");
        assert!(plan.repeatable(), "prompts and resources are only read");
        let mut call = call(method, Version::LATEST);
        call.name = Some(name.to_owned());
        let permitted = Policy::open().permit(call, Some(plan)).unwrap();
        let result = value(router_over(&registry).oneshot(permitted).await.unwrap());
        assert_eq!(result["asked"], asked);
        assert_eq!(result["resultType"], "complete");
        assert_eq!(result.get("ttlMs").is_some(), method == Method::ResourcesRead);
    }
    let unknown = registry.resolve(None, Kind::Resources, "c://x").await.unwrap_err();
    assert_eq!(unknown.what_was_requested(), Some("c://x"));
    assert!(registry.resolve(None, Kind::Prompt, "hello").await.is_err());
}

#[tokio::test]
async fn the_gateway_can_do_what_its_targets_can_and_says_what_they_say() {
    let (registry, _) = two().await;
    let permitted = Policy::open().permit(call(Method::Discover, Version::LATEST), None).unwrap();
    let said = value(router_over(&registry).oneshot(permitted).await.unwrap());
    let tells = json!({ "listChanged": true });
    let resources = json!({ "listChanged": true, "subscribe": true });
    let capabilities = json!({
        "tools": tells, "prompts": tells, "resources": resources, "completions": {},
    });
    assert_eq!(said["capabilities"], capabilities);
    let text = said["instructions"].as_str().unwrap();
    assert!(text.ends_with("## a\n\nbe kind\n\n## b\n\nbe kind"), "{text}");
}

#[tokio::test]
async fn a_list_that_fails_costs_no_other_list_and_not_what_was_known_of_it() {
    let (registry, said) = two().await;
    let mut changes = registry.view(None).changes();
    changes.mark_unchanged();
    let before = *changes.borrow();
    {
        let mut said = said.lock().unwrap();
        said["prompts"] = json!("down");
        said["resources"] = json!([{ "uri": "test://z", "name": "z" }]);
    }
    registry.changed("a").await;
    assert!(registry.lookup(None, Kind::Prompt, "a___hello").is_some(), "the last good list stays");
    assert_eq!(listed(&registry, Listed::Resources).await[0]["uri"], "test://z");
    let after = *changes.borrow();
    assert_eq!(after.prompts, before.prompts);
    assert_ne!(after.resources, before.resources);
}

#[tokio::test]
async fn a_session_is_told_of_just_the_lists_that_changed() {
    let (registry, said) = two().await;
    let router = router_over(&registry);
    let mut hello = call(Method::Initialize, Version::V2025_11_25);
    hello.session = toolgate_call::SessionRef::Wanted(Version::V2025_11_25);
    let permitted = Policy::open().permit(hello, None).unwrap();
    let id = router.clone().oneshot(permitted).await.unwrap().session.unwrap();
    said.lock().unwrap()["prompts"] = json!([{ "name": "bye" }]);
    registry.changed("a").await;
    let mut open = call(Method::OpenStream, Version::V2025_11_25);
    open.session = toolgate_call::SessionRef::Claimed(id.to_string());
    let permitted = Policy::open().permit(open, None).unwrap();
    let reply = router.oneshot(permitted).await.unwrap();
    let Body::Stream(mut events) = reply.body else { panic!("no stream") };
    let first = std::future::poll_fn(|cx| events.as_mut().poll_event(cx)).await;
    let Some(Event::Notice(raw)) = first else { panic!("{first:?}") };
    let said = raw.parse::<Value>().unwrap();
    assert_eq!(said["method"], "notifications/prompts/list_changed");
    let next = std::future::poll_fn(|cx| events.as_mut().poll_event(cx));
    assert!(futures_util::future::poll_immediate(next).await.is_none(), "nothing else changed");
}
