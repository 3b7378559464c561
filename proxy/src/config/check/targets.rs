//! Whether every target can be reached and every key of it does something.
//!
//! In: `targets`. Out: mistakes. It never contacts a target.

use super::{builtin, credentials, lambda};
use crate::config::code;
use crate::config::file::{File, Target};
use crate::config::report::{Mistake, quote};
use crate::config::review::Review;

/// Longest target name, so that `target___tool` stays within common limits.
const LONGEST_NAME: usize = 48;

pub(super) fn check(file: &File, review: &mut Review<'_>) {
    // An absent `targets` is the schema's to report.
    if review.has(&["targets"]) && review.tree.is_empty(&["targets"]) {
        review.add(
            Mistake::new(
                code::MISSING_KEY,
                review.key_at(&["targets"]),
                "`targets` names no target",
            )
            .help("add one, for example `clock: { builtin: clock }`"),
        );
    }
    for (name, target) in &file.targets.0 {
        check_name(name, review);
        check_kind(name, target, review);
        check_effects(name, target, review);
        check_command(name, target, review);
        credentials::check(name, target, file, review);
        builtin::check(name, target, review);
        lambda::check(name, target, review);
    }
    builtin::check_mutations(file, review);
}

/// `^[A-Za-z0-9](-?[A-Za-z0-9])*$`, 1 to 48 characters.
fn check_name(name: &str, review: &mut Review<'_>) {
    let label = if name.is_empty() {
        "empty"
    } else if name.len() > LONGEST_NAME {
        "longer than 48 characters"
    } else if name.contains('_') {
        "`_` is not taken: `___` separates target and tool"
    } else if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        "only letters, digits and single hyphens"
    } else if name.starts_with('-') || name.ends_with('-') || name.contains("--") {
        "hyphens stand singly, between letters or digits"
    } else {
        return;
    };
    let message = format!("{} cannot name a target", quote(name));
    let help = match suggestion(name).filter(|_| name.is_ascii()) {
        Some(better) => format!("write for example `{better}`"),
        None => "use letters, digits and single hyphens, 1 to 48 of them".to_owned(),
    };
    let at = review.key_at(&["targets", name]);
    review.add(Mistake::new(code::TARGET_NAME, at, message).label(label).help(help));
}

/// The nearest good name: the same words joined by single hyphens.
fn suggestion(name: &str) -> Option<String> {
    let words: Vec<&str> =
        name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let better: String = words.join("-").chars().take(LONGEST_NAME).collect();
    (!better.is_empty()).then(|| better.trim_end_matches('-').to_owned())
}

fn check_kind(name: &str, target: &Target, review: &mut Review<'_>) {
    let kinds = kinds(target);
    let path = |kind| ["targets", name, kind];
    match kinds.as_slice() {
        [_] => {}
        [] => {
            let refused = ["builtin", "mcp", "stdio", "openapi", "lambda"];
            if refused.iter().all(|kind| review.tree.lacks(&path(kind))) {
                let message = format!("target {} does not say how it is reached", quote(name));
                review.add(
                    Mistake::new(code::TARGET_KIND, review.key_at(&["targets", name]), message)
                        .help("add one of `mcp: { url: … }`, `stdio: { command: […] }`, `openapi: { document: …, url: … }`, `lambda: { function: …, tools: … }`, `builtin: clock`"),
                );
            }
        }
        [first, others @ ..] => {
            for other in others {
                let message = format!("target {} is both `{first}` and `{other}`", quote(name));
                review.add(
                    Mistake::new(code::TARGET_KIND, review.key_at(&path(other)), message)
                        .label("one target is reached in one way")
                        .help("keep one of them, or make two targets"),
                );
            }
        }
    }
}

/// What only built-in targets have.
const OF_BUILTIN: [&str; 9] = [
    "url",
    "engine",
    "hosts",
    "workspace",
    "region",
    "cluster",
    "kubeconfig",
    "context",
    "allow_mutations",
];

