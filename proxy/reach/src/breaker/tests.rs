//! What the breaker promises.

use std::time::Duration;

use toolgate_call::{Answer, Phase, Plan, RawJson, Reason, Refusal};

use crate::testing::{
    Bit, Rig, Step, answer, call, call_within, config, drain, next, retry, sent, tool, unsent,
};
use crate::{BreakerConfig, ReachConfig};

const OPEN: Duration = Duration::from_secs(5);

fn rig(steps: impl IntoIterator<Item = Step>) -> Rig {
    let breaker = BreakerConfig { failures: 2, open: OPEN };
    Rig::with(ReachConfig { breaker, ..config() }, steps)
}

fn once() -> Plan {
    Plan { retry: retry(1), ..tool() }
}

fn fails() -> Step {
    Step::Fails(sent(Reason::Upstream5xx))
}

async fn opened(steps: impl IntoIterator<Item = Step>) -> Rig {
    let rig = rig([fails(), fails()].into_iter().chain(steps));
    rig.refused(call(once())).await;
    rig.refused(call(once())).await;
    assert!(!rig.reach.health.status().0);
    rig
}

async fn rejected(rig: &Rig) -> Refusal {
    let before = rig.attempts();
    let refusal = rig.refused(call(once())).await;
    assert_eq!(refusal.reason(), Reason::CircuitOpen);
    assert_eq!(rig.attempts(), before, "nothing is sent");
    refusal
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_refuses_at_once_and_says_when_to_come_back() {
    let rig = opened([]).await;
    let refusal = rejected(&rig).await;
    assert_eq!(refusal.wait(), Some(OPEN));
    assert!(refusal.message().contains("opens again for a trial in 5 s"));
    assert!(refusal.is_retry_safe() && !refusal.was_sent());
    assert_eq!(rig.metric("toolgate_circuit_rejected_total", &[]), 1.0);
    assert_eq!(rig.metric("toolgate_circuit_state", &["open"]), 1.0);
    assert_eq!(rig.metric("toolgate_circuit_state", &["closed"]), 0.0);
}

#[tokio::test(start_paused = true)]
async fn the_wait_is_told_in_whole_seconds_rounded_up() {
    let rig = opened([]).await;
    tokio::time::advance(Duration::from_millis(1_700)).await;
    assert_eq!(rejected(&rig).await.wait(), Some(Duration::from_secs(4)));
}

#[tokio::test(start_paused = true)]
async fn one_trial_passes_and_its_success_closes_the_circuit() {
    let rig = opened([Step::Slow(Duration::from_secs(1))]).await;
    tokio::time::advance(OPEN).await;
    let (trial, other) = tokio::join!(rig.send(call(once())), rig.send(call(once())));
    trial.unwrap();
    assert_eq!(other.unwrap_err().reason(), Reason::CircuitOpen);
    rig.send(call(once())).await.unwrap();
    assert_eq!(rig.metric("toolgate_circuit_state", &["closed"]), 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_trial_that_fails_opens_it_for_twice_as_long() {
    let rig = opened([fails()]).await;
    tokio::time::advance(OPEN).await;
    rig.refused(call(once())).await;
    assert_eq!(rejected(&rig).await.wait(), Some(OPEN * 2));
}

#[tokio::test(start_paused = true)]
async fn a_trial_whose_caller_leaves_does_not_stick() {
    let rig = opened([Step::Hangs(Phase::Wait)]).await;
    tokio::time::advance(OPEN).await;
    let leaving = rig.send(call(once()));
    tokio::time::timeout(Duration::from_secs(1), leaving).await.unwrap_err();
    rig.send(call(once())).await.unwrap();
    assert!(rig.reach.health.status().0);
}

#[tokio::test(start_paused = true)]
async fn a_trial_that_is_never_polled_does_not_stick() {
    let rig = opened([]).await;
    tokio::time::advance(OPEN).await;
    let mut svc = rig.reach.svc.clone();
    std::future::poll_fn(|cx| tower::Service::poll_ready(&mut svc, cx)).await.unwrap();
    drop(tower::Service::call(&mut svc, call(once())));
    rig.send(call(once())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn failures_that_say_nothing_about_the_target_do_not_open_it() {
    let error = Answer::Error { raw: RawJson::literal("{}"), code: -32603 };
    let tool_error = Answer::Result { raw: RawJson::literal("{}"), is_error: true };
    let rig = rig([
        Step::Says(error),
        Step::Says(tool_error),
        Step::Fails(sent(Reason::Upstream4xx)),
        Step::Fails(unsent(Reason::InvalidParams)),
        Step::Fails(unsent(Reason::Internal)),
        Step::Fails(unsent(Reason::Shutdown)),
    ]);
    for _ in 0..6 {
        drop(rig.send(call(once())).await);
    }
    assert_eq!(rig.attempts(), 6);
    rig.send(call(once())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn any_answer_shows_that_the_target_is_well() {
    let tool_error = Answer::Result { raw: RawJson::literal("{}"), is_error: true };
    for answered in [Step::Says(tool_error), Step::Fails(sent(Reason::Upstream4xx))] {
        let rig = rig([fails(), answered, fails()]);
        for _ in 0..3 {
            drop(rig.send(call(once())).await);
        }
        rig.send(call(once())).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_lets_its_time_run_out_opens_it() {
    let rig = rig([Step::Hangs(Phase::Wait), Step::Hangs(Phase::Connect)]);
    rig.refused(call(once())).await;
    rig.refused(call(once())).await;
    rejected(&rig).await;
}

#[tokio::test(start_paused = true)]
async fn callers_in_a_hurry_do_not_open_it_for_all() {
    let rig = rig((0..10).map(|_| Step::Hangs(Phase::Wait)));
    for _ in 0..10 {
        rig.refused(call_within(once(), Duration::from_millis(5))).await;
    }
    rig.send(call(once())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn callers_who_leave_do_not_open_it() {
    let rig = rig((0..10).map(|_| Step::Hangs(Phase::Wait)));
    for _ in 0..10 {
        let leaving = rig.send(call(once()));
        tokio::time::timeout(Duration::from_secs(20), leaving).await.unwrap_err();
    }
    rig.send(call(once())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn streams_count_by_how_they_end() {
    let broken = || Step::Streams(vec![Bit::Notice, Bit::Done(Err(sent(Reason::Reset)))]);
    let rig = rig([broken(), Step::Streams(vec![Bit::Notice, Bit::Hang])]);
    for _ in 0..2 {
        let mut reply = rig.send(call(once())).await.unwrap();
        drain(&mut reply).await.1.unwrap_err();
    }
    rejected(&rig).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_its_caller_drops_counts_neither_way() {
    let steps = (0..4).map(|_| Step::Streams(vec![Bit::Notice, Bit::Hang]));
    let rig = rig(steps);
    for _ in 0..4 {
        let mut reply = rig.send(call(once())).await.unwrap();
        next(&mut reply).await;
    }
    assert_eq!(rig.cancelled(), 4);
    rig.send(call(once())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_head_of_a_stream_ends_a_trial_well() {
    let bits = vec![Bit::Pause(Duration::from_secs(20)), Bit::Done(Ok(answer()))];
    let rig = opened([Step::Streams(bits)]).await;
    tokio::time::advance(OPEN).await;
    let mut trial = rig.send(call(once())).await.unwrap();
    rig.send(call(once())).await.unwrap();
    drain(&mut trial).await.1.unwrap();
    assert!(rig.reach.health.status().0);
}
