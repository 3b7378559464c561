//! Processes of a test, and the folder they write to.
//!
//! In: a command. Out: a process whose output is in a file and whose end is under control. No
//! process outlives its handle.

use std::env;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::canary;
use crate::wait::PATIENCE;

/// How much of a process's last words an error repeats, bytes.
const LAST_WORDS: usize = 4000;

/// A running process; dropping it kills the process.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// A private folder that goes away with its handle.
#[derive(Debug)]
pub struct Scratch(PathBuf);

/// A binary of this workspace, from the folder that this program was built into, or from the one
/// above, which is that of the binaries if this is a test.
///
/// # Errors
/// When it is not there; says how to build it.
pub fn binary(name: &str, package: &str) -> Result<PathBuf> {
    let exe = env::current_exe().context("finding this program")?;
    let folders = exe.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| {
        format!("no {name} beside {}: run `cargo build -p {package}` first", exe.display())
    })
}

impl Process {
    /// Starts `command` with its output in files of `scratch`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &'static str, command: &mut Command, scratch: &Scratch) -> Result<Self> {
        let stdout = scratch.path().join(format!("{name}.out"));
        let stderr = scratch.path().join(format!("{name}.err"));
        let file = |path: &Path| {
            File::create(path).with_context(|| format!("creating {}", path.display()))
        };
        let child = command
            .stdin(Stdio::null())
            .stdout(file(&stdout)?)
            .stderr(file(&stderr)?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", command.as_std().get_program().display()))?;
        Ok(Self { name, child, stdout, stderr })
    }

    /// An error with its last words when it has ended.
    ///
    /// # Errors
    /// See above.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended ({status}): {}", self.name, self.last_words()),
        }
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let id = self.child.id().with_context(|| format!("{} has ended", self.name))?;
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw).context("no process id")?;
        kill_process(pid, signal).with_context(|| format!("signalling {}", self.name))
    }

    /// Lets its files grow to so many bytes and no further; `None`: as far as they like. It must not
    /// mind `SIGXFSZ`.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn limit_files(&self, bytes: Option<u64>) -> Result<()> {
        let id = self.child.id().with_context(|| format!("{} has ended", self.name))?;
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw).context("no process id")?;
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(pid), Resource::Fsize, limit).context("limiting the size of files")?;
        Ok(())
    }

    /// The most memory that it has had so far, in bytes (proc(5), `VmHWM`).
    ///
    /// # Errors
    /// When it has ended, or the system does not tell.
    pub fn peak(&self) -> Result<u64> {
        Ok(self.kilobytes("VmHWM:")? * 1024)
    }

    /// The memory that it has in use, in KiB (proc(5), `VmRSS`).
    ///
    /// # Errors
    /// When it has ended.
    pub fn resident_kib(&self) -> Result<u64> {
        self.kilobytes("VmRSS:")
    }

    fn kilobytes(&self, what: &str) -> Result<u64> {
        let id = self.child.id().with_context(|| format!("{} has ended", self.name))?;
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(what));
        let number = line.and_then(|line| line.split_whitespace().next());
        Ok(number.with_context(|| format!("no {what}"))?.parse()?)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        let Ok(status) = timeout(PATIENCE, self.child.wait()).await else {
            bail!("{} did not end within {PATIENCE:?}: {}", self.name, self.last_words());
        };
        status.with_context(|| format!("waiting for {}", self.name))
    }

    /// What it wrote to standard output so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        read_lossy(&self.stdout)
    }

    /// What it wrote to standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        read_lossy(&self.stderr)
    }

    fn last_words(&self) -> String {
        let said = format!("{}{}", self.stdout(), self.stderr());
        let start = said.len().saturating_sub(LAST_WORDS);
        String::from_utf8_lossy(said.as_bytes().get(start..).unwrap_or_default()).into_owned()
    }
}

impl Scratch {
    /// Makes a folder for one test.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!("toolgate-e2e-{}-{number}", std::process::id());
            let path = env::temp_dir().join(name);
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                // Left behind by a test that was killed, whose process id has come round again.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("creating {}", path.display()));
                }
            }
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file in it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        canary::watch_folder(&self.0);
        // What cannot be removed is left to the system's cleaning of its temporary files.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A file's text; empty when there is none yet.
pub(crate) fn read_lossy(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}
