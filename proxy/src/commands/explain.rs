//! `toolgate explain`: what the rules make of a call, and why.
//!
//! Enters: a configuration, a caller and a tool. Leaves: the way the call would take, each rule with what
//! it looked at, the limits, the credential, and the verdict. Never: a connection, a call, or a token in
//! anything that is printed.

mod report;
pub(super) mod what;
mod who;

#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use toolgate_call::Subject;
use toolgate_mcp::Said;
use toolgate_telemetry::{AccessLogTo, Telemetry};

use self::report::Report;
use super::{check, say};
use crate::assembly::{self, Callers};
use crate::cli::Output;
use crate::commands::call::gateway::Env;
use crate::config::Config;
use crate::exit::Exit;

/// `toolgate explain`.
#[derive(Args, Clone, Debug)]
#[command(
    before_help = "Examples:\n  \
        toolgate explain -c toolgate.yaml k8s___delete_pod --as alice --scope gateway/invoke --claim groups=oncall\n  \
        TOKEN=… toolgate explain -c toolgate.yaml k8s___delete_pod --token-env TOKEN --args '{\"namespace\":\"prod\"}'\n\n\
        Nobody is asked: it reads the configuration and the files that it names. Of a token, everything\n\
        is looked at but its signature.",
    after_help = "Exit codes: 0 allowed, 2 usage or no such tool, 3 the configuration is wrong, 4 not allowed."
)]
pub struct ExplainArgs {
    /// The tool, by its full name: target___tool.
    #[arg(value_name = "TOOL")]
    pub tool: String,
    /// The configuration.
    #[arg(long, short, value_name = "FILE")]
    pub config: PathBuf,
    /// The server of the gateway that is called; without it, the gateway as a whole.
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// The arguments, a JSON object; without it: whether some arguments could be allowed.
    #[arg(long, value_name = "JSON")]
    pub args: Option<String>,
    /// Who calls.
    #[command(flatten)]
    pub who: WhoArgs,
    /// The target says that the tool changes nothing, and is believed.
    #[arg(long, value_name = "BOOL")]
    pub read_only: Option<bool>,
    /// The target says that calling it twice is like calling it once, and is believed.
    #[arg(long, value_name = "BOOL")]
    pub idempotent: Option<bool>,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// Who calls.
#[derive(Args, Clone, Debug, Default)]
pub struct WhoArgs {
    /// The environment variable that holds the caller's token or API key.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["subject", "issuer", "client", "scopes", "claims"])]
    pub token_env: Option<String>,
    /// The caller's certificate (PEM); its key is not needed.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["token_env", "subject", "issuer", "client", "scopes", "claims"])]
    pub certificate: Option<PathBuf>,
    /// The subject of the caller.
    #[arg(long = "as", value_name = "SUBJECT")]
    pub subject: Option<String>,
    /// The configured name of its issuer; `keys` for an API key, `certificates` for a certificate [default: the first issuer].
    #[arg(long, value_name = "NAME", requires = "subject")]
    pub issuer: Option<String>,
    /// Its client id.
    #[arg(long, value_name = "ID", requires = "subject")]
    pub client: Option<String>,
    /// A scope that it has; may be repeated.
    #[arg(long = "scope", value_name = "SCOPE", requires = "subject")]
    pub scopes: Vec<String>,
    /// A claim that `policy.claims` names; a list with commas. May be repeated.
    #[arg(long = "claim", value_name = "NAME=VALUE", requires = "subject")]
    pub claims: Vec<String>,
}

/// Why there is nothing to explain.
#[derive(Debug)]
pub(super) struct Failed {
    exit: Exit,
    message: String,
    help: String,
}

/// Runs the command.
pub fn run(
    args: &ExplainArgs,
    env: Env<'_>,
    out: &mut (impl Write + Send),
    err: &mut (impl Write + Send),
) -> Exit {
    let config = match check::load(&args.config, args.output, out, err) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    match explained(args, &config, env) {
        Ok(report) => {
            let said = match args.output {
                Output::Text => report.text(),
                Output::Json => report.json(),
            };
            say(out, &said);
            if report.allowed() { Exit::Ok } else { Exit::Identity }
        }
        Err(failed) => {
            match args.output {
                Output::Text => {
                    say(err, &format!("error: {}\n  {}\n", failed.message, failed.help))
                }
                Output::Json => {
                    let json = serde_json::json!({ "error": failed.message, "help": failed.help });
                    say(out, &format!("{json}\n"));
                }
            }
            failed.exit
        }
    }
}

fn explained(args: &ExplainArgs, config: &Config, env: Env<'_>) -> Result<Report, Failed> {
    let quiet = toolgate_telemetry::Config {
        access_log: AccessLogTo::Off,
        ..toolgate_telemetry::Config::default()
    };
    let telemetry = Telemetry::new(quiet).map_err(|error| Failed::start(&error))?;
    let arguments = args.args.as_deref().map(what::arguments).transpose()?;
    let said = Said { read_only: args.read_only, idempotent: args.idempotent };
    let (plan, server) = what::plan((&args.tool, args.server.as_deref()), said, config)?;
    let who = who::principal(&args.who, config, server.as_deref(), env, &telemetry)?;
    let way = what::way(config, &plan);
    let principal = match who {
        Ok(principal) => principal,
        Err(refused) => return Ok(Report::turned_away(way, refused)),
    };
    let callers = Callers::Network(config.listen);
    let policy = assembly::policy(config, &callers, &telemetry);
    let subject = match arguments {
        Some(json) => Subject::With(&plan, json),
        None => Subject::One(&plan),
    };
    let notes = what::notes(args, config, &plan, &principal);
    Ok(Report::of(way, policy.explain(&principal, subject), notes))
}

// === impl Failed ===

impl Failed {
    fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), help: help.into() }
    }

    fn start(error: &dyn std::error::Error) -> Self {
        Self { exit: Exit::Config, message: error.to_string(), help: String::new() }
    }
}

/// A text that is shared.
fn arc(text: &str) -> Arc<str> {
    Arc::from(text)
}
