//! A body becomes a `Call`.
//!
//! Enters: the headers and the whole body of a POST. Leaves: a checked call with its pieces located
//! in the body, which stays as it came. Never: a second parse of `arguments`; never a header
//! trusted before the body has confirmed it.

mod envelope;
mod headers;
mod meta;
mod salvage;

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::value::RawValue;
use toolgate_call::trace::{Remote, Said};
use toolgate_call::{
    Abilities, Case, Era, Frame, FrameParts, Kind, LogLevel, Meta, Method, Mirrored, RawJson,
    Refusal, SessionRef, Span, Version,
};

pub(crate) use envelope::deeper_than;
use envelope::{Envelope, ParamsView};
pub(crate) use headers::{PROTOCOL_VERSION, SESSION_ID};
use meta::MetaView;
use salvage::Salvage;

/// The byte order mark of UTF-8, which some writers put before their text.
pub(crate) const MARK: &[u8] = b"\xef\xbb\xbf";

/// A decoded request, before identity and time are added.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) method: Method,
    pub(crate) id: Option<RawJson>,
    pub(crate) name: Option<String>,
    pub(crate) kind: Option<Kind>,
    pub(crate) cursor: Option<String>,
    pub(crate) version: Version,
    pub(crate) meta: Meta,
    pub(crate) mirrored: Vec<Mirrored>,
    /// What `_meta` says of a trace.
    pub(crate) said: Option<Said>,
    /// How long the caller waits, if it says so.
    pub(crate) waits: Option<Duration>,
    pub(crate) frame: Frame,
    pub(crate) abilities: Abilities,
    pub(crate) session: SessionRef,
}

/// A refusal, with what could be read of the request.
#[derive(Debug)]
pub(crate) struct Rejected {
    pub(crate) refusal: Refusal,
    pub(crate) known: Known,
}

/// What is known of a request that is refused before it was decoded.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) id: Option<RawJson>,
    pub(crate) method: Option<Method>,
    pub(crate) version: Option<Version>,
    pub(crate) said: Option<Said>,
    pub(crate) session: bool,
}

// === impl Decoded ===

impl Decoded {
    /// Something that is asked without a request.
    pub(crate) fn bare(method: Method, version: Version, session: SessionRef) -> Self {
        Self {
            method,
            id: None,
            name: None,
            kind: None,
            cursor: None,
            version,
            meta: Meta::default(),
            mirrored: Vec::new(),
            said: None,
            waits: None,
            abilities: Abilities::NONE,
            frame: Frame::new(Bytes::new(), FrameParts::default()),
            session,
        }
    }
}

// === impl Rejected ===

impl From<Refusal> for Rejected {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, known: Known::default() }
    }
}

// === impl Known ===

impl Known {
    /// What the headers say.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let version = headers::optional(headers, &PROTOCOL_VERSION).ok().flatten();
        Self {
            version: version.and_then(Version::parse),
            session: headers.contains_key(SESSION_ID),
            ..Self::default()
        }
    }

    /// What headers and body say.
    fn in_body(headers: &HeaderMap, body: &Bytes, text: &str) -> Self {
        let (known, found) = (Self::of(headers), Salvage::of(text));
        Self {
            id: found.id.map(|raw| RawJson::borrowed(body, raw)),
            method: found.method.as_deref().map(Method::parse),
            version: found.version.as_deref().and_then(Version::parse).or(known.version),
            said: found.traceparent.and_then(|text| Some((Remote::from_traceparent(&text)?, None))),
            session: known.session,
        }
    }
}

/// Reads a body.
pub(crate) fn decode(headers: &HeaderMap, body: &Bytes, depth: usize) -> Result<Decoded, Rejected> {
    // What is forwarded has no mark either (RFC 8259 section 8.1: it must not be added).
    let unmarked;
    let body = if body.starts_with(MARK) {
        unmarked = body.slice(MARK.len()..);
        &unmarked
    } else {
        body
    };
    let text =
        readable(body, depth).map_err(|refusal| Rejected { refusal, known: Known::of(headers) })?;
    Envelope::parse(text)
        .and_then(|envelope| read(headers, body, &envelope))
        .map_err(|refusal| Rejected { refusal, known: Known::in_body(headers, body, text) })
}

