//! `toolgate check`: reads a configuration and says what is wrong with it.
//!
//! Enters: a file. Leaves: every mistake at once, or a summary. Never: a connection.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::cli::{CheckArgs, Output};
use crate::commands::{env, say};
use crate::config::{self, Config, Outside, Report};
use crate::exit::Exit;

/// Runs the command.
pub fn run(args: &CheckArgs, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    match load(&args.config, args.output, out, err) {
        Ok(config) => {
            let (targets, servers) = (config.targets.len(), config.servers.len());
            let many = |n: usize, what| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
            let servers =
                if servers == 0 { String::new() } else { format!(", {}", many(servers, "server")) };
            let targets = many(targets, "target");
            match args.output {
                Output::Text => {
                    let file = args.config.display();
                    say(out, &format!("{file} is right: {targets}{servers}\n"));
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
    load_with(path, false, output, (out, err))
}

/// The same, for who is about to write the pins file or the key file, which may not be there yet.
pub(crate) fn load_to_write(
    path: &Path,
    output: Output,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Config, Exit> {
    load_with(path, true, output, (out, err))
}

fn load_with(
    path: &Path,
    files_may_lack: bool,
    output: Output,
    (out, err): (&mut dyn Write, &mut dyn Write),
) -> Result<Config, Exit> {
    let file = path.display().to_string();
    let mut tell = |report: Report| {
        match output {
            Output::Text => say(err, &report.render()),
            Output::Json => say(out, &format!("{}\n", report.to_json())),
        }
        Exit::Config
    };
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let folder = folder(path);
            let outside = Outside { files_may_lack, ..outside(&folder) };
            config::load(&text, &file, outside).map_err(&mut tell)
        }
        Err(error) => Err(tell(config::unreadable(&file, &error))),
    }
}

/// What a configuration that lies in `folder` may refer to.
pub(crate) fn outside(folder: &Path) -> Outside<'_> {
    Outside {
        env: &env,
        read: &|file: &Path| std::fs::read_to_string(file),
        remote: &crate::cloud::read_at_start,
        is_folder: &|folder: &Path| folder.is_dir(),
        folder,
        files_may_lack: false,
    }
}

/// Where the file lies. Absolute, since a child may start somewhere else.
pub(crate) fn folder(path: &Path) -> PathBuf {
    let named = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let named = named.unwrap_or(Path::new("."));
    std::path::absolute(named).unwrap_or_else(|_| named.to_path_buf())
}

#[cfg(test)]
mod tests {
    //! What a script reads.

    use super::{Exit, Output, Path, load};

    #[test]
    fn a_file_that_cannot_be_read_is_an_error_in_json_too() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let path = Path::new("/nowhere/toolgate.yaml");
        let exit = load(path, Output::Json, &mut out, &mut err).unwrap_err();
        assert_eq!((exit, err.as_slice()), (Exit::Config, &b""[..]));
        let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let [error] = json["errors"].as_array().unwrap().as_slice() else { panic!("{json}") };
        assert_eq!((&error["code"], &error["file"]), (&"TG2000".into(), &path.to_str().into()));
        assert!(error["message"].as_str().unwrap().contains("cannot be read"), "{json}");
    }
}
