//! `toolgate stdio`: the gateway as the child process of its only client.
//!
//! Enters: a file, or the URL of a gateway elsewhere. Leaves: MCP on standard input and output until
//! the client closes them or a signal comes. Never: anything but messages on standard output; never
//! a port for MCP.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::sync::mpsc;
use toolgate_accept::LocalStream;
use toolgate_call::{Principal, Scopes};
use toolgate_telemetry::{dump_on_panic, flush_diagnostics, tell};

use crate::cli::Output;
use crate::commands::serve::{LAST_WORDS, Signals, level, listen};
use crate::commands::{check, env, inherited, say};
use crate::config::{AccessLog, CloudMode, Config, EmfFile};
use crate::exit::Exit;
use crate::run::{Door, Gateway, Surroundings};
use crate::stdio::gate::{Gate, Token};
use crate::stdio::{Ended, Front, Limits};
use toolgate_client::{Bearer, Trust};

/// Requests under way at once, if no configuration allows fewer.
const REQUESTS: usize = 4096;
/// The longest line for a gateway elsewhere, which has a limit of its own.
const LINE: usize = 64 * 1024 * 1024;
/// How long requests may take to end when the gateway is elsewhere.
const GRACE: Duration = Duration::from_secs(30);
/// How long answers that the gateway stops may take.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// Connections that wait for the gateway in this process.
const CONNECTIONS: usize = 64;
/// Who calls over standard input.
const CALLER: &str = "stdio";

/// `toolgate stdio`.
#[derive(Args, Debug)]
#[group(skip)]
#[command(group = clap::ArgGroup::new("gateway").required(true))]
#[command(after_help = "Examples:\n  toolgate stdio --config toolgate.yaml\n  \
    toolgate stdio --config toolgate.yaml --scopes k8s/write\n  \
    toolgate stdio --config toolgate.yaml --server oncall --scopes gateway/oncall\n  \
    toolgate stdio --url https://gateway.example.com/mcp --token-file ~/.toolgate-token\n\n\
    With --config the gateway runs within this process and nothing listens for MCP. Whoever starts\n\
    it is its only caller: `listen`, `tls`, `public_url`, `hosts`, `origins` and `auth` of the file are for\n\
    callers over HTTP and do not apply. The caller is named `stdio` and holds the scopes of --scopes\n\
    and no other: tools that need more are not listed, and a call of one is refused.\n\n\
    Standard output holds messages only, so `log.access: stdout` is refused.\n\
    At the end of standard input, or at SIGTERM, calls in flight are answered, then exit 0.")]
pub struct StdioArgs {
    /// The configuration of the gateway, which runs within this process.
    #[arg(long, short, value_name = "FILE", group = "gateway")]
    pub config: Option<PathBuf>,
    /// The MCP endpoint of a gateway that runs elsewhere.
    #[arg(long, group = "gateway")]
    pub url: Option<String>,
    /// Whom to trust over TLS, and what to show.
    #[command(flatten)]
    pub trust: Trust,
    /// The environment variable that holds the bearer token for --url.
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    pub token_env: Option<String>,
    /// The file that holds it; read for each message, so that the token can be renewed.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["config", "token_env"])]
    pub token_file: Option<PathBuf>,
    /// The server of the configuration that the client sees, instead of the whole gateway.
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    pub server: Option<String>,
    /// What the caller may do besides: scopes, separated by commas [default: none].
    #[arg(long, value_name = "SCOPES", value_delimiter = ',', conflicts_with = "url")]
    pub scopes: Vec<String>,
    /// Serve no metrics and health, whatever `admin` of the file says.
    #[arg(long, conflicts_with = "url")]
    pub no_admin: bool,
}

/// Runs the command.
pub async fn run(args: &StdioArgs, err: &mut dyn Write) -> Exit {
    let exit = match (&args.config, &args.url) {
        (Some(_), _) => Box::pin(within(args, err)).await,
        (None, Some(url)) => Box::pin(elsewhere(args, url, err)).await,
        (None, None) => Exit::Usage,
    };
    // On a thread of its own: it waits, if only for a moment.
    let _flushed = tokio::task::spawn_blocking(|| flush_diagnostics(LAST_WORDS)).await;
    exit
}

