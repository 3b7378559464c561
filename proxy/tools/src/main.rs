//! The `toolgate-tools` binary.
//!
//! Enters: the command line or the environment, and secrets from the environment. Leaves: an MCP server, with
//! `--http` one line `listening http://…/mcp`; or a Lambda function, where Lambda starts it. Never: a secret as an argument, where every process reads it.

#[cfg(feature = "aws")]
#[path = "main/aws.rs"]
mod aws;
#[path = "main/functions.rs"]
mod functions;
#[path = "main/k8s.rs"]
mod k8s;

use std::ffi::OsString;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use http::HeaderValue;
use http::header::{AUTHORIZATION, HeaderName};
use toolgate_tools::{Sets, aws_docs, front, prometheus, web_search};

/// Holds the key of the search engine.
const SEARCH_KEY: &str = "TOOLGATE_SEARCH_KEY";
/// Holds the whole value of `Authorization` for Prometheus.
const PROMETHEUS_AUTHORIZATION: &str = "TOOLGATE_PROMETHEUS_AUTHORIZATION";

/// Tools for people who run things, as an MCP server.
#[derive(Debug, Parser)]
#[command(name = "toolgate-tools", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the tools that are set up below.
    Serve(Serve),
    /// Be a Lambda function. Lambda starts it without a word; what it serves then stands in its environment.
    Lambda(Wanted),
    /// Print the functions that the tools are made for: memory, time, environment and definitions.
    Manifest(Manifest),
}

#[derive(Debug, Args)]
struct Serve {
    /// Serve on standard input and output.
    #[arg(long, conflicts_with = "http", required_unless_present = "http")]
    stdio: bool,
    /// Serve over HTTP at this address; port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
    /// A host that callers may name; needed where others can reach the address.
    #[arg(long, value_name = "NAME", requires = "http")]
    allowed_host: Vec<String>,
    #[command(flatten)]
    tools: Wanted,
}

