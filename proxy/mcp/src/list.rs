//! What one target offers.
//!
//! Enters: what it says of itself, and the pages of its lists. Leaves: each tool, prompt, resource
//! and template as bytes, with its name and the hints it gives. Never: a schema that was taken
//! apart; one odd thing does not cost the others, nor one list another.

mod about;
mod item;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::value::RawValue;
use toolgate_call::{
    Answer, Body, Deadline, Era, Event, Ledger, Listed, Op, Outbound, RawJson, Reason, Refusal,
};
use tower::ServiceExt as _;

use crate::TargetSpec;
pub(crate) use about::{About, Tasks, cut};
use item::Unusable;
pub(crate) use item::{Item, Standing};

/// The most pages that one list may have, the most things on it, and the most bytes.
const PAGES: usize = 100;
const THINGS: usize = 10_000;
const BYTES: usize = 16 * 1024 * 1024;

/// The error of a target that has no such method.
const METHOD_UNKNOWN: i64 = -32601;

/// What a target offers, as far as it could be had.
#[derive(Debug)]
pub(crate) struct Offer {
    /// What it says of itself.
    pub(crate) about: About,
    /// Its lists, in the order of [`Listed::ALL`]; `None`: could not be had this time.
    pub(crate) lists: [Option<Vec<Item>>; 4],
    /// For how long the target says that they are good; the least that any page says.
    pub(crate) ttl: Option<Duration>,
}

/// One list.
#[derive(Debug)]
struct List<'a> {
    spec: &'a TargetSpec,
    what: Listed,
    items: Vec<Item>,
    ttl: Option<Duration>,
}

/// Who is asked, and until when.
struct Asking<'a> {
    spec: &'a TargetSpec,
    deadline: Deadline,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    #[serde(borrow)]
    tools: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    prompts: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    resources: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    resource_templates: Option<Vec<&'a RawValue>>,
    #[serde(borrow, rename = "nextCursor")]
    next: Option<&'a RawValue>,
    #[serde(borrow)]
    ttl_ms: Option<&'a RawValue>,
}

/// Fetches everything. A target without its list of tools counts as one that failed; of the other
/// lists each may fail by itself.
pub(crate) async fn fetch(spec: &TargetSpec, limit: Duration) -> Result<Offer, Refusal> {
    let target = &spec.name;
    let asking = Asking { spec, deadline: Deadline::after(Instant::now(), limit) };
    let about = asking.describe().await?;
    let mut offer = Offer { about, lists: [const { None }; 4], ttl: None };
    for (place, what) in offer.lists.iter_mut().zip(Listed::ALL) {
        if !offer.about.may_have(what) {
            *place = Some(Vec::new());
            continue;
        }
        match asking.list(what, offer.about.promises(what)).await {
            Ok(list) => {
                offer.ttl = offer.ttl.into_iter().chain(list.ttl).min();
                *place = Some(list.items);
            }
            Err(refusal) if what == Listed::Tools => return Err(refusal),
            Err(refusal) => {
                let (list, detail) = (what.method().label(), refusal.operator_detail());
                tracing::warn!(%target, list, %refusal, detail, "a list could not be had");
            }
        }
    }
    Ok(offer)
}

/// Whether the target answers.
pub(crate) async fn probe(spec: &TargetSpec, limit: Duration) -> Result<(), Refusal> {
    let asking = Asking { spec, deadline: Deadline::after(Instant::now(), limit) };
    asking.ask(Op::Probe).await.map(|_| ())
}

// === impl Asking ===

impl<'a> Asking<'a> {
    async fn describe(&self) -> Result<About, Refusal> {
        match self.ask(Op::Describe).await? {
            (era, Answer::Result { raw, .. }) => Ok(About::read(&raw, era)),
            // Some lack `server/discover` although the operator says that they are modern.
            (_, Answer::Error { .. }) => Ok(About::default()),
        }
    }

