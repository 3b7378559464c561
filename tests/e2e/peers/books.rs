//! What the gateway has written down about its callers.
//!
//! In: metrics and access log after the last call. Out: whether they say what has happened, no
//! more and no less.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use toolgate_tests::gateway::{Gateway, parse_log};
use toolgate_tests::scrape::Metrics;

use super::driver::{Era, Peer};
use super::plan;
use super::stage::{FIXTURES, OF_LEGACY};

/// Both books of one gateway.
pub(crate) struct Books {
    metrics: Metrics,
    lines: Vec<Value>,
    /// Access log and standard error as they are.
    text: String,
}

/// Why a call of these tests may fail, and on which methods; on any where there is none. A client
/// that exits may close its connection before what it sent last was read.
const CAUSES: [(&str, Option<&str>); 4] = [
    ("unauthenticated", None),
    ("client_cancelled", Some("_OTHER")),
    ("target_unknown", Some("tools/call")),
    ("tool_error", Some("tools/call")),
];

impl Books {
    pub(crate) async fn open(gateway: &Gateway) -> Result<Self> {
        let metrics = gateway.metrics().await?;
        let log = gateway.access_log();
        let lines = parse_log(&log)?;
        Ok(Self { metrics, lines, text: log + &gateway.stderr() })
    }

    /// As many calls as were made, by target, by era of the caller, and by what became of them.
    pub(crate) fn count_the_calls_of_a_tour_in_both_eras(&self, peer: Peer) -> Result<()> {
        let mut planned = BTreeMap::new();
        let unknown = ("", "caller", u64::from(peer.calls_unlisted_tools()));
        let steps = plan::tour();
        let made = steps.iter().map(|step| {
            let outcome = if step.is_error() { "tool" } else { "ok" };
            (step.target(), outcome, 1)
        });
        for (target, outcome, times) in made.chain([unknown]).filter(|(.., times)| *times > 0) {
            for era in Era::BOTH {
                *planned.entry((era.version(), target, outcome)).or_default() += times;
            }
        }
        let mut logged: BTreeMap<_, u64> = BTreeMap::new();
        for line in self.lines.iter().filter(|line| line["method"] == "tools/call") {
            let key = (word(line, "protocol_version"), word(line, "target"), word(line, "outcome"));
            *logged.entry(key).or_default() += 1;
        }
        ensure!(logged == planned, "logged {logged:#?}, planned {planned:#?}");
        self.count_the_same(&logged)
    }

    fn count_the_same(&self, logged: &BTreeMap<(&str, &str, &str), u64>) -> Result<()> {
        let mut sums: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for ((_, target, outcome), times) in logged {
            *sums.entry((target, outcome)).or_default() += times;
        }
        for ((target, outcome), times) in sums {
            // The log leaves out a target that is not known; a label must have a value.
            let label = if target.is_empty() { "_OTHER" } else { target };
            let labels =
                [("mcp_method_name", "tools/call"), ("target", label), ("outcome", outcome)];
            let counted = self.metrics.sum("toolgate_requests_total", &labels);
            let same = format!("{counted}") == times.to_string();
            ensure!(same, "{target:?}, {outcome}: counted {counted}, logged {times}");
        }
        Ok(())
    }

    /// The four cells of caller and target: both eras on both sides, and as many translations as
    /// there were calls from one era to the other.
    pub(crate) fn know_both_eras_on_both_sides(&self) -> Result<()> {
        for side in ["client", "target"] {
            for era in Era::BOTH {
                let labels = [("direction", side), ("mcp_protocol_version", era.version())];
                let spoken = self.metrics.sum("toolgate_protocol_requests_total", &labels);
                ensure!(spoken >= 1.0, "nobody spoke {era:?} on the side of the {side}");
            }
        }
        let crossed = self.crossings();
        ensure!(crossed > 0.0, "no call went from one era to the other");
        for side in ["client", "target"] {
            let labels = [("direction", side)];
            let translated = self.metrics.sum("toolgate_era_translations_total", &labels);
            ensure!(
                translated >= crossed,
                "{crossed} calls went from one era to the other, but only {translated} messages \
                 were counted as translated for the {side}"
            );
        }
        Ok(())
    }

    /// Calls that had an answer and whose caller and target were of different eras.
    fn crossings(&self) -> f64 {
        let crosses = |line: &&Value| {
            let target = word(line, "target");
            let answered = matches!(word(line, "outcome"), "ok" | "tool");
            let legacy = OF_LEGACY.contains(&target);
            let modern = FIXTURES.contains(&target) && !legacy;
            let caller = word(line, "protocol_version");
            let other_era = if legacy { Era::Modern } else { Era::Legacy };
            answered && (legacy || modern) && caller == other_era.version()
        };
        self.lines.iter().filter(crosses).map(|_| 1.0).sum()
    }

    /// No failure but those that the tests ask for.
    pub(crate) fn blame_nobody_without_cause(&self) -> Result<()> {
        let mut outcomes = self.metrics.by("toolgate_requests_total", "outcome");
        outcomes.retain(|_, sum| *sum > 0.0);
        let expected = ["caller", "ok", "tool"];
        ensure!(outcomes.keys().eq(expected), "outcomes {outcomes:?}, expected {expected:?}");
        let mut seen = BTreeSet::new();
        for line in self.lines.iter().filter(|line| line["outcome"] != "ok") {
            let (reason, method) = (word(line, "reason"), word(line, "method"));
            let known = CAUSES
                .iter()
                .any(|(cause, on)| *cause == reason && on.is_none_or(|on| on == method));
            ensure!(known, "a failure that nobody asked for: {line}");
            seen.insert(reason);
        }
        ensure!(seen.contains("unauthenticated"), "nobody was refused for their token: {seen:?}");
        for reason in ["missing", "malformed"] {
            let labels = [("outcome", "denied"), ("reason", reason)];
            let denied = self.metrics.sum("toolgate_auth_requests_total", &labels);
            ensure!(denied >= 2.0, "{reason}: {denied} denied, at least one in each era expected");
        }
        Ok(())
    }

    /// One line a call, and in no line a token or a part of one.
    pub(crate) fn keep_the_secrets(&self, tokens: &[&str]) -> Result<()> {
        let ids: BTreeSet<_> = self.lines.iter().map(|line| word(line, "request_id")).collect();
        ensure!(!ids.contains("") && ids.len() == self.lines.len(), "request ids are not unique");
        for part in tokens.iter().flat_map(|token| token.split('.')) {
            ensure!(!self.text.contains(part), "{part:?} of a token was written down");
        }
        Ok(())
    }

    /// A stream that is open for long is no work of the gateway, whoever closes it.
    pub(crate) fn do_not_take_a_stream_for_work(&self) -> Result<()> {
        let mut streams = self.lines.iter().filter(|line| line["method"] == "stream/open");
        let line = streams.next().context("the client did not open a stream")?;
        let open = line["duration_ms"].as_f64().context("no duration")?;
        for phase in ["read", "authenticate", "authorize", "queue"] {
            let took = line["phases"][format!("{phase}_ms")].as_f64().unwrap_or_default();
            ensure!(took < open / 2.0, "{phase} took {took} of {open} ms: {line}");
        }
        Ok(())
    }
}

fn word<'a>(line: &'a Value, field: &str) -> &'a str {
    line[field].as_str().unwrap_or_default()
}
