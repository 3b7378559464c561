//! Debian's Prometheus, which scrapes one gateway.
//!
//! In: a gateway, rules, more configuration. Out: answers to questions, as Prometheus gives them.
//! It shares nothing with what made the questions.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

use crate::client::{Ask, Client};
use crate::gateway::{Gateway, free_address};
use crate::process::{Process, Scratch};
use crate::wait::until;

/// The root of the repository.
pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The committed rules.
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../alarms/prometheus/*.yaml");

/// A running Prometheus; dropping it ends it.
#[derive(Debug)]
pub struct Prometheus {
    process: Process,
    address: SocketAddr,
    _scratch: Scratch,
}

impl Prometheus {
    /// Starts it with the committed rules, and a scrape a second, which a busy machine has time for.
    ///
    /// # Errors
    /// When it is not installed or does not come up.
    pub async fn start(gateway: &Gateway) -> Result<Self> {
        Self::start_every("1s", gateway, COMMITTED, "").await
    }

    /// The same with more to scrape.
    ///
    /// # Errors
    /// As [`Prometheus::start`].
    pub async fn start_beside(gateway: &Gateway, more: &str) -> Result<Self> {
        Self::start_every("1s", gateway, COMMITTED, more).await
    }

    /// The same with other rules, more configuration, and four scrapes a second.
    ///
    /// # Errors
    /// As [`Prometheus::start`].
    pub async fn start_with(gateway: &Gateway, rules: &str, more: &str) -> Result<Self> {
        Self::start_every("250ms", gateway, rules, more).await
    }

    async fn start_every(
        interval: &str,
        gateway: &Gateway,
        rules: &str,
        more: &str,
    ) -> Result<Self> {
        let scratch = Scratch::new()?;
        let address = free_address()?;
        let target = gateway.admin_url().replace("http://", "");
        let config = format!(
            "global: {{ scrape_interval: {interval}, evaluation_interval: 1s }}\n\
             rule_files: [\"{rules}\"]\n\
             scrape_configs:\n  - job_name: toolgate\n    static_configs:\n\
             \x20     - targets: [\"{target}\"]\n{more}"
        );
        let config = scratch.write("prometheus.yaml", &config)?;
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", scratch.path().join("data").display()))
            .arg("--enable-feature=exemplar-storage")
            .arg(format!("--web.listen-address={address}"));
        let process = Process::start("prometheus", &mut command, &scratch)?;
        let mut prometheus = Self { process, address, _scratch: scratch };
        until("Prometheus is ready", async || {
            prometheus.check()?;
            let answer = Client::new(address).send(Ask::get("/-/ready")).await;
            Ok(answer.is_ok_and(|answer| answer.status == 200).then_some(()))
        })
        .await?;
        Ok(prometheus)
    }

    /// An error with its last words when it has ended.
    ///
    /// # Errors
    /// See above.
    pub fn check(&mut self) -> Result<()> {
        self.process.check()
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A page of its API.
    ///
    /// # Errors
    /// When it is not answered well, or not in JSON.
    pub async fn get(&self, path: &str) -> Result<Value> {
        let answer = Client::new(self.address).send(Ask::get(path)).await?;
        let text = answer.text();
        ensure!(answer.status == 200, "{path}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// The series that answer now.
    ///
    /// # Errors
    /// When the expression is not one.
    pub async fn now(&self, expression: &str) -> Result<Vec<Value>> {
        let answer = self.get(&format!("/api/v1/query?query={}", encoded(expression))).await?;
        result(&answer)
    }

    /// How many series answer.
    ///
    /// # Errors
    /// When the expression is not one.
    pub async fn series(&self, expression: &str) -> Result<usize> {
        Ok(self.now(expression).await?.len())
    }

    /// The series that answer between two times, seconds since 1970, one value for each step.
    ///
    /// # Errors
    /// When the expression is not one.
    pub async fn range(
        &self,
        expression: &str,
        (from, to): (f64, f64),
        step: Duration,
    ) -> Result<Vec<Value>> {
        let (query, step) = (encoded(expression), step.as_secs_f64());
        let path = format!("/api/v1/query_range?query={query}&start={from}&end={to}&step={step}");
        let answer = self.get(&path).await?;
        result(&answer)
    }
}

fn result(answer: &Value) -> Result<Vec<Value>> {
    let found = answer.pointer("/data/result").and_then(Value::as_array);
    Ok(found.context("no result")?.clone())
}

/// What a query string may hold (RFC 3986, 2.3), everything else by its number.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") })
        .collect()
}
