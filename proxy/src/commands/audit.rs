//! `toolgate audit`: whether an audit log is whole, and what it says.
//!
//! Enters: the files of a log. Leaves: the first thing that is wrong with it, or the records that were
//! asked for. Never: a change to a file; a question to a gateway.

mod query;
#[cfg(test)]
mod tests;
mod verify;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use toolgate_telemetry::audit::{Link, files_of};

use super::say;
use crate::cli::Output;
use crate::exit::Exit;

/// `toolgate audit`.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Look whether nothing was changed, removed, moved or cut off.
    Verify(VerifyArgs),
    /// Print the records that fit.
    Query(QueryArgs),
}

/// `toolgate audit verify`.
#[derive(Args, Clone, Debug)]
#[command(
    before_help = "Examples:\n  toolgate audit verify /var/log/toolgate/audit.jsonl\n  \
        toolgate audit verify audit.jsonl --head \"$(cat /mnt/elsewhere/audit.head)\"\n\n\
        One FILE is the log in use: the full files beside it are read first, and its end must be the \
        one\nthat FILE.head names. Several are read in the order given.",
    after_help = "Exit codes: 0 the log is whole, 1 something is wrong with it, 2 usage, 3 it cannot \
        be read."
)]
pub struct VerifyArgs {
    /// The log, or its files, the oldest first.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// A record that must be there, from a copy that nobody here could change [default: FILE.head].
    #[arg(long, value_name = "SEQ:HASH", conflicts_with = "without_head")]
    pub head: Option<Link>,
    /// Do not ask whether the end is there.
    #[arg(long)]
    pub without_head: bool,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// `toolgate audit query`.
#[derive(Args, Clone, Debug)]
#[command(
    before_help = "Examples:\n  toolgate audit query audit.jsonl --decision deny --since 2026-07-28\n  \
        toolgate audit query audit.jsonl --actor alice --tool k8s___restart --output json\n\n\
        One FILE is the log in use, and the full files beside it are read first. What the records say \
        is\ntaken as it is: see `toolgate audit verify`.",
    after_help = "Exit codes: 0 done, also when nothing fits, 2 usage, 3 a file cannot be read."
)]
pub struct QueryArgs {
    /// The log, or its files, the oldest first.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Only of this subject, client or ISSUER:SUBJECT.
    #[arg(long, value_name = "WHO")]
    pub actor: Option<String>,
    /// Only about this tool: as it was called, as TARGET___TOOL, or by its name at the target.
    #[arg(long, value_name = "NAME")]
    pub tool: Option<String>,
    /// Only of this kind.
    #[arg(long, value_name = "KIND")]
    pub decision: Option<Decision>,
    /// Only from this time on: RFC 3339 in UTC, or the beginning of one.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only before this time.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only of this request.
    #[arg(long, value_name = "ID")]
    pub request_id: Option<String>,
    /// How they are printed.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Decision {
    /// A call was let through.
    Allow,
    /// A call was refused.
    Deny,
    /// A call that was let through has ended.
    Outcome,
    /// A tool's definition has changed.
    Contract,
}

/// Runs the command.
pub fn run(what: &Audit, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    match what {
        Audit::Verify(args) => verify::run(args, out, err),
        Audit::Query(args) => query::run(args, out, err),
    }
}

/// The files that are meant, in order, and the head beside the last.
pub(super) fn files(named: &[PathBuf]) -> std::io::Result<(Vec<PathBuf>, Option<Link>)> {
    let last = named.last().map_or_else(|| Path::new(""), PathBuf::as_path);
    let (all, head) = files_of(last)?;
    Ok((if named.len() == 1 { all } else { named.to_vec() }, head))
}

fn unreadable(file: &Path, error: &std::io::Error, err: &mut dyn Write) -> Exit {
    say(err, &format!("error: {}: {error}\n", file.display()));
    Exit::Config
}
