//! An HTTP API of FastAPI's as a process: neither it nor its OpenAPI document is of this project's making.
//!
//! In: nothing. Out: where it is, and its document.

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::client::{Ask, Client};
use crate::gateway::free_address;
use crate::process::{Process, Scratch};
use crate::prometheus::ROOT;
use crate::wait::until;

/// What it wants to be shown.
pub const SECRET: &str = "inventory-secret";

/// A running API; dropping it ends it.
#[derive(Debug)]
pub struct Api {
    url: String,
    document: String,
    process: Process,
    scratch: Scratch,
}

impl Api {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// When it is not installed or does not come up.
    pub async fn start() -> Result<Self> {
        let (scratch, address) = (Scratch::new()?, free_address()?);
        let mut command = Command::new("bash");
        command.arg(format!("{ROOT}/tests/peers/run.sh")).arg("api_server");
        command.arg(address.port().to_string());
        let mut process = Process::start("api", &mut command, &scratch)?;
        let document = until("the API shows its document", async || {
            process.check()?;
            let answer = Client::new(address).send(Ask::get("/openapi.json")).await;
            Ok(answer.ok().filter(|answer| answer.status == 200).map(|answer| answer.text()))
        })
        .await?;
        ensure!(document.starts_with('{'), "{document}");
        Ok(Self { url: format!("http://{address}"), document, process, scratch })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its document, in a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn document(&self) -> Result<String> {
        let file = self.scratch.write("openapi.json", &self.document)?;
        Ok(file.to_str().context("a path that is no text")?.to_owned())
    }

    /// Ends it, as a machine that is switched off.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn kill(&mut self) -> Result<()> {
        self.process.signal(rustix::process::Signal::KILL)?;
        self.process.ended().await?;
        Ok(())
    }
}
