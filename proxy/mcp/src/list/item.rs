//! One thing on a list, as its target describes it.
//!
//! Enters: a value of a list. Leaves: its name (for a resource its URI, for a template that of its
//! URIs), its hints, and its bytes under another name. Never: a re-serialised description.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;
use toolgate_call::{Era, Listed, RawJson, Span};

use crate::member::member_around;
use crate::mirror::{self, Mirror};

/// The longest name, and the longest URI, in bytes.
const NAME: usize = 256;
const URI: usize = 4096;

/// A tool, prompt, resource or template.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) name: Arc<str>,
    pub(crate) read_only: Option<bool>,
    pub(crate) idempotent: Option<bool>,
    /// Arguments that stand in headers as well.
    pub(crate) mirrors: Arc<[Mirror]>,
    /// Whether it says that it can be called as a task only (2025-11-25).
    pub(crate) only_task: bool,
    /// Whether callers are given it.
    pub(crate) standing: Standing,
    /// The hash of its canonical definition, once it was judged.
    pub(crate) definition: Option<[u8; 32]>,
    raw: RawJson,
    name_at: Span,
    /// Where an `outputSchema` is that the older era does not know: one of something else than an
    /// object.
    odd_output: Option<Span>,
    /// Where an older target's `execution` is, of which 2026-07-28 knows nothing.
    execution: Option<Span>,
}

/// Whether callers are given something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    /// They are.
    #[default]
    Offered,
    /// It is held back: it is not what was approved. Its name is its own all the same.
    Held,
    /// It is held back, and was never approved. No name of others' depends on it.
    Stranger,
}

/// Why something is left out.
#[derive(Debug)]
pub(super) enum Unusable {
    Name,
    InputSchema(String),
    /// Its name, and what is wrong with its headers.
    Header(String, String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    uri: Option<&'a RawValue>,
    #[serde(borrow, default)]
    uri_template: Option<&'a RawValue>,
    #[serde(borrow, default)]
    annotations: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input_schema: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output_schema: Option<&'a RawValue>,
    #[serde(borrow, default)]
    execution: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Execution<'a> {
    #[serde(borrow)]
    task_support: Cow<'a, str>,
}

/// The root of a schema.
#[derive(Deserialize)]
struct Root<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Annotations {
    read_only_hint: Option<bool>,
    idempotent_hint: Option<bool>,
}

// === impl View ===

impl<'a> View<'a> {
    /// The member by which it is asked for, and how long that may be.
    fn key(&self, what: Listed) -> (Option<&'a RawValue>, usize) {
        match what {
            Listed::Tools | Listed::Prompts => (self.name, NAME),
            Listed::Resources => (self.uri, URI),
            Listed::Templates => (self.uri_template, URI),
        }
    }
}

// === impl Item ===

impl Item {
    /// `headers`: whether its arguments may have to be sent as headers too. Where they have not, what
    /// is wrong with them does not matter.
    pub(super) fn read(
        (what, headers, era): (Listed, bool, Era),
        page: &RawJson,
        raw: &RawValue,
    ) -> Result<Self, Unusable> {
        let raw = RawJson::borrowed(page.bytes(), raw);
        let view: View<'_> = raw.parse().map_err(|_| Unusable::Name)?;
        let (key, longest) = view.key(what);
        let key = key.ok_or(Unusable::Name)?;
        let name: Cow<'_, str> = serde_json::from_str(key.get()).map_err(|_| Unusable::Name)?;
        if !(1..=longest).contains(&name.len()) || name.chars().any(char::is_control) {
            return Err(Unusable::Name);
        }
        if what == Listed::Tools && !view.input_schema.is_some_and(is_of_object) {
            return Err(Unusable::InputSchema(name.into_owned()));
        }
        let mirrors = view.input_schema.filter(|_| what == Listed::Tools).map(mirror::read);
        let mirrors = match mirrors.transpose() {
            Err(why) if headers => return Err(Unusable::Header(name.into_owned(), why)),
            mirrors => mirrors.ok().flatten().unwrap_or_default().into(),
        };
        let at = |part: &RawValue| Span::within(raw.as_bytes(), part.get());
        let name_at = at(key).ok_or(Unusable::Name)?;
        let odd_output = view.output_schema.filter(|schema| !is_of_object(schema)).and_then(at);
        let older = what == Listed::Tools && era == Era::Legacy;
        let execution = view.execution.filter(|_| older);
        let only_task = execution.is_some_and(is_required);
        let execution = execution.and_then(at);
        // Hints that cannot be read are no reason to do without the tool.
        let hints = view.annotations.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let Annotations { read_only_hint, idempotent_hint } = hints.unwrap_or_default();
        let name = Arc::from(&*name);
        let (read_only, idempotent) = (read_only_hint, idempotent_hint);
        let placed = Self {
            name,
            read_only,
            idempotent,
            mirrors,
            only_task,
            standing: Standing::Offered,
            definition: None,
            raw,
            name_at,
            odd_output,
            execution,
        };
        Ok(placed)
    }

