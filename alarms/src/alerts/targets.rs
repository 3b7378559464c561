//! Targets that are down, cut off, slow, busy or changed.
//!
//! Enters: nothing. Leaves: alerts, one for each target concerned. Never: a page for a target; what
//! it does to callers pages by the objectives.

use toolgate_telemetry_catalog::query::{Over, Query, Series, Window};
use toolgate_telemetry_catalog::{Key, Metric, resilience, target};

use super::{SHOP, TOOLS_CALL, increase, rate};
use crate::alert::{Alert, Severity};
use crate::objective::FEW;
use crate::scene::{Scene, Values};

const BY: &[Key] = &[Key::Target];
/// Attempts of a call, on average.
const AMPLIFIED: f64 = 1.3;

pub(super) fn alerts() -> Vec<Alert> {
    vec![
        down(),
        circuit_open(),
        circuit_flapping(),
        no_tools(),
        list_changed(),
        quarantined(),
        budget(),
        amplification(),
        timeouts(),
        saturated(),
        process_down(),
        process_flapping(),
    ]
}

fn alert(id: &'static str, query: Query) -> Alert {
    Alert::new(id, Severity::Ticket, query).look_at("targets")
}

fn now(metric: &'static Metric) -> Query {
    Query::latest(metric).max_by(BY)
}

/// One series of a family with no other label than the target.
fn one(metric: &'static Metric, at: u32, values: Values) -> Scene {
    Scene::new(at).with(metric, &[SHOP], values)
}

fn down() -> Alert {
    alert("TargetDown", now(&target::UP).equals(0.0))
        .hold(5)
        .says("{target} does not answer any gateway.")
        .fires(one(&target::UP, 15, Values::Step(1.0, 5, 0.0)), &[SHOP])
        .silent(one(&target::UP, 15, Values::Step(0.0, 12, 1.0)))
}

fn circuit_open() -> Alert {
    let open = Query::Latest(Series::of(&resilience::CIRCUIT_STATE).is(Key::State, "open"));
    let scene = |state| {
        let labels = [SHOP, (Key::State, state)];
        Scene::new(15).with(&resilience::CIRCUIT_STATE, &labels, Values::Steady(1.0))
    };
    alert("CircuitOpen", open.max_by(BY).equals(1.0))
        .hold(5)
        .says("The breaker of {target} has been open for five minutes; its calls are refused.")
        .fires(scene("open"), &[SHOP])
        .silent(scene("closed"))
}

fn circuit_flapping() -> Alert {
    let opened = Series::of(&resilience::CIRCUIT_TRANSITIONS).is(Key::State, "open");
    let scene = |step| {
        let labels = [SHOP, (Key::State, "open")];
        Scene::new(20).with(&resilience::CIRCUIT_TRANSITIONS, &labels, Values::Rising(step))
    };
    alert("CircuitFlapping", increase(opened, 15, BY).above(3.0))
        .says("The breaker of {target} opens again and again.")
        .fires(scene(0.5), &[SHOP])
        .silent(scene(0.1))
}

fn no_tools() -> Alert {
    alert("NoToolsDiscovered", now(&target::TOOLS).equals(0.0))
        .hold(10)
        .says("{target} answers, but lists no tools.")
        .fires(one(&target::TOOLS, 20, Values::Step(12.0, 5, 0.0)), &[SHOP])
        .silent(one(&target::TOOLS, 20, Values::Steady(1.0)))
}

fn list_changed() -> Alert {
    let changes = Query::Over(Over::Changes, Series::of(&target::TOOLS), Window::minutes(15));
    let changed = Alert::new("ToolListChanged", Severity::Info, changes.max_by(BY).above(0.0));
    changed
        .look_at("targets")
        .says("{target} lists more or fewer tools than a quarter of an hour ago.")
        .fires(one(&target::TOOLS, 15, Values::Step(12.0, 10, 13.0)), &[SHOP])
        .silent(one(&target::TOOLS, 15, Values::Steady(12.0)))
}

