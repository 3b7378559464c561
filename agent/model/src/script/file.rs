//! The file of a script.
//!
//! In: JSON. Out: entries that make sense, or what does not and where it stands. Never: a member
//! that is not known passed over.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Fault, ModelError, Stop, Usage};

/// Bytes of a file.
const MOST: u64 = 4 << 20;
/// Milliseconds of a pause.
const PAUSE: u64 = 600_000;

/// Why a script cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadScript(String);

/// What is answered to some words.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    #[serde(default, rename = "match")]
    words: Value,
    pub(super) replies: Vec<Reply>,
    #[serde(skip)]
    any_of: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    #[serde(default)]
    pub(super) text: String,
    #[serde(default)]
    pub(super) delta_ms: u64,
    #[serde(default)]
    pub(super) think_ms: u64,
    #[serde(default)]
    pub(super) tools: Vec<Wanted>,
    pub(super) stop: Option<Stop>,
    #[serde(default, deserialize_with = "counted")]
    pub(super) usage: Option<Usage>,
    pub(super) fault: Option<Failing>,
}

/// A tool that is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    pub(super) name: String,
    #[serde(default)]
    pub(super) input: Map<String, Value>,
}

/// A failure in place of a reply, or after its text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Failing {
    kind: Fault,
    message: Option<String>,
    retry_after_ms: Option<u64>,
}

/// Tokens, those that are not named being none.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Tokens {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
}

// === impl Entry ===

impl Entry {
    /// Whether it answers to these words, in small letters.
    pub(super) fn answers(&self, asked: &str) -> bool {
        self.any_of.is_empty() || self.any_of.iter().any(|words| asked.contains(words))
    }

    /// Takes the words apart, and looks whether the replies make sense.
    fn check(&mut self) -> Result<(), String> {
        self.any_of = any_of(&self.words)?;
        if self.replies.is_empty() {
            return Err("it has no reply".to_owned());
        }
        let mut numbered = self.replies.iter().zip(1..);
        numbered.try_for_each(|(reply, nth)| {
            reply.check().map_err(|problem| format!("reply {nth}: {problem}"))
        })
    }
}

// === impl Reply ===

impl Reply {
    fn check(&self) -> Result<(), String> {
        if self.text.is_empty() && self.tools.is_empty() && self.fault.is_none() {
            return Err("it has neither `text`, `tools` nor `fault`".to_owned());
        }
        if self.fault.is_some() && !self.tools.is_empty() {
            return Err("it has both `tools` and `fault`".to_owned());
        }
        if self.think_ms.max(self.delta_ms) > PAUSE {
            return Err(format!("a pause is at most {PAUSE} ms"));
        }
        let nameless = self.tools.iter().any(|wanted| wanted.name.is_empty());
        if nameless { Err("a tool needs a `name`".to_owned()) } else { Ok(()) }
    }
}

// === impl Failing ===

impl Failing {
    pub(super) fn error(&self) -> ModelError {
        let says = self.message.as_deref().unwrap_or("the script says that the model fails here");
        ModelError {
            retry_after: self.retry_after_ms.map(Duration::from_millis),
            ..ModelError::new(self.kind, says)
        }
    }
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<String, BadScript> {
    let bad = |problem: &dyn std::fmt::Display| {
        BadScript(format!("the script {}: {problem}", path.display()))
    };
    let mut text = String::new();
    let file = File::open(path).map_err(|error| bad(&error))?;
    file.take(MOST + 1).read_to_string(&mut text).map_err(|error| bad(&error))?;
    if u64::try_from(text.len()).is_ok_and(|bytes| bytes <= MOST) {
        return Ok(text);
    }
    Err(bad(&format_args!("it has more than {MOST} bytes")))
}

/// Reads a text.
pub(super) fn parse(text: &str) -> Result<Vec<Entry>, BadScript> {
    let parsed: Result<Vec<Entry>, _> = serde_json::from_str(text);
    let mut entries = parsed.map_err(|error| BadScript(format!("the script: {error}")))?;
    if entries.is_empty() {
        return Err(BadScript("the script has no entry".to_owned()));
    }
    for (entry, nth) in entries.iter_mut().zip(1..) {
        let bad = |problem| BadScript(format!("entry {nth} of the script: {problem}"));
        entry.check().map_err(bad)?;
    }
    Ok(entries)
}

fn any_of(words: &Value) -> Result<Vec<String>, String> {
    let one = |words: &Value| words.as_str().filter(|it| !it.is_empty()).map(str::to_lowercase);
    let all = match words.as_array() {
        Some(list) if list.is_empty() => None,
        Some(list) => list.iter().map(one).collect::<Option<Vec<_>>>(),
        None if words.is_null() => Some(Vec::new()),
        None => one(words).map(|words| vec![words]),
    };
    all.ok_or_else(|| "`match` is a text, or a list of texts, and none of them empty".to_owned())
}

fn counted<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Usage>, D::Error> {
    let tokens = Option::<Tokens>::deserialize(from)?;
    Ok(tokens.map(|Tokens { input, output, cache_read, cache_write }| Usage {
        input,
        output,
        cache_read,
        cache_write,
    }))
}
