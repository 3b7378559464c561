//! The machine against a simple model, and the model's rules as sentences.

use std::time::{Duration, Instant};

use proptest::prelude::{
    ProptestConfig, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use toolgate_telemetry::Circuit as Shown;

use crate::breaker::state::{Machine, Pass, Signal};

const OPEN: Duration = Duration::from_secs(5);

fn machine() -> (Machine, Instant) {
    (Machine::new(3, OPEN), Instant::now())
}

fn fail(machine: &mut Machine, now: Instant, times: usize) {
    for _ in 0..times {
        let pass = machine.admit(now).unwrap();
        machine.settle(&pass, Signal::Failing, now);
    }
}

#[test]
fn it_opens_after_so_many_failures_in_a_row() {
    let (mut machine, now) = machine();
    fail(&mut machine, now, 2);
    let pass = machine.admit(now).unwrap();
    machine.settle(&pass, Signal::Well, now);
    fail(&mut machine, now, 2);
    assert_eq!(machine.shown(), Shown::Closed);
    fail(&mut machine, now, 1);
    assert_eq!(machine.shown(), Shown::Open);
    assert_eq!(machine.admit(now + OPEN / 5), Err(OPEN * 4 / 5));
}

#[test]
fn silence_neither_counts_nor_clears() {
    let (mut machine, now) = machine();
    fail(&mut machine, now, 2);
    let pass = machine.admit(now).unwrap();
    machine.settle(&pass, Signal::Silent, now);
    assert_eq!(machine.shown(), Shown::Closed);
    fail(&mut machine, now, 1);
    assert_eq!(machine.shown(), Shown::Open);
}

#[test]
fn one_call_at_a_time_passes_on_trial() {
    let (mut machine, now) = machine();
    fail(&mut machine, now, 3);
    let later = now + OPEN;
    let trial = machine.admit(later).unwrap();
    assert_eq!(machine.shown(), Shown::HalfOpen);
    assert!(machine.is_trial(&trial));
    machine.admit(later).unwrap_err();
    machine.settle(&trial, Signal::Well, later);
    assert_eq!(machine.shown(), Shown::Closed);
}

#[test]
fn a_trial_without_a_result_makes_room_for_another() {
    let (mut machine, now) = machine();
    fail(&mut machine, now, 3);
    let trial = machine.admit(now + OPEN).unwrap();
    machine.settle(&trial, Signal::Silent, now + OPEN);
    machine.admit(now + OPEN).unwrap();
}

#[test]
fn each_trial_that_fails_doubles_the_time_up_to_eightfold_until_one_succeeds() {
    let (mut machine, mut now) = machine();
    fail(&mut machine, now, 3);
    for factor in [1, 2, 4, 8, 8] {
        assert_eq!(machine.admit(now), Err(OPEN * factor));
        now += OPEN * factor;
        fail(&mut machine, now, 1);
    }
    now += OPEN * 8;
    let trial = machine.admit(now).unwrap();
    machine.settle(&trial, Signal::Well, now);
    fail(&mut machine, now, 3);
    assert_eq!(machine.admit(now), Err(OPEN));
}

#[test]
fn what_began_before_a_change_says_nothing_after_it() {
    let (mut machine, now) = machine();
    let old = machine.admit(now).unwrap();
    fail(&mut machine, now, 3);
    let trial = machine.admit(now + OPEN).unwrap();
    machine.settle(&old, Signal::Well, now + OPEN);
    assert_eq!(machine.shown(), Shown::HalfOpen);
    machine.settle(&trial, Signal::Well, now + OPEN);
    fail(&mut machine, now + OPEN, 2);
    let older = Pass { epoch: 0 };
    machine.settle(&older, Signal::Failing, now + OPEN);
    assert_eq!(machine.shown(), Shown::Closed);
}

#[test]
fn a_target_that_cannot_be_reached_is_tried_again_soon() {
    let (mut machine, mut now) = machine();
    let began = now;
    for _ in 0..3 {
        let pass = machine.admit(now).unwrap();
        machine.settle(&pass, Signal::Away, now);
    }
    for millis in [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000] {
        let length = Duration::from_millis(millis);
        assert_eq!(machine.admit(now), Err(length));
        assert_eq!(machine.gone_since(), Some(began));
        now += length;
        let trial = machine.admit(now).unwrap();
        machine.settle(&trial, Signal::Away, now);
    }
    now += OPEN;
    let trial = machine.admit(now).unwrap();
    machine.settle(&trial, Signal::Well, now);
    assert_eq!((machine.shown(), machine.gone_since()), (Shown::Closed, None));
}

#[test]
fn a_target_that_comes_back_ill_is_left_alone_as_one_that_fell_ill() {
    let (mut machine, mut now) = machine();
    for _ in 0..3 {
        let pass = machine.admit(now).unwrap();
        machine.settle(&pass, Signal::Away, now);
    }
    for millis in [250, 500, 1_000] {
        now += Duration::from_millis(millis);
        let trial = machine.admit(now).unwrap();
        machine.settle(&trial, Signal::Away, now);
    }
    for factor in [1, 2, 4] {
        now += OPEN * 8;
        fail(&mut machine, now, 1);
        assert_eq!(machine.admit(now), Err(OPEN * factor));
    }
}

#[test]
fn a_threshold_of_none_never_opens() {
    let now = Instant::now();
    let mut machine = Machine::new(0, OPEN);
    fail(&mut machine, now, 1000);
    assert_eq!(machine.shown(), Shown::Closed);
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Call(Signal),
    Begin,
    Finish(usize, Signal),
    Wait(u64),
}

fn signals() -> impl Strategy<Value = Signal> {
    prop_oneof![
        proptest::strategy::Just(Signal::Well),
        proptest::strategy::Just(Signal::Failing),
        proptest::strategy::Just(Signal::Away),
        proptest::strategy::Just(Signal::Silent),
    ]
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => signals().prop_map(Act::Call),
        2 => proptest::strategy::Just(Act::Begin),
        3 => (0..8_usize, signals()).prop_map(|(n, signal)| Act::Finish(n, signal)),
        2 => (0..12_000_u64).prop_map(Act::Wait),
    ]
}

