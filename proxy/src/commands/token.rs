//! `toolgate token`: a token for a gateway.
//!
//! Enters: an issuer and a client, or the run file of `toolgate dev`. Leaves: the bare token on
//! standard output, or the one line that a client needs. Never: a client secret from the command
//! line, or one that is printed.

#[cfg(test)]
mod tests;

use std::io::Write;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::call::gateway::{Env, dev_client, no_gateway, variable, widened};
use super::call::report::Report;
use super::call::{Screen, curl};
use super::say;
use crate::cli::Output;
use crate::exit::Exit;
use toolgate_client::runfile::RunFile;
use toolgate_client::{Ask, ClientCredentials, Token, Trust, token_endpoint};

/// How long an issuer may take for one answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// `toolgate token`.
#[derive(Args, Clone, Debug)]
#[command(
    before_help = "Examples:\n  \
        toolgate token                                  of the running `toolgate dev`\n  \
        export TOOLGATE_TOKEN=$(toolgate token)\n  \
        toolgate token --client claude-code             the line that adds the gateway there\n  \
        toolgate token --issuer-url https://issuer.example.com --client-id agent \\\n    \
        --client-secret-env AGENT_SECRET --scope gateway/invoke",
    after_help = "Exit codes: 0 done, 2 usage, 4 the issuer refused, 7 no issuer answers."
)]
pub struct TokenArgs {
    /// The issuer, whose discovery document names the token endpoint.
    #[arg(long, value_name = "URL", group = "issuer", requires = "client_id")]
    pub issuer_url: Option<String>,
    /// The token endpoint.
    #[arg(long, value_name = "URL", group = "issuer", requires = "client_id")]
    pub token_url: Option<String>,
    /// The client's id.
    #[arg(long, value_name = "ID", requires_all = ["issuer", "client_secret_env"])]
    pub client_id: Option<String>,
    /// The environment variable that holds the client's secret.
    #[arg(long, value_name = "NAME", requires = "client_id")]
    pub client_secret_env: Option<String>,
    /// A scope to ask for. `toolgate dev` is asked for these besides gateway/invoke and
    /// gateway/observe, an issuer for exactly these.
    #[arg(long = "scope", value_name = "SCOPE")]
    pub scopes: Vec<String>,
    /// The MCP endpoint, for --client; that of the running `toolgate dev` if left out.
    #[arg(long, value_name = "URL", requires = "client")]
    pub url: Option<String>,
    /// Print the line that this client needs. It holds the token.
    #[arg(long, value_enum)]
    pub client: Option<ClientKind>,
    /// How the token is printed.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// A client that a line can be printed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ClientKind {
    /// Claude Code: `claude mcp add …`.
    ClaudeCode,
    /// curl: a `tools/list` request.
    Curl,
}

/// A token and the gateway it is for, if that is known.
struct Fetched {
    token: Token,
    url: Option<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: Option<u64>,
    scope: Option<&'a str>,
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
}

#[derive(Serialize)]
struct Failed<'a> {
    error: &'a Report,
}

/// Runs the command.
pub async fn run(
    args: TokenArgs,
    env: &dyn Fn(&str) -> Option<String>,
    out: &mut impl Write,
    err: &mut impl Write,
) -> Exit {
    let output = args.output;
    match (Box::pin(attempt(args, env)).await, output) {
        (Ok(line), _) => {
            say(out, &line);
            Exit::Ok
        }
        (Err(report), Output::Text) => {
            say(err, &report.render(&Screen::detect(env)));
            report.exit
        }
        (Err(report), Output::Json) => {
            let document = serde_json::to_string(&Failed { error: &report });
            say(out, &(document.unwrap_or_default() + "\n"));
            report.exit
        }
    }
}

async fn attempt(args: TokenArgs, env: Env<'_>) -> Result<String, Box<Report>> {
    let fetched = args.fetch(env).await?;
    let command = match args.client {
        None => None,
        Some(kind) => {
            let url = fetched.url.as_deref().ok_or_else(|| Box::new(no_gateway()))?;
            Some(command(kind, url, fetched.token.bearer.reveal()))
        }
    };
    match (args.output, command) {
        (Output::Text, Some(command)) => Ok(format!("{command}\n")),
        (Output::Text, None) => Ok(format!("{}\n", fetched.token.bearer.reveal())),
        (Output::Json, command) => Ok(fetched.document(command)),
    }
}

// === impl TokenArgs ===

impl TokenArgs {
    async fn fetch(&self, env: Env<'_>) -> Result<Fetched, Box<Report>> {
        let dev = RunFile::find(env);
        let url = self.url.clone().or_else(|| dev.as_ref().map(|dev| dev.mcp.clone()));
        let (client, scopes, url) = match (self.endpoint(env).await?, dev) {
            (Some(client), _) => (client, self.scopes.clone(), self.url.clone()),
            (None, Some(dev)) => (dev_client(&dev), widened(&self.scopes), url),
            (None, None) => {
                let report = no_gateway();
                let help = "start `toolgate dev`, or name an issuer: --issuer-url or --token-url";
                return Err(Box::new(report.help(help)));
            }
        };
        let token = client.token(&scopes, PATIENCE).await;
        let token = token.map_err(|error| Box::new(Report::of_token(&error)))?;
        Ok(Fetched { token, url })
    }

    /// The client of the issuer that is named, if one is.
    async fn endpoint(&self, env: Env<'_>) -> Result<Option<ClientCredentials>, Box<Report>> {
        let (Some(client_id), Some(secret)) = (&self.client_id, &self.client_secret_env) else {
            return Ok(None);
        };
        let client_secret = variable(secret, env)?;
        let token_url = match (&self.token_url, &self.issuer_url) {
            (Some(url), _) => url.clone(),
            (None, Some(issuer)) => token_endpoint(issuer, PATIENCE)
                .await
                .map_err(|error| Box::new(Report::of_token(&error)))?,
            (None, None) => return Ok(None),
        };
        let client_id = client_id.clone();
        Ok(Some(ClientCredentials { token_url, client_id, client_secret }))
    }
}

// === impl Fetched ===

impl Fetched {
    fn document(&self, command: Option<String>) -> String {
        let document = serde_json::to_string(&Document {
            access_token: self.token.bearer.reveal(),
            token_type: "Bearer",
            expires_in: self.token.expires_in,
            scope: self.token.scope.as_deref(),
            url: self.url.as_deref(),
            command,
        });
        document.unwrap_or_default() + "\n"
    }
}

/// The line for a client. A bearer token has no character that means something in double quotes.
fn command(kind: ClientKind, url: &str, token: &str) -> String {
    match kind {
        ClientKind::ClaudeCode => {
            let url = if is_plain(url) { url.to_owned() } else { curl::quoted(url) };
            format!(
                "claude mcp add --transport http toolgate {url} \
                 --header \"Authorization: Bearer {token}\""
            )
        }
        ClientKind::Curl => curl::command(url, Some(token), &Ask::list(None), &Trust::default()),
    }
}

/// Whether a shell takes the text as one word.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte))
}
