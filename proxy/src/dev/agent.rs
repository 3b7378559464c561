//! The agent beside `toolgate dev`: a child process with its chat page.
//!
//! Enters: where the gateway is and a client of its issuer. Leaves: the page's address, once it is
//! there; what the child says, on standard error. Never: a child that outlives its parent's end; an
//! agent with other settings than those it is given and those of its own environment.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;
use toolgate_client::runfile::RunFile;

/// The program.
const PROGRAM: &str = "toolgate-agent";
/// How long it may take until its page is there: it opens its memory first.
const START: Duration = Duration::from_secs(30);
/// How long turns that go on may take at the end; it ends them itself before that.
const END: Duration = Duration::from_secs(40);
/// Lines that are told when it does not start.
const TOLD: usize = 20;

/// The agent. It is killed when this is dropped.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    page: String,
}

// === impl Agent ===

impl Agent {
    /// Starts it, and waits until its page is there. What it says after that is given to `tell`.
    ///
    /// # Errors
    /// There is no such program, or it does not start; its own words say why.
    pub async fn start(
        gateway: &RunFile,
        (page, admin): (SocketAddr, SocketAddr),
        tell: fn(&str),
    ) -> anyhow::Result<Self> {
        let program = beside().unwrap_or_else(|| PathBuf::from(PROGRAM));
        let mut child = command(&program, gateway, (page, admin)).spawn().with_context(|| {
            format!(
                "{} cannot be started; build it with `cargo build -p toolgate-agent`, or put it \
                 beside this program",
                program.display()
            )
        })?;
        let stderr = child.stderr.take().context("the agent has no standard error")?;
        let mut lines = BufReader::new(stderr).lines();
        let page = timeout(START, page_of(&mut lines)).await;
        let page = page.map_err(|_| anyhow::anyhow!("the agent's page is not there in {START:?}"));
        let page = page??;
        tokio::spawn(passed_on(lines, tell));
        Ok(Self { child, page })
    }

    /// Where its page is.
    #[must_use]
    pub fn page(&self) -> &str {
        &self.page
    }

    /// Waits for its end; it is told to end, and killed if it does not.
    pub async fn stop(mut self) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        // It may have had the terminal's Ctrl-C already, and be gone.
        let _gone = pid.map(|pid| kill_process(pid, Signal::TERM));
        if timeout(END, self.child.wait()).await.is_err() {
            let _killed = self.child.kill().await;
        }
    }
}

fn command(
    program: &std::path::Path,
    gateway: &RunFile,
    (page, admin): (SocketAddr, SocketAddr),
) -> Command {
    let mut command = Command::new(program);
    command
        .arg("serve")
        .env("TOOLGATE_AGENT_SERVER_LISTEN", page.to_string())
        .env("TOOLGATE_AGENT_SERVER_ADMIN", admin.to_string())
        .env("TOOLGATE_AGENT_GATEWAY_URL", &gateway.mcp)
        .env("TOOLGATE_AGENT_GATEWAY_TOKEN_URL", &gateway.token_url)
        .env("TOOLGATE_AGENT_GATEWAY_CLIENT_ID", &gateway.client_id)
        .env("TOOLGATE_AGENT_GATEWAY_CLIENT_SECRET", &gateway.client_secret)
        .env("TOOLGATE_AGENT_GATEWAY_SCOPES", gateway.scopes.join(","))
        .stdin(Stdio::null())
        // Its log of turns is for files; here it would stand between other words.
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// The program that was built with this one.
fn beside() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    Some(own.with_file_name(PROGRAM)).filter(|path| path.is_file())
}

/// The page's address, from the line that says it.
async fn page_of(lines: &mut Lines<BufReader<ChildStderr>>) -> anyhow::Result<String> {
    let mut said = Vec::new();
    while let Some(line) = lines.next_line().await? {
        if let Some(page) = line.trim().strip_prefix("chat ") {
            return Ok(page.trim().to_owned());
        }
        if said.len() < TOLD {
            said.push(line);
        }
    }
    anyhow::bail!("the agent does not start:\n{}", said.join("\n"))
}

async fn passed_on(mut lines: Lines<BufReader<ChildStderr>>, tell: fn(&str)) {
    while let Ok(Some(line)) = lines.next_line().await {
        // What follows the page's line is where it is, which this program says itself.
        if !line.starts_with("  ") {
            tell(&format!("agent: {line}\n"));
        }
    }
    tell("agent: ended\n");
}
