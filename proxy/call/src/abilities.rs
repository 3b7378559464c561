//! What a caller can do for a server, and so what a server may ask of it.
//!
//! Enters: a `clientCapabilities` object. Leaves: one byte, and the same object with just those
//! members; and whether the extension of tasks is declared. Never: another capability by which nobody
//! is asked for anything.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{RawJson, Version};

/// The extension of tasks (SEP-2663), by which a tool's answer may be a task.
pub const TASKS: &str = "io.modelcontextprotocol/tasks";
/// The extension of MCP Apps (SEP-1865): pages that a client shows, which are resources like others.
pub const UI: &str = "io.modelcontextprotocol/ui";
/// The extensions that can be had through the gateway: all they need finds its way.
pub const ROUTED: [&str; 2] = [TASKS, UI];

/// A set of abilities (2026-07-28 `client/elicitation`, `client/sampling`, `client/roots`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Abilities(u8);

/// The members of `clientCapabilities` that are read.
#[derive(Default, Deserialize)]
struct Declared<'a> {
    #[serde(borrow)]
    elicitation: Option<&'a RawValue>,
    #[serde(borrow)]
    sampling: Option<&'a RawValue>,
    #[serde(borrow)]
    roots: Option<&'a RawValue>,
    #[serde(borrow)]
    extensions: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Extensions<'a> {
    #[serde(borrow, rename = "io.modelcontextprotocol/tasks")]
    tasks: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Modes<'a> {
    #[serde(borrow)]
    form: Option<&'a RawValue>,
    #[serde(borrow)]
    url: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Extras<'a> {
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
    #[serde(borrow)]
    context: Option<&'a RawValue>,
}

// === impl Abilities ===

impl Abilities {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// `elicitation.form`: fill in a form.
    pub const FORM: Self = Self(1);
    /// `elicitation.url`: open a page.
    pub const URL: Self = Self(1 << 1);
    /// `sampling`: ask a model.
    pub const SAMPLING: Self = Self(1 << 2);
    /// `sampling.tools`: with tools.
    pub const SAMPLING_TOOLS: Self = Self(1 << 3);
    /// `sampling.context`: with the context of servers.
    pub const SAMPLING_CONTEXT: Self = Self(1 << 4);
    /// `roots`: say which folders it works in.
    pub const ROOTS: Self = Self(1 << 5);
    /// `extensions["io.modelcontextprotocol/tasks"]`: take a task for an answer. Nothing that a server
    /// asks for, and so not among [`Abilities::ALL`].
    pub const TASKS: Self = Self(1 << 6);
    /// All that a server may ask for.
    pub const ALL: Self = Self(0b11_1111);
    /// How many sets of those there are.
    pub const SETS: usize = 64;

