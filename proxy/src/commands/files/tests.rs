//! What is written is what is committed, and what differs is named.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Parser as _;

use super::{Exit, Files, alarms, dashboards};
use crate::cli::{Alarms, Cli, Command, Dashboards, DiffArgs, RenderArgs};

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("toolgate-files-{name}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn render(&self) -> Files {
        Files::Render(RenderArgs { folder: self.0.clone() })
    }

    fn diff(&self) -> Files {
        Files::Diff(DiffArgs { folder: self.0.clone() })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _absent = fs::remove_dir_all(&self.0);
    }
}

type Run = fn(&Files, &mut dyn Write, &mut dyn Write) -> Exit;

/// Runs it: how it ended, and what it said here and there.
fn said(run: Run, what: &Files) -> (Exit, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = run(what, &mut out, &mut err);
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn what_is_committed_is_what_is_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let both: [(Run, &str); 2] = [(dashboards, "dashboards"), (alarms, "alarms")];
    for (run, name) in both {
        let committed = Files::Diff(DiffArgs { folder: root.join(name) });
        assert_eq!(said(run, &committed), (Exit::Ok, String::new(), String::new()), "{name}");
    }
}

#[test]
fn a_rendered_folder_has_no_difference_and_a_changed_or_missing_file_is_named() {
    let folder = Folder::new("changed");
    let (exit, wrote, _) = said(dashboards, &folder.render());
    assert_eq!((exit, wrote.lines().count()), (Exit::Ok, 8), "{wrote}");
    assert_eq!(said(dashboards, &folder.diff()), (Exit::Ok, String::new(), String::new()));
    let (calls, auth) = (folder.0.join("grafana/calls.json"), folder.0.join("grafana/auth.json"));
    fs::write(&calls, "{}").unwrap();
    fs::remove_file(&auth).unwrap();
    fs::write(folder.0.join("grafana/mine.json"), "{}").unwrap();
    let (exit, named, _) = said(dashboards, &folder.diff());
    let (calls, auth) = (calls.display(), auth.display());
    assert_eq!(exit, Exit::Differs);
    let mut lines: Vec<_> = named.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, [format!("{auth} is missing"), format!("{calls} differs")]);
    assert_eq!(said(dashboards, &folder.render()).0, Exit::Ok);
    assert_eq!(said(dashboards, &folder.diff()).0, Exit::Ok);
    assert!(folder.0.join("grafana/mine.json").exists(), "a file of another name");
}

#[test]
fn alarms_are_written_where_there_was_no_folder() {
    let folder = Folder::new("alarms");
    let (exit, named, _) = said(alarms, &folder.diff());
    assert_eq!((exit, named.matches(" is missing\n").count()), (Exit::Differs, 6), "{named}");
    assert_eq!(said(alarms, &folder.render()).0, Exit::Ok);
    assert_eq!(said(alarms, &folder.diff()), (Exit::Ok, String::new(), String::new()));
}

#[test]
fn a_folder_that_cannot_be_is_told_by_its_name() {
    let folder = Folder::new("file");
    fs::write(&folder.0, "not a folder").unwrap();
    for what in [folder.render(), folder.diff()] {
        let (exit, out, err) = said(alarms, &what);
        assert_eq!((exit, out.as_str()), (Exit::Usage, ""));
        assert!(err.starts_with("error: ") && err.contains("objectives.yaml cannot be"), "{err}");
    }
    fs::remove_file(&folder.0).unwrap();
}

#[test]
fn both_commands_are_on_the_command_line_with_examples() {
    for name in ["dashboards", "alarms"] {
        let cli = Cli::try_parse_from(["toolgate", name, "diff", "here"]).unwrap();
        let (Command::Dashboards(Dashboards::Files(what)) | Command::Alarms(Alarms::Files(what))) =
            cli.command
        else {
            panic!()
        };
        let Files::Diff(args) = what else { panic!("{what:?}") };
        assert_eq!(args.folder, Path::new("here"));
        for action in ["render", "diff"] {
            let help = Cli::try_parse_from(["toolgate", name, action, "--help"]).unwrap_err();
            let help = help.to_string();
            assert!(help.contains(&format!("toolgate {name} {action} {name}")), "{help}");
        }
    }
}