/// With the gateway within this process.
async fn within(args: &StdioArgs, err: &mut dyn Write) -> Exit {
    let config = match configured(args, err) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let (streams, taken) = mpsc::channel(CONNECTIONS);
    let gate = match Gate::process(streams, args.server.as_deref()) {
        Ok(gate) => gate,
        Err(message) => {
            say(err, &format!("error[TG2000]: {message}\n"));
            return Exit::Usage;
        }
    };
    let (gateway, signals) = match started(&config, args, taken).await {
        Ok(started) => started,
        Err(message) => {
            say(err, &message);
            return Exit::Config;
        }
    };
    say(err, &banner(&gateway, args));
    dump_on_panic(gateway.telemetry.recorder());
    let requests = config.limits.connections.saturating_sub(2).clamp(1, REQUESTS);
    let limits = Limits { line: config.limits.body, requests };
    Box::pin(serve(gateway, gate, limits, signals)).await
}

async fn serve(gateway: Gateway, gate: Gate, limits: Limits, mut signals: Signals) -> Exit {
    let mut front = Front::new(tokio::io::stdin(), tokio::io::stdout(), gate, limits);
    let ended = front.run(signals.wait(&gateway)).await;
    told(ended);
    let stopping = async {
        gateway.facts.drain();
        let grace = gateway.grace();
        let settled = front.settle(grace).await;
        let all = if settled {
            front.leave().await;
            gateway.stop().await
        } else {
            // The time is over: what still waits is told so, by the gateway.
            let _told =
                tokio::join!(gateway.stop_within(Duration::ZERO), front.settle(LAST_ANSWERS));
            false
        };
        front.close().await;
        tell(if all { "stopped\n" } else { "stopped; some calls did not finish in time\n" });
    };
    tokio::select! {
        () = stopping => Exit::Ok,
        () = signals.impatience() => Exit::Interrupted,
    }
}

/// With a gateway that runs elsewhere.
async fn elsewhere(args: &StdioArgs, url: &str, err: &mut dyn Write) -> Exit {
    let prepared = token(args).and_then(|token| Gate::network(url, token, &args.trust));
    let gate = match prepared {
        Ok(gate) => gate,
        Err(message) => {
            say(err, &format!("error[TG2000]: {message}\n"));
            return Exit::Usage;
        }
    };
    let signals = toolgate_telemetry::init_tracing("info")
        .and_then(|()| Signals::new().map_err(|error| format!("no signal handler: {error}")));
    let mut signals = match signals {
        Ok(signals) => signals,
        Err(message) => {
            say(err, &format!("error[TG2000]: {message}\n"));
            return Exit::Config;
        }
    };
    let limits = Limits { line: LINE, requests: REQUESTS };
    let mut front = Front::new(tokio::io::stdin(), tokio::io::stdout(), gate, limits);
    told(front.run(signals.end()).await);
    let stopping = async {
        if front.settle(GRACE).await {
            front.leave().await;
        }
        front.close().await;
    };
    tokio::select! {
        () = stopping => Exit::Ok,
        () = signals.impatience() => Exit::Interrupted,
    }
}

fn told(ended: Ended) {
    tell(match ended {
        Ended::Eof => "standard input has ended: calls in flight finish\n",
        Ended::Told => "draining: calls in flight finish, nothing more is read\n",
        Ended::Deaf => "the client is gone\n",
    });
}

/// The configuration, as far as it fits this command.
fn configured(args: &StdioArgs, err: &mut dyn Write) -> Result<Config, Exit> {
    let file = args.config.clone().unwrap_or_default();
    let config = check::load(&file, Output::Text, &mut std::io::sink(), err)?;
    if let Some((key, help)) = claims_of_stdout(&config).first() {
        say(
            err,
            &format!(
                "error[TG2000]: `{key}` in {} is standard output, which is for messages\n   \
                 = help: write {help}\n",
                file.display()
            ),
        );
        return Err(Exit::Config);
    }
    if let Some(server) = &args.server
        && !config.servers.iter().any(|known| known.name == *server)
    {
        say(err, &no_such_server(server, &config));
        return Err(Exit::Usage);
    }
    let is_scope = |scope: &String| {
        !scope.is_empty() && scope.bytes().all(|b| b.is_ascii_graphic() && !b"\"\\".contains(&b))
    };
    if !args.scopes.iter().all(is_scope) {
        say(err, "error[TG2000]: --scopes takes scopes, separated by commas\n");
        return Err(Exit::Usage);
    }
    Ok(config)
}

