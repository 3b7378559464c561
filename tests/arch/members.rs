//! What cargo says of the workspace.
//!
//! Enters: the answers of `cargo metadata` and `cargo tree`. Leaves: the members with what they
//! name as dependencies, and the crates that are built for one of them. Never: asks the network.

use std::env;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::tree::root;

/// A package of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Member {
    /// Its name.
    pub(crate) name: String,
    /// What its manifest names, of every kind: normal, build and dev.
    pub(crate) dependencies: Vec<Dependency>,
}

/// A line of a manifest's dependency table.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    /// The package, whatever it is renamed to.
    pub(crate) name: String,
}

/// A crate of a dependency tree.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Built {
    /// The package.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Its licence as the manifest writes it (SPDX expression); empty when it names none.
    pub(crate) licence: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Member>,
}

/// The members of the workspace.
///
/// # Errors
/// Cargo's own words, if it fails.
pub(crate) fn members() -> Result<Vec<Member>> {
    let text = cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"])?;
    let metadata: Metadata = serde_json::from_str(&text).context("reading cargo metadata")?;
    Ok(metadata.packages)
}

/// The crates built into a package on this platform, itself among them: no dev-dependencies, and
/// only the features that it turns on.
///
/// # Errors
/// Cargo's own words, if it fails.
pub(crate) fn built_into(package: &str) -> Result<Vec<Built>> {
    tree(&["-p", package, "-e", "normal,build"])
}

/// The crates that the whole workspace needs on this platform, tests included.
///
/// # Errors
/// Cargo's own words, if it fails.
pub(crate) fn built_at_all() -> Result<Vec<Built>> {
    tree(&["--workspace", "-e", "normal,build,dev"])
}

fn tree(of: &[&str]) -> Result<Vec<Built>> {
    let form = ["tree", "--offline", "--prefix", "none", "--format", "{p}|{l}"];
    let text = cargo(&[form.as_slice(), of].concat())?;
    let mut built = text.lines().filter_map(built).collect::<Vec<_>>();
    built.sort();
    built.dedup();
    ensure!(!built.is_empty(), "cargo tree named no crate in:\n{text}");
    Ok(built)
}

/// Reads `name v1.2.3 (place)|licence (*)`.
fn built(line: &str) -> Option<Built> {
    let (crate_, licence) = line.split_once('|')?;
    let mut words = crate_.split_whitespace();
    let name = words.next()?.to_owned();
    let version = words.next()?.trim_start_matches('v').to_owned();
    let licence = licence.trim_end_matches("(*)").trim().to_owned();
    Some(Built { name, version, licence })
}

fn cargo(arguments: &[&str]) -> Result<String> {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let done = Command::new(program).args(arguments).current_dir(root()?).output()?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "cargo {}: {said}", arguments.join(" "));
    String::from_utf8(done.stdout).context("cargo answers in UTF-8")
}
