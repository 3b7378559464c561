//! The agent: turns that fail or take long, and what makes them.
//!
//! Enters: nothing. Leaves: alerts. Never: a share of a handful of turns; an alarm because somebody runs
//! an agent without memory or without a gateway, which is a choice.

use toolgate_telemetry_catalog::query::{Query, Series, Window};
use toolgate_telemetry_catalog::{Key, MemoryEnd, SettingsRefresh, TokenFetch, TurnEnd, agent};

use super::increase;
use crate::alert::{Alert, Severity};
use crate::objective::FEW;
use crate::scene::{Scene, Values};

/// The part of turns that may fail for minutes, and for an hour. People ask more rarely than agents
/// call tools, so that windows are longer than those of calls.
pub(crate) const MANY: f64 = 0.25;
pub(crate) const SOME: f64 = 0.05;
/// So many failures on end are no accident.
const SEVERAL: f64 = 4.0;
/// Slower than this, in seconds, people have gone.
pub(crate) const SLOW: f64 = 120.0;
/// What memory may fail at, for each turn.
pub(crate) const FORGETFUL: f64 = 0.2;
/// The part of replies that may fail, and that may be throttled.
const NO_REPLY: f64 = 0.2;
const THROTTLED: f64 = 0.05;

/// Why a model does not reply, by its provider's doing or on the way there.
const BROKEN: &[&str] =
    &["unreachable", "timed_out", "unavailable", "denied", "not_found", "protocol"];
const MODEL: (Key, &str) = (Key::Model, "sonnet");
const BY: &[Key] = &[Key::Model];

pub(super) fn alerts() -> Vec<Alert> {
    vec![
        turns_fail(),
        turns_slow(),
        model_failing(),
        model_throttled(),
        memory_failing(),
        memory_lost(),
        token_failing(),
        settings_stale(),
    ]
}

fn alert(id: &'static str, severity: Severity, query: Query) -> Alert {
    Alert::new(id, severity, query).look_at("agent")
}

/// The part of turns that the agent or its model made fail.
pub(crate) fn failing(window: Window) -> Query {
    failed(window).per(turns(window))
}

/// Whether so many failed that it is no accident.
pub(crate) fn several(window: Window) -> Query {
    failed(window).above(SEVERAL)
}

/// Whether there were enough turns to tell.
pub(crate) fn enough(window: Window) -> Query {
    turns(window).above(FEW)
}

/// What memory was asked to do and did not, for each turn.
pub(crate) fn forgetful(window: Window) -> Query {
    memory_errors(window).per(turns(window))
}

/// How often memory did not do what it was asked, if that is no accident.
pub(crate) fn forgets(window: Window) -> Query {
    memory_errors(window).above(SEVERAL)
}

/// Turns that will not be remembered.
pub(crate) fn lost(window: Window) -> Query {
    Query::increase(Series::of(&agent::MEMORY_LOST), window).sum().above(0.0)
}

/// Tokens that could not be had, if that is no accident.
pub(crate) fn no_token(window: Window) -> Query {
    let failed = Series::of(&agent::TOKEN_RENEWALS).any(Key::Outcome, TokenFetch::FAILED);
    Query::increase(failed, window).sum().above(SEVERAL)
}

/// Settings that were read again in vain, more than twice.
pub(crate) fn stale(window: Window) -> Query {
    let failed = Series::of(&agent::SETTINGS_REFRESHES).any(Key::Outcome, SettingsRefresh::FAILED);
    Query::increase(failed, window).sum().above(2.0)
}

fn turns(window: Window) -> Query {
    Query::increase(Series::of(&agent::INTERACTIONS), window).sum()
}

fn failed(window: Window) -> Query {
    let failed = Series::of(&agent::INTERACTIONS).any(Key::Outcome, TurnEnd::FAILED);
    Query::increase(failed, window).sum()
}

fn memory_errors(window: Window) -> Query {
    let failed = Series::of(&agent::MEMORY_OPERATIONS).any(Key::ErrorType, MemoryEnd::FAILED);
    Query::increase(failed, window).sum()
}

