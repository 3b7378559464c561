//! One run of the conformance suite.
//!
//! In: which set of scenarios, and what to try them on. Out: its verdict on every check, held
//! against what is known to fail. It never takes a scenario that did not run for one that passed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tokio::time::timeout;
use toolgate_tests::client::{LEGACY as OLDER, MODERN};
use toolgate_tests::process::Scratch;

use super::baseline::Baseline;
use super::passing::Passing;
use crate::peers::driver::script_command;

/// Scenarios of the suite, as its command line names them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suite {
    peer: &'static str,
    args: &'static [&'static str],
    name: &'static str,
    revision: &'static str,
}

/// What a run has found out, check by check: the worst of each id, and what it says.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) failing: BTreeMap<String, Fault>,
    pub(crate) passing: BTreeSet<String>,
}

/// A check that did not pass.
#[derive(Debug)]
pub(crate) struct Fault {
    /// It was not tried, as a rule since the gateway does not admit to the feature.
    pub(crate) skipped: bool,
    pub(crate) says: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    id: String,
    status: Status,
    error_message: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Info,
    Skipped,
    Success,
    Warning,
    Failure,
}

/// The name of a run without a gateway.
pub(crate) const DIRECT: &str = "direct";
/// More than any run takes, even beside a build.
const PATIENCE: Duration = Duration::from_secs(110);
/// In front of the name of each scenario, in what the suite prints.
const STARTS: &str = "=== Running scenario: ";
/// Above the list of all scenarios, at the end.
const SUMMARY: &str = "=== SUMMARY ===";
/// `-2026-07-28T10-00-00-000Z`, behind the name of each scenario in the results.
const STAMP: usize = 25;

/// Exactly what a revision requires, and what it only reports.
pub(crate) const REQUIRED_OLDER: Suite = required(OLDER, &["--requirements", OLDER]);
/// The same of the modern revision.
pub(crate) const REQUIRED_MODERN: Suite = required(MODERN, &["--requirements", MODERN]);
/// Every scenario there is for a revision.
pub(crate) const ALL_OLDER: Suite = all(OLDER, &["--suite", "all", "--spec-version", OLDER]);
/// The same of the modern revision.
pub(crate) const ALL_MODERN: Suite = all(MODERN, &["--suite", "all", "--spec-version", MODERN]);
/// The two revisions before, of which less is tried.
pub(crate) const ALL_2025_06: Suite =
    all("2025-06-18", &["--suite", "all", "--spec-version", "2025-06-18"]);
/// See above.
pub(crate) const ALL_2025_03: Suite =
    all("2025-03-26", &["--suite", "all", "--spec-version", "2025-03-26"]);
/// The release that people get who do not ask for a version; it ends with 2025-11-25.
pub(crate) const LATEST: Suite = Suite {
    peer: "conformance-latest",
    args: &["--suite", "all"],
    name: "latest",
    revision: OLDER,
};
/// One scenario of a client at a time, in the wire of a revision.
pub(crate) const CLIENT_OLDER: Suite = one(OLDER, &["--spec-version", OLDER]);
/// The same of the modern revision.
pub(crate) const CLIENT_MODERN: Suite = one(MODERN, &["--spec-version", MODERN]);

