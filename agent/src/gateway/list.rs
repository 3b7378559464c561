//! The list of tools, kept.
//!
//! In: what the gateway lists. Out: the same list as long as it is good, and whether it is old or
//! known to have changed. Never: two renewals at a time; an order that changes from one turn to the next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::Instant;
use toolgate_client::Tool as Raw;

use crate::tools::{Failure, Listed, Tool};

/// After a failed renewal, the old list is good for so long.
const AGAIN: Duration = Duration::from_secs(10);

/// The list.
#[derive(Debug)]
pub(super) struct List {
    ttl: Duration,
    kept: Mutex<Kept>,
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Kept {
    listed: Option<Arc<Listed>>,
    until: Option<Instant>,
    renewing: bool,
    /// How often it was said to be outdated.
    changes: u64,
    /// It is known to be another one by now.
    changed: bool,
    problem: Option<String>,
}

/// What a list is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// It is what the gateway has.
    Good,
    /// It may be another one by now: it is renewed while it is used.
    Old,
    /// It is another one by now: the new one is worth waiting for.
    Changed,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    title: Option<String>,
    #[serde(default, rename = "inputSchema")]
    schema: Option<Value>,
    #[serde(default)]
    annotations: Annotations,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Annotations {
    title: Option<String>,
    #[serde(rename = "readOnlyHint")]
    read_only: bool,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default, rename = "toolgate/missing")]
    missing: Vec<Missing>,
}

/// A target whose tools the gateway could not list.
#[derive(Deserialize)]
struct Missing {
    target: String,
    #[serde(default)]
    reason: Option<String>,
}

// === impl Missing ===

impl Missing {
    fn told(self) -> String {
        match self.reason {
            Some(reason) => format!("{} ({reason})", self.target),
            None => self.target,
        }
    }
}

// === impl List ===

impl List {
    pub(super) fn new(ttl: Duration) -> Self {
        Self { ttl, kept: Mutex::default(), fetching: tokio::sync::Mutex::default() }
    }

    /// The list that is there, and what it is worth.
    pub(super) fn get(&self) -> Option<(Arc<Listed>, Age)> {
        let kept = self.kept();
        let listed = kept.listed.clone()?;
        let age = match kept.until.is_some_and(|until| Instant::now() < until) {
            true => Age::Good,
            false if kept.changed => Age::Changed,
            false => Age::Old,
        };
        Some((listed, age))
    }

    /// How many tools it has, and what has become of it, in words; or why there is none.
    pub(super) fn known(&self) -> Option<Result<String, String>> {
        let kept = self.kept();
        let known = kept.listed.as_ref().map(|listed| {
            let since = if kept.changed { "; the list has changed since" } else { "" };
            Ok(format!("{} tools{since}", listed.tools.len()))
        });
        kept.problem.clone().map(Err).or(known)
    }

    pub(super) async fn fetching(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.fetching.lock().await
    }

    /// Whether whoever asks is the one to renew it.
    pub(super) fn begin_renewal(&self) -> bool {
        !std::mem::replace(&mut self.kept().renewing, true)
    }

    /// How often it has changed, for whoever begins to fetch it.
    pub(super) fn changes(&self) -> u64 {
        self.kept().changes
    }

    /// It has been renewed, or could not be, by whoever began after so many changes. What changed
    /// since then may not be in it.
    pub(super) fn renewed(&self, fetched: &Result<Listed, Failure>, changes: u64) {
        let now = Instant::now();
        let mut kept = self.kept();
        kept.renewing = false;
        match fetched {
            Ok(listed) => {
                // What is missing now may be back in a moment.
                let good = if listed.missing.is_empty() { self.ttl } else { AGAIN.min(self.ttl) };
                kept.listed = Some(Arc::new(Listed { cached: true, ..listed.clone() }));
                let is_latest = kept.changes == changes;
                kept.changed &= !is_latest;
                kept.until = is_latest.then(|| now + good);
                kept.problem = None;
            }
            Err(failure) => {
                kept.until = Some(now + AGAIN);
                kept.problem = Some(failure.message.clone());
            }
        }
    }

    /// It may not be what it was: the next turn renews it.
    pub(super) fn outdated(&self) {
        self.outdate(false);
    }

    /// It is not what it was: the next turn waits for what it is now.
    pub(super) fn changed(&self) {
        self.outdate(true);
    }

    fn outdate(&self, changed: bool) {
        let mut kept = self.kept();
        kept.changed |= changed;
        kept.until = None;
        kept.changes = kept.changes.wrapping_add(1);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tools of a list as they came, in the order of their names.
pub(super) fn read(tools: Vec<Raw>, meta: Option<&RawValue>) -> Listed {
    let mut tools: Vec<Tool> = tools.into_iter().map(tool).collect();
    tools.sort_by(|one, other| one.name.cmp(&other.name));
    let meta = meta.and_then(|meta| serde_json::from_str::<Meta>(meta.get()).ok());
    let missing = meta.map(|meta| meta.missing).unwrap_or_default();
    Listed { tools, missing: missing.into_iter().map(Missing::told).collect(), cached: false }
}

fn tool(raw: Raw) -> Tool {
    let entry = serde_json::from_str::<Entry>(raw.raw.get()).ok();
    let (title, schema, annotations) = match entry {
        Some(entry) => (entry.title, entry.schema, entry.annotations),
        None => (None, None, Annotations::default()),
    };
    let title = title.or(annotations.title).unwrap_or_else(|| raw.name.clone());
    let schema = schema.unwrap_or_else(|| serde_json::json!({ "type": "object" }));
    Tool {
        name: raw.name,
        title,
        description: raw.description,
        schema,
        read_only: annotations.read_only,
    }
}
