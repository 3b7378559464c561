//! The line of one call.
//!
//! Enters: a record and the time. Leaves: one JSON object and a newline, fields in the order of the
//! catalogue. Never: a token, an argument, a result or the raw subject.

use std::io::Write;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{Context, SHA256};
use toolgate_call::{Blame, Kind, Phases, Principal, Run};
use toolgate_telemetry_catalog::fields;

use super::redact;
use super::stamp;
use super::text::{is_plain, push_hex, push_number, push_padded, push_text};
use crate::CallRecord;

/// The longest JSON-RPC id that is written as it came.
const LONGEST_PLAIN_ID: usize = 64;

/// A JSON object being written.
pub(crate) struct Line<'a>(pub(crate) &'a mut Vec<u8>);

/// Appends the line of a call. `stands_for` is a number of JSON, where not every call has a line.
pub(super) fn write(
    out: &mut Vec<u8>,
    record: &CallRecord<'_>,
    stands_for: Option<&str>,
    now: SystemTime,
) {
    let mut line = Line(out);
    line.head(record, now);
    if let Some(number) = stands_for {
        line.key(fields::STANDS_FOR);
        line.0.extend_from_slice(number.as_bytes());
    }
    line.what(record);
    line.ending(record);
    line.time(record.phases, record.ledger.attempts());
    if let Some(run) = record.ledger.run() {
        line.run(run);
    }
    let (read, written) = record.ledger.bytes();
    line.number(fields::BYTES_IN, read);
    line.number(fields::BYTES_OUT, written);
    if let Some(principal) = record.principal {
        line.caller(principal);
    }
    line.flag(fields::SESSION, record.session);
    line.flag(fields::STREAMED, record.streamed);
    if let Some(peer) = record.peer {
        line.peer(peer);
    }
    if let Some(detail) = record.detail {
        line.text(fields::DETAIL, &redact(detail));
    }
    line.0.extend_from_slice(b"}\n");
}

// === impl Line ===

