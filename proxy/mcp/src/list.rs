//! One target's tools.
//!
//! Enters: the pages of its `tools/list`. Leaves: each tool as bytes, with its name and the hints
//! it gives. Never: a schema that was taken apart; one odd tool does not cost the others.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;
use toolgate_call::{Answer, Body, Deadline, Ledger, Op, Outbound, RawJson, Reason, Refusal, Span};
use tower::ServiceExt as _;

use crate::TargetSvc;
use crate::member::member_around;

/// The most pages that one list may have, the most tools, and the most bytes.
const PAGES: usize = 100;
const TOOLS: usize = 10_000;
const BYTES: usize = 16 * 1024 * 1024;

/// All tools of a target.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) tools: Vec<Tool>,
    /// For how long the target says that they are good; the least that any page says.
    pub(crate) ttl: Option<Duration>,
}

/// A tool as its target describes it.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    pub(crate) name: Arc<str>,
    pub(crate) read_only: Option<bool>,
    pub(crate) idempotent: Option<bool>,
    raw: RawJson,
    name_at: Span,
    /// Where an `outputSchema` is that the older era does not know: one of something else than an
    /// object.
    odd_output: Option<Span>,
}

/// Why a tool is left out.
#[derive(Debug)]
enum Unusable {
    Name,
    InputSchema(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    #[serde(borrow)]
    tools: Vec<&'a RawValue>,
    #[serde(borrow, rename = "nextCursor")]
    next: Option<&'a RawValue>,
    #[serde(borrow)]
    ttl_ms: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    #[serde(borrow)]
    name: &'a RawValue,
    #[serde(borrow, default)]
    annotations: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input_schema: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output_schema: Option<&'a RawValue>,
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

/// Fetches all pages.
pub(crate) async fn fetch(
    target: &Arc<str>,
    svc: &TargetSvc,
    limit: Duration,
) -> Result<List, Refusal> {
    let now = std::time::Instant::now();
    let deadline = Deadline::after(now, limit);
    let mut list = List { tools: Vec::new(), ttl: None };
    let (mut names, mut bytes) = (HashSet::new(), 0);
    let mut cursors: HashSet<RawJson> = HashSet::new();
    let mut cursor: Option<RawJson> = None;
    for _ in 0..PAGES {
        let outbound = Outbound {
            op: Op::List { cursor: cursor.clone() },
            deadline,
            ledger: Arc::new(Ledger::new(std::time::Instant::now())),
            request_id: Arc::from(format!("list-{target}")),
            trace: None,
        };
        let page = answer(target, svc.clone().oneshot(outbound).await?.body).await?;
        bytes += page.len();
        if bytes > BYTES {
            return Err(garbage(target, "its tools/list has more than 16 MiB"));
        }
        cursor = list.read_page(target, &page, &mut names)?;
        let Some(next) = &cursor else { return Ok(list) };
        if !cursors.insert(next.clone()) {
            return Err(garbage(target, "its tools/list gives the same cursor twice"));
        }
        if list.tools.len() > TOOLS {
            return Err(garbage(target, "its tools/list does not end"));
        }
    }
    Err(garbage(target, "its tools/list has more than 100 pages"))
}

/// The answer behind whatever messages come first.
async fn answer(target: &Arc<str>, body: Body) -> Result<RawJson, Refusal> {
    let answer = match body {
        Body::One(answer) => answer,
        Body::Stream(mut events) => loop {
            match std::future::poll_fn(|cx| events.as_mut().poll_event(cx)).await {
                Some(toolgate_call::Event::Notice(_)) => {}
                Some(toolgate_call::Event::Done(done)) => break done?,
                None => return Err(garbage(target, "its tools/list has no end")),
            }
        },
        Body::Accepted => return Err(garbage(target, "its tools/list has no answer")),
    };
    match answer {
        Answer::Result { raw, .. } => Ok(raw),
        Answer::Error { raw, code } => {
            let message = format!("`{target}` refuses tools/list with error {code}");
            let refusal = Refusal::target(Reason::UpstreamJsonrpc, target, message);
            Err(refusal.detail(
                String::from_utf8_lossy(raw.as_bytes()).chars().take(512).collect::<String>(),
            ))
        }
    }
}

fn garbage(target: &Arc<str>, what: &str) -> Refusal {
    Refusal::target(Reason::UpstreamProtocol, target, format!("`{target}` is not usable: {what}"))
        .after_send()
}

// === impl List ===

impl List {
    /// Takes the tools of one page; gives the cursor of the next.
    fn read_page(
        &mut self,
        target: &Arc<str>,
        page: &RawJson,
        names: &mut HashSet<Arc<str>>,
    ) -> Result<Option<RawJson>, Refusal> {
        let view: Page<'_> = page.parse().map_err(|error| {
            garbage(target, "its tools/list is not a list of tools").detail(error.to_string())
        })?;
        for raw in view.tools {
            match Tool::read(page, raw) {
                Ok(tool) if names.insert(Arc::clone(&tool.name)) => self.tools.push(tool),
                Ok(tool) => tracing::warn!(%target, tool = %tool.name, "a tool is listed twice"),
                Err(Unusable::Name) => {
                    tracing::warn!(%target, "a tool without a usable name is left out");
                }
                Err(Unusable::InputSchema(tool)) => {
                    tracing::warn!(%target, tool, "a tool is left out: clients would refuse the \
                        whole list for its `inputSchema`, which is not that of an object");
                }
            }
        }
        let ttl = view.ttl_ms.and_then(|raw| raw.get().parse().ok()).map(Duration::from_millis);
        self.ttl = self.ttl.into_iter().chain(ttl).min();
        let next = view.next.filter(|raw| raw.get().starts_with('"'));
        Ok(next.map(|raw| RawJson::borrowed(page.bytes(), raw)))
    }
}

