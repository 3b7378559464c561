//! Modern targets that ask clients of the older era.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use toolgate_call::{
    Abilities, Answer, Body, Deadline, Era, Event, Events, Frame, FrameParts, Ledger, Method, Op,
    Outbound, PATIENCE, Phase, Policy, RawJson, Reason, Refusal, Reply, Version,
};
use toolgate_telemetry::Telemetry;
use tower::service_fn;

use super::routing::call;
use crate::TargetSvc;
use crate::bridge::Way;
use crate::legacy::{Asks, Rounds};
use crate::router::Still;

const SESSION: &str = "s";

/// A call of a client, its target's answers in a row, and what the target was sent after the first.
struct Scene {
    asks: Asks,
    events: Pin<Box<dyn Events>>,
    sent: Arc<Mutex<Vec<Outbound>>>,
    telemetry: Arc<Telemetry>,
    ledger: Arc<Ledger>,
}

fn asks(requests: &Value, state: &str) -> Value {
    json!({ "resultType": "input_required", "inputRequests": requests, "requestState": state })
}

fn form() -> Value {
    json!({ "method": "elicitation/create", "params": { "mode": "form", "message": "who?" } })
}

fn answer(value: &Value) -> Answer {
    Answer::result(RawJson::built(value.to_string().into()))
}

impl Scene {
    fn new(version: Version, answers: &[Value]) -> Self {
        let (sent, ledger) = (Arc::default(), Arc::new(Ledger::new(Instant::now())));
        let mut answers: VecDeque<Answer> = answers.iter().map(answer).collect();
        let first = Reply::one(Era::Modern, answers.pop_front().unwrap());
        let (answers, seen) = (Arc::new(Mutex::new(answers)), Arc::clone(&sent));
        let target = TargetSvc::new(service_fn(move |outbound: Outbound| {
            let seen: &Mutex<Vec<Outbound>> = &seen;
            seen.lock().unwrap().push(outbound);
            let answer = answers.lock().unwrap().pop_front().unwrap();
            async move { Ok(Reply::one(Era::Modern, answer)) }
        }));
        let permitted = Policy::open().permit(call(Method::ToolsCall, version), None).unwrap();
        let outbound = Outbound {
            op: Op::Call(Arc::new(permitted)),
            deadline: Deadline::after(Instant::now(), PATIENCE * 2),
            ledger: Arc::clone(&ledger),
            request_id: Arc::from("r"),
            trace: None,
            abilities: Abilities::known_to(version),
            more: None,
        };
        let (method, abilities) = (Method::ToolsCall, Abilities::NONE);
        let way = Way { from: Era::Modern, to: Era::Legacy, method, abilities };
        let (asks, telemetry) = (Asks::new(), Telemetry::for_tests());
        let (session, told) = (SESSION.to_owned(), Arc::clone(&telemetry));
        let table = asks.clone();
        let registry = super::lists::registry(Vec::new(), crate::Prefix::Always);
        let still = Still { registry, policy: Arc::new(Policy::open()) };
        let rounds =
            Rounds { asks: table, session, version, way, target, outbound, telemetry: told, still };
        let Body::Stream(events) = rounds.reply(first).body else { panic!("no stream") };
        Self { asks, events, sent, telemetry, ledger }
    }

    /// The next question; or the end.
    async fn next(&mut self) -> Result<Value, Result<Value, Refusal>> {
        match std::future::poll_fn(|cx| self.events.as_mut().poll_event(cx)).await {
            Some(Event::Notice(raw)) => Ok(raw.parse().unwrap()),
            Some(Event::Done(Ok(Answer::Result { raw, .. }))) => Err(Ok(raw.parse().unwrap())),
            Some(Event::Done(Err(refusal))) => Err(Err(refusal)),
            other => panic!("{other:?}"),
        }
    }

    fn says(&self, question: &Value, member: &str, value: &Value) {
        let response = json!({ "jsonrpc": "2.0", "id": question["id"], member: value });
        let frame = Frame::new(response.to_string().into(), FrameParts::default());
        self.asks.answered(SESSION, &frame).unwrap();
    }

