//! Dashboards and alarms, read by programs that others wrote: promtool, cfn-lint, Grafana's SDK.
//!
//! In: the committed files. Out: what those programs make of them. Nothing here is generated anew;
//! that the files are the generated ones is for the tests of their packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

const RUN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/run.sh");

/// The files of a folder of the repository.
fn files(folder: &str) -> Result<Vec<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("a folder above")?;
    let entries = fs::read_dir(root.join(folder)).with_context(|| format!("listing {folder}"))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    ensure!(!files.is_empty(), "{folder} is empty");
    Ok(files)
}

fn run(peer: &str, arguments: &[&str], files: &[PathBuf]) -> Result<Output> {
    let mut command = Command::new(RUN);
    command.arg(peer).args(arguments).args(files);
    command.output().with_context(|| format!("starting {peer}"))
}

/// What the program says when it has nothing to complain of.
fn content(peer: &str, arguments: &[&str], files: &[PathBuf]) -> Result<String> {
    let done = run(peer, arguments, files)?;
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    ensure!(done.status.success(), "{peer} {}:\n{said}", arguments.join(" "));
    Ok(said)
}

fn suite(name: &str) -> Result<()> {
    let suites = files("alarms/promtool")?;
    let suite: Vec<_> = suites.into_iter().filter(|path| path.ends_with(name)).collect();
    ensure!(suite.len() == 1, "no suite {name}");
    content("promtool", &["test", "rules"], &suite)?;
    Ok(())
}

#[test]
fn prometheus_takes_the_rules() -> Result<()> {
    let said = content("promtool", &["check", "rules"], &files("alarms/prometheus")?)?;
    assert_eq!(said.matches("SUCCESS").count(), 2, "{said}");
    assert!(!said.contains("lint error"), "{said}");
    Ok(())
}

#[test]
fn the_alerts_of_the_objectives_fire_and_are_silent_as_they_should() -> Result<()> {
    suite("objectives.yaml")
}

#[test]
fn the_other_alerts_fire_and_are_silent_as_they_should() -> Result<()> {
    suite("minutes.yaml")
}

#[test]
fn the_alerts_that_compare_with_yesterday_fire_and_are_silent_as_they_should() -> Result<()> {
    suite("days.yaml")
}

/// A test of tests: promtool would notice.
#[test]
fn a_changed_threshold_is_noticed() -> Result<()> {
    let scratch = toolgate_tests::process::Scratch::new()?;
    for folder in ["prometheus", "promtool"] {
        fs::create_dir(scratch.path().join(folder))?;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../alarms");
    let rules = fs::read_to_string(root.join("prometheus/objectives.yaml"))?;
    let lax = rules.replace("bad_ratio_5m > 0.072", "bad_ratio_5m > 0.95");
    assert_ne!(rules, lax);
    fs::write(scratch.path().join("prometheus/objectives.yaml"), lax)?;
    let suite = scratch.path().join("promtool/objectives.yaml");
    fs::copy(root.join("promtool/objectives.yaml"), &suite)?;
    let done = run("promtool", &["test", "rules"], &[suite])?;
    assert!(!done.status.success());
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(said.contains("ToolgateAvailabilityBurnsFast"), "{said}");
    Ok(())
}

#[test]
fn cloudformation_takes_the_template() -> Result<()> {
    content("cfn-lint", &[], &files("alarms/cloudwatch")?)?;
    Ok(())
}

#[test]
fn grafana_knows_every_field_of_the_dashboards() -> Result<()> {
    let said = content("grafana_sdk", &[], &files("dashboards/grafana")?)?;
    assert_eq!(said, "6 dashboards\n");
    Ok(())
}
