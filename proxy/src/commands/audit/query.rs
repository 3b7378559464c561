//! `toolgate audit query`.
//!
//! Enters: files, and which records are wanted. Leaves: those records, as lines for people or as they
//! are. Never: more than a record in memory.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write};

use serde_json::Value;

use super::{Decision, QueryArgs, files, unreadable};
use crate::cli::Output;
use crate::commands::say;
use crate::exit::Exit;

pub(super) fn run(args: &QueryArgs, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let all = match files(&args.files) {
        Ok((all, _)) => all,
        Err(error) => {
            let last = args.files.last().map(|file| file.as_path()).unwrap_or("".as_ref());
            return unreadable(last, &error, err);
        }
    };
    if args.output == Output::Json {
        say(out, "{\"records\":[");
    }
    let (mut shown, mut odd) = (0_u64, 0_u64);
    for file in &all {
        let printed = File::open(file).and_then(|file| {
            for line in BufReader::new(file).split(b'\n') {
                let line = line?;
                let Ok(record) = serde_json::from_slice::<Value>(&line) else {
                    odd += 1;
                    continue;
                };
                if fits(args, &record) {
                    print(args.output, (&line, &record), shown, out)?;
                    shown += 1;
                }
            }
            Ok(())
        });
        match printed {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Exit::Ok,
            Err(error) => return unreadable(file, &error, err),
        }
    }
    if args.output == Output::Json {
        say(out, "]}\n");
    }
    if odd > 0 {
        say(err, &format!("{odd} lines are no records; see `toolgate audit verify`\n"));
    }
    Exit::Ok
}

fn print(
    output: Output,
    (line, record): (&[u8], &Value),
    before: u64,
    out: &mut dyn Write,
) -> io::Result<()> {
    match output {
        Output::Json => {
            out.write_all(if before == 0 { b"" } else { b"," })?;
            out.write_all(line)
        }
        Output::Text => out.write_all(row(record).as_bytes()),
    }
}

/// When, what, who, on what, and why.
fn row(record: &Value) -> String {
    let field = |name| record.get(name).and_then(Value::as_str).map(plain);
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let who = match (field("issuer"), field("subject")) {
        (Some(issuer), Some(subject)) => Some(format!("{issuer}:{subject}")),
        _ => None,
    };
    let what = match (field("name"), field("target"), field("tool")) {
        (Some(name), ..) => Some(name),
        (None, Some(target), Some(tool)) => Some(format!("{target}___{tool}")),
        (None, target, _) => target.or_else(|| field("method")),
    };
    let why = field("reason").or_else(|| field("changes")).or_else(|| field("rule"));
    let words = field("words").map(|words| format!("  {words}")).unwrap_or_default();
    format!(
        "{}  {:<8}  {}  {}  {}  {}{words}\n",
        or_dash(field("ts")),
        or_dash(field("kind")),
        or_dash(who),
        or_dash(what),
        or_dash(why),
        or_dash(field("request_id")),
    )
}

/// Nothing that moves a cursor.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn fits(args: &QueryArgs, record: &Value) -> bool {
    let field = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
    let is = |wanted: &Option<String>, names: &[&str]| {
        wanted.as_ref().is_none_or(|wanted| names.iter().any(|name| field(name) == *wanted))
    };
    let actor = args.actor.as_ref().is_none_or(|actor| {
        let named = format!("{}:{}", field("issuer"), field("subject"));
        *actor == named || is(&args.actor, &["subject", "client"])
    });
    let tool = args.tool.as_ref().is_none_or(|tool| {
        let full = format!("{}___{}", field("target"), field("tool"));
        *tool == full || is(&args.tool, &["name", "tool"])
    });
    let decision = args.decision.is_none_or(|decision| field("kind") == word(decision));
    // Times of one form: letters stand in the order of time.
    let since = args.since.as_ref().is_none_or(|since| field("ts") >= since.as_str());
    let until = args.until.as_ref().is_none_or(|until| field("ts") < until.as_str());
    actor && tool && decision && since && until && is(&args.request_id, &["request_id"])
}

const fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "allow",
        Decision::Deny => "deny",
        Decision::Outcome => "outcome",
        Decision::Contract => "contract",
    }
}
