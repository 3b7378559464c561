//! One tool, or a few: what its calls came to and how long they took; and the front door.
//!
//! Enters: nothing. Leaves: the board. Never: a choice by anything that a caller may write.

use toolgate_telemetry_catalog::query::Series;
use toolgate_telemetry_catalog::{Key, gateway, resilience};

use super::{FAILED, level, mean, quantile, rate, target_variable};
use crate::{Board, Panel, Row, Shown, Variable};

pub(super) fn board() -> Board {
    Board {
        id: "calls",
        title: "Calls",
        description: "Calls of the chosen tool; below, everything that comes in at the front door.",
        variables: vec![
            target_variable(&gateway::TOOL_CALLS),
            Variable { key: Key::Tool, title: "Tool", of: &gateway::TOOL_CALLS, several: false },
        ],
        rows: vec![
            Row { title: "The chosen tool", panels: tool() },
            Row { title: "All calls", panels: calls() },
            Row { title: "Front door", panels: door() },
        ],
    }
}

fn chosen(series: Series) -> Series {
    series.chosen(Key::Target).chosen(Key::Tool)
}

fn tool() -> Vec<Panel> {
    let calls = || chosen(Series::of(&gateway::TOOL_CALLS));
    let times = || chosen(Series::of(&gateway::OPERATION_DURATION));
    let outcomes = Panel::stacked("Calls", Shown::PerSecond, "Calls of the tool by outcome.")
        .ask("", rate(calls(), &[Key::Outcome]));
    let failed = rate(calls().any(Key::Outcome, FAILED), &[]).per(rate(calls(), &[]));
    let failed = Panel::lines("Failed", Shown::Share, "Calls that failed, the tool's own no too.")
        .ask("failed", failed)
        .limits(0.05, 0.2);
    let slow =
        Panel::lines("Duration", Shown::Seconds, "Duration of its calls, whatever came of them.")
            .ask("p50", quantile(0.5, times(), &[]))
            .ask("p95", quantile(0.95, times(), &[]))
            .ask("p99", quantile(0.99, times(), &[]))
            .limits(5.0, 10.0)
            .exemplars();
    let compared = Panel::bars("Slowest tools, p95", Shown::Seconds, "Among the chosen targets.")
        .ask(
            "",
            quantile(
                0.95,
                Series::of(&gateway::OPERATION_DURATION).chosen(Key::Target).named(Key::Tool),
                &[Key::Target, Key::Tool],
            )
            .above(0.0)
            .top(10),
        );
    let reasons = Panel::stacked("Failures by reason", Shown::PerSecond, "Why its calls failed.")
        .ask("", rate(times().count().named(Key::ErrorType), &[Key::ErrorType]));
    let busy = Panel::bars("Most called tools", Shown::PerSecond, "Among the chosen targets.").ask(
        "",
        rate(Series::of(&gateway::TOOL_CALLS).chosen(Key::Target), &[Key::Target, Key::Tool])
            .above(0.0)
            .top(10),
    );
    vec![outcomes, failed, slow, compared, reasons, busy]
}

fn calls() -> Vec<Panel> {
    let requests = || Series::of(&gateway::REQUESTS);
    let methods = Panel::stacked("By method", Shown::PerSecond, "What is asked of the gateway.")
        .ask("", rate(requests(), &[Key::Method]));
    let times = quantile(0.95, Series::of(&gateway::OPERATION_DURATION), &[Key::Method]);
    let times = Panel::lines("Duration by method, p95", Shown::Seconds, "All outcomes together.")
        .ask("", times)
        .exemplars();
    let first = Series::of(&gateway::FIRST_BYTE_DURATION).chosen(Key::Target);
    let first =
        Panel::lines("First byte, p95", Shown::Seconds, "Until the target begins to answer.")
            .ask("", quantile(0.95, first, &[Key::Target]))
            .exemplars();
    let sizes =
        Panel::lines("Bodies, p95", Shown::Bytes, "Bytes read from and written to callers.")
            .ask("read", quantile(0.95, Series::of(&gateway::REQUEST_BODY), &[]))
            .ask("written", quantile(0.95, Series::of(&gateway::RESPONSE_BODY), &[]))
            .wide(12);
    let attempts = Panel::lines("Attempts of a call", Shown::Count, "1 means: without retries.")
        .ask("", mean(Series::of(&resilience::ATTEMPTS).chosen(Key::Target), &[Key::Target]))
        .limits(1.3, 2.0)
        .wide(12);
    vec![methods, times, first, sizes, attempts]
}

fn door() -> Vec<Panel> {
    let open = Panel::lines("Open", Shown::Count, "Connections, streams and calls at this moment.")
        .ask("connections", level(Series::of(&gateway::CONNECTIONS_ACTIVE), &[]))
        .ask("streams", level(Series::of(&gateway::STREAMS_ACTIVE), &[]))
        .ask("calls", level(Series::of(&gateway::REQUESTS_ACTIVE), &[]));
    let connections = Panel::lines("Connections", Shown::PerSecond, "Taken, and turned away why.")
        .ask("accepted", rate(Series::of(&gateway::CONNECTIONS_ACCEPTED), &[]))
        .ask("rejected", rate(Series::of(&gateway::CONNECTIONS_REJECTED), &[Key::Reason]));
    let revisions = [Key::Direction, Key::ProtocolVersion];
    let revisions = Panel::stacked("Protocol revisions", Shown::PerSecond, "On both sides.")
        .ask("", rate(Series::of(&gateway::PROTOCOL_REQUESTS), &revisions));
    let bridged =
        Panel::lines("Translated between eras", Shown::PerSecond, "Messages, by receiver.")
            .ask("", rate(Series::of(&gateway::TRANSLATIONS), &[Key::Direction]));
    let questions = Panel::stacked(
        "Questions to callers",
        Shown::PerSecond,
        "By kind, and what became of them.",
    )
    .ask("", rate(Series::of(&gateway::QUESTIONS), &[Key::Kind, Key::Event]));
    let parked = Panel::lines(
        "Calls that wait for answers",
        Shown::Count,
        "Parked until callers come back.",
    )
    .ask("parked", level(Series::of(&gateway::PARKED), &[]));
    vec![open, connections, revisions, bridged, questions, parked]
}