impl Line<'_> {
    fn head(&mut self, record: &CallRecord<'_>, now: SystemTime) {
        self.0.extend_from_slice(b"{\"");
        self.0.extend_from_slice(fields::TS.as_bytes());
        self.0.extend_from_slice(b"\":\"");
        stamp::push(self.0, now);
        self.0.push(b'"');
        self.word(fields::LEVEL, level(record.outcome.blame()));
        self.word(fields::MSG, "call");
        self.text(fields::REQUEST_ID, record.request_id);
        if let Some(trace) = record.trace {
            self.id(fields::TRACE_ID, trace.own.trace.bits(), 32);
            self.id(fields::SPAN_ID, u128::from(trace.own.span.bits()), 16);
            self.flag(fields::SAMPLED, record.kept);
        }
    }

    fn what(&mut self, record: &CallRecord<'_>) {
        if let Some(id) = record.id {
            self.rpc_id(id);
        }
        self.word(fields::METHOD, record.method.label());
        if let Some(server) = record.server {
            self.text(fields::SERVER, server);
        }
        if let Some(plan) = record.ledger.plan() {
            self.text(fields::TARGET, &plan.target);
            match plan.kind {
                Kind::Tool | Kind::Task => {
                    if let Some(tool) = plan.tool() {
                        self.text(fields::TOOL, tool);
                    }
                }
                Kind::Prompt => self.text(fields::PROMPT, &plan.name),
                // Its URI is the caller's own.
                Kind::Resources => {}
            }
        }
        if let Some(version) = record.version {
            self.word(fields::PROTOCOL_VERSION, version.as_str());
        }
    }

    fn ending(&mut self, record: &CallRecord<'_>) {
        self.number(fields::STATUS, u64::from(record.status));
        self.word(fields::OUTCOME, record.outcome.label());
        if let Some(reason) = record.outcome.reason {
            self.word(fields::REASON, reason.as_str());
            self.word(fields::BLAME, reason.blame().as_str());
            self.flag(fields::RETRY_SAFE, record.outcome.retry_safe);
        }
    }

    fn time(&mut self, phases: Phases, attempts: u32) {
        self.number(fields::ATTEMPTS, u64::from(attempts));
        self.key(fields::DURATION_MS);
        push_millis(self.0, micros(phases.total()));
        self.key(fields::PHASES);
        self.0.push(b'{');
        let mut first = true;
        for (phase, spent) in phases.micros() {
            if spent == 0 {
                continue;
            }
            self.0.extend_from_slice(if first { b"\"" } else { b",\"" });
            self.0.extend_from_slice(phase.as_str().as_bytes());
            self.0.extend_from_slice(b"_ms\":");
            push_millis(self.0, spent);
            first = false;
        }
        self.0.push(b'}');
    }

    fn run(&mut self, run: Run) {
        self.key(fields::FUNCTION_MS);
        push_millis(self.0, micros(run.duration));
        if let Some(init) = run.init {
            self.key(fields::FUNCTION_INIT_MS);
            push_millis(self.0, micros(init));
        }
    }

    fn caller(&mut self, principal: &Principal) {
        self.text(fields::ISSUER, &principal.issuer);
        if let Some(client) = &principal.client {
            self.text(fields::CLIENT, &redact(client));
        }
        let hash = subject_hash(&principal.issuer, &principal.subject);
        self.id(fields::SUBJECT_HASH, u128::from(hash), 16);
    }

    /// The id as it came when it is short and plain, else as a string of its text.
    fn rpc_id(&mut self, id: &[u8]) {
        if is_plain_id(id) {
            self.key(fields::RPC_ID);
            self.0.extend_from_slice(id);
        } else {
            self.text(fields::RPC_ID, &redact(&String::from_utf8_lossy(id)));
        }
    }

    fn peer(&mut self, peer: IpAddr) {
        self.key(fields::PEER);
        self.0.push(b'"');
        match peer {
            IpAddr::V4(address) => {
                for (n, octet) in address.octets().into_iter().enumerate() {
                    if n > 0 {
                        self.0.push(b'.');
                    }
                    push_number(self.0, u64::from(octet));
                }
            }
            IpAddr::V6(address) => {
                let written = write!(self.0, "{address}");
                debug_assert!(written.is_ok(), "a vector takes any bytes");
            }
        }
        self.0.push(b'"');
    }

    /// So many of the lowest hex digits.
    pub(crate) fn id(&mut self, name: &str, bits: u128, digits: u32) {
        self.key(name);
        self.0.push(b'"');
        push_hex(self.0, bits, digits);
        self.0.push(b'"');
    }

    pub(crate) fn key(&mut self, name: &str) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        push_text(self.0, value);
    }

    /// A value of a closed list, which needs no escape.
    pub(crate) fn word(&mut self, name: &str, value: &'static str) {
        self.key(name);
        self.0.push(b'"');
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(b'"');
    }

    pub(crate) fn number(&mut self, name: &str, value: u64) {
        self.key(name);
        push_number(self.0, value);
    }

    pub(crate) fn flag(&mut self, name: &str, value: bool) {
        self.key(name);
        self.0.extend_from_slice(if value { b"true" } else { b"false" });
    }
}

/// How loud the line is: the operator's own faults are errors, those of others to act upon are
/// warnings.
const fn level(blame: Option<Blame>) -> &'static str {
    match blame {
        None | Some(Blame::Caller | Blame::Tool) => "info",
        Some(Blame::Network | Blame::Target) => "warn",
        Some(Blame::Gateway) => "error",
    }
}

/// Digits with a sign, or a string without escapes: nothing that could break out of the line.
fn is_plain_id(id: &[u8]) -> bool {
    let digits = |text: &[u8]| {
        let text = text.strip_prefix(b"-").unwrap_or(text);
        let leading_zero = text.len() > 1 && text.first() == Some(&b'0');
        !text.is_empty() && !leading_zero && text.iter().all(u8::is_ascii_digit)
    };
    let inside = |text: &[u8]| {
        let part = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
        part.is_some_and(|part| {
            part.iter().copied().all(is_plain) && !part.windows(3).any(|three| three == b"eyJ")
        })
    };
    id.len() <= LONGEST_PLAIN_ID && (digits(id) || inside(id))
}

/// Tells subjects apart without naming them. The hash has no key: whoever can guess a subject can
/// confirm the guess, but equal subjects are equal on every replica and in every release.
pub(crate) fn subject_hash(issuer: &str, subject: &str) -> u64 {
    let mut hasher = Context::new(&SHA256);
    hasher.update(issuer.as_bytes());
    hasher.update(&[0xff]);
    hasher.update(subject.as_bytes());
    let first = hasher.finish().as_ref().first_chunk::<8>().copied();
    first.map_or(0, u64::from_be_bytes)
}

pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

pub(crate) fn push_millis(out: &mut Vec<u8>, micros: u64) {
    push_number(out, micros / 1000);
    out.push(b'.');
    push_padded(out, micros % 1000, 3);
}
