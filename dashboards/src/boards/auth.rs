//! Who is let in, who is not and why, and whether the keys to tell are at hand.
//!
//! Enters: nothing. Leaves: the board. Never: a subject or a client.

use toolgate_telemetry_catalog::query::{Query, Series};
use toolgate_telemetry_catalog::{Key, auth, gateway};

use super::{level, quantile, rate};
use crate::{Board, Panel, Row, Shown, Variable};

/// Twice the time after which keys are fetched anew.
const STALE: f64 = 1200.0;

pub(super) fn board() -> Board {
    let issuer = Variable { key: Key::Issuer, title: "Issuer", of: &auth::REQUESTS, several: true };
    Board {
        id: "auth",
        title: "Authentication",
        description: "Tokens, decisions, the issuers' keys, and certificates.",
        variables: vec![issuer],
        rows: vec![
            Row { title: "Tokens", panels: tokens() },
            Row { title: "Keys", panels: keys() },
            Row { title: "Certificates", panels: certificates() },
            Row { title: "Grants of users", panels: grants() },
        ],
    }
}

fn tokens() -> Vec<Panel> {
    let checked = || Series::of(&auth::REQUESTS).chosen(Key::Issuer);
    let verdicts =
        Panel::stacked("Requests", Shown::PerSecond, "Let in and turned away, by issuer.")
            .ask("", rate(checked(), &[Key::Issuer, Key::Outcome]));
    let why =
        Panel::stacked("Turned away, by reason", Shown::PerSecond, "Why tokens were not taken.")
            .ask("", rate(checked().is(Key::Outcome, "denied"), &[Key::Reason]));
    let share = rate(checked().is(Key::Outcome, "denied"), &[]).per(rate(checked(), &[]));
    let share = Panel::lines("Turned away, share", Shown::Share, "Of all requests.")
        .ask("denied", share)
        .limits(0.05, 0.2);
    let times = quantile(0.95, Series::of(&auth::DURATION), &[Key::Outcome]);
    let times =
        Panel::lines("Duration of checks, p95", Shown::Seconds, "From memory, and verified.")
            .ask("", times)
            .exemplars();
    let memory = Panel::lines("Memory", Shown::PerSecond, "Of tokens and of what policies said.")
        .ask("", rate(Series::of(&auth::CACHE), &[Key::Outcome]))
        .ask("decisions", rate(Series::of(&auth::POLICY_CACHE), &[Key::Outcome]));
    let decisions = rate(Series::of(&auth::DECISIONS), &[Key::Target, Key::Outcome]);
    let decisions = Panel::stacked("Decisions", Shown::PerSecond, "May they call it? By target.")
        .ask("", decisions)
        .ask("policies not judged", rate(Series::of(&auth::POLICY_FAILURES), &[]));
    vec![verdicts, why, share, times, memory, decisions]
}

fn keys() -> Vec<Panel> {
    let age = Query::Age(Series::of(&auth::JWKS_LAST_SUCCESS).chosen(Key::Issuer));
    let age = Panel::lines("Age of the keys", Shown::Seconds, "Since they were last loaded.")
        .ask("", age.max_by(&[Key::Issuer]))
        .limits(STALE / 2.0 + 60.0, STALE)
        .wide(6);
    let count = level(Series::of(&auth::JWKS_KEYS).chosen(Key::Issuer), &[Key::Issuer]);
    let count =
        Panel::lines("Keys", Shown::Count, "In use, over all gateways.").ask("", count).wide(6);
    let refresh = Series::of(&auth::JWKS_REFRESH).chosen(Key::Issuer);
    let refresh = rate(refresh, &[Key::Issuer, Key::Outcome, Key::Reason]);
    let refresh =
        Panel::lines("Refreshes", Shown::PerSecond, "By what they came to, and why made.")
            .ask("", refresh)
            .ask("file of API keys", rate(Series::of(&gateway::KEYS_RELOADS), &[Key::Outcome]))
            .ask("policies", rate(Series::of(&gateway::POLICY_RELOADS), &[Key::Outcome]))
            .wide(6);
    let times = Series::of(&auth::JWKS_REFRESH_DURATION).chosen(Key::Issuer);
    let times = Panel::lines("Duration of refreshes, p95", Shown::Seconds, "By issuer.")
        .ask("", quantile(0.95, times, &[Key::Issuer]))
        .exemplars()
        .wide(6);
    vec![age, count, refresh, times]
}

fn grants() -> Vec<Panel> {
    let events = rate(Series::of(&gateway::GRANT_EVENTS), &[Key::Event]);
    let events = Panel::stacked(
        "Grants of users",
        Shown::PerSecond,
        "What became of what users were asked to let the gateway do for them.",
    )
    .ask("", events)
    .wide(12);
    let held = Panel::lines("Grants", Shown::Count, "Held, and waited for, over all gateways.")
        .ask("held", level(Series::of(&gateway::GRANTS), &[]))
        .ask("waited for", level(Series::of(&gateway::GRANTS_PENDING), &[]))
        .wide(12);
    vec![events, held]
}

fn certificates() -> Vec<Panel> {
    let shaken = rate(Series::of(&gateway::TLS_HANDSHAKES), &[Key::Reason]);
    let shaken = Panel::stacked(
        "TLS handshakes",
        Shown::PerSecond,
        "By how they ended; none without `tls` in the configuration.",
    )
    .ask("", shaken);
    let left = Query::Age(Series::of(&gateway::TLS_NOT_AFTER)).max_by(&[Key::Kind]).times(-1.0);
    let left = Panel::lines(
        "Certificates end in",
        Shown::Seconds,
        "The gateway's own, and the first of the authorities of callers.",
    )
    .ask("", left);
    let read = rate(Series::of(&gateway::TLS_RELOADS), &[Key::Outcome]);
    let read = Panel::lines(
        "Certificates read again",
        Shown::PerSecond,
        "What cannot be used leaves the certificate of before in place.",
    )
    .ask("", read);
    vec![shaken, left, read]
}
