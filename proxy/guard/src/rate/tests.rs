//! How many calls get through, whatever the pauses between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use proptest::prelude::*;
use toolgate_call::{
    Answer, Call, Case, Era, Method, Permitted, Policy, Principal, RawJson, Refusal, Reply,
};
use toolgate_telemetry::{RateScope, Telemetry};
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use super::{Buckets, LocalBuckets, NoToken, Rate, RateLayer, RateRule, Take, Taken, Taking};
use crate::Replying;
use crate::tests::{call, plan};

const MILLI: u64 = 1_000_000;

fn rate(calls: u32, every_ms: u64, burst: u32) -> Rate {
    Rate { calls, every: Duration::from_millis(every_ms), burst }
}

proptest! {
    /// In any window no more get through than the burst and what came meanwhile; and one that waits as
    /// long as it was told gets through.
    #[test]
    fn a_bucket_gives_no_more_and_no_less_than_its_rate(
        calls in 1_u32..50,
        every in 10_u64..5_000,
        burst in 1_u32..50,
        pauses in prop::collection::vec(0_u64..300, 1..300),
    ) {
        let rate = rate(calls, every, burst);
        let (mut full, mut now, mut taken) = (0, 1_000 * MILLI, Vec::new());
        for pause in pauses {
            now += pause * MILLI;
            match rate.take(full, now) {
                Ok(then) => {
                    full = then;
                    taken.push(now);
                }
                Err(wait) => {
                    let later = now + u64::try_from(wait.as_nanos()).unwrap();
                    prop_assert!(rate.take(full, later).is_ok());
                    prop_assert!(rate.take(full, later - 1).is_err());
                }
            }
        }
        for (n, first) in taken.iter().enumerate() {
            for (more, last) in taken[n..].iter().enumerate() {
                let came = (last - first) / rate.interval();
                prop_assert!((more as u64) < came + u64::from(burst) + 1);
            }
        }
    }

    /// What is refused by one rule takes nothing from the others.
    #[test]
    fn a_refusal_takes_no_token(tries in 1_usize..50) {
        let buckets = LocalBuckets::new(100, Telemetry::for_tests());
        let take = |rule: &str, burst| {
            Take { rule: Arc::from(rule), key: "k".to_owned(), rate: rate(1, 1_000_000, burst) }
        };
        let (wide, narrow) = (take("wide", 3), take("narrow", 1));
        prop_assert_eq!(buckets.take_at(&[wide.clone(), narrow.clone()], 1), Ok(()));
        for _ in 0..tries {
            let refused = buckets.take_at(&[wide.clone(), narrow.clone()], 1);
            prop_assert!(matches!(refused, Err(NoToken::Empty(1, _))));
        }
        let wide = [wide];
        prop_assert_eq!(buckets.take_at(&wide, 1), Ok(()));
        prop_assert_eq!(buckets.take_at(&wide, 1), Ok(()));
        prop_assert!(buckets.take_at(&wide, 1).is_err());
    }
}

#[test]
fn there_are_no_more_buckets_than_the_limit_and_full_ones_go_first() {
    let telemetry = Telemetry::for_tests();
    let buckets = LocalBuckets::new(160, Arc::clone(&telemetry));
    let take = |n: usize, ms| {
        let rate = rate(1, ms, 1);
        vec![Take { rule: Arc::from("r"), key: n.to_string(), rate }]
    };
    // Full again in a millisecond: forgotten, and nothing is lost.
    for n in 0..2_000 {
        buckets.take_at(&take(n, 1), 1 + n as u64 * 200 * MILLI).unwrap();
    }
    assert!(buckets.len() <= 160);
    let evicted = |text: &str| {
        let line =
            text.lines().find(|line| line.starts_with("toolgate_rate_buckets_evicted_total "));
        line.and_then(|line| line.split(' ').nth(1)?.parse::<u64>().ok())
    };
    assert_eq!(evicted(&telemetry.render()), Some(0));
    let now = 10_000_000 * MILLI;
    for n in 0..2_000 {
        buckets.take_at(&take(n + 10_000, 1_000_000), now + n as u64).unwrap();
    }
    assert!(buckets.len() <= 160);
    assert!(evicted(&telemetry.render()).unwrap() >= 1_000);
}

