//! What the definitions of a target's tools weigh.
//!
//! Enters: a target, and what else was found of it. Leaves: the same with the weight, and with a remedy
//! where that is too much. Never: a tool called.

use std::time::Duration;

use toolgate_mcp::{OfferedTool, offered};
use toolgate_telemetry::estimated_tokens;

use super::finding::{Said, State};
use crate::assembly::Backend;
use crate::config::{Target, TargetKind};

/// Adds the weight to a finding, of a target whose list is known without asking anybody.
pub(super) async fn weighed(
    (target, backend): (&Target, &Backend),
    warn: Option<usize>,
    patience: Duration,
    said: Said,
) -> Said {
    match offered(&backend.spec, patience).await {
        Ok(tools) => judged(target, warn, &tools, said),
        Err(_) => said,
    }
}

/// Adds the weight of these to a finding. What failed already keeps its own remedy.
pub(super) fn judged(
    target: &Target,
    warn: Option<usize>,
    tools: &[OfferedTool],
    said: Said,
) -> Said {
    let bytes = tools.iter().map(|tool| tool.raw.len()).sum();
    let tokens = estimated_tokens(bytes);
    let weight =
        format!("{} tools, {bytes} bytes, about {tokens} tokens of definitions", tools.len());
    let found = if said.found.is_empty() { weight } else { format!("{}; {weight}", said.found) };
    let verdict = match (target.max_tokens, warn) {
        (Some(most), _) if tokens > most => Said::fail(
            format!(
                "{found}, more than the {most} that `definitions.max_tokens` allows: its list is refused"
            ),
            refused(target),
        ),
        (_, Some(most)) if tokens > most && said.state == State::Ok => Said::warn(
            format!("{found}, more than the {most} of `definitions.warn_tokens`"),
            lighter(target),
        ),
        _ => return Said { found, ..said },
    };
    if said.state == State::Fail { Said { found, ..said } } else { verdict.sent(said.sent) }
}

/// What makes its list lighter, before what else can be done; nothing does where it is compiled in.
fn fewer(target: &Target) -> String {
    let name = &target.name;
    match target.kind {
        TargetKind::OpenApi { .. } => format!(
            "leave operations out with `include` and `exclude` of `targets.{name}.openapi`; or "
        ),
        TargetKind::Lambda(_) => format!("leave tools out of `targets.{name}.lambda.tools`; or "),
        TargetKind::Mcp { .. } | TargetKind::Stdio { .. } => {
            "let it list fewer tools, or describe them in fewer words; or ".to_owned()
        }
        TargetKind::Builtin(_) | TargetKind::Tools(_) => String::new(),
    }
}

fn refused(target: &Target) -> String {
    format!(
        "{}raise `targets.{}.definitions.max_tokens`, and write `search: only` to keep its tools off the lists",
        fewer(target),
        target.name
    )
}

fn lighter(target: &Target) -> String {
    format!(
        "{}give callers a server that selects (`servers.NAME.tools`), or write `search: only`",
        fewer(target)
    )
}
