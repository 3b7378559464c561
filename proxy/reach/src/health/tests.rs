//! What the readiness page is told.

use std::time::Duration;

use toolgate_call::Reason;

use crate::testing::{Rig, Step, call, config, sent, tool};
use crate::{BreakerConfig, ReachConfig};

#[tokio::test(start_paused = true)]
async fn a_target_is_well_until_shown_otherwise() {
    let rig = Rig::new([]);
    let (well, why) = rig.reach.health.status();
    assert!(well);
    assert_eq!(why, "circuit closed; never answered; never failed");
}

#[tokio::test(start_paused = true)]
async fn the_last_answer_and_the_last_failure_are_told_with_their_age() {
    let rig = Rig::new([Step::Answers, Step::Fails(sent(Reason::Upstream5xx))]);
    rig.send(call(tool())).await.unwrap();
    tokio::time::advance(Duration::from_secs(90)).await;
    rig.refused(call(tool())).await;
    tokio::time::advance(Duration::from_millis(1500)).await;
    let (well, why) = rig.reach.health.status();
    assert!(well);
    assert!(why.contains("last answered 91.5 s ago"), "{why}");
    assert!(why.contains("last failed 1.5 s ago (upstream_5xx)"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_caller_is_none_of_the_target() {
    let rig = Rig::new([Step::Fails(sent(Reason::InvalidParams))]);
    rig.refused(call(tool())).await;
    assert!(rig.reach.health.status().1.contains("never failed"));
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_says_when_the_next_trial_is_due() {
    let breaker = BreakerConfig { failures: 1, open: Duration::from_secs(5) };
    let config = ReachConfig { breaker, ..config() };
    let rig = Rig::with(config, [Step::Fails(sent(Reason::Upstream5xx))]);
    rig.refused(call(tool())).await;
    tokio::time::advance(Duration::from_secs(2)).await;
    let (well, why) = rig.reach.health.status();
    assert!(!well);
    assert!(why.starts_with("circuit open, next trial in 3 s; "), "{why}");
}
