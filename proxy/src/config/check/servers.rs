//! Whether every server has something, and every pattern of it could fit something.
//!
//! In: `servers` and the names of `targets`. Out: mistakes. It never asks a target
//! what it has: a pattern that fits nothing there is a warning at run time.

use std::collections::HashMap;

use toolgate_call::name::{SEPARATOR, is_target, split};
use toolgate_mcp::Pattern;

use super::tools::target_names;
use crate::config::choice::{Builtin, Prefix};
use crate::config::code;
use crate::config::file::{File, Names, Server};
use crate::config::near::nearest;
use crate::config::report::{Mistake, listing, quote};
use crate::config::review::Review;

/// The most servers: each has a catalog of its own.
const MOST: usize = 64;

pub(super) fn check(file: &File, review: &mut Review<'_>) {
    let targets = target_names(review);
    let servers = &file.servers.0;
    if servers.len() > MOST {
        let message = format!("{} servers are too many", servers.len());
        let at = review.key_at(&["servers"]);
        review.add(
            Mistake::new(code::OUT_OF_RANGE, at, message).help(format!("have {MOST} at most")),
        );
    }
    for (name, server) in servers {
        check_name(name, review);
        check_targets((name, server), &targets, review);
        for (key, names) in [("tools", &server.tools), ("prompts", &server.prompts)] {
            let Some(names) = names else { continue };
            check_lists((name, key), names, review);
            check_patterns((name, key), (server, names), review);
        }
        if let Some(names) = &server.resources {
            check_lists((name, "resources"), names, review);
        }
        if server.prefix.or(file.prefix) == Some(Prefix::Never) {
            check_plain_names(file, (name, server), review);
        }
    }
}

/// It stands in a path, and in log lines.
fn check_name(name: &str, review: &mut Review<'_>) {
    if is_target(name) {
        return;
    }
    let at = review.key_at(&["servers", name]);
    review.add(
        Mistake::new(code::SERVER, at, format!("{} cannot name a server", quote(name)))
            .label("it becomes the end of the path `/mcp/NAME`")
            .help("use letters, digits and single hyphens between them, 1 to 48 in all"),
    );
}

fn check_targets((name, server): (&str, &Server), known: &[String], review: &mut Review<'_>) {
    let path = ["servers", name, "targets"];
    if review.has(&path) && review.tree.is_empty(&path) {
        let at = review.at(&path);
        review.add(
            Mistake::new(code::SERVER, at, format!("server {} has no targets", quote(name)))
                .help(format!("name some; the targets are {}", listing(names(known)))),
        );
    }
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (index, target) in server.targets.iter().enumerate() {
        let at = review.at(&["servers", name, "targets", &index.to_string()]);
        if let Some(line) = seen.insert(target, at.line) {
            let message = format!("target {} is named twice", quote(target));
            review.add(
                Mistake::new(code::DUPLICATE, at, message)
                    .help(format!("it is on line {line} already; remove one")),
            );
        }
        if names(known).any(|known| known == target) {
            continue;
        }
        let help = match nearest(target, names(known)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the targets are {}", listing(names(known))),
        };
        let message = format!("there is no target {}", quote(target));
        review.add(Mistake::new(code::SERVER, at, message).label("no such target").help(help));
    }
}

/// Lists without anything in them.
fn check_lists((name, key): (&str, &str), written: &Names, review: &mut Review<'_>) {
    let (whole, allow, deny) =
        (["servers", name, key], ["servers", name, key, "allow"], ["servers", name, key, "deny"]);
    if review.tree.is_empty(&whole) {
        let message = format!("`{key}` selects nothing and leaves nothing out");
        review.add(
            Mistake::new(code::NO_EFFECT, review.key_at(&whole), message)
                .help("write `allow` or `deny` below it, or remove it"),
        );
        return;
    }
    if written.allow.is_empty() && review.has(&allow) && review.tree.is_empty(&allow) {
        let message = "`allow` is empty";
        review.add(
            Mistake::new(code::SERVER, review.at(&allow), message)
                .label("is it all, or none?")
                .help("for all remove it; for none write `deny: [\"*\"]` instead"),
        );
    }
    if written.deny.is_empty() && review.has(&deny) && review.tree.is_empty(&deny) {
        let message = "`deny` is empty and has no effect";
        review.add(Mistake::new(code::NO_EFFECT, review.at(&deny), message).help("remove it"));
    }
}

