//! The command line.
//!
//! Enters: arguments. Leaves: one command. Never: does anything itself.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::audit::Audit;
use crate::commands::call::CallArgs;
use crate::commands::doctor::DoctorArgs;
use crate::commands::explain::ExplainArgs;
use crate::commands::keys::Keys;
use crate::commands::pins::Pins;
use crate::commands::stdio::StdioArgs;
use crate::commands::token::TokenArgs;
use crate::commands::what_if::WhatIfArgs;

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
    /// Try every target, credential, issuer, file and exporter of a configuration, and say what to mend.
    Doctor(DoctorArgs),
    /// Say what the rules make of a call, and why; nobody is asked.
    Explain(ExplainArgs),
    /// Call a tool through a gateway, and show where the time went.
    Call(CallArgs),
    /// Fetch a token for a gateway.
    Token(TokenArgs),
    /// Write the dashboards that fit this version, look whether a folder has them, or put those of
    /// CloudWatch into an account.
    #[command(subcommand)]
    Dashboards(Dashboards),
    /// Write the alarms that fit this version, look whether a folder has them, or put those of
    /// CloudWatch into an account.
    #[command(subcommand)]
    Alarms(Alarms),
    /// See and approve what the targets say of their tools.
    #[command(subcommand)]
    Pins(Pins),
    /// Make, list and revoke API keys.
    #[command(subcommand)]
    Keys(Keys),
    /// Look whether an audit log is whole, or what it says.
    #[command(subcommand)]
    Audit(Audit),
    /// Say who gains and who loses by another configuration, from the audit log.
    WhatIf(WhatIfArgs),
    /// Change for a while how much a running gateway says in its log.
    LogLevel(LogLevelArgs),
    /// Print the JSON Schema of the configuration, for editors.
    Schema,
}

/// `toolgate serve`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  toolgate serve --config toolgate.yaml\n\n\
    SIGTERM or SIGINT drains: no new connections, calls in flight finish, then exit 0.\n\
    A second SIGINT quits at once. SIGHUP opens the access log again, after it was renamed,\n\
    and reads the pins file, the key file and the files of `tls` again.\n\
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
#[command(after_help = "Examples:\n  toolgate dev\n  toolgate dev --agent\n  \
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
    /// Start the DevOps agent too, with its chat page. Without a model of its own it answers by rules.
    #[arg(long)]
    pub agent: bool,
    /// The port for the agent's page.
    #[arg(long, default_value_t = 8080, requires = "agent")]
    pub agent_port: u16,
    /// Print the configuration that `dev` would run, and stop.
    #[arg(long)]
    pub print_config: bool,
    /// The command of --stdio.
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// `toolgate dashboards`.
#[derive(Debug, Subcommand)]
pub enum Dashboards {
    /// Files.
    #[command(flatten)]
    Files(Files),
    /// Put the dashboards of CloudWatch into an account.
    Apply(DashboardsApply),
}

/// `toolgate alarms`.
#[derive(Debug, Subcommand)]
pub enum Alarms {
    /// Files.
    #[command(flatten)]
    Files(Files),
    /// Put the alarms of CloudWatch into an account.
    Apply(AlarmsApply),
}

/// What `render` and `diff` do with files, of dashboards and of alarms.
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

/// What both `apply` commands end their help with.
const APPLIED: &str = "What is there is read first, and only what differs is written: a second run \
    changes nothing.\nWhat is there under the same names is replaced. Credentials come from the \
    environment, a profile, the container\nor the machine.\n\nExit codes: 0 done, 1 --dry-run found \
    something to do, 2 usage, no region, or a binary without AWS,\n4 credentials missing, refused or \
    not sufficient, 6 AWS not reached, or it failed,\n9 CloudWatch complains, or our own checks found \
    what it would not take.";

