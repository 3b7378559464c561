//! The command line.
//!
//! Enters: arguments. Leaves: one command. Never: does anything itself.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::call::CallArgs;
use crate::commands::stdio::StdioArgs;
use crate::commands::token::TokenArgs;

/// An observability-first gateway between AI agents and their tools (MCP).
#[derive(Debug, Parser)]
#[command(name = "toolgate", version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway as a file says.
    Serve(ServeArgs),
    /// Be the gateway of one client, whose child process this is.
    Stdio(StdioArgs),
    /// Run everything on this machine: no file, no account, no network.
    Dev(DevArgs),
    /// Check a configuration, and do nothing else.
    Check(CheckArgs),
    /// Call a tool through a gateway, and show where the time went.
    Call(CallArgs),
    /// Fetch a token for a gateway.
    Token(TokenArgs),
    /// Write the dashboards that fit this version, or look whether a folder has them.
    #[command(subcommand)]
    Dashboards(Files),
    /// Write the alarms that fit this version, or look whether a folder has them.
    #[command(subcommand)]
    Alarms(Files),
    /// Print the JSON Schema of the configuration, for editors.
    Schema,
}

/// `toolgate serve`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  toolgate serve --config toolgate.yaml\n\n\
    SIGTERM or SIGINT drains: no new connections, calls in flight finish, then exit 0.\n\
    A second SIGINT quits at once. SIGHUP opens the access log again, after it was renamed.\n\
    SIGUSR1 writes the records of the last calls to a file beside the access log.")]
pub struct ServeArgs {
    /// The configuration.
    #[arg(long, short, value_name = "FILE")]
    pub config: PathBuf,
}

/// `toolgate check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The configuration.
    #[arg(value_name = "FILE")]
    pub config: PathBuf,
    /// How mistakes are printed.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// `toolgate dev`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  toolgate dev\n  \
    toolgate dev --print-config > toolgate.yaml\n  \
    toolgate dev --stdio files -- npx -y @modelcontextprotocol/server-filesystem .")]
pub struct DevArgs {
    /// The port for MCP; the next free one is taken when it is in use.
    #[arg(long, default_value_t = 8800)]
    pub port: u16,
    /// The port for metrics and health.
    #[arg(long, default_value_t = 9464)]
    pub admin_port: u16,
    /// The port for the embedded issuer.
    #[arg(long, default_value_t = 8801)]
    pub issuer_port: u16,
    /// Another target: the URL of an MCP server, as NAME=URL.
    #[arg(long, value_name = "NAME=URL")]
    pub mcp: Vec<String>,
    /// Another target: a child process of this name, whose command follows `--`.
    #[arg(long, value_name = "NAME", requires = "command")]
    pub stdio: Option<String>,
    /// Print the configuration that `dev` would run, and stop.
    #[arg(long)]
    pub print_config: bool,
    /// The command of --stdio.
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// `toolgate dashboards` and `toolgate alarms`.
#[derive(Debug, Subcommand)]
pub enum Files {
    /// Write the files into a folder.
    Render(RenderArgs),
    /// Name the files of a folder that are not what `render` would write.
    Diff(DiffArgs),
}

/// `toolgate dashboards render` and `toolgate alarms render`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  toolgate dashboards render dashboards\n  \
    toolgate alarms render alarms && promtool check rules alarms/prometheus/*.yaml\n\n\
    Files of the same names are replaced, others are left alone.")]
pub struct RenderArgs {
    /// The folder; it is made if it is not there.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// `toolgate dashboards diff` and `toolgate alarms diff`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  toolgate dashboards diff dashboards\n  \
    toolgate alarms diff alarms || toolgate alarms render alarms\n\n\
    Exit codes: 0 all are the same, 1 a file is another or missing, 2 a file cannot be read.")]
pub struct DiffArgs {
    /// The folder.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// One JSON document.
    Json,
}
