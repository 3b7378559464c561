//! Tools that are held back while a call of theirs, or a stream that tells of it, is under way.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use toolgate_call::{
    Abilities, Answer, Body, Call, Era, Event, Events, Frame, FrameParts, Method, Op, Outbound,
    RawJson, Reason, Refusal, Reply, SessionRef, Version,
};
use toolgate_telemetry::ContractAction;
use tower::{ServiceExt as _, service_fn};

use super::lists::{Script, registry, spec};
use super::pins::contracts;
use super::routing::{call, router_over, value};
use crate::contract::Actions;
use crate::{Prefix, Registry, Router, TargetSvc};

/// A modern target `t` whose tool `x` was approved as it is at first; what differs is held back.
struct Rig {
    registry: Arc<Registry>,
    router: Router,
    /// How `x` is described now.
    tool: Arc<Mutex<Value>>,
    answers: Arc<Mutex<VecDeque<Value>>>,
    calls: Arc<Mutex<usize>>,
}

fn tool() -> Value {
    json!({ "name": "x", "inputSchema": { "type": "object" } })
}

/// What nobody has approved.
fn changed() -> Value {
    let region = json!({ "type": "string", "x-mcp-header": "Region" });
    json!({ "name": "x", "inputSchema": { "type": "object", "properties": { "region": region } } })
}

fn complete() -> Value {
    json!({ "resultType": "complete", "content": [] })
}

fn answer(value: &Value) -> Answer {
    match value["code"].as_i64() {
        Some(code) => Answer::Error { raw: RawJson::of(value).unwrap(), code },
        None => Answer::result(RawJson::of(value).unwrap()),
    }
}

impl Rig {
    async fn new(answers: &[Value]) -> Self {
        let tool = Arc::new(Mutex::new(tool()));
        let answers = Arc::new(Mutex::new(VecDeque::from(answers.to_vec())));
        let calls = Arc::new(Mutex::new(0));
        let mut spec = spec("t", &Script::default());
        spec.http = true;
        let shared = (Arc::clone(&tool), Arc::clone(&answers), Arc::clone(&calls));
        spec.svc = TargetSvc::new(service_fn(move |outbound: Outbound| {
            let (tool, answers, calls) = &shared;
            let said = match &outbound.op {
                Op::Call(_) => {
                    *calls.lock().unwrap() += 1;
                    answers.lock().unwrap().pop_front().unwrap()
                }
                Op::List { what, .. } if what.member() == "tools" => {
                    json!({ "tools": [*tool.lock().unwrap()] })
                }
                Op::List { what, .. } => json!({ (what.member()): [] }),
                Op::Describe | Op::Probe => json!({ "capabilities": {
                    "tools": {}, "extensions": { "io.modelcontextprotocol/tasks": {} },
                } }),
            };
            std::future::ready(Ok::<_, Refusal>(Reply::one(Era::Modern, answer(&said))))
        }));
        let registry = registry(vec![spec], Prefix::Always);
        let held = Actions::all(ContractAction::Quarantine);
        registry.hold_to(&contracts(&[tool.lock().unwrap().clone()], held));
        registry.load().await;
        Self { router: router_over(&registry), registry, tool, answers, calls }
    }

    /// The target describes its tool in another way from now on; nobody has been told.
    fn changes(&self) {
        *self.tool.lock().unwrap() = changed();
    }

    fn calls(&self) -> usize {
        *self.calls.lock().unwrap()
    }

    async fn send(&self, call: Call) -> Result<Reply, Refusal> {
        use toolgate_call::Directory as _;
        let plan = call.kind.zip(call.name.as_deref());
        let plan = plan.and_then(|(kind, name)| self.router.lookup(None, kind, name));
        let permitted = toolgate_call::Policy::open().permit(call, plan)?;
        self.router.clone().oneshot(permitted).await
    }

    /// A session of a client that can be asked.
    async fn session(&self) -> String {
        let mut hello = call(Method::Initialize, Version::V2025_11_25);
        hello.session = SessionRef::Wanted(Version::V2025_11_25);
        hello.abilities = Abilities::ALL;
        self.send(hello).await.unwrap().session.unwrap().to_string()
    }
}

fn framed(method: Method, version: Version, message: &Value) -> Call {
    let frame = Frame::new(message.to_string().into(), FrameParts::default());
    Call { frame, ..call(method, version) }
}

