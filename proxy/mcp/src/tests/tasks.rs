//! Calls that become tasks, against a scripted target of either era.

use std::future::ready;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde_json::{Value, json};
use toolgate_call::{
    Abilities, Answer, Body, Call, Case, Directory as _, Era, Event, Events, Frame, FrameParts,
    Hint, Kind, Listed, Method, Op, Outbound, Policy, Principal, RawJson, Reason, Refusal, Reply,
    SessionRef, Version,
};
use tower::{ServiceExt as _, service_fn};

use super::lists::{Script, registry, spec};
use super::routing::{call, router_over};
use crate::{Prefix, Router, TargetSvc};

/// Methods and params that the target was sent.
type Heard = Arc<Mutex<Vec<(Method, String)>>>;

struct Rig {
    router: Router,
    heard: Heard,
    /// In the session of which abilities the target was called last.
    able: Arc<Mutex<Abilities>>,
}

/// One answer at the end of a stream.
struct Streamed(Option<Answer>);

impl Events for Streamed {
    fn poll_event(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Event>> {
        std::task::Poll::Ready(self.0.take().map(|answer| Event::Done(Ok(answer))))
    }
}

fn answered(era: Era, value: &Value, streamed: bool) -> Reply {
    let answer = match value.get("error") {
        Some(error) => Answer::Error {
            raw: RawJson::of(error).unwrap(),
            code: error["code"].as_i64().unwrap(),
        },
        None => Answer::result(RawJson::of(value).unwrap()),
    };
    if streamed {
        Reply::stream(era, Box::pin(Streamed(Some(answer))))
    } else {
        Reply::one(era, answer)
    }
}

impl Rig {
    /// A target `t` with the tools `x` and, as a task only in the older era, `slow`.
    async fn new(era: Era, says: impl Fn(Method) -> Value + Send + Sync + 'static) -> Self {
        Self::streaming(era, false, says).await
    }

    async fn streaming(
        era: Era,
        streamed: bool,
        says: impl Fn(Method) -> Value + Send + Sync + 'static,
    ) -> Self {
        let (heard, able) = (Heard::default(), Arc::<Mutex<Abilities>>::default());
        let (said, says) = (Arc::clone(&heard), Arc::new(says));
        let used = Arc::clone(&able);
        let mut spec = spec("t", &Script::default());
        spec.svc = TargetSvc::new(service_fn(move |outbound: Outbound| {
            let value = match &outbound.op {
                Op::Call(permitted) => {
                    *used.lock().unwrap() = outbound.abilities;
                    let name = permitted.plan().map(|plan| plan.name.to_string());
                    let more = outbound.more.as_deref().unwrap_or_default();
                    let said: &Mutex<Vec<_>> = &said;
                    let text = format!("{} {more}", name.unwrap_or_default());
                    said.lock().unwrap().push((permitted.call().method, text));
                    says(permitted.call().method)
                }
                Op::List { what: Listed::Tools, .. } => {
                    let schema = json!({ "type": "object" });
                    let only = json!({ "taskSupport": "required" });
                    json!({ "tools": [
                        { "name": "x", "inputSchema": schema },
                        { "name": "slow", "execution": only, "inputSchema": schema },
                    ] })
                }
                Op::List { what, .. } => json!({ (what.member()): [] }),
                Op::Describe | Op::Probe => {
                    let extensions = json!({
                        "io.modelcontextprotocol/tasks": {},
                        "io.modelcontextprotocol/ui": {},
                        "io.example/x": {},
                    });
                    let tasks = json!({ "requests": { "tools": { "call": {} } } });
                    json!({ "capabilities": { "extensions": extensions, "tasks": tasks } })
                }
            };
            let streamed = streamed && matches!(outbound.op, Op::Call(_));
            ready(Ok::<_, Refusal>(answered(era, &value, streamed)))
        }));
        let registry = registry(vec![spec], Prefix::Always);
        registry.load().await;
        Self { router: router_over(&registry), heard, able }
    }

    /// Through the directory, as the guard does it.
    async fn send(&self, call: Call) -> Result<Value, Refusal> {
        let plan = match call.kind {
            Some(Kind::Task) => Some(self.router.task(&call)?),
            Some(kind) => self.router.lookup(None, kind, call.name.as_deref().unwrap()),
            None => None,
        };
        let permitted = Policy::open().permit(call, plan)?;
        let answer = match self.router.clone().oneshot(permitted).await?.body {
            Body::One(answer) => answer,
            Body::Stream(mut events) => {
                match std::future::poll_fn(|cx| events.as_mut().poll_event(cx)).await {
                    Some(Event::Done(done)) => done?,
                    other => panic!("{other:?}"),
                }
            }
            Body::Accepted => panic!("no answer"),
        };
        match answer {
            Answer::Result { raw, .. } | Answer::Error { raw, .. } => Ok(raw.parse().unwrap()),
        }
    }

