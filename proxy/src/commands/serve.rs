//! `toolgate serve`: runs the gateway as a file says.
//!
//! Enters: a file. Leaves: a gateway that runs until it is told to stop. Never: anything that the
//! file does not say.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use toolgate_telemetry::{dump_on_panic, flush_diagnostics, tell};

use crate::cli::{Output, ServeArgs};
use crate::commands::{check, inherited, say};
use crate::config::Config;
use crate::exit::Exit;
use crate::run::{Door, Gateway, Surroundings};

/// How long the last messages may take to get out.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(1);

/// What the process is told from outside.
pub(crate) struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
    usr1: Signal,
}

/// Runs the command.
pub async fn run(args: &ServeArgs, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let started = Instant::now();
    let config = match check::load(&args.config, Output::Text, out, err) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    if let Err(error) = toolgate_telemetry::init_tracing(level(&config)) {
        say(err, &format!("error[TG2000]: {error}\n"));
        return Exit::Config;
    }
    let given = match bind(&config).await {
        Ok(given) => given,
        Err(message) => {
            say(err, &message);
            return Exit::Config;
        }
    };
    match Gateway::start(&config, given).await {
        Ok(gateway) => {
            say(err, &banner(&gateway, started));
            until_stopped(gateway).await
        }
        Err(error) => {
            say(err, &format!("error[TG2000]: {error:#}\n"));
            Exit::Config
        }
    }
}

/// Waits for a signal, then drains. A second SIGINT quits at once. What is said goes by the outbox,
/// since whoever reads it may have stopped.
pub(crate) async fn until_stopped(gateway: Gateway) -> Exit {
    let exit = stopped(gateway).await;
    // On a thread of its own: it waits, if only for a moment.
    let _flushed = tokio::task::spawn_blocking(|| flush_diagnostics(LAST_WORDS)).await;
    exit
}

async fn stopped(gateway: Gateway) -> Exit {
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => {
            tell(&format!("error[TG2000]: no signal handler: {error}\n"));
            return Exit::Config;
        }
    };
    dump_on_panic(gateway.telemetry.recorder());
    signals.wait(&gateway).await;
    tell("draining: calls in flight finish, no new connections\n");
    // A task, so that nothing has to end here first when a second signal comes.
    let stopping = tokio::spawn(gateway.stop());
    tokio::select! {
        finished = stopping => {
            let all = matches!(finished, Ok(true));
            tell(if all { "stopped\n" } else { "stopped; some calls did not finish in time\n" });
            Exit::Ok
        }
        () = signals.impatience() => Exit::Interrupted,
    }
}

// === impl Signals ===

impl Signals {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
            usr1: signal(SignalKind::user_defined1())?,
        })
    }

    /// Waits for a second SIGINT, which quits at once.
    pub(crate) async fn impatience(&mut self) {
        self.int.recv().await;
    }

    /// Waits for SIGTERM or SIGINT.
    pub(crate) async fn end(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }

    /// Waits for one that ends the gateway.
    pub(crate) async fn wait(&mut self, gateway: &Gateway) {
        loop {
            tokio::select! {
                _ = self.term.recv() => return,
                _ = self.int.recv() => return,
                _ = self.hup.recv() => again(gateway).await,
                _ = self.usr1.recv() => dump(gateway).await,
            }
        }
    }
}

/// Opens the access log again, and reads the other files again on a thread that may wait for the disk.
async fn again(gateway: &Gateway) {
    gateway.telemetry.reopen_log();
    if let Some(pins) = gateway.pins.clone() {
        let _read = tokio::task::spawn_blocking(move || pins.read_again()).await;
    }
    if let Some(policies) = gateway.policies.clone() {
        let _read = tokio::task::spawn_blocking(move || policies.read_again()).await;
    }
    if let Some(certificates) = gateway.certificates.clone() {
        let _read = tokio::task::spawn_blocking(move || certificates.read_again()).await;
    }
    if let Some(keys) = gateway.keys.clone() {
        let _read = tokio::task::spawn_blocking(move || keys.read_again()).await;
    }
}

/// Writes the records of the last calls to a file, on a thread that may wait for the disk.
async fn dump(gateway: &Gateway) {
    let recorder = Arc::clone(gateway.telemetry.recorder());
    if let Ok(said) = tokio::task::spawn_blocking(move || recorder.dump()).await {
        tell(&said);
    }
}

async fn bind(config: &Config) -> Result<Surroundings, String> {
    let mcp = listen(config.listen, "listen").await?;
    let admin = match config.admin {
        Some(address) => Some(listen(address, "admin").await?),
        None => None,
    };
    Ok(Surroundings { mcp: Door::Network(mcp), admin, inherited: inherited() })
}

pub(crate) async fn listen(address: SocketAddr, key: &str) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| {
        let help = if error.kind() == std::io::ErrorKind::AddrInUse {
            format!("another process listens there; change `{key}` or stop it")
        } else if error.kind() == std::io::ErrorKind::PermissionDenied {
            format!("ports below 1024 need a privilege; change `{key}`")
        } else {
            format!("change `{key}` to an address of this machine")
        };
        format!("error[TG2001]: {address} cannot be listened on: {error}\n   = help: {help}\n")
    })
}

fn banner(gateway: &Gateway, started: Instant) -> String {
    use toolgate_target::GatewayFacts as _;
    let admin = gateway.admin.map_or_else(
        || "  Admin     off\n".to_owned(),
        |at| format!("  Admin     http://{at}/metrics  http://{at}/readyz\n"),
    );
    let cloudwatch = gateway.cloudwatch.as_ref().map(|line| format!("  CloudWatch  {line}\n"));
    let names: Vec<_> = gateway.facts.targets().into_iter().map(|target| target.name).collect();
    format!(
        "toolgate {version}                                   ready in {ready} ms\n\n  \
         MCP       {scheme}://{mcp}/mcp\n{admin}  Targets   {names}\n{cloudwatch}",
        version = env!("CARGO_PKG_VERSION"),
        ready = started.elapsed().as_millis(),
        scheme = if gateway.certificates.is_some() { "https" } else { "http" },
        mcp = gateway.mcp.map(|at| at.to_string()).unwrap_or_default(),
        cloudwatch = cloudwatch.unwrap_or_default(),
        names = if names.is_empty() { "none".to_owned() } else { names.join(", ") },
    )
}

pub(crate) fn level(config: &Config) -> &'static str {
    match config.log.level {
        crate::config::LogLevel::Error => "error",
        crate::config::LogLevel::Warn => "warn",
        crate::config::LogLevel::Info => "info",
        crate::config::LogLevel::Debug => "debug",
        crate::config::LogLevel::Trace => "trace",
    }
}
