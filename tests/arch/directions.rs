//! Who may depend on whom.
//!
//! Enters: the members and what their manifests name. Leaves: a sentence for each dependency that
//! points the wrong way. Never: a default; a package without a line here is a complaint.

use crate::members::{Built, Member};

const CALL: &str = "toolgate-call";
const CATALOG: &str = "toolgate-telemetry-catalog";
const TELEMETRY: &str = "toolgate-telemetry";
const FETCH: &str = "toolgate-fetch";
const TELEMETRY_AWS: &str = "toolgate-telemetry-aws";
const TARGET: &str = "toolgate-target";
const TARGET_AWS: &str = "toolgate-target-aws";
const SEARCH: &str = "toolgate-search";
const TOOLS: &str = "toolgate-tools";
const CLIENT: &str = "toolgate-client";
const AGENT: &str = "toolgate-agent";
const AGENT_MODEL: &str = "toolgate-agent-model";
const AGENT_MEMORY: &str = "toolgate-agent-memory";
const AGENT_AWS: &str = "toolgate-agent-aws";
const PROXY: &str = "toolgate";
const TESTS: &str = "toolgate-tests";

/// What a stage of the proxy stands on.
const UNDER_A_STAGE: &[&str] = &[CALL, TELEMETRY, FETCH];

/// The members that speak HTTP.
const SPEAKS_HTTP: [&str; 11] = [
    PROXY,
    TESTS,
    TELEMETRY,
    TOOLS,
    FETCH,
    CLIENT,
    AGENT,
    AGENT_MODEL,
    "toolgate-accept",
    "toolgate-admit",
    "toolgate-target",
];

/// The stages between the two HTTP planes.
const SEES_NO_HTTP: [&str; 3] = ["toolgate-guard", "toolgate-mcp", "toolgate-reach"];

/// The crates that make up a runtime, an HTTP stack or a service.
const RUNTIMES: [&str; 4] = ["tokio", "hyper", "tower", "http"];

enum Below {
    These(&'static [&'static str]),
    AllBut(&'static str),
    All,
}

/// Complaints about dependencies between members.
pub(crate) fn between_members(members: &[Member]) -> Vec<String> {
    members.iter().flat_map(|member| upwards(member, members)).collect()
}

/// Complaints about members that name hyper and have no business with it.
pub(crate) fn hyper_elsewhere(members: &[Member]) -> Vec<String> {
    let silent = members.iter().filter(|member| !SPEAKS_HTTP.contains(&member.name.as_str()));
    named(silent, &["hyper"], "only the HTTP planes, the gateway and the tests speak it")
}

/// Complaints about the stages in the middle that name an HTTP crate.
pub(crate) fn http_in_the_middle(members: &[Member]) -> Vec<String> {
    let middle = members.iter().filter(|member| SEES_NO_HTTP.contains(&member.name.as_str()));
    named(middle, &["hyper", "http"], "HTTP types end in `admit` and begin again in `target`")
}

/// Complaints about a runtime that the vocabulary names itself.
pub(crate) fn runtime_in_call(members: &[Member]) -> Vec<String> {
    let call = members.iter().filter(|member| member.name == CALL);
    named(call, &RUNTIMES, "the vocabulary is plain data")
}

/// Complaints about a runtime that the vocabulary gets from somebody else.
pub(crate) fn runtime_under_call(built: &[Built]) -> Vec<String> {
    let found = built.iter().filter(|built| is_one_of(&built.name, &RUNTIMES));
    found.map(|built| format!("{CALL} brings in {} {}", built.name, built.version)).collect()
}

fn upwards(member: &Member, members: &[Member]) -> Vec<String> {
    let Some(below) = below(&member.name) else {
        let name = &member.name;
        return vec![format!(
            "{name}: no rule says what it may depend on; tests/arch needs a line"
        )];
    };
    let ours = member.dependencies.iter().map(|dependency| dependency.name.as_str());
    ours.filter(|name| members.iter().any(|member| member.name == *name))
        .filter(|name| !below.holds(name))
        .map(|name| format!("{} depends on {name}, which is not below it", member.name))
        .collect()
}

fn below(name: &str) -> Option<Below> {
    Some(match name {
        // The tools know nothing of the gateway: the assembly hands them in. Search knows neither.
        CALL | FETCH | SEARCH | TOOLS | CLIENT => Below::These(&[]),
        CATALOG => Below::These(&[CALL]),
        TELEMETRY_AWS => Below::These(&[CALL, TELEMETRY]),
        TARGET_AWS => Below::These(&[TARGET, TELEMETRY, TELEMETRY_AWS]),
        TELEMETRY => Below::These(&[CALL, CATALOG]),
        "toolgate-dashboards" | "toolgate-alarms" => Below::These(&[CATALOG]),
        "toolgate-accept" | "toolgate-admit" | "toolgate-guard" | "toolgate-mcp"
        | "toolgate-reach" | "toolgate-target" => Below::These(UNDER_A_STAGE),
        // The agent speaks to the gateway over the wire, with the client that the command line has.
        AGENT_MODEL | AGENT_MEMORY => Below::These(&[SEARCH]),
        AGENT_AWS => Below::These(&[AGENT_MODEL, AGENT_MEMORY]),
        AGENT => Below::These(&[
            AGENT_MODEL,
            AGENT_MEMORY,
            AGENT_AWS,
            SEARCH,
            CLIENT,
            TELEMETRY,
            TELEMETRY_AWS,
        ]),
        PROXY => Below::AllBut(TESTS),
        TESTS => Below::All,
        _ => return None,
    })
}

impl Below {
    fn holds(&self, name: &str) -> bool {
        match self {
            Self::These(names) => names.contains(&name),
            Self::AllBut(but) => name != *but,
            Self::All => true,
        }
    }
}

fn named<'a>(
    members: impl Iterator<Item = &'a Member>,
    families: &[&str],
    because: &str,
) -> Vec<String> {
    let pairs = members.flat_map(|member| {
        let wrong = member.dependencies.iter().filter(|on| is_one_of(&on.name, families));
        wrong.map(|on| (member.name.as_str(), on.name.as_str()))
    });
    pairs.map(|(name, on)| format!("{name} names {on}: {because}")).collect()
}

/// Whether a crate is of a family: `hyper` or `hyper-util`, not `hypertext`.
fn is_one_of(name: &str, families: &[&str]) -> bool {
    families.iter().any(|family| {
        name.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    })
}
