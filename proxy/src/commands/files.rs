//! `toolgate dashboards` and `toolgate alarms`: the files that fit this version of the gateway.
//!
//! Enters: a folder. Leaves: the files in it, or the names of those that are not what they should
//! be. Never: a file of another name touched, or the network.

#[cfg(test)]
mod tests;

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::cli::Files;
use crate::commands::say;
use crate::exit::Exit;

/// Paths below the folder, and what stands in the file.
type Made = Vec<(String, String)>;

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Missing,
    Other,
}

/// Why a command cannot go on.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("{} cannot be written: {why}", path.display())]
    Write { path: PathBuf, why: std::io::Error },
    #[error("{} cannot be read: {why}", path.display())]
    Read { path: PathBuf, why: std::io::Error },
    /// The catalogue and what is asked of it do not agree, which a test would have found.
    #[error("this binary cannot make its files: {0}")]
    Made(String),
}

/// Runs `toolgate dashboards`.
pub fn dashboards(what: &Files, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let made = toolgate_dashboards::files().map_err(|unfit| Failed::Made(unfit.to_string()));
    ended(made.and_then(|made| run(what, &made, out)), err)
}

/// Runs `toolgate alarms`.
pub fn alarms(what: &Files, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let made = toolgate_alarms::files().map_err(|unfit| Failed::Made(unfit.to_string()));
    ended(made.and_then(|made| run(what, &made, out)), err)
}

fn run(what: &Files, made: &Made, out: &mut dyn Write) -> Result<Exit, Failed> {
    match what {
        Files::Render(args) => render(&args.folder, made, out),
        Files::Diff(args) => diff(&args.folder, made, out),
    }
}

fn ended(exit: Result<Exit, Failed>, err: &mut dyn Write) -> Exit {
    exit.unwrap_or_else(|failed| {
        say(err, &format!("error: {failed}\n"));
        match failed {
            Failed::Write { .. } | Failed::Read { .. } => Exit::Usage,
            Failed::Made(_) => Exit::Panic,
        }
    })
}

fn render(folder: &Path, made: &Made, out: &mut dyn Write) -> Result<Exit, Failed> {
    for (name, text) in made {
        let path = folder.join(name);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all);
        let written = written.and_then(|()| fs::write(&path, text));
        written.map_err(|why| Failed::Write { path: path.clone(), why })?;
        say(out, &format!("wrote {}\n", path.display()));
    }
    Ok(Exit::Ok)
}

fn diff(folder: &Path, made: &Made, out: &mut dyn Write) -> Result<Exit, Failed> {
    let mut exit = Exit::Ok;
    for (name, text) in made {
        let path = folder.join(name);
        let Some(wrong) = wrong(&path, text)? else { continue };
        let says = match wrong {
            Wrong::Missing => "is missing",
            Wrong::Other => "differs",
        };
        say(out, &format!("{} {says}\n", path.display()));
        exit = Exit::Differs;
    }
    Ok(exit)
}

/// What is wrong with the file, if anything is.
fn wrong(path: &Path, text: &str) -> Result<Option<Wrong>, Failed> {
    match fs::read(path) {
        Ok(bytes) => Ok((bytes != text.as_bytes()).then_some(Wrong::Other)),
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(Some(Wrong::Missing)),
        Err(why) => Err(Failed::Read { path: path.to_owned(), why }),
    }
}
