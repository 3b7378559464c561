//! The processes of one run.
//!
//! In: a command line. Out: a process whose id, output and end are under control. No process
//! outlives its handle, and none is asked for anything but to end.

use std::env;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

/// How long a process may take to say where it listens, or to end when asked to.
const PATIENCE: Duration = Duration::from_secs(15);
/// How much of a process's last words an error repeats, bytes.
const LAST_WORDS: usize = 2000;

/// A running process; dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Child {
    name: &'static str,
    process: tokio::process::Child,
    log: PathBuf,
    pid: u32,
}

/// A private directory that goes away with its handle.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Child {
    /// Starts `command` with its output in a file of `scratch`.
    pub(crate) fn start(
        name: &'static str,
        command: &mut Command,
        scratch: &Scratch,
    ) -> Result<Self> {
        let log = scratch.path().join(format!("{name}.log"));
        let output = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        command.stdout(output.try_clone()?).stderr(output).stdin(Stdio::null());
        Self::spawn(name, command, log)
    }

    /// Starts this binary in another role and waits until it says where it listens.
    pub(crate) async fn start_role(
        name: &'static str,
        arguments: &[&str],
        scratch: &Scratch,
    ) -> Result<(Self, SocketAddr)> {
        let log = scratch.path().join(format!("{name}.log"));
        let output = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let mut command = Command::new(env::current_exe().context("finding this binary")?);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(output);
        let mut child = Self::spawn(name, &mut command, log)?;
        let stdout = child.process.stdout.take().context("a pipe was asked for")?;
        let mut line = String::new();
        let mut reader = BufReader::new(stdout);
        let said = timeout(PATIENCE, reader.read_line(&mut line)).await;
        ensure!(matches!(said, Ok(Ok(1..))), "{} did not start: {}", name, child.last_words());
        let address = line.trim_end().parse().with_context(|| format!("{name} said {line:?}"))?;
        Ok((child, address))
    }

    fn spawn(name: &'static str, command: &mut Command, log: PathBuf) -> Result<Self> {
        let process = command
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", command.as_std().get_program().display()))?;
        let pid = process.id().context("the process ended at once")?;
        Ok(Self { name, process, log, pid })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// An error with its last words when it has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.process.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended ({status}): {}", self.name, self.last_words()),
        }
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<ExitStatus> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).context("no process id")?;
        kill_process(pid, Signal::TERM).with_context(|| format!("ending {}", self.name))?;
        let Ok(status) = timeout(PATIENCE, self.process.wait()).await else {
            bail!("{} did not end within {PATIENCE:?} of SIGTERM", self.name);
        };
        status.with_context(|| format!("waiting for {}", self.name))
    }

    /// The end of its output.
    pub(crate) fn last_words(&self) -> String {
        let said = fs::read(&self.log).unwrap_or_default();
        let start = said.len().saturating_sub(LAST_WORDS);
        String::from_utf8_lossy(said.get(start..).unwrap_or_default()).into_owned()
    }
}

impl Scratch {
    /// Makes a directory for this process.
    pub(crate) fn new() -> Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("toolgate-load-{}-{number}", std::process::id()));
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("creating {}", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file in it.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's cleaning of its temporary files.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Returns when the parent has gone: a helper must not outlive the benchmark.
pub(crate) async fn parent_gone() {
    let mut byte = [0];
    while matches!(tokio::io::stdin().read(&mut byte).await, Ok(1..)) {}
}
