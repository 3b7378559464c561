//! A Redis: Debian's `redis-server`, which nobody here wrote.
//!
//! In: arguments. Out: a process that answers, on a port that stays its own when it is started again.

use std::ffi::OsStr;
use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::gateway::free_address;
use crate::process::{Process, Scratch};
use crate::wait::until;

/// A Redis that runs; dropping it ends it.
#[derive(Debug)]
pub struct Redis {
    address: SocketAddr,
    process: Process,
    scratch: Scratch,
}

// === impl Redis ===

impl Redis {
    /// Starts one without a password.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub async fn start() -> Result<Self> {
        let (address, scratch) = (free_address()?, Scratch::new()?);
        let port = address.port().to_string();
        let process = serve(&scratch, &["--port", &port])?;
        let mut redis = Self { address, process, scratch };
        redis.answers().await?;
        Ok(redis)
    }

    /// Starts one with these arguments besides, of which it says itself when it is ready.
    ///
    /// # Errors
    /// As [`Redis::start`].
    pub async fn start_with<S: AsRef<OsStr>>(arguments: &[S]) -> Result<Self> {
        let (address, scratch) = (free_address()?, Scratch::new()?);
        let port = address.port().to_string();
        let arguments = arguments.iter().map(|argument| match argument.as_ref() {
            placeholder if placeholder == "PORT" => OsStr::new(&port).to_owned(),
            other => other.to_owned(),
        });
        let process = serve(&scratch, &arguments.collect::<Vec<_>>())?;
        let mut redis = Self { address, process, scratch };
        until("Redis is ready", async || {
            redis.process.check()?;
            Ok(redis.process.stdout().contains("Ready to accept connections").then_some(()))
        })
        .await?;
        Ok(redis)
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills it; what it knew is gone.
    ///
    /// # Errors
    /// When it had ended already.
    pub async fn kill(&mut self) -> Result<()> {
        self.process.signal(Signal::KILL)?;
        self.process.ended().await?;
        Ok(())
    }

    /// Starts it again where it was, after [`Redis::kill`].
    ///
    /// # Errors
    /// As [`Redis::start`].
    pub async fn again(&mut self) -> Result<()> {
        self.process = serve(&self.scratch, &["--port", &self.address.port().to_string()])?;
        self.answers().await
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.process.signal(signal)
    }

    /// What it answers to one command of the simple form, up to 64 KiB.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ask(&self, command: &str) -> Result<String> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.take(64 * 1024).read_to_string(&mut answer).await?;
        Ok(answer)
    }

    async fn answers(&mut self) -> Result<()> {
        let Self { process, address, .. } = self;
        until("Redis answers", async || {
            process.check()?;
            Ok(TcpStream::connect(*address).await.is_ok().then_some(()))
        })
        .await
    }
}

fn serve<S: AsRef<OsStr>>(scratch: &Scratch, arguments: &[S]) -> Result<Process> {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command.args(arguments).current_dir(scratch.path());
    Process::start("redis", &mut command, scratch).context("tests/peers/setup.sh installs Redis")
}
