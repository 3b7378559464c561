//! What is noted of an attempt.

use std::sync::Arc;
use std::time::Duration;

use toolgate_call::{Answer, Phase, RawJson, Reason};

use crate::testing::{Bit, Rig, Step, answer, call, config, drain, list, next, sent, tool, unsent};

const COUNT: &str = "mcp_client_operation_duration_seconds_count";

#[tokio::test(start_paused = true)]
async fn an_attempt_is_counted_under_its_method_and_outcome() {
    let tool_error = Answer::Result { raw: RawJson::literal("{}"), is_error: true };
    let failure = Step::Fails(sent(Reason::Upstream4xx));
    let rig = Rig::new([Step::Answers, Step::Answers, Step::Says(tool_error), failure]);
    rig.send(list()).await.unwrap();
    rig.send(call(tool())).await.unwrap();
    rig.send(call(tool())).await.unwrap();
    rig.refused(call(tool())).await;
    assert_eq!(rig.metric(COUNT, &["tools/list"]), 1.0);
    assert_eq!(rig.metric(COUNT, &["tools/call"]), 3.0);
    assert_eq!(rig.metric(COUNT, &["tools/call", "tool_error"]), 1.0);
    assert_eq!(rig.metric(COUNT, &["tools/call", "upstream_4xx"]), 1.0);
}

#[tokio::test(start_paused = true)]
async fn what_the_caller_takes_for_an_answer_is_not_the_targets_time() {
    let step = Duration::from_secs(2);
    let bits = vec![Bit::Ask, Bit::Ask, Bit::Pause(step), Bit::Done(Ok(answer()))];
    let rig = Rig::new([Step::Streams(bits)]);
    let mut reply = rig.send(call(tool())).await.unwrap();
    let questions = [next(&mut reply).await, next(&mut reply).await];
    let (_, ()) = tokio::join!(drain(&mut reply), async {
        tokio::time::sleep_until(tokio::time::Instant::now() + step).await;
        drop(questions);
    });
    assert_eq!(rig.metric("mcp_client_operation_duration_seconds_sum", &["tools/call"]), 0.0);
}

#[tokio::test(start_paused = true)]
async fn the_ledger_learns_reason_time_and_detail() {
    let refusal = unsent(Reason::Upstream4xx).detail("status 418 from teapot");
    let rig = Rig::new([Step::Slow(Duration::from_secs(3)), Step::Fails(refusal)]);
    let outbound = call(tool());
    let ledger = Arc::clone(&outbound.ledger);
    rig.send(outbound.clone()).await.unwrap();
    rig.refused(outbound).await;
    let notes = ledger.notes();
    assert_eq!((notes[0].reason, notes[0].took), (None, Duration::from_secs(3)));
    assert_eq!(notes[1].reason, Some(Reason::Upstream4xx));
    assert_eq!(notes[1].detail.as_deref(), Some("status 418 from teapot"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_noted_when_its_end_passes() {
    let pause = Duration::from_secs(7);
    let bits = vec![Bit::Notice, Bit::Pause(pause), Bit::Done(Ok(answer()))];
    let rig = Rig::new([Step::Streams(bits)]);
    let outbound = call(tool());
    let ledger = Arc::clone(&outbound.ledger);
    let mut reply = rig.send(outbound).await.unwrap();
    next(&mut reply).await;
    assert_eq!(rig.metric(COUNT, &[]), 0.0);
    drain(&mut reply).await.1.unwrap();
    drop(reply);
    assert_eq!(rig.metric(COUNT, &["tools/call"]), 1.0);
    assert_eq!(ledger.notes()[0].took, pause);
}

#[tokio::test(start_paused = true)]
async fn a_stream_or_call_that_is_dropped_was_cancelled_by_its_caller() {
    let rig = Rig::new([Step::Streams(vec![Bit::Notice, Bit::Hang]), Step::Hangs(Phase::Wait)]);
    let reply = rig.send(call(tool())).await.unwrap();
    drop(reply);
    assert_eq!(rig.metric(COUNT, &["client_cancelled"]), 1.0);
    let leaving = rig.send(call(tool()));
    tokio::time::timeout(Duration::from_secs(1), leaving).await.unwrap_err();
    assert_eq!(rig.metric(COUNT, &["client_cancelled"]), 2.0);
    assert_eq!(rig.cancelled(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_cut_off_by_the_deadline_has_the_reason_that_its_caller_is_told() {
    for phase in [Phase::Connect, Phase::Wait, Phase::Receive] {
        let rig = Rig::new([Step::Hangs(phase)]);
        let refusal = rig.refused(call(tool())).await;
        assert_eq!(rig.metric(COUNT, &[refusal.reason().as_str()]), 1.0, "{phase:?}");
    }
}

/// The target's own client keeps some limits, the deadline the others: each counts once.
#[tokio::test(start_paused = true)]
async fn every_limit_of_time_counts_once_per_attempt() {
    const TIMEOUTS: &str = "toolgate_timeouts_total";
    let told = [
        (Reason::TimeoutConnect, "connect"),
        (Reason::TimeoutFirstByte, "first_byte"),
        (Reason::TimeoutIdle, "idle"),
    ];
    for (reason, phase) in told {
        let rig = Rig::new([Step::Fails(sent(reason)), Step::Fails(sent(Reason::Upstream4xx))]);
        rig.refused(call(tool())).await;
        rig.refused(call(tool())).await;
        assert_eq!(rig.metric(TIMEOUTS, &[phase]), 1.0, "{phase}");
        assert_eq!(rig.metric(TIMEOUTS, &[]), 1.0, "{phase}");
    }
    for (stands, phase) in
        [(Phase::Connect, "connect"), (Phase::Wait, "first_byte"), (Phase::Receive, "total")]
    {
        let rig = Rig::new([Step::Hangs(stands)]);
        rig.refused(call(tool())).await;
        assert_eq!(rig.metric(TIMEOUTS, &[phase]), 1.0, "{phase}");
        assert_eq!(rig.metric(TIMEOUTS, &[]), 1.0, "{phase}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_does_not_read_lets_its_own_time_run_out_and_not_the_targets() {
    for (phase, wanted) in
        [(Phase::Write, Reason::ClientCancelled), (Phase::Receive, Reason::TimeoutTotal)]
    {
        let streams = || Step::Streams(vec![Bit::Notice, Bit::Notice, Bit::Hang]);
        let mut config = config();
        config.breaker.failures = 2;
        let rig = Rig::with(config, [streams(), streams()]);
        for _ in 0..2 {
            let outbound = call(tool());
            let ledger = Arc::clone(&outbound.ledger);
            let mut reply = rig.send(outbound).await.unwrap();
            next(&mut reply).await;
            ledger.enter(phase);
            tokio::time::advance(Duration::from_secs(31)).await;
            drop(reply);
            assert_eq!(ledger.notes()[0].reason, Some(wanted));
        }
        let shut = rig.send(call(tool())).await.is_err();
        assert_eq!(shut, phase == Phase::Receive, "the circuit after {phase:?}");
    }
}
