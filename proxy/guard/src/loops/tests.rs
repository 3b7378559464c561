//! Who goes round in circles, and who only asks often.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use toolgate_call::{
    Answer, Body, Call, Case, Era, Event, Events, Method, Permitted, Policy, Principal, RawJson,
    Refusal, Reply,
};
use toolgate_telemetry::Telemetry;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use super::{LoopLayer, LoopRule};
use crate::Replying;
use crate::tests::{call, plan};

const RULE: LoopRule =
    LoopRule { slow_after: 3, stop_after: 6, forget_after: Duration::from_secs(60) };

/// Answers with what it was told last, as a stream if it is told to.
#[derive(Clone, Default)]
struct Target {
    says: Arc<Mutex<String>>,
    streams: bool,
    calls: Arc<AtomicUsize>,
}

struct One(Option<Answer>);

impl Events for One {
    fn poll_event(mut self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Event>> {
        Poll::Ready(self.0.take().map(|answer| Event::Done(Ok(answer))))
    }
}

impl Target {
    fn says(&self, json: &str) {
        *self.says.lock().unwrap() = json.to_owned();
    }

    fn behind(
        &self,
        rule: Option<LoopRule>,
        most: usize,
        telemetry: &Arc<Telemetry>,
    ) -> impl Service<Permitted, Response = Reply, Error = Refusal, Future = Replying> + Clone + use<>
    {
        let target = self.clone();
        let inner = service_fn(move |_: Permitted| -> Replying {
            target.calls.fetch_add(1, SeqCst);
            let answer = Answer::result(RawJson::built(target.says.lock().unwrap().clone().into()));
            let reply = if target.streams {
                Reply::stream(Era::Modern, Box::pin(One(Some(answer))))
            } else {
                Reply::one(Era::Modern, answer)
            };
            Box::pin(std::future::ready(Ok(reply)))
        });
        LoopLayer::new(rule, most, Arc::clone(telemetry)).layer(inner)
    }
}

fn permitted(who: &str, tool: &str) -> Permitted {
    let mut principal = Principal::anonymous();
    principal.subject = Arc::from(who);
    let call = Call { principal: Arc::new(principal), ..call(Method::ToolsCall, Some(tool), &[]) };
    Policy::open().permit(call, Some(plan(tool, &[]))).unwrap()
}

/// Calls, reads the answer, and says how long that took.
async fn ask<S>(gate: &S, who: &str, tool: &str) -> Result<u64, Refusal>
where
    S: Service<Permitted, Response = Reply, Error = Refusal, Future = Replying> + Clone,
{
    let began = Instant::now();
    let reply = gate.clone().oneshot(permitted(who, tool)).await?;
    if let Body::Stream(mut events) = reply.body {
        std::future::poll_fn(|cx| events.as_mut().poll_event(cx)).await;
    }
    Ok(began.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn the_same_answer_slows_a_caller_and_stops_it_and_nobody_else() {
    for streams in [false, true] {
        let (target, telemetry) = (Target { streams, ..Target::default() }, Telemetry::for_tests());
        target.says("{}");
        let gate = target.behind(Some(RULE), 100, &telemetry);
        let mut waits = Vec::new();
        for _ in 0..6 {
            waits.push(ask(&gate, "a", "x").await.unwrap());
        }
        assert_eq!(waits, [0, 0, 0, 1, 2, 3]);
        let refusal = ask(&gate, "a", "x").await.unwrap_err();
        assert_eq!(refusal.case(), Case::Looping);
        assert!(refusal.message().contains("6 times in a row"), "{}", refusal.message());
        assert_eq!(target.calls.load(SeqCst), 6);
        for (who, tool) in [("b", "x"), ("a", "y")] {
            assert_eq!(ask(&gate, who, tool).await.unwrap(), 0, "{who} {tool}");
        }
        // What it is told to wait is enough.
        tokio::time::advance(refusal.wait().unwrap()).await;
        assert_eq!(ask(&gate, "a", "x").await.unwrap(), 0);
        let page = telemetry.render();
        for (outcome, count) in [("slowed", 3), ("stopped", 1)] {
            let line = format!("toolgate_repeated_calls_total{{outcome=\"{outcome}\"}} {count}");
            assert!(page.contains(&line), "{line}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_told_something_new_may_go_on() {
    let (target, telemetry) = (Target::default(), Telemetry::for_tests());
    let gate = target.behind(Some(RULE), 100, &telemetry);
    for n in 0..50 {
        target.says(&format!(r#"{{"done":{}}}"#, n / 2));
        assert_eq!(ask(&gate, "a", "x").await.unwrap(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_rule_nothing_is_held_up_and_nothing_is_remembered_for_ever() {
    let (target, telemetry) = (Target::default(), Telemetry::for_tests());
    target.says("{}");
    let gate = target.behind(None, 100, &telemetry);
    for _ in 0..50 {
        assert_eq!(ask(&gate, "a", "x").await.unwrap(), 0);
    }
    let gate = target.behind(Some(RULE), 5, &telemetry);
    for n in 0..20 {
        ask(&gate, &n.to_string(), "x").await.unwrap();
    }
    let line = "toolgate_repeated_calls_total{outcome=\"forgotten\"} 15";
    assert!(telemetry.render().contains(line));
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_wait_than_there_are_places() {
    let (target, telemetry) = (Target::default(), Telemetry::for_tests());
    target.says("{}");
    let gate = target.behind(Some(RULE), 100, &telemetry);
    for _ in 0..3 {
        ask(&gate, "a", "x").await.unwrap();
    }
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..super::PAUSED {
        let gate = gate.clone();
        waiting.spawn(async move { ask(&gate, "a", "x").await });
    }
    let all = format!("toolgate_repeated_calls_total{{outcome=\"slowed\"}} {}\n", super::PAUSED);
    while !telemetry.render().contains(&all) {
        tokio::task::yield_now().await;
    }
    let refusal = ask(&gate, "a", "x").await.unwrap_err();
    assert_eq!(refusal.case(), Case::Overloaded);
    while let Some(done) = waiting.join_next().await {
        assert_eq!(done.unwrap().unwrap(), 1);
    }
}
