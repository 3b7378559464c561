//! How records hold on to each other.
//!
//! Enters: the fields of a record, and the link to the one before. Leaves: a line, and the link to it;
//! or what is wrong with a line. Never: a file, or a JSON value that was written anew: the hash is over
//! the bytes as they stand.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use toolgate_telemetry_catalog::audit_fields as fields;

use crate::access::{push_hex, push_number};

/// The number and the hash of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// The number; 0: there was none yet.
    pub seq: u64,
    /// SHA-256 over the record.
    pub hash: [u8; 32],
}

/// The hash as 64 hex digits.
struct Hex([u8; 32]);

/// What is wrong with one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It does not look like a record.
    NotARecord,
    /// Its own hash does not fit its bytes.
    Altered,
}

/// A record that is whole in itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The number and hash of it.
    pub link: Link,
    /// The hash that it names as that of the one before.
    pub prev: [u8; 32],
}

/// Hex digits of a hash.
const DIGITS: usize = 64;

/// Appends a record that follows `last`, with its newline, and gives back the link to it. `body` are the
/// other fields, without braces.
pub(super) fn seal(out: &mut Vec<u8>, last: &Link, body: &[u8]) -> Link {
    let (start, seq) = (out.len(), last.seq + 1);
    out.extend_from_slice(b"{\"");
    out.extend_from_slice(fields::SEQ.as_bytes());
    out.extend_from_slice(b"\":");
    push_number(out, seq);
    out.extend_from_slice(b",\"");
    out.extend_from_slice(fields::PREV.as_bytes());
    out.extend_from_slice(b"\":\"");
    push_hash(out, &last.hash);
    out.extend_from_slice(b"\",");
    out.extend_from_slice(body);
    let hash = sha256(out.get(start..).unwrap_or_default());
    out.extend_from_slice(b",\"");
    out.extend_from_slice(fields::HASH.as_bytes());
    out.extend_from_slice(b"\":\"");
    push_hash(out, &hash);
    out.extend_from_slice(b"\"}\n");
    Link { seq, hash }
}

/// Reads a line without its newline.
///
/// # Errors
/// What is wrong with the line by itself; whether it follows another is for the caller to see.
pub fn unseal(line: &[u8]) -> Result<Sealed, Flaw> {
    let parts = parts(line).ok_or(Flaw::NotARecord)?;
    if sha256(parts.covered) != parts.hash {
        return Err(Flaw::Altered);
    }
    Ok(Sealed { link: Link { seq: parts.seq, hash: parts.hash }, prev: parts.prev })
}

struct Parts<'a> {
    covered: &'a [u8],
    seq: u64,
    prev: [u8; 32],
    hash: [u8; 32],
}

fn parts(line: &[u8]) -> Option<Parts<'_>> {
    let rest = line.strip_suffix(b"\"}")?;
    let (rest, hash) = rest.split_at_checked(rest.len().checked_sub(DIGITS)?)?;
    let covered = rest.strip_suffix(b",\"hash\":\"")?;
    let inner = covered.strip_prefix(b"{\"seq\":")?;
    let digits = inner.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (seq, inner) = inner.split_at_checked(digits)?;
    let inner = inner.strip_prefix(b",\"prev\":\"")?;
    let (prev, _) = inner.split_at_checked(DIGITS)?;
    let seq = std::str::from_utf8(seq).ok()?.parse().ok()?;
    Some(Parts { covered, seq, prev: read_hash(prev)?, hash: read_hash(hash)? })
}

/// SHA-256.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *to = *from;
    }
    hash
}

/// Appends a hash in hex.
pub(super) fn push_hash(out: &mut Vec<u8>, hash: &[u8; 32]) {
    for half in hash.chunks_exact(16) {
        let bits = half.iter().fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte));
        push_hex(out, bits, 32);
    }
}

fn read_hash(text: &[u8]) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if text.len() != DIGITS {
        return None;
    }
    for (to, pair) in hash.iter_mut().zip(text.chunks_exact(2)) {
        let lower = pair.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let pair = std::str::from_utf8(pair).ok().filter(|_| lower)?;
        *to = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(hash)
}

// === impl Link ===

impl fmt::Display for Link {
    /// `SEQ:HASH`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, Hex(self.hash))
    }
}

impl FromStr for Link {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "it is written SEQ:HASH, a number and 64 hex digits";
        let (seq, hash) = text.trim().split_once(':').ok_or(wrong)?;
        let hash = read_hash(hash.as_bytes()).ok_or(wrong)?;
        Ok(Self { seq: seq.parse().map_err(|_| wrong)?, hash })
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

// === impl Flaw ===

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotARecord => "this is not a record",
            Self::Altered => "the record was altered: its hash does not fit it",
        })
    }
}