fn no_such_server(server: &str, config: &Config) -> String {
    let server: String = server.chars().filter(|c| !c.is_control()).take(80).collect();
    let names: Vec<String> =
        config.servers.iter().map(|server| format!("`{}`", server.name)).collect();
    let help = if names.is_empty() {
        "the configuration has none; add it under `servers`, or leave --server out".to_owned()
    } else {
        format!("the servers are {}", names.join(", "))
    };
    format!("error[TG2000]: there is no server `{server}`\n   = help: {help}\n")
}

/// Settings that would write between the messages, and what to write instead.
fn claims_of_stdout(config: &Config) -> Vec<(&'static str, &'static str)> {
    let log = config.log.access == AccessLog::Stdout;
    let lines = config.cloudwatch.as_ref().is_some_and(|cloudwatch| {
        cloudwatch.mode == CloudMode::Emf && cloudwatch.to == EmfFile::Stdout
    });
    let log = log.then_some(("log.access", "`file:PATH`, `stderr` or `off`"));
    let lines = lines.then_some(("cloudwatch.to", "`file:PATH`"));
    log.into_iter().chain(lines).collect()
}

async fn started(
    config: &Config,
    args: &StdioArgs,
    streams: mpsc::Receiver<LocalStream>,
) -> Result<(Gateway, Signals), String> {
    let plain = |error: &dyn std::fmt::Display| format!("error[TG2000]: {error:#}\n");
    toolgate_telemetry::init_tracing(level(config)).map_err(|error| plain(&error))?;
    let admin = match config.admin.filter(|_| !args.no_admin) {
        Some(address) => Some(
            listen(address, "admin")
                .await
                .map_err(|message| format!("{message}   = help: or start it with --no-admin\n"))?,
        ),
        None => None,
    };
    let door = Door::Process(streams, Arc::new(caller(&args.scopes)));
    let given = Surroundings { mcp: door, admin, inherited: inherited() };
    let gateway = Gateway::start(config, given).await.map_err(|error| plain(&error))?;
    let signals = Signals::new().map_err(|error| plain(&error))?;
    Ok((gateway, signals))
}

/// Whose child process this is.
fn caller(scopes: &[String]) -> Principal {
    Principal {
        issuer: Arc::from(CALLER),
        subject: Arc::from(CALLER),
        client: None,
        scopes: scopes.iter().map(String::as_str).collect(),
        claims: toolgate_call::Claims::default(),
        expires: None,
    }
}

fn token(args: &StdioArgs) -> Result<Token, String> {
    if let Some(path) = &args.token_file {
        Token::read(path)?;
        return Ok(Token::File(path.clone()));
    }
    let Some(name) = &args.token_env else { return Ok(Token::None) };
    let text = env(name).ok_or_else(|| format!("the variable `{name}` is not set"))?;
    let token = Bearer::new(&text);
    token.map(Token::Fixed).ok_or_else(|| format!("the variable `{name}` holds no bearer token"))
}

fn banner(gateway: &Gateway, args: &StdioArgs) -> String {
    let admin = gateway
        .admin
        .map_or_else(|| "admin off".to_owned(), |at| format!("admin at http://{at}/metrics"));
    let scopes: Scopes = args.scopes.iter().map(String::as_str).collect();
    let server = args.server.as_ref().map(|name| format!("server `{name}`, ")).unwrap_or_default();
    let scopes = if scopes.is_empty() { "none".to_owned() } else { scopes.to_string() };
    format!(
        "toolgate {} on standard input and output; {server}caller `{CALLER}`, scopes: {scopes}; \
         {admin}\n",
        env!("CARGO_PKG_VERSION")
    )
}