const fn one(revision: &'static str, args: &'static [&'static str]) -> Suite {
    Suite { peer: "conformance", args, name: "client", revision }
}

const fn required(revision: &'static str, args: &'static [&'static str]) -> Suite {
    Suite { peer: "conformance", args, name: "requirements", revision }
}

const fn all(revision: &'static str, args: &'static [&'static str]) -> Suite {
    Suite { peer: "conformance", args, name: "all", revision }
}

// === impl Suite ===

impl Suite {
    /// Tries a server, and holds the result against the baseline of that name.
    pub(crate) async fn server(&self, of: &str, url: &str) -> Result<()> {
        let args = ["--url", url];
        let began = Instant::now();
        let found = self.run("server", &args).await?;
        let suite = format!("{}-{}", self.name, self.revision);
        let run = format!("{of}-{suite}");
        println!("{run}: {found}, {:.1} s", began.elapsed().as_secs_f64());
        Baseline::named(&run).holds(&found)?;
        let passing = Passing::named(&suite);
        if of == DIRECT { passing.is_just(&found) } else { passing.was_tried(&run, &found) }
    }

    /// Tries a client, which the suite starts by `command`.
    pub(crate) async fn client(&self, command: &str, scenarios: &[&str]) -> Result<()> {
        let mut all = Found::default();
        let began = Instant::now();
        for scenario in scenarios {
            let args = ["--command", command, "--scenario", scenario];
            let found = self.run("client", &args).await?;
            all.passing.extend(found.passing);
            all.failing.extend(found.failing);
        }
        let run = format!("{}-{}", self.name, self.revision);
        println!("{run}: {all}, {:.1} s", began.elapsed().as_secs_f64());
        Baseline::named(&run).holds(&all)?;
        Passing::named(&run).is_just(&all)
    }

    async fn run(&self, role: &str, args: &[&str]) -> Result<Found> {
        let results = Scratch::new()?;
        let mut command = script_command();
        command.args([self.peer, role]).args(args).args(self.args);
        command.arg("-o").arg(results.path()).stdin(Stdio::null()).kill_on_drop(true);
        let ended = timeout(PATIENCE, command.output()).await;
        let said = ended.with_context(|| format!("no end within {PATIENCE:?}"))??;
        let said = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
        let found = read(results.path(), role)?;
        let began: BTreeSet<&str> =
            said.lines().filter_map(|line| line.strip_prefix(STARTS)).map(after_name).collect();
        let ended: BTreeSet<&str> = found.keys().map(String::as_str).collect();
        ensure!(!ended.is_empty(), "it tried nothing: {said}");
        // A client is tried in one scenario at a time, which is not announced.
        let whole = role == "client" || (began == ended && said.contains(SUMMARY));
        ensure!(whole, "it broke off: began {began:?}, ended {ended:?}: {said}");
        Ok(Found::new(found))
    }
}

fn after_name(line: &str) -> &str {
    line.split(" ===").next().unwrap_or(line).trim()
}

/// The checks of every scenario.
fn read(results: &Path, role: &str) -> Result<BTreeMap<String, Vec<Check>>> {
    let mut found = BTreeMap::new();
    for folder in folders(results)? {
        let file = folder.join("checks.json");
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let checks = serde_json::from_str(&text).with_context(|| text.clone())?;
        let name = folder.strip_prefix(results)?.to_str().context("a name that is not UTF-8")?;
        let name = name.get(..name.len().saturating_sub(STAMP)).unwrap_or(name);
        let name = name.strip_prefix(&format!("{role}-")).unwrap_or(name);
        ensure!(found.insert(name.to_owned(), checks).is_none(), "{name} ran twice");
    }
    Ok(found)
}

/// Folders with results, at any depth: some names have a slash.
fn folders(of: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(of)? {
        let path = entry?.path();
        if path.join("checks.json").is_file() {
            all.push(path);
        } else if path.is_dir() {
            all.extend(folders(&path)?);
        }
    }
    Ok(all)
}

// === impl Found ===

impl Found {
    fn new(scenarios: BTreeMap<String, Vec<Check>>) -> Self {
        let mut worst: BTreeMap<String, Check> = BTreeMap::new();
        for (scenario, checks) in scenarios {
            for check in checks {
                let key = format!("{scenario}:{}", check.id);
                let known = worst.entry(key).or_insert_with(|| Check {
                    id: check.id.clone(),
                    status: Status::Info,
                    error_message: None,
                });
                if check.status > known.status {
                    *known = check;
                }
            }
        }
        let mut found = Self::default();
        for (key, check) in worst {
            match check.status {
                Status::Info => {}
                Status::Success => {
                    found.passing.insert(key);
                }
                Status::Skipped | Status::Warning | Status::Failure => {
                    let skipped = check.status == Status::Skipped;
                    let says = check.error_message.unwrap_or_default();
                    found.failing.insert(key, Fault { skipped, says });
                }
            }
        }
        found
    }
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} checks pass, {} do not", self.passing.len(), self.failing.len())
    }
}
