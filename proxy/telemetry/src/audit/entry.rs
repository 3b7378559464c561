//! The fields of a record.
//!
//! Enters: what a stage knows of a decision, an ending or a change. Leaves: JSON members, in the order
//! of the catalogue. Never: a token, an argument or a result; the chain (see `chain`).

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use toolgate_call::{Claim, Claims, Hint, Plan, Principal, Reason, Scopes, TraceId};
use toolgate_telemetry_catalog::{AuditKind, AuditLoss, Word, audit_fields as fields};

use super::chain::{Link, push_hash};
use crate::CallRecord;
use crate::access::{push_hex, push_number, push_text, push_time, redact};

/// The longest explanation that is kept, in bytes.
const EXPLANATION: usize = 16 * 1024;
/// The most bytes of scopes that are kept.
const SCOPES: usize = 2048;

/// A decision about a call.
#[derive(Clone, Copy, Debug)]
pub struct AuditDecision<'a> {
    /// `None`: it was let through.
    pub denied: Option<AuditDenial<'a>>,
    /// The rule that decided.
    pub rule: &'a str,
    /// Who, once that was known.
    pub principal: Option<&'a Principal>,
    /// From where.
    pub peer: Option<IpAddr>,
    /// At which server.
    pub server: Option<&'a str>,
    /// What was asked: the label of the method.
    pub method: &'a str,
    /// The name, or the URI, as the caller wrote it.
    pub name: Option<&'a str>,
    /// What that is, once it was found.
    pub plan: Option<&'a Plan>,
    /// The id that the caller is given.
    pub request_id: &'a str,
    /// Its trace.
    pub trace: Option<TraceId>,
}

/// Why a call was refused.
#[derive(Clone, Copy, Debug)]
pub struct AuditDenial<'a> {
    /// The reason of the closed list.
    pub reason: Reason,
    /// The reason in words, for the operator.
    pub words: &'a str,
    /// How the rules came to it: a JSON object on one line. What is too long is left out.
    pub explanation: Option<&'a str>,
}

/// A tool whose definition is not the approved one.
#[derive(Clone, Copy, Debug)]
pub struct AuditContract<'a> {
    /// The configured target.
    pub target: &'a str,
    /// The tool's name there.
    pub tool: &'a str,
    /// How it differs: words, with commas.
    pub changes: &'a str,
    /// What is done about it.
    pub action: &'a str,
    /// The hash of the approved definition, if there is one.
    pub approved: Option<[u8; 32]>,
    /// The hash of the definition that was seen, unless it is gone.
    pub seen: Option<[u8; 32]>,
}

/// What was found when the log was opened.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// Bytes of an unfinished record, and their hash.
    pub(super) torn: Option<(usize, [u8; 32])>,
    /// The last record that was written, where the log ends before it.
    pub(super) missing: Option<(u64, u64)>,
}

/// Members being written.
struct Fields<'a>(&'a mut Vec<u8>);

pub(super) fn decision(out: &mut Vec<u8>, decision: &AuditDecision<'_>, now: SystemTime) {
    let kind = if decision.denied.is_none() { AuditKind::Allow } else { AuditKind::Deny };
    let mut fields = Fields::begin(out, kind, now);
    if let Some(principal) = decision.principal {
        fields.text(fields::ISSUER, &principal.issuer);
        fields.text(fields::SUBJECT, &redact(&principal.subject));
        if let Some(client) = &principal.client {
            fields.text(fields::CLIENT, &redact(client));
        }
        fields.scopes(&principal.scopes);
        fields.claims(&principal.claims);
    }
    if let Some(peer) = decision.peer {
        fields.text(fields::PEER, &peer.to_string());
    }
    if let Some(server) = decision.server {
        fields.text(fields::SERVER, server);
    }
    fields.text(fields::METHOD, decision.method);
    if let Some(name) = decision.name {
        fields.text(fields::NAME, &redact(name));
    }
    if let Some(plan) = decision.plan {
        fields.text(fields::TARGET, &plan.target);
        if let Some(tool) = plan.tool() {
            fields.text(fields::TOOL, tool);
        }
        fields.hint(fields::READ_ONLY, plan.read_only);
        fields.hint(fields::IDEMPOTENT, plan.idempotent);
        fields.hash(fields::DEFINITION, plan.definition);
    }
    fields.text(fields::RULE, decision.rule);
    if let Some(denied) = &decision.denied {
        fields.text(fields::REASON, denied.reason.as_str());
        fields.text(fields::WORDS, &redact(denied.words));
        if let Some(json) = denied.explanation {
            fields.json(fields::EXPLANATION, json);
        }
    }
    fields.ids(decision.request_id, decision.trace);
}

/// How a call ended that was let through.
pub(super) fn outcome(out: &mut Vec<u8>, record: &CallRecord<'_>, now: SystemTime) {
    let mut fields = Fields::begin(out, AuditKind::Outcome, now);
    if let Some(reason) = record.outcome.reason {
        fields.text(fields::REASON, reason.as_str());
        fields.text(fields::BLAME, reason.blame().as_str());
    }
    fields.millis(fields::DURATION_MS, record.phases.total());
    fields.ids(record.request_id, record.trace.map(|trace| trace.own.trace));
}

