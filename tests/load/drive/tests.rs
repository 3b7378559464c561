//! How single measurements become numbers.

use super::*;

fn measured(micros: &[u64]) -> Measured {
    Measured {
        length: Duration::from_secs(2),
        latencies: micros.iter().copied().map(Duration::from_micros).collect(),
        cpu: Some(Duration::from_millis(10)),
        faults: Faults::default(),
    }
}

#[test]
fn percentiles_are_taken_by_nearest_rank() {
    let mut hundred = measured(&(1..=100).rev().collect::<Vec<_>>());
    assert_eq!(hundred.percentile(0.5), Duration::from_micros(50));
    assert_eq!(hundred.percentile(0.99), Duration::from_micros(99));
    assert_eq!(hundred.percentile(1.0), Duration::from_micros(100));
    assert_eq!(measured(&[7]).percentile(0.99), Duration::from_micros(7));
    assert_eq!(measured(&[]).percentile(0.5), Duration::ZERO);
}

#[test]
fn rounds_add_up_in_calls_time_and_processor_time() {
    let mut sum = measured(&[1, 2]);
    sum.add_round(measured(&[3, 4]));
    assert!((sum.rate() - 1.0).abs() < 1e-9);
    assert!((sum.cpu_per_call().unwrap() - 5000.0).abs() < 1e-6);
}

#[test]
fn faults_are_all_counted_but_only_the_first_few_are_kept() {
    let mut faults = Faults::default();
    for number in 0..10 {
        faults.add(&anyhow::anyhow!("fault {number}"));
    }
    let mut sum = Faults::default();
    sum.absorb(faults.clone());
    sum.absorb(faults);
    assert_eq!(sum.count, 20);
    assert_eq!(sum.samples, ["fault 0", "fault 1", "fault 2"]);
}
