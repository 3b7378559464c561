//! A request as it came, with the places that may have to change on its way to a target.
//!
//! Enters: the body and the byte ranges that `admit` found in it. Leaves: the same body with a new
//! id, a new name and, where the target's era wants it, more `_meta`. Never: re-serialises; what
//! the gateway does not know is forwarded byte for byte.

use bytes::Bytes;

use crate::RawJson;

/// A half-open range of bytes within a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// The places in a request body that the gateway knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameParts {
    /// The value of `id`.
    pub id: Option<Span>,
    /// The value of `method`.
    pub method: Option<Span>,
    /// The value of `params.name` (or `params.uri`, or `params.taskId`, or what `params.ref` names).
    pub name: Option<Span>,
    /// The value of a member of `params`, behind which others can be put.
    pub member: Option<Span>,
    /// The value of `params._meta`, an object.
    pub meta: Option<Span>,
    /// The value of `params._meta.traceparent`.
    pub traceparent: Option<Span>,
    /// The value of `params.arguments`.
    pub arguments: Option<Span>,
    /// The value of `params.requestState`.
    pub state: Option<Span>,
    /// The value of `params.inputResponses`.
    pub responses: Option<Span>,
}

/// One JSON-RPC request, as sent by the caller.
#[derive(Clone, Debug)]
pub struct Frame {
    bytes: Bytes,
    parts: FrameParts,
}

/// What is to happen to `params._meta`.
#[derive(Clone, Copy, Debug)]
pub enum MetaEdit<'a> {
    /// Leave it as it came.
    Keep,
    /// Put these members (`"key":value` pairs, comma separated, not empty) before the others.
    Prepend(&'a str),
    /// Put this object in its place; nothing if there is no `_meta`.
    Replace(&'a str),
}

/// What a request becomes for one target.
#[derive(Clone, Copy, Debug)]
pub struct Rewrite<'a> {
    /// The new id, a JSON value.
    pub id: &'a str,
    /// The target's own name for what is asked, as text; takes the place of the caller's name for
    /// it. `None`: that stays.
    pub name: Option<&'a str>,
    /// What is to happen to `params._meta`.
    pub meta: MetaEdit<'a>,
    /// The new `params._meta.traceparent`: added, or in the place of the caller's. Has no effect
    /// beside [`MetaEdit::Replace`], whose object must have it already.
    pub traceparent: Option<&'a str>,
    /// More members of `params` (`"key":value` pairs, comma separated), put behind the member
    /// that says what is asked for; without one they are left out.
    pub more: Option<&'a str>,
}

/// A replacement of a range of bytes; an empty range is an insertion.
struct Edit<'a> {
    at: Span,
    pieces: [&'a [u8]; 6],
}

// === impl Span ===

impl Span {
    /// Where `part`, which was borrowed from `whole`, lies; `None` if it lies elsewhere.
    #[must_use]
    pub fn within(whole: &[u8], part: &str) -> Option<Self> {
        let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
        let end = start.checked_add(part.len())?;
        (end <= whole.len()).then_some(Self { start, end })
    }

    const fn empty(at: usize) -> Self {
        Self { start: at, end: at }
    }
}

// === impl Frame ===

impl Frame {
    /// A body and the places found in it.
    #[must_use]
    pub const fn new(bytes: Bytes, parts: FrameParts) -> Self {
        Self { bytes, parts }
    }

