//! `toolgate audit verify`.
//!
//! Enters: files. Leaves: a sentence, or the first thing that is wrong. Never: more than a line of a
//! file in memory.

use std::io::Write;
use std::path::Path;

use serde_json::json;
use toolgate_telemetry::audit::{Link, Problem, Verified, Verify};

use super::{VerifyArgs, files, unreadable};
use crate::cli::Output;
use crate::commands::say;
use crate::exit::Exit;

pub(super) fn run(args: &VerifyArgs, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let last = args.files.last().map_or_else(|| Path::new(""), |file| file.as_path());
    let (all, beside) = match files(&args.files) {
        Ok(found) => found,
        Err(error) => return unreadable(last, &error, err),
    };
    let head = if args.without_head { None } else { args.head.or(beside) };
    let mut verify = Verify::new(head);
    let mut result = Ok(());
    for file in &all {
        result = match verify.file(file) {
            Ok(result) => result,
            Err(error) => return unreadable(file, &error, err),
        };
        if result.is_err() {
            break;
        }
    }
    let result = result.and_then(|()| verify.end(last));
    let result = result.and_then(|whole| ended(last, whole, head, args.without_head));
    match args.output {
        Output::Text => text(&result, all.len(), out),
        Output::Json => json(&result, out),
    }
    if result.is_ok() { Exit::Ok } else { Exit::Differs }
}

/// Without a head nobody can tell whether the end is there.
fn ended(
    last: &Path,
    whole: Verified,
    head: Option<Link>,
    unasked: bool,
) -> Result<Verified, Problem> {
    if head.is_some() || unasked {
        return Ok(whole);
    }
    let what = "there is no head beside it, so the end may have been cut off; give --head, or \
                --without-head";
    Err(Problem { file: last.to_owned(), line: 0, what: what.to_owned() })
}

fn text(result: &Result<Verified, Problem>, files: usize, out: &mut dyn Write) {
    let said = match result {
        Ok(Verified { records, first, last }) => {
            let others = if *first > 1 {
                format!("\nrecords 1 to {} are not in these files", first - 1)
            } else {
                String::new()
            };
            format!("whole: {records} records in {files} files, to {last}{others}\n")
        }
        Err(problem) => format!("{problem}\n"),
    };
    say(out, &said);
}

fn json(result: &Result<Verified, Problem>, out: &mut dyn Write) {
    let said = match result {
        Ok(Verified { records, first, last }) => json!({
            "whole": true, "records": records, "first": first, "head": last.to_string(),
        }),
        Err(Problem { file, line, what }) => {
            json!({ "whole": false, "file": file.display().to_string(), "line": line, "problem": what })
        }
    };
    say(out, &format!("{said}\n"));
}