/// What both `apply` commands are told.
#[derive(Args, Clone, Debug, Default)]
pub struct ApplyArgs {
    /// The region [default: what AWS_REGION, the profile or the machine says].
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// The URL of CloudWatch, for emulators and private endpoints [default: AWS_ENDPOINT_URL, or AWS].
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// Print what would be done, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Remove what was put there by this command under this prefix, and exists no more.
    #[arg(long)]
    pub prune: bool,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// `toolgate dashboards apply`.
#[derive(Args, Clone, Debug)]
#[command(
    before_help = "Examples:\n  toolgate dashboards apply --region us-east-1 --dry-run\n  \
        toolgate dashboards apply --region us-east-1 --prefix staging --prune\n\n\
        IAM: cloudwatch:GetDashboard, PutDashboard; with --prune ListDashboards, DeleteDashboards.",
    after_help = APPLIED
)]
pub struct DashboardsApply {
    /// Where, and how.
    #[command(flatten)]
    pub apply: ApplyArgs,
    /// What names begin with; a hyphen follows [default: nothing].
    #[arg(long, value_name = "NAME", value_parser = prefix)]
    pub prefix: Option<String>,
    /// The log group that the access log goes to.
    #[arg(long, value_name = "NAME", default_value = "/toolgate/access", value_parser = log_group)]
    pub log_group: String,
}

/// `toolgate alarms apply`.
#[derive(Args, Clone, Debug)]
#[command(
    before_help = "Examples:\n  toolgate alarms apply --region us-east-1 --dry-run\n  \
        toolgate alarms apply --page-topic arn:aws:sns:us-east-1:123456789012:pages \\\n    \
        --ticket-topic arn:aws:sns:us-east-1:123456789012:tickets\n\n\
        IAM: cloudwatch:DescribeAlarms, PutMetricAlarm, PutCompositeAlarm; with --prune DeleteAlarms.",
    after_help = APPLIED
)]
pub struct AlarmsApply {
    /// Where, and how.
    #[command(flatten)]
    pub apply: ApplyArgs,
    /// What names begin with; a hyphen follows.
    #[arg(long, value_name = "NAME", default_value = "Toolgate", value_parser = prefix)]
    pub prefix: String,
    /// The SNS topic that wakes somebody; without it nobody is woken.
    #[arg(long, value_name = "ARN", value_parser = topic)]
    pub page_topic: Option<String>,
    /// The SNS topic that is read on working days; without it nobody is told.
    #[arg(long, value_name = "ARN", value_parser = topic)]
    pub ticket_topic: Option<String>,
}

/// `toolgate log-level`.
#[derive(Args, Clone, Debug)]
#[command(
    before_help = "Examples:\n  toolgate log-level                              what it is now\n  \
        toolgate log-level debug\n  \
        toolgate log-level info,toolgate_reach=debug --for 10m\n  \
        toolgate log-level info --admin http://127.0.0.1:9464",
    after_help = "Without --admin, the newest `toolgate dev` of this user is asked, else \
        http://127.0.0.1:9464.\nOnly from the machine itself can the level be changed. It returns to \
        `log.level` of the configuration by itself.\n\nExit codes: 0 done, 2 usage, 4 not from here, \
        7 no gateway answers."
)]
pub struct LogLevelArgs {
    /// off, error, warn, info, debug or trace; after commas PART=LEVEL for parts of the program.
    /// Without it, the level is printed.
    #[arg(value_name = "LEVEL")]
    pub level: Option<String>,
    /// When the level returns: 30s, 10m, 2h; at most 24h [default: 15m].
    #[arg(long = "for", value_name = "DURATION", requires = "level")]
    pub time: Option<String>,
    /// The admin server of the gateway.
    #[arg(long, value_name = "URL")]
    pub admin: Option<String>,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

fn prefix(text: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if fits { Ok(text.to_owned()) } else { Err("1 to 64 letters, digits, - and _".to_owned()) }
}

fn log_group(text: &str) -> Result<String, String> {
    let fits = (1..=512).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_/.#".contains(c));
    if fits { Ok(text.to_owned()) } else { Err("1 to 512 letters, digits and -_/.#".to_owned()) }
}

fn topic(text: &str) -> Result<String, String> {
    let parts: Vec<_> = text.split(':').collect();
    let fits = matches!(parts[..], ["arn", partition, "sns", region, account, name]
        if partition.starts_with("aws") && ![region, account, name].contains(&""));
    if fits {
        Ok(text.to_owned())
    } else {
        Err("write the ARN of a topic: arn:aws:sns:us-east-1:123456789012:name".to_owned())
    }
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
