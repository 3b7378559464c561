//! The far side: are the targets well, and what does the gateway do when they are not.
//!
//! Enters: nothing. Leaves: the board. Never: anything of the callers.

use toolgate_telemetry_catalog::query::{Query, Series};
use toolgate_telemetry_catalog::{Key, Metric, gateway, resilience, target};

use super::{mean, quantile, rate, target_variable};
use crate::{Board, Panel, Row, Shown};

pub(super) fn board() -> Board {
    Board {
        id: "targets",
        title: "Targets",
        description: "Health, attempts and lists of the targets; retries, timeouts and breakers.",
        variables: vec![target_variable(&target::UP)],
        rows: vec![
            Row { title: "Are they well?", panels: health() },
            Row { title: "What does the gateway do about it?", panels: resilience() },
            Row { title: "Lists of tools", panels: lists() },
            Row { title: "Connections and processes", panels: connections() },
            Row { title: "What they are shown", panels: credentials() },
        ],
    }
}

fn of(metric: &'static Metric) -> Series {
    Series::of(metric).chosen(Key::Target)
}

fn now(metric: &'static Metric) -> Query {
    Query::Latest(of(metric)).max_by(&[Key::Target])
}

fn health() -> Vec<Panel> {
    let up =
        Panel::lines("Up", Shown::Count, "1 while the target is healthy; lowest of all gateways.")
            .ask("", Query::Latest(of(&target::UP)).min_by(&[Key::Target]))
            .at_least(1.0)
            .wide(6);
    let attempts = Panel::lines("Duration of attempts, p95", Shown::Seconds, "Each try counts.")
        .ask("", quantile(0.95, of(&target::OPERATION_DURATION), &[Key::Target]))
        .exemplars()
        .wide(6);
    let failed = of(&target::OPERATION_DURATION).count().named(Key::ErrorType);
    let failed = Panel::stacked("Failed attempts", Shown::PerSecond, "By target and reason.")
        .ask("", rate(failed, &[Key::Target, Key::ErrorType]))
        .wide(6);
    let checks = Panel::lines("Health checks", Shown::PerSecond, "Checks by what they came to.")
        .ask("", rate(of(&target::HEALTH_CHECKS), &[Key::Target, Key::Outcome]))
        .wide(6);
    vec![up, attempts, failed, checks]
}

fn resilience() -> Vec<Panel> {
    let open = of(&resilience::CIRCUIT_STATE).any(Key::State, &["open", "half_open"]);
    let open =
        Panel::lines("Breakers not closed", Shown::Count, "Gateways that cut the target off.")
            .ask("", Query::Latest(open).sum_by(&[Key::Target, Key::State]))
            .limits(1.0, 2.0);
    let moved = rate(of(&resilience::CIRCUIT_TRANSITIONS), &[Key::Target, Key::State]);
    let moved = Panel::lines("Breaker changes", Shown::PerSecond, "By the state it went to.")
        .ask("", moved)
        .ask("refused", rate(of(&resilience::CIRCUIT_REJECTED), &[Key::Target]));
    let cut_off = mean(of(&resilience::CIRCUIT_OPEN_DURATION), &[Key::Target]);
    let cut_off =
        Panel::lines("Breaker open for", Shown::Seconds, "On average, until a good trial.")
            .ask("", cut_off);
    let timeouts = Panel::lines("Timeouts", Shown::PerSecond, "By the limit of time that was met.")
        .ask("", rate(of(&resilience::TIMEOUTS), &[Key::Target, Key::Phase]));
    let retries = Panel::lines("Retries", Shown::PerSecond, "By cause, and whether they helped.")
        .ask("", rate(of(&resilience::RETRIES), &[Key::Target, Key::Reason, Key::Outcome]));
    let not =
        Panel::lines("Not repeated", Shown::PerSecond, "Failed attempts, by why no retry came.")
            .ask("", rate(of(&resilience::RETRY_SUPPRESSED), &[Key::Target, Key::Reason]));
    let budget = Query::Latest(of(&resilience::RETRY_BUDGET)).min_by(&[Key::Target]);
    let budget = Panel::lines("Budget for retries left", Shown::Share, "0 means: no more retries.")
        .ask("", budget)
        .at_least(0.1)
        .wide(6);
    let permits = Panel::lines("Calls at the target", Shown::Count, "In use, and how many may be.")
        .ask("in use", now(&resilience::CONCURRENCY_IN_USE))
        .ask("limit", now(&resilience::CONCURRENCY_LIMIT))
        .wide(6);
    let lost = Panel::lines("Sessions made again", Shown::PerSecond, "The target forgot them.")
        .ask("", rate(of(&target::REESTABLISHED), &[Key::Target]))
        .wide(6);
    let bytes = Panel::lines("Bytes", Shown::BytesPerSecond, "Body bytes to and from the target.")
        .ask("", rate(of(&target::BYTES), &[Key::Target, Key::Direction]))
        .wide(6);
    vec![open, moved, cut_off, timeouts, retries, not, budget, permits, lost, bytes]
}