    /// A list that was not promised may be missing.
    async fn list(&self, what: Listed, promised: bool) -> Result<List<'a>, Refusal> {
        let (target, method) = (&self.spec.name, what.method().label());
        let mut list = List { spec: self.spec, what, items: Vec::new(), ttl: None };
        let (mut names, mut bytes) = (HashSet::new(), 0);
        let mut cursors: HashSet<RawJson> = HashSet::new();
        let mut cursor: Option<RawJson> = None;
        for _ in 0..PAGES {
            let (era, answer) = self.ask(Op::List { what, cursor: cursor.clone() }).await?;
            let page = match answer {
                Answer::Result { raw, .. } => raw,
                Answer::Error { code: METHOD_UNKNOWN, .. } if !promised => return Ok(list),
                Answer::Error { raw, code } => return Err(refused(target, method, (&raw, code))),
            };
            bytes += page.len();
            if bytes > BYTES {
                return Err(garbage(target, method, "has more than 16 MiB"));
            }
            cursor = list.read_page(&page, era, &mut names)?;
            let Some(next) = &cursor else { return Ok(list) };
            if !cursors.insert(next.clone()) {
                return Err(garbage(target, method, "gives the same cursor twice"));
            }
            if list.items.len() > THINGS {
                return Err(garbage(target, method, "does not end"));
            }
        }
        Err(garbage(target, method, "has more than 100 pages"))
    }

    /// The answer behind whatever messages come first.
    async fn ask(&self, op: Op) -> Result<(Era, Answer), Refusal> {
        let target = &self.spec.name;
        let outbound = Outbound {
            op,
            deadline: self.deadline,
            ledger: Arc::new(Ledger::new(Instant::now())),
            request_id: Arc::from(format!("list-{target}")),
            trace: None,
            abilities: toolgate_call::Abilities::NONE,
            more: None,
        };
        let reply = self.spec.svc.clone().oneshot(outbound).await?;
        let era = reply.era;
        match reply.body {
            Body::One(answer) => Ok((era, answer)),
            Body::Stream(mut events) => loop {
                match std::future::poll_fn(|cx| events.as_mut().poll_event(cx)).await {
                    // A question that is dropped is answered: there is nobody to ask.
                    Some(Event::Notice(_) | Event::Ask(_)) => {}
                    Some(Event::Done(done)) => break done.map(|answer| (era, answer)),
                    None => return Err(garbage(target, "its answer", "has no end")),
                }
            },
            Body::Accepted => Err(garbage(target, "its answer", "is none")),
        }
    }
}

fn refused(target: &Arc<str>, method: &str, (raw, code): (&RawJson, i64)) -> Refusal {
    let message = format!("`{target}` refuses {method} with error {code}");
    let detail: String = String::from_utf8_lossy(raw.as_bytes()).chars().take(512).collect();
    Refusal::target(Reason::UpstreamJsonrpc, target, message).detail(detail)
}

fn garbage(target: &Arc<str>, method: &str, what: &str) -> Refusal {
    let message = format!("`{target}` is not usable: its {method} {what}");
    Refusal::target(Reason::UpstreamProtocol, target, message).after_send()
}

// === impl List ===

impl List<'_> {
    /// Takes what is on one page; gives the cursor of the next.
    fn read_page(
        &mut self,
        page: &RawJson,
        era: Era,
        names: &mut HashSet<Arc<str>>,
    ) -> Result<Option<RawJson>, Refusal> {
        let (target, headers) = (&self.spec.name, self.spec.http && era == Era::Modern);
        let method = self.what.method().label();
        let no_list = |error: String| {
            let what = format!("is not a list of {}", self.what.member());
            garbage(target, method, &what).detail(error)
        };
        let view: Page<'_> = page.parse().map_err(|error| no_list(error.to_string()))?;
        let items = view.of(self.what).ok_or_else(|| no_list("the list is missing".to_owned()))?;
        for raw in items {
            match Item::read((self.what, headers, era), page, raw) {
                Ok(item) if names.insert(Arc::clone(&item.name)) => self.items.push(item),
                Ok(item) => tracing::warn!(%target, method, name = %item.name, "listed twice"),
                Err(Unusable::Name) => {
                    tracing::warn!(%target, method, "what has no usable name is left out");
                }
                Err(Unusable::InputSchema(tool)) => {
                    tracing::warn!(%target, tool, "a tool is left out: clients would refuse the \
                        whole list for its `inputSchema`, which is not that of an object");
                }
                Err(Unusable::Header(tool, why)) => {
                    self.spec.metrics.tool_left_out();
                    tracing::warn!(%target, tool, why, "a tool is left out: its arguments cannot be sent");
                }
            }
        }
        let ttl = view.ttl_ms.and_then(|raw| raw.get().parse().ok()).map(Duration::from_millis);
        self.ttl = self.ttl.into_iter().chain(ttl).min();
        let next = view.next.filter(|raw| raw.get().starts_with('"'));
        Ok(next.map(|raw| RawJson::borrowed(page.bytes(), raw)))
    }
}

// === impl Page ===

impl<'a> Page<'a> {
    fn of(&self, what: Listed) -> Option<&Vec<&'a RawValue>> {
        match what {
            Listed::Tools => self.tools.as_ref(),
            Listed::Prompts => self.prompts.as_ref(),
            Listed::Resources => self.resources.as_ref(),
            Listed::Templates => self.resource_templates.as_ref(),
        }
    }
}
