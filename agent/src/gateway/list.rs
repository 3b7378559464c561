//! The list of tools, kept.
//!
//! In: what the gateway lists. Out: the same list as long as it is good, an old one while it is
//! renewed. Never: two renewals at a time; an order that changes from one turn to the next.

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
    problem: Option<String>,
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

    /// The list that is there, and whether it is old.
    pub(super) fn get(&self) -> Option<(Arc<Listed>, bool)> {
        let kept = self.kept();
        let listed = kept.listed.clone()?;
        let is_old = kept.until.is_none_or(|until| Instant::now() >= until);
        Some((listed, is_old))
    }

    pub(super) fn known(&self) -> Option<Result<usize, String>> {
        let kept = self.kept();
        let known = kept.listed.as_ref().map(|listed| Ok(listed.tools.len()));
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
                kept.until = (kept.changes == changes).then(|| now + good);
                kept.problem = None;
            }
            Err(failure) => {
                kept.until = Some(now + AGAIN);
                kept.problem = Some(failure.message.clone());
            }
        }
    }

    /// It is not what it was: the next turn renews it.
    pub(super) fn outdated(&self) {
        let mut kept = self.kept();
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
