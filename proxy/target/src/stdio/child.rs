//! A child process and everything it starts.
//!
//! Enters: a command line from the operator's configuration. Leaves: a process group with three
//! pipes. Never: a shell, the gateway's own environment, or a process that outlives this value.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, waitpgid};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::StdioConfig;

/// The leader of a process group. Dropping it kills the group.
#[derive(Debug)]
pub(super) struct Group {
    leader: Child,
    /// `None` once the group has been killed.
    id: Option<Pid>,
}

/// The near ends of a child's pipes.
#[derive(Debug)]
pub(super) struct Pipes {
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

/// How long each polite way of ending a child is given.
const GRACE: Duration = Duration::from_secs(2);
/// How often, and with which pause, killed grandchildren are looked for.
const REAP_LOOKS: u32 = 100;
const REAP_PAUSE: Duration = Duration::from_millis(10);

/// Starts the configured command.
///
/// # Errors
/// A sentence for the operator: what is wrong and what to do.
pub(super) fn spawn(config: &StdioConfig) -> Result<(Group, Pipes), String> {
    let Some((program, arguments)) = config.command.split_first() else {
        return Err("`stdio.command` is empty; give a program and its arguments".into());
    };
    let mut command = Command::new(program);
    command.args(arguments).env_clear();
    command.envs(config.inherited.iter().map(|(name, value)| (name, value)));
    command.envs(config.env.iter().map(|(name, value)| (name, value)));
    if let Some(folder) = &config.cwd {
        command.current_dir(folder);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    let mut leader = command.spawn().map_err(|error| explain(config, program, &error))?;
    let id = leader.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let pipes = (leader.stdin.take(), leader.stdout.take(), leader.stderr.take());
    let group = Group { leader, id };
    match pipes {
        (Some(stdin), Some(stdout), Some(stderr)) => Ok((group, Pipes { stdin, stdout, stderr })),
        _ => Err(format!("`{program}` was started without its pipes")),
    }
}

/// How a process ended, in words.
pub(super) fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it exited with status {code}"),
        (None, Some(signal)) => format!("it was killed by signal {signal}"),
        (None, None) => "it ended".into(),
    }
}

// === impl Group ===

impl Group {
    /// The process id of the leader, while it lives.
    pub(super) fn id(&self) -> Option<u32> {
        self.leader.id()
    }

    /// Waits for the leader to end.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.leader.wait().await
    }

    /// Waits a little for the leader to end.
    pub(super) async fn ended_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        timeout(limit, self.ended()).await.ok()?.ok()
    }

    /// Ends the group once its stdin is closed: by itself, else by SIGTERM, else by SIGKILL
    /// (`basic/transports`, stdio, "Shutdown").
    pub(super) async fn finish(&mut self) {
        if self.ended_within(GRACE).await.is_none() {
            self.signal(Signal::TERM);
            if self.ended_within(GRACE).await.is_none() {
                tracing::warn!(pid = self.id(), "a child ignored SIGTERM and is killed");
            }
        }
        self.kill().await;
    }

    /// Kills what is left of the group, and reaps the leader.
    pub(super) async fn kill(&mut self) {
        self.signal(Signal::KILL);
        let id = self.id.take();
        if self.ended_within(GRACE).await.is_none() {
            tracing::warn!("a killed child process has not ended");
        }
        if let Some(id) = id {
            reap(id).await;
        }
    }

    /// Signals the whole group, of which perhaps nobody is left.
    fn signal(&self, signal: Signal) {
        if let Some(Err(error)) = self.id.map(|id| kill_process_group(id, signal)) {
            tracing::trace!(%error, "a process group was not signalled");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Waits for what a leader that has ended left in its group. Only where the gateway is the first
/// process of its container, or asked to be told, do grandchildren become its own children; nobody
/// else would bury them then. (Those that left the group are not found.)
async fn reap(group: Pid) {
    for _ in 0..REAP_LOOKS {
        // Nobody there of whom the gateway would be told: as a rule at once.
        let Ok(found) = waitpgid(group, WaitOptions::NOHANG) else { return };
        if found.is_none() {
            tokio::time::sleep(REAP_PAUSE).await;
        }
    }
}

/// The sentence for a command that cannot be started.
fn explain(config: &StdioConfig, program: &str, error: &io::Error) -> String {
    if let Some(folder) = config.cwd.as_ref().filter(|folder| !folder.is_dir()) {
        return format!("the folder `{}` of `stdio.cwd` does not exist", folder.display());
    }
    let kind = error.kind();
    if kind == io::ErrorKind::NotFound {
        return format!(
            "the program `{program}` was not found; install it, or give its full path in \
             `stdio.command`"
        );
    }
    if kind == io::ErrorKind::PermissionDenied {
        return format!("the program `{program}` may not be executed; check its permissions");
    }
    format!("the program `{program}` cannot be started: {error}")
}
