//! `toolgate stdio` as a child process, spoken to by hand.
//!
//! In: a configuration without `admin` and `log`, or any arguments. Out: the lines that it writes,
//! its access log and metrics, and how it ended. It sends what it is told to, as it is.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;
use toolgate_tests::client::{Ask, Client, LEGACY, message};
use toolgate_tests::gateway::{free_address, parse_log};
use toolgate_tests::process::{Scratch, binary};
use toolgate_tests::scrape::Metrics;
use toolgate_tests::wait::{PATIENCE, until};

/// A running front; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Front {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<Lines<BufReader<ChildStdout>>>,
    admin: SocketAddr,
    scratch: Scratch,
}

/// The files of a front: its configuration in a folder of its own.
pub(crate) fn configured(scratch: &Scratch, config: &str) -> Result<(PathBuf, SocketAddr)> {
    let (listen, admin) = (free_address()?, free_address()?);
    let log = scratch.path().join("access.log");
    let head = format!(
        "listen: {listen}\nadmin: {admin}\nlog: {{ access: \"file:{}\" }}\n",
        log.display()
    );
    Ok((scratch.write("toolgate.yaml", &(head + config))?, admin))
}

impl Front {
    /// With the gateway within it.
    pub(crate) fn start(config: &str, more: &[&str]) -> Result<Self> {
        let scratch = Scratch::new()?;
        let (file, admin) = configured(&scratch, config)?;
        let file = file.to_str().context("a path that is not UTF-8")?.to_owned();
        let args: Vec<&str> = ["--config", &file].into_iter().chain(more.iter().copied()).collect();
        Self::spawn(&args, (scratch, admin))
    }

    /// Before a gateway elsewhere.
    pub(crate) fn before(url: &str, more: &[&str]) -> Result<Self> {
        let args: Vec<&str> = ["--url", url].into_iter().chain(more.iter().copied()).collect();
        Self::spawn(&args, (Scratch::new()?, free_address()?))
    }

    fn spawn(args: &[&str], (scratch, admin): (Scratch, SocketAddr)) -> Result<Self> {
        let mut child = Command::new(binary("toolgate", "toolgate")?)
            .arg("stdio")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(scratch.path().join("stderr"))?)
            .kill_on_drop(true)
            .spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let stdout = stdout.map(|stdout| BufReader::new(stdout).lines());
        Ok(Self { child, stdin, stdout, admin, scratch })
    }

    /// Writes one line.
    pub(crate) async fn say(&mut self, line: impl AsRef<[u8]>) -> Result<()> {
        let pipe = self.stdin.as_mut().context("standard input is closed")?;
        pipe.write_all(&[line.as_ref(), b"\n"].concat()).await.context("writing a line")
    }

    /// Reads one line.
    pub(crate) async fn line(&mut self) -> Result<String> {
        let pipe = self.stdout.as_mut().context("standard output is closed")?;
        let line = timeout(PATIENCE, pipe.next_line()).await;
        let line = line.with_context(|| format!("no line; stderr: {}", self.stderr()))??;
        line.with_context(|| format!("it has ended; stderr: {}", self.stderr()))
    }

    /// Reads one message.
    pub(crate) async fn hear(&mut self) -> Result<Value> {
        let line = self.line().await?;
        serde_json::from_str(&line).with_context(|| format!("not a message: {line}"))
    }

    /// Sends one message, and reads the next answer, whatever it is to. A session may hear of a
    /// changed list at any time.
    pub(crate) async fn ask(&mut self, line: impl AsRef<[u8]>) -> Result<Value> {
        self.say(line).await?;
        loop {
            let heard = self.hear().await?;
            if heard["method"] != "notifications/tools/list_changed" {
                return Ok(heard);
            }
        }
    }

    /// Opens a session of the older era.
    pub(crate) async fn session(&mut self, version: &str) -> Result<Value> {
        let answer = self.ask(initialize("\"begin\"", version)).await?;
        ensure!(answer["id"] == "begin" && answer["result"].is_object(), "{answer}");
        self.say(INITIALIZED).await?;
        Ok(answer)
    }

    /// Whatever it writes until it closes standard output.
    pub(crate) async fn rest(&mut self) -> Result<Vec<String>> {
        let mut all = Vec::new();
        let pipe = self.stdout.as_mut().context("standard output is closed")?;
        while let Some(line) =
            timeout(PATIENCE, pipe.next_line()).await.context("it stays open")??
        {
            all.push(line);
        }
        Ok(all)
    }

    /// Closes its standard input.
    pub(crate) fn close(&mut self) {
        self.stdin = None;
    }

    /// Closes its standard output.
    pub(crate) fn stop_listening(&mut self) {
        self.stdout = None;
    }

    pub(crate) fn terminate(&self) -> Result<()> {
        let id = self.child.id().context("it has ended")?;
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw).context("no process id")?;
        Ok(kill_process(pid, Signal::TERM)?)
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> Result<ExitStatus> {
        let Ok(status) = timeout(PATIENCE, self.child.wait()).await else {
            bail!("it does not end; stderr: {}", self.stderr());
        };
        Ok(status?)
    }

    pub(crate) fn stderr(&self) -> String {
        std::fs::read_to_string(self.scratch.path().join("stderr")).unwrap_or_default()
    }

    /// The access log so far.
    pub(crate) fn log(&self) -> Result<Vec<Value>> {
        let text = std::fs::read_to_string(self.scratch.path().join("access.log"));
        parse_log(&text.unwrap_or_default())
    }

    /// Waits for a line of the access log.
    pub(crate) async fn logged(&self, is: impl Fn(&Value) -> bool) -> Result<Value> {
        until("the access log has the line", async || Ok(self.log()?.into_iter().find(&is))).await
    }

    pub(crate) async fn metrics(&self) -> Result<Metrics> {
        let answer = Client::new(self.admin).send(Ask::get("/metrics")).await?;
        ensure!(answer.status == 200, "/metrics answered {}", answer.status);
        Metrics::parse(&answer.text())
    }
}

pub(crate) const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

pub(crate) fn initialize(id: &str, version: &str) -> String {
    let info = json!({ "name": "e2e", "version": "1" });
    let params = json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": info });
    message(id, "initialize", &params.to_string())
}

/// A call of the older era.
pub(crate) fn legacy(id: &str, tool: &str, arguments: &Value) -> String {
    message(id, "tools/call", &json!({ "name": tool, "arguments": arguments }).to_string())
}

/// A call of 2026-07-28.
pub(crate) fn modern(id: &str, tool: &str, arguments: &Value) -> String {
    let params = json!({ "name": tool, "arguments": arguments });
    message(id, "tools/call", &toolgate_tests::client::with_meta(params))
}

/// The newest revision of the older era, as its clients ask for it.
pub(crate) const OLDER: &str = LEGACY;
