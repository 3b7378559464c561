//! Which gateway is called, and with what token.
//!
//! Enters: flags, the environment, the run file of `toolgate dev`. Leaves: a URL and perhaps a
//! token. Never: a token for one gateway sent to another; `TOOLGATE_TOKEN` sent to a gateway that
//! was not named.

use std::time::Duration;

use toolgate_call::name::is_target;

use super::code;
use super::report::Report;
use crate::exit::Exit;
use toolgate_client::runfile::RunFile;
use toolgate_client::{Bearer, ClientCredentials};

/// The variable that a token is looked for in.
pub(crate) const TOKEN_VARIABLE: &str = "TOOLGATE_TOKEN";

/// The scopes that a token of `toolgate dev` is fetched with: to call, and to see the ledger.
pub(crate) const SCOPES: [&str; 2] = ["gateway/invoke", "gateway/observe"];

/// The environment.
pub(crate) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What the flags say about the gateway.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) url: Option<&'a str>,
    /// A server of it.
    pub(super) server: Option<&'a str>,
    pub(super) token: Option<&'a str>,
    pub(super) token_env: Option<&'a str>,
    pub(super) scopes: &'a [String],
    pub(super) patience: Duration,
}

/// Where to call.
#[derive(Debug)]
pub(super) struct Gateway {
    pub(super) url: String,
    /// The `toolgate dev` behind the URL, if it is one of ours.
    dev: Option<RunFile>,
}

/// A token and where it is from.
#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) token: Option<Bearer>,
    pub(super) from_dev: bool,
}

// === impl Gateway ===

impl Gateway {
    /// The gateway that is named, else the newest `toolgate dev` of this user.
    ///
    /// # Errors
    /// None is named and none runs.
    pub(super) fn find(wanted: Wanted<'_>, env: Env<'_>) -> Result<Self, Box<Report>> {
        let dev = RunFile::find(env);
        let found = match (wanted.url, dev) {
            (None, Some(dev)) => Self { url: dev.mcp.clone(), dev: Some(dev) },
            (None, None) => return Err(Box::new(no_gateway())),
            (Some(url), dev) => {
                let dev = dev.filter(|dev| is_at(url, &dev.mcp));
                Self { url: url.to_owned(), dev }
            }
        };
        match wanted.server {
            None => Ok(found),
            Some(server) if is_target(server) => {
                let url = format!("{}/{server}", found.url.trim_end_matches('/'));
                Ok(Self { url, ..found })
            }
            Some(_) => {
                let message = "what --server says cannot name a server";
                let report = Report::new(code::NO_GATEWAY, Exit::Usage, message);
                Err(Box::new(report.help("a name has letters, digits and single hyphens")))
            }
        }
    }

    /// The token that goes with a request: the one given, else one of `toolgate dev`, else for a
    /// gateway that was named that of `TOOLGATE_TOKEN`, else none.
    ///
    /// # Errors
    /// A token that is none, a variable that is not set, an issuer that gives none.
    pub(super) async fn credentials(
        &self,
        wanted: Wanted<'_>,
        env: Env<'_>,
    ) -> Result<Credentials, Box<Report>> {
        let given = match (wanted.token, wanted.token_env) {
            (Some(token), _) => Some(bearer(token, "--token")?),
            (None, Some(name)) => Some(from_variable(name, env)?),
            (None, None) => None,
        };
        if given.is_some() {
            return Ok(Credentials { token: given, from_dev: false });
        }
        if let Some(dev) = &self.dev {
            let token = dev_token(dev, wanted.scopes, wanted.patience).await?;
            return Ok(Credentials { token: Some(token), from_dev: true });
        }
        let token = env(TOKEN_VARIABLE).filter(|token| !token.trim().is_empty());
        let token = token.map(|token| bearer(&token, TOKEN_VARIABLE)).transpose()?;
        Ok(Credentials { token, from_dev: false })
    }
}

/// Whether a URL is that of a gateway, or of a server of it.
fn is_at(url: &str, gateway: &str) -> bool {
    let server = url.strip_prefix(gateway).and_then(|rest| rest.strip_prefix('/'));
    url == gateway || server.is_some_and(is_target)
}

/// The client of `toolgate dev`.
pub(crate) fn dev_client(dev: &RunFile) -> ClientCredentials {
    ClientCredentials {
        token_url: dev.token_url.clone(),
        client_id: dev.client_id.clone(),
        client_secret: dev.client_secret.clone(),
    }
}

/// The usual scopes and some more, each once.
pub(crate) fn widened(more: &[String]) -> Vec<String> {
    let mut scopes: Vec<String> = SCOPES.iter().map(|&scope| scope.to_owned()).collect();
    for scope in more {
        if !scopes.contains(scope) {
            scopes.push(scope.clone());
        }
    }
    scopes
}

/// There is nothing to call.
pub(crate) fn no_gateway() -> Report {
    let message = "no `toolgate dev` of this user runs, and no gateway is named";
    Report::new(code::NO_GATEWAY, Exit::Gateway, message)
        .help("start one in another terminal: `toolgate dev`, or name one: --url URL")
}

/// The value of a variable that must be set.
pub(crate) fn variable(name: &str, env: Env<'_>) -> Result<String, Box<Report>> {
    env(name).filter(|value| !value.trim().is_empty()).ok_or_else(|| {
        let report = Report::new(code::NO_SECRET, Exit::Usage, format!("`{name}` is not set"));
        Box::new(report.help(format!("export {name}, or name another variable")))
    })
}

async fn dev_token(
    dev: &RunFile,
    more: &[String],
    patience: Duration,
) -> Result<Bearer, Box<Report>> {
    let granted = dev_client(dev).token(&widened(more), patience).await;
    granted.map(|token| token.bearer).map_err(|error| Box::new(Report::of_token(&error)))
}

fn from_variable(name: &str, env: Env<'_>) -> Result<Bearer, Box<Report>> {
    bearer(&variable(name, env)?, name)
}

fn bearer(text: &str, place: &str) -> Result<Bearer, Box<Report>> {
    Bearer::new(text).ok_or_else(|| {
        let message = format!("what {place} holds is not a bearer token");
        let report = Report::new(code::NO_SECRET, Exit::Usage, message);
        Box::new(report.help("a token is one word of letters, digits and -._~+/="))
    })
}
