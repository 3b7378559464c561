//! The one pass over a request body.
//!
//! Enters: JSON text. Leaves: the known members, borrowed; everything else was skipped over. Never:
//! a duplicate of a known member (it would be judged on one value and executed on another), and
//! never an array where an object belongs.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use toolgate_call::{Case, Kind, Method, Refusal};

/// A JSON-RPC request or notification.
#[derive(Debug, Default)]
pub(super) struct Envelope<'a> {
    pub(super) id: Option<&'a RawValue>,
    pub(super) method: Option<&'a RawValue>,
    pub(super) params: ParamsView<'a>,
    jsonrpc: Option<Cow<'a, str>>,
    answer: bool,
}

/// The known members of `params`.
#[derive(Debug, Default)]
pub(super) struct ParamsView<'a> {
    pub(super) name: Option<&'a RawValue>,
    pub(super) uri: Option<&'a RawValue>,
    task_id: Option<&'a RawValue>,
    reference: Option<&'a RawValue>,
    about: Reference<'a>,
    pub(super) meta: Option<&'a RawValue>,
    pub(super) cursor: Option<Option<Cow<'a, str>>>,
    pub(super) protocol_version: Option<Cow<'a, str>>,
    pub(super) capabilities: Option<&'a RawValue>,
    pub(super) arguments: Option<&'a RawValue>,
    pub(super) request_state: Option<&'a RawValue>,
    pub(super) input_responses: Option<&'a RawValue>,
}

/// What a `completion/complete` is about: `params.ref`.
#[derive(Debug, Default)]
struct Reference<'a> {
    kind: Option<Cow<'a, str>>,
    name: Option<&'a RawValue>,
    uri: Option<&'a RawValue>,
}

/// A string that is borrowed when it has no escapes.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

// === impl Envelope ===

impl<'a> Envelope<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, Refusal> {
        let envelope: Self = serde_json::from_str(text).map_err(|error| refuse(&error))?;
        if envelope.jsonrpc.as_deref() != Some("2.0") {
            return Err(not_a_request("`jsonrpc` must be \"2.0\""));
        }
        if envelope.answer && (envelope.method.is_some() || envelope.id.is_none()) {
            return Err(unasked());
        }
        if envelope.answer {
            return Ok(envelope);
        }
        if envelope.method.is_none() {
            return Err(not_a_request("`method` is missing"));
        }
        match envelope.id.map(|id| id.get().as_bytes().first().copied()) {
            None | Some(Some(b'"' | b'-' | b'0'..=b'9')) => Ok(envelope),
            Some(_) => Err(not_a_request("`id` must be a string or a number")),
        }
    }

    /// Whether it is a response to a question.
    pub(super) const fn is_answer(&self) -> bool {
        self.answer
    }

    /// The method, unescaped.
    pub(super) fn method_text(&self) -> Result<Cow<'a, str>, Refusal> {
        let raw = self.method.map(RawValue::get).unwrap_or_default();
        serde_json::from_str::<Text<'a>>(raw)
            .map(|Text(text)| text)
            .map_err(|_| not_a_request("`method` must be a string"))
    }
}

impl<'de> Deserialize<'de> for Envelope<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopeVisitor)
    }
}

struct EnvelopeVisitor;

impl<'de> Visitor<'de> for EnvelopeVisitor {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON-RPC request object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope<'de>, A::Error> {
        let mut out = Envelope::default();
        let mut params = None;
        while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
            match &*key {
                "id" => once(&mut out.id, map.next_value()?, "id")?,
                "method" => once(&mut out.method, map.next_value()?, "method")?,
                "params" => once(&mut params, map.next_value()?, "params")?,
                "jsonrpc" => {
                    let Text(text) = map.next_value()?;
                    once(&mut out.jsonrpc, text, "jsonrpc")?;
                }
                "result" | "error" => {
                    map.next_value::<IgnoredAny>()?;
                    out.answer = true;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        out.params = params.unwrap_or_default();
        Ok(out)
    }
}

// === impl ParamsView ===

impl<'a> ParamsView<'a> {
    /// The member that names what the method is about: one of them, never another instead.
    pub(super) fn named(&self, method: Method) -> Option<&'a RawValue> {
        match self.kind(method)? {
            Kind::Resources if method == Method::Complete => self.about.uri,
            Kind::Prompt if method == Method::Complete => self.about.name,
            Kind::Resources => self.uri,
            Kind::Tool | Kind::Prompt => self.name,
            Kind::Task => self.task_id,
        }
    }

    /// A member of `params` that such a request has.
    pub(super) fn member(&self, method: Method) -> Option<&'a RawValue> {
        if method == Method::Complete { self.reference } else { self.named(method) }
    }

    /// What the method is about, if it is about something that a target offers.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others are about nothing of the kind")]
    pub(super) fn kind(&self, method: Method) -> Option<Kind> {
        match method {
            Method::ToolsCall => Some(Kind::Tool),
            Method::PromptsGet => Some(Kind::Prompt),
            method if method.is_of_task() => Some(Kind::Task),
            Method::ResourcesRead | Method::Subscribe | Method::Unsubscribe => {
                Some(Kind::Resources)
            }
            Method::Complete => match self.about.kind.as_deref() {
                Some("ref/prompt") => Some(Kind::Prompt),
                Some("ref/resource") => Some(Kind::Resources),
                _ => None,
            },
            _ => None,
        }
    }

    /// The same, unescaped.
    pub(super) fn name_text(&self, method: Method) -> Result<Option<Cow<'a, str>>, Refusal> {
        let Some(raw) = self.named(method) else { return Ok(None) };
        serde_json::from_str::<Text<'a>>(raw.get()).map(|Text(text)| Some(text)).map_err(|_| {
            let member = match (method, self.kind(method)) {
                (Method::Complete, Some(Kind::Resources)) => "ref.uri",
                (Method::Complete, _) => "ref.name",
                (_, Some(Kind::Resources)) => "uri",
                (_, Some(Kind::Task)) => "taskId",
                _ => "name",
            };
            Refusal::new(Case::ParamsInvalid, format!("`params.{member}` must be a string"))
        })
    }
}