    /// The same tool as it is described there; `None`: nobody could use that. How it is to be called
    /// is the target's to say.
    pub(crate) fn described(&self, raw: &RawJson) -> Option<Self> {
        let value: &RawValue = raw.parse().ok()?;
        let era = if self.execution.is_some() { Era::Legacy } else { Era::Modern };
        let described = Self::read((Listed::Tools, false, era), raw, value).ok()?;
        Some(Self { only_task: self.only_task, ..described })
    }

    /// The same, given to callers or not.
    pub(crate) fn standing(&self, standing: Standing) -> Self {
        Self { standing, ..self.clone() }
    }

    /// Whether the target describes it as it did before, to the letter.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.raw.as_bytes() == other.raw.as_bytes()
    }

    /// It, as the target describes it.
    pub(crate) fn raw(&self) -> RawJson {
        self.raw.clone()
    }

    /// It, as the target describes it, under another name.
    pub(crate) fn renamed(&self, name: &str) -> RawJson {
        self.edited(name, self.execution, "execution")
    }

    /// The same for callers of the older era, if it must differ.
    pub(crate) fn renamed_for_legacy(&self, name: &str) -> Option<RawJson> {
        let differs = self.odd_output.is_some() || self.execution.is_some();
        differs.then(|| self.edited(name, self.odd_output, "outputSchema"))
    }

    /// Another name, and without a member, if it is there.
    fn edited(&self, name: &str, without: Option<Span>, key: &str) -> RawJson {
        let bytes = self.raw.as_bytes();
        let nothing = Span { start: self.name_at.end, end: self.name_at.end };
        let without = without.and_then(|value| member_around(bytes, value, key));
        let without = without.unwrap_or(nothing);
        let without = without.start..without.end;
        let name = RawJson::string(name);
        let named = (self.name_at.start..self.name_at.end, name.as_bytes());
        let mut edits = [named, (without, b"".as_slice())];
        edits.sort_by_key(|(at, _)| (at.start, at.end));
        let mut out = BytesMut::with_capacity(bytes.len() + name.len());
        let mut from = 0;
        for (at, text) in edits {
            out.put_slice(bytes.get(from..at.start).unwrap_or_default());
            out.put_slice(text);
            from = at.end;
        }
        out.put_slice(bytes.get(from..).unwrap_or_default());
        RawJson::built(out.freeze())
    }

    /// The size of its description in bytes.
    pub(crate) fn size(&self) -> usize {
        self.raw.len()
    }
}

impl PartialEq for Item {
    /// All else is read from it, but for how it is called, which stays the target's word beside an
    /// approved description.
    fn eq(&self, other: &Self) -> bool {
        let read = self.raw == other.raw && self.only_task == other.only_task;
        read && self.standing == other.standing
    }
}

/// Whether a tool must be called as a task.
fn is_required(execution: &RawValue) -> bool {
    let execution = serde_json::from_str::<Execution<'_>>(execution.get());
    execution.is_ok_and(|execution| execution.task_support == "required")
}

/// Whether a schema is one of an object, at its root.
fn is_of_object(schema: &RawValue) -> bool {
    schema.get().starts_with('{')
        && serde_json::from_str::<Root<'_>>(schema.get()).is_ok_and(|root| root.kind == "object")
}
