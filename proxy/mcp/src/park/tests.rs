//! Calls that wait, and who may take them further.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use serde_json::Value;
use toolgate_call::{
    Abilities, Answer, AskKind, Body, Call, Case, Deadline, Era, Event, Events, Frame, FrameParts,
    Guards, Kind, Ledger, Meta, Method, PATIENCE, Principal, Question, RawJson, Reason, Refusal,
    Reply, Respond, Said, Scopes, Server, SessionRef, Span, Trace, Version,
};
use toolgate_telemetry::Telemetry;

use super::{Caller, EACH, Live, Parked, States, follow};
use crate::bridge::Way;

const WAY: Way = Way {
    from: Era::Legacy,
    to: Era::Modern,
    method: Method::ToolsCall,
    abilities: Abilities::ALL,
};

/// What a target says, as the test has it say it.
struct Target(tokio::sync::mpsc::UnboundedReceiver<Event>);

/// A call at such a target, and everything that can be seen of it.
struct Scene {
    parked: Parked,
    telemetry: Arc<Telemetry>,
    says: tokio::sync::mpsc::UnboundedSender<Event>,
    said: mpsc::Receiver<Said>,
    sender: mpsc::Sender<Said>,
}

impl Events for Target {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.0.poll_recv(cx)
    }
}

/// Who calls `t___x`, under whatever name.
fn calls(call: &Call) -> Caller {
    Caller::of(call, "t___x", WAY)
}

fn states() -> Arc<States> {
    Arc::new(States::new(b"k").unwrap())
}

impl Scene {
    /// The first answer of a call whose target asks `questions` at once.
    async fn start(questions: usize) -> (Self, Reply) {
        let telemetry = Telemetry::for_tests();
        let parked = Parked::new(states(), Arc::clone(&telemetry));
        Self::over(parked, telemetry, questions).await
    }

    async fn over(parked: Parked, telemetry: Arc<Telemetry>, questions: usize) -> (Self, Reply) {
        let (says, hears) = tokio::sync::mpsc::unbounded_channel();
        let (sender, said) = mpsc::channel();
        let scene = Self { parked, telemetry, says, said, sender };
        (0..questions).for_each(|_| scene.asks());
        let caller = calls(&call("a", "{}", None));
        let live = Live::new(Box::pin(Target(hears)), Guards::default(), &caller);
        let reply = follow(&scene.parked, live, caller).await.unwrap();
        (scene, reply)
    }

