//! The script and the buckets of one gateway decide alike, whatever is asked and when.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use redis::{Connection, Script};
use toolgate::buckets::script::{SCRIPT, arguments, key};
use toolgate_guard::{LocalBuckets, NoToken, Rate, Take};
use toolgate_telemetry::Telemetry;
use toolgate_tests::redis::Redis;

/// When the first step is, in seconds since the epoch.
const FIRST: u64 = 1_800_000_000;
/// Distinct rules of a sequence.
const RULES: usize = 4;

/// A rule, and how many calls a step makes under which of the rules after which pause (µs).
type Sequence = (Vec<(u32, u64, u32)>, Vec<(u64, Vec<usize>)>);

fn sequences() -> impl Strategy<Value = Sequence> {
    // From ten million a second to a few in a fortnight.
    let every = prop_oneof![1_u64..1_000, 1_000_u64..100_000, Just(14 * 24 * 3_600_000_u64)];
    let rule = (prop_oneof![1_u32..40, Just(10_000_000_u32)], every, 1_u32..6);
    let pause =
        prop_oneof![Just(0_u64), 1_u64..2_000, 2_000_u64..60_000_000, Just(86_400_000_000_u64)];
    // A call may meet a rule twice: two that say the same are the same bucket.
    let step = (pause, prop::collection::vec(0..RULES, 1..4));
    (prop::collection::vec(rule, RULES), prop::collection::vec(step, 1..40))
}

/// The script, with the time that it is told instead of Redis's.
fn timed() -> Script {
    let clock = "redis.call('TIME')";
    assert_eq!(SCRIPT.matches(clock).count(), 1);
    Script::new(&SCRIPT.replace(clock, "{ARGV[#ARGV - 1], ARGV[#ARGV]}"))
}

fn takes((calls, every, burst): (u32, u64, u32), rule: usize, run: u32) -> Take {
    let rate = Rate { calls, every: Duration::from_millis(every), burst };
    Take { rule: Arc::from(format!("{rule}")), key: run.to_string(), rate }
}

fn by_script(
    script: &Script,
    connection: &mut Connection,
    wanted: &[Take],
    micros: u64,
) -> (u64, u64) {
    let mut invocation = script.prepare_invoke();
    for take in wanted {
        invocation.key(key("alike", take)).arg(&arguments(take));
    }
    invocation.arg(FIRST + micros / 1_000_000).arg(micros % 1_000_000);
    invocation.invoke(connection).unwrap()
}

fn by_ourselves(buckets: &LocalBuckets, wanted: &[Take], micros: u64) -> (u64, u64) {
    match buckets.take_at(wanted, FIRST * 1_000_000_000 + micros * 1_000) {
        Ok(()) => (0, 0),
        Err(NoToken::Empty(nth, wait)) => (nth as u64 + 1, u64::try_from(wait.as_nanos()).unwrap()),
        Err(unknown @ NoToken::Unknown(_)) => panic!("{unknown:?}"),
    }
}

#[tokio::test]
async fn the_script_and_local_buckets_decide_alike() -> Result<()> {
    let redis = Redis::start().await?;
    let url = format!("redis://{}", redis.address());
    tokio::task::spawn_blocking(move || {
        let connection = RefCell::new(redis::Client::open(url)?.get_connection()?);
        let (script, telemetry) = (timed(), Telemetry::for_tests());
        let (run, refused) = (Cell::new(0), Cell::new(0));
        let mut runner = TestRunner::new(Config { cases: 300, ..Config::default() });
        runner.run(&sequences(), |(rules, steps)| {
            run.set(run.get() + 1);
            let buckets = LocalBuckets::new(1_000, Arc::clone(&telemetry));
            let mut now = 0;
            for (pause, met) in steps {
                now += pause;
                let wanted: Vec<Take> =
                    met.iter().map(|rule| takes(rules[*rule], *rule, run.get())).collect();
                let script = by_script(&script, &mut connection.borrow_mut(), &wanted, now);
                prop_assert_eq!(script, by_ourselves(&buckets, &wanted, now), "at {}", now);
                refused.set(refused.get() + usize::from(script.0 > 0));
            }
            Ok(())
        })?;
        // Sequences that refuse nothing would show nothing.
        assert!(refused.get() > 300, "{}", refused.get());
        Ok(())
    })
    .await?
}
