//! The gateway under test: the real binary, a real configuration file, real sockets.
//!
//! In: configuration without addresses and log, which are the harness's. Out: where to call it,
//! and everything it says: metrics, access log, standard error. It knows nothing of its inside.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::canary;
use crate::client::{Answer, Ask, Client};
use crate::pki::Hands;
use crate::process::{Process, Scratch, binary, read_lossy};
use crate::scrape::Metrics;
use crate::wait::until;

/// A running gateway; dropping it kills it.
#[derive(Debug)]
pub struct Gateway {
    process: Process,
    scratch: Scratch,
    listen: SocketAddr,
    admin: SocketAddr,
    hands: Option<Hands>,
}

/// What is left of a gateway that was stopped.
#[derive(Debug)]
pub struct Stopped {
    /// How it ended.
    pub status: ExitStatus,
    /// Its access log.
    pub access_log: String,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Gateway {
    /// Starts the gateway with `config`, which says nothing of `listen`, `admin` and `log`, and
    /// waits until it serves.
    ///
    /// # Errors
    /// When there is no binary, or the gateway does not come up; has its last words.
    pub async fn start(config: &str) -> Result<Self> {
        Self::start_with(config, &[]).await
    }

    /// The same with environment variables.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub async fn start_with(config: &str, env: &[(&str, &str)]) -> Result<Self> {
        Self::start_at("info", config, env).await
    }

    /// The same with a level of its messages.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub async fn start_at(level: &str, config: &str, env: &[(&str, &str)]) -> Result<Self> {
        Self::start_logging(&format!("level: {level}"), config, env).await
    }

    /// The same with settings of `log` besides where it goes.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub async fn start_logging(log: &str, config: &str, env: &[(&str, &str)]) -> Result<Self> {
        Self::start_in(Scratch::new()?, log, config, env).await
    }

    /// With an access log that is a link to `there`, such as a disk that is full. Where the link
    /// is, says [`Gateway::access_path`].
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub async fn start_logging_to(there: &Path, config: &str) -> Result<Self> {
        let scratch = Scratch::new()?;
        symlink(there, scratch.path().join(ACCESS_LOG)).context("linking the access log")?;
        Self::start_in(scratch, "level: info", config, &[]).await
    }

    async fn start_in(
        scratch: Scratch,
        log: &str,
        config: &str,
        env: &[(&str, &str)],
    ) -> Result<Self> {
        let toolgate = binary("toolgate", "toolgate")?;
        let (listen, admin) = (free_address()?, free_address()?);
        let path = scratch.path().join(ACCESS_LOG);
        let head = format!(
            "listen: {listen}\nadmin: {admin}\nlog: {{ access: \"file:{}\", {log} }}\n",
            path.display()
        );
        let file = scratch.write("toolgate.yaml", &(head + config))?;
        // As on a disk that is full, a file that may not grow gives an error, and no signal.
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(toolgate);
        command.arg("serve").arg("--config").arg(file).envs(env.iter().copied());
        canary::plant_env(env);
        let process = Process::start("toolgate", &mut command, &scratch)?;
        let mut gateway = Self { process, scratch, listen, admin, hands: None };
        gateway.serves().await?;
        Ok(gateway)
    }

    async fn serves(&mut self) -> Result<()> {
        let (listen, admin) = (self.listen, self.admin);
        let process = &mut self.process;
        until("the gateway serves", async || {
            process.check()?;
            let open = TcpStream::connect(listen).await.is_ok();
            let healthy = Client::new(admin).send(Ask::get("/healthz")).await;
            Ok((open && healthy.is_ok_and(|answer| answer.status == 200)).then_some(()))
        })
        .await
    }

    /// The same, whose callers come over TLS.
    #[must_use]
    pub fn over(mut self, hands: Hands) -> Self {
        self.hands = Some(hands);
        self
    }

    /// Where MCP is served.
    #[must_use]
    pub fn mcp_url(&self) -> String {
        format!("http://{}/mcp", self.listen)
    }

    /// Where metrics and health are served.
    #[must_use]
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// The address behind [`Gateway::mcp_url`].
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// A caller without a token.
    #[must_use]
    pub fn client(&self) -> Client {
        let client = Client::new(self.listen);
        self.hands.iter().fold(client, |client, hands| client.over(hands))
    }

    /// A page of the admin server.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn admin(&self, path: &str) -> Result<Answer> {
        Client::new(self.admin).send(Ask::get(path)).await
    }

    /// The metrics now.
    ///
    /// # Errors
    /// When they cannot be had or read.
    pub async fn metrics(&self) -> Result<Metrics> {
        let answer = self.admin("/metrics").await?;
        ensure!(answer.status == 200, "/metrics answered {}", answer.status);
        Metrics::parse(&answer.text())
    }

    /// The access log so far. It is written in batches, so the last lines may be missing.
    #[must_use]
    pub fn access_log(&self) -> String {
        read_lossy(&self.access_path())
    }

    /// The line of the call that was answered so.
    ///
    /// # Errors
    /// When the answer has no request id, or the line does not come.
    pub async fn line_of(&self, answer: &Answer) -> Result<Value> {
        let id = answer.header("x-request-id").context("an answer without X-Request-Id")?;
        self.line(&id).await
    }

    /// The line of that request id.
    ///
    /// # Errors
    /// When it does not come, or there are two.
    pub async fn line(&self, request_id: &str) -> Result<Value> {
        until(format!("the access log has {request_id}"), async || {
            let lines = parse_log(&self.access_log())?;
            let mut found = lines.into_iter().filter(|line| line["request_id"] == request_id);
            let first = found.next();
            ensure!(found.next().is_none(), "two lines of {request_id}");
            Ok(first)
        })
        .await
    }

    /// Lets its files grow to so many bytes and no further; `None`: as far as they like.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn limit_files(&self, bytes: Option<u64>) -> Result<()> {
        self.process.limit_files(bytes)
    }

    /// The most memory that it has had so far, in bytes.
    ///
    /// # Errors
    /// When it has ended.
    pub fn peak(&self) -> Result<u64> {
        self.process.peak()
    }

    /// What it wrote to standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.process.stderr()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.process.signal(signal)
    }

    /// Asks it to end (SIGTERM), without waiting.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn terminate(&self) -> Result<()> {
        canary::watch_pages(self.admin);
        self.process.signal(Signal::TERM)
    }

    /// Waits for its end after [`Gateway::terminate`].
    ///
    /// # Errors
    /// When it does not end.
    pub async fn ended(mut self) -> Result<Stopped> {
        let status = self.process.ended().await?;
        let (access_log, stderr) = (self.access_log(), self.stderr());
        Ok(Stopped { status, access_log, stdout: self.process.stdout(), stderr })
    }

    /// Asks it to end, and waits for it.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop(self) -> Result<Stopped> {
        self.terminate()?;
        self.ended().await
    }

    /// Whether metrics and access log tell the same story, call by call: as many lines as counts,
    /// by outcome and by reason.
    ///
    /// # Errors
    /// When they do not agree within the harness's patience; shows both.
    pub async fn books_agree(&self) -> Result<()> {
        let mut last = String::new();
        let agreed = until("metrics and access log agree", async || {
            let lines = parse_log(&self.access_log())?;
            let metrics = self.metrics().await?;
            let outcomes = counted(metrics.by("toolgate_requests_total", "outcome"));
            let reasons =
                counted(metrics.by("mcp_server_operation_duration_seconds_count", "error_type"));
            let logged = (tally(&lines, "outcome"), tally(&lines, "reason"));
            last = format!("metrics {outcomes:?} {reasons:?}, access log {logged:?}");
            Ok((logged == (outcomes, reasons)).then_some(()))
        });
        agreed.await.with_context(|| last)
    }

    /// Its configuration.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.scratch.path().join("toolgate.yaml")
    }

    /// The file that it was told to log to.
    #[must_use]
    pub fn access_path(&self) -> PathBuf {
        self.scratch.path().join(ACCESS_LOG)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if self.process.check().is_ok() {
            canary::watch_pages(self.admin);
        }
    }
}