    /// A message of the gateway's own, in which the id is `0` and the name `""`, each the first of its
    /// kind.
    #[must_use]
    pub fn of_own(text: String) -> Self {
        let find = |what: &str, value: usize| {
            let start = text.find(what)? + what.len() - value;
            Some(Span { start, end: start + value })
        };
        let name = find(r#":"""#, 2);
        let parts =
            FrameParts { id: find(r#""id":0"#, 1), name, member: name, ..FrameParts::default() };
        Self { bytes: text.into(), parts }
    }

    /// The length of the body in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no body (GET and DELETE of the older era).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes of a place.
    #[must_use]
    pub fn slice(&self, span: Span) -> Option<&[u8]> {
        self.bytes.get(span.start..span.end)
    }

    /// `params._meta` as sent.
    #[must_use]
    pub fn meta(&self) -> Option<&[u8]> {
        self.parts.meta.and_then(|span| self.slice(span))
    }

    /// `params.arguments` as sent.
    #[must_use]
    pub fn arguments(&self) -> Option<&[u8]> {
        self.parts.arguments.and_then(|span| self.slice(span))
    }

    /// `params.requestState` as sent.
    #[must_use]
    pub fn state(&self) -> Option<&[u8]> {
        self.parts.state.and_then(|span| self.slice(span))
    }

    /// `params.inputResponses` as sent.
    #[must_use]
    pub fn responses(&self) -> Option<&[u8]> {
        self.parts.responses.and_then(|span| self.slice(span))
    }

    /// Whether it takes an earlier call further, with answers or with the state it was given.
    #[must_use]
    pub const fn is_retry(&self) -> bool {
        self.parts.state.is_some() || self.parts.responses.is_some()
    }

    /// The call of something that this one names in its arguments: what is at `name` and at `arguments`,
    /// places within this body (`None`: an empty object), takes the place of its own name and arguments.
    /// All else is as sent. `None`: this is no call with a name and arguments.
    #[must_use]
    pub fn meant(&self, name: Span, arguments: Option<Span>) -> Option<Self> {
        let (own_name, own_arguments) = (self.parts.name?, self.parts.arguments?);
        let arguments = match arguments {
            Some(at) => self.slice(at)?,
            None => b"{}",
        };
        let mut edits = [(own_name, self.slice(name)?), (own_arguments, arguments)];
        edits.sort_by_key(|(at, _)| at.start);
        let moved = |place: Span| {
            let before = edits.iter().filter(|(at, _)| at.end <= place.start);
            let (cut, put) = before
                .fold((0, 0), |(cut, put), (at, text)| (cut + at.end - at.start, put + text.len()));
            let own = edits.iter().find(|(at, _)| *at == place).map(|(_, text)| text.len());
            let start = (place.start + put).saturating_sub(cut);
            Span { start, end: start + own.unwrap_or(place.end - place.start) }
        };
        let FrameParts { id, method, name, member, meta, .. } = self.parts;
        let FrameParts { traceparent, arguments, state, responses, .. } = self.parts;
        let parts = FrameParts {
            id: id.map(moved),
            method: method.map(moved),
            name: name.map(moved),
            member: member.map(moved),
            meta: meta.map(moved),
            traceparent: traceparent.map(moved),
            arguments: arguments.map(moved),
            state: state.map(moved),
            responses: responses.map(moved),
        };
        let edits = edits.map(|(at, text)| Some(Edit::new(at, [text, b"", b""])));
        Some(Self { bytes: self.apply(&edits), parts })
    }

    /// The body for a target.
    #[must_use]
    pub fn rewrite(&self, change: &Rewrite<'_>) -> Bytes {
        let needs_escapes =
            |name: &str| name.bytes().any(|b| b < 0x20 || matches!(b, b'"' | b'\\'));
        let quoted = change.name.filter(|name| needs_escapes(name)).map(RawJson::string);
        let name = match (&quoted, change.name) {
            (Some(json), _) => Some([json.as_bytes(), b"", b""]),
            (None, Some(name)) => Some([&b"\""[..], name.as_bytes(), b"\""]),
            (None, None) => None,
        };
        let id = self.parts.id.map(|at| Edit::new(at, [change.id.as_bytes(), b"", b""]));
        let name = self.parts.name.zip(name).map(|(at, name)| Edit::new(at, name));
        let [meta, trace] = self.meta_edits(change.meta, change.traceparent);
        let more =
            self.parts.member.zip(change.more).map(|(member, more)| {
                Edit::new(Span::empty(member.end), [b",", more.as_bytes(), b""])
            });
        let mut edits = [id, name, more, meta, trace];
        edits.sort_by_key(|edit| edit.as_ref().map(|edit| (edit.at.start, edit.at.end)));
        self.apply(&edits)
    }

    /// What changes in `params._meta`, and in the caller's `traceparent` there.
    fn meta_edits<'a>(
        &self,
        meta: MetaEdit<'a>,
        traceparent: Option<&'a str>,
    ) -> [Option<Edit<'a>>; 2] {
        let there = self.parts.traceparent;
        let replaced =
            there.zip(traceparent).map(|(at, text)| Edit::new(at, [b"\"", text.as_bytes(), b"\""]));
        let added = if there.is_none() { traceparent } else { None };
        match (meta, added) {
            (MetaEdit::Replace(object), _) => {
                let whole = |at| Edit::new(at, [object.as_bytes(), b"", b""]);
                [self.parts.meta.map(whole), None]
            }
            (MetaEdit::Keep, None) => [replaced, None],
            (MetaEdit::Keep, Some(text)) => [self.prepend("", text), None],
            (MetaEdit::Prepend(members), added) => {
                [self.prepend(members, added.unwrap_or_default()), replaced]
            }
        }
    }

    /// Where new members of `_meta` go: into it, else behind another member, else into new `params`.
    fn prepend<'a>(&self, members: &'a str, traceparent: &'a str) -> Option<Edit<'a>> {
        let (at, open, close): (usize, &[u8], &[u8]) = match (&self.parts, self.meta_is_empty()) {
            (FrameParts { meta: Some(meta), .. }, true) => (meta.start + 1, b"", b""),
            (FrameParts { meta: Some(meta), .. }, false) => (meta.start + 1, b"", b","),
            (FrameParts { member: Some(member), .. }, _) => (member.end, br#","_meta":{"#, b"}"),
            (FrameParts { method: Some(method), .. }, _) => {
                (method.end, br#","params":{"_meta":{"#, b"}}")
            }
            _ => return None,
        };
        let (key, end): (&[u8], &[u8]) = match (members, traceparent) {
            (_, "") => (b"", b""),
            ("", _) => (br#""traceparent":""#, b"\""),
            (_, _) => (br#","traceparent":""#, b"\""),
        };
        let pieces = [open, members.as_bytes(), key, traceparent.as_bytes(), end, close];
        Some(Edit { at: Span::empty(at), pieces })
    }

    fn meta_is_empty(&self) -> bool {
        let inner = self.parts.meta.and_then(|span| self.slice(span)).unwrap_or(b"{}");
        !inner.iter().skip(1).any(|byte| !byte.is_ascii_whitespace() && *byte != b'}')
    }

    /// Builds the body in one piece of just the right size.
    fn apply(&self, edits: &[Option<Edit<'_>>]) -> Bytes {
        let grown: usize =
            edits.iter().flatten().flat_map(|e| e.pieces).map(<[u8]>::len).sum::<usize>();
        let shrunk: usize = edits.iter().flatten().map(|e| e.at.end - e.at.start).sum();
        let mut out = Vec::with_capacity((self.bytes.len() + grown).saturating_sub(shrunk));
        let mut from = 0;
        for edit in edits.iter().flatten() {
            out.extend_from_slice(self.bytes.get(from..edit.at.start).unwrap_or_default());
            for piece in edit.pieces {
                out.extend_from_slice(piece);
            }
            from = edit.at.end;
        }
        out.extend_from_slice(self.bytes.get(from..).unwrap_or_default());
        out.into()
    }
}

// === impl Edit ===

impl<'a> Edit<'a> {
    const fn new(at: Span, [one, two, three]: [&'a [u8]; 3]) -> Self {
        Self { at, pieces: [one, two, three, b"", b"", b""] }
    }
}
