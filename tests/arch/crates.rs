//! The crates of others: one TLS stack, one registry, agreed licences, agreed duplicates.
//!
//! Enters: the crates that cargo builds on this platform, and the lock file. Leaves: a line for
//! each that nobody agreed on. Never: asks the network, so it knows of no advisories.

use std::collections::{BTreeMap, BTreeSet};

use crate::members::Built;

/// The TLS stack and its only provider of cryptography; each exactly once in the gateway.
const STACK: [&str; 3] = ["aws-lc-rs", "aws-lc-sys", "rustls"];

/// Other TLS stacks and providers of cryptography for one.
const OTHER_STACKS: [&str; 10] = [
    "aws-lc-fips-sys",
    "boring",
    "boring-sys",
    "mbedtls",
    "native-tls",
    "openssl",
    "openssl-sys",
    "ring",
    "rustls-rustcrypto",
    "s2n-tls",
];

/// The one registry, as the lock file writes it.
const REGISTRY: &str = "\"registry+https://github.com/rust-lang/crates.io-index\"";

/// Licences that ask for no more than a notice. `.deny.toml` lists the same.
const LICENCES: [&str; 9] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-3-Clause",
    "BSL-1.0",
    "BlueOak-1.0.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Zlib",
];

/// Crates that are there twice because their users have not moved yet. `.deny.toml` lists the same.
pub(crate) const TWICE: [&str; 16] = [
    "base64",
    "block-buffer",
    "const-oid",
    "cpufeatures",
    "crypto-common",
    "digest",
    "getrandom",
    "hashbrown",
    "http",
    "http-body",
    "itertools",
    "rand",
    "rand_core",
    "syn",
    "unicode-width",
    "untrusted",
];

/// Complaints about the TLS stack of a package.
pub(crate) fn other_stacks(built: &[Built]) -> Vec<String> {
    let others = built.iter().filter(|built| OTHER_STACKS.contains(&built.name.as_str()));
    let mut found = others
        .map(|built| format!("{} {}: rustls on aws-lc-rs is the stack", built.name, built.version))
        .collect::<Vec<_>>();
    let versions = versions(built);
    for name in STACK {
        let count = versions.get(name).map_or(0, BTreeSet::len);
        if count != 1 {
            found.push(format!("{name}: {count} versions, exactly one wanted"));
        }
    }
    found
}

/// Crates from anywhere but the registry.
pub(crate) fn other_sources(lock: &str) -> Vec<String> {
    let sources = lock.lines().filter_map(|line| line.strip_prefix("source = "));
    let others = sources.filter(|source| *source != REGISTRY).collect::<BTreeSet<_>>();
    others.into_iter().map(|source| format!("{source}: take it from crates.io")).collect()
}

/// Crates whose licence leaves no agreed choice.
pub(crate) fn other_licences(built: &[Built]) -> Vec<String> {
    let others = built.iter().filter(|built| !is_agreed(&built.licence));
    others.map(|built| format!("{} {}: `{}`", built.name, built.version, built.licence)).collect()
}

/// Crates in several versions that are not on the list, and names on the list that are in one.
pub(crate) fn other_duplicates(built: &[Built]) -> Vec<String> {
    let versions = versions(built);
    let several = versions.iter().filter(|(_, versions)| versions.len() > 1);
    let several = several.map(|(name, _)| *name).collect::<BTreeSet<_>>();
    let listed = TWICE.into_iter().collect::<BTreeSet<_>>();
    let fresh = several.difference(&listed).map(|name| {
        let versions = versions.get(name).into_iter().flatten().copied().collect::<Vec<_>>();
        format!("{name} is there as {}: `cargo tree -i {name}@…`", versions.join(" and "))
    });
    let stale = listed.difference(&several);
    let stale = stale.map(|name| format!("{name} is there once: take it off both lists"));
    fresh.chain(stale).collect()
}

/// Where `.deny.toml` and the two lists above do not say the same.
pub(crate) fn lists_apart(deny: &str) -> Vec<String> {
    let skipped = deny.lines().filter_map(|line| line.trim().strip_prefix("{ crate = \""));
    let skipped = skipped.filter_map(|line| Some(line.split_once('@')?.0)).collect();
    let allowed = deny.lines().filter_map(|line| line.strip_prefix("allow = ["));
    let allowed = allowed.flat_map(|line| line.split('"').skip(1).step_by(2)).collect();
    let mut found = apart("skip", &skipped, &TWICE);
    found.extend(apart("allow", &allowed, &LICENCES));
    found
}

fn apart(key: &str, theirs: &BTreeSet<&str>, ours: &[&str]) -> Vec<String> {
    let ours = ours.iter().copied().collect::<BTreeSet<_>>();
    let apart = theirs.symmetric_difference(&ours);
    apart.map(|name| format!("`{key}` in .deny.toml: {name} is on one list only")).collect()
}

fn versions(built: &[Built]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut versions = BTreeMap::<&str, BTreeSet<&str>>::new();
    for built in built {
        versions.entry(&built.name).or_default().insert(&built.version);
    }
    versions
}

/// Whether an SPDX expression can be met with agreed licences alone: `OR` gives a choice, `AND`
/// gives none and binds tighter (SPDX 2.3, annex D). The old `/` means `OR`.
fn is_agreed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words = spaced.split_whitespace().collect::<Vec<_>>();
    let mut rest = words.as_slice();
    either(&mut rest) && rest.is_empty()
}

fn either(rest: &mut &[&str]) -> bool {
    let mut met = both(rest);
    while take(rest, "OR") {
        met |= both(rest);
    }
    met
}

fn both(rest: &mut &[&str]) -> bool {
    let mut met = one(rest);
    while take(rest, "AND") {
        met &= one(rest);
    }
    met
}

fn one(rest: &mut &[&str]) -> bool {
    if take(rest, "(") {
        let met = either(rest);
        return take(rest, ")") && met;
    }
    let Some((licence, after)) = rest.split_first() else { return false };
    *rest = after;
    // An exception makes another licence of it, which has to be agreed on by itself.
    let excepted = take(rest, "WITH");
    let Some((exception, after)) = rest.split_first().filter(|_| excepted) else {
        return !excepted && LICENCES.contains(licence);
    };
    *rest = after;
    LICENCES.contains(&&*format!("{licence} WITH {exception}"))
}

fn take(rest: &mut &[&str], word: &str) -> bool {
    let Some(after) = rest.split_first().filter(|(first, _)| **first == word) else { return false };
    *rest = after.1;
    true
}
