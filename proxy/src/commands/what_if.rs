//! `toolgate what-if`: who gains and who loses by another configuration.
//!
//! Enters: a configuration that does not run yet, and audit logs of one that does. Leaves: each caller and
//! tool on record of which the two decide differently. Never: a connection; a decision on arguments, which
//! no record holds.

mod records;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use toolgate_call::{Policy, Subject};
use toolgate_mcp::Said;
use toolgate_telemetry::{AccessLogTo, Telemetry};

use self::records::{Before, Decided, Recorded};
use super::explain::what;
use super::{check, say};
use crate::assembly::{self, Callers};
use crate::cli::Output;
use crate::config::Config;
use crate::exit::Exit;

/// `toolgate what-if`.
#[derive(Args, Clone, Debug)]
#[command(
    before_help = "Example:\n  toolgate what-if new.yaml --audit audit.jsonl\n\n\
        Every caller and tool in the audit log is judged by the new configuration, with the scopes and\n\
        claims that were recorded. Arguments are on no record: where policies speak of them, the question\n\
        is whether some arguments could be allowed.",
    after_help = "Exit codes: 0 nothing changes, 1 something does, 2 usage, 3 the configuration is wrong."
)]
pub struct WhatIfArgs {
    /// The new configuration.
    #[arg(value_name = "FILE")]
    pub config: PathBuf,
    /// An audit log, and its rotated files come along; or several files, and no others.
    #[arg(long = "audit", value_name = "FILE", required = true)]
    pub audit: Vec<PathBuf>,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    /// What was refused is allowed.
    Gains,
    /// What was allowed is refused.
    Loses,
}

/// Someone for whom something changes.
#[derive(Debug, Serialize)]
struct Changed {
    change: Change,
    caller: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    tool: String,
    /// How many calls of it are on record.
    calls: u64,
    /// What refused it, or will.
    rule: String,
}

/// All of it.
#[derive(Debug, Default, Serialize)]
struct Report {
    changes: Vec<Changed>,
    /// Callers and tools of which both configurations decide alike.
    alike: u64,
    /// Those whose refusal hung on arguments, which are not on record.
    by_arguments: u64,
    /// Lines of the logs that were not looked at: no records, or too many.
    left_out: u64,
    /// Claims that the new policies are handed and the records do not have.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    claims_not_recorded: BTreeSet<String>,
}

/// Runs the command.
pub fn run(
    args: &WhatIfArgs,
    out: &mut (impl Write + Send),
    err: &mut (impl Write + Send),
) -> Exit {
    let config = match check::load(&args.config, args.output, out, err) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let kinds = config.policy.as_ref().map(|policy| &*policy.claims).unwrap_or_default();
    let recorded = match records::read(&args.audit, kinds) {
        Ok(recorded) => recorded,
        Err((file, error)) => {
            say(err, &format!("error: {} cannot be read: {error}\n", file.display()));
            return Exit::Usage;
        }
    };
    let quiet = toolgate_telemetry::Config {
        access_log: AccessLogTo::Off,
        ..toolgate_telemetry::Config::default()
    };
    let telemetry = match Telemetry::new(quiet) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            say(err, &format!("error: {error}\n"));
            return Exit::Config;
        }
    };
    let policy = assembly::policy(&config, &Callers::Network(config.listen), &telemetry);
    let report = compared(&config, &policy, &recorded);
    say(
        out,
        &match args.output {
            Output::Text => report.text(),
            Output::Json => {
                serde_json::to_string(&report).map(|json| json + "\n").unwrap_or_default()
            }
        },
    );
    if report.changes.is_empty() { Exit::Ok } else { Exit::Differs }
}

fn compared(config: &Config, policy: &Policy, recorded: &Recorded) -> Report {
    let mut report = Report { left_out: recorded.left_out, ..Report::default() };
    report.claims_not_recorded.clone_from(&recorded.unknown_claims);
    for (before, decided) in &recorded.all {
        let after = refused_by(config, policy, before);
        let (change, rule) = match (&decided.refused_by, after) {
            (None, Some(rule)) => (Change::Loses, rule),
            (Some(_), None) if decided.by_arguments => {
                report.by_arguments += 1;
                continue;
            }
            (Some(rule), None) => (Change::Gains, rule.clone()),
            _ => {
                report.alike += 1;
                continue;
            }
        };
        report.changes.push(Changed::of(change, before, decided, rule));
    }
    report
}

/// The rule of the new configuration that refuses it, if one does.
fn refused_by(config: &Config, policy: &Policy, before: &Before) -> Option<String> {
    let asked = (before.tool.as_str(), before.server.as_deref());
    let said = Said { read_only: before.read_only, idempotent: before.idempotent };
    let Ok((plan, _)) = what::plan(asked, said, config) else {
        return Some("there is no such tool".to_owned());
    };
    policy.explain(&before.principal(), Subject::One(&plan)).refused_by
}

// === impl Changed ===

impl Changed {
    fn of(change: Change, before: &Before, decided: &Decided, rule: String) -> Self {
        Self {
            change,
            caller: before.caller(),
            server: before.server.clone(),
            tool: before.tool.clone(),
            calls: decided.calls,
            rule,
        }
    }
}

// === impl Report ===

impl Report {
    fn text(&self) -> String {
        let mut text = String::new();
        for one in &self.changes {
            let word = match one.change {
                Change::Gains => "gains",
                Change::Loses => "LOSES",
            };
            let server = one.server.as_ref().map(|name| format!(" at {name}")).unwrap_or_default();
            let Changed { caller, tool, calls, rule, .. } = one;
            // Writing into a text cannot fail.
            let _written =
                writeln!(text, "{word}  {caller}  {tool}{server}  {calls} calls  {rule}");
        }
        let (changes, alike) = (self.changes.len(), self.alike);
        let _written = writeln!(text, "{changes} change, {alike} stay as they are");
        if self.by_arguments > 0 {
            let _written = writeln!(
                text,
                "{} were refused for their arguments, which are on no record: not judged",
                self.by_arguments
            );
        }
        if self.left_out > 0 {
            let _written =
                writeln!(text, "{} lines were left out: no records, or too many", self.left_out);
        }
        if !self.claims_not_recorded.is_empty() {
            let names: Vec<&str> = self.claims_not_recorded.iter().map(String::as_str).collect();
            let _written = writeln!(
                text,
                "not on record, and taken as absent: the claims {}",
                names.join(", ")
            );
        }
        text
    }
}
