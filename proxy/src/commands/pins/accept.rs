//! `toolgate pins accept`: what targets say now becomes what was approved.
//!
//! Enters: which tools. Leaves: the pins file, with them as they are. Never: half a file; and never a
//! tool that was not named.

use std::collections::BTreeMap;
use std::io::Write;

use toolgate_call::name;
use toolgate_mcp::OfferedTool;
use toolgate_mcp::contract::Pin;

use super::ask::{Asked, ask};
use super::render::Shown;
use super::{AcceptArgs, ByName, Failed, chosen, pins, unasked};
use crate::cli::Output;
use crate::commands::{say, whole};
use crate::config::{self, Config, PinFile};
use crate::exit::Exit;

/// Which tools are accepted.
struct Choice {
    /// Whole targets.
    targets: Vec<String>,
    /// Single tools: target and name.
    tools: Vec<(String, String)>,
    all: bool,
}

/// Runs the command.
pub(super) async fn run(
    args: &AcceptArgs,
    config: &Config,
    out: &mut impl Write,
    err: &mut impl Write,
) -> Result<Exit, Failed> {
    let pins = pins(config)?;
    let choice = Choice::of(args)?;
    let asked = ask(config, &choice.targets_of(pins)?).await?;
    if let Some(failed) = unasked(&asked) {
        return Err(failed);
    }
    choice.check(pins, &asked)?;
    let shown = Shown::of(pins, &asked, |target, tool| choice.has(target, tool));
    if let Some((tool, why)) = shown.unreadable() {
        let message = format!("`{tool}` cannot be approved, and nothing was: {why}");
        let help = "have the target mended, or leave the tool out: it stays in quarantine";
        return Err(Failed { exit: Exit::Invalid, message, help });
    }
    let approved = choice.applied(pins, &asked);
    let differs = approved.render() != pins.approved.render() || !pins.file.exists();
    if differs {
        whole::whole(&pins.file, &approved.render()).map_err(|error| Failed {
            exit: Exit::Config,
            message: format!("{} cannot be written: {error}", pins.file.display()),
            help: "let this user write in its folder, or name another file in `pins`",
        })?;
    }
    told(args, pins, &shown, differs, (out, err));
    Ok(Exit::Ok)
}

fn told(
    args: &AcceptArgs,
    pins: &config::Pins,
    shown: &Shown,
    written: bool,
    (out, err): (&mut impl Write, &mut impl Write),
) {
    let file = pins.file.display();
    match args.common.output {
        Output::Json => {
            let mut all = shown.json();
            if let Some(all) = all.as_object_mut() {
                all.insert("file".to_owned(), file.to_string().into());
                all.insert("written".to_owned(), written.into());
            }
            say(out, &format!("{all}\n"));
        }
        Output::Text => {
            say(out, &shown.text());
            let line = if written {
                format!("wrote {file}; a gateway that runs reads it again on SIGHUP\n")
            } else {
                format!("{file} says so already\n")
            };
            say(err, &line);
        }
    }
}

// === impl Choice ===

impl Choice {
    fn of(args: &AcceptArgs) -> Result<Self, Failed> {
        let split = |full: &String| {
            name::split(full).map(|(target, tool)| (target.to_owned(), tool.to_owned())).ok_or_else(
                || Failed {
                    exit: Exit::Usage,
                    message: format!("`{full}` is not a full tool name"),
                    help: "write target___tool",
                },
            )
        };
        let tools = args.tool.iter().map(split).collect::<Result<_, _>>()?;
        Ok(Self { targets: args.target.clone(), tools, all: args.all })
    }

    fn has(&self, target: &str, tool: &str) -> bool {
        self.all
            || self.targets.iter().any(|name| name == target)
            || self.tools.iter().any(|(of, name)| of == target && name == tool)
    }

    /// The targets that must be asked.
    fn targets_of<'a>(&self, pins: &'a config::Pins) -> Result<Vec<&'a str>, Failed> {
        if self.all {
            return chosen(pins, &[]);
        }
        let of_tools = self.tools.iter().map(|(target, _)| target.clone());
        let names: Vec<String> = self.targets.iter().cloned().chain(of_tools).collect();
        chosen(pins, &names)
    }

    /// Whether the single tools are there, or were.
    fn check(&self, pins: &config::Pins, asked: &[Asked]) -> Result<(), Failed> {
        for (target, tool) in &self.tools {
            let was = pins.approved.targets.get(target).is_some_and(|all| all.contains_key(tool));
            let is = asked.iter().filter(|one| one.target == *target).any(|one| {
                one.tools.as_ref().is_ok_and(|all| all.iter().any(|one| one.name == *tool))
            });
            if !was && !is {
                let message = format!("`{target}` has no tool `{tool}`, and had none");
                let help = "`toolgate pins diff` has the names";
                return Err(Failed { exit: Exit::Usage, message, help });
            }
        }
        Ok(())
    }

    /// What was approved, with the chosen tools as they are now.
    fn applied(&self, pins: &config::Pins, asked: &[Asked]) -> PinFile {
        let held = |name: &str| pins.targets.iter().any(|(target, _)| target == name);
        let mut targets: ByName<ByName<Pin>> = pins.approved.targets.clone();
        if self.all {
            targets.retain(|name, _| held(name));
        }
        for Asked { target, tools } in asked {
            let Ok(tools) = tools else { continue };
            let before = targets.remove(target).unwrap_or_default();
            targets.insert(target.clone(), self.of_target(target, &before, tools));
        }
        PinFile { targets }
    }

    fn of_target(&self, target: &str, before: &ByName<Pin>, tools: &[OfferedTool]) -> ByName<Pin> {
        let kept = before.iter().filter(|(name, _)| !self.has(target, name));
        let mut pins: BTreeMap<_, _> =
            kept.map(|(name, pin)| (name.clone(), pin.clone())).collect();
        for tool in tools.iter().filter(|tool| self.has(target, &tool.name)) {
            // What is the same stays as it is written.
            let same = before.get(&tool.name).filter(|pin| pin.hash == tool.definition.hash());
            let new = || Pin { hash: tool.definition.hash(), definition: tool.raw.clone() };
            pins.insert(tool.name.clone(), same.cloned().unwrap_or_else(new));
        }
        pins
    }
}