    /// A session of an older client that can do so much.
    async fn session(&self, abilities: Abilities) -> SessionRef {
        let mut hello = call(Method::Initialize, Version::V2025_11_25);
        hello.session = SessionRef::Wanted(Version::V2025_11_25);
        hello.abilities = abilities;
        let permitted = Policy::open().permit(hello, None).unwrap();
        let reply = self.router.clone().oneshot(permitted).await.unwrap();
        SessionRef::Claimed(reply.session.unwrap().to_string())
    }

    async fn created(&self, tool: &str) -> String {
        let created = self.send(tool_call(tool)).await.unwrap();
        assert_eq!(created["resultType"], "task");
        created["taskId"].as_str().unwrap().to_owned()
    }

    fn heard(&self) -> Vec<(Method, String)> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

fn declared(call: Call) -> Call {
    Call { abilities: Abilities::TASKS, ..call }
}

fn tool_call(tool: &str) -> Call {
    let body = Bytes::from_static(br#"{"id":1,"method":"tools/call","params":{"name":""}}"#);
    let frame = Frame::new(body, FrameParts::default());
    declared(Call {
        name: Some(format!("t___{tool}")),
        frame,
        ..call(Method::ToolsCall, Version::LATEST)
    })
}

fn about(method: Method, id: &str) -> Call {
    let call = call(method, Version::LATEST);
    declared(Call { name: Some(id.to_owned()), kind: Some(Kind::Task), ..call })
}

fn task(_: Method) -> Value {
    json!({ "resultType": "task", "taskId": "raw", "status": "working", "x": { "taskId": "raw" } })
}

#[tokio::test]
async fn of_extensions_only_those_are_offered_that_are_routed() {
    for (era, offered) in [
        (
            Era::Modern,
            json!({ "io.modelcontextprotocol/tasks": {}, "io.modelcontextprotocol/ui": {} }),
        ),
        (Era::Legacy, json!({ "io.modelcontextprotocol/tasks": {} })),
    ] {
        let rig = Rig::new(era, task).await;
        let said = rig.send(call(Method::Discover, Version::LATEST)).await.unwrap();
        assert_eq!(said["capabilities"]["extensions"], offered, "{era:?}");
    }
}

#[tokio::test]
async fn an_id_goes_out_sealed_and_comes_back_as_the_targets_own() {
    for streamed in [false, true] {
        let rig = Rig::streaming(Era::Modern, streamed, task).await;
        let id = rig.created("x").await;
        for method in [Method::TasksGet, Method::TasksUpdate, Method::TasksCancel] {
            let got = rig.send(about(method, &id)).await.unwrap();
            assert_eq!((&got["taskId"], &got["x"]["taskId"]), (&json!(id), &json!("raw")));
        }
        let heard: Vec<String> = rig.heard().into_iter().map(|(_, text)| text).collect();
        assert_eq!(heard, ["x ", "raw ", "raw ", "raw "]);
    }
}

#[tokio::test]
async fn what_may_be_repeated_is_read_or_cancelled_and_nothing_takes_a_place_of_the_tool() {
    let rig = Rig::new(Era::Modern, task).await;
    let id = rig.created("x").await;
    for (method, repeatable) in
        [(Method::TasksGet, true), (Method::TasksUpdate, false), (Method::TasksCancel, true)]
    {
        let plan = rig.router.task(&about(method, &id)).unwrap();
        assert_eq!(plan.repeatable(), repeatable, "{method:?}");
        assert_eq!((&*plan.name, &*plan.full, plan.tool()), ("raw", "t___x", Some("x")));
        assert_eq!((plan.kind, plan.concurrency, plan.is_tool()), (Kind::Task, None, false));
        assert!(method != Method::TasksUpdate || plan.idempotent == Hint::No);
    }
}

#[tokio::test]
async fn whoever_is_not_its_owner_or_has_not_declared_it_has_no_task() {
    let rig = Rig::new(Era::Modern, task).await;
    let id = rig.created("x").await;
    let case = |call: Call| rig.router.task(&call).unwrap_err().case();
    let other = Principal { subject: Arc::from("other"), ..Principal::anonymous() };
    let other = Call { principal: Arc::new(other), ..about(Method::TasksGet, &id) };
    assert_eq!(case(other), Case::ParamsInvalid);
    assert_eq!(case(about(Method::TasksGet, "raw")), Case::ParamsInvalid);
    let silent = Call { abilities: Abilities::FORM, ..about(Method::TasksGet, &id) };
    assert_eq!(case(silent), Case::CapabilityMissing);
    assert_eq!(case(about(Method::TasksResult, &id)), Case::MethodUnknown);
    let older = Call { version: Version::V2025_11_25, ..about(Method::TasksGet, "raw") };
    assert_eq!(case(older), Case::MethodUnknown, "an older caller has no words for such tasks");
}

#[tokio::test]
async fn a_task_in_the_wrong_place_is_the_targets_fault() {
    for streamed in [false, true] {
        let rig = Rig::streaming(Era::Modern, streamed, task).await;
        let silent = Call { abilities: Abilities::NONE, ..tool_call("x") };
        let refusal = rig.send(silent).await.unwrap_err();
        assert_eq!(refusal.reason(), Reason::UpstreamProtocol);
        assert!(refusal.was_sent());
        let nameless = |_| json!({ "resultType": "task", "taskId": 7 });
        let rig = Rig::streaming(Era::Modern, streamed, nameless).await;
        let refusal = rig.send(tool_call("x")).await.unwrap_err();
        assert_eq!(refusal.reason(), Reason::UpstreamProtocol);
    }
}

fn older(method: Method) -> Value {
    let task = |status| json!({ "taskId": "raw", "status": status, "ttl": 9, "pollInterval": 5 });
    #[expect(clippy::wildcard_enum_match_arm, reason = "whatever else is asked is how it gets on")]
    match method {
        Method::ToolsCall => json!({ "task": task("working") }),
        Method::TasksResult => json!({ "content": [], "isError": true }),
        Method::TasksCancel => json!({ "error": { "code": -32602, "message": "it has ended" } }),
        _ => task("failed"),
    }
}

#[tokio::test]
async fn an_older_targets_tasks_are_told_in_the_extensions_words() {
    for streamed in [false, true] {
        let rig = Rig::streaming(Era::Legacy, streamed, older).await;
        let silent = Call { abilities: Abilities::NONE, ..tool_call("slow") };
        let refusal = rig.send(silent).await.unwrap_err();
        assert_eq!(refusal.case(), Case::CapabilityMissing);
        assert_eq!(refusal.missing_abilities(), Some(Abilities::TASKS));
        assert_eq!(rig.heard(), []);
        let id = rig.created("slow").await;
        assert_eq!(rig.heard(), [(Method::ToolsCall, r#"slow "task":{}"#.to_owned())]);
        let got = rig.send(about(Method::TasksGet, &id)).await.unwrap();
        let wanted = json!({
            "resultType": "complete", "taskId": id, "status": "completed", "ttlMs": 9,
            "pollIntervalMs": 5,
            "result": { "resultType": "complete", "content": [], "isError": true },
        });
        assert_eq!(got, wanted);
        let asked =
            [Method::TasksGet, Method::TasksResult].map(|method| (method, "raw ".to_owned()));
        assert_eq!(rig.heard(), asked);
        for (method, asked) in [
            (Method::TasksUpdate, vec![Method::TasksGet]),
            (Method::TasksCancel, vec![Method::TasksCancel, Method::TasksGet]),
        ] {
            let done = rig.send(about(method, &id)).await.unwrap();
            assert_eq!(done, json!({ "resultType": "complete" }));
            let heard: Vec<Method> = rig.heard().into_iter().map(|(method, _)| method).collect();
            assert_eq!(heard, asked);
        }
    }
}

#[tokio::test]
async fn a_tool_that_need_not_be_a_task_is_none_at_an_older_target() {
    let rig = Rig::new(Era::Legacy, |_| json!({ "content": [] })).await;
    assert_eq!(rig.send(tool_call("x")).await.unwrap()["resultType"], "complete");
    assert_eq!(rig.heard(), [(Method::ToolsCall, "x ".to_owned())]);
    // And one that is called as a task may be done at once all the same.
    assert_eq!(rig.send(tool_call("slow")).await.unwrap()["resultType"], "complete");
}

#[tokio::test]
async fn a_task_is_asked_for_in_the_session_in_which_it_was_made() {
    let rig = Rig::new(Era::Legacy, older).await;
    let older = |call: Call, session: &SessionRef| {
        let (version, session) = (Version::V2025_11_25, session.clone());
        Call { version, session, abilities: Abilities::NONE, ..call }
    };
    let (able, mute) = (rig.session(Abilities::FORM).await, rig.session(Abilities::NONE).await);
    for (hears, wanted) in [(false, Abilities::NONE), (true, Abilities::FORM)] {
        let calling = Call { hears, ..older(tool_call("x"), &able) };
        let created = rig.send(calling).await.unwrap();
        assert_eq!(*rig.able.lock().unwrap(), wanted);
        let id = created["task"]["taskId"].as_str().unwrap();
        for session in [&able, &mute] {
            rig.send(older(about(Method::TasksGet, id), session)).await.unwrap();
            assert_eq!(*rig.able.lock().unwrap(), wanted, "made when hearing: {hears}");
        }
        rig.send(about(Method::TasksGet, id)).await.unwrap();
        assert_eq!(*rig.able.lock().unwrap(), wanted, "and for a modern caller");
    }
}
