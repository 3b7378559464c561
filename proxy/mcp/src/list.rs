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

/// The most pages that one list may have, and the most tools.
const PAGES: usize = 100;
const TOOLS: usize = 10_000;

/// A tool as its target describes it.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    pub(crate) name: Arc<str>,
    pub(crate) read_only: Option<bool>,
    pub(crate) idempotent: Option<bool>,
    raw: RawJson,
    name_at: Span,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    tools: Vec<&'a RawValue>,
    #[serde(borrow, rename = "nextCursor")]
    next: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct View<'a> {
    #[serde(borrow)]
    name: &'a RawValue,
    #[serde(default)]
    annotations: Option<Annotations>,
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
) -> Result<Vec<Tool>, Refusal> {
    let now = std::time::Instant::now();
    let deadline = Deadline::after(now, limit);
    let mut tools = Vec::new();
    let mut names = HashSet::new();
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
        cursor = read_page(target, &page, &mut tools, &mut names)?;
        let Some(next) = &cursor else { return Ok(tools) };
        if !cursors.insert(next.clone()) {
            return Err(garbage(target, "its tools/list gives the same cursor twice"));
        }
        if tools.len() > TOOLS {
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

fn read_page(
    target: &Arc<str>,
    page: &RawJson,
    tools: &mut Vec<Tool>,
    names: &mut HashSet<Arc<str>>,
) -> Result<Option<RawJson>, Refusal> {
    let view: Page<'_> = page.parse().map_err(|error| {
        garbage(target, "its tools/list is not a list of tools").detail(error.to_string())
    })?;
    for raw in view.tools {
        match Tool::read(page, raw) {
            Some(tool) if names.insert(Arc::clone(&tool.name)) => tools.push(tool),
            Some(tool) => tracing::warn!(%target, tool = %tool.name, "a tool is listed twice"),
            None => tracing::warn!(%target, "a tool without a usable name is left out"),
        }
    }
    let next = view.next.filter(|raw| raw.get().starts_with('"'));
    Ok(next.map(|raw| RawJson::borrowed(page.bytes(), raw)))
}

fn garbage(target: &Arc<str>, what: &str) -> Refusal {
    Refusal::target(Reason::UpstreamProtocol, target, format!("`{target}` is not usable: {what}"))
        .after_send()
}

// === impl Tool ===

impl Tool {
    fn read(page: &RawJson, raw: &RawValue) -> Option<Self> {
        let raw = RawJson::borrowed(page.bytes(), raw);
        let view: View<'_> = raw.parse().ok()?;
        let name: Cow<'_, str> = serde_json::from_str(view.name.get()).ok()?;
        let usable = (1..=256).contains(&name.len()) && !name.chars().any(char::is_control);
        let name_at = Span::within(raw.as_bytes(), view.name.get())?;
        let hints = view.annotations.unwrap_or_default();
        let (read_only, idempotent) = (hints.read_only_hint, hints.idempotent_hint);
        let name = Arc::from(&*name);
        usable.then(|| Self { name, read_only, idempotent, raw, name_at })
    }

    /// Whether the target describes it as it did before, to the letter.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.raw.as_bytes() == other.raw.as_bytes()
    }

    /// The tool as the target describes it, under another name.
    pub(crate) fn renamed(&self, name: &str) -> RawJson {
        let bytes = self.raw.as_bytes();
        let name = RawJson::string(name);
        let mut out = BytesMut::with_capacity(bytes.len() + name.len());
        out.put_slice(bytes.get(..self.name_at.start).unwrap_or_default());
        out.put_slice(name.as_bytes());
        out.put_slice(bytes.get(self.name_at.end..).unwrap_or_default());
        RawJson::built(out.freeze())
    }

    /// The size of its description in bytes.
    pub(crate) fn size(&self) -> usize {
        self.raw.len()
    }
}
