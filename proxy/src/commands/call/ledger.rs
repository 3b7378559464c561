//! Where the time of a call went, as the gateway told it.
//!
//! Enters: `_meta["toolgate/ledger"]` of a result, else `Server-Timing`. Leaves: milliseconds by
//! phase, and the attempts. Never: a number of this side's own; a phase the gateway does not know.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use toolgate_call::{Blame, Phase, Reason};

use toolgate_client::Head;

/// How many attempts are shown; the gateway notes no more.
const MOST_ATTEMPTS: usize = 10;

/// The ledger of one call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Ledger {
    /// Milliseconds by phase, in the order of [`Phase::ALL`].
    #[serde(rename = "phases_ms", serialize_with = "as_map")]
    pub(super) phases: Vec<(Phase, f64)>,
    /// What the gateway says they sum up to, in milliseconds.
    pub(super) total_ms: f64,
    /// The attempts; empty when they are not told.
    pub(super) attempts: Vec<Attempt>,
    /// The target, if it is told.
    pub(super) target: Option<String>,
    /// Where it was read.
    pub(super) source: Source,
}

/// One attempt at the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Attempt {
    /// `ok`, or why it failed.
    pub(super) reason: String,
    /// How long it took, in milliseconds.
    pub(super) ms: f64,
}

/// Where a ledger was read, and so how much of the call it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Source {
    /// In the result: the whole call.
    Result,
    /// In the headers of a whole answer: the whole call, without its attempts.
    Headers,
    /// In the headers of an event stream: only up to its start.
    StreamStart,
}

#[derive(Deserialize)]
struct WithMeta {
    #[serde(rename = "_meta")]
    meta: Meta,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "toolgate/ledger")]
    ledger: Told,
}

#[derive(Deserialize)]
struct Told {
    phases_ms: HashMap<String, f64>,
    total_ms: f64,
    #[serde(default)]
    attempts: Vec<Attempt>,
    #[serde(default)]
    target: Option<String>,
}

// === impl Ledger ===

impl Ledger {
    /// The best there is: the result's, else the headers'.
    pub(super) fn of(result: Option<&RawValue>, head: &Head) -> Option<Self> {
        result.and_then(Self::from_result).or_else(|| Self::from_head(head))
    }

    fn from_result(result: &RawValue) -> Option<Self> {
        let WithMeta { meta: Meta { ledger } } = serde_json::from_str(result.get()).ok()?;
        let mut attempts = ledger.attempts;
        attempts.truncate(MOST_ATTEMPTS);
        let is_sane = attempts.iter().all(|attempt| is_time(attempt.ms));
        let told = Self::new(&ledger.phases_ms, ledger.total_ms, Source::Result);
        told.filter(|_| is_sane).map(|told| Self { attempts, target: ledger.target, ..told })
    }

    /// `Server-Timing` (W3C): `name;dur=1.234, …, total;dur=5.678`.
    fn from_head(head: &Head) -> Option<Self> {
        let mut spent = HashMap::new();
        for metric in head.header("server-timing")?.split(',') {
            let (name, duration) = metric.split_once(";dur=")?;
            spent.insert(name.trim().to_owned(), duration.trim().parse().ok()?);
        }
        let total = spent.remove("total")?;
        let source = if head.streamed { Source::StreamStart } else { Source::Headers };
        Self::new(&spent, total, source)
    }

    fn new(spent: &HashMap<String, f64>, total_ms: f64, source: Source) -> Option<Self> {
        let phases: Vec<(Phase, f64)> = Phase::ALL
            .into_iter()
            .map(|phase| (phase, spent.get(phase.as_str()).copied().unwrap_or_default()))
            .collect();
        let is_sane = is_time(total_ms) && phases.iter().all(|(_, ms)| is_time(*ms));
        is_sane.then_some(Self { phases, total_ms, attempts: Vec::new(), target: None, source })
    }

    /// The sum of the phases, in milliseconds.
    pub(super) fn sum(&self) -> f64 {
        self.phases.iter().map(|(_, ms)| ms).sum()
    }
}

/// Whom the time of a phase counts against: what gives it its colour and its place in the table.
pub(super) const fn blame(phase: Phase) -> Blame {
    match phase {
        Phase::Read | Phase::Write => Blame::Caller,
        Phase::Authenticate | Phase::Authorize | Phase::Queue | Phase::Backoff => Blame::Gateway,
        Phase::Connect | Phase::Send | Phase::Receive => Blame::Network,
        Phase::Wait => Blame::Target,
    }
}

/// The letter of a phase in the bar.
pub(super) const fn letter(phase: Phase) -> char {
    match phase {
        Phase::Read => 'i',
        Phase::Authenticate => 'a',
        Phase::Authorize => 'z',
        Phase::Queue => 'q',
        Phase::Backoff => 'b',
        Phase::Connect => 'c',
        Phase::Send => 's',
        Phase::Wait => 'w',
        Phase::Receive => 'r',
        Phase::Write => 'o',
    }
}

/// The reason of that name.
pub(super) fn reason(name: &str) -> Option<Reason> {
    Reason::ALL.iter().copied().find(|reason| reason.as_str() == name)
}

fn is_time(ms: f64) -> bool {
    ms.is_finite() && ms >= 0.0
}

fn as_map<S: serde::Serializer>(phases: &[(Phase, f64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(phases.iter().map(|(phase, ms)| (phase.as_str(), ms)))
}
