//! Which records are asked for.
//!
//! Enters: the query of a URL. Leaves: a filter, or a sentence that says what may be asked. Never:
//! more records than [`MOST`] for a question from outside; a parameter that is passed over.

use std::time::{Duration, SystemTime};

use toolgate_call::{Blame, Plan, Reason};

use super::entry::Entry;

/// How many records an answer has unless it is asked for another number, and at most.
const USUAL: usize = 50;
const MOST: usize = 500;

/// What may be asked for.
const KNOWN: &str = "tool, target, reason, blame, slower_ms, limit";

/// A filter of records. A record has to match all of it.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The id that the caller was given: a caller may choose its ids, so several may have one.
    pub request_id: Option<String>,
    /// The tool, by its full name or by its name at its target.
    pub tool: Option<String>,
    /// The configured target.
    pub target: Option<String>,
    /// How it failed.
    pub reason: Option<Reason>,
    /// Whom it counts against.
    pub blame: Option<Blame>,
    /// Who called: the hash of the subject, as the access log writes it.
    pub caller: Option<u64>,
    /// It took longer.
    pub slower: Option<Duration>,
    /// It ended then or later.
    pub since: Option<SystemTime>,
    /// So many at most; `None`: 50.
    pub limit: Option<usize>,
}

// === impl Query ===

impl Query {
    /// Reads `a=b&c=d`.
    ///
    /// # Errors
    /// A sentence for whoever asked, when a parameter is not known, has no such value or comes
    /// twice.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (mut query, mut seen) = (Self::default(), Vec::new());
        for part in text.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            if seen.contains(&name) {
                return Err("A parameter can be given once.\n".to_owned());
            }
            seen.push(name);
            let value = decoded(value).ok_or("A value is not percent-encoded UTF-8.\n")?;
            query.take(name, value)?;
        }
        Ok(query)
    }

    /// The calls that were given that id: a caller may choose its ids, so there may be several.
    pub(crate) fn of_request(request_id: String) -> Self {
        Self { request_id: Some(request_id), ..Self::default() }
    }

    /// Everything.
    pub(super) fn all() -> Self {
        Self { limit: Some(usize::MAX), ..Self::default() }
    }

    pub(super) const fn is_of_request(&self) -> bool {
        self.request_id.is_some()
    }

    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(USUAL)
    }

    pub(super) fn matches(&self, entry: &Entry) -> bool {
        let named = |tool: &str| {
            let named = |plan: &Plan| {
                let name = plan.tool().unwrap_or(&plan.name);
                name == tool || &*plan.full == tool
            };
            entry.plan.as_ref().is_some_and(|plan| named(plan))
        };
        let at = |target: &str| entry.plan.as_ref().is_some_and(|plan| &*plan.target == target);
        self.request_id.as_ref().is_none_or(|id| *id == entry.request_id)
            && self.tool.as_deref().is_none_or(named)
            && self.target.as_deref().is_none_or(at)
            && self.reason.is_none_or(|reason| entry.outcome.reason == Some(reason))
            && self.blame.is_none_or(|blame| entry.outcome.blame() == Some(blame))
            && self.slower.is_none_or(|than| entry.phases.total() > than)
            && self.since.is_none_or(|since| entry.ended >= since)
            // Last, since a hash has to be made for it.
            && self.caller.is_none_or(|hash| entry.caller_hash() == Some(hash))
    }

    fn take(&mut self, name: &str, value: String) -> Result<(), String> {
        match name {
            "tool" => self.tool = Some(value),
            "target" => self.target = Some(value),
            "reason" => self.reason = Some(listed(Reason::ALL, Reason::as_str, (name, &value))?),
            "blame" => self.blame = Some(listed(&Blame::ALL, Blame::as_str, (name, &value))?),
            "slower_ms" => self.slower = Some(Duration::from_millis(number(name, &value)?)),
            "limit" => {
                let most = usize::try_from(number(name, &value)?).ok();
                let fine = most.filter(|most| (1..=MOST).contains(most));
                self.limit = Some(fine.ok_or(format!("`limit` is from 1 to {MOST}.\n"))?);
            }
            _ => return Err(format!("There is no such parameter. There are: {KNOWN}.\n")),
        }
        Ok(())
    }
}

fn number(name: &str, value: &str) -> Result<u64, String> {
    value.parse().map_err(|_| format!("`{name}` is a whole number.\n"))
}

/// The word of a closed list.
fn listed<T: Copy>(
    all: &[T],
    word: impl Fn(T) -> &'static str,
    (name, value): (&str, &str),
) -> Result<T, String> {
    all.iter().copied().find(|one| word(*one) == value).ok_or_else(|| {
        let words: Vec<&str> = all.iter().map(|one| word(*one)).collect();
        format!("`{name}` is one of: {}.\n", words.join(", "))
    })
}

/// The text behind percent-encoding (RFC 3986, 2.1); `None` when it is none, or not UTF-8.
pub(crate) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|n| u8::try_from(n).ok());
        bytes.push(digit(digits.first()?)? << 4 | digit(digits.get(1)?)?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}
