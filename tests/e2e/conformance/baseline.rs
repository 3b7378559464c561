//! What is known to fail in one run, and why.
//!
//! In: `baselines/NAME.yaml`, a list that the suite itself could read (`--expected-failures`).
//! Out: an error for each line that is missing, and for each that is no longer true. It never
//! forgives a failure without a reason.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::features;
use super::suite::{Fault, Found};

/// One file.
#[derive(Debug)]
pub(crate) struct Baseline {
    path: PathBuf,
}

/// Where the files are.
pub(crate) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/e2e/conformance/baselines");
const HEAD: &str = "\
# Checks of the conformance suite that fail, each with its reason. Delete a line once its check
# passes, or let `TOOLGATE_GEN=1 cargo e2e -E 'test(conformance::)'` do it: reasons are kept.
";
/// What stands for a reason until someone has found it.
const UNKNOWN: &str = "UNEXPLAINED";
/// In front of the reason of a check that was not even tried.
const SKIPPED: &str = "skipped: ";

// === impl Baseline ===

impl Baseline {
    pub(crate) fn named(name: &str) -> Self {
        Self { path: Path::new(FOLDER).join(name).with_extension("yaml") }
    }

    /// Whether exactly what is listed fails.
    pub(crate) fn holds(&self, found: &Found) -> Result<()> {
        let listed = self.read()?;
        if env::var_os("TOOLGATE_GEN").is_some() {
            self.write(&listed, found)?;
        }
        let listed = self.read()?;
        let mut wrong = String::new();
        for (key, Fault { skipped, says }) in &found.failing {
            match listed.get(key) {
                None => writeln!(wrong, "fails, and is not listed: {key}: {says}")?,
                Some(reason) if reason.starts_with(UNKNOWN) => {
                    writeln!(wrong, "listed without a reason: {key}: {says}")?;
                }
                Some(reason) if reason.starts_with(SKIPPED) != *skipped => {
                    writeln!(wrong, "listed as something else ({reason}): {key}: {says}")?;
                }
                Some(_) => {}
            }
        }
        for key in listed.keys().filter(|key| !found.failing.contains_key(*key)) {
            writeln!(wrong, "listed, and does not fail any more: {key}")?;
        }
        ensure!(wrong.is_empty(), "{}:\n{wrong}", self.path.display());
        Ok(())
    }

    /// Reasons by check; nothing when there is no file, since then nothing may fail.
    fn read(&self) -> Result<BTreeMap<String, String>> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(error).context(self.path.display().to_string()),
        };
        let mut listed = BTreeMap::new();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        for line in lines.skip_while(|line| line.is_empty()) {
            let Some(item) = line.strip_prefix("  - ") else {
                ensure!(matches!(line, "server:" | "client:"), "{line:?} is no entry");
                continue;
            };
            let Some((key, reason)) = item.split_once(" # ") else { bail!("no reason: {line:?}") };
            let twice = listed.insert(key.to_owned(), reason.to_owned());
            ensure!(twice.is_none(), "listed twice: {key}");
        }
        Ok(listed)
    }

    fn write(&self, old: &BTreeMap<String, String>, found: &Found) -> Result<()> {
        if found.failing.is_empty() {
            return match fs::remove_file(&self.path) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
                Ok(()) | Err(_) => Ok(()),
            };
        }
        let name = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let role = if name.starts_with("client-") { "client" } else { "server" };
        let mut text = format!("{HEAD}{role}:\n");
        for (key, Fault { skipped, says }) in &found.failing {
            let mark = if *skipped { SKIPPED } else { "" };
            let known = old.get(key).filter(|reason| !reason.starts_with(UNKNOWN));
            let known = known.filter(|reason| reason.starts_with(SKIPPED) == *skipped).cloned();
            let feature = || Some(format!("{mark}{}", features::missing(&name, key)?));
            let unknown = || format!("{UNKNOWN} {}", says.lines().next().unwrap_or_default());
            let reason = known.or_else(feature).unwrap_or_else(unknown);
            writeln!(text, "  - {key} # {reason}")?;
        }
        fs::create_dir_all(FOLDER)?;
        fs::write(&self.path, text).with_context(|| self.path.display().to_string())
    }
}
