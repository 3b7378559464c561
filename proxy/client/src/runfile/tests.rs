//! What a run file promises, in a folder of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use super::RunFile;

/// A folder that is gone after the test.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("toolgate-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn env(&self) -> impl Fn(&str) -> Option<String> {
        let path = self.0.display().to_string();
        move |name| (name == "XDG_RUNTIME_DIR").then(|| path.clone())
    }

    fn file(&self, port: u16) -> PathBuf {
        self.0.join(format!("toolgate/dev-{port}.json"))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn run_file(port: u16, pid: u32, started_unix: u64) -> RunFile {
    RunFile {
        pid,
        mcp: format!("http://127.0.0.1:{port}/mcp"),
        admin: "http://127.0.0.1:9464".to_owned(),
        token_url: "http://127.0.0.1:8801/oauth2/token".to_owned(),
        client_id: "dev-client".to_owned(),
        client_secret: "sesame".to_owned(),
        scopes: vec!["gateway/invoke".to_owned()],
        started_unix,
    }
}

/// The number of a process that has ended.
fn dead_pid() -> u32 {
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    child.id()
}

#[test]
fn what_is_written_is_found_and_gone_after_the_guard() {
    let home = Home::new("round-trip");
    let file = run_file(8800, std::process::id(), 1);
    let guard = file.write(&home.env()).unwrap();
    assert_eq!(RunFile::find(&home.env()), Some(file));
    drop(guard);
    assert!(!home.file(8800).exists());
    assert_eq!(RunFile::find(&home.env()), None);
}

#[test]
fn only_the_user_can_read_it_even_where_the_folder_was_open() {
    let home = Home::new("modes");
    let folder = home.0.join("toolgate");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let _guard = run_file(8800, std::process::id(), 1).write(&home.env()).unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.file(8800)), 0o600);
    assert_eq!(mode(folder.clone()), 0o700);
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1, "the draft is gone");
}

#[test]
fn the_file_of_a_dead_process_is_removed() {
    let home = Home::new("stale");
    let guard = run_file(8800, dead_pid(), 1).write(&home.env()).unwrap();
    std::mem::forget(guard);
    assert!(home.file(8800).exists());
    assert_eq!(RunFile::find(&home.env()), None);
    assert!(!home.file(8800).exists());
}

#[test]
fn the_newest_of_several_is_taken() {
    let home = Home::new("newest");
    let me = std::process::id();
    let _old = run_file(8800, me, 100).write(&home.env()).unwrap();
    let _new = run_file(8802, me, 300).write(&home.env()).unwrap();
    let _mid = run_file(8804, me, 200).write(&home.env()).unwrap();
    assert_eq!(RunFile::find(&home.env()).unwrap().started_unix, 300);
}

#[test]
fn a_guard_leaves_the_file_of_a_successor_alone() {
    let home = Home::new("successor");
    let before = run_file(8800, dead_pid(), 1).write(&home.env()).unwrap();
    let _after = run_file(8800, std::process::id(), 2).write(&home.env()).unwrap();
    drop(before);
    assert_eq!(RunFile::find(&home.env()).unwrap().started_unix, 2);
}

#[test]
fn what_is_not_a_run_file_is_passed_over() {
    let home = Home::new("foreign");
    let _guard = run_file(8800, std::process::id(), 1).write(&home.env()).unwrap();
    fs::write(home.file(8801), "{not json").unwrap();
    fs::write(home.0.join("toolgate/notes.txt"), "hello").unwrap();
    assert_eq!(RunFile::find(&home.env()).unwrap().started_unix, 1);
    assert!(home.file(8801).exists(), "only files of dead processes are removed");
}

#[test]
fn without_a_runtime_folder_the_cache_of_the_home_is_used() {
    let home = Home::new("home");
    let path = home.0.display().to_string();
    let env = |name: &str| match name {
        "HOME" => Some(path.clone()),
        "XDG_RUNTIME_DIR" => Some(String::new()),
        _ => None,
    };
    let _guard = run_file(8800, std::process::id(), 1).write(&env).unwrap();
    assert!(home.0.join(".cache/toolgate/dev-8800.json").exists());
    assert!(RunFile::find(&env).is_some());
}

#[test]
fn without_any_folder_it_says_what_to_set() {
    let error = run_file(8800, 1, 1).write(&|_| None).unwrap_err();
    assert_eq!(error.to_string(), "set XDG_RUNTIME_DIR or HOME");
    assert_eq!(RunFile::find(&|_| None), None);
}

#[test]
fn its_debug_form_has_no_secret() {
    assert!(!format!("{:?}", run_file(8800, 1, 1)).contains("sesame"));
}
