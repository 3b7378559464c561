//! What asking for a token costs.
//!
//! In: tokens that are there. Out: the time of one question, with a copy of what is asked.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use divan::Bencher;
use toolgate_guard::{Buckets, LocalBuckets, Rate, Take, Taking};
use toolgate_telemetry::Telemetry;

fn main() {
    divan::main();
}

fn wanted(n: usize) -> Vec<Take> {
    let rate = Rate { calls: u32::MAX, every: Duration::from_secs(1), burst: u32::MAX };
    let take = |rule: &str| Take { rule: Arc::from(rule), key: format!("main:user-{n}"), rate };
    vec![take("principal")]
}

/// One rule, ten thousand callers.
#[divan::bench(sample_count = 200, sample_size = 1000)]
fn take(bencher: Bencher<'_, '_>) {
    let buckets = LocalBuckets::new(100_000, Telemetry::for_tests());
    let callers: Vec<_> = (0..10_000).map(wanted).collect();
    let mut next = 0;
    bencher.bench_local(|| {
        next = (next + 1) % callers.len();
        let Some(wanted) = callers.get(next) else { return };
        let Taking::Now(taken) = buckets.take(black_box(wanted.clone())) else { return };
        let _token = black_box(taken);
    });
}