/// An agent on a good day: four questions a minute, a reply that is throttled now and then and asked
/// for again, a search in an hour that comes too late. `but` has what is not so.
fn day(at: u32, but: &[(&'static str, f64)]) -> Scene {
    let step = |name: &str, usual: f64| {
        let other = but.iter().find(|(known, _)| *known == name);
        Values::Rising(other.map_or(usual, |(_, step)| *step))
    };
    let turn = |outcome| [MODEL, (Key::Outcome, outcome)];
    let memory = |operation, why| [(Key::Operation, operation), (Key::ErrorType, why)];
    let fetched = |outcome| [(Key::Outcome, outcome)];
    let mut scene = Scene::new(at)
        .with(&agent::INTERACTIONS, &turn("answered"), step("answered", 4.0))
        .with(&agent::INTERACTIONS, &turn("limit"), step("limit", 0.1))
        .with(&agent::INTERACTIONS, &turn("model_failed"), step("model_failed", 0.02))
        .with(&agent::MEMORY_OPERATIONS, &memory("search", ""), step("searched", 4.0))
        .with(&agent::MEMORY_OPERATIONS, &memory("search", "timed_out"), step("late", 0.02))
        .with(&agent::MEMORY_LOST, &[], step("lost", 0.0))
        .with(&agent::TOKEN_RENEWALS, &fetched("ok"), step("token", 0.02))
        .with(&agent::TOKEN_RENEWALS, &fetched("unreachable"), step("no token", 0.01))
        .with(&agent::SETTINGS_REFRESHES, &fetched("same"), step("same", 0.2))
        .with(&agent::SETTINGS_REFRESHES, &fetched("failed"), step("unread", 0.01));
    for (why, usual) in [("", 9.0), ("throttled", 0.1), ("unavailable", 0.02)] {
        let labels = [MODEL, (Key::ErrorType, why)];
        let all = step(if why.is_empty() { "replied" } else { why }, usual);
        scene = scene.observed(&agent::MODEL_DURATION, &labels, all, &[]);
    }
    // Of four turns all are done in two minutes, unless they are not; then they are in five.
    scene.observed(
        &agent::INVOKE_DURATION,
        &[(Key::ErrorType, "")],
        Values::Rising(4.0),
        &[
            (60.0, step("in a minute", 3.9)),
            (SLOW, step("in time", 4.0)),
            (300.0, Values::Rising(4.0)),
        ],
    )
}

fn turns_fail() -> Alert {
    let (short, long) = (Window::minutes(15), Window::hours(1));
    let now = failing(short).above(MANY).and(several(short));
    let lately = failing(long).above(SOME).and(enough(long));
    alert("AgentTurnsFail", Severity::Page, now.or(lately))
        .hold(2)
        .says("More than 25 % of the agent's turns fail, or more than 5 % for an hour.")
        .fires(day(20, &[("model_failed", 2.0)]), &[])
        .fires_also(day(70, &[("model_failed", 0.3)]))
        // A lonely agent whose every turn fails: ten questions an hour.
        .fires_also(day(70, &[("answered", 0.0), ("limit", 0.0), ("model_failed", 0.4)]))
        .silent(day(70, &[]))
        // One question of one that fails says nothing.
        .silent_also(day(20, &[("answered", 0.0), ("limit", 0.0), ("model_failed", 0.1)]))
}

fn turns_slow() -> Alert {
    let window = Window::minutes(30);
    let slow = Query::quantile(0.95, &agent::INVOKE_DURATION, window).above(SLOW);
    let enough = increase(Series::of(&agent::INVOKE_DURATION).count(), 30, &[]).above(FEW);
    alert("AgentTurnsSlow", Severity::Ticket, slow.and(enough))
        .hold(10)
        .says("1 of 20 turns of the agent takes longer than 2 minutes.")
        .fires(day(45, &[("in a minute", 3.0), ("in time", 3.6)]), &[])
        .silent(day(45, &[]))
        .silent_also(day(45, &[("in a minute", 2.0), ("in time", 3.9)]))
}

/// The part of replies that end so, by model, once several have.
fn replies(why: &[&'static str], most: f64) -> Query {
    let all = || Series::of(&agent::MODEL_DURATION).count();
    let bad = || increase(all().any(Key::ErrorType, why), 15, BY);
    bad().per(increase(all(), 15, BY)).above(most).and(bad().above(SEVERAL))
}

fn model_failing() -> Alert {
    alert("AgentModelFailing", Severity::Ticket, replies(BROKEN, NO_REPLY))
        .hold(5)
        .says("More than 20 % of requests to the model {gen_ai_request_model} fail.")
        .fires(day(30, &[("unavailable", 4.0)]), &[MODEL])
        .silent(day(30, &[]))
        .silent_also(day(30, &[("throttled", 4.0)]))
}

fn model_throttled() -> Alert {
    alert("AgentModelThrottled", Severity::Ticket, replies(&["throttled"], THROTTLED))
        .hold(5)
        .says("The provider of {gen_ai_request_model} turns more than 5 % of requests away.")
        .fires(day(30, &[("throttled", 1.0)]), &[MODEL])
        .silent(day(30, &[]))
        .silent_also(day(30, &[("unavailable", 4.0)]))
}

fn memory_failing() -> Alert {
    let window = Window::minutes(30);
    let query = forgetful(window).above(FORGETFUL).and(forgets(window));
    alert("AgentMemoryFailing", Severity::Ticket, query)
        .hold(5)
        .says("The agent's memory does not answer for more than 20 % of turns.")
        .fires(day(40, &[("late", 2.0)]), &[])
        .silent(day(40, &[]))
        .silent_also(day(40, &[("late", 0.5)]))
}

fn memory_lost() -> Alert {
    alert("AgentMemoryLost", Severity::Ticket, lost(Window::minutes(15)))
        .says("Turns of the agent will not be remembered.")
        .fires(day(20, &[("lost", 0.2)]), &[])
        .silent(day(20, &[]))
}

fn token_failing() -> Alert {
    alert("AgentTokenFailing", Severity::Page, no_token(Window::minutes(15)))
        .hold(2)
        .says("The agent gets no token for the gateway: it answers without tools, or soon will.")
        .fires(day(20, &[("no token", 1.0)]), &[])
        .silent(day(20, &[]))
        // Many that it gets are a choice of the issuer.
        .silent_also(day(20, &[("token", 2.0)]))
}

fn settings_stale() -> Alert {
    alert("AgentSettingsStale", Severity::Ticket, stale(Window::minutes(30)))
        .hold(5)
        .says("The agent's settings cannot be read again: what was changed is not in force.")
        .fires(day(45, &[("same", 0.0), ("unread", 0.2)]), &[])
        .silent(day(45, &[]))
        .silent_also(day(45, &[("same", 0.4)]))
}