fn read(headers: &HeaderMap, body: &Bytes, envelope: &Envelope<'_>) -> Result<Decoded, Refusal> {
    if envelope.is_answer() {
        return response(headers, body);
    }
    let method_text = envelope.method_text()?;
    let method = Method::parse(&method_text);
    if envelope.id.is_none() != method.is_notification() {
        let message = "a request has an `id`, a notification has none";
        return Err(Refusal::new(Case::BodyNotRequest, message));
    }
    let params = &envelope.params;
    let meta = params.meta.map(MetaView::parse).transpose()?.unwrap_or_default();
    let (version, session) = match era_of(headers, method, params, &meta)? {
        Era::Modern => (modern(headers, &method_text, params, &meta)?, SessionRef::None),
        Era::Legacy => legacy(headers, method, params)?,
    };
    let is_modern = version.era() == Era::Modern;
    let log_level = meta.log_level.as_deref().filter(|_| is_modern).map(level).transpose()?;
    let mirrors = is_modern && method == Method::ToolsCall;
    Ok(Decoded {
        method,
        id: envelope.id.map(|raw| RawJson::borrowed(body, raw)),
        name: params.name_text(method)?.map(std::borrow::Cow::into_owned),
        // 2026-07-28 has neither of the two: there is nothing to be looked for.
        kind: params.kind(method).filter(|_| !(is_modern && is_older(method))),
        cursor: params.cursor.as_ref().and_then(|text| text.as_deref()).map(str::to_owned),
        version,
        meta: Meta {
            capabilities: meta.capabilities.map(|raw| RawJson::borrowed(body, raw)),
            client_info: meta.client_info.map(|raw| RawJson::borrowed(body, raw)),
            progress_token: meta.progress_token.map(|raw| RawJson::borrowed(body, raw)),
            log_level,
            stray_trace: meta.is_trace_astray(),
            stray_extensions: is_modern && meta.has_stray_extensions(),
        },
        mirrored: if mirrors { headers::mirrored(headers) } else { Vec::new() },
        said: meta.said(),
        waits: meta.waits,
        abilities: abilities(method, params, &meta),
        frame: Frame::new(body.clone(), locate(body, method, (envelope, &meta))),
        session,
    })
}

/// What the client can do, where its request says so.
fn abilities(method: Method, params: &ParamsView<'_>, meta: &MetaView<'_>) -> Abilities {
    let declared =
        if method == Method::Initialize { params.capabilities } else { meta.capabilities };
    // Most can do nothing: then there is nothing to copy.
    let declared = declared.map(RawValue::get).filter(|declared| declared.len() > 2);
    declared.map_or(Abilities::NONE, |text| {
        Abilities::declared(&RawJson::built(Bytes::copy_from_slice(text.as_bytes())))
    })
}

/// What a client says to a question. Only a session of the older era is asked any.
fn response(headers: &HeaderMap, body: &Bytes) -> Result<Decoded, Refusal> {
    let (version, session) = (legacy_version(headers)?, claimed_session(headers)?);
    if version.era() == Era::Modern || session == SessionRef::None {
        return Err(envelope::unasked());
    }
    // The id is the question's, and the answer to this has none.
    let frame = Frame::new(body.clone(), FrameParts::default());
    Ok(Decoded { frame, ..Decoded::bare(Method::Response, version, session) })
}

/// Where the pieces lie in the body.
fn locate(
    body: &Bytes,
    method: Method,
    (envelope, meta): (&Envelope<'_>, &MetaView<'_>),
) -> FrameParts {
    let find = |text: &str| Span::within(body, text);
    FrameParts {
        id: envelope.id.and_then(|raw| find(raw.get())),
        method: envelope.method.and_then(|raw| find(raw.get())),
        name: envelope.params.named(method).and_then(|raw| find(raw.get())),
        member: envelope.params.member(method).and_then(|raw| find(raw.get())),
        meta: envelope.params.meta.and_then(|raw| find(raw.get())),
        traceparent: meta.traceparent.and_then(|raw| find(raw.get())),
        arguments: envelope.params.arguments.and_then(|raw| find(raw.get())),
        state: envelope.params.request_state.and_then(|raw| find(raw.get())),
        responses: envelope.params.input_responses.and_then(|raw| find(raw.get())),
    }
}

