//! One module a command.
//!
//! Enters: parsed arguments. Leaves: an exit code. Never: another command's work.

pub mod apply;
pub mod audit;
pub mod call;
pub mod check;
pub mod dev;
pub mod doctor;
pub mod explain;
pub mod files;
pub mod keys;
pub mod log_level;
pub mod pins;
pub mod serve;
pub mod stdio;
pub mod token;
pub mod what_if;
pub(crate) mod whole;

/// The server that answers the client as scripted, in its tests and in ours.
#[cfg(test)]
#[expect(dead_code, reason = "the tests of the client use the rest")]
#[path = "../client/src/tests/server.rs"]
pub(crate) mod canned;

use std::io::Write;

/// Writes to a stream that may be closed at the other end; that is not worth an error.
pub(crate) fn say(out: &mut dyn Write, text: &str) {
    let _written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// How this program is called from another terminal: by name if it is on the path, else by where
/// it lies.
pub(crate) fn own_name() -> String {
    let here = std::env::current_exe().unwrap_or_else(|_| "toolgate".into());
    let on_path = env("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| here.parent() == Some(folder.as_path()))
    });
    if on_path { "toolgate".to_owned() } else { here.display().to_string() }
}

/// A program that was built with this one and lies beside it; else what the path has.
pub(crate) fn companion(name: &str) -> std::path::PathBuf {
    let here = std::env::current_exe().ok().map(|own| own.with_file_name(name));
    here.filter(|path| path.is_file()).unwrap_or_else(|| name.into())
}

/// What children may see of the environment.
pub(crate) fn inherited() -> Vec<(String, String)> {
    let pair = |name: &str| Some((name.to_owned(), env(name)?));
    toolgate_target::INHERITED.iter().filter_map(|name| pair(name)).collect()
}

/// The environment.
#[must_use]
pub fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
