//! Emulators of AWS, which nobody here wrote: ministack, and moto for what ministack lacks; and
//! microburst, which stands before one and lets it fail as AWS does.
//!
//! In: the environment of the peers. Out: a process on a free port of this machine. Neither enforces
//! the limits of AWS, so what is sent must be checked by the test as well.

use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::client::{Ask, Client};
use crate::gateway::free_address;
use crate::process::{Process, Scratch};
use crate::wait::{until, until_within};

/// Python programs take their time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where microburst has its rules.
const RULES: &str = "/_microburst/rules";

/// Credentials that emulators take; real ones are never needed.
pub const CREDENTIALS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "AKIAEMULATOR0000TEST"),
    ("AWS_SECRET_ACCESS_KEY", "not-a-secret-of-anybody"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
];

/// An emulator that runs; dropping it ends it.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    _process: Process,
    _scratch: Scratch,
}

// === impl Emulator ===

impl Emulator {
    /// ministack: CloudWatch, Logs, SSM, Cognito and more.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub async fn ministack() -> Result<Self> {
        Self::ministack_at(free_address()?).await
    }

    /// The same at an address that was given to somebody already.
    ///
    /// # Errors
    /// As [`Emulator::ministack`].
    pub async fn ministack_at(address: SocketAddr) -> Result<Self> {
        Self::ministack_with(address, &[]).await
    }

    /// ministack whose models are those of an OpenAI-compatible service. Without one, and whenever
    /// that one fails, it makes something up that begins with `[ministack mock`.
    ///
    /// # Errors
    /// As [`Emulator::ministack`].
    pub async fn ministack_thinking(models: &str) -> Result<Self> {
        Self::ministack_with(free_address()?, &[("MINISTACK_BEDROCK_PROXY_URL", models)]).await
    }

    async fn ministack_with(address: SocketAddr, env: &[(&str, &str)]) -> Result<Self> {
        let scratch = Scratch::new()?;
        let mut command = Command::new(program("venv", "ministack")?);
        command
            .env("GATEWAY_PORT", address.port().to_string())
            .envs([("BIND_HOST", "127.0.0.1"), ("MINISTACK_HOST", "127.0.0.1")])
            .envs([("IOT_MTLS_ENABLED", "0"), ("SFTP_ENABLED", "0")])
            .env("STATE_DIR", scratch.path().join("state"))
            .envs(env.iter().copied());
        Self::start("ministack", command, (address, scratch), "/_ministack/health").await
    }

    /// moto: X-Ray.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub async fn moto() -> Result<Self> {
        let (address, scratch) = (free_address()?, Scratch::new()?);
        let mut command = Command::new(program("venv", "moto_server")?);
        command.args(["-H", "127.0.0.1", "-p"]).arg(address.port().to_string());
        Self::start("moto", command, (address, scratch), "/moto-api/data.json").await
    }

    /// microburst before that endpoint; it lets everything pass until it has rules.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub async fn microburst(before: &str) -> Result<Self> {
        let (address, scratch) = (free_address()?, Scratch::new()?);
        let mut command = Command::new(program("microburst", "microburst")?);
        command.args(["--host", "127.0.0.1", "-u", before, "-p"]).arg(address.port().to_string());
        // It looks for a file of rules where it is started.
        command.current_dir(scratch.path());
        Self::start("microburst", command, (address, scratch), RULES).await
    }

    /// From now on microburst goes by these rules and no others.
    ///
    /// # Errors
    /// When it does not take them.
    pub async fn rules(&self, rules: &Value) -> Result<()> {
        let ask = Ask::post(rules.to_string()).to(RULES);
        let answer = Client::new(self.address).send(ask).await?;
        ensure!(answer.status < 300, "{}: {}", answer.status, answer.text());
        Ok(())
    }

    /// What microburst has let fail so far.
    ///
    /// # Errors
    /// When it does not say.
    pub async fn fired(&self) -> Result<Value> {
        let answer = Client::new(self.address).send(Ask::get("/_microburst/fired")).await?;
        serde_json::from_slice(&answer.body).context("what has fired")
    }

    /// The endpoint for every service.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The segment documents of a trace (`1-…-…`), once moto has so many.
    ///
    /// # Errors
    /// When they do not come.
    pub async fn segments(&self, trace: &str, count: usize) -> Result<Vec<String>> {
        // moto reads from the scope of the signature which service is meant, and nothing else.
        let scope = "Credential=x/20260101/us-east-1/xray/aws4_request";
        let signature = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=x");
        until(format!("moto has {count} documents of {trace}"), async || {
            let ask = Ask::post(json!({ "TraceIds": [trace] }).to_string()).to("/Traces");
            let ask = ask.header("authorization", &signature);
            let answer = Client::new(self.address).send(ask).await?;
            let traces: Value = serde_json::from_str(&answer.text())?;
            let segments = traces.pointer("/Traces/0/Segments").and_then(Value::as_array);
            let text = |segment: &Value| Some(segment.get("Document")?.as_str()?.to_owned());
            let documents: Vec<String> = segments.into_iter().flatten().filter_map(text).collect();
            Ok((documents.len() >= count).then_some(documents))
        })
        .await
    }

    async fn start(
        name: &'static str,
        mut command: Command,
        (address, scratch): (SocketAddr, Scratch),
        health: &str,
    ) -> Result<Self> {
        command.envs(CREDENTIALS).env("AWS_DEFAULT_REGION", "us-east-1");
        let mut process = Process::start(name, &mut command, &scratch)?;
        until_within(PATIENCE, format!("{name} is ready"), async || {
            process.check()?;
            let answer = Client::new(address).send(Ask::get(health)).await;
            Ok(answer.is_ok_and(|answer| answer.status == 200).then_some(()))
        })
        .await?;
        Ok(Self { address, _process: process, _scratch: scratch })
    }
}

/// A program of a Python environment of the peers.
fn program(environment: &str, name: &str) -> Result<PathBuf> {
    let folder = env::var_os("TOOLGATE_PEERS_DIR").map(PathBuf::from);
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cache/toolgate-peers"));
    let folder = folder.or_else(home).context("neither TOOLGATE_PEERS_DIR nor HOME is set")?;
    let path = folder.join(environment).join("bin").join(name);
    ensure!(path.is_file(), "there is no {}: run tests/peers/setup.sh first", path.display());
    Ok(path)
}

#[cfg(test)]
mod tests {
    //! Both start.

    use super::Emulator;

    #[tokio::test]
    async fn both_emulators_start_and_answer() {
        let (ministack, moto) = tokio::join!(Emulator::ministack(), Emulator::moto());
        assert!(ministack.is_ok() && moto.is_ok(), "{ministack:?} {moto:?}");
    }
}
