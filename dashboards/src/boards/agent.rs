//! The agent: its turns, its models, its tools, its memory.
//!
//! Enters: nothing. Leaves: the board. Never: a user, a conversation or a word of either.

use toolgate_telemetry_catalog::Key;
use toolgate_telemetry_catalog::agent;
use toolgate_telemetry_catalog::query::{Query, Series};

use super::{level, mean, quantile, rate};
use crate::{Board, Panel, Row, Shown, Variable};

pub(super) fn board() -> Board {
    let model =
        Variable { key: Key::Model, title: "Model", of: &agent::INTERACTIONS, several: true };
    Board {
        id: "agent",
        title: "Agent",
        description: "Turns of the agent: where their time goes, how they end, what they cost, and \
                      what they had to do without.",
        variables: vec![model],
        rows: vec![
            Row { title: "Turns", panels: turns() },
            Row { title: "Models", panels: models() },
            Row { title: "Tools and the gateway", panels: tools() },
            Row { title: "Memory", panels: memory() },
        ],
    }
}

fn turns() -> Vec<Panel> {
    let ended = Series::of(&agent::INTERACTIONS).chosen(Key::Model);
    let ended = Panel::stacked("Turns", Shown::PerSecond, "Turns that ended, by how.")
        .ask("", rate(ended, &[Key::Outcome]));
    let took = || Series::of(&agent::INVOKE_DURATION);
    let took = Panel::lines("Duration", Shown::Seconds, "From the question to the last word.")
        .ask("p50", quantile(0.5, took(), &[]))
        .ask("p95", quantile(0.95, took(), &[]))
        .ask("first word, p95", quantile(0.95, Series::of(&agent::FIRST_WORD), &[]))
        .exemplars();
    let parts = Series::of(&agent::PHASE_DURATION);
    let parts = Panel::stacked("Where the time goes", Shown::Seconds, "The mean of each part.")
        .ask("", mean(parts, &[Key::Phase]));
    let going = Panel::lines("Turns in flight", Shown::Count, "Turns that have not ended yet.")
        .ask("turns", level(Series::of(&agent::TURNS_ACTIVE), &[]));
    let limits = Panel::lines("Limits met", Shown::PerSecond, "Turns that a limit has ended.")
        .ask("", rate(Series::of(&agent::BUDGET_EXCEEDED), &[Key::Reason]));
    let missing = Panel::lines("Done without", Shown::PerSecond, "What turns had to do without.")
        .ask("", rate(Series::of(&agent::DEGRADED), &[Key::Missing]));
    vec![ended, took, parts, going, limits, missing]
}

fn models() -> Vec<Panel> {
    let asked = || Series::of(&agent::MODEL_DURATION).chosen(Key::Model);
    let took = Panel::lines("Replies, p95", Shown::Seconds, "Until a reply has ended.")
        .ask("", quantile(0.95, asked(), &[Key::Model]))
        .wide(6);
    let first = Series::of(&agent::FIRST_CHUNK).chosen(Key::Model);
    let first = Panel::lines("First piece, p95", Shown::Seconds, "Until a reply has begun.")
        .ask("", quantile(0.95, first, &[Key::Model]))
        .wide(6);
    let failed = asked().count().named(Key::ErrorType);
    let failed = Panel::stacked("Failed replies", Shown::PerSecond, "By model and reason.")
        .ask("", rate(failed, &[Key::Model, Key::ErrorType]))
        .wide(6);
    let again = Series::of(&agent::MODEL_RETRIES).chosen(Key::Model);
    let again = Panel::stacked("Sent again", Shown::PerSecond, "Requests, by model and why.")
        .ask("", rate(again, &[Key::Model, Key::ErrorType]))
        .wide(6);
    let tokens = Series::of(&agent::TOKENS).chosen(Key::Model);
    let tokens = Panel::stacked("Tokens", Shown::PerSecond, "As the provider counts them.")
        .ask("", rate(tokens, &[Key::Model, Key::TokenType]))
        .wide(6);
    let usage = Series::of(&agent::TOKEN_USAGE).chosen(Key::Model);
    let usage = Panel::lines("Tokens of a reply, p95", Shown::Count, "One request and its reply.")
        .ask("", quantile(0.95, usage, &[Key::Model, Key::TokenType]))
        .wide(6);
    let cost = || Series::of(&agent::COST).chosen(Key::Model);
    let cost = Panel::lines("Estimated cost", Shown::Count, "US dollars, by configured prices.")
        .ask("an hour:", rate(cost().total(), &[Key::Model]).times(3600.0))
        .ask("a turn:", mean(cost(), &[Key::Model]))
        .wide(6);
    let replies = Panel::lines("Replies of a turn", Shown::Count, "Mean requests to models.")
        .ask("a turn", mean(Series::of(&agent::INFERENCE_CALLS), &[]))
        .wide(6);
    vec![took, first, failed, again, tokens, usage, cost, replies]
}

fn tools() -> Vec<Panel> {
    let called = Series::of(&agent::TOOL_CALLS);
    let called = Panel::stacked("Calls of tools", Shown::PerSecond, "As the agent sees them.")
        .ask("", rate(called, &[Key::Outcome]));
    let took = Series::of(&agent::TOOL_DURATION);
    let took = Panel::lines("Slowest tools, p95", Shown::Seconds, "With the way to the gateway.")
        .ask("", quantile(0.95, took, &[Key::Tool]).top(8));
    let each = Panel::lines("Tools", Shown::Count, "Calls of a turn, and what can be called.")
        .ask("calls of a turn", mean(Series::of(&agent::TURN_TOOL_CALLS), &[]))
        .ask("to choose from", Query::latest(&agent::TOOLS).max_by(&[]));
    let tokens = Series::of(&agent::TOKEN_RENEWALS);
    let tokens = Panel::lines("Tokens for the gateway", Shown::PerSecond, "Renewals, by outcome.")
        .ask("", rate(tokens, &[Key::Outcome]))
        .wide(12);
    let settings = Series::of(&agent::SETTINGS_REFRESHES);
    let settings = Panel::lines("Settings read again", Shown::PerSecond, "By what came of it.")
        .ask("", rate(settings, &[Key::Outcome]))
        .wide(12);
    vec![called, took, each, tokens, settings]
}

fn memory() -> Vec<Panel> {
    let took = Series::of(&agent::MEMORY_DURATION);
    let took = Panel::lines("Duration, p95", Shown::Seconds, "A search must be done in 0.3 s.")
        .ask("", quantile(0.95, took, &[Key::Operation]))
        .limits(0.2, 0.3)
        .wide(6);
    let asked = Series::of(&agent::MEMORY_OPERATIONS);
    let failed = asked.clone().named(Key::ErrorType);
    let asked = Panel::stacked("Asked of memory", Shown::PerSecond, "Searches and turns kept.")
        .ask("", rate(asked, &[Key::Operation]))
        .ask("failed:", rate(failed, &[Key::Operation, Key::ErrorType]))
        .ask("lost", rate(Series::of(&agent::MEMORY_LOST), &[]))
        .wide(6);
    let found = Panel::lines("Records for a question", Shown::Count, "Mean of what was found.")
        .ask("found", mean(Series::of(&agent::MEMORY_RECORDS), &[]))
        .wide(6);
    let versions = Panel::stacked("Agents by version", Shown::Count, "A roll-out shows here.")
        .ask("", level(Series::of(&agent::BUILD_INFO), &[Key::Version]))
        .wide(6);
    vec![took, asked, found, versions]
}
