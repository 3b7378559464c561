//! Whether every tool rule is about a target that exists and changes something.
//!
//! In: `tools` and the names of `targets`. Out: mistakes. It never asks a target
//! which tools it has: that is known only at run time.

use crate::config::code;
use crate::config::file::{File, Tool};
use crate::config::near::nearest;
use crate::config::report::{Mistake, listing, quote};
use crate::config::review::Review;
use crate::config::tree::Body;

pub(super) fn check(file: &File, review: &mut Review<'_>) {
    let targets = target_names(review);
    for (name, tool) in &file.tools.0 {
        check_key(name, &targets, review);
        check_budget(name, tool, review);
    }
}

fn check_key(name: &str, targets: &[String], review: &mut Review<'_>) {
    let at = review.key_at(&["tools", name]);
    let names = || targets.iter().map(String::as_str);
    let (target, tool) = match name.split_once("___") {
        Some((target, tool)) if !target.is_empty() && !tool.is_empty() => (target, tool),
        Some(_) | None => {
            let help = format!("write `{}`", full_name(name, targets));
            review.add(
                Mistake::new(
                    code::TOOL_KEY,
                    at,
                    format!("{} is not a full tool name", quote(name)),
                )
                .label("expected `target___tool`")
                .help(help),
            );
            return;
        }
    };
    if names().any(|known| known == target) {
        return;
    }
    let help = match nearest(target, names()) {
        Some(known) => format!("did you mean `{known}___{tool}`?"),
        None if targets.is_empty() => "add the target, or remove this rule".to_owned(),
        None => format!("the targets are {}", listing(names())),
    };
    let message = format!("tool rule for unknown target {}", quote(target));
    review.add(Mistake::new(code::TOOL_KEY, at, message).label("no such target").help(help));
}

/// The full name that was probably meant: another separator, or none at all.
fn full_name(name: &str, targets: &[String]) -> String {
    let separators = ['_', '-', '.', '/', ':'];
    let split = targets.iter().find_map(|target| {
        let tool = name.strip_prefix(target.as_str())?.strip_prefix(separators)?;
        Some((target, tool.trim_start_matches(separators)))
    });
    match split {
        Some((target, tool)) if !tool.is_empty() => format!("{target}___{tool}"),
        Some(_) | None => {
            let target = targets.first().map_or("github", String::as_str);
            format!("{target}___{}", name.trim_matches('_'))
        }
    }
}

/// The budget for retries is kept per target: one tool's share of it would mean nothing.
fn check_budget(name: &str, tool: &Tool, review: &mut Review<'_>) {
    if tool.retry.as_ref().and_then(|retry| retry.budget).is_none() {
        return;
    }
    let target = name.split_once("___").map_or("NAME", |(target, _)| target);
    let at = review.key_at(&["tools", name, "retry", "budget"]);
    review.add(
        Mistake::new(code::NO_EFFECT, at, "`budget` has no effect on a single tool")
            .label("all tools of a target share its budget")
            .help(format!("write it at the target: `targets.{target}.retry.budget`")),
    );
}

/// All target names written, also those of targets that were refused.
pub(super) fn target_names(review: &Review<'_>) -> Vec<String> {
    let Some(node) = review.tree.get(&["targets"]) else { return Vec::new() };
    match &node.body {
        Body::Map(map) => {
            let kept = map.entries.iter().map(|entry| entry.key.clone());
            kept.chain(map.dropped.iter().cloned()).collect()
        }
        Body::Scalar(_) | Body::List(_) | Body::Hole => Vec::new(),
    }
}
