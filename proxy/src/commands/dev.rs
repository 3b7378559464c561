//! `toolgate dev`: everything on this machine.
//!
//! Enters: ports and, if wanted, more targets. Leaves: a gateway with its own issuer, enforced.
//! Never: a check that `serve` would make and `dev` would not.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use toolgate_call::Scopes;

use crate::cli::DevArgs;
use crate::commands::{check, inherited, own_name, say, serve};
use crate::config;
use crate::dev::agent::Agent;
use crate::dev::issuer::Issuer;
use crate::exit::Exit;
use crate::run::{Door, Gateway, Surroundings};
use toolgate_client::runfile::RunFile;
use toolgate_telemetry::tell;

/// How many ports after the wanted one are tried.
const NEXT_PORTS: u16 = 20;
/// How long the printed token is good for.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);

/// Runs the command.
pub async fn run(args: &DevArgs, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    match Box::pin(attempt(args, out, err)).await {
        Ok(exit) => exit,
        Err(error) => {
            say(err, &format!("error[TG2000]: {error:#}\n"));
            Exit::Config
        }
    }
}

async fn attempt(args: &DevArgs, out: &mut dyn Write, err: &mut dyn Write) -> anyhow::Result<Exit> {
    let started = Instant::now();
    if args.print_config {
        say(out, &printed(args)?);
        return Ok(Exit::Ok);
    }
    let issuer = issuer(args.issuer_port).await?;
    // Bound before anything is said about them: what is advertised is where they are.
    let (mcp, admin) = (free(args.port).await?, free(args.admin_port).await?);
    let ports = (mcp.local_addr()?.port(), admin.local_addr()?.port());
    let text = yaml(args, ports, issuer.url(), issuer.client_id())?;
    let config = match config::load(&text, "dev", check::outside(Path::new(""))) {
        Ok(config) => config,
        Err(report) => {
            say(err, &report.render());
            return Ok(Exit::Config);
        }
    };
    toolgate_telemetry::init_tracing(serve::level(&config)).map_err(anyhow::Error::msg)?;
    let given =
        Surroundings { mcp: Door::Network(mcp), admin: Some(admin), inherited: inherited() };
    let gateway = Gateway::start(&config, given).await?;
    let token = issuer.mint(issuer.client_id(), issuer.scopes(), TOKEN_LIFETIME).await?;
    let file = run_file(&gateway, &issuer);
    let kept = file.write(&crate::commands::env).map_err(|error| {
        say(err, &format!("note: `toolgate call` will not find this gateway: {error}\n"));
    });
    let shown = out_is_terminal().then_some(token.as_str());
    let agent = if args.agent { Some(agent(args, &file).await?) } else { None };
    let page = agent.as_ref().map(Agent::page);
    say(out, &banner(&gateway, &issuer, shown, page, started.elapsed()));
    let exit = serve::until_stopped(gateway).await;
    if let Some(agent) = agent {
        agent.stop().await;
    }
    drop(kept);
    Ok(exit)
}

/// The agent, on ports that were free a moment ago.
async fn agent(args: &DevArgs, gateway: &RunFile) -> anyhow::Result<Agent> {
    let page = free(args.agent_port).await?.local_addr()?;
    let admin = free(args.admin_port).await?.local_addr()?;
    Agent::start(gateway, (page, admin), tell).await
}

/// The configuration for a file of one's own. The embedded issuer ends with `dev`, so its place is
/// left open, in a way that `check` points at.
fn printed(args: &DevArgs) -> anyhow::Result<String> {
    let ports = (args.port, args.admin_port);
    let text = yaml(args, ports, "https://<your-issuer>", "<your-client-id>")?;
    Ok(format!(
        "# What `toolgate dev` runs, but for the issuer: its own has new keys and a new client at\n\
         # every start. Name yours, then: toolgate check FILE\n{text}"
    ))
}

/// The configuration that `dev` runs; `ports` are those of MCP and of the admin server.
fn yaml(
    args: &DevArgs,
    (port, admin): (u16, u16),
    issuer: &str,
    client: &str,
) -> anyhow::Result<String> {
    let mut text = format!(
        "listen: 127.0.0.1:{port}\nadmin: 127.0.0.1:{admin}\nauth:\n  issuers:\n    \
         - name: dev\n      profile: cognito\n      issuer: {issuer}\n      clients: [{client}]\n  \
         scopes: [gateway/invoke]\ntargets:\n  clock: {{ builtin: clock }}\n  \
         gateway: {{ builtin: gateway }}\n",
    );
    for target in &args.mcp {
        let Some((name, url)) = target.split_once('=') else {
            anyhow::bail!("--mcp wants NAME=URL, not `{target}`");
        };
        writeln!(text, "  {name}: {{ mcp: {{ url: {} }} }}", quoted(url))?;
    }
    if let Some(name) = &args.stdio {
        let command: Vec<_> = args.command.iter().map(|word| quoted(word)).collect();
        writeln!(text, "  {name}: {{ stdio: {{ command: [{}] }} }}", command.join(", "))?;
    }
    Ok(text)
}

/// A YAML string: JSON's are among them. `$` is doubled, since the reader replaces `${…}`.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text.replace("${", "$${")).to_string()
}

