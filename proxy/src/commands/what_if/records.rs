//! What an audit log says of callers and tools.
//!
//! Enters: audit logs. Leaves: every caller, with its scopes and claims, and every tool that it has called
//! or has tried to, with what was decided last. Never: more than a record in memory beside that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};
use toolgate_call::{Claim, ClaimKind, Principal, Reason};

use crate::commands::audit::files;

/// The most callers and tools that are compared.
const MOST: usize = 1_000_000;

/// A caller and a tool.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Before {
    issuer: String,
    subject: String,
    client: Option<String>,
    scopes: String,
    /// As they are known now: JSON, so that they can be told apart.
    claims: Vec<(String, String)>,
    kinds: Vec<Kind>,
    pub(super) server: Option<String>,
    pub(super) tool: String,
    /// What was known of the tool.
    pub(super) read_only: Option<bool>,
    pub(super) idempotent: Option<bool>,
}

/// The kind of a claim, in an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Text,
    Number,
    Bool,
    List,
}

/// What was decided.
#[derive(Clone, Debug, Default)]
pub(super) struct Decided {
    pub(super) calls: u64,
    /// The rule that refused it last; `None`: it was let through.
    pub(super) refused_by: Option<String>,
    /// The refusal hung on arguments.
    pub(super) by_arguments: bool,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub(super) all: BTreeMap<Before, Decided>,
    /// Claims that policies are handed, and no record has.
    pub(super) unknown_claims: BTreeSet<String>,
    /// Lines that are no records, and calls that were over the most that are compared.
    pub(super) left_out: u64,
}

pub(super) fn read(
    logs: &[PathBuf],
    kinds: &[(String, ClaimKind)],
) -> Result<Recorded, (PathBuf, io::Error)> {
    let at = |error| (logs.last().cloned().unwrap_or_default(), error);
    let (all, _) = files(logs).map_err(at)?;
    let mut recorded = Recorded {
        unknown_claims: kinds.iter().map(|(name, _)| name.clone()).collect(),
        ..Recorded::default()
    };
    for path in all {
        let file = File::open(&path).map_err(|error| (path.clone(), error))?;
        for line in BufReader::new(file).split(b'\n') {
            let line = line.map_err(|error| (path.clone(), error))?;
            match serde_json::from_slice::<Map<String, Value>>(&line) {
                Ok(record) => recorded.take(&record, kinds),
                Err(_) => recorded.left_out += 1,
            }
        }
    }
    Ok(recorded)
}

// === impl Recorded ===

impl Recorded {
    fn take(&mut self, record: &Map<String, Value>, kinds: &[(String, ClaimKind)]) {
        let field = |name: &str| record.get(name).and_then(Value::as_str);
        let rule = match (field("kind"), field("rule")) {
            (Some("allow"), _) => None,
            // What else refuses has nothing to do with who may do what.
            (Some("deny"), Some(rule))
                if rule == "scopes" || rule == "pins" || rule.starts_with("policy:") =>
            {
                Some(rule.to_owned())
            }
            _ => return,
        };
        let Some(before) = self.before(record, kinds) else { return };
        if self.all.len() >= MOST && !self.all.contains_key(&before) {
            self.left_out += 1;
            return;
        }
        let decided = self.all.entry(before).or_default();
        decided.calls += 1;
        decided.by_arguments = rule.is_some() && hung_on_arguments(record);
        decided.refused_by = rule;
    }

    fn before(
        &mut self,
        record: &Map<String, Value>,
        kinds: &[(String, ClaimKind)],
    ) -> Option<Before> {
        let field = |name: &str| record.get(name).and_then(Value::as_str);
        let owned = |name: &str| field(name).map(str::to_owned);
        let tool = format!("{}___{}", field("target")?, field("tool")?);
        let said = record.get("claims").and_then(Value::as_object);
        let mut before = Before {
            issuer: owned("issuer")?,
            subject: owned("subject")?,
            client: owned("client"),
            scopes: owned("scopes").unwrap_or_default(),
            claims: Vec::new(),
            kinds: Vec::new(),
            server: owned("server"),
            tool,
            read_only: record.get("read_only").and_then(Value::as_bool),
            idempotent: record.get("idempotent").and_then(Value::as_bool),
        };
        for (name, kind) in kinds {
            let Some(value) = said.and_then(|said| said.get(name)) else { continue };
            self.unknown_claims.remove(name);
            before.claims.push((name.clone(), value.to_string()));
            before.kinds.push(Kind::of(*kind));
        }
        Some(before)
    }
}

/// Whether a policy decided by the arguments that the call had: what it refuses whatever they are, is
/// unknown to the caller.
fn hung_on_arguments(record: &Map<String, Value>) -> bool {
    let field = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
    field("rule").starts_with("policy:") && field("reason") == Reason::Forbidden.as_str()
}

// === impl Before ===

impl Before {
    /// The caller as it was, as far as the new policies know its claims.
    pub(super) fn principal(&self) -> Principal {
        let claims = self.claims.iter().zip(&self.kinds);
        let claims = claims.filter_map(|((name, value), kind)| {
            let value = serde_json::from_str(value).ok()?;
            Some((Box::from(name.as_str()), kind.read(&value)?))
        });
        Principal {
            issuer: Arc::from(self.issuer.as_str()),
            subject: Arc::from(self.subject.as_str()),
            client: self.client.as_deref().map(Arc::from),
            scopes: self.scopes.split_whitespace().collect(),
            claims: claims.collect(),
            expires: None,
        }
    }

    /// Who it is, and what told it from others of the same name.
    pub(super) fn caller(&self) -> String {
        let claims: Vec<String> =
            self.claims.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let all = [self.scopes.clone(), claims.join(" ")].join(" ");
        format!("{}:{} ({})", self.issuer, self.subject, all.trim())
    }
}

// === impl Kind ===

impl Kind {
    const fn of(kind: ClaimKind) -> Self {
        match kind {
            ClaimKind::Text => Self::Text,
            ClaimKind::Number => Self::Number,
            ClaimKind::Bool => Self::Bool,
            ClaimKind::List => Self::List,
        }
    }

    /// The claim, if it is of that kind: else it is as if it were not there.
    fn read(self, value: &Value) -> Option<Claim> {
        Some(match self {
            Self::Text => Claim::Text(Box::from(value.as_str()?)),
            Self::Number => Claim::Number(value.as_i64()?),
            Self::Bool => Claim::Bool(value.as_bool()?),
            Self::List => {
                let texts = match value.as_array() {
                    Some(all) => all.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?,
                    None => vec![value.as_str()?],
                };
                Claim::List(texts.into_iter().map(Box::from).collect())
            }
        })
    }
}
