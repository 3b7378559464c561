//! Which era a target speaks.
//!
//! Enters: the answer to `server/discover` (`basic/versioning`, "dual-era client"). Leaves: a
//! verdict that is remembered until the target contradicts it. Never: a probe that does anything.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};

use serde::Deserialize;
use toolgate_call::{Answer, Era, Ledger, RawJson, Version};

use super::exchange::{self, ERROR_BODY};
use super::failure::Failure;
use super::{Inner, reply, request};
use crate::EraChoice;
use crate::wire::{Incoming, read_message};

/// Codes by which a modern server says no (`mcp.md` 1.9).
const HEADER_MISMATCH: i64 = -32020;
const MISSING_CAPABILITY: i64 = -32021;
const UNSUPPORTED_VERSION: i64 = -32022;

/// What is known of a target's era.
#[derive(Debug)]
pub(super) struct EraMemory {
    verdict: AtomicU8,
    /// Whether the target has said what it offers, and changes of its tools are not among it.
    quiet: AtomicBool,
    fixed: bool,
    asking: tokio::sync::Mutex<()>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Discovered {
    supported_versions: Vec<String>,
}

/// What a modern target says about changes of its tools.
#[derive(Deserialize)]
struct Announced {
    #[serde(default)]
    capabilities: Capabilities,
}

#[derive(Default, Deserialize)]
struct Capabilities {
    #[serde(default)]
    tools: ToolsCapability,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolsCapability {
    #[serde(default)]
    list_changed: bool,
}

/// What the answer to the question shows.
struct Verdict {
    era: Era,
    quiet: bool,
}

#[derive(Deserialize)]
struct ErrorData {
    #[serde(default)]
    data: Supported,
}

#[derive(Default, Deserialize)]
struct Supported {
    #[serde(default)]
    supported: Vec<String>,
}

// === impl EraMemory ===

impl EraMemory {
    pub(super) fn new(choice: EraChoice) -> Self {
        let known = match choice {
            EraChoice::Auto => None,
            EraChoice::Modern => Some(Era::Modern),
            EraChoice::Legacy => Some(Era::Legacy),
        };
        let verdict = AtomicU8::new(code(known));
        let (quiet, asking) = (AtomicBool::new(false), tokio::sync::Mutex::default());
        Self { verdict, quiet, fixed: known.is_some(), asking }
    }

    pub(super) fn known(&self) -> Option<Era> {
        match self.verdict.load(Relaxed) {
            1 => Some(Era::Modern),
            2 => Some(Era::Legacy),
            _ => None,
        }
    }

    /// Whether a modern target announces no changes of its tools. One that was never asked, since
    /// the operator knows its era, may do so.
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet.load(Relaxed)
    }

    /// The target has contradicted the verdict.
    pub(super) fn forget(&self) {
        if !self.fixed {
            self.verdict.store(code(None), Relaxed);
        }
    }

    /// The verdict; asks the target when there is none. One question at a time.
    pub(super) async fn settle(&self, target: &Inner, ledger: &Ledger) -> Result<Era, Failure> {
        if let Some(era) = self.known() {
            return Ok(era);
        }
        let _turn = self.asking.lock().await;
        if let Some(era) = self.known() {
            return Ok(era);
        }
        let Verdict { era, quiet } = probe(target, ledger).await?;
        tracing::info!(target = %target.config.target, era = era.as_str(), "the target's era");
        self.quiet.store(quiet, Relaxed);
        self.verdict.store(code(Some(era)), Relaxed);
        target.listener.wake();
        Ok(era)
    }
}

const fn code(era: Option<Era>) -> u8 {
    match era {
        None => 0,
        Some(Era::Modern) => 1,
        Some(Era::Legacy) => 2,
    }
}

async fn probe(target: &Inner, ledger: &Ledger) -> Result<Verdict, Failure> {
    let asked = request::discover(target);
    let answered = exchange::send(target, asked.outgoing, ledger).await?;
    let status = answered.status.as_u16();
    if status >= 500 || matches!(status, 401 | 403 | 429) {
        let wait = reply::retry_after(&answered.headers);
        return Err(Failure::Status(status, wait));
    }
    let kind = reply::Kind::of(&answered.headers);
    let bytes = match kind {
        reply::Kind::Json => {
            answered.body.read_all(ERROR_BODY * 4, target.config.idle_timeout).await
        }
        reply::Kind::Sse => reply::last_event(answered.body, target).await,
        reply::Kind::Other => return Ok(Verdict::of(Era::Legacy)),
    };
    Ok(bytes
        .ok()
        .and_then(|bytes| read_message(bytes).ok())
        .map_or(Verdict::of(Era::Legacy), judge))
}

fn judge(message: Incoming) -> Verdict {
    let Incoming::Answer { answer, .. } = message else { return Verdict::of(Era::Legacy) };
    match answer {
        Answer::Result { raw, .. } => {
            let speaks = raw.parse::<Discovered>().is_ok_and(|d| is_ours(&d.supported_versions));
            if !speaks {
                return Verdict::of(Era::Legacy);
            }
            let announced = raw.parse::<Announced>();
            let quiet = announced.is_ok_and(|said| !said.capabilities.tools.list_changed);
            Verdict { era: Era::Modern, quiet }
        }
        Answer::Error { raw, code } => Verdict::of(judge_error(&raw, code)),
    }
}

// === impl Verdict ===

impl Verdict {
    /// An era, and nothing said about changes.
    const fn of(era: Era) -> Self {
        Self { era, quiet: false }
    }
}

/// A modern server that does not take this very request is still modern; one that names only
/// revisions of the older era asks for `initialize`.
fn judge_error(raw: &RawJson, code: i64) -> Era {
    match code {
        HEADER_MISMATCH | MISSING_CAPABILITY => Era::Modern,
        UNSUPPORTED_VERSION => {
            let supported = raw.parse::<ErrorData>().map(|error| error.data.supported);
            if supported.is_ok_and(|versions| is_ours(&versions)) {
                Era::Modern
            } else {
                Era::Legacy
            }
        }
        _ => Era::Legacy,
    }
}

fn is_ours(versions: &[String]) -> bool {
    versions.iter().any(|version| version == Version::LATEST.as_str())
}
