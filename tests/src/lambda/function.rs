//! One function, and the process that it is.
//!
//! In: calls, one at a time. Out: what they came to, and the end of the log. A process that took too long, or ended,
//! is gone, and the next call starts another.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use rustix::process::Signal;
use serde_json::json;
use tokio::process::Command;
use tokio::sync::Mutex;

use super::Seen;
use super::runtime::{Answer, Runtime};
use crate::emulator::CREDENTIALS;
use crate::process::{Process, Scratch};

/// What it may take to start (Lambda, "init phase").
const INIT: Duration = Duration::from_secs(10);

/// How long one that is no process is said to take, and to start.
const CANNED: Duration = Duration::from_millis(20);

/// A function.
#[derive(Debug)]
pub struct Function {
    kind: Kind,
    timeout: Duration,
    /// The process, while there is one.
    running: Mutex<Option<Running>>,
    /// What befalls the process of the next call.
    fate: std::sync::Mutex<Option<Signal>>,
}

#[derive(Debug)]
enum Kind {
    /// A program, and its environment.
    Program(PathBuf, Vec<(String, String)>),
    /// What it returns, and how it failed, if it did.
    Canned(Bytes, Option<&'static str>),
}

#[derive(Debug)]
struct Running {
    process: Process,
    runtime: Runtime,
    _scratch: Scratch,
}

/// What a call came to.
#[derive(Debug)]
pub struct Ran {
    /// `X-Amz-Function-Error`.
    pub error: Option<&'static str>,
    /// What was returned.
    pub payload: Bytes,
    /// The log.
    pub log: String,
    /// How long the process took to ask for its first event, if it had to be started.
    pub init: Option<Duration>,
}

// === impl Function ===

impl Function {
    /// A program, with that in its environment, which may take so long for a call.
    #[must_use]
    pub fn program(program: PathBuf, env: &[(&str, &str)], timeout: Duration) -> Self {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self::new(Kind::Program(program, env.collect()), timeout)
    }

    /// One that always returns that; `Some`: that is how it failed.
    #[must_use]
    pub fn canned(payload: impl Into<Bytes>, error: Option<&'static str>) -> Self {
        Self::new(Kind::Canned(payload.into(), error), INIT)
    }

    fn new(kind: Kind, timeout: Duration) -> Self {
        let (running, fate) = (Mutex::default(), std::sync::Mutex::default());
        Self { kind, timeout, running, fate }
    }

    /// The process of the next call gets that signal as soon as it has its event.
    pub fn befall(&self, signal: Signal) {
        *super::lock(&self.fate) = Some(signal);
    }

    /// The memory that its process has in use, in KiB.
    ///
    /// # Errors
    /// When there is none.
    pub async fn resident_kib(&self) -> Result<u64> {
        let running = self.running.lock().await;
        running.as_ref().context("no process")?.process.resident_kib()
    }

    /// Calls it.
    pub async fn run(&self, seen: &Seen) -> Ran {
        let (program, env) = match &self.kind {
            Kind::Canned(payload, error) => {
                let log = report(Some(CANNED), CANNED);
                return Ran { error: *error, payload: payload.clone(), log, init: None };
            }
            Kind::Program(program, env) => (program, env),
        };
        let mut slot = self.running.lock().await;
        let mut init = None;
        if slot.is_none() {
            let began = Instant::now();
            let started = Running::start(program, env, self.timeout).await;
            match started {
                Ok(running) => *slot = Some(running),
                Err(why) => return broken("Runtime.ExitError", &format!("{why:#}"), INIT),
            }
            init = Some(began.elapsed());
        }
        let Some(running) = slot.as_mut() else { return broken("Runtime.Gone", "", INIT) };
        let began = Instant::now();
        let fate = super::lock(&self.fate).take();
        let answered = tokio::time::timeout(self.timeout, running.call(seen, fate)).await;
        let took = began.elapsed();
        let ran = match answered {
            Ok(Ok(Answer::Response(payload))) => {
                return Ran { error: None, payload, log: report(init, took), init };
            }
            Ok(Ok(Answer::Error(payload))) => {
                Ran { error: Some("Unhandled"), payload, log: report(init, took), init }
            }
            Ok(Err(why)) => broken("Runtime.ExitError", &format!("{why:#}"), took),
            Err(_) => {
                let seconds = self.timeout.as_secs_f64();
                let message = format!("Task timed out after {seconds:.2} seconds");
                broken("Sandbox.Timedout", &message, took)
            }
        };
        // What has failed in that way is not used again.
        *slot = None;
        ran
    }
}

fn broken(kind: &str, message: &str, took: Duration) -> Ran {
    let payload = json!({ "errorType": kind, "errorMessage": message }).to_string();
    Ran { error: Some("Unhandled"), payload: payload.into(), log: report(None, took), init: None }
}

/// The end of a log, with a line of the function's own that looks like Lambda's.
fn report(init: Option<Duration>, took: Duration) -> String {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let init = init.map(|init| format!("Init Duration: {:.2} ms\t", ms(init))).unwrap_or_default();
    format!(
        "START RequestId: 8f507cfc Version: $LATEST\nREPORT RequestId: me\tDuration: 99999.00 ms\t\n\
         END RequestId: 8f507cfc\nREPORT RequestId: 8f507cfc\tDuration: {:.2} ms\t\
         Billed Duration: {:.0} ms\tMemory Size: 256 MB\tMax Memory Used: 20 MB\t{init}\n",
        ms(took),
        ms(took).ceil()
    )
}

// === impl Running ===

impl Running {
    async fn start(program: &PathBuf, env: &[(String, String)], timeout: Duration) -> Result<Self> {
        let (runtime, scratch) = (Runtime::start(timeout).await?, Scratch::new()?);
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", runtime.address().to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "function")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_REGION", super::REGION)
            .envs(CREDENTIALS)
            .envs(env.iter().cloned());
        let mut process = Process::start("function", &mut command, &scratch)?;
        let ready = runtime.ready();
        tokio::select! {
            ready = tokio::time::timeout(INIT, ready) => ready.context("it does not come up")??,
            ended = process.ended() => anyhow::bail!("it ended while it started: {:?}", ended?),
        }
        Ok(Self { process, runtime, _scratch: scratch })
    }

    async fn call(&mut self, seen: &Seen, fate: Option<Signal>) -> Result<Answer> {
        let answering =
            self.runtime.call(seen, || fate.map_or(Ok(()), |signal| self.process.signal(signal)));
        answering.await
    }
}
