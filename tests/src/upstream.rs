//! The rmcp fixture server as a process: a real target that nobody of this project wrote.
//!
//! In: an era. Out: its endpoint, or the command that starts it on standard input and output.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::process::{Process, Scratch, binary};
use crate::wait::until;

/// A running server over HTTP; dropping it ends it.
#[derive(Debug)]
pub struct Upstream {
    process: Process,
    url: String,
    _scratch: Scratch,
}

impl Upstream {
    /// Starts it on a free port; `era` is `both`, `modern` or `legacy`.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(era: &str) -> Result<Self> {
        Self::of(BINARY, era).await
    }

    /// The same with the fixture that has everything.
    ///
    /// # Errors
    /// As [`Upstream::start`].
    pub async fn start_everything(era: &str) -> Result<Self> {
        Self::of(EVERYTHING, era).await
    }

    /// Starts the one that asks its client; `era` is `modern` or `legacy`.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn asks(era: &str) -> Result<Self> {
        Self::of(ASKS, era).await
    }

    async fn of(name: &str, era: &str) -> Result<Self> {
        let scratch = Scratch::new()?;
        let mut command = Command::new(binary(name, PACKAGE)?);
        command.args(["--http", "127.0.0.1:0", "--era", era]);
        let mut process = Process::start("upstream", &mut command, &scratch)?;
        let url = until("the fixture server says where it listens", async || {
            process.check()?;
            let said = process.stdout();
            Ok(said
                .strip_prefix("listening ")
                .and_then(|rest| rest.strip_suffix('\n'))
                .map(str::to_owned))
        })
        .await?;
        Ok(Self { process, url, _scratch: scratch })
    }

    /// Its endpoint.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address of its endpoint.
    ///
    /// # Errors
    /// When it has told none.
    pub fn address(&self) -> Result<SocketAddr> {
        let address = self.url.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/mcp"));
        address.context("an endpoint without an address")?.parse().context("its address")
    }

    /// What it wrote to standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.process.stderr()
    }
}

/// The command that starts it as a child, as a YAML list.
///
/// # Errors
/// When there is no binary.
pub fn stdio_command(era: &str) -> Result<String> {
    stdio_binary(BINARY, era)
}

/// The same with the fixture that has everything.
///
/// # Errors
/// As [`stdio_command`].
pub fn stdio_everything(era: &str) -> Result<String> {
    stdio_binary(EVERYTHING, era)
}

fn stdio_binary(name: &str, era: &str) -> Result<String> {
    let path = binary(name, PACKAGE)?;
    let path = path.to_str().context("a path that is not UTF-8")?;
    Ok(format!("[{path:?}, --stdio, --era, {era}]"))
}

/// The command that starts the one that asks as a child, as a YAML list.
///
/// # Errors
/// When there is no binary.
pub fn asks_command(era: &str) -> Result<String> {
    let path = binary(ASKS, PACKAGE)?;
    let path = path.to_str().context("a path that is not UTF-8")?;
    Ok(format!("[{path:?}, --era, {era}]"))
}

const ASKS: &str = "fixture-asks";
const BINARY: &str = "fixture-rmcp-server";
const EVERYTHING: &str = "fixture-everything";
const PACKAGE: &str = "toolgate-tests";
