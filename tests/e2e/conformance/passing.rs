//! What passes in one suite: coverage that must not be lost.
//!
//! In: `passing/NAME.txt`, a check a line, as the suite found them without a gateway. Out: an error
//! for each that is not tried any more. A check that is not even reported is no failure to the suite.

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::suite::Found;

/// One file.
#[derive(Debug)]
pub(crate) struct Passing {
    path: PathBuf,
}

/// Beginnings of the name of a run and of a check that the suite leaves out through the gateway, and
/// why.
const UNTRIED: &[(&str, &str, &str)] = &[
    ("", "server-sse-multiple-streams:server-sse-streams-functional", JSON),
    ("", "server-sse-polling:", JSON),
    ("older-", "input-required-result-basic-elicitation:sep-2322-elicitation-complete", FIRST),
    (
        "older-",
        "input-required-result-multiple-input-requests:sep-2322-multiple-inputs-complete",
        FIRST,
    ),
    ("older-", "tasks-request-state-removal:tasks-", FIRST),
    ("older-", "tasks-required-task-error:sep-2663-server-returns-missing-capability-data", FIRST),
];

const JSON: &str =
    "an answer that nothing comes before is no stream, but JSON: there is none to try";
const FIRST: &str = "the check before it fails for an older target, as its baseline says";

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/e2e/conformance/passing");

// === impl Passing ===

impl Passing {
    pub(crate) fn named(name: &str) -> Self {
        Self { path: Path::new(FOLDER).join(name).with_extension("txt") }
    }

    /// Whether just what is listed passes. `TOOLGATE_GEN=1` adds what is new and takes nothing away.
    pub(crate) fn is_just(&self, found: &Found) -> Result<()> {
        let mut listed = self.read()?;
        if env::var_os("TOOLGATE_GEN").is_some() {
            listed.extend(found.passing.iter().cloned());
            let text = listed.iter().map(|check| format!("{check}\n")).collect::<String>();
            fs::create_dir_all(FOLDER)?;
            fs::write(&self.path, text).with_context(|| self.path.display().to_string())?;
        }
        let mut wrong = String::new();
        for check in found.passing.difference(&listed) {
            writeln!(wrong, "passes, and is not listed: {check}")?;
        }
        for check in listed.difference(&found.passing) {
            writeln!(wrong, "listed, and does not pass any more: {check}")?;
        }
        ensure!(wrong.is_empty(), "{}:\n{wrong}", self.path.display());
        Ok(())
    }

    /// Whether all that is listed was tried in that run. What was, and failed, is for the baseline.
    pub(crate) fn was_tried(&self, run: &str, found: &Found) -> Result<()> {
        let listed = self.read()?;
        ensure!(!listed.is_empty(), "nothing is listed in {}", self.path.display());
        let is_tried =
            |check: &str| found.passing.contains(check) || found.failing.contains_key(check);
        let mut wrong = String::new();
        for check in listed {
            match (is_tried(&check), reason(run, &check)) {
                (false, None) => writeln!(wrong, "passes directly, and was not tried: {check}")?,
                (true, Some(reason)) => {
                    writeln!(wrong, "is tried all the same ({reason}): {check}")?
                }
                (true, None) | (false, Some(_)) => {}
            }
        }
        ensure!(wrong.is_empty(), "{}, {run}:\n{wrong}", self.path.display());
        Ok(())
    }

    fn read(&self) -> Result<BTreeSet<String>> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(error) => Err(error).context(self.path.display().to_string()),
        }
    }
}

/// Why that run cannot try a check.
fn reason(run: &str, check: &str) -> Option<&'static str> {
    let fits =
        UNTRIED.iter().find(|(runs, checks, _)| run.starts_with(runs) && check.starts_with(checks));
    fits.map(|(.., reason)| *reason)
}