fn calling(version: Version) -> Call {
    let body = json!({ "id": 1, "method": "tools/call", "params": {
        "name": "", "arguments": { "region": "eu" },
    } });
    Call { name: Some("t___x".to_owned()), ..framed(Method::ToolsCall, version, &body) }
}

fn stream(reply: Reply) -> Pin<Box<dyn Events>> {
    let Body::Stream(events) = reply.body else { panic!("no stream") };
    events
}

async fn next(events: &mut Pin<Box<dyn Events>>) -> Event {
    let event = timeout(Duration::from_secs(5), poll_fn(|cx| events.as_mut().poll_event(cx)));
    event.await.expect("nothing is said").expect("it is over")
}

#[tokio::test]
async fn no_call_is_made_again_of_a_tool_that_turns_out_to_be_another() {
    let rig = Rig::new(&[json!({ "code": -32020, "message": "no" }), complete()]).await;
    let session = SessionRef::Claimed(rig.session().await);
    rig.changes();
    let call = Call { session, ..calling(Version::V2025_11_25) };
    let refused = rig.send(call).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::Quarantined);
    assert_eq!(rig.calls(), 1, "and that looked at nothing");
}

#[tokio::test]
async fn no_round_is_played_with_a_tool_that_has_become_another() {
    for changes in [false, true] {
        let form = json!({ "method": "elicitation/create", "params": { "message": "who?" } });
        let asks = json!({ "resultType": "input_required", "inputRequests": { "a": form } });
        let rig = Rig::new(&[asks, complete()]).await;
        let session = SessionRef::Claimed(rig.session().await);
        let call = Call { session: session.clone(), ..calling(Version::V2025_11_25) };
        let mut events = stream(rig.send(call).await.unwrap());
        let Event::Notice(question) = next(&mut events).await else { panic!("no question") };
        if changes {
            rig.changes();
            rig.registry.changed("t").await;
        }
        let id = &question.parse::<Value>().unwrap()["id"];
        let said = json!({ "id": id, "result": { "action": "accept", "content": {} } });
        let said = framed(Method::Response, Version::V2025_11_25, &said);
        rig.send(Call { session, ..said }).await.unwrap();
        let Event::Done(end) = next(&mut events).await else { panic!("it goes on") };
        assert_eq!(end.err().map(|end| end.reason()), changes.then_some(Reason::Quarantined));
        assert_eq!(rig.calls(), if changes { 1 } else { 2 });
        assert_eq!(rig.answers.lock().unwrap().len(), usize::from(changes));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_of_a_task_of_a_tool_that_has_become_another() {
    let created = json!({ "resultType": "task", "taskId": "raw", "status": "working" });
    let rig = Rig::new(&[created]).await;
    let call = Call { abilities: Abilities::TASKS, ..calling(Version::LATEST) };
    let id = value(rig.send(call).await.unwrap())["taskId"].clone();
    let wants = json!({ "params": { "notifications": { "taskIds": [id] } } });
    let listen = framed(Method::Listen, Version::LATEST, &wants);
    let listen = Call { abilities: Abilities::TASKS, ..listen };
    let mut events = stream(rig.send(listen).await.unwrap());
    let Event::Notice(accepted) = next(&mut events).await else { panic!("no word of it") };
    let accepted = accepted.parse::<Value>().unwrap();
    assert_eq!(accepted["params"]["notifications"]["taskIds"], json!([id]));
    let tells = |status: &str| {
        let params = json!({ "taskId": "raw", "status": status });
        let word = json!({ "method": "notifications/tasks", "params": params });
        assert!(rig.registry.watches().task("t", "raw", &RawJson::of(&word).unwrap()));
    };
    let heard = async |events: &mut Pin<Box<dyn Events>>| {
        let event = poll_fn(|cx| events.as_mut().poll_event(cx));
        let event = timeout(Duration::from_secs(5), event).await.ok().flatten()?;
        let Event::Notice(raw) = event else { panic!("it is over") };
        raw.parse::<Value>().unwrap()["params"]["status"].as_str().map(str::to_owned)
    };
    tells("working");
    assert_eq!(heard(&mut events).await.as_deref(), Some("working"));
    rig.changes();
    rig.registry.changed("t").await;
    tells("input_required");
    assert_eq!(heard(&mut events).await, None);
    *rig.tool.lock().unwrap() = tool();
    rig.registry.changed("t").await;
    tells("completed");
    assert_eq!(heard(&mut events).await.as_deref(), Some("completed"));
}