    fn asks(&self) {
        let sender = self.sender.clone();
        let respond = Respond::new(move |said| drop(sender.send(said)));
        let params = RawJson::literal(r#"{"message":"who?","elicitationId":"x"}"#);
        self.says.send(Event::Ask(Question { kind: AskKind::Form, params, respond })).unwrap();
    }

    fn parked_now(&self) -> bool {
        self.telemetry.render().contains("\ntoolgate_parked_calls 1")
    }

    fn claim(&self, call: &Call) -> Result<Option<super::Waiting>, Refusal> {
        self.parked.claim(call, &calls(call))
    }

    async fn goes_on(&self, call: &Call) -> Reply {
        let caller = calls(call);
        let waiting = self.parked.claim(call, &caller).unwrap().unwrap();
        match waiting.answer(call.frame.responses()) {
            Ok(live) => follow(&self.parked, live, caller).await.unwrap(),
            Err(waiting) => Reply::one(Era::Modern, self.parked.park(*waiting, &caller).unwrap()),
        }
    }
}

/// A call by that principal with those arguments, perhaps with a state and answers.
fn call(subject: &str, arguments: &str, retry: Option<(&str, &str)>) -> Call {
    let (state, responses) = retry.unwrap_or(("\"none\"", "{}"));
    let body = format!(
        r#"{{"name":"t___x","arguments":{arguments},"requestState":{state},"inputResponses":{responses}}}"#
    );
    let at = |part: &str| {
        let start = body.find(part).unwrap() + part.len();
        move |text: &str| Span { start, end: start + text.len() }
    };
    let parts = FrameParts {
        arguments: Some(at(r#""arguments":"#)(arguments)),
        state: retry.map(|_| at(r#""requestState":"#)(state)),
        responses: retry.map(|_| at(r#""inputResponses":"#)(responses)),
        ..FrameParts::default()
    };
    let now = Instant::now();
    Call {
        method: Method::ToolsCall,
        id: Some(RawJson::literal("1")),
        name: Some("t___x".into()),
        kind: Some(Kind::Tool),
        cursor: None,
        version: Version::LATEST,
        meta: Meta::default(),
        mirrored: Vec::new(),
        frame: Frame::new(Bytes::from(body.clone()), parts),
        abilities: Abilities::ALL,
        hears: true,
        session: SessionRef::None,
        principal: Arc::new(Principal { subject: subject.into(), ..Principal::anonymous() }),
        subject: None,
        server: None,
        peer: None,
        request_id: Arc::from("r"),
        deadline: Deadline::after(now, PATIENCE),
        ledger: Arc::new(Ledger::new(now)),
        trace: Arc::new(Trace::unrecorded()),
    }
}

fn result(reply: &Reply) -> Value {
    let Body::One(Answer::Result { raw, .. }) = &reply.body else { panic!("{reply:?}") };
    raw.parse().unwrap()
}

fn state(reply: &Reply) -> String {
    result(reply)["requestState"].to_string()
}

const ANSWER: &str = r#"{"ask-1":{"action":"accept"},"other":{}}"#;

#[tokio::test(start_paused = true)]
async fn a_call_that_asks_is_parked_and_taken_further_by_its_answer() {
    let (scene, reply) = Scene::start(2).await;
    let asked = result(&reply);
    assert_eq!(asked["resultType"], "input_required");
    let requests = asked["inputRequests"].as_object().unwrap();
    assert_eq!(requests.len(), 2, "what is there is asked at once");
    assert_eq!(requests["ask-1"]["method"], "elicitation/create");
    assert_eq!(requests["ask-1"]["params"], serde_json::json!({ "message": "who?" }));
    assert!(scene.parked_now());
    let both = r#"{"ask-2":{"action":"decline"},"ask-1":{"action":"accept"}}"#;
    let retry = call("a", "{}", Some((&state(&reply), both)));
    scene.says.send(Event::Done(Ok(Answer::result(RawJson::literal("{}"))))).unwrap();
    let last = scene.goes_on(&retry).await;
    assert_eq!(result(&last), serde_json::json!({ "resultType": "complete" }));
    let said = |text: &str| match scene.said.try_recv() {
        Ok(Said::Result(raw)) => assert_eq!(raw.as_bytes(), text.as_bytes()),
        other => panic!("{other:?}"),
    };
    said(r#"{"action":"accept"}"#);
    said(r#"{"action":"decline"}"#);
    assert!(!scene.parked_now());
    assert_eq!(scene.claim(&retry).unwrap_err().case(), Case::ParamsInvalid, "used twice");
}

#[tokio::test(start_paused = true)]
async fn without_all_answers_it_is_asked_again_with_another_state() {
    let (scene, reply) = Scene::start(1).await;
    let first = state(&reply);
    for answers in ["{}", r#"{"ask-9":{}}"#, r#"{"ask-1":"accept"}"#] {
        let (scene, reply) = Scene::start(1).await;
        let again = scene.goes_on(&call("a", "{}", Some((&state(&reply), answers)))).await;
        assert_eq!(result(&again)["inputRequests"], result(&reply)["inputRequests"]);
        assert_ne!(state(&again), state(&reply));
        assert!(scene.said.try_recv().is_err(), "nobody was answered");
        assert!(scene.claim(&call("a", "{}", Some((&state(&reply), ANSWER)))).is_err());
    }
    // A further question is another round.
    scene.asks();
    let next = scene.goes_on(&call("a", "{}", Some((&first, ANSWER)))).await;
    assert!(result(&next)["inputRequests"]["ask-2"].is_object(), "{next:?}");
}

#[tokio::test(start_paused = true)]
async fn nobody_else_and_nothing_else_takes_it_further() {
    let (scene, reply) = Scene::start(1).await;
    let good = state(&reply);
    let mut tampered = good.clone().into_bytes();
    let at = tampered.len() - 5;
    tampered[at] = if tampered[at] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    let cut = format!("{}\"", good.chars().take(good.len() / 2).collect::<String>());
    let said = |call: Call| scene.claim(&call).unwrap_err();
    for (subject, arguments, state) in [
        ("a", "{}", tampered.as_str()),
        ("a", "{}", cut.as_str()),
        ("b", "{}", good.as_str()),
        ("a", r#"{"x":1}"#, good.as_str()),
    ] {
        let refusal = said(call(subject, arguments, Some((state, ANSWER))));
        assert_eq!(refusal.case(), Case::ParamsInvalid);
        assert!(refusal.message().contains("start anew"), "{refusal}");
    }
    let replica = Parked::new(states(), Telemetry::for_tests());
    let retry = call("a", "{}", Some((&good, ANSWER)));
    let refusal = replica.claim(&retry, &calls(&retry)).unwrap_err();
    assert!(refusal.message().contains("another replica"), "{refusal}");
    // What others gave is theirs: it goes on to the target as it is.
    for theirs in ["\"opaque\"", "\"tg1.AAAAAAAA.xyz\"", "17"] {
        assert!(scene.claim(&call("a", "{}", Some((theirs, ANSWER)))).unwrap().is_none());
    }
    let stranger = Parked::new(Arc::new(States::new(b"other").unwrap()), Telemetry::for_tests());
    assert!(stranger.claim(&retry, &calls(&retry)).unwrap().is_none());
    assert!(scene.claim(&retry).unwrap().is_some(), "after all of it, it is still there");
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_caller_does_not_come_back_is_given_up() {
    let (scene, reply) = Scene::start(1).await;
    let text = state(&reply);
    let start = tokio::time::Instant::now();
    let dropped = scene.says.closed();
    dropped.await;
    assert_eq!(start.elapsed(), PATIENCE);
    assert!(matches!(scene.said.try_recv(), Ok(Said::Expired)));
    assert!(scene.says.is_closed(), "the stream was dropped, which cancels the call");
    assert!(!scene.parked_now());
    let refusal = scene.claim(&call("a", "{}", Some((&text, ANSWER)))).unwrap_err();
    assert!(refusal.message().contains("expired"), "{refusal}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ends_while_it_is_parked_holds_nothing_but_its_end() {
    let telemetry = Telemetry::for_tests();
    let parked = Parked::new(states(), Arc::clone(&telemetry));
    let mut ended = Vec::new();
    // More than one principal may park at once: those that are over refuse nobody a place.
    for _ in 0..=EACH {
        let (scene, reply) = Scene::over(parked.clone(), Arc::clone(&telemetry), 1).await;
        let broken = Refusal::target(Reason::OutcomeUnknown, &Arc::from("t"), "broke off");
        scene.says.send(Event::Notice(RawJson::literal("{}"))).unwrap();
        scene.says.send(Event::Done(Err(broken))).unwrap();
        scene.says.closed().await;
        assert!(telemetry.render().contains("\ntoolgate_parked_calls 0"));
        ended.push((scene, state(&reply)));
    }
    let (scene, text) = ended.remove(0);
    let first = scene.claim(&call("a", "{}", Some((&text, ANSWER))));
    assert!(first.is_err(), "the oldest end has made room");
    for (scene, text) in &ended {
        let retry = call("a", "{}", Some((text, ANSWER)));
        let caller = calls(&retry);
        let waiting = scene.claim(&retry).unwrap().unwrap();
        let live = waiting.answer(retry.frame.responses()).unwrap();
        assert!(!matches!(scene.said.try_recv(), Ok(Said::Result(_))), "nobody is there to hear");
        let reply = follow(&parked, live, caller).await.unwrap();
        let Body::Stream(mut events) = reply.body else { panic!("{reply:?}") };
        let mut next =
            || futures_util::FutureExt::now_or_never(poll_fn(|cx| events.as_mut().poll_event(cx)));
        assert!(matches!(next(), Some(Some(Event::Notice(_)))));
        let Some(Some(Event::Done(Err(refusal)))) = next() else { panic!("no end") };
        assert_eq!(refusal.reason(), Reason::OutcomeUnknown);
        assert!(scene.claim(&retry).is_err(), "once");
    }
}

#[tokio::test(start_paused = true)]
async fn one_principal_parks_so_many_and_the_target_is_told() {
    let telemetry = Telemetry::for_tests();
    let parked = Parked::new(states(), Arc::clone(&telemetry));
    let mut scenes = Vec::new();
    for _ in 0..EACH {
        scenes.push(Scene::over(parked.clone(), Arc::clone(&telemetry), 1).await);
    }
    assert!(telemetry.render().contains(&format!("\ntoolgate_parked_calls {EACH}")));
    let (says, hears) = tokio::sync::mpsc::unbounded_channel();
    let (sender, said) = mpsc::channel();
    let respond = Respond::new(move |said| drop(sender.send(said)));
    let params = RawJson::literal("{}");
    says.send(Event::Ask(Question { kind: AskKind::Roots, params, respond })).unwrap();
    says.send(Event::Done(Ok(Answer::result(RawJson::literal("{}"))))).unwrap();
    let caller = calls(&call("a", "{}", None));
    let live = Live::new(Box::pin(Target(hears)), Guards::default(), &caller);
    drop(follow(&parked, live, caller).await);
    assert!(matches!(said.try_recv(), Ok(Said::Abandoned)), "it was over at once");
    let (scene, reply) = {
        let telemetry = Arc::clone(&telemetry);
        let (says, hears) = tokio::sync::mpsc::unbounded_channel();
        let (sender, said) = mpsc::channel();
        let scene = Scene { parked: parked.clone(), telemetry, says, said, sender };
        scene.asks();
        let caller = calls(&call("a", "{}", None));
        let live = Live::new(Box::pin(Target(hears)), Guards::default(), &caller);
        let ends = async {
            while let Err(mpsc::TryRecvError::Empty) = scene.said.try_recv() {
                tokio::task::yield_now().await;
            }
            scene.says.send(Event::Done(Ok(Answer::result(RawJson::literal("{}"))))).unwrap();
        };
        let (reply, ()) = tokio::join!(follow(&parked, live, caller), ends);
        (scene, reply.unwrap())
    };
    assert_eq!(result(&reply)["resultType"], "complete", "told no, the target went on");
    drop((scene, scenes));
}

#[tokio::test]
async fn a_state_is_good_at_its_server_only() {
    let (scene, reply) = Scene::start(1).await;
    let state = state(&reply);
    let mut retry = call("a", "{}", Some((&state, ANSWER)));
    let server = Server { name: "s".into(), number: 0, scopes: Scopes::default() };
    retry.server = Some(Arc::new(server));
    assert_eq!(scene.claim(&retry).unwrap_err().case(), Case::ParamsInvalid);
    retry.server = None;
    assert!(scene.claim(&retry).unwrap().is_some());
}

#[tokio::test]
async fn a_name_that_belongs_to_another_tool_by_now_takes_nothing_further() {
    let (scene, reply) = Scene::start(1).await;
    let retry = call("a", "{}", Some((&state(&reply), ANSWER)));
    let other = Caller::of(&retry, "u___x", WAY);
    let refusal = scene.parked.claim(&retry, &other).unwrap_err();
    assert!(refusal.message().contains("start anew"), "{refusal}");
    assert!(scene.claim(&retry).unwrap().is_some(), "it is still there");
}

#[tokio::test(start_paused = true)]
async fn nobody_takes_the_place_of_anothers_end() {
    let telemetry = Telemetry::for_tests();
    let parked = Parked::new(states(), Arc::clone(&telemetry));
    let ends = async |subject: &str| {
        let (says, hears) = tokio::sync::mpsc::unbounded_channel();
        let (sender, said) = mpsc::channel();
        let telemetry = Arc::clone(&telemetry);
        let scene = Scene { parked: parked.clone(), telemetry, says, said, sender };
        scene.asks();
        let caller = calls(&call(subject, "{}", None));
        let live = Live::new(Box::pin(Target(hears)), Guards::default(), &caller);
        let reply = follow(&parked, live, caller).await.unwrap();
        scene.says.send(Event::Done(Ok(Answer::result(RawJson::literal("{}"))))).unwrap();
        scene.says.closed().await;
        (scene, state(&reply))
    };
    let (scene, text) = ends("a").await;
    for _ in 0..2 * super::MOST {
        drop(ends("b").await);
    }
    assert!(scene.claim(&call("a", "{}", Some((&text, ANSWER)))).unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn of_what_is_said_to_a_parked_call_no_more_is_kept_than_is_worth_it() {
    let (scene, reply) = Scene::start(1).await;
    let large = || RawJson::built(" ".repeat(100 * 1024).into());
    for _ in 0..8 {
        scene.says.send(Event::Notice(large())).unwrap();
    }
    scene.says.send(Event::Done(Ok(Answer::result(RawJson::literal("{}"))))).unwrap();
    scene.says.closed().await;
    let retry = call("a", "{}", Some((&state(&reply), ANSWER)));
    let Body::Stream(mut events) = scene.goes_on(&retry).await.body else { panic!("no stream") };
    let mut heard = 0;
    while let Some(Event::Notice(_)) = poll_fn(|cx| events.as_mut().poll_event(cx)).await {
        heard += 1;
    }
    assert_eq!(heard, 2, "of 256 KiB");
}
