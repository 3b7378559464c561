//! Differences, for people and for scripts.
//!
//! Enters: what was approved, and what targets list. Leaves: text or JSON. Never: words of a target
//! that steer the terminal, or that are not seen; and never only the beginning of a long text whose
//! end has changed.

mod excerpt;

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use toolgate_call::Refusal;
use toolgate_mcp::contract::{
    Actions, Definition, Difference, Pin, Surveyed, canonical, printable, survey,
};
use toolgate_telemetry::{ContractAction, ContractChange, Word as _};

use super::ask::Asked;
use crate::config::{PinFile, Pins};
pub(super) use excerpt::excerpts;

/// Characters of a description in the list of what was approved.
const GLIMPSE: usize = 60;

/// How targets differ.
#[derive(Debug)]
pub(super) struct Shown {
    targets: Vec<Target>,
}

#[derive(Debug)]
struct Target {
    name: String,
    failed: Option<Refusal>,
    tools: Vec<Tool>,
}

#[derive(Debug)]
struct Tool {
    name: String,
    classes: Vec<&'static str>,
    action: ContractAction,
    approved: Option<Definition>,
    seen: Option<Definition>,
    places: Vec<Place>,
    more: usize,
}

/// A difference, with what was there and what is.
#[derive(Debug)]
struct Place {
    pointer: String,
    classes: Vec<&'static str>,
    old: Option<Value>,
    new: Option<Value>,
}

// === impl Shown ===

impl Shown {
    /// The differences of the tools that are wanted.
    pub(super) fn of(pins: &Pins, asked: &[Asked], wanted: impl Fn(&str, &str) -> bool) -> Self {
        let targets = asked.iter().map(|asked| {
            let actions = pins.targets.iter().find(|(name, _)| *name == asked.target);
            let actions = actions.map_or(Actions::all(ContractAction::Quarantine), |(_, a)| *a);
            let approved = approved_of(pins, &asked.target);
            let (tools, failed) = match &asked.tools {
                Err(refusal) => (Vec::new(), Some(refusal.clone())),
                Ok(tools) => {
                    let seen: Vec<_> = tools
                        .iter()
                        .map(|tool| (tool.name.clone(), tool.definition.clone()))
                        .collect();
                    let differ = survey(&approved, &seen).into_iter();
                    let differ = differ.filter(|one| wanted(&asked.target, one.name));
                    (differ.map(|one| Tool::of(&one, &actions)).collect(), None)
                }
            };
            Target { name: asked.target.clone(), failed, tools }
        });
        Self { targets: targets.collect() }
    }

    /// Whether nothing differs.
    pub(super) fn is_empty(&self) -> bool {
        self.targets.iter().all(|target| target.tools.is_empty())
    }

    /// The first tool that cannot be approved, and why.
    pub(super) fn unreadable(&self) -> Option<(String, String)> {
        let mut tools = self
            .targets
            .iter()
            .flat_map(|target| target.tools.iter().map(move |tool| (&target.name, tool)));
        tools.find_map(|(target, tool)| {
            let why = tool.seen.as_ref()?.value().err()?;
            Some((format!("{target}___{}", printable(&tool.name)), why.to_string()))
        })
    }

    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        for target in &self.targets {
            target.write(&mut out);
        }
        if out.is_empty() {
            out.push_str("nothing differs from what was approved\n");
        }
        out
    }

    pub(super) fn json(&self) -> Value {
        let targets: Vec<Value> = self.targets.iter().map(Target::json).collect();
        json!({ "changed": !self.is_empty(), "targets": targets })
    }
}

fn approved_of(pins: &Pins, target: &str) -> HashMap<String, Pin> {
    let tools = pins.approved.targets.get(target);
    tools.into_iter().flatten().map(|(name, pin)| (name.clone(), pin.clone())).collect()
}

// === impl Target ===

impl Target {
    fn write(&self, out: &mut String) {
        // Into memory: none of this can fail.
        if let Some(refusal) = &self.failed {
            let _written = writeln!(out, "{}\n  cannot be asked: {refusal}", self.name);
        }
        if self.tools.is_empty() {
            return;
        }
        let _written = writeln!(out, "{}", self.name);
        for tool in &self.tools {
            tool.write(out);
        }
    }

