//! `toolgate pins`: what targets say of their tools, beside what was approved.
//!
//! Enters: a configuration with `pins`. Leaves: how the targets differ, or a pins file that approves
//! what they say now. Never: a call of a tool; a question to a gateway that runs: what it saw, it saw
//! with the same credentials, and this works before there is one.

mod accept;
mod ask;
mod render;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use self::ask::Asked;
use super::{check, say};
use crate::cli::Output;
use crate::config::{self, Config};
use crate::exit::Exit;

/// What all of them end their help with.
const CODES: &str = "Exit codes: 0 nothing differs, or done; 1 something differs; 2 usage; \
    3 the configuration or\nthe pins file is wrong; 6 a target could not be asked; 9 a definition \
    that cannot be approved,\nsince readers would not agree on what it says.";

/// `toolgate pins`.
#[derive(Debug, Subcommand)]
pub enum Pins {
    /// Ask the targets, and show where they differ from what was approved.
    Diff(DiffArgs),
    /// Ask the targets, and approve what they say now.
    Accept(AcceptArgs),
    /// Show what was approved; nobody is asked.
    Show(ShowArgs),
}

/// Whose configuration, and how it is printed.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// The configuration; its `pins.file` is the file.
    #[arg(long, short, value_name = "FILE")]
    pub config: PathBuf,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// `toolgate pins diff`.
#[derive(Args, Clone, Debug)]
#[command(
    before_help = "Examples:\n  toolgate pins diff --config toolgate.yaml\n  \
        toolgate pins diff --config toolgate.yaml --target github --output json",
    after_help = CODES
)]
pub struct DiffArgs {
    /// Where.
    #[command(flatten)]
    pub common: Common,
    /// Only this target; may be repeated.
    #[arg(long, value_name = "TARGET")]
    pub target: Vec<String>,
}

/// `toolgate pins accept`.
#[derive(Args, Clone, Debug)]
#[command(
    group(ArgGroup::new("what").args(["all", "target", "tool"]).required(true).multiple(true)),
    before_help = "Examples:\n  toolgate pins accept --config toolgate.yaml --all\n  \
        toolgate pins accept --config toolgate.yaml --target github\n  \
        toolgate pins accept --config toolgate.yaml --tool github___search_issues\n\n\
        What was accepted is printed, and stands in the file: look at it before you commit it.\n\
        A gateway that runs reads the file again on SIGHUP. If a target cannot be asked, nothing\n\
        is written.",
    after_help = CODES
)]
pub struct AcceptArgs {
    /// Where.
    #[command(flatten)]
    pub common: Common,
    /// All tools of all targets, and nothing of targets that are configured no more.
    #[arg(long, conflicts_with_all = ["target", "tool"])]
    pub all: bool,
    /// All tools of this target; may be repeated.
    #[arg(long, value_name = "TARGET")]
    pub target: Vec<String>,
    /// This tool, as target___tool; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub tool: Vec<String>,
}

/// `toolgate pins show`.
#[derive(Args, Clone, Debug)]
#[command(
    before_help = "Example:\n  toolgate pins show --config toolgate.yaml",
    after_help = CODES
)]
pub struct ShowArgs {
    /// Where.
    #[command(flatten)]
    pub common: Common,
}

/// Why a command did not do what it should.
#[derive(Debug)]
struct Failed {
    exit: Exit,
    message: String,
    help: &'static str,
}

/// Runs the command.
pub async fn run(
    what: &Pins,
    out: &mut (impl Write + Send),
    err: &mut (impl Write + Send),
) -> Exit {
    let common = match what {
        Pins::Diff(args) => &args.common,
        Pins::Accept(args) => &args.common,
        Pins::Show(args) => &args.common,
    };
    let load = if matches!(what, Pins::Show(_)) { check::load } else { check::load_to_write };
    let config = match load(&common.config, common.output, out, err) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let done = match what {
        Pins::Diff(args) => diff(args, &config, out, err).await,
        Pins::Accept(args) => accept::run(args, &config, out, err).await,
        Pins::Show(_) => pins(&config).map(|pins| show(common.output, pins, out)),
    };
    done.unwrap_or_else(|failed| failed.told(common.output, (out, err)))
}

/// What the configuration says of pins.
fn pins(config: &Config) -> Result<&config::Pins, Failed> {
    config.pins.as_ref().ok_or_else(|| {
        let message = "the configuration has no `pins`".to_owned();
        let help = "add `pins: { file: toolgate.pins.json }` to it";
        Failed { exit: Exit::Config, message, help }
    })
}

/// The targets of these names; all of them when there are none.
fn chosen<'a>(pins: &'a config::Pins, names: &[String]) -> Result<Vec<&'a str>, Failed> {
    let all = || pins.targets.iter().map(|(name, _)| name.as_str());
    if let Some(unknown) = names.iter().find(|name| !all().any(|known| known == *name)) {
        let message = format!("there is no target `{unknown}` that is held to pins");
        let help =
            "`targets` of the configuration has the names; built-in ones are not held to pins";
        return Err(Failed { exit: Exit::Usage, message, help });
    }
    Ok(all().filter(|name| names.is_empty() || names.iter().any(|one| one == name)).collect())
}

async fn diff(
    args: &DiffArgs,
    config: &Config,
    out: &mut impl Write,
    err: &mut impl Write,
) -> Result<Exit, Failed> {
    let pins = pins(config)?;
    let asked = ask::ask(config, &chosen(pins, &args.target)?).await?;
    let shown = render::Shown::of(pins, &asked, |_, _| true);
    match args.common.output {
        Output::Text => say(out, &shown.text()),
        Output::Json => say(out, &format!("{}\n", shown.json())),
    }
    if let Some(failed) = unasked(&asked) {
        if args.common.output == Output::Text {
            say(err, &failed.text());
        }
        return Ok(failed.exit);
    }
    Ok(if shown.is_empty() { Exit::Ok } else { Exit::Differs })
}

/// The targets that could not be asked.
fn unasked(asked: &[Asked]) -> Option<Failed> {
    let names: Vec<_> = asked
        .iter()
        .filter(|one| one.tools.is_err())
        .map(|one| format!("`{}`", one.target))
        .collect();
    (!names.is_empty()).then(|| Failed {
        exit: Exit::Target,
        message: format!("{} could not be asked", names.join(", ")),
        help: "check that it runs and is reached from here; --target leaves others out",
    })
}

fn show(output: Output, pins: &config::Pins, out: &mut impl Write) -> Exit {
    match output {
        Output::Json => say(out, &pins.approved.render()),
        Output::Text => say(out, &render::approved(&pins.approved)),
    }
    Exit::Ok
}

// === impl Failed ===

impl Failed {
    fn text(&self) -> String {
        let help = if self.help.is_empty() {
            String::new()
        } else {
            format!("   = help: {}\n", self.help)
        };
        format!("error: {}\n{help}", self.message)
    }

    fn told(&self, output: Output, (out, err): (&mut impl Write, &mut impl Write)) -> Exit {
        match output {
            Output::Text => say(err, &self.text()),
            Output::Json => {
                let error = serde_json::json!({ "message": self.message, "help": self.help });
                say(out, &format!("{}\n", serde_json::json!({ "error": error })));
            }
        }
        self.exit
    }
}

/// What was approved, or is listed, of one target: definitions by the target's own names.
type ByName<T> = BTreeMap<String, T>;
