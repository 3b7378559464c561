//! What the limits of concurrency promise.

use std::sync::Arc;
use std::time::Duration;

use toolgate_call::{Case, Phase, Plan, Reason};

use crate::testing::{Bit, Rig, Step, answer, call, config, drain, list, probe, sent, tool};
use crate::{BreakerConfig, ReachConfig};

fn narrow(concurrency: usize) -> ReachConfig {
    ReachConfig { concurrency, ..config() }
}

fn limited(name: &str, limit: u32) -> Plan {
    Plan { full: Arc::from(name), concurrency: Some(limit), ..tool() }
}

fn stream() -> Step {
    Step::Streams(vec![Bit::Notice, Bit::Done(Ok(answer()))])
}

#[tokio::test(start_paused = true)]
async fn beyond_the_limit_of_the_target_a_call_is_refused_at_once_and_safe_to_repeat() {
    let rig = Rig::with(narrow(2), []);
    let _first = rig.send(call(tool())).await.unwrap();
    let _second = rig.send(list()).await.unwrap();
    let refusal = rig.refused(call(tool())).await;
    assert_eq!(refusal.case(), Case::Overloaded);
    assert_eq!(refusal.reason(), Reason::Overloaded);
    assert_eq!(refusal.wait(), Some(Duration::from_secs(1)));
    assert!(refusal.is_retry_safe());
    assert!(refusal.message().contains("target `t` takes 2 calls at once and 2 are running"));
    assert!(refusal.operator_detail().unwrap().contains("targets.t.concurrency"));
    assert_eq!(rig.metric("toolgate_shed_total", &["target"]), 1.0);
    assert_eq!(rig.attempts(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_permit_is_held_by_the_reply_and_returned_with_it() {
    let rig = Rig::with(narrow(1), [stream()]);
    let mut reply = rig.send(call(tool())).await.unwrap();
    assert_eq!(rig.metric("toolgate_concurrency_in_use", &[]), 1.0);
    rig.refused(call(tool())).await;
    drain(&mut reply).await.1.unwrap();
    rig.refused(call(tool())).await;
    drop(reply);
    assert_eq!(rig.metric("toolgate_concurrency_in_use", &[]), 0.0);
    rig.send(call(tool())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_permit_is_returned_by_a_call_that_fails_and_by_one_that_is_dropped() {
    let steps = [Step::Fails(sent(Reason::Upstream4xx)), Step::Hangs(Phase::Wait)];
    let rig = Rig::with(narrow(1), steps);
    rig.refused(call(tool())).await;
    let hanging = rig.send(call(tool()));
    tokio::time::timeout(Duration::from_secs(1), hanging).await.unwrap_err();
    assert_eq!(rig.cancelled(), 1);
    rig.send(call(tool())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_tool_has_a_limit_of_its_own_which_leaves_other_tools_alone() {
    let rig = Rig::new([]);
    let _held = rig.send(call(limited("t___x", 1))).await.unwrap();
    let refusal = rig.refused(call(limited("t___x", 1))).await;
    assert_eq!(refusal.reason(), Reason::Overloaded);
    assert!(refusal.message().contains("tool `t___x` takes 1 calls at once"));
    assert!(refusal.operator_detail().unwrap().contains("tools.t___x.concurrency"));
    assert_eq!(rig.metric("toolgate_shed_total", &["tool"]), 1.0);
    rig.send(call(limited("t___y", 1))).await.unwrap();
    rig.send(call(tool())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_tool_refused_by_the_target_gives_its_own_permit_back() {
    let rig = Rig::with(narrow(1), []);
    let held = rig.send(list()).await.unwrap();
    rig.refused(call(limited("t___x", 1))).await;
    drop(held);
    rig.send(call(limited("t___x", 1))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_changed_limit_of_a_tool_holds_from_the_next_call_on() {
    let rig = Rig::new([]);
    let _one = rig.send(call(limited("t___x", 1))).await.unwrap();
    rig.refused(call(limited("t___x", 1))).await;
    let _two = rig.send(call(limited("t___x", 2))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn idle_tools_are_forgotten_and_busy_ones_are_not() {
    let rig = Rig::new([]);
    let _busy = rig.send(call(limited("t___busy", 1))).await.unwrap();
    for n in 0..20 {
        rig.send(call(limited(&format!("t___{n}"), 1))).await.unwrap();
    }
    rig.refused(call(limited("t___busy", 1))).await;
}

#[test]
fn the_map_of_tools_stays_within_its_bound() {
    let telemetry = toolgate_telemetry::Telemetry::for_tests();
    let limit = Arc::new(super::Limit::new(&config(), &telemetry, ()));
    for n in 0..100 {
        drop(Arc::clone(&limit).take(&call(limited(&format!("t___{n}"), 1))).ok());
        assert!(limit.tools.lock().unwrap().len() <= 4);
    }
}

#[test]
fn no_more_than_the_limit_are_taken_however_many_try_and_all_come_back() {
    let slots = super::Slots::new(2);
    let most = std::sync::atomic::AtomicUsize::new(0);
    let try_once = || {
        if slots.take() {
            most.fetch_max(slots.running(), std::sync::atomic::Ordering::Relaxed);
            slots.give_back();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..2_000).for_each(|_| try_once()));
        }
    });
    assert!((1..=2).contains(&most.into_inner()));
    assert_eq!(slots.running(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_a_health_check_unless_it_was_held_back() {
    const CHECKS: &str = "toolgate_target_health_checks_total";
    let breaker = BreakerConfig { failures: 1, open: Duration::from_secs(60) };
    let failure = || Step::Fails(sent(Reason::Upstream5xx));
    let steps = [Step::Answers, Step::Answers, failure()];
    let rig = Rig::with(ReachConfig { breaker, ..config() }, steps);
    rig.send(list()).await.unwrap();
    assert_eq!(rig.metric(CHECKS, &[]), 0.0);
    rig.send(probe()).await.unwrap();
    rig.refused(probe()).await;
    assert_eq!(rig.refused(probe()).await.reason(), Reason::CircuitOpen);
    assert_eq!(rig.metric(CHECKS, &["ok"]), 1.0);
    assert_eq!(rig.metric(CHECKS, &["failed"]), 1.0);
}
