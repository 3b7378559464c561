//! The command line.
//!
//! Enters: words. Leaves: a typed command. Never: a setting that the table of keys does not have.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// The DevOps agent that lives beside the gateway.
#[derive(Debug, Parser)]
#[command(name = "toolgate-agent", version, about, arg_required_else_help = true)]
pub struct Cli {
    /// How it is set up.
    #[command(flatten)]
    pub setup: Setup,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Where settings come from. Without a gateway in them, a running `toolgate dev` of this user is it.
#[derive(Args, Clone, Debug, Default)]
pub struct Setup {
    /// A file of settings (YAML or JSON).
    #[arg(long, global = true, value_name = "FILE", env = "TOOLGATE_AGENT_CONFIG")]
    pub config: Option<PathBuf>,
    /// One setting; may be repeated. `toolgate-agent config keys` lists them.
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Settings of the Parameter Store, under `/app/{app}/{env}/`.
    #[arg(long, global = true)]
    pub ssm: bool,
    /// The application, in the names of parameters.
    #[arg(long, global = true, default_value = "devopsagent")]
    pub app: String,
    /// The environment, in the names of parameters.
    #[arg(long, global = true, default_value = "prod")]
    pub env: String,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Asks one question and prints the answer; what goes on is told on standard error.
    Ask(Ask),
    /// Talks in the terminal.
    Chat(Chat),
    /// Serves the HTTP runtime (AgentCore's contract) and the chat page.
    Serve,
    /// Shows, checks and moves settings.
    #[command(subcommand)]
    Config(Settings),
}

/// See [`Command::Ask`].
#[derive(Args, Debug)]
pub struct Ask {
    /// The question; `-` reads it from standard input.
    #[arg(required = true)]
    pub question: Vec<String>,
    /// The model's key in the catalogue.
    #[arg(long, short)]
    pub model: Option<String>,
    /// The conversation to go on with.
    #[arg(long, short)]
    pub session: Option<String>,
    /// One JSON document with the answer, its steps and where the time went.
    #[arg(long)]
    pub json: bool,
    /// Nothing but the answer.
    #[arg(long, short)]
    pub quiet: bool,
}

/// See [`Command::Chat`].
#[derive(Args, Debug)]
pub struct Chat {
    /// The model's key in the catalogue.
    #[arg(long, short)]
    pub model: Option<String>,
    /// The conversation to go on with.
    #[arg(long, short)]
    pub session: Option<String>,
}

/// See [`Command::Config`].
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Settings {
    /// Checks every setting, and tells everything that is wrong at once.
    Check,
    /// Prints what is set and where it comes from; secrets are dots.
    Show,
    /// Finds the memory at AgentCore or makes it, waits until it can be used, and prints its id; with
    /// --ssm the id is written to the Parameter Store, too. A second run changes nothing.
    Ensure,
    /// Says what `push` would change in the Parameter Store; 1 if anything.
    Diff,
    /// Writes what the file and flags set to the Parameter Store; what is there and not in the file stays.
    Push,
    /// Prints what is in the Parameter Store as a file; secrets are named and left out.
    Pull,
    /// Prints the reference of the keys (Markdown).
    Keys,
}
