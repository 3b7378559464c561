//! What the budget promises.

use std::time::Duration;

use proptest::prelude::{ProptestConfig, prop_assert, proptest};
use tokio::time::Instant;

use crate::retry::budget::{Budget, FLOOR, WINDOW};

fn granted(budget: &Budget, now: Instant, wishes: usize) -> usize {
    (0..wishes).filter(|_| budget.withdraw(now)).count()
}

#[test]
fn a_target_with_few_calls_may_retry_ten_times_in_a_window() {
    let start = Instant::now();
    let budget = Budget::new(0.01, start);
    assert_eq!(granted(&budget, start, 50), 10);
    assert_eq!(granted(&budget, start + WINDOW / 2, 50), 5);
    assert_eq!(granted(&budget, start + 10 * WINDOW, 50), 10, "no more is saved up");
}

#[test]
fn under_load_the_granted_share_of_calls_is_repeated() {
    let start = Instant::now();
    let budget = Budget::new(0.2, start);
    let mut retries = 0;
    for _ in 0..1000 {
        budget.deposit(start);
        retries += granted(&budget, start, 1);
    }
    assert!((209..=210).contains(&retries), "{retries}");
}

#[test]
fn a_busy_time_saves_up_no_more_than_the_cap() {
    let start = Instant::now();
    let budget = Budget::new(1.0, start);
    for _ in 0..10_000 {
        budget.deposit(start);
    }
    assert_eq!(granted(&budget, start, 10_000), 100);
}

#[test]
fn the_level_tells_how_much_of_the_floor_is_left() {
    let start = Instant::now();
    let budget = Budget::new(0.5, start);
    budget.deposit(start);
    assert_eq!(budget.level(start), 1.0);
    granted(&budget, start, 100);
    assert!(budget.level(start) < 0.1);
    assert!((budget.level(start + WINDOW / 2) - 0.55).abs() < 1e-9);
}

#[test]
fn a_senseless_ratio_grants_nothing_or_no_more_than_one_retry_per_call() {
    let start = Instant::now();
    for (ratio, wanted) in [(f64::NAN, 0), (-1.0, 0), (f64::INFINITY, 0), (7.0, 20)] {
        let budget = Budget::new(ratio, start);
        for _ in 0..10 {
            budget.deposit(start);
        }
        assert_eq!(granted(&budget, start, 50), wanted, "{ratio}");
    }
}

#[test]
fn a_full_budget_needs_no_deposit_and_loses_nothing_without() {
    let start = Instant::now();
    let (told, untold) = (Budget::new(0.5, start), Budget::new(0.5, start));
    for budget in [&told, &untold] {
        assert!(!budget.is_full(), "the floor is not all that can be saved up");
        for _ in 0..1000 {
            budget.deposit(start);
        }
        assert!(budget.is_full());
    }
    let later = start + 3 * WINDOW;
    told.deposit(later);
    for budget in [&told, &untold] {
        assert_eq!(granted(budget, later, 1), 1);
        assert!(!budget.is_full());
        assert_eq!(granted(budget, later, 1_000), 99);
        assert_eq!(granted(budget, later + WINDOW / 2, 1_000), 5);
    }
}

#[test]
fn no_budget_grants_nothing_ever() {
    let start = Instant::now();
    let budget = Budget::new(0.0, start);
    assert!(!budget.is_any() && budget.is_full());
    budget.deposit(start);
    assert_eq!(granted(&budget, start + 10 * WINDOW, 50), 0);
}

#[test]
fn what_is_given_back_can_be_taken_again() {
    let start = Instant::now();
    let budget = Budget::new(0.2, start);
    assert_eq!(granted(&budget, start, 50), 10);
    budget.refund(start);
    assert_eq!(granted(&budget, start, 50), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn retries_never_pass_the_share_of_the_calls_and_the_floor(
        ratio in 0.0..1.0_f64,
        events in proptest::collection::vec((0..3_u8, 0..3_000_u64), 1..300),
    ) {
        let start = Instant::now();
        let budget = Budget::new(ratio, start);
        let (mut now, mut calls, mut retries) = (start, 0.0, 0.0);
        for (kind, millis) in events {
            now += Duration::from_millis(millis);
            if kind == 0 {
                budget.deposit(now);
                calls += 1.0;
            } else if budget.withdraw(now) {
                retries += 1.0;
            }
            let windows = (now - start).as_secs_f64() / WINDOW.as_secs_f64();
            prop_assert!(retries <= FLOOR + FLOOR * windows + ratio * calls + 1e-6);
            let level = budget.level(now);
            prop_assert!((0.0..=1.0).contains(&level));
        }
    }
}