fn gate(
    rules: Vec<RateRule>,
    buckets: Arc<dyn Buckets>,
) -> (
    impl Service<Permitted, Response = Reply, Error = Refusal, Future = Replying> + Clone,
    Arc<AtomicUsize>,
) {
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&seen);
    let inner = service_fn(move |_: Permitted| -> Replying {
        counted.fetch_add(1, SeqCst);
        let answer = Answer::result(RawJson::literal("{}"));
        Box::pin(std::future::ready(Ok(Reply::one(Era::Modern, answer))))
    });
    (RateLayer::new(rules, buckets, Telemetry::for_tests()).layer(inner), seen)
}

fn local() -> Arc<dyn Buckets> {
    Arc::new(LocalBuckets::new(1_000, Telemetry::for_tests()))
}

fn rule(per: RateScope, burst: u32) -> RateRule {
    let rate = rate(burst, 60_000, burst);
    RateRule { name: Arc::from("r"), per, rate, target: None, tool: None }
}

fn permitted(method: Method, tool: &str, who: &str) -> Permitted {
    let mut principal = Principal::anonymous();
    principal.subject = Arc::from(who);
    let call = Call { principal: Arc::new(principal), ..call(method, Some(tool), &[]) };
    Policy::open().permit(call, Some(plan(tool, &[]))).unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_caller_has_a_bucket_and_is_told_when_to_come_again() {
    let (gate, seen) = gate(vec![rule(RateScope::Principal, 2)], local());
    let ask = |who| gate.clone().oneshot(permitted(Method::ToolsCall, "x", who));
    ask("a").await.unwrap();
    ask("a").await.unwrap();
    let refusal = ask("a").await.unwrap_err();
    assert_eq!(refusal.case(), Case::RateLimited);
    let wait = refusal.wait().unwrap();
    assert!(wait <= Duration::from_secs(30) && wait > Duration::from_secs(29), "{wait:?}");
    ask("b").await.unwrap();
    tokio::time::advance(wait).await;
    ask("a").await.unwrap();
    assert_eq!(seen.load(SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn a_rule_may_be_about_one_tool_and_costs_nothing_to_others_nor_to_pings() {
    let mut only = rule(RateScope::Tool, 1);
    only.tool = Some(Arc::from("t___x"));
    let (gate, _) = gate(vec![only], local());
    let ask = |method, tool| gate.clone().oneshot(permitted(method, tool, "a"));
    ask(Method::ToolsCall, "x").await.unwrap();
    assert_eq!(ask(Method::ToolsCall, "x").await.unwrap_err().case(), Case::RateLimited);
    for _ in 0..5 {
        ask(Method::ToolsCall, "y").await.unwrap();
        ask(Method::Ping, "x").await.unwrap();
    }
}

/// Asks elsewhere.
#[derive(Debug)]
struct Elsewhere(Arc<LocalBuckets>);

impl Buckets for Elsewhere {
    fn take(&self, wanted: Vec<Take>) -> Taking {
        let buckets = Arc::clone(&self.0);
        Taking::Later(Box::pin(async move {
            tokio::task::yield_now().await;
            let taken: Taken = buckets.take_at(&wanted, 1);
            taken
        }))
    }
}

#[tokio::test]
async fn buckets_that_are_elsewhere_are_asked_once_each_call() {
    let elsewhere = Elsewhere(Arc::new(LocalBuckets::new(10, Telemetry::for_tests())));
    let (gate, seen) = gate(vec![rule(RateScope::Gateway, 3)], Arc::new(elsewhere));
    let ask = || gate.clone().oneshot(permitted(Method::ToolsCall, "x", "a"));
    for _ in 0..3 {
        ask().await.unwrap();
    }
    assert_eq!(ask().await.unwrap_err().case(), Case::RateLimited);
    assert_eq!(seen.load(SeqCst), 3);
}
