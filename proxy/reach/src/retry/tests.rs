//! What repeating promises.

use std::time::Duration;

use proptest::prelude::{ProptestConfig, any, proptest};
use tokio::time::Instant;
use toolgate_call::{Answer, Phase, Plan, RawJson, Reason};

use crate::testing::{
    Bit, Rig, Step, answer, call, call_within, config, drain, idempotent, list, retry, sent, tool,
    unsent,
};
use crate::{BreakerConfig, ReachConfig};

const SUPPRESSED: &str = "toolgate_retry_suppressed_total";

fn fail(reason: Reason) -> Step {
    Step::Fails(sent(reason))
}

fn refuse(reason: Reason) -> Step {
    Step::Fails(unsent(reason))
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_is_repeated_whatever_the_tool_does() {
    for reason in
        [Reason::ConnectRefused, Reason::Dns, Reason::Tls, Reason::Reset, Reason::TimeoutConnect]
    {
        let rig = Rig::new([refuse(reason), refuse(reason)]);
        rig.send(call(tool())).await.unwrap();
        assert_eq!(rig.attempts(), 3);
        let retried = "toolgate_retries_total";
        assert_eq!(rig.metric(retried, &[reason.as_str(), "failure"]), 1.0);
        assert_eq!(rig.metric(retried, &[reason.as_str(), "success"]), 1.0);
        assert_eq!(rig.metric("toolgate_call_attempts_sum", &[]), 3.0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_is_repeated_only_if_twice_is_the_same_as_once() {
    let passing =
        [Reason::Reset, Reason::Upstream5xx, Reason::Upstream429, Reason::TimeoutFirstByte];
    for reason in passing {
        let rig = Rig::new([fail(reason)]);
        rig.send(call(idempotent())).await.unwrap();
        assert_eq!(rig.attempts(), 2, "{reason:?}");

        let rig = Rig::new([fail(reason)]);
        let refusal = rig.refused(call(tool())).await;
        assert_eq!(rig.attempts(), 1, "{reason:?}");
        assert!(!refusal.is_retry_safe());
        assert_eq!(rig.metric(SUPPRESSED, &["not_idempotent"]), 1.0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_gateway_itself_asks_follows_the_plan_of_the_target() {
    let rig = Rig::with(ReachConfig { retry: retry(2), ..config() }, [fail(Reason::Upstream5xx)]);
    rig.send(list()).await.unwrap();
    assert_eq!(rig.attempts(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lasting_failure_is_given_at_once() {
    for reason in [
        Reason::Upstream4xx,
        Reason::UpstreamProtocol,
        Reason::UpstreamJsonrpc,
        Reason::InvalidParams,
        Reason::Overloaded,
        Reason::Internal,
        Reason::CircuitOpen,
        Reason::TimeoutTotal,
        Reason::TimeoutIdle,
    ] {
        let rig = Rig::new([refuse(reason)]);
        assert_eq!(rig.refused(call(idempotent())).await.reason(), reason);
        assert!(rig.attempts() <= 1, "{reason:?}");
        assert_eq!(rig.metric(SUPPRESSED, &[]), 0.0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_never_repeated_not_even_an_error() {
    let raw = || RawJson::literal(r#"{"code":-32603,"message":"no"}"#);
    let error = || Answer::Error { raw: raw(), code: -32603 };
    let tool_error = Answer::Result { raw: RawJson::literal("{}"), is_error: true };
    let rig = Rig::new([Step::Says(error()), Step::Says(tool_error)]);
    rig.send(call(idempotent())).await.unwrap();
    rig.send(call(idempotent())).await.unwrap();
    assert_eq!(rig.attempts(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_has_begun_is_not_repeated() {
    let bits = vec![Bit::Notice, Bit::Done(Err(sent(Reason::Reset)))];
    let rig = Rig::new([Step::Streams(bits)]);
    let mut reply = rig.send(call(idempotent())).await.unwrap();
    let refusal = drain(&mut reply).await.1.unwrap_err();
    assert_eq!(refusal.reason(), Reason::Reset);
    assert!(refusal.is_retry_safe());
    assert_eq!(rig.attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_sent_and_lost_has_an_unknown_outcome() {
    let rig = Rig::new([fail(Reason::Reset)]);
    let refusal = rig.refused(call(tool())).await;
    assert_eq!(refusal.reason(), Reason::OutcomeUnknown);
    assert!(refusal.message().contains("may or may not have been carried out"));
    assert!(!refusal.is_retry_safe() && refusal.was_sent());

    let bits = vec![Bit::Notice, Bit::Done(Err(sent(Reason::Reset)))];
    let rig = Rig::new([Step::Streams(bits)]);
    let mut reply = rig.send(call(tool())).await.unwrap();
    let refusal = drain(&mut reply).await.1.unwrap_err();
    assert_eq!(refusal.reason(), Reason::OutcomeUnknown);
}

#[tokio::test(start_paused = true)]
async fn the_last_refusal_says_how_many_attempts_there_were() {
    let rig = Rig::new((0..3).map(|_| fail(Reason::Upstream5xx)));
    let refusal = rig.refused(call(idempotent())).await;
    assert_eq!(refusal.message(), "the far side failed (after 3 attempts)");
    assert!(refusal.is_retry_safe());
    assert_eq!(rig.metric(SUPPRESSED, &["attempts"]), 1.0);

    let rig = Rig::new([fail(Reason::Upstream4xx)]);
    assert_eq!(rig.refused(call(tool())).await.message(), "the far side failed");
}

#[tokio::test(start_paused = true)]
async fn attempts_are_noted_and_pauses_are_booked_as_backoff() {
    let rig = Rig::new([refuse(Reason::Dns), refuse(Reason::Tls)]);
    let outbound = call(tool());
    let ledger = std::sync::Arc::clone(&outbound.ledger);
    let start = Instant::now();
    rig.send(outbound).await.unwrap();
    let reasons: Vec<_> = ledger.notes().into_iter().map(|note| note.reason).collect();
    assert_eq!(reasons, [Some(Reason::Dns), Some(Reason::Tls), None]);
    let backoff = ledger.phases_at(Instant::now().into_std()).get(Phase::Backoff);
    assert_eq!(backoff, start.elapsed());
    assert!(backoff > Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_the_least_pause() {
    let wait = Duration::from_secs(4);
    let rig = Rig::new([Step::Fails(sent(Reason::Upstream429).retry_after(wait))]);
    let start = Instant::now();
    rig.send(call(idempotent())).await.unwrap();
    assert!(start.elapsed() >= wait);
    assert_eq!(rig.attempts(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_beyond_the_deadline_is_not_waited_for() {
    let wait = Duration::from_secs(4);
    let rig = Rig::new([Step::Fails(sent(Reason::Upstream429).retry_after(wait))]);
    let start = Instant::now();
    let refusal = rig.refused(call_within(idempotent(), wait)).await;
    assert_eq!(refusal.reason(), Reason::Upstream429);
    assert_eq!(refusal.wait(), Some(wait));
    assert_eq!((start.elapsed(), rig.attempts()), (Duration::ZERO, 1));
    assert_eq!(rig.metric(SUPPRESSED, &["deadline"]), 1.0);
}

#[tokio::test(start_paused = true)]
async fn when_the_budget_is_used_up_the_last_failure_is_given_as_it_is() {
    let config = ReachConfig { budget: 0.001, ..config() };
    let rig = Rig::with(config, (0..100).map(|_| refuse(Reason::ConnectRefused)));
    let quick = Plan { retry: retry(2), ..tool() };
    let quick =
        Plan { retry: toolgate_call::RetryPlan { base: Duration::ZERO, ..quick.retry }, ..quick };
    for _ in 0..20 {
        assert_eq!(rig.refused(call(quick.clone())).await.reason(), Reason::ConnectRefused);
    }
    assert_eq!(rig.attempts(), 20 + 10);
    assert_eq!(rig.metric(SUPPRESSED, &["budget"]), 10.0);
    assert!(rig.metric("toolgate_retry_budget_available_ratio", &[]) < 0.1);
}

#[tokio::test(start_paused = true)]
async fn an_opened_circuit_ends_the_retries_with_what_the_target_itself_said() {
    let breaker = BreakerConfig { failures: 1, open: Duration::from_secs(60) };
    let rig = Rig::with(ReachConfig { breaker, ..config() }, [refuse(Reason::Dns)]);
    let start = Instant::now();
    let refusal = rig.refused(call(tool())).await;
    assert_eq!(start.elapsed(), Duration::ZERO, "nobody waits for a refusal");
    assert_eq!(refusal.reason(), Reason::Dns);
    assert_eq!(refusal.message(), "the far side failed");
    assert_eq!(rig.metric(SUPPRESSED, &["breaker"]), 1.0);
    assert_eq!(rig.metric("toolgate_call_attempts_sum", &[]), 1.0);
    assert_eq!(rig.attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_the_circuit_holds_back_after_its_pause_is_given_back_to_the_budget() {
    let breaker = BreakerConfig { failures: 2, open: Duration::from_secs(60) };
    let both = (0..2).map(|_| refuse(Reason::Dns));
    let rig = Rig::with(ReachConfig { breaker, ..config() }, both);
    let (first, second) = tokio::join!(rig.send(call(tool())), rig.send(call(tool())));
    assert_eq!(first.expect_err("refused").reason(), Reason::Dns);
    assert_eq!(second.expect_err("refused").reason(), Reason::Dns);
    assert_eq!(rig.attempts(), 2);
    assert_eq!(rig.metric(SUPPRESSED, &["breaker"]), 2.0);
    assert_eq!(rig.metric("toolgate_retry_budget_available_ratio", &[]), 1.0);
}

#[tokio::test(start_paused = true)]
async fn the_budget_that_is_shown_fills_with_time_though_nobody_calls() {
    let rig = Rig::new((0..2).map(|_| refuse(Reason::Dns)));
    let available = || rig.metric("toolgate_retry_budget_available_ratio", &[]);
    rig.send(call(tool())).await.unwrap();
    assert!(available() < 0.9, "{}", available());
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(available(), 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_budget_of_nothing_repeats_nothing_and_shows_no_level() {
    let config = ReachConfig { budget: 0.0, ..config() };
    let rig = Rig::with(config, [refuse(Reason::Dns)]);
    rig.refused(call(tool())).await;
    assert_eq!(rig.attempts(), 1);
    assert_eq!(rig.metric(SUPPRESSED, &["budget"]), 1.0);
    assert!(!rig.telemetry.render().contains("toolgate_retry_budget_available_ratio{"));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_during_the_pause_causes_no_further_attempt() {
    let wait = Duration::from_secs(4);
    let rig = Rig::new([Step::Fails(unsent(Reason::Reset).retry_after(wait))]);
    let call = rig.send(call(tool()));
    tokio::time::timeout(Duration::from_secs(1), call).await.unwrap_err();
    tokio::time::advance(wait * 2).await;
    assert_eq!(rig.attempts(), 1);
    assert_eq!(rig.metric("toolgate_retries_total", &[]), 0.0);
    assert_eq!(rig.metric("toolgate_call_attempts_sum", &[]), 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_answers_bit_by_bit_is_a_success() {
    let bits = vec![Bit::Done(Ok(answer()))];
    let rig = Rig::new([refuse(Reason::Reset), Step::Streams(bits)]);
    let mut reply = rig.send(call(tool())).await.unwrap();
    drain(&mut reply).await.1.unwrap();
    assert_eq!(rig.metric("toolgate_retries_total", &["reset", "success"]), 1.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever the far side does: once something has left, nothing is sent again.
    #[test]
    fn what_may_not_be_repeated_is_never_sent_twice(
        reasons in proptest::collection::vec((0..Reason::ALL.len(), any::<bool>()), 1..6),
    ) {
        let failures: Vec<_> = reasons
            .iter()
            .map(|(n, was_sent)| (Reason::ALL[*n], *was_sent))
            .collect();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let sendings = runtime.block_on(async {
            let steps = failures.iter().map(|(reason, was_sent)| {
                Step::Fails(if *was_sent { sent(*reason) } else { unsent(*reason) })
            });
            let rig = Rig::new(steps);
            let plan = Plan { retry: retry(10), ..tool() };
            let ended = rig.send(call(plan)).await;
            let made = rig.attempts();
            let answered = usize::from(ended.is_ok());
            failures.iter().take(made).filter(|(_, was_sent)| *was_sent).count() + answered
        });
        proptest::prop_assert!(sendings <= 1, "sent {sendings} times");
    }
}

/// A target that answers once, and is away for so many attempts; five in a row open its circuit.
fn restarting(away: usize) -> Rig {
    let breaker = BreakerConfig { failures: 5, open: Duration::from_secs(5) };
    let mut steps = vec![Step::Answers];
    steps.extend((0..away).map(|_| refuse(Reason::ConnectRefused)));
    Rig::with(ReachConfig { breaker, ..config() }, steps)
}

fn once() -> Plan {
    Plan { retry: retry(1), ..tool() }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_was_well_is_waited_for_while_it_is_restarted() {
    let rig = restarting(6);
    rig.send(call(once())).await.unwrap();
    let start = Instant::now();
    rig.send(call(once())).await.unwrap();
    let took = start.elapsed();
    // Five attempts open the circuit; it lets one through after 250 ms, and one after 500 more.
    assert!(took > Duration::from_millis(750) && took < Duration::from_secs(2), "{took:?}");
    assert_eq!(rig.attempts(), 1 + 7);
    assert_eq!(rig.metric("toolgate_call_attempts_sum", &[]), 8.0, "as many as there were");
    assert_eq!(rig.metric("toolgate_circuit_rejected_total", &[]), 0.0, "nobody was refused");
    assert_eq!(rig.metric("toolgate_retries_total", &[]), 0.0);
    assert_eq!(rig.metric(SUPPRESSED, &[]), 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_stays_away_is_waited_for_no_longer_than_a_restart_takes() {
    let rig = restarting(1_000);
    rig.send(call(once())).await.unwrap();
    let start = Instant::now();
    let refusal = rig.refused(call(once())).await;
    assert!(refusal.is_retry_safe());
    let took = start.elapsed();
    assert!(took > Duration::from_millis(1_500) && took <= Duration::from_secs(2), "{took:?}");
    let start = Instant::now();
    rig.refused(call(once())).await;
    assert_eq!(start.elapsed(), Duration::ZERO, "it is not expected any more");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_never_was_there_is_not_waited_for() {
    let rig = Rig::new((0..9).map(|_| refuse(Reason::ConnectRefused)));
    let start = Instant::now();
    rig.refused(call(once())).await;
    assert_eq!((rig.attempts(), start.elapsed()), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_sent_does_not_wait_for_its_target() {
    let rig = Rig::new([Step::Answers, fail(Reason::Reset), refuse(Reason::ConnectRefused)]);
    rig.send(call(once())).await.unwrap();
    let refusal = rig.refused(call(once())).await;
    assert_eq!(refusal.reason(), Reason::OutcomeUnknown);
    assert_eq!(rig.attempts(), 2);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_target_ends_with_the_deadline() {
    let rig = restarting(1_000);
    rig.send(call(once())).await.unwrap();
    let start = Instant::now();
    let refusal = rig.refused(call_within(once(), Duration::from_millis(300))).await;
    assert!(matches!(refusal.reason(), Reason::ConnectRefused | Reason::CircuitOpen), "{refusal}");
    assert!(start.elapsed() < Duration::from_millis(300));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_says_when_it_is_back_is_not_waited_for_twice() {
    let told = || Step::Fails(unsent(Reason::ConnectRefused).retry_after(Duration::from_secs(1)));
    let rig = Rig::new([Step::Answers, told(), told()]);
    rig.send(call(once())).await.unwrap();
    let start = Instant::now();
    let refusal = rig.refused(call(once())).await;
    assert_eq!((refusal.wait(), start.elapsed()), (Some(Duration::from_secs(1)), Duration::ZERO));
    assert_eq!(rig.attempts(), 2);
}

#[tokio::test(start_paused = true)]
async fn looking_uses_up_no_attempt_of_the_plan() {
    let mut steps = vec![Step::Answers, refuse(Reason::ConnectRefused)];
    steps.push(fail(Reason::Upstream5xx));
    let rig = Rig::new(steps);
    rig.send(call(tool())).await.unwrap();
    let plan = Plan { retry: retry(2), ..idempotent() };
    rig.send(call(plan)).await.unwrap();
    assert_eq!(rig.attempts(), 1 + 3, "a look, an attempt that failed, and its repetition");
}
