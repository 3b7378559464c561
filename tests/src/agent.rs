//! The agent under test: the real binary, real settings, real sockets.
//!
//! In: settings, without the addresses, which are the harness's. Out: its answers, its metrics, its log.
//! It knows nothing of its inside.

use std::net::SocketAddr;
use std::process::ExitStatus;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::client::{Answer, Ask, Client, Opened};
use crate::process::{Process, Scratch, binary};
use crate::scrape::Metrics;
use crate::wait::until;

/// A running agent; dropping it kills it.
#[derive(Debug)]
pub struct Agent {
    process: Process,
    scratch: Scratch,
    listen: SocketAddr,
    admin: SocketAddr,
    words: &'static [&'static str],
    settings: Vec<(String, String)>,
    env: Vec<(String, String)>,
}

/// One command of the agent, ended.
#[derive(Debug)]
pub struct Ran {
    /// How.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Settings that let it use a gateway with a token.
#[must_use]
pub fn through(gateway: &str, token: &str) -> Vec<(&'static str, String)> {
    vec![("gateway/url", gateway.to_owned()), ("gateway/token", token.to_owned())]
}

/// Runs one command of the agent with these settings and no others.
///
/// # Errors
/// When there is no binary, or it does not run.
pub async fn run(words: &[&str], settings: &[(&str, String)]) -> Result<Ran> {
    run_with(words, settings, &[]).await
}

/// The same with environment variables.
///
/// # Errors
/// As [`run`].
pub async fn run_with(
    words: &[&str],
    settings: &[(&str, String)],
    env: &[(&str, &str)],
) -> Result<Ran> {
    let scratch = Scratch::new()?;
    let mut command = command(&scratch)?;
    command.envs(env.iter().copied());
    for (key, value) in settings {
        command.arg("--set").arg(format!("{key}={value}"));
    }
    let output = command.args(words).output().await.context("running the agent")?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Ran { status: output.status, stdout: text(&output.stdout), stderr: text(&output.stderr) })
}

/// Nothing of this machine's user is used.
fn command(scratch: &Scratch) -> Result<Command> {
    let mut command = Command::new(binary("toolgate-agent", "toolgate-agent")?);
    command.env_clear().env("HOME", scratch.path()).kill_on_drop(true);
    Ok(command)
}

impl Agent {
    /// Starts it and waits until it serves.
    ///
    /// # Errors
    /// When there is no binary, or it does not come up; has its last words.
    pub async fn start(settings: &[(&str, String)]) -> Result<Self> {
        Self::start_with(settings, &[]).await
    }

    /// The same with environment variables.
    ///
    /// # Errors
    /// As [`Agent::start`].
    pub async fn start_with(settings: &[(&str, String)], env: &[(&str, &str)]) -> Result<Self> {
        Self::start_as(&["serve"], settings, env).await
    }

    /// The same by these words of the command line.
    ///
    /// # Errors
    /// As [`Agent::start`].
    pub async fn start_as(
        words: &'static [&'static str],
        settings: &[(&str, String)],
        env: &[(&str, &str)],
    ) -> Result<Self> {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self::start_in(Scratch::new()?, words, owned(settings), env.collect()).await
    }

    async fn start_in(
        scratch: Scratch,
        words: &'static [&'static str],
        settings: Vec<(String, String)>,
        env: Vec<(String, String)>,
    ) -> Result<Self> {
        let mut command = command(&scratch)?;
        command.args(words).envs(env.iter().cloned());
        let mut own = vec![("server/listen", "127.0.0.1:0"), ("server/admin", "127.0.0.1:0")];
        // Other tests run on the same processors; who measures, says so.
        if !settings.iter().any(|(key, value)| key == "memory/backend" && value == "off") {
            own.push(("memory/recall_time", "20s"));
        }
        let own = own.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
        for (key, value) in own.chain(settings.clone()) {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        let mut process = Process::start("toolgate-agent", &mut command, &scratch)?;
        let (listen, admin) = until("the agent says where it is", async || {
            process.check()?;
            Ok(said(&process.stderr(), "chat").zip(said(&process.stderr(), "metrics")))
        })
        .await?;
        Ok(Self { process, scratch, listen, admin, words, settings, env })
    }

    /// The same again, with the same files, after it was killed as by a power cut.
    ///
    /// # Errors
    /// As [`Agent::start`].
    pub async fn killed_and_back(mut self) -> Result<Self> {
        self.process.signal(Signal::KILL)?;
        self.process.ended().await?;
        Self::start_in(self.scratch, self.words, self.settings, self.env).await
    }

    /// Stops it as an operator would, and gives what it has said on standard error.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop(mut self) -> Result<(ExitStatus, String)> {
        self.process.signal(Signal::TERM)?;
        let status = self.process.ended().await?;
        Ok((status, self.process.stderr()))
    }

    /// Where its page is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.listen)
    }

    /// Where its metrics are.
    #[must_use]
    pub const fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Whoever calls it.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.listen)
    }

    /// The whole answer to a question, in a session of that name.
    ///
    /// # Errors
    /// When there is none, or it is no JSON.
    pub async fn ask(&self, session: &str, question: &str) -> Result<Value> {
        let answer = self.client().send(invocation(session, question)).await?;
        let text = answer.text();
        ensure!([200, 502].contains(&answer.status), "{}: {text}", answer.status);
        serde_json::from_str(&text).with_context(|| text)
    }

    /// The same as it comes.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn stream(&self, session: &str, question: &str) -> Result<Opened> {
        let ask = invocation(session, question).instead("accept", "text/event-stream");
        self.client().open(ask).await
    }

    /// The metrics now.
    ///
    /// # Errors
    /// When they cannot be had or read.
    pub async fn metrics(&self) -> Result<Metrics> {
        let answer = Client::new(self.admin).send(Ask::get("/metrics")).await?;
        ensure!(answer.status == 200, "/metrics answered {}", answer.status);
        Metrics::parse(&answer.text())
    }

    /// What it says of its parts.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ready(&self) -> Result<(u16, Value)> {
        let answer: Answer = self.client().send(Ask::get("/ready")).await?;
        Ok((answer.status, serde_json::from_slice(&answer.body)?))
    }

    /// What it has said on standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.process.stderr()
    }

    /// Its log of turns so far.
    ///
    /// # Errors
    /// When a line is no JSON.
    pub fn interactions(&self) -> Result<Vec<Value>> {
        let out = self.process.stdout();
        let whole = out.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
            .collect()
    }
}

fn owned(settings: &[(&str, String)]) -> Vec<(String, String)> {
    settings.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

/// The address on the line of that word.
fn said(text: &str, word: &str) -> Option<SocketAddr> {
    let (whole, _) = text.rsplit_once('\n')?;
    let line = whole.lines().find(|line| line.trim().starts_with(word))?;
    line.split_once("http://")?.1.split('/').next()?.parse().ok()
}

fn invocation(session: &str, question: &str) -> Ask {
    let body = json!({ "prompt": question, "sessionId": session }).to_string();
    Ask::post(body).to("/invocations")
}
