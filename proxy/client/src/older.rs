//! Servers of the revisions before 2026-07-28, which keep sessions.
//!
//! Enters: a request. Leaves: its answer, after the other side was asked once which lifecycle it has,
//! and after hands were shaken if it is an older one. Never: a tool that is called to find that out; a
//! request that is repeated unless the server says that it knew nothing of the session (404).

use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderValue;
use serde::Deserialize;

use crate::answer::{Answer, Progress};
use crate::failure::Failure;
use crate::listen::{Changes, served};
use crate::request::Ask;
use crate::{Client, OnProgress, Sent};

/// The header of a session (streamable HTTP of 2025-03-26 to 2025-11-25).
pub(crate) const SESSION_ID: &str = "mcp-session-id";

/// Codes that only a server of 2026-07-28 gives: header mismatch, a missing capability of the
/// client, an unsupported version.
const MODERN: std::ops::RangeInclusive<i64> = -32022..=-32020;
const METHOD_NOT_FOUND: i64 = -32601;

/// What a server was found to be.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    found: Mutex<Option<Found>>,
    /// Held by whoever is finding out.
    finding: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
enum Found {
    Stateless,
    Older(Arc<Older>),
}

/// What was agreed on with an older server.
#[derive(Debug)]
pub(crate) struct Older {
    pub(crate) version: String,
    pub(crate) session: Option<HeaderValue>,
    /// Whether it says that its list of tools has changed.
    pub(crate) tells: bool,
}

#[derive(Deserialize)]
struct Initialized {
    #[serde(rename = "protocolVersion")]
    protocol_version: String,
    #[serde(default)]
    capabilities: Capabilities,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Capabilities {
    tools: Tells,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tells {
    #[serde(rename = "listChanged")]
    list_changed: bool,
}

// === impl Lifecycle ===

impl Lifecycle {
    /// Sends, in the other side's lifecycle.
    pub(crate) async fn send(
        &self,
        client: &Client,
        sent: &Sent<'_>,
        on_progress: OnProgress<'_>,
    ) -> Result<Answer, Failure> {
        let found = self.found(client, sent).await?;
        let Found::Older(older) = found else {
            return client.exchange(sent, on_progress).await;
        };
        let first = Sent { older: Some(&older), ..*sent };
        let ended = client.exchange(&first, on_progress).await;
        if !older.is_forgotten(ended.as_ref().err()) {
            return ended;
        }
        self.forget(&older);
        let Found::Older(older) = self.found(client, sent).await? else {
            return client.exchange(sent, on_progress).await;
        };
        client.exchange(&Sent { older: Some(&older), ..*sent }, on_progress).await
    }

    /// Opens the stream of changes, as the other side's lifecycle has it. An older server that tells
    /// of none is not asked.
    pub(crate) async fn listen(
        &self,
        client: &Client,
        sent: &Sent<'_>,
    ) -> Result<Option<Changes>, Failure> {
        let mut again = true;
        loop {
            let Found::Older(older) = self.found(client, sent).await? else {
                return served(client.subscribed(sent).await);
            };
            if !older.tells {
                return Ok(None);
            }
            let opened = client.overheard(&Sent { older: Some(&older), ..*sent }).await;
            let is_last = !std::mem::take(&mut again);
            if is_last || !older.is_forgotten(opened.as_ref().err()) {
                return served(opened);
            }
            self.forget(&older);
        }
    }

    async fn found(&self, client: &Client, sent: &Sent<'_>) -> Result<Found, Failure> {
        if let Some(found) = self.known() {
            return Ok(found);
        }
        let _finding = self.finding.lock().await;
        if let Some(found) = self.known() {
            return Ok(found);
        }
        let found = if is_stateless(client, sent).await? {
            Found::Stateless
        } else {
            Found::Older(Arc::new(shake_hands(client, sent).await?))
        };
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
        Ok(found)
    }

    fn known(&self) -> Option<Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The server does not know the session any more: it may even be another one by now.
    fn forget(&self, lost: &Arc<Older>) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(&*found, Some(Found::Older(older)) if Arc::ptr_eq(older, lost)) {
            *found = None;
        }
    }
}

// === impl Older ===

impl Older {
    /// Whether the answer says that the session is unknown (404 to a request that named one).
    fn is_forgotten(&self, failure: Option<&Failure>) -> bool {
        let status = failure.and_then(Failure::head).map(|head| head.status);
        self.session.is_some() && status == Some(404)
    }
}

/// Asks what an older server does not know.
async fn is_stateless(client: &Client, sent: &Sent<'_>) -> Result<bool, Failure> {
    let ask = Ask::discover();
    let probe = Sent { ask: &ask, ..*sent };
    match client.exchange(&probe, &mut |_: &Progress| {}).await {
        Ok(_) => Ok(true),
        Err(Failure::Refused(refused)) if MODERN.contains(&refused.code) => Ok(true),
        Err(Failure::Refused(refused)) if refused.code == METHOD_NOT_FOUND => Ok(false),
        Err(failure) if is_of_an_older(&failure) => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// Whether a server may answer so because it wants hands shaken first.
fn is_of_an_older(failure: &Failure) -> bool {
    failure.head().is_some_and(|head| matches!(head.status, 200 | 400 | 404 | 405 | 406))
}

async fn shake_hands(client: &Client, sent: &Sent<'_>) -> Result<Older, Failure> {
    let offered = Older { version: crate::request::OLDER.to_owned(), session: None, tells: false };
    let ask = Ask::initialize(client.name);
    let hello = Sent { ask: &ask, older: Some(&offered), ..*sent };
    let answer = client.exchange(&hello, &mut |_: &Progress| {}).await?;
    let agreed: Initialized = serde_json::from_str(answer.result.get()).map_err(|error| {
        let detail = format!("the answer to initialize names no version: {error}");
        Failure::NotMcp { head: Box::new(answer.head.clone()), detail }
    })?;
    let session = answer.head.headers.get(SESSION_ID).cloned();
    let tells = agreed.capabilities.tools.list_changed;
    let older = Older { version: agreed.protocol_version, session, tells };
    let ask = Ask::initialized();
    let thanks = Sent { ask: &ask, older: Some(&older), ..*sent };
    client.tell(&thanks).await?;
    Ok(older)
}
