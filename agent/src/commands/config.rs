//! `toolgate-agent config`: settings shown and checked.
//!
//! Enters: settings of every layer. Leaves: text. Never: a secret.

use std::fmt::Write as _;
use std::io::Write;

use super::say;
use super::setup::Ready;
use crate::exit::Exit;
use crate::settings::{Problems, document};

/// `config check`.
pub fn check(ready: Result<Ready, Problems>, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    match ready {
        Ok(ready) => {
            let set = ready.merged.shown().count();
            say(out, &format!("ok: {set} settings\n"));
            Exit::Ok
        }
        Err(problems) => wrong(&problems, err),
    }
}

/// `config show`.
pub fn show(ready: Result<Ready, Problems>, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    match ready {
        Ok(ready) => {
            let mut text = String::new();
            for (key, value, source) in ready.merged.shown() {
                let _written = writeln!(text, "{:<28} {value:<32} {source}", key.path);
            }
            say(out, &text);
            Exit::Ok
        }
        Err(problems) => wrong(&problems, err),
    }
}

/// `config keys`.
pub fn keys(out: &mut dyn Write) -> Exit {
    say(out, &document());
    Exit::Ok
}

/// The Parameter Store is asked for, and there is none in this program.
pub fn without_aws(err: &mut dyn Write) -> Exit {
    say(err, "error: this program was built without AWS\n");
    Exit::Config
}

/// Everything that is wrong.
pub fn wrong(problems: &Problems, err: &mut dyn Write) -> Exit {
    let count = problems.0.len();
    let things = if count == 1 { "1 problem" } else { &format!("{count} problems") };
    say(err, &format!("error: {things} in the settings\n{problems}\n"));
    Exit::Config
}