const ACCESS_LOG: &str = "access.log";

/// A loopback address that was free a moment ago, and is given to nobody else in this process.
/// It lies below the ports that the system takes for connections, so that none of those gets it.
///
/// # Errors
/// When no port can be had.
pub fn free_address() -> Result<SocketAddr> {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let random = RandomState::new();
    for n in 0..TRIES {
        let low = PORTS.start + u16::try_from(random.hash_one(n) % SPAN)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, low));
        let fresh = GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(low);
        if fresh && TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no port between {PORTS:?} is free")
}

/// Where free ports are looked for.
const PORTS: Range<u16> = 12_000..32_000;
const SPAN: u64 = 20_000;
const TRIES: u16 = 100;

/// The whole lines of an access log.
///
/// # Errors
/// When a line is not JSON.
pub fn parse_log(text: &str) -> Result<Vec<Value>> {
    let whole = text.rfind('\n').and_then(|end| text.get(..end)).unwrap_or_default();
    let line = |line: &str| serde_json::from_str(line).with_context(|| format!("line {line:?}"));
    whole.lines().map(line).collect()
}

fn tally(lines: &[Value], field: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for line in lines {
        let word = line.get(field).and_then(Value::as_str).unwrap_or_default();
        *counts.entry(word.to_owned()).or_default() += 1;
    }
    counts
}

fn counted(sums: BTreeMap<String, f64>) -> BTreeMap<String, u64> {
    let whole = |sum: f64| format!("{sum:.0}").parse().unwrap_or_default();
    sums.into_iter().map(|(key, sum)| (key, whole(sum))).filter(|(_, n)| *n > 0).collect()
}