    fn counted(&self, event: &str) -> bool {
        let wanted = format!(r#"{{kind="elicitation_form",event="{event}"}} 1"#);
        self.telemetry.render().contains(&wanted)
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_call_is_made_again_with_the_answers_and_the_state_as_it_came() {
    let state = "s\u{e9}\"\\ {}";
    let two = json!({ "a": form(), "b": { "method": "roots/list" } });
    let complete = json!({ "resultType": "complete", "content": [] });
    let mut scene = Scene::new(Version::V2025_11_25, &[asks(&two, state), complete]);
    let first = scene.next().await.unwrap();
    assert_eq!(first["method"], "elicitation/create");
    assert_eq!(first["params"], json!({ "mode": "form", "message": "who?" }));
    let second = scene.next().await.unwrap();
    assert_eq!(second["method"], "roots/list");
    assert_ne!(first["id"], second["id"]);
    scene.says(&second, "result", &json!({ "roots": [] }));
    assert!(scene.sent.lock().unwrap().is_empty(), "not before all is answered");
    assert_eq!(scene.ledger.phase(), Phase::Write, "the caller takes the time");
    scene.says(&first, "result", &json!({ "action": "decline" }));
    assert_eq!(scene.next().await.unwrap_err().unwrap(), json!({ "content": [] }));
    let sent = scene.sent.lock().unwrap();
    let more = format!("{{{}}}", sent[0].more.as_deref().unwrap());
    let more: Value = serde_json::from_str(&more).unwrap();
    let responses = json!({ "a": { "action": "decline" }, "b": { "roots": [] } });
    assert_eq!(more, json!({ "inputResponses": responses, "requestState": state }));
    assert!(!sent[0].repeatable(), "an answer is given once");
    assert!(scene.counted("answered"));
}

#[tokio::test(start_paused = true)]
async fn a_client_hears_only_words_of_its_revision() {
    let page = json!({ "mode": "url", "message": "open", "url": "https://x/" });
    let page = json!({ "p": { "method": "elicitation/create", "params": page } });
    let mut scene = Scene::new(Version::V2025_11_25, &[asks(&page, "s")]);
    let question = scene.next().await.unwrap();
    assert_eq!(question["params"]["elicitationId"].as_str().map(str::len), Some(32));
    // Neither a page before 2025-11-25 nor a form before 2025-06-18.
    for (version, wanted) in
        [(Version::V2025_06_18, &page), (Version::V2025_03_26, &json!({ "f": form() }))]
    {
        let mut scene = Scene::new(version, &[asks(wanted, "s")]);
        let refusal = scene.next().await.unwrap_err().unwrap_err();
        assert_eq!(refusal.reason(), Reason::UpstreamProtocol, "{version:?}");
    }
    let mut scene = Scene::new(Version::V2025_06_18, &[asks(&json!({ "f": form() }), "s")]);
    assert_eq!(scene.next().await.unwrap()["params"], json!({ "message": "who?" }));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_fails_cancels_a_form_and_ends_everything_else() {
    let complete = json!({ "resultType": "complete" });
    let failed = json!({ "code": -32000, "message": "no" });
    let wanted = asks(&json!({ "f": form() }), "s");
    let mut scene = Scene::new(Version::V2025_11_25, &[wanted, complete.clone()]);
    let question = scene.next().await.unwrap();
    scene.says(&question, "error", &failed);
    scene.next().await.unwrap_err().unwrap();
    let more = scene.sent.lock().unwrap()[0].more.clone().unwrap();
    assert!(more.contains(r#"{"f":{"action":"cancel"}}"#), "{more}");
    let wanted = asks(&json!({ "r": { "method": "roots/list" } }), "s");
    let mut scene = Scene::new(Version::V2025_11_25, &[wanted, complete]);
    let question = scene.next().await.unwrap();
    scene.says(&question, "error", &failed);
    let refusal = scene.next().await.unwrap_err().unwrap_err();
    assert_eq!(refusal.reason(), Reason::ClientCancelled);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_answers_ends_the_call() {
    let mut scene = Scene::new(Version::V2025_11_25, &[asks(&json!({ "f": form() }), "s")]);
    scene.next().await.unwrap();
    let start = tokio::time::Instant::now();
    let refusal = scene.next().await.unwrap_err().unwrap_err();
    assert_eq!(refusal.reason(), Reason::ClientCancelled);
    assert!(start.elapsed() >= PATIENCE - Duration::from_secs(1));
    assert!(scene.counted("expired") && !scene.counted("abandoned"));
}

#[tokio::test(start_paused = true)]
async fn a_question_goes_with_its_call() {
    let mut scene = Scene::new(Version::V2025_11_25, &[asks(&json!({ "f": form() }), "s")]);
    let question = scene.next().await.unwrap();
    scene.events = Box::pin(Nothing);
    assert!(scene.counted("abandoned"));
    scene.says(&question, "result", &json!({}));
    assert!(scene.sent.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_target_asks_ten_times_and_no_more() {
    let again = json!({ "resultType": "input_required", "requestState": "busy" });
    let mut scene = Scene::new(Version::V2025_11_25, &vec![again; 12]);
    let refusal = scene.next().await.unwrap_err().unwrap_err();
    assert_eq!(refusal.reason(), Reason::UpstreamProtocol);
    let sent = scene.sent.lock().unwrap();
    assert_eq!(sent.len(), 10, "{refusal}");
    assert_eq!(sent[0].more.as_deref(), Some(r#""requestState":"busy""#));
}

/// A stream that is none.
struct Nothing;

impl Events for Nothing {
    fn poll_event(
        self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Event>> {
        std::task::Poll::Ready(None)
    }
}
