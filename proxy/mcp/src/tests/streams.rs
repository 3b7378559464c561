//! Why the stream of a session ends.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::time::Instant;
use toolgate_call::Events;
use toolgate_telemetry::Telemetry;

use crate::feed::{Feed, Sources, Told};
use crate::registry::Generations;

fn from_now(seconds: u64) -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + seconds
}

fn ended(telemetry: &Telemetry, why: &str) -> bool {
    let wanted = format!("toolgate_stream_duration_seconds_count{{reason=\"{why}\"}} 1");
    telemetry.render().lines().any(|line| line == wanted)
}

fn stream(
    telemetry: &Arc<Telemetry>,
    receiver: watch::Receiver<Generations>,
    until: u64,
) -> Pin<Box<dyn Events>> {
    let seen = receiver.clone();
    let view = Box::new(move || *seen.borrow());
    let (resource, task): (Told, Told) = (Box::new(|_| true), Box::new(|_| true));
    let sources = Sources { receiver, view, resource, task, watcher: None };
    let known = Default::default;
    Feed::session(sources, until, known, telemetry.gateway.stream_opened())
}

async fn ends(events: &mut Pin<Box<dyn Events>>) -> u64 {
    let start = Instant::now();
    assert!(poll_fn(|cx| events.as_mut().poll_event(cx)).await.is_none());
    start.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn the_true_reason_is_recorded() {
    let (sender, receiver) = watch::channel(Generations::default());
    let telemetry = Telemetry::for_tests();
    let mut events = stream(&telemetry, receiver.clone(), from_now(60));
    assert!((58..=61).contains(&ends(&mut events).await));
    assert!(ended(&telemetry, "max_age"), "{}", telemetry.render());

    let mut events = stream(&telemetry, receiver.clone(), from_now(60));
    events.as_mut().stopping();
    drop(events);
    assert!(ended(&telemetry, "shutdown"));

    drop(stream(&telemetry, receiver.clone(), from_now(60)));
    assert!(ended(&telemetry, "client_close"));

    let mut events = stream(&telemetry, receiver, from_now(60));
    drop(sender);
    ends(&mut events).await;
    assert!(ended(&telemetry, "upstream_close"));
}

#[tokio::test(start_paused = true)]
async fn a_moment_that_never_comes_is_no_limit() {
    let (_sender, receiver) = watch::channel(Generations::default());
    let mut events = stream(&Telemetry::for_tests(), receiver, u64::MAX);
    let waited = tokio::time::timeout(Duration::from_secs(86_400), ends(&mut events)).await;
    assert!(waited.is_err());
}
