//! `toolgate-agent serve`: the HTTP runtime, the page and the admin port.
//!
//! Enters: the configuration. Leaves: an exit code, once it was told to stop. Never: a turn that is cut
//! off without a word; a memory that is not written.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use toolgate_telemetry::{Admin, Check, Checks};

use super::setup::Ready;
use super::talk::Begun;
use super::{refresh, say, talk};
use crate::assembly::{Assembled, Surroundings};
use crate::exit::Exit;
use crate::host::Host as _;
use crate::hosted::Hosted;
use crate::http::{self, Options};
use crate::settings::{Problems, Server};

/// How often readiness is looked at for the admin port.
const LOOK: Duration = Duration::from_secs(1);

/// Runs the command.
pub async fn run(
    ready: Result<Ready, Problems>,
    around: &Surroundings,
    err: &mut (dyn Write + Send),
) -> Exit {
    let level = "info";
    if let Err(error) = toolgate_telemetry::init_tracing(level) {
        say(err, &format!("error: {error}\n"));
        return Exit::Config;
    }
    let Begun { assembled, ready, outgoing, .. } = match talk::begin(ready, around, err).await {
        Ok(begun) => begun,
        Err(exit) => return exit,
    };
    let server = ready.config.server.clone();
    let refresh = refresh::begin(ready, &assembled);
    let exit = match served(&assembled, &server, outgoing.cloudwatch.as_deref(), err).await {
        Ok(()) => Exit::Ok,
        Err(error) => {
            say(err, &format!("error: {error:#}\n"));
            Exit::Config
        }
    };
    if let Some(refresh) = refresh {
        refresh.abort();
    }
    talk::end(&assembled, outgoing, err).await;
    exit
}

async fn served(
    assembled: &Assembled,
    server: &Server,
    cloudwatch: Option<&str>,
    err: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    let listener = bound(server.listen, "server/listen").await?;
    let at = listener.local_addr()?;
    let admin = match server.admin {
        Some(address) => Some(bound(address, "server/admin").await?),
        None => None,
    };
    let (stop, stopping) = watch::channel(false);
    let stopped = move || {
        let mut stopping = stopping.clone();
        async move {
            let _stopped = stopping.wait_for(|stop| *stop).await;
        }
    };
    let mut told =
        format!("toolgate-agent {}\n  chat     http://{at}/\n", env!("CARGO_PKG_VERSION"));
    if let Some(listener) = admin {
        told.push_str(&format!("  metrics  http://{}/metrics\n", listener.local_addr()?));
        let shown = Admin::new(Arc::clone(&assembled.telemetry), checks(&assembled.host));
        tokio::spawn(toolgate_telemetry::serve(listener, shown, stopped()));
    }
    let gateway = assembled.host.about().gateway;
    let gateway = gateway.unwrap_or_else(|| "none: answers come without tools".to_owned());
    told.push_str(&format!("  gateway  {gateway}\n"));
    if let Some(cloudwatch) = cloudwatch {
        told.push_str(&format!("  CloudWatch  {cloudwatch}\n"));
    }
    say(err, &told);
    let options = Options {
        hosts: server.hosts.clone(),
        origins: server.origins.clone(),
        most_turns: server.turns,
        ..Options::default()
    };
    let host = Arc::clone(&assembled.host) as Arc<dyn crate::host::Host>;
    let serving = http::serve(listener, host, options, stopped());
    let serving = tokio::spawn(serving);
    signalled().await?;
    stop.send_replace(true);
    say(err, "stopping: turns that go on are given a moment\n");
    serving.await??;
    Ok(())
}

async fn bound(address: std::net::SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    use anyhow::Context as _;
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("`{key}`: {address} cannot be listened on"))
}

/// Readiness as it was a moment ago: the admin port must not wait for it.
fn checks(host: &Arc<Hosted>) -> Checks {
    let seen = Arc::new(arc_swap::ArcSwap::from_pointee(Vec::new()));
    let (shown, host) = (Arc::clone(&seen), Arc::clone(host));
    tokio::spawn(async move {
        loop {
            let ready = host.ready().await;
            let checks = ready.parts.into_iter().map(|part| Check {
                name: part.name,
                ok: part.ok,
                required: part.required,
                detail: part.says,
            });
            seen.store(Arc::new(checks.collect()));
            tokio::time::sleep(LOOK).await;
        }
    });
    Arc::new(move || shown.load().as_ref().clone())
}

async fn signalled() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    Ok(())
}