async fn issuer(port: u16) -> anyhow::Result<Issuer> {
    let mut last = None;
    for port in port..=port.saturating_add(NEXT_PORTS) {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        match Issuer::start(at, &Scopes::default()).await {
            Ok(issuer) => return Ok(issuer),
            Err(error) => last = Some(error),
        }
    }
    anyhow::bail!("no free port for the issuer from {port}: {last:?}")
}

/// The first free port from the wanted one.
async fn free(port: u16) -> anyhow::Result<TcpListener> {
    for port in port..=port.saturating_add(NEXT_PORTS) {
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            return Ok(listener);
        }
    }
    anyhow::bail!("no free port from {port} to {}", port.saturating_add(NEXT_PORTS))
}

fn run_file(gateway: &Gateway, issuer: &Issuer) -> RunFile {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    RunFile {
        pid: std::process::id(),
        mcp: gateway.mcp.map(|at| format!("http://{at}/mcp")).unwrap_or_default(),
        admin: gateway.admin.map(|at| format!("http://{at}")).unwrap_or_default(),
        token_url: issuer.token_url(),
        client_id: issuer.client_id().to_owned(),
        client_secret: issuer.client_secret().to_owned(),
        scopes: issuer.scopes().iter().map(str::to_owned).collect(),
        started_unix: since.map_or(0, |since| since.as_secs()),
    }
}

fn out_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

fn banner(
    gateway: &Gateway,
    issuer: &Issuer,
    token: Option<&str>,
    page: Option<&str>,
    ready: Duration,
) -> String {
    let mcp = gateway.mcp.map(|at| at.to_string()).unwrap_or_default();
    let admin = gateway.admin.map(|at| at.to_string()).unwrap_or_default();
    let url = issuer.url();
    let me = own_name();
    let token = match token {
        Some(token) => {
            format!("  Token     60 min, scopes {}, shown this once:\n\n{token}\n", issuer.scopes())
        }
        None => format!("  Token     {me} token\n"),
    };
    let agent = match page {
        Some(page) => format!("  Agent     {page}    chat; `toolgate-agent ask` works too\n"),
        None => format!("  Agent     {me} dev --agent\n"),
    };
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"clock___now","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    format!(
        "toolgate {version} dev: loopback only, no account, nothing leaves this machine   \
         ready in {ready} ms\n\n  \
         MCP       http://{mcp}/mcp        2026-07-28 and three older revisions\n  \
         Metrics   http://{admin}/metrics    health at /readyz\n  \
         Issuer    {url}            RS256 keys made now, gone at exit\n  \
         Targets   clock, gateway and what you added\n\
         {agent}  \
         Config    built in; write it out with: {me} dev --print-config > toolgate.yaml\n\n\
         {token}\n\
         Try, in another terminal (it finds this process and its token by itself):\n  \
         {me} call clock___now\n  \
         {me} call gateway___status --ledger\n\n\
         With curl:\n  \
         curl -s http://{mcp}/mcp -H \"Authorization: Bearer $({me} token)\" \\\n    \
         -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \\\n    \
         -H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: tools/call' \
         -H 'Mcp-Name: clock___now' \\\n    -d '{call}'\n\n\
         With Claude Code:\n  \
         claude mcp add --transport http toolgate http://{mcp}/mcp \
         --header \"Authorization: Bearer $({me} token)\"\n\n\
         Ctrl-C stops it.\n",
        version = env!("CARGO_PKG_VERSION"),
        ready = ready.as_millis(),
    )
}

#[cfg(test)]
mod tests {
    //! What `dev` writes out and where it listens.

    use std::path::Path;

    use super::{DevArgs, check, config, free, printed, yaml};

    fn args() -> DevArgs {
        DevArgs {
            port: 8800,
            admin_port: 9464,
            issuer_port: 8801,
            mcp: vec!["docs=https://docs.example.com/mcp".to_owned()],
            stdio: None,
            agent: false,
            agent_port: 8080,
            print_config: true,
            command: Vec::new(),
        }
    }

    #[test]
    fn what_is_printed_lacks_an_issuer_and_nothing_else() {
        let text = printed(&args()).unwrap();
        let load = |text: &str| config::load(text, "toolgate.yaml", check::outside(Path::new("")));
        let report = load(&text).unwrap_err();
        let codes: Vec<_> = report.mistakes().iter().map(|mistake| mistake.code).collect();
        assert_eq!(codes, [config::code::PLACEHOLDER; 2], "{report}");
        let filled = text.replace("<your-issuer>", "login.example.com");
        let filled = filled.replace("<your-client-id>", "client");
        assert!(load(&filled).is_ok(), "{filled}");
    }

    #[tokio::test]
    async fn a_port_that_was_moved_is_the_one_that_is_advertised() {
        let taken = free(18_800).await.unwrap();
        let wanted = taken.local_addr().unwrap().port();
        let moved = free(wanted).await.unwrap().local_addr().unwrap().port();
        assert_ne!(moved, wanted);
        let text = yaml(&args(), (moved, 9464), "http://127.0.0.1:1", "client").unwrap();
        let outside = check::outside(Path::new(""));
        let config = config::load(&text, "dev", outside).unwrap();
        assert_eq!(config.resource, format!("http://127.0.0.1:{moved}/mcp"));
    }
}
