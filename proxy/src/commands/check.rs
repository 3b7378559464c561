//! `toolgate check`: reads a configuration and says what is wrong with it.
//!
//! Enters: a file. Leaves: every mistake at once, or a summary. Never: a connection.

use std::io::Write;
use std::path::Path;

use crate::cli::{CheckArgs, Output};
use crate::commands::{env, say};
use crate::config::{self, Config};
use crate::exit::Exit;

/// Runs the command.
pub fn run(args: &CheckArgs, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    match load(&args.config, args.output, out, err) {
        Ok(config) => {
            let targets = config.targets.len();
            match args.output {
                Output::Text => {
                    let file = args.config.display();
                    say(out, &format!("{file} is right: {targets} targets\n"));
                }
                Output::Json => say(out, "{\"errors\":[]}\n"),
            }
            Exit::Ok
        }
        Err(exit) => exit,
    }
}

/// Reads a configuration; what is wrong with it is printed.
pub(crate) fn load(
    path: &Path,
    output: Output,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Config, Exit> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        say(err, &format!("error[TG2000]: `{file}` cannot be read: {error}\n"));
        Exit::Config
    })?;
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    // A file that the configuration names is looked for beside it.
    let read = |named: &Path| std::fs::read_to_string(folder.join(named));
    config::load(&text, &file, &env, &read).map_err(|report| {
        match output {
            Output::Text => say(err, &report.render()),
            Output::Json => say(out, &format!("{}\n", report.to_json())),
        }
        Exit::Config
    })
}
