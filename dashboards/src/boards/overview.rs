//! The first look: six questions, and where to look next.
//!
//! Enters: nothing. Leaves: the board. Never: a choice that has to be made before it shows
//! anything.

use toolgate_telemetry_catalog::query::{Query, Series};
use toolgate_telemetry_catalog::{Key, auth, gateway, process, resilience, target};

use super::{FAILED, PANEL, SYSTEM, level, mean, quantile, rate};
use crate::{Board, Panel, Row, Shown};

pub(super) fn board() -> Board {
    Board {
        id: "overview",
        title: "Overview",
        description: "Where the time goes, what fails and whose doing it is, how much room is \
                      left, what it costs, whom it hit and what changed before.",
        variables: Vec::new(),
        rows: vec![
            Row { title: "At a glance", panels: glance() },
            Row { title: "Where did the time go?", panels: time() },
            Row { title: "Where exactly did it fail, and in what context?", panels: failures() },
            Row { title: "How close to capacity?", panels: capacity() },
            Row { title: "Do gateways share their limits?", panels: shared() },
            Row { title: "What does each answer cost?", panels: cost() },
            Row { title: "Which sessions had a bad experience?", panels: sessions() },
            Row { title: "What changed just before?", panels: changes() },
        ],
    }
}

fn requests() -> Series {
    Series::of(&gateway::REQUESTS)
}