/// Patterns that no name of the server's targets could ever fit.
fn check_patterns(
    (name, key): (&str, &str),
    (server, written): (&Server, &Names),
    review: &mut Review<'_>,
) {
    let kind = key.trim_end_matches('s');
    for (list, patterns) in [("allow", &written.allow), ("deny", &written.deny)] {
        for (index, pattern) in patterns.iter().enumerate() {
            let at = review.at(&["servers", name, key, list, &index.to_string()]);
            let begins = |target: &&String| pattern.0.may_begin(&format!("{target}{SEPARATOR}"));
            if !server.targets.iter().any(|target| begins(&target)) && !server.targets.is_empty() {
                let example = server.targets.first().map_or("target", String::as_str);
                let message = format!("no {kind} of this server could fit this pattern");
                review.add(
                    Mistake::new(code::SERVER, at, message)
                        .label(format!("names are `target___{kind}`, of the server's `targets`"))
                        .help(format!("write for example `{example}___*`")),
                );
                continue;
            }
            let literal = pattern.0.literal().filter(|_| list == "allow");
            if literal.is_some_and(|literal| denies(written, literal)) {
                let message = "this is denied below, and so allowed in vain";
                review.add(
                    Mistake::new(code::NO_EFFECT, at, message)
                        .help("remove it here, or make `deny` narrower"),
                );
            }
        }
    }
}

/// Where names carry no target's, two tools of one name cannot both be there.
fn check_plain_names(file: &File, (name, server): (&str, &Server), review: &mut Review<'_>) {
    let open = Names::default();
    let tools = server.tools.as_ref().unwrap_or(&open);
    let mut named: HashMap<&str, &str> = HashMap::new();
    for (index, pattern) in tools.allow.iter().enumerate() {
        let full = pattern.0.literal().filter(|full| !denies(tools, full));
        let Some((target, tool)) = full.and_then(split) else { continue };
        let Some(other) = named.insert(tool, target).filter(|other| *other != target) else {
            continue;
        };
        let at = review.at(&["servers", name, "tools", "allow", &index.to_string()]);
        collision(at, (&quote(tool), other, target), review);
    }
    if !tools.allow.is_empty() || !tools.deny.is_empty() {
        return;
    }
    let mut kinds: Vec<(Builtin, &str)> = Vec::new();
    for (index, target) in server.targets.iter().enumerate() {
        let of = file.targets.0.iter().find(|(known, _)| known == target);
        let Some(builtin) = of.and_then(|(_, of)| of.builtin) else { continue };
        match kinds.iter().find(|(kind, _)| *kind == builtin) {
            Some((_, other)) => {
                let at = review.at(&["servers", name, "targets", &index.to_string()]);
                collision(at, ("every tool", other, target), review);
            }
            None => kinds.push((builtin, target)),
        }
    }
}

fn collision(
    at: crate::config::Position,
    (what, one, other): (&str, &str, &str),
    review: &mut Review<'_>,
) {
    let message = format!("with `prefix: never` {what} would be hidden here");
    review.add(
        Mistake::new(code::SERVER, at, message)
            .label(format!("{} and {} have it under one name", quote(one), quote(other)))
            .help("leave one of the two out, or write `prefix: when_needed`"),
    );
}

fn denies(written: &Names, name: &str) -> bool {
    written.deny.iter().any(|pattern: &crate::config::text::Text<Pattern>| pattern.0.fits(name))
}

fn names(known: &[String]) -> impl Iterator<Item = &str> {
    known.iter().map(String::as_str)
}
