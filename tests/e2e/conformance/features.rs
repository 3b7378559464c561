//! What the gateway cannot do yet, and which checks fail for it: the reasons of a new baseline.
//!
//! In: a run and a check. Out: the feature that it waits for. It never excuses anything by itself.

/// Beginnings of the name of a run and of a check, and what it waits for. The first that fits counts.
const FEATURES: &[(&str, &str, &str)] = &[
    ("", "tasks-status-notifications:", "the suite has no driver for it yet"),
    ("older-", "tasks-", "never: a target of the older era has no such tasks"),
    ("older-", "input-required-", KEYS),
    ("client-", "request-metadata:sep-2575-client-declares", "never: the caller declares none"),
];

const KEYS: &str = "never: an older target gives its questions no keys, and asks one at a time";

/// What the check waits for in that run, when it is known.
pub(crate) fn missing(run: &str, check: &str) -> Option<&'static str> {
    let fits = FEATURES
        .iter()
        .find(|(runs, checks, _)| run.starts_with(runs) && check.starts_with(checks));
    fits.map(|(.., feature)| *feature)
}

#[test]
fn every_feature_of_the_table_is_still_missing() -> anyhow::Result<()> {
    let mut listed = String::new();
    for entry in std::fs::read_dir(super::baseline::FOLDER)? {
        listed.push_str(&std::fs::read_to_string(entry?.path())?);
    }
    let there = |feature: &str| listed.contains(feature);
    let done: Vec<_> = FEATURES.iter().filter(|(.., feature)| !there(feature)).collect();
    anyhow::ensure!(done.is_empty(), "no check waits for these any more, delete them: {done:#?}");
    Ok(())
}
