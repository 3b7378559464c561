//! How long a call waits for a child that is not there. The clock is a made-up one.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use toolgate_call::{Case, Deadline, Reason};
use toolgate_telemetry::Telemetry;

use crate::stdio::backoff::Pause;
use crate::stdio::house::{House, State};
use crate::stdio::link::Link;
use crate::stdio::{EraChoice, StdioConfig};

fn house() -> House {
    let config = StdioConfig {
        target: Arc::from("t"),
        command: Vec::new(),
        inherited: Vec::new(),
        env: Vec::new(),
        cwd: None,
        start_timeout: Duration::from_secs(10),
        hang_patience: Duration::from_secs(10),
        max_line: 1024,
        watched: tokio::sync::watch::Sender::default().subscribe(),
        era: EraChoice::Auto,
    };
    House::new(config, &Telemetry::for_tests(), Arc::new(|_| ()))
}

fn within(seconds: u64) -> Deadline {
    Deadline::at((Instant::now() + Duration::from_secs(seconds)).into_std())
}

fn pause(seconds: u64) -> Pause {
    Pause { wait: Duration::from_secs(seconds), looping: false }
}

/// How long a call waited before it was refused, in ms.
async fn waited(house: &House, deadline: Deadline) -> u128 {
    let begun = Instant::now();
    let refusal = house.link(deadline).await.unwrap_err();
    assert_eq!(refusal.reason(), Reason::ConnectRefused);
    assert!(!refusal.was_sent() && refusal.is_retry_safe());
    begun.elapsed().as_millis()
}

#[tokio::test(start_paused = true)]
async fn the_first_start_is_waited_for_as_long_as_it_may_take() {
    let house = house();
    assert_eq!(waited(&house, within(60)).await, 10_000);
    assert_eq!(waited(&house, within(3)).await, 3_000);
}

#[tokio::test(start_paused = true)]
async fn a_restart_is_waited_for_two_seconds() {
    let house = house();
    house.down("it ended", pause(1));
    assert_eq!(waited(&house, within(60)).await, 2_000);
    house.down("it ended", pause(1));
    assert_eq!(waited(&house, within(1)).await, 1_000);
    house.starting();
    assert_eq!(waited(&house, within(60)).await, 2_000);
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_is_far_off_is_not_waited_for() {
    let house = house();
    house.down("it ended", pause(7));
    assert_eq!(waited(&house, within(60)).await, 0);
    let refusal = house.link(within(60)).await.unwrap_err();
    assert_eq!(refusal.message(), "`t` is not running; it restarts in 7 s");
    assert_eq!(refusal.wait(), Some(Duration::from_secs(7)));
    assert_eq!(refusal.operator_detail(), Some("it ended"));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_gets_the_child_as_soon_as_it_is_ready() {
    let house = house();
    house.down("it ended", pause(1));
    let (link, _queue) = Link::new(&Arc::from("t"));
    let ready = async {
        tokio::task::yield_now().await;
        house.ready(&link, Some(1));
    };
    let begun = Instant::now();
    let (found, ()) = tokio::join!(house.link(within(60)), ready);
    assert!(Arc::ptr_eq(&found.unwrap(), &link));
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_child_that_was_stopped() {
    let house = house();
    for state in [State::Stopping, State::Stopped] {
        house.state.send_replace(state);
        assert_eq!(house.link(within(60)).await.unwrap_err().case(), Case::ShuttingDown);
    }
}
