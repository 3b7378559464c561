//! What a calm circuit promises.

use std::time::{Duration, Instant};

use proptest::prelude::{Just, ProptestConfig, Strategy, prop_assert, prop_assert_eq, prop_oneof};
use proptest::proptest;

use crate::breaker::calm::Calm;
use crate::breaker::state::{Machine, Pass, Signal};

const OPEN: Duration = Duration::from_secs(5);

#[test]
fn a_circuit_is_calm_until_something_fails_and_again_when_it_is_well() {
    let now = Instant::now();
    let mut machine = Machine::new(2, OPEN);
    let calm = Calm::new(&machine);
    let pass = calm.admit().unwrap();
    machine.settle(&pass, Signal::Failing, now);
    calm.update(&machine);
    assert!(calm.admit().is_none() && !calm.has_given(&pass));
    machine.settle(&pass, Signal::Well, now);
    calm.update(&machine);
    assert!(calm.has_given(&pass));
}

#[test]
fn a_circuit_that_has_opened_is_not_calm_until_a_trial_has_closed_it() {
    let now = Instant::now();
    let mut machine = Machine::new(1, OPEN);
    let calm = Calm::new(&machine);
    let old = calm.admit().unwrap();
    machine.settle(&old, Signal::Failing, now);
    calm.update(&machine);
    assert!(calm.admit().is_none(), "open");
    let trial = machine.admit(now + OPEN).unwrap();
    calm.update(&machine);
    assert!(calm.admit().is_none(), "half open");
    machine.settle(&trial, Signal::Well, now + OPEN);
    calm.update(&machine);
    assert!(calm.admit().is_some(), "closed");
    assert!(!calm.has_given(&old) && !calm.has_given(&trial));
}

fn signal() -> impl Strategy<Value = Signal> {
    prop_oneof![Just(Signal::Well), Just(Signal::Failing), Just(Signal::Away), Just(Signal::Silent),]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whoever asks the calm word first learns and changes the same as one who asks the machine.
    #[test]
    fn asking_the_machine_instead_would_have_come_to_the_same(
        threshold in 0..4_u32,
        events in proptest::collection::vec((signal(), 0..4_000_u64, 0..3_usize), 1..60),
    ) {
        let mut now = Instant::now();
        let mut machine = Machine::new(threshold, OPEN);
        let calm = Calm::new(&machine);
        let mut out: Vec<Pass> = Vec::new();
        for (signal, millis, back) in events {
            now += Duration::from_millis(millis);
            let shortcut = calm.admit();
            let before = format!("{machine:?}");
            let admitted = machine.admit(now).ok();
            if shortcut.is_some() {
                prop_assert_eq!(&shortcut, &admitted);
                prop_assert_eq!(&before, &format!("{machine:?}"));
            }
            out.extend(admitted);
            calm.update(&machine);
            for _ in 0..back.min(out.len()) {
                let pass = out.remove(0);
                let harmless = matches!(signal, Signal::Well | Signal::Silent);
                let changes_nothing = harmless && calm.has_given(&pass);
                let before = format!("{machine:?}");
                machine.settle(&pass, signal, now);
                let after = format!("{machine:?}");
                prop_assert!(!changes_nothing || before == after);
                calm.update(&machine);
            }
        }
    }
}
