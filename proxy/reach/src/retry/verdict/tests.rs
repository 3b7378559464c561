//! What the verdict promises.

use std::time::Duration;

use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};
use tokio::time::Instant;
use toolgate_call::{Reason, Refusal, RetryPlan};
use toolgate_telemetry::Suppressed;

use crate::retry::verdict::{Failure, Verdict, verdict};
use crate::stage::Trip;
use crate::testing::{call_within, idempotent, retry, sent, tool, unsent};

const MINUTE: Duration = Duration::from_secs(60);

fn judge(plan: RetryPlan, attempt: u32, refusal: &Refusal, draw: f64) -> Verdict {
    let now = Instant::now().into_std();
    let outbound = call_within(tool(), MINUTE);
    verdict(Trip::new(&outbound), plan, &Failure { attempt, refusal, now }, draw)
}

#[tokio::test(start_paused = true)]
async fn the_ceiling_of_the_pause_grows_up_to_the_longest() {
    let refusal = unsent(Reason::Reset);
    let pauses = (1..=6).map(|attempt| judge(retry(9), attempt, &refusal, 1.0));
    let wanted = [100, 200, 400, 800, 1000, 1000].map(Duration::from_millis).map(Verdict::Again);
    assert_eq!(pauses.collect::<Vec<_>>(), wanted);
}

#[tokio::test(start_paused = true)]
async fn a_plan_without_retries_never_repeats_and_nothing_is_suppressed_by_it() {
    let refusal = unsent(Reason::Reset);
    for attempts in [0, 1] {
        assert_eq!(judge(retry(attempts), 1, &refusal, 0.5), Verdict::Give(None));
    }
    assert_eq!(judge(retry(2), 2, &refusal, 0.5), Verdict::Give(Some(Suppressed::Attempts)));
}

#[tokio::test(start_paused = true)]
async fn a_status_counts_as_sent_even_if_the_far_side_forgot_to_say_so() {
    let wanted = Verdict::Give(Some(Suppressed::NotIdempotent));
    for reason in [Reason::Upstream5xx, Reason::Upstream429, Reason::TimeoutFirstByte] {
        assert_eq!(judge(retry(3), 1, &unsent(reason), 0.0), wanted);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_given_once_even_to_a_tool_that_may_be_repeated() {
    let now = Instant::now().into_std();
    let mut outbound = call_within(idempotent(), MINUTE);
    let judge = |outbound: &toolgate_call::Outbound, refusal: &Refusal| {
        verdict(Trip::new(outbound), retry(3), &Failure { attempt: 1, refusal, now }, 0.0)
    };
    assert!(matches!(judge(&outbound, &sent(Reason::Reset)), Verdict::Again(_)));
    outbound.more = Some(r#""inputResponses":{}"#.into());
    let wanted = Verdict::Give(Some(Suppressed::NotIdempotent));
    assert_eq!(judge(&outbound, &sent(Reason::Reset)), wanted);
    assert!(matches!(judge(&outbound, &unsent(Reason::Reset)), Verdict::Again(_)));
}

#[tokio::test(start_paused = true)]
async fn a_status_of_what_came_before_the_call_does_not_count_as_sent() {
    for reason in [Reason::Upstream5xx, Reason::Upstream429, Reason::TimeoutFirstByte] {
        let refusal = sent(reason).before_send();
        assert!(matches!(judge(retry(3), 1, &refusal, 0.0), Verdict::Again(_)), "{reason:?}");
        assert!(!super::may_have_been_sent(&refusal));
    }
    let lasting = sent(Reason::UpstreamProtocol).before_send();
    assert_eq!(judge(retry(3), 1, &lasting, 0.0), Verdict::Give(None));
}

#[tokio::test(start_paused = true)]
async fn the_pause_and_a_millisecond_must_fit_before_the_deadline() {
    let now = Instant::now().into_std();
    let refusal = sent(Reason::Upstream429).retry_after(Duration::from_millis(500));
    let failure = Failure { attempt: 1, refusal: &refusal, now };
    let within = |millis| {
        let outbound = call_within(idempotent(), Duration::from_millis(millis));
        verdict(Trip::new(&outbound), retry(3), &failure, 0.0)
    };
    assert_eq!(within(500), Verdict::Give(Some(Suppressed::Deadline)));
    assert_eq!(within(501), Verdict::Again(Duration::from_millis(500)));
}

#[tokio::test(start_paused = true)]
async fn callers_that_were_told_the_same_wait_do_not_come_back_together() {
    let wait = Duration::from_secs(1);
    let refusal = unsent(Reason::Reset).retry_after(wait);
    let pauses = [0.0, 0.5, 1.0].map(|draw| judge(retry(3), 1, &refusal, draw));
    let jitter = [0, 50, 100].map(Duration::from_millis);
    assert_eq!(pauses, jitter.map(|jitter| Verdict::Again(wait + jitter)));
}

#[tokio::test(start_paused = true)]
async fn a_senseless_plan_pauses_no_longer_than_its_longest_pause() {
    let refusal = unsent(Reason::Reset);
    for multiplier in [f64::NAN, f64::INFINITY, -3.0, 1e300] {
        let plan = RetryPlan { multiplier, ..retry(u32::MAX) };
        let Verdict::Again(pause) = judge(plan, 4_000_000, &refusal, 1.0) else {
            panic!("should repeat")
        };
        assert!(pause <= plan.max);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn jitter_stays_between_nothing_and_the_ceiling(
        attempt in 1..40_u32,
        draw in 0.0..1.0_f64,
        base in 0..5_000_u64,
        max in 0..20_000_u64,
        multiplier in 1.0..10.0_f64,
    ) {
        let (base, max) = (Duration::from_millis(base), Duration::from_millis(max));
        let plan = RetryPlan { attempts: 100, base, multiplier, max };
        let refusal = unsent(Reason::Reset);
        let Verdict::Again(pause) = judge(plan, attempt, &refusal, draw) else {
            panic!("should repeat")
        };
        let grown = base.as_secs_f64() * multiplier.powi(attempt as i32 - 1);
        let ceiling = grown.min(max.as_secs_f64());
        prop_assert!((pause.as_secs_f64() - ceiling * draw).abs() < 1e-6);
    }

    #[test]
    fn a_wait_that_the_target_asks_for_is_kept_to_the_millisecond_or_not_waited_for(
        wait in 0..120_000_u64,
        draw in 0.0..1.0_f64,
    ) {
        let wait = Duration::from_millis(wait);
        let refusal = unsent(Reason::Reset).retry_after(wait);
        match judge(retry(2), 1, &refusal, draw) {
            Verdict::Again(pause) => prop_assert!(pause >= wait && pause < MINUTE),
            given @ Verdict::Give(_) => {
                prop_assert_eq!(given, Verdict::Give(Some(Suppressed::Deadline)));
                prop_assert!(wait > Duration::from_secs(5));
            }
        }
    }
}
