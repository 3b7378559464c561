//! What the gateway cannot do yet, and which checks fail for it: the reasons of a new baseline.
//!
//! In: a run and a check. Out: the feature that it waits for. It never excuses anything by itself.

/// Beginnings of the name of a run and of a check, and what it waits for. The first that fits counts.
const FEATURES: [(&str, &str, &str); 23] = [
    ("direct-", "tasks-status-notifications:", "the suite skips it: its driver is not written yet"),
    ("", "tasks-status-notifications:", "the suite skips it: its driver is not written yet"),
    ("older-", "tasks-", "impossible: a target of the older era has no such tasks"),
    ("older-", "http-custom-header-server-validation:", PARAM),
    ("", "http-custom-header-server-validation:", PARAM),
    ("", "caching:sep-2549-prompts", PROMPTS),
    ("", "caching:", RESOURCES),
    ("", "prompts-", PROMPTS),
    ("", "input-required-result-non-tool-request:", PROMPTS),
    ("", "resources-subscribe:", WATCH),
    ("", "resources-unsubscribe:", WATCH),
    ("", "resources-", RESOURCES),
    ("", "sep-2164-resource-not-found:", RESOURCES),
    ("", "completion-", "completion/complete is not routed"),
    ("", "logging-", LOGGING),
    ("", "tools-call-with-logging:", LOGGING),
    ("", "tools-call-sampling:", ASK_OLDER),
    ("", "tools-call-elicitation:", ASK_OLDER),
    ("", "elicitation-", ASK_OLDER),
    ("older-", "input-required-", "a target of the older era cannot ask a modern client"),
    ("", "server-stateless:sep-2575-missing-capability", STATUS),
    ("", "tasks-", "tasks are not routed, and the extension is not offered"),
    ("", "server-sse-polling:", "an answer has no event ids, so nobody can resume it"),
];

const PROMPTS: &str = "prompts are not federated";
const RESOURCES: &str = "resources are not federated";
const WATCH: &str = "subscriptions to resources are not federated";
const LOGGING: &str = "the level of a session, and log messages, are not passed on";
const ASK_OLDER: &str = "a target cannot ask a client of the older era";
const PARAM: &str = "Mcp-Param-* headers are neither checked nor passed on";
const STATUS: &str = "an error of a target is answered with HTTP 200";

/// What the check waits for in that run, when it is known.
pub(crate) fn missing(run: &str, check: &str) -> Option<&'static str> {
    let fits = FEATURES
        .iter()
        .find(|(runs, checks, _)| run.starts_with(runs) && check.starts_with(checks));
    fits.map(|(.., feature)| *feature)
}