fn failed(outcomes: &[&'static str]) -> Query {
    rate(requests().any(Key::Outcome, outcomes), &[]).per(rate(requests(), &[]))
}

fn own_time() -> Series {
    Series::of(&gateway::OVERHEAD_DURATION)
}

fn glance() -> Vec<Panel> {
    let calls = Panel::number("Calls", Shown::PerSecond, "Calls that ended, a second.")
        .ask("", rate(requests(), &[]));
    let broken = Panel::number(
        "Failed",
        Shown::Share,
        "Calls that gateway, network or target made fail: what the availability objective counts.",
    );
    let tools = Panel::number("Tools said no", Shown::Share, "Calls in which the tool failed.");
    let slow = Panel::number("p95", Shown::Seconds, "95 of 100 calls are quicker than this.");
    let own = Panel::number("Own time, p99", Shown::Seconds, "What the gateway adds to a call.");
    let healthy = Panel::number("Targets up", Shown::Share, "Healthy targets of all targets.");
    vec![
        calls,
        broken.ask("", failed(SYSTEM)).limits(0.005, 0.05),
        tools.ask("", failed(&["tool"])).limits(0.05, 0.2),
        slow.ask("", quantile(0.95, Series::of(&gateway::OPERATION_DURATION), &[]))
            .limits(5.0, 10.0),
        own.ask("", quantile(0.99, own_time().is(Key::Phase, "total"), &[])).limits(0.01, 0.05),
        healthy.ask("", Query::latest(&target::UP).mean_by(&[])).at_least(1.0),
    ]
}

fn time() -> Vec<Panel> {
    let calls = || Series::of(&gateway::OPERATION_DURATION);
    let all = Panel::lines("Calls", Shown::Seconds, "Duration of calls as the caller sees them.")
        .ask("p50", quantile(0.5, calls(), &[]))
        .ask("p95", quantile(0.95, calls(), &[]))
        .ask("p99", quantile(0.99, calls(), &[]))
        .limits(5.0, 10.0)
        .exemplars();
    let targets = Panel::lines(
        "At each target, p95",
        Shown::Seconds,
        "Duration of attempts. Where this follows the calls, the target is the slow part.",
    )
    .ask("", quantile(0.95, Series::of(&target::OPERATION_DURATION), &[Key::Target]))
    .exemplars();
    let own = Panel::lines(
        "In the gateway, p95",
        Shown::Seconds,
        "Checking the token, deciding, waiting for a permit; the rest of a call is not ours.",
    )
    .ask("", quantile(0.95, own_time(), &[Key::Phase]))
    .limits(0.01, 0.05)
    .exemplars();
    vec![all, targets, own]
}

fn failures() -> Vec<Panel> {
    let outcomes = Panel::stacked(
        "Calls by whom a failure counts against",
        Shown::PerSecond,
        "ok, or the one whose doing the failure was: caller, gateway, network, target or tool.",
    )
    .ask("", rate(requests(), &[Key::Outcome]))
    .wide(6);
    let reasons = Series::of(&gateway::OPERATION_DURATION).count().named(Key::ErrorType);
    let reasons = Panel::stacked(
        "Failures by reason",
        Shown::PerSecond,
        "Each reason is explained in proxy/docs/errors.md.",
    )
    .ask("", rate(reasons, &[Key::ErrorType]))
    .wide(6);
    let places = Panel::lines(
        "Failures by target",
        Shown::PerSecond,
        "Failed calls by target and by whom they count against.",
    )
    .ask("", rate(requests().any(Key::Outcome, FAILED), &[Key::Target, Key::Outcome]))
    .wide(6);
    let tools = Series::of(&gateway::TOOL_CALLS).any(Key::Outcome, FAILED);
    let tools = Panel::bars(
        "Tools that fail most",
        Shown::PerSecond,
        "Failed calls of tools; open the board Calls with that tool chosen.",
    )
    .ask("", rate(tools, &[Key::Target, Key::Tool]).above(0.0).top(8))
    .wide(6);
    vec![outcomes, reasons, places, tools]
}

fn capacity() -> Vec<Panel> {
    let in_use = level(Series::of(&resilience::CONCURRENCY_IN_USE), &[Key::Target]);
    let limit = level(Series::of(&resilience::CONCURRENCY_LIMIT), &[Key::Target]);
    let used = Panel::lines("Permits in use", Shown::Share, "Calls at a target of those allowed.")
        .ask("", in_use.per(limit))
        .limits(0.7, 0.9)
        .wide(6);
    let flight = Panel::lines("Calls in flight", Shown::Count, "Calls that have not ended yet.")
        .ask("calls", level(Series::of(&gateway::REQUESTS_ACTIVE), &[]))
        .wide(6);
    let shed = Panel::lines("Refused at a limit", Shown::PerSecond, "Calls shed, by whose limit.")
        .ask("", rate(Series::of(&gateway::SHED), &[Key::Scope]))
        .ask("too often:", rate(Series::of(&gateway::RATE_LIMITED), &[Key::Scope]))
        .ask("in circles:", rate(Series::of(&gateway::LOOPS), &[Key::Outcome]))
        .ask("buckets forgotten", rate(Series::of(&gateway::BUCKETS_EVICTED), &[]))
        .wide(6);
    let files = level(Series::of(&process::OPEN_FDS), &[]);
    let process = Panel::lines("Process", Shown::Share, "Descriptors in use; processors used.")
        .ask("descriptors", files.per(level(Series::of(&process::MAX_FDS), &[])))
        .ask("processors", rate(Series::of(&process::CPU), &[]))
        .wide(6);
    vec![used, flight, shed, process]
}

fn shared() -> Vec<Panel> {
    let up = "1 while the store of shared rate buckets can be asked; lowest of all gateways.";
    let up = Panel::lines("Store of shared limits", Shown::Count, up)
        .ask("up", Query::latest(&resilience::STORE_UP).min_by(&[]))
        .at_least(1.0)
        .wide(8);
    let takes = "By what came of asking the store; all but taken and empty go by on_failure.";
    let takes = Panel::lines("Calls under shared limits", Shown::PerSecond, takes)
        .ask("", rate(Series::of(&resilience::STORE_TAKES), &[Key::Outcome]))
        .wide(8);
    let took = Panel::lines("Wait for the store, p95", Shown::Seconds, "At most its timeout.")
        .ask("p95", quantile(0.95, Series::of(&resilience::STORE_DURATION), &[]))
        .wide(8);
    vec![up, takes, took]
}

fn cost() -> Vec<Panel> {
    let work = rate(Series::of(&process::CPU), &[]).per(rate(requests(), &[]));
    let work =
        Panel::lines("Processor time of a call", Shown::Seconds, "Of the gateway's process.")
            .ask("a call", work)
            .wide(6);
    let lists = Panel::lines(
        "Tokens of tool lists",
        Shown::Count,
        "What the list of each target costs of an agent's context, by estimate.",
    )
    .ask("", Query::latest(&target::LIST_TOKENS).max_by(&[Key::Target]))
    .wide(6);
    let bodies = Series::of(&gateway::RESPONSE_BODY).named(Key::Target);
    let answers = Panel::lines("Size of answers, p95", Shown::Bytes, "Body bytes of an answer.")
        .ask("", quantile(0.95, bodies, &[Key::Target]))
        .wide(6);
    let attempts = Panel::lines("Attempts of a call", Shown::Count, "1 means: without retries.")
        .ask("", mean(Series::of(&resilience::ATTEMPTS), &[Key::Target]))
        .limits(1.3, 2.0)
        .wide(6);
    vec![work, lists, answers, attempts]
}

fn sessions() -> Vec<Panel> {
    let slow = Series::of(&gateway::OPERATION_DURATION);
    let quick = rate(slow.clone().up_to(10.0), &[]).per(rate(slow.clone().count(), &[]));
    let slow_share = Panel::lines(
        "Calls slower than 10 s",
        Shown::Share,
        "Their lines in the access log have request_id, client and subject_hash.",
    )
    .ask("slow", Query::Number(1.0).minus(quick))
    .limits(0.01, 0.05)
    .wide(6);
    let gone = slow.count().is(Key::ErrorType, "client_cancelled");
    let gone = Panel::lines("Callers who gave up", Shown::PerSecond, "Calls cancelled by callers.")
        .ask("cancelled", rate(gone, &[]))
        .wide(6);
    let sessions = Panel::lines(
        "Sessions of the older era",
        Shown::PerSecond,
        "Rejected and expired ones make a client start anew.",
    )
    .ask("", rate(Series::of(&gateway::SESSIONS), &[Key::Event]))
    .wide(6);
    let streams =
        Panel::lines("Streams ended", Shown::PerSecond, "Event streams, by why they ended.")
            .ask("", rate(Series::of(&gateway::STREAM_DURATION).count(), &[Key::Reason]))
            .wide(6);
    vec![slow_share, gone, sessions, streams]
}

fn changes() -> Vec<Panel> {
    let versions = Panel::stacked("Gateways by version", Shown::Count, "A roll-out shows here.")
        .ask("", level(Series::of(&gateway::BUILD_INFO), &[Key::Version]))
        .wide(6);
    let age = Query::Age(Series::of(&process::START_TIME));
    let age = Panel::lines("Since the last start", Shown::Seconds, "A fall is a restart.")
        .ask("youngest", age.min_by(&[]))
        .wide(6);
    let tools = Panel::lines("Tools of each target", Shown::Count, "A step is a changed list.")
        .ask("", Query::latest(&target::TOOLS).max_by(&[Key::Target]))
        .wide(6);
    let breaker = Series::of(&resilience::CIRCUIT_TRANSITIONS);
    let moved = Panel::lines("Breakers and keys", Shown::Count, "Changes in the last part.")
        .ask("breaker", Query::increase(breaker, PANEL).sum_by(&[Key::Target, Key::State]))
        .ask("keys", Query::increase(Series::of(&auth::JWKS_REFRESH), PANEL).sum_by(&[Key::Issuer]))
        .wide(6);
    vec![versions, age, tools, moved]
}
