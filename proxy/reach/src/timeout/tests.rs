//! What the deadline promises.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use toolgate_call::{Event, Op, PATIENCE, Phase, Plan, Reason, Refusal, Said};

use crate::testing::{
    Bit, Rig, Step, answer, call, call_hurried, call_within, config, drain, idempotent, list, next,
    tool,
};

const SECOND: Duration = Duration::from_secs(1);

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn once() -> Plan {
    Plan { retry: crate::testing::retry(1), ..tool() }
}

async fn hung_in(phase: Phase, plan: Plan) -> (Refusal, Duration) {
    let rig = Rig::new([Step::Hangs(phase)]);
    let start = Instant::now();
    let refusal = rig.refused(call(plan)).await;
    assert_eq!(rig.cancelled(), 1, "the attempt is cancelled");
    (refusal, start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_the_tool_ends_a_call_that_gets_no_answer() {
    let (refusal, took) = hung_in(Phase::Wait, once()).await;
    assert_eq!(refusal.reason(), Reason::TimeoutFirstByte);
    assert_eq!(took.as_secs(), 30);
    assert!(refusal.message().contains("`t___x` did not answer within its limit of 30 s"));
    assert!(refusal.message().contains("look before repeating"));
    assert!(refusal.was_sent() && !refusal.is_retry_safe());
}

#[tokio::test(start_paused = true)]
async fn the_reason_of_a_timeout_says_where_the_call_stood() {
    for (phase, reason) in [
        (Phase::Connect, Reason::TimeoutConnect),
        (Phase::Send, Reason::TimeoutFirstByte),
        (Phase::Wait, Reason::TimeoutFirstByte),
        (Phase::Receive, Reason::TimeoutTotal),
    ] {
        let (refusal, _) = hung_in(phase, once()).await;
        assert_eq!(refusal.reason(), reason, "{phase:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_is_safe_to_repeat_if_nothing_was_sent_or_twice_is_the_same_as_once() {
    for (phase, plan, safe) in [
        (Phase::Connect, once(), true),
        (Phase::Send, once(), false),
        (Phase::Receive, once(), false),
        (Phase::Send, idempotent(), true),
        (Phase::Receive, idempotent(), true),
    ] {
        let (refusal, _) = hung_in(phase, plan).await;
        assert_eq!(refusal.is_retry_safe(), safe, "{phase:?}");
        assert_eq!(refusal.was_sent(), phase != Phase::Connect);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sooner_deadline_of_the_call_ends_it_and_is_named() {
    let rig = Rig::new([Step::Hangs(Phase::Wait)]);
    let start = Instant::now();
    let refusal = rig.refused(call_within(tool(), Duration::from_millis(1500))).await;
    assert_eq!(start.elapsed(), Duration::from_millis(1500));
    assert!(refusal.message().contains("within the 1.5 s that were left of the gateway's limit"));
    assert_eq!(rig.metric("toolgate_timeouts_total", &["first_byte"]), 1.0);
}

/// Whoever waits for less than half of what the target may take has hung up, and no circuit opens.
#[tokio::test(start_paused = true)]
async fn a_caller_that_hurries_is_to_blame_itself() {
    let mut config = config();
    config.breaker.failures = 1;
    let rig = Rig::with(config, [Step::Hangs(Phase::Wait)]);
    let start = Instant::now();
    let outbound = call_hurried(tool(), 14 * SECOND);
    let ledger = std::sync::Arc::clone(&outbound.ledger);
    let refusal = rig.refused(outbound).await;
    assert_eq!(start.elapsed(), 14 * SECOND);
    assert_eq!(refusal.reason(), Reason::ClientCancelled);
    assert!(
        refusal.message().contains("within the 14 s that were left of its caller's limit"),
        "{refusal:?}"
    );
    assert!(refusal.was_sent() && !refusal.is_retry_safe());
    assert_eq!(ledger.notes().last().unwrap().reason, Some(Reason::ClientCancelled));
    assert_eq!(rig.metric("toolgate_timeouts_total", &[]), 0.0);
    assert_eq!(rig.metric("toolgate_circuit_state", &["open"]), 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_waits_long_enough_learns_that_the_target_is_slow() {
    let rig = Rig::new([Step::Hangs(Phase::Wait)]);
    let refusal = rig.refused(call_hurried(tool(), 16 * SECOND)).await;
    assert_eq!(refusal.reason(), Reason::TimeoutFirstByte);
    assert!(
        refusal.message().contains("within the 16 s that were left of its caller's limit"),
        "{refusal:?}"
    );
    assert_eq!(rig.metric("toolgate_timeouts_total", &["first_byte"]), 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_waits_longer_than_the_tool_may_take_changes_nothing() {
    let rig = Rig::new([Step::Hangs(Phase::Wait)]);
    let start = Instant::now();
    let refusal = rig.refused(call_hurried(tool(), 90 * SECOND)).await;
    assert_eq!(start.elapsed(), 30 * SECOND);
    assert!(refusal.message().contains("within its limit of 30 s"), "{refusal:?}");
}

#[tokio::test(start_paused = true)]
async fn the_far_side_is_told_the_sooner_deadline() {
    let rig = Rig::new([]);
    let start = Instant::now();
    rig.send(call(tool())).await.unwrap();
    rig.send(call_within(tool(), SECOND)).await.unwrap();
    rig.send(list()).await.unwrap();
    let asked = rig.seen.asked.lock().unwrap();
    let left: Vec<_> =
        asked.iter().map(|(_, outbound)| outbound.deadline.left(start.into_std())).collect();
    assert_eq!(left, [30 * SECOND, SECOND, 10 * SECOND]);
    assert!(matches!(asked[2].1.op, Op::List { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_time_is_up_is_never_sent() {
    let rig = Rig::new([]);
    let refusal = rig.refused(call_within(tool(), Duration::ZERO)).await;
    assert_eq!(refusal.reason(), Reason::TimeoutTotal);
    assert!(refusal.is_retry_safe() && !refusal.was_sent());
    assert_eq!(rig.attempts(), 0);
}

#[tokio::test(start_paused = true)]
async fn all_attempts_share_one_deadline() {
    let slow = || Step::Fails(crate::testing::unsent(Reason::ConnectRefused));
    let rig = Rig::new([slow(), Step::Hangs(Phase::Connect)]);
    let start = Instant::now();
    rig.refused(call(tool())).await;
    assert_eq!(start.elapsed().as_secs(), 30);
    assert_eq!(rig.attempts(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_goes_on_for_a_stream_and_ends_it() {
    let bits = vec![Bit::Notice, Bit::Pause(29 * SECOND), Bit::Notice, Bit::Hang];
    let rig = Rig::new([Step::Streams(bits)]);
    let start = Instant::now();
    let mut reply = rig.send(call(tool())).await.unwrap();
    let (notices, ending) = drain(&mut reply).await;
    let refusal = ending.unwrap_err();
    assert_eq!((notices, start.elapsed().as_secs()), (2, 30));
    assert_eq!(refusal.reason(), Reason::TimeoutTotal);
    assert!(refusal.message().contains("did not finish within its limit of 30 s"));
    assert!(refusal.was_sent() && !refusal.is_retry_safe());
    assert_eq!(rig.cancelled(), 1, "before the reply itself is dropped");
    assert!(next(&mut reply).await.is_none());
    assert_eq!(rig.metric("toolgate_timeouts_total", &["total"]), 1.0);
    let count = "mcp_client_operation_duration_seconds_count";
    assert_eq!(rig.metric(count, &["timeout_total"]), 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_never_pauses_does_not_outlive_the_deadline() {
    let rig = Rig::new([Step::Streams(vec![Bit::Notice, Bit::Notice, Bit::Hang])]);
    let mut reply = rig.send(call(tool())).await.unwrap();
    assert!(matches!(next(&mut reply).await, Some(Event::Notice(_))));
    tokio::time::advance(31 * SECOND).await;
    let Some(Event::Done(Err(refusal))) = next(&mut reply).await else { panic!("cut off") };
    assert_eq!(refusal.reason(), Reason::TimeoutTotal);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_there_is_given_even_if_late() {
    let rig = Rig::new([Step::Streams(vec![Bit::Notice, Bit::Done(Ok(answer()))])]);
    let mut reply = rig.send(call(tool())).await.unwrap();
    next(&mut reply).await;
    tokio::time::advance(31 * SECOND).await;
    assert!(matches!(next(&mut reply).await, Some(Event::Done(Ok(_)))));
}

#[tokio::test(start_paused = true)]
async fn a_stream_in_time_passes_unchanged() {
    let bits = vec![Bit::Notice, Bit::Pause(29 * SECOND), Bit::Notice, Bit::Done(Ok(answer()))];
    let rig = Rig::new([Step::Streams(bits)]);
    let mut reply = rig.send(call(tool())).await.unwrap();
    let (notices, ending) = drain(&mut reply).await;
    assert_eq!(notices, 2);
    ending.unwrap();
    assert!(next(&mut reply).await.is_none());
    assert_eq!(rig.cancelled(), 0);
}

#[tokio::test(start_paused = true)]
async fn phases_still_sum_to_the_wall_time_with_retries_and_a_timeout() {
    let fails = || Step::Fails(crate::testing::unsent(Reason::Reset));
    let rig = Rig::new([fails(), fails(), Step::Hangs(Phase::Wait)]);
    let outbound = call(tool());
    let ledger = std::sync::Arc::clone(&outbound.ledger);
    let start = Instant::now();
    rig.refused(outbound).await;
    let phases = ledger.phases_at(Instant::now().into_std());
    assert_eq!(phases.total(), start.elapsed());
    assert!(phases.get(Phase::Backoff) > Duration::ZERO);
    assert!(phases.get(Phase::Wait) > 29 * SECOND);
}

/// Outside of a runtime there is no timer to be had: to make one would panic.
#[test]
fn an_answer_that_is_there_at_once_needs_no_timer() {
    let rig = Rig::new([Step::Answers]);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let answering = std::pin::pin!(rig.send(call(tool())));
    assert!(matches!(answering.poll(&mut cx), std::task::Poll::Ready(Ok(_))));
}

#[tokio::test(start_paused = true)]
async fn while_a_question_is_open_the_clock_stands_still() {
    let bits =
        vec![Bit::Pause(seconds(20)), Bit::Ask, Bit::Pause(seconds(8)), Bit::Done(Ok(answer()))];
    let rig = Rig::new([Step::Streams(bits)]);
    let mut reply = rig.send(call(tool())).await.unwrap();
    let Some(Event::Ask(question)) = next(&mut reply).await else { panic!("no question") };
    let (ending, ()) = tokio::join!(drain(&mut reply), async {
        sleep_until(Instant::now() + seconds(300)).await;
        question.respond.say(Said::Expired);
    });
    // 20 s before and 8 s after it, of 30 s.
    assert!(ending.1.is_ok(), "{ending:?}");
    assert_eq!(rig.metric("toolgate_circuit_state", &["t", "open"]), 0.0);
}

#[tokio::test(start_paused = true)]
async fn after_the_answer_the_clock_goes_on_and_the_target_is_to_blame() {
    let rig = Rig::new([Step::Streams(vec![Bit::Pause(seconds(20)), Bit::Ask, Bit::Hang])]);
    let mut reply = rig.send(call(tool())).await.unwrap();
    let Some(Event::Ask(question)) = next(&mut reply).await else { panic!("no question") };
    let answered = Instant::now() + seconds(300);
    let ((_, ending), ()) = tokio::join!(drain(&mut reply), async {
        sleep_until(answered).await;
        drop(question);
    });
    assert_eq!(ending.unwrap_err().reason(), Reason::TimeoutTotal);
    assert_eq!(answered.elapsed().as_secs(), 10);
    assert_eq!(rig.cancelled(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_question_is_not_open_for_ever_and_that_is_not_the_targets_fault() {
    let rig = Rig::new([Step::Streams(vec![Bit::Ask, Bit::Hang])]);
    let mut reply = rig.send(call(tool())).await.unwrap();
    let start = Instant::now();
    let Some(Event::Ask(_question)) = next(&mut reply).await else { panic!("no question") };
    let (_, ending) = drain(&mut reply).await;
    assert_eq!(ending.unwrap_err().reason(), Reason::ClientCancelled);
    assert_eq!(start.elapsed(), PATIENCE);
    assert_eq!(rig.cancelled(), 1);
}