    fn json(&self) -> Value {
        let error = self.failed.as_ref().map(
            |refusal| json!({ "reason": refusal.reason().as_str(), "message": refusal.message() }),
        );
        let tools: Vec<Value> = self.tools.iter().map(Tool::json).collect();
        json!({ "target": self.name, "error": error, "tools": tools })
    }
}

// === impl Tool ===

impl Tool {
    fn of(one: &Surveyed<'_>, actions: &Actions) -> Self {
        let approved = one.approved.map(|pin| Definition::read(pin.definition.as_bytes()));
        let seen = one.seen.cloned();
        let at = |definition: &Option<Definition>, pointer: &str| {
            definition.as_ref()?.value().ok()?.pointer(pointer).cloned()
        };
        let mut places: Vec<Place> = Vec::new();
        for Difference { pointer, class } in &one.change.differences {
            match places.iter_mut().find(|place| place.pointer == *pointer) {
                Some(place) => place.classes.push(class.word()),
                None => places.push(Place {
                    pointer: pointer.clone(),
                    classes: vec![class.word()],
                    old: at(&approved, pointer),
                    new: at(&seen, pointer),
                }),
            }
        }
        Self {
            name: one.name.to_owned(),
            classes: one.change.classes.iter().map(ContractChange::word).collect(),
            action: actions.about(one.change.classes),
            places,
            more: one.change.more,
            approved,
            seen,
        }
    }

    fn write(&self, out: &mut String) {
        let (name, classes) = (printable(&self.name), self.classes.join(", "));
        let _written = writeln!(out, "  {name}  {classes} → {}", self.action.word());
        if let Some(why) = self.seen.as_ref().and_then(|seen| seen.value().err()) {
            let _written = writeln!(out, "    cannot be approved: {}", printable(&why.to_string()));
            return;
        }
        for place in &self.places {
            let at = if place.pointer.is_empty() { "the whole" } else { &place.pointer };
            let _written = writeln!(out, "    {} ({})", printable(at), place.classes.join(", "));
            let (old, new) = excerpts(text(&place.old).as_deref(), text(&place.new).as_deref());
            for (sign, text) in [("-", old), ("+", new)] {
                if let Some(text) = text {
                    let _written = writeln!(out, "      {sign} {text}");
                }
            }
        }
        if self.more > 0 {
            let _written = writeln!(out, "    and {} more places", self.more);
        }
    }

    fn json(&self) -> Value {
        let hash = |of: &Option<Definition>| of.as_ref().map(|one| one.hash().to_string());
        let place = |place: &Place| {
            json!({
                "pointer": place.pointer, "classes": place.classes,
                "old": place.old, "new": place.new,
            })
        };
        let unreadable = self.seen.as_ref().and_then(|seen| seen.value().err());
        json!({
            "tool": self.name, "classes": self.classes, "action": self.action.word(),
            "approved": hash(&self.approved), "seen": hash(&self.seen),
            "unreadable": unreadable.map(ToString::to_string),
            "differences": self.places.iter().map(place).collect::<Vec<_>>(), "more": self.more,
        })
    }
}

fn text(value: &Option<Value>) -> Option<String> {
    let bytes = canonical(value.as_ref()?);
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// What was approved, a line a tool.
pub(super) fn approved(file: &PinFile) -> String {
    let mut out = String::new();
    for (target, tools) in &file.targets {
        let _written = writeln!(out, "{target}");
        for (name, pin) in tools {
            let hash: String = pin.hash.to_string().chars().take(12).collect();
            let value: Value = pin.definition.parse().unwrap_or_default();
            let said = value.get("description").and_then(Value::as_str).unwrap_or_default();
            let glimpse: String = said.chars().take(GLIMPSE).collect();
            let end = if glimpse.len() < said.len() { "…" } else { "" };
            let _written =
                writeln!(out, "  {hash}  {}  {}{end}", printable(name), printable(&glimpse));
        }
    }
    if out.is_empty() {
        out.push_str("nothing was approved\n");
    }
    out
}