/// The same promises, kept by history instead of by state: everything since the last change.
#[derive(Default)]
struct Model {
    history: Vec<Signal>,
    opened: Option<(u64, u64)>,
    trial: Option<usize>,
    trying: bool,
    failed_trials: u32,
    /// On what it has opened last.
    last: Option<Signal>,
}

impl Model {
    fn shown(&self) -> Shown {
        match (self.opened, self.trying) {
            (Some(_), _) => Shown::Open,
            (None, true) => Shown::HalfOpen,
            (None, false) => Shown::Closed,
        }
    }

    fn admits(&mut self, now: u64, id: usize) -> bool {
        if let Some((at, lasts)) = self.opened {
            if now < at + lasts {
                return false;
            }
            (self.opened, self.trying) = (None, true);
        }
        if self.trying && self.trial.is_some() {
            return false;
        }
        if self.trying {
            self.trial = Some(id);
        }
        true
    }

    fn ends(&mut self, now: u64, id: usize, signal: Signal) {
        if self.trying && self.trial == Some(id) {
            self.trial = None;
            self.end_trial(now, signal);
        } else if !self.trying && self.opened.is_none() && signal != Signal::Silent {
            self.history.push(signal);
            let bad = |signal: &&Signal| matches!(signal, Signal::Failing | Signal::Away);
            if self.history.iter().rev().take_while(bad).count() >= 3 {
                self.open(now, signal);
            }
        }
    }

    fn end_trial(&mut self, now: u64, signal: Signal) {
        match signal {
            Signal::Well => {
                self.history.clear();
                (self.trying, self.failed_trials) = (false, 0);
            }
            Signal::Failing | Signal::Away => {
                // Trials of a target that was away tell nothing of one that is ill.
                let fell_ill = signal == Signal::Failing && self.last == Some(Signal::Away);
                self.failed_trials = if fell_ill { 0 } else { self.failed_trials + 1 };
                self.trying = false;
                self.open(now, signal);
            }
            Signal::Silent => {}
        }
    }

    fn open(&mut self, now: u64, last: Signal) {
        self.history.clear();
        self.last = Some(last);
        let lasts = if last == Signal::Away {
            (250 << self.failed_trials.min(9)).min(5_000)
        } else {
            5_000 * [1, 2, 4, 8][self.failed_trials.min(3) as usize]
        };
        self.opened = Some((now, lasts));
    }
}

/// Machine and model, driven together.
struct Pair {
    machine: Machine,
    model: Model,
    start: Instant,
    now: u64,
    /// Passes in flight: id, pass and the number of changes seen when it was given.
    flying: Vec<(usize, Pass, usize)>,
    next: usize,
    changes: usize,
}

impl Pair {
    fn at(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }

    fn begin(&mut self) -> bool {
        let at = self.at();
        let before = self.model.shown();
        let agreed = match (self.machine.admit(at), self.model.admits(self.now, self.next)) {
            (Ok(pass), true) => {
                self.changes += usize::from(before != self.model.shown());
                self.flying.push((self.next, pass, self.changes));
                true
            }
            (Err(wait), false) => wait > Duration::ZERO,
            (Ok(_), false) | (Err(_), true) => false,
        };
        self.next += 1;
        agreed
    }

    fn finish(&mut self, n: usize, signal: Signal) {
        let (id, pass, given) = self.flying.remove(n);
        let at = self.at();
        self.machine.settle(&pass, signal, at);
        if given == self.changes {
            let before = self.model.shown();
            self.model.ends(self.now, id, signal);
            self.changes += usize::from(before != self.model.shown());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_machine_does_what_the_model_does(acts in proptest::collection::vec(acts(), 1..120)) {
        let (machine, start) = machine();
        let mut pair = Pair {
            machine, start, model: Model::default(), now: 0, flying: Vec::new(), next: 0, changes: 0,
        };
        for act in acts {
            match act {
                Act::Wait(millis) => pair.now += millis,
                Act::Begin => prop_assert!(pair.begin()),
                Act::Call(signal) => {
                    let flying = pair.flying.len();
                    prop_assert!(pair.begin());
                    if pair.flying.len() > flying {
                        pair.finish(flying, signal);
                    }
                }
                Act::Finish(n, signal) if n < pair.flying.len() => pair.finish(n, signal),
                Act::Finish(..) => {}
            }
            prop_assert_eq!(pair.machine.shown(), pair.model.shown());
        }
    }
}