pub(super) fn contract(out: &mut Vec<u8>, contract: &AuditContract<'_>, now: SystemTime) {
    let mut fields = Fields::begin(out, AuditKind::Contract, now);
    fields.text(fields::TARGET, contract.target);
    fields.text(fields::TOOL, contract.tool);
    fields.hash(fields::DEFINITION, contract.seen);
    fields.hash(fields::APPROVED, contract.approved);
    fields.text(fields::CHANGES, contract.changes);
    fields.text(fields::ACTION, contract.action);
}

pub(super) fn opened(out: &mut Vec<u8>, found: &Found, now: SystemTime) {
    let mut fields = Fields::begin(out, AuditKind::Opened, now);
    fields.text(fields::VERSION, env!("CARGO_PKG_VERSION"));
    if let Some((bytes, hash)) = found.torn {
        fields.number(fields::TORN_BYTES, bytes as u64);
        fields.hash(fields::TORN_SHA256, Some(hash));
    }
    if let Some((from, to)) = found.missing {
        fields.number(fields::MISSING_FROM, from);
        fields.number(fields::MISSING_TO, to);
    }
}

pub(super) fn lost(out: &mut Vec<u8>, lost: &[u64; AuditLoss::ALL.len()], now: SystemTime) {
    let mut fields = Fields::begin(out, AuditKind::Lost, now);
    fields.key(fields::LOST);
    fields.0.push(b'{');
    let some = AuditLoss::ALL.iter().zip(lost).filter(|(_, count)| **count > 0);
    for (n, (why, count)) in some.enumerate() {
        fields.0.extend_from_slice(if n == 0 { b"\"" } else { b",\"" });
        fields.0.extend_from_slice(why.word().as_bytes());
        fields.0.extend_from_slice(b"\":");
        push_number(fields.0, *count);
    }
    fields.0.push(b'}');
}

// === impl Fields ===

impl<'a> Fields<'a> {
    fn begin(out: &'a mut Vec<u8>, kind: AuditKind, now: SystemTime) -> Self {
        out.push(b'"');
        out.extend_from_slice(fields::TS.as_bytes());
        out.extend_from_slice(b"\":\"");
        push_time(out, now);
        out.push(b'"');
        let mut begun = Self(out);
        begun.text(fields::KIND, kind.word());
        begun
    }

    fn ids(&mut self, request_id: &str, trace: Option<TraceId>) {
        self.text(fields::REQUEST_ID, request_id);
        if let Some(trace) = trace {
            self.key(fields::TRACE_ID);
            self.0.push(b'"');
            push_hex(self.0, trace.bits(), 32);
            self.0.push(b'"');
        }
    }

    fn key(&mut self, name: &str) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        push_text(self.0, value);
    }

    fn number(&mut self, name: &str, value: u64) {
        self.key(name);
        push_number(self.0, value);
    }

    fn millis(&mut self, name: &str, time: Duration) {
        self.number(name, u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    }

    fn hint(&mut self, name: &str, hint: Hint) {
        let said: &[u8] = match hint {
            Hint::Yes => b"true",
            Hint::No => b"false",
            Hint::Unknown => return,
        };
        self.key(name);
        self.0.extend_from_slice(said);
    }

    fn hash(&mut self, name: &str, hash: Option<[u8; 32]>) {
        let Some(hash) = hash else { return };
        self.key(name);
        self.0.push(b'"');
        push_hash(self.0, &hash);
        self.0.push(b'"');
    }

    /// As a token has them: one text.
    fn scopes(&mut self, scopes: &Scopes) {
        if scopes.is_empty() {
            return;
        }
        let mut text = String::new();
        for scope in scopes.iter() {
            if text.len() + scope.len() > SCOPES {
                break;
            }
            text.push_str(if text.is_empty() { "" } else { " " });
            text.push_str(scope);
        }
        self.text(fields::SCOPES, &text);
    }

    /// Those that policies are handed: they are few, and short.
    fn claims(&mut self, claims: &Claims) {
        let mut all = claims.iter().peekable();
        if all.peek().is_none() {
            return;
        }
        self.key(fields::CLAIMS);
        for (number, (name, claim)) in all.enumerate() {
            self.0.push(if number == 0 { b'{' } else { b',' });
            push_text(self.0, name);
            self.0.push(b':');
            match claim {
                Claim::Text(text) => push_text(self.0, &redact(text)),
                Claim::Number(number) => self.0.extend_from_slice(number.to_string().as_bytes()),
                Claim::Bool(said) => self.0.extend_from_slice(said.to_string().as_bytes()),
                Claim::List(texts) => self.list(texts),
            }
        }
        self.0.push(b'}');
    }

    fn list(&mut self, texts: &[Box<str>]) {
        self.0.push(b'[');
        for (number, text) in texts.iter().enumerate() {
            if number > 0 {
                self.0.push(b',');
            }
            push_text(self.0, &redact(text));
        }
        self.0.push(b']');
    }

    /// JSON of another's making: what is not an object on one line, or too long, is left out.
    fn json(&mut self, name: &str, json: &str) {
        let is_object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(json);
        if json.len() <= EXPLANATION && !json.contains(['\n', '\r']) && is_object.is_ok() {
            self.key(name);
            self.0.extend_from_slice(json.as_bytes());
        }
    }
}

/// The head as a line of its file.
pub(super) fn head(link: &Link) -> String {
    format!("{link}\n")
}