    /// Reads a `clientCapabilities` object. What has another shape than it should is not there.
    #[must_use]
    pub fn declared(capabilities: &RawJson) -> Self {
        // Most callers can do nothing: then there is nothing to parse.
        if capabilities.len() <= 2 {
            return Self::NONE;
        }
        let Declared { elicitation, sampling, roots, extensions } =
            capabilities.parse().unwrap_or_default();
        let mut all = Self::NONE;
        if let Some(modes) = object::<Modes<'_>>(elicitation) {
            let url = modes.url.is_some();
            // `elicitation: {}` means forms, as it did before there were pages.
            if modes.form.is_some() || !url {
                all = all.and(Self::FORM);
            }
            all = if url { all.and(Self::URL) } else { all };
        }
        if let Some(extras) = object::<Extras<'_>>(sampling) {
            all = all.and(Self::SAMPLING);
            all = if extras.tools.is_some() { all.and(Self::SAMPLING_TOOLS) } else { all };
            all = if extras.context.is_some() { all.and(Self::SAMPLING_CONTEXT) } else { all };
        }
        let is_object = |raw: &RawValue| raw.get().starts_with('{');
        if roots.is_some_and(is_object) {
            all = all.and(Self::ROOTS);
        }
        if object::<Extensions<'_>>(extensions).is_some_and(|all| all.tasks.is_some_and(is_object))
        {
            all = all.and(Self::TASKS);
        }
        all
    }

    /// The `clientCapabilities` object that says just this.
    #[must_use]
    pub fn json(self) -> String {
        let says = |ability, text| self.has(ability).then_some(text);
        let inner = |members: [Option<&'static str>; 2]| {
            members.into_iter().flatten().collect::<Vec<_>>().join(",")
        };
        let modes = inner([says(Self::FORM, r#""form":{}"#), says(Self::URL, r#""url":{}"#)]);
        let extras = inner([
            says(Self::SAMPLING_TOOLS, r#""tools":{}"#),
            says(Self::SAMPLING_CONTEXT, r#""context":{}"#),
        ]);
        let elicitation = (!modes.is_empty()).then(|| format!(r#""elicitation":{{{modes}}}"#));
        let sampling = self.has(Self::SAMPLING).then(|| format!(r#""sampling":{{{extras}}}"#));
        let roots = self.has(Self::ROOTS).then(|| r#""roots":{}"#.to_owned());
        let tasks = self.has(Self::TASKS).then(|| format!(r#""extensions":{{"{TASKS}":{{}}}}"#));
        let all = [elicitation, sampling, roots, tasks];
        let all: Vec<String> = all.into_iter().flatten().collect();
        format!("{{{}}}", all.join(","))
    }

    /// What that revision has words for.
    #[must_use]
    pub const fn known_to(version: Version) -> Self {
        match version {
            Version::V2025_03_26 => Self::SAMPLING.and(Self::ROOTS),
            Version::V2025_06_18 => Self::SAMPLING.and(Self::ROOTS).and(Self::FORM),
            Version::V2025_11_25 | Version::V2026_07_28 => Self::ALL,
        }
    }

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn within(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether all of `other` is in it.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// As a byte: below [`Abilities::SETS`] for what is within [`Abilities::ALL`].
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Of a byte; what is not among [`Abilities::ALL`] is left out.
    #[must_use]
    pub const fn of_bits(bits: u8) -> Self {
        Self(bits & Self::ALL.0)
    }
}

/// The members of a value that is an object.
fn object<'a, T: Default + Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    let raw = raw.map(RawValue::get).filter(|raw| raw.starts_with('{'))?;
    Some(serde_json::from_str(raw).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    //! What is read and written.

    use super::Abilities as A;
    use crate::{RawJson, Version};

    #[test]
    fn what_is_declared_is_read_and_nothing_else() {
        let cases = [
            ("{}", A::NONE),
            (r#"{"elicitation":{}}"#, A::FORM),
            (r#"{"elicitation":{"form":{}}}"#, A::FORM),
            (r#"{"elicitation":{"url":{}}}"#, A::URL),
            (r#"{"elicitation":{"url":{},"form":{}},"x":1}"#, A::FORM.and(A::URL)),
            (r#"{"elicitation":null,"sampling":[],"roots":true}"#, A::NONE),
            (r#"{"sampling":{},"roots":{"listChanged":true}}"#, A::SAMPLING.and(A::ROOTS)),
            (r#"{"sampling":{"tools":{}}}"#, A::SAMPLING.and(A::SAMPLING_TOOLS)),
            (r#"{"roots":{},"roots":{}}"#, A::NONE),
            (r#"{"extensions":{"io.modelcontextprotocol/tasks":{},"x/y":{}}}"#, A::TASKS),
            (r#"{"extensions":{"io.modelcontextprotocol/tasks":null}}"#, A::NONE),
            (r#"{"extensions":{"io.modelcontextprotocol/ui":{}}}"#, A::NONE),
        ];
        for (text, wanted) in cases {
            assert_eq!(A::declared(&RawJson::literal(text)), wanted, "{text}");
        }
    }

    #[test]
    fn every_set_reads_back_as_written() {
        for bits in 0..u8::try_from(A::SETS).unwrap() {
            let set = A::of_bits(bits);
            let extra = A::SAMPLING_TOOLS.and(A::SAMPLING_CONTEXT);
            // Without sampling there is nothing that could be done with tools.
            let wanted =
                if set.has(A::SAMPLING) { set } else { set.within(A::of_bits(!extra.bits())) };
            let json = RawJson::built(set.json().into());
            assert_eq!(A::declared(&json), wanted, "{json:?} {bits:06b}");
        }
        assert_eq!(A::of_bits(0xff), A::ALL);
        let tasks = RawJson::built(A::TASKS.json().into());
        assert_eq!(A::declared(&tasks), A::TASKS);
    }

    #[test]
    fn older_revisions_have_fewer_words() {
        assert!(!A::known_to(Version::V2025_03_26).has(A::FORM));
        assert!(!A::known_to(Version::V2025_06_18).has(A::URL));
        assert_eq!(A::known_to(Version::V2025_11_25), A::ALL);
    }
}
