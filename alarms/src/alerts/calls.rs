//! Calls that fail, take long, or are refused.
//!
//! Enters: nothing. Leaves: alerts. Never: a share of a handful of calls.

use toolgate_telemetry_catalog::query::{Query, Series, Window};
use toolgate_telemetry_catalog::{Key, gateway, target};

use super::{SHOP, TOOLS_CALL, increase, rate};
use crate::alert::{Alert, Severity};
use crate::objective::{FEW, SLOW};
use crate::scene::{Scene, Values};

const SYSTEM: &[&str] = &["gateway", "network", "target"];
/// The part of calls that may fail for minutes, and for half an hour.
pub(crate) const MANY: f64 = 0.1;
pub(crate) const SOME: f64 = 0.015;
/// Times slower than the day before.
const SLOWER: f64 = 3.0;

pub(super) fn alerts() -> Vec<Alert> {
    vec![error_rate(), high_latency(), above_baseline(), shed(), connections()]
}

/// The part of calls that gateway, network or target made fail.
pub(crate) fn failing(window: Window) -> Query {
    let bad = Series::of(&gateway::REQUESTS).any(Key::Outcome, SYSTEM);
    Query::increase(bad, window).sum().per(fair(window))
}

/// Whether there were enough calls to tell.
pub(crate) fn enough(window: Window) -> Query {
    fair(window).above(FEW)
}

/// All calls but those that failed by the caller's own doing, as a difference of two numbers that
/// are published to CloudWatch.
fn fair(window: Window) -> Query {
    let all = Series::of(&gateway::REQUESTS);
    let user = all.clone().is(Key::Outcome, "caller");
    Query::increase(all, window).sum().minus(Query::increase(user, window).sum())
}

fn error_rate() -> Alert {
    let (short, long) = (Window::minutes(5), Window::minutes(30));
    let now = failing(short).above(MANY).and(enough(short));
    let lately = failing(long).above(SOME).and(enough(long));
    Alert::new("ErrorRate", Severity::Page, now.or(lately))
        .hold(2)
        .says("More than 10 % of calls fail, or more than 1.5 % for half an hour.")
        // After a good hour 20 % fail: somebody is told in about five minutes.
        .fires(requests(66, Values::Bent(100.0, 60, 80.0), Values::Bent(0.0, 60, 20.0)), &[])
        // After a good hour 2 % fail: within the hour.
        .fires_also(requests(100, Values::Bent(100.0, 60, 98.0), Values::Bent(0.0, 60, 2.0)))
        .silent(requests(70, Values::Rising(99.0), Values::Rising(1.0)))
}

fn requests(at: u32, ok: Values, bad: Values) -> Scene {
    let labels = |outcome| [TOOLS_CALL, SHOP, (Key::Outcome, outcome)];
    Scene::new(at)
        .with(&gateway::REQUESTS, &labels("ok"), ok)
        .with(&gateway::REQUESTS, &labels("target"), bad)
        .with(&gateway::REQUESTS, &labels("caller"), Values::Rising(50.0))
}

fn high_latency() -> Alert {
    let window = Window::minutes(10);
    let attempts = Series::of(&target::OPERATION_DURATION);
    let slow = Query::Quantile(0.95, attempts.clone().buckets(), vec![Key::Target], window);
    let enough = increase(attempts.count(), 10, &[Key::Target]).above(FEW);
    // 30 s is what some tools take on a good day.
    let mix = attempted(30, Values::Rising(10.0), &[(5.0, 5.0), (30.0, 10.0), (SLOW, 10.0)]);
    Alert::new("HighLatencyP95", Severity::Ticket, slow.above(SLOW).and(enough))
        .hold(10)
        .look_at("targets")
        .says("1 of 20 attempts at {target} takes longer than 60 s.")
        .fires(attempted(30, Values::Rising(10.0), &[(SLOW, 8.0), (120.0, 10.0)]), &[SHOP])
        .silent(mix)
}

fn attempted(at: u32, all: Values, up_to: &[(f64, f64)]) -> Scene {
    let labels = [TOOLS_CALL, SHOP, (Key::ErrorType, "")];
    let up_to: Vec<(f64, Values)> =
        up_to.iter().map(|(bound, step)| (*bound, Values::Rising(*step))).collect();
    Scene::new(at).observed(&target::OPERATION_DURATION, &labels, all, &up_to)
}

fn above_baseline() -> Alert {
    let (window, day) = (Window::minutes(30), Window::days(1));
    let attempts = Series::of(&target::OPERATION_DURATION);
    let p95 = |series: Series| Query::Quantile(0.95, series.buckets(), vec![Key::Target], window);
    let slower = p95(attempts.clone()).per(p95(attempts.clone().ago(day))).above(SLOWER);
    let noticeable = p95(attempts.clone()).above(1.0);
    let enough = increase(attempts.count(), 30, &[Key::Target]).above(FEW);
    let query = slower.and(noticeable).and(enough);
    // A day of 10 quick calls a minute; then slow ones, or as before.
    let labels = [TOOLS_CALL, SHOP, (Key::ErrorType, "")];
    let day = 24 * 60;
    let calls = |quick| {
        Scene::new(day + 60).observed(
            &target::OPERATION_DURATION,
            &labels,
            Values::Rising(10.0),
            &[(0.5, quick), (2.0, quick), (5.0, Values::Rising(10.0))],
        )
    };
    Alert::new("LatencyAboveBaseline", Severity::Ticket, query)
        .hold(15)
        .look_at("targets")
        .says("Attempts at {target} take three times as long as at the same time yesterday.")
        .fires(calls(Values::Bent(10.0, day, 1.0)), &[SHOP])
        .silent(calls(Values::Rising(10.0)))
}

/// The part of calls that were refused at a limit.
pub(crate) fn refused(window: Window) -> Query {
    let shed = Query::increase(Series::of(&gateway::SHED), window).sum();
    shed.per(Query::increase(Series::of(&gateway::REQUESTS), window).sum())
}

fn shed() -> Alert {
    let window = Window::minutes(10);
    let query = refused(window).above(0.01).and(enough(window));
    let scene = |step| {
        requests(20, Values::Rising(100.0), Values::Rising(0.0)).with(
            &gateway::SHED,
            &[(Key::Scope, "target")],
            Values::Rising(step),
        )
    };
    Alert::new("CallsShed", Severity::Ticket, query)
        .hold(5)
        .says("More than 1 % of calls are refused because a limit of concurrency is met.")
        .fires(scene(5.0), &[])
        .silent(scene(0.1))
}

fn connections() -> Alert {
    let full = Series::of(&gateway::CONNECTIONS_REJECTED).is(Key::Reason, "limit");
    let query = rate(full, 5, &[]).above(0.0);
    let scene = |step| {
        Scene::new(15).with(
            &gateway::CONNECTIONS_REJECTED,
            &[(Key::Reason, "limit")],
            Values::Rising(step),
        )
    };
    Alert::new("ConnectionsRejected", Severity::Ticket, query)
        .hold(5)
        .look_at("calls")
        .says("Connections of callers are turned away because too many are open.")
        .fires(scene(1.0), &[])
        .silent(scene(0.0))
}