/// Keys that mean nothing for a kind of target, with why; those of [`OF_BUILTIN`] only where it is
/// written elsewhere.
fn useless(kind: &str) -> Vec<(&'static str, &'static str)> {
    let only_http = "has no effect: only `mcp`, `openapi` and `lambda` targets have one";
    match kind {
        "builtin" => vec![
            ("connect_timeout", only_http),
            ("idle_timeout", only_http),
            ("max_response", "has no effect: a built-in target's replies are small"),
        ],
        "stdio" => vec![
            ("credentials", only_http),
            ("connect_timeout", only_http),
            ("idle_timeout", only_http),
        ],
        "openapi" => vec![("url", "has no effect here: the URL of an API stands in `openapi`")],
        "lambda" => vec![
            ("credentials", "has no effect: calls of a function are signed with AWS's own"),
            ("url", "has no effect here: where Lambda is stands in `lambda`, as `endpoint`"),
            ("region", "has no effect here: the region of a function stands in `lambda`"),
        ],
        _ => vec![("url", "has no effect here: the URL of an MCP server stands in `mcp`")],
    }
}

/// Keys that only some kinds of target use.
fn check_effects(name: &str, target: &Target, review: &mut Review<'_>) {
    let kinds = kinds(target);
    let [kind] = kinds.as_slice() else { return };
    let mut useless = useless(kind);
    if *kind != "builtin" {
        let named: Vec<&str> = useless.iter().map(|(key, _)| *key).collect();
        let others = OF_BUILTIN.iter().filter(|key| !named.contains(*key));
        useless.extend(others.map(|key| (*key, "has no effect: only a built-in target has one")));
    }
    useless.extend(target.builtin.map(|kind| builtin::useless(kind, target)).unwrap_or_default());
    for (key, why) in useless {
        let path = ["targets", name, key];
        if !review.has(&path) {
            continue;
        }
        let help = if key == "credentials" && *kind == "stdio" {
            "remove it; hand the secret to the child: `stdio: { env: { TOKEN: env:NAME } }`"
        } else {
            "remove it"
        };
        review.add(
            Mistake::new(code::NO_EFFECT, review.key_at(&path), format!("`{key}` {why}"))
                .label(format!("this target is `{kind}`"))
                .help(help),
        );
    }
}

fn check_command(name: &str, target: &Target, review: &mut Review<'_>) {
    let Some(stdio) = &target.stdio else { return };
    let path = ["targets", name, "stdio", "command"];
    check_variables(name, target, review);
    let is_blank = stdio.command.first().is_some_and(|program| program.trim().is_empty());
    // An absent `command` is the schema's to report.
    let is_empty = review.has(&path) && review.tree.is_empty(&path);
    if !is_blank && !is_empty {
        return;
    }
    let at = review.at(&path);
    review.add(
        Mistake::new(code::MISSING_KEY, at, "`command` names no program")
            .help("write program and arguments: `command: [npx, -y, some-mcp-server]`"),
    );
}

/// A variable name with `=` or NUL cannot be handed to a child.
fn check_variables(name: &str, target: &Target, review: &mut Review<'_>) {
    let Some(stdio) = &target.stdio else { return };
    for (variable, _) in &stdio.env.0 {
        if variable.is_empty() || variable.contains(['=', '\0']) {
            let at = review.key_at(&["targets", name, "stdio", "env", variable]);
            let message = format!("{} cannot name an environment variable", quote(variable));
            review.add(
                Mistake::new(code::MALFORMED, at, message).help("use letters, digits and `_`"),
            );
        }
    }
}

fn kinds(target: &Target) -> Vec<&'static str> {
    let written = [
        ("builtin", target.builtin.is_some()),
        ("mcp", target.mcp.is_some()),
        ("stdio", target.stdio.is_some()),
        ("openapi", target.openapi.is_some()),
        ("lambda", target.lambda.is_some()),
    ];
    written.iter().filter(|(_, is_written)| *is_written).map(|(kind, _)| *kind).collect()
}