fn quarantined() -> Alert {
    alert("ToolsQuarantined", now(&target::TOOLS_QUARANTINED).above(0.0))
        .hold(5)
        .says("{target} describes tools differently from what was approved; they are held back.")
        .fires(one(&target::TOOLS_QUARANTINED, 15, Values::Step(0.0, 5, 2.0)), &[SHOP])
        .silent(one(&target::TOOLS_QUARANTINED, 15, Values::Step(2.0, 12, 0.0)))
}

fn budget() -> Alert {
    let spent = Series::of(&resilience::RETRY_SUPPRESSED).is(Key::Reason, "budget");
    let scene = |reason| {
        let labels = [SHOP, (Key::Reason, reason)];
        Scene::new(20).with(&resilience::RETRY_SUPPRESSED, &labels, Values::Rising(5.0))
    };
    alert("RetryBudgetExhausted", increase(spent, 10, BY).above(10.0))
        .hold(5)
        .says("The budget for retries at {target} is used up; failures reach the callers.")
        .fires(scene("budget"), &[SHOP])
        .silent(scene("not_idempotent"))
}

fn amplification() -> Alert {
    let calls = || Series::of(&resilience::ATTEMPTS);
    let mean = rate(calls().total(), 15, BY).per(rate(calls().count(), 15, BY));
    let enough = increase(calls().count(), 15, BY).above(FEW);
    let scene = |each| {
        let sum = Values::Rising(10.0 * each);
        Scene::new(30).summed(&resilience::ATTEMPTS, &[SHOP], Values::Rising(10.0), sum)
    };
    alert("RetryAmplification", mean.above(AMPLIFIED).and(enough))
        .hold(10)
        .says("Retries add more than 30 % to the load of {target}.")
        .fires(scene(1.5), &[SHOP])
        .silent(scene(1.1))
}

fn timeouts() -> Alert {
    let attempts = || Series::of(&target::OPERATION_DURATION).count();
    let share = rate(Series::of(&resilience::TIMEOUTS), 10, BY).per(rate(attempts(), 10, BY));
    let enough = increase(attempts(), 10, BY).above(FEW);
    let scene = |step| {
        let labels = [TOOLS_CALL, SHOP, (Key::ErrorType, "")];
        let phase = [SHOP, (Key::Phase, "first_byte")];
        Scene::new(25)
            .observed(&target::OPERATION_DURATION, &labels, Values::Rising(10.0), &[])
            .with(&resilience::TIMEOUTS, &phase, Values::Rising(step))
    };
    alert("TimeoutRatio", share.above(0.1).and(enough))
        .hold(5)
        .says("More than 10 % of attempts at {target} meet a limit of time.")
        .fires(scene(3.0), &[SHOP])
        .silent(scene(0.5))
}

fn saturated() -> Alert {
    let used = now(&resilience::CONCURRENCY_IN_USE).per(now(&resilience::CONCURRENCY_LIMIT));
    let scene = |in_use| {
        one(&resilience::CONCURRENCY_IN_USE, 20, Values::Steady(in_use)).with(
            &resilience::CONCURRENCY_LIMIT,
            &[SHOP],
            Values::Steady(100.0),
        )
    };
    alert("ConcurrencySaturated", used.above(0.9))
        .hold(10)
        .says("{target} has been at its limit of concurrency for ten minutes.")
        .fires(scene(97.0), &[SHOP])
        .silent(scene(60.0))
}

fn process_down() -> Alert {
    alert("TargetProcessDown", now(&target::PROCESS_UP).equals(0.0))
        .hold(5)
        .says("The process of {target} does not run.")
        .fires(one(&target::PROCESS_UP, 15, Values::Step(1.0, 5, 0.0)), &[SHOP])
        .silent(one(&target::PROCESS_UP, 15, Values::Steady(1.0)))
}

fn process_flapping() -> Alert {
    let restarts = Series::of(&target::PROCESS_RESTARTS);
    let scene = |step| {
        let labels = [SHOP, (Key::Reason, "exit")];
        Scene::new(20).with(&target::PROCESS_RESTARTS, &labels, Values::Rising(step))
    };
    alert("StdioTargetFlapping", increase(restarts, 15, BY).above(3.0))
        .says("The process of {target} ends again and again.")
        .fires(scene(0.5), &[SHOP])
        .silent(scene(0.1))
}
