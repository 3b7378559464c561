//! How true a distribution stays: counts and sums exactly, percentiles nearly.

use proptest::collection::vec;
use proptest::prelude::{Strategy, proptest};

use crate::cloud::fine::{Fine, Seen};
use crate::cloud::merge::{Point, amount, merged};

/// What is published of these values.
fn points(values: &[f64], most: usize) -> Vec<Point> {
    let (fine, mut seen) = (Fine::new(1e9), Seen::new());
    values.iter().for_each(|value| fine.record(*value));
    let found = fine.since(&mut seen);
    merged(found.iter().map(|f| (f.sum / amount(f.count), f.count)).collect(), most)
}

/// The value that this share of all is not above.
fn percentile(points: &[Point], share: f64) -> f64 {
    let all: u64 = points.iter().map(|point| point.1).sum();
    let rank = (amount(all) * share).ceil().max(1.0);
    let mut below = 0;
    let found = points.iter().find(|(_, count)| {
        below += count;
        amount(below) >= rank
    });
    found.unwrap().0
}

fn check(values: &[f64], most: usize, error: f64) {
    let points = points(values, most);
    assert!(points.len() <= most, "{} values", points.len());
    assert!(points.is_sorted_by(|a, b| a.0 < b.0));
    let count: u64 = points.iter().map(|point| point.1).sum();
    assert_eq!(count, values.len() as u64);
    let (sum, exact): (f64, f64) =
        (points.iter().map(|p| p.0 * amount(p.1)).sum(), values.iter().sum());
    // Each value was rounded to a nanosecond.
    let slack = amount(count) * 1e-9;
    assert!((sum - exact).abs() <= slack + 1e-12 * exact, "{sum} is not {exact}");
    let mut sorted: Vec<Point> = values.iter().map(|value| (*value, 1)).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    for share in [0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0] {
        let (found, exact) = (percentile(&points, share), percentile(&sorted, share));
        let off = (found / exact - 1.0).abs();
        assert!(off <= error, "p{}: {found} for {exact}, {:.1} %", share * 100.0, off * 100.0);
    }
}

fn logarithmic(low: f64, high: f64) -> impl Strategy<Value = f64> {
    (low.ln()..high.ln()).prop_map(f64::exp)
}

proptest! {
    #[test]
    fn percentiles_are_within_five_percent_over_three_decades(
        values in vec(logarithmic(0.002, 2.0), 1..3_000)
    ) {
        check(&values, 150, 0.05);
    }

    #[test]
    fn a_usual_minute_is_within_three_percent(values in vec(logarithmic(0.02, 0.4), 1..2_000)) {
        check(&values, 150, 0.032);
    }

    #[test]
    fn the_widest_minute_is_within_nine_percent(
        values in vec(logarithmic(0.001, 300.0), 1..4_000)
    ) {
        check(&values, 150, 0.09);
    }
}

#[test]
fn a_few_values_are_themselves() {
    let values = [0.004_25, 0.017, 0.23, 1.5];
    let found = points(&values, 150);
    assert_eq!(found.len(), 4);
    for (found, exact) in found.iter().zip(values) {
        assert!((found.0 - exact).abs() < 1e-9, "{found:?} {exact}");
    }
}

#[test]
fn groups_are_as_narrow_as_can_be() {
    let points: Vec<Point> = (0..900).map(|n| (1.01_f64.powi(n), 1)).collect();
    assert_eq!(merged(points.clone(), 900), points);
    let merged = merged(points, 150);
    assert_eq!(merged.len(), 150);
    assert!(merged.iter().all(|(_, count)| *count == 6), "{merged:?}");
}

#[test]
fn zeros_stay_apart_and_what_is_odd_still_fits() {
    let mut points: Vec<Point> = vec![(0.0, 5)];
    points.extend((1..400_u32).map(|n| (f64::from(n), 1)));
    let found = merged(points, 150);
    assert_eq!(found[0], (0.0, 5));
    assert!(found.len() <= 150);
    let below: Vec<Point> = (0..400_i32).map(|n| (f64::from(n - 500), 1)).collect();
    let found = merged(below, 150);
    assert!(found.len() <= 150);
    assert_eq!(found.iter().map(|point| point.1).sum::<u64>(), 400);
}