#[derive(Debug, Args)]
struct Wanted {
    /// Serve these tools alone, by `set___tool`.
    #[arg(long, value_name = "NAME", env = "TOOLGATE_TOOLS", value_delimiter = ',')]
    tool: Vec<String>,
    /// Search the web, by this engine. `TOOLGATE_SEARCH_KEY` holds Brave's key.
    #[arg(long, value_name = "ENGINE", env = "TOOLGATE_WEB_SEARCH")]
    web_search: Option<Engine>,
    /// Where the engine is, if not where it always is.
    #[arg(long, value_name = "URL", env = "TOOLGATE_WEB_SEARCH_URL", requires = "web_search")]
    web_search_url: Option<String>,
    /// Ask this Prometheus. `TOOLGATE_PROMETHEUS_AUTHORIZATION` holds what it is shown, such as
    /// `Bearer …`.
    #[arg(long, value_name = "URL", env = "TOOLGATE_PROMETHEUS")]
    prometheus: Option<String>,
    /// Read the documentation of AWS.
    #[arg(long, env = "TOOLGATE_AWS_DOCS")]
    aws_docs: bool,
    /// What stands in for the documentation, such as a mirror.
    #[arg(long, value_name = "URL", env = "TOOLGATE_AWS_DOCS_URL", requires = "aws_docs")]
    aws_docs_url: Option<String>,
    #[command(flatten)]
    k8s: k8s::Cluster,
    #[cfg(feature = "aws")]
    #[command(flatten)]
    aws: aws::Asked,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Engine {
    Duckduckgo,
    Searxng,
    Brave,
}

#[derive(Debug, Args)]
struct Manifest {
    /// As text or as JSON.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    Text,
    Json,
}

#[tokio::main]
async fn main() -> ExitCode {
    match Box::pin(run(cli().command)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _nobody_reads = writeln!(std::io::stderr().lock(), "toolgate-tools: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Lambda starts a function without arguments.
fn cli() -> Cli {
    let mut words: Vec<OsString> = std::env::args_os().collect();
    if words.len() < 2 && std::env::var_os(front::RUNTIME_API).is_some() {
        words = vec!["toolgate-tools".into(), "lambda".into()];
    }
    Cli::parse_from(words)
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(serve) => serve_mcp(serve).await,
        Command::Lambda(wanted) => {
            let api = std::env::var(front::RUNTIME_API);
            let api = api.with_context(|| format!("{} is not set", front::RUNTIME_API))?;
            front::lambda(&api, sets(&wanted)).await
        }
        Command::Manifest(manifest) => {
            let functions = functions::all()?;
            let text = match manifest.output {
                Output::Text => functions::text(&functions),
                Output::Json => serde_json::to_string_pretty(&functions)?,
            };
            Ok(writeln!(std::io::stdout().lock(), "{text}")?)
        }
    }
}

async fn serve_mcp(serve: Serve) -> anyhow::Result<()> {
    let sets = sets(&serve.tools)?;
    let Some(address) = serve.http else { return front::stdio(sets).await };
    let listening = front::Listening::at(address, &serve.allowed_host, sets).await?;
    writeln!(std::io::stdout().lock(), "listening {}", listening.url()?)?;
    let mut ended = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        served = listening.serve() => served,
        _ = tokio::signal::ctrl_c() => Ok(()),
        _ = ended.recv() => Ok(()),
    }
}

/// The sets that were asked for.
fn sets(serve: &Wanted) -> anyhow::Result<Sets> {
    let mut sets = Sets::default();
    if let Some(engine) = serve.web_search {
        let header = match engine {
            Engine::Brave => HeaderName::from_static("x-subscription-token"),
            Engine::Duckduckgo | Engine::Searxng => AUTHORIZATION,
        };
        let config = web_search::Config {
            engine: engine.into(),
            url: serve.web_search_url.clone(),
            credentials: credentials(header, SEARCH_KEY)?,
        };
        sets = sets.with("search", web_search::toolset(config).context("--web-search")?);
    }
    if let Some(url) = &serve.prometheus {
        let credentials = credentials(AUTHORIZATION, PROMETHEUS_AUTHORIZATION)?;
        let config = prometheus::Config { url: url.clone(), credentials };
        sets = sets.with("prometheus", prometheus::toolset(config).context("--prometheus")?);
    }
    if serve.aws_docs {
        let config = aws_docs::Config { url: serve.aws_docs_url.clone(), hosts: Vec::new() };
        sets = sets.with("aws_docs", aws_docs::toolset(config).context("--aws-docs")?);
    }
    #[cfg(feature = "aws")]
    let (sets, region) = (serve.aws.sets(sets)?, serve.aws.region());
    #[cfg(not(feature = "aws"))]
    let region = None;
    let sets = serve.k8s.sets(sets, region)?;
    if sets.is_empty() {
        bail!("there is nothing to serve; give for example `--prometheus http://127.0.0.1:9090`");
    }
    if serve.tool.is_empty() {
        return Ok(sets);
    }
    sets.only(&serve.tool).map_err(|name| anyhow!("there is no tool `{name}` in what is served"))
}

/// A header with the secret that a variable holds.
fn credentials(
    header: HeaderName,
    variable: &str,
) -> anyhow::Result<Option<(HeaderName, HeaderValue)>> {
    let Ok(secret) = std::env::var(variable) else { return Ok(None) };
    let mut value = HeaderValue::try_from(secret)
        .with_context(|| format!("{variable} holds a character that no header can carry"))?;
    value.set_sensitive(true);
    Ok(Some((header, value)))
}

// === impl Engine ===

impl From<Engine> for web_search::Engine {
    fn from(engine: Engine) -> Self {
        match engine {
            Engine::Duckduckgo => Self::DuckDuckGo,
            Engine::Searxng => Self::SearXng,
            Engine::Brave => Self::Brave,
        }
    }
}

#[cfg(test)]
mod tests {
    //! That the options fit together.

    use clap::CommandFactory as _;

    #[test]
    fn the_options_fit_together() {
        super::Cli::command().debug_assert();
    }
}