// === impl Tool ===

impl Tool {
    fn read(page: &RawJson, raw: &RawValue) -> Result<Self, Unusable> {
        let raw = RawJson::borrowed(page.bytes(), raw);
        let view: View<'_> = raw.parse().map_err(|_| Unusable::Name)?;
        let name: Cow<'_, str> =
            serde_json::from_str(view.name.get()).map_err(|_| Unusable::Name)?;
        if !(1..=256).contains(&name.len()) || name.chars().any(char::is_control) {
            return Err(Unusable::Name);
        }
        if !view.input_schema.is_some_and(is_of_object) {
            return Err(Unusable::InputSchema(name.into_owned()));
        }
        let at = |part: &RawValue| Span::within(raw.as_bytes(), part.get());
        let name_at = at(view.name).ok_or(Unusable::Name)?;
        let odd_output = view.output_schema.filter(|schema| !is_of_object(schema)).and_then(at);
        // Hints that cannot be read are no reason to do without the tool.
        let hints = view.annotations.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let Annotations { read_only_hint, idempotent_hint } = hints.unwrap_or_default();
        let name = Arc::from(&*name);
        let (read_only, idempotent) = (read_only_hint, idempotent_hint);
        Ok(Self { name, read_only, idempotent, raw, name_at, odd_output })
    }

    /// Whether the target describes it as it did before, to the letter.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.raw.as_bytes() == other.raw.as_bytes()
    }

    /// The tool as the target describes it, under another name.
    pub(crate) fn renamed(&self, name: &str) -> RawJson {
        self.edited(name, self.name_at.end..self.name_at.end)
    }

    /// The same for callers of the older era, if it must differ.
    pub(crate) fn renamed_for_legacy(&self, name: &str) -> Option<RawJson> {
        let odd = self.odd_output?;
        let member = member_around(self.raw.as_bytes(), odd, "outputSchema")?;
        Some(self.edited(name, member.start..member.end))
    }

    /// Another name, and without some bytes.
    fn edited(&self, name: &str, without: std::ops::Range<usize>) -> RawJson {
        let bytes = self.raw.as_bytes();
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

impl PartialEq for Tool {
    /// All else is read from it.
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

/// Whether a schema is one of an object, at its root.
fn is_of_object(schema: &RawValue) -> bool {
    schema.get().starts_with('{')
        && serde_json::from_str::<Root<'_>>(schema.get()).is_ok_and(|root| root.kind == "object")
}
