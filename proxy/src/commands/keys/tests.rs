//! What the commands do to the file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use serde_json::Value;

use super::{Keys, run};
use crate::cli::{Cli, Command};
use crate::config::KeyFile;
use crate::exit::Exit;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("toolgate-keys-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        fs::create_dir(&path).unwrap();
        fs::write(path.join("pepper"), "0123456789abcdef0123456789abcdef\n").unwrap();
        let config = "auth: { keys: { file: keys.json, pepper: \"file:pepper\" } }\n\
                      targets: { clock: { builtin: clock } }\n";
        fs::write(path.join("toolgate.yaml"), config).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("keys.json")
    }

    fn run(&self, words: &[&str]) -> (Exit, String, String) {
        let config = self.0.join("toolgate.yaml");
        let given = ["toolgate", "keys"].iter().chain(words).copied();
        let given = given.chain(["--config", config.to_str().unwrap()]);
        let Command::Keys(what) = Cli::try_parse_from(given).unwrap().command else { panic!() };
        ran(&what)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn ran(what: &Keys) -> (Exit, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = run(what, &mut out, &mut err);
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

fn kept(file: &Path) -> KeyFile {
    KeyFile::parse(&fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn a_key_is_printed_once_listed_without_it_and_taken_back() {
    let folder = Folder::new("life");
    let create = ["create", "--name", "ci", "--scope", "gateway/invoke", "--days", "90"];
    let (exit, key, said) = folder.run(&create);
    assert_eq!(exit, Exit::Ok, "{said}");
    let key = key.trim_end();
    assert!(key.starts_with("tgk_") && !key.contains('\n') && !said.contains(key), "{key} {said}");
    let mode = fs::metadata(folder.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!fs::read_to_string(folder.file()).unwrap().contains(key));
    folder.run(&["create", "--name", "other"]);
    let (_, list, _) = folder.run(&["list"]);
    assert!(list.contains("good for 90 d") && list.contains("gateway/invoke"), "{list}");
    let (exit, _, said) = folder.run(&["revoke", key]);
    assert_eq!((exit, kept(&folder.file()).keys[0].revoked.is_some()), (Exit::Ok, true), "{said}");
    let (_, list, _) = folder.run(&["list", "--output", "json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(
        (&list["keys"][0]["state"], &list["keys"][1]["state"]),
        (&"revoked".into(), &"good".into())
    );
}

#[test]
fn what_cannot_be_done_is_said_and_changes_nothing() {
    let folder = Folder::new("trouble");
    let (exit, _, said) = folder.run(&["list"]);
    assert!(exit == Exit::Config && said.contains("keys create"), "{said}");
    folder.run(&["create", "--name", "ci"]);
    let before = kept(&folder.file());
    for (words, says) in [
        (&["revoke", "nobody"][..], "no key with this id"),
        (&["create", "--name", "a\nb"], "control characters"),
        (&["create", "--name", "a", "--scope", "a b"], "is not a scope"),
    ] {
        let (exit, out, said) = folder.run(words);
        assert!(exit == Exit::Usage && out.is_empty() && said.contains(says), "{said}");
    }
    assert_eq!(kept(&folder.file()), before);
}