fn lists() -> Vec<Panel> {
    let tools = Panel::lines("Tools", Shown::Count, "Tools in each target's list.")
        .ask("", now(&target::TOOLS))
        .wide(6);
    let sizes =
        Panel::lines("Size of the list", Shown::Bytes, "What it costs of an agent's context.")
            .ask("", now(&target::LIST_SIZE))
            .wide(6);
    let weights =
        Panel::lines("Tokens of the list", Shown::Count, "By estimate: four bytes are a token.")
            .ask("", now(&target::LIST_TOKENS))
            .wide(6);
    let heavy = Panel::lines(
        "Lists beyond their budget",
        Shown::Count,
        "Of servers, and of the gateway as a whole; the log names them.",
    )
    .ask("lists", Query::latest(&gateway::LISTS_OVER_BUDGET).max_by(&[]))
    .limits(1.0, 10.0)
    .wide(6);
    let refresh =
        Panel::lines("Refreshes", Shown::PerSecond, "By what they came to, and why made.")
            .ask("", rate(of(&target::LIST_REFRESH), &[Key::Target, Key::Outcome, Key::Reason]))
            .wide(6);
    let changes =
        Panel::lines("Changed tools", Shown::PerSecond, "Definitions that a list changed.")
            .ask("", rate(of(&target::TOOL_SCHEMA_CHANGES), &[Key::Target, Key::Kind]))
            .ask("left out", rate(of(&target::TOOLS_LEFT_OUT), &[Key::Target]))
            .wide(6);
    let approved = Panel::lines(
        "Differences from what was approved",
        Shown::PerSecond,
        "Tools found to differ, by how, and by what is done about it.",
    )
    .ask("", rate(of(&target::CONTRACT_CHANGES), &[Key::Target, Key::Kind, Key::Action]))
    .ask("forgotten", rate(of(&target::CONTRACTS_FORGOTTEN), &[Key::Target]))
    .ask("pins file read again", rate(Series::of(&gateway::PINS_RELOADS), &[Key::Outcome]))
    .wide(6);
    let held = Panel::lines("Tools in quarantine", Shown::Count, "Neither listed nor called.")
        .ask("", now(&target::TOOLS_QUARANTINED))
        .wide(6);
    vec![tools, sizes, weights, heavy, refresh, changes, approved, held]
}

fn connections() -> Vec<Panel> {
    let steps = Panel::lines("Connecting, p95", Shown::Seconds, "Name, connection, handshake.")
        .ask("", quantile(0.95, of(&target::CONNECT_DURATION), &[Key::Target, Key::Phase]))
        .wide(6);
    let pool = Query::Latest(of(&target::POOL_CONNECTIONS)).sum_by(&[Key::Target, Key::State]);
    let pool = Panel::lines("Pool", Shown::Count, "Connections kept open, by what they do.")
        .ask("", pool)
        .wide(6);
    let running = Panel::lines("Processes", Shown::Count, "1 while the target's process runs.")
        .ask("", Query::Latest(of(&target::PROCESS_UP)).min_by(&[Key::Target]))
        .at_least(1.0)
        .wide(6);
    let restarts = Panel::lines("Restarts", Shown::PerSecond, "By what ended the process.")
        .ask("", rate(of(&target::PROCESS_RESTARTS), &[Key::Target, Key::Reason]))
        .wide(6);
    let runs = Panel::lines("Functions, p95", Shown::Seconds, "Runs of Lambda functions.")
        .ask("", quantile(0.95, of(&target::FUNCTION_DURATION), &[Key::Target]))
        .ask("cold start", quantile(0.95, of(&target::FUNCTION_INIT), &[Key::Target]))
        .wide(24);
    vec![steps, pool, running, restarts, runs]
}

fn credentials() -> Vec<Panel> {
    let fetches = Panel::lines("Tokens fetched", Shown::PerSecond, "Requests to token endpoints.")
        .ask("", rate(of(&target::CREDENTIALS_FETCHES), &[Key::Target, Key::Outcome]))
        .wide(6);
    let refused = Panel::lines("Refused", Shown::PerSecond, "401 to what a target was shown.")
        .ask("", rate(of(&target::CREDENTIALS_REFUSED), &[Key::Target]))
        .ask("forgotten", rate(of(&target::CREDENTIALS_EVICTED), &[Key::Target]))
        .wide(6);
    // An age below zero: what is left.
    let age = Query::Age(of(&target::CREDENTIALS_EXPIRY)).max_by(&[Key::Target]);
    let age =
        Panel::lines("Age of the end", Shown::Seconds, "Below zero: the token is good so long.")
            .ask("", age)
            .wide(6);
    let callers = Query::Latest(of(&target::CREDENTIALS_CACHED)).sum_by(&[Key::Target]);
    let callers = Panel::lines("Callers with a token", Shown::Count, "Exchanged, and held.")
        .ask("", callers)
        .wide(6);
    let secrets = rate(Series::of(&gateway::SECRET_READS), &[Key::Source, Key::Outcome]);
    let secrets = Panel::lines("Secrets read again", Shown::PerSecond, "And what came of it.")
        .ask("", secrets)
        .wide(24);
    vec![fetches, refused, age, callers, secrets]
}