/// Checks what can be told without parsing: text, one message, not too deep.
fn readable(body: &Bytes, depth: usize) -> Result<&str, Refusal> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Refusal::new(Case::BodyNotJson, "the body is not UTF-8"))?;
    if text.bytes().find(|byte| !byte.is_ascii_whitespace()) == Some(b'[') {
        let message =
            "a batch is accepted in a session of 2025-03-26 only; send one request at a time";
        return Err(Refusal::new(Case::Batch, message));
    }
    if deeper_than(text.as_bytes(), depth) {
        let message = format!("the body is nested more than {depth} levels deep");
        return Err(Refusal::new(Case::TooDeep, message));
    }
    Ok(text)
}

/// Which era the request is of (`mcp.md` dispatch: `_meta`, then the header, else the older one).
fn era_of(
    headers: &HeaderMap,
    method: Method,
    params: &ParamsView<'_>,
    meta: &MetaView<'_>,
) -> Result<Era, Refusal> {
    if method == Method::Initialize && params.protocol_version.is_some() {
        return Ok(Era::Legacy);
    }
    let header = headers::optional(headers, &PROTOCOL_VERSION)?;
    // Revisions are dates, so that a later one, even unknown, sorts behind the first modern one.
    let modern_header = header.is_some_and(|text| text >= Version::V2026_07_28.as_str());
    let modern = meta.protocol_version.is_some()
        || modern_header
        || method == Method::Discover
        || method == Method::Initialize;
    Ok(if modern { Era::Modern } else { Era::Legacy })
}

/// The checks of a stateless request, in the order that the conformance suite expects.
fn modern(
    headers: &HeaderMap,
    method_text: &str,
    params: &ParamsView<'_>,
    meta: &MetaView<'_>,
) -> Result<Version, Refusal> {
    let method = Method::parse(method_text);
    if method.is_notification() {
        return Ok(Version::V2026_07_28);
    }
    let Some(asked) = meta.protocol_version.as_deref() else {
        return Err(missing_meta("io.modelcontextprotocol/protocolVersion"));
    };
    headers::require(headers, &PROTOCOL_VERSION, asked)?;
    let version = match Version::parse(asked) {
        Some(version) if version.era() == Era::Modern => version,
        _ => {
            let message = "unsupported protocol version";
            return Err(Refusal::new(Case::VersionUnsupported, message).requested(asked));
        }
    };
    if meta.capabilities.is_none() {
        return Err(missing_meta("io.modelcontextprotocol/clientCapabilities"));
    }
    headers::require(headers, &headers::METHOD, method_text)?;
    if method.needs_name_header() {
        let name = params.name_text(method)?.unwrap_or_default();
        headers::require_name(headers, &name)?;
    }
    Ok(version)
}

/// The checks of a request of the older era that need no session.
fn legacy(
    headers: &HeaderMap,
    method: Method,
    params: &ParamsView<'_>,
) -> Result<(Version, SessionRef), Refusal> {
    if method == Method::Initialize {
        let asked = params.protocol_version.as_deref().and_then(Version::parse);
        let version = asked.filter(|v| v.era() == Era::Legacy).unwrap_or(Version::LATEST_LEGACY);
        return Ok((version, SessionRef::Wanted(version)));
    }
    Ok((legacy_version(headers)?, claimed_session(headers)?))
}

/// The revision in the header; 2025-03-26 when there is none, as 2025-06-18 says.
pub(crate) fn legacy_version(headers: &HeaderMap) -> Result<Version, Refusal> {
    let Some(text) = headers::optional(headers, &PROTOCOL_VERSION)? else {
        return Ok(Version::V2025_03_26);
    };
    Version::parse(text).ok_or_else(|| {
        Refusal::new(Case::VersionUnsupported, "unsupported protocol version").requested(text)
    })
}

/// The session id in the header.
pub(crate) fn claimed_session(headers: &HeaderMap) -> Result<SessionRef, Refusal> {
    let id = headers::optional(headers, &SESSION_ID)?;
    Ok(id.map_or(SessionRef::None, |id| SessionRef::Claimed(id.to_owned())))
}

const fn is_older(method: Method) -> bool {
    matches!(method, Method::Subscribe | Method::Unsubscribe | Method::TasksResult)
}

fn level(text: &str) -> Result<LogLevel, Refusal> {
    LogLevel::parse(text).ok_or_else(|| {
        let message = "`params._meta` has an unknown `io.modelcontextprotocol/logLevel`";
        Refusal::new(Case::ParamsInvalid, message)
    })
}

fn missing_meta(key: &str) -> Refusal {
    let message = format!("`params._meta` lacks `{key}`, which every 2026-07-28 request carries");
    Refusal::new(Case::MetaMissing, message)
}