impl<'de> Deserialize<'de> for ParamsView<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ParamsVisitor)
    }
}

struct ParamsVisitor;

impl<'de> Visitor<'de> for ParamsVisitor {
    type Value = ParamsView<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`params` as an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ParamsView<'de>, A::Error> {
        let mut out = ParamsView::default();
        while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
            match &*key {
                "name" => once(&mut out.name, map.next_value()?, "params.name")?,
                "uri" => once(&mut out.uri, map.next_value()?, "params.uri")?,
                "taskId" => once(&mut out.task_id, map.next_value()?, "params.taskId")?,
                "_meta" => once(&mut out.meta, map.next_value()?, "params._meta")?,
                "ref" => {
                    let raw: &RawValue = map.next_value()?;
                    once(&mut out.reference, raw, "params.ref")?;
                    out.about = Reference::read(raw).map_err(A::Error::custom)?;
                }
                "cursor" => {
                    let text: Option<Text<'de>> = map.next_value()?;
                    once(&mut out.cursor, text.map(|Text(text)| text), "params.cursor")?;
                }
                "capabilities" => {
                    once(&mut out.capabilities, map.next_value()?, "params.capabilities")?;
                }
                "arguments" => once(&mut out.arguments, map.next_value()?, "params.arguments")?,
                "requestState" => {
                    once(&mut out.request_state, map.next_value()?, "params.requestState")?;
                }
                "inputResponses" => {
                    once(&mut out.input_responses, map.next_value()?, "params.inputResponses")?;
                }
                "protocolVersion" => {
                    let Text(text) = map.next_value()?;
                    once(&mut out.protocol_version, text, "params.protocolVersion")?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(out)
    }
}

// === impl Reference ===

impl<'a> Reference<'a> {
    /// Of a value that is no object nothing is read: the target will say what is wrong with it.
    fn read(raw: &'a RawValue) -> Result<Self, String> {
        if !raw.get().starts_with('{') {
            return Ok(Self::default());
        }
        serde_json::from_str(raw.get()).map_err(|error| describe(&error))
    }
}

impl<'de> Deserialize<'de> for Reference<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ReferenceVisitor)
    }
}

struct ReferenceVisitor;

impl<'de> Visitor<'de> for ReferenceVisitor {
    type Value = Reference<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`params.ref` as an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Reference<'de>, A::Error> {
        let mut out = Reference::default();
        while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
            match &*key {
                "type" => {
                    let Text(text) = map.next_value()?;
                    once(&mut out.kind, text, "params.ref.type")?;
                }
                "name" => once(&mut out.name, map.next_value()?, "params.ref.name")?,
                "uri" => once(&mut out.uri, map.next_value()?, "params.ref.uri")?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(out)
    }
}

/// Sets a member that must not come twice.
pub(super) fn once<T, E: serde::de::Error>(
    slot: &mut Option<T>,
    value: T,
    name: &str,
) -> Result<(), E> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::custom(format_args!("`{name}` comes twice"))),
    }
}

/// Tells broken JSON from JSON of the wrong shape.
fn refuse(error: &serde_json::Error) -> Refusal {
    match error.classify() {
        serde_json::error::Category::Data => not_a_request(&describe(error)),
        serde_json::error::Category::Syntax
        | serde_json::error::Category::Eof
        | serde_json::error::Category::Io => {
            Refusal::new(Case::BodyNotJson, format!("the body is not JSON: {error}"))
        }
    }
}

/// What is wrong and where, without a word of what was sent: serde's own sentences quote the value
/// that they did not expect, and then say what they did.
pub(super) fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if !text.starts_with("invalid ") {
        return text;
    }
    match text.rsplit_once(", expected ") {
        Some((_, wanted)) => format!("expected {wanted}"),
        None => {
            let (line, column) = (error.line(), error.column());
            format!("a member has the wrong form at line {line} column {column}")
        }
    }
}

/// A response where no question was asked.
pub(super) fn unasked() -> Refusal {
    not_a_request("this is a response; nothing was asked of you")
}

fn not_a_request(why: &str) -> Refusal {
    Refusal::new(Case::BodyNotRequest, format!("the body is not a JSON-RPC request: {why}"))
}

/// Whether arrays and objects are nested deeper than that. Counts brackets first, which is cheap:
/// only a body with more brackets than levels is looked at byte by byte.
pub(crate) fn deeper_than(text: &[u8], levels: usize) -> bool {
    if memchr::memchr2_iter(b'{', b'[', text).nth(levels).is_none() {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > levels {
            return true;
        }
    }
    false
}
