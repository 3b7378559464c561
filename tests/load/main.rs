//! The load benchmark: what a call through the gateway costs, beside a relay that does nothing.
//!
//! In: options (see `README.md`). Out: a table or JSON on stdout, and a failing exit status when
//! any answer was wrong. Everything runs on loopback; nothing is left behind.

mod bench;
mod cells;
mod child;
mod cli;
mod drive;
mod envoy;
mod exact;
mod faults;
mod ground;
mod inflight;
mod mcp;
mod mcp_proxy;
mod proc;
mod relay;
mod report;
mod stub;
mod toolgate;
mod wire;

use std::future::Future;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use toolgate_tests::collector::Collector;

use cli::{Cli, Options, Role};

/// Worker threads of the relay, as many as the gateway's on two cores.
const RELAY_WORKERS: usize = 2;

/// The gateway's allocator, so that the relay is not the slower for another one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.role {
        Some(Role::Stub { hold, sse, tools }) => {
            on_one_thread(stub::run(hold, sse, tools)).map(|()| true)
        }
        Some(Role::Collector { pause, refuse, stall }) => {
            let pause = Duration::from_millis(pause);
            on_one_thread(collect(pause, refuse, stall)).map(|()| true)
        }
        Some(Role::Relay { target }) => on_workers(relay::run(target)).map(|()| true),
        None => raise_file_limit().and_then(|()| on_one_thread(measure(&cli.options))),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nothing is left to be done when even this cannot be written.
            drop(writeln!(std::io::stderr().lock(), "error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Runs what was asked for; `false` means that something was wrong with an answer or a count.
async fn measure(options: &Options) -> Result<bool> {
    if let Some(calls) = options.count {
        return exact::run(options, calls).await;
    }
    if options.faults {
        return faults::run(options).await;
    }
    if options.cells {
        return cells::run(options).await;
    }
    match options.inflight {
        Some(calls) => inflight::run(options, usize::from(calls)).await,
        None => bench::run(options).await,
    }
}

/// Takes spans and throws them away, or does not.
async fn collect(pause: Duration, refuse: Option<u16>, stall: bool) -> Result<()> {
    let collector = Collector::start().await?;
    collector.forget();
    collector.slow_down(pause);
    if let Some(status) = refuse {
        collector.refuse_all(status);
    }
    if stall {
        collector.hold(&Arc::new(Semaphore::new(0)));
    }
    announce(collector.address())?;
    collector.forever().await
}

/// One thread is all the generator and the stub take: they share the cores with the subject.
fn on_one_thread<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    Builder::new_current_thread().enable_all().build()?.block_on(work)
}

fn on_workers<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    Builder::new_multi_thread().worker_threads(RELAY_WORKERS).enable_all().build()?.block_on(work)
}

/// Lets this process and its children have as many connections as the system allows.
fn raise_file_limit() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("raising the limit of open files")
}

/// Tells the parent process where this one listens.
fn announce(address: SocketAddr) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{address}")?;
    out.flush().context("telling the address")
}
