//! Emulators of AWS, which nobody here wrote: ministack, and moto for what ministack lacks.
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
        let scratch = Scratch::new()?;
        let mut command = Command::new(program("ministack")?);
        command
            .env("GATEWAY_PORT", address.port().to_string())
            .envs([("BIND_HOST", "127.0.0.1"), ("MINISTACK_HOST", "127.0.0.1")])
            .envs([("IOT_MTLS_ENABLED", "0"), ("SFTP_ENABLED", "0")])
            .env("STATE_DIR", scratch.path().join("state"));
        Self::start("ministack", command, (address, scratch), "/_ministack/health").await
    }

    /// moto: X-Ray.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub async fn moto() -> Result<Self> {
        let (address, scratch) = (free_address()?, Scratch::new()?);
        let mut command = Command::new(program("moto_server")?);
        command.args(["-H", "127.0.0.1", "-p"]).arg(address.port().to_string());
        Self::start("moto", command, (address, scratch), "/moto-api/data.json").await
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

/// A program of the Python environment of the peers.
fn program(name: &str) -> Result<PathBuf> {
    let folder = env::var_os("TOOLGATE_PEERS_DIR").map(PathBuf::from);
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cache/toolgate-peers"));
    let folder = folder.or_else(home).context("neither TOOLGATE_PEERS_DIR nor HOME is set")?;
    let path = folder.join("venv/bin").join(name);
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
