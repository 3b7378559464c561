//! What calls are told without a Redis. That with one gateways agree is shown end to end.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use toolgate_guard::{Buckets as _, LocalBuckets, NoToken, Rate, Take, Taken, Taking};
use toolgate_telemetry::Telemetry;

use super::script::{arguments, key, taken};
use super::{COME_AGAIN, PLACES, SharedBuckets};
use crate::config::{OnFailure, SharedRates};

const TIMEOUT: Duration = Duration::from_millis(50);

fn take(rule: &str, key: &str) -> Take {
    let rate = Rate { calls: 1, every: Duration::from_secs(60), burst: 1 };
    Take { rule: Arc::from(rule), key: key.to_owned(), rate }
}

fn telemetry() -> Arc<Telemetry> {
    Telemetry::for_tests()
}

/// Buckets whose first attempt to connect never ends: nobody keeps them.
fn connecting(on_failure: OnFailure) -> (SharedBuckets, Arc<Telemetry>) {
    let config = SharedRates {
        host: "127.0.0.1".to_owned(),
        port: 1,
        database: 0,
        tls: false,
        user: None,
        password: None,
        prefix: "p".to_owned(),
        timeout: TIMEOUT,
        on_failure,
    };
    let telemetry = telemetry();
    let local = LocalBuckets::new(10, Arc::clone(&telemetry));
    (SharedBuckets::new(&config, local, &telemetry).unwrap(), telemetry)
}

async fn end(taking: Taking) -> Taken {
    match taking {
        Taking::Now(taken) => taken,
        Taking::Later(taking) => taking.await,
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_the_timeout_and_no_longer_and_then_goes_by_the_configuration() {
    let wanted = || vec![take("r", "a")];
    for (mode, first, second) in [
        (OnFailure::Allow, Ok(()), Ok(())),
        (OnFailure::Refuse, Err(NoToken::Unknown(COME_AGAIN)), Err(NoToken::Unknown(COME_AGAIN))),
        (OnFailure::Local, Ok(()), Err(NoToken::Empty(0, Duration::from_secs(60) - TIMEOUT))),
    ] {
        let (buckets, telemetry) = connecting(mode);
        let began = Instant::now();
        assert_eq!(end(buckets.take(wanted())).await, first, "{mode:?}");
        let waited = began.elapsed();
        assert!(waited >= TIMEOUT && waited < TIMEOUT + Duration::from_millis(5), "{waited:?}");
        let again = end(buckets.take(wanted())).await;
        match (again, second) {
            // A timer may be a millisecond late.
            (Err(NoToken::Empty(nth, wait)), Err(NoToken::Empty(same, about))) => {
                assert!(nth == same && about.abs_diff(wait) < Duration::from_millis(5), "{wait:?}");
            }
            (again, second) => assert_eq!(again, second, "{mode:?}"),
        }
        let text = telemetry.render();
        assert!(text.contains("toolgate_rate_store_takes_total{outcome=\"down\"} 2\n"), "{text}");
        assert!(text.contains("toolgate_rate_store_up 0\n"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_wait_than_there_are_places_and_places_come_back() {
    let (buckets, telemetry) = connecting(OnFailure::Refuse);
    let ask = || buckets.take(vec![take("r", "a")]);
    let mut waiting: Vec<Taking> = (0..PLACES).map(|_| ask()).collect();
    assert!(waiting.iter().all(|one| matches!(one, Taking::Later(_))));
    assert!(matches!(ask(), Taking::Now(Err(NoToken::Unknown(_)))));
    let text = telemetry.render();
    assert!(text.contains("toolgate_rate_store_takes_total{outcome=\"crowded\"} 1\n"), "{text}");
    // One whose caller has left, and one that was answered.
    drop(waiting.pop());
    waiting.push(ask());
    assert!(matches!(waiting.last(), Some(Taking::Later(_))));
    assert!(end(waiting.pop().unwrap()).await.is_err());
    assert!(matches!(ask(), Taking::Later(_)));
}

#[test]
fn a_key_names_nobody_and_is_the_buckets_own() {
    let one = key("gw", &take("principal 3/60s/3 * *", "main:alice@example.com"));
    assert_eq!(one, key("gw", &take("principal 3/60s/3 * *", "main:alice@example.com")));
    assert!(one.starts_with("{gw}:") && one.len() == "{gw}:".len() + 22, "{one}");
    for part in ["alice", "main", "principal", "example"] {
        assert!(!one.contains(part), "{one}");
    }
    let others = [("a", "bc"), ("ab", "c"), ("abc", ""), ("", "abc")];
    let mut keys: Vec<String> = others.map(|(rule, who)| key("gw", &take(rule, who))).into();
    keys.push(key("other", &take("a", "bc")));
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 5);
}

#[test]
fn what_the_script_answers_is_what_local_buckets_would() {
    assert_eq!(taken((0, 0)), Ok(()));
    assert_eq!(taken((2, 1_500)), Err(NoToken::Empty(1, Duration::from_nanos(1_500))));
    let rate = Rate { calls: 3, every: Duration::from_secs(1), burst: 4 };
    let told = arguments(&Take { rate, ..take("r", "a") });
    assert_eq!(told, [333_333_333, 4 * 333_333_333]);
}
