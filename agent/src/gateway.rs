//! The gateway: its tools, over the wire.
//!
//! Enters: a name and arguments of a turn. Leaves: what the gateway answered, or a typed reason why
//! nothing came. While it stands, it hears when the list of tools has changed. Never: a call that is
//! repeated after it may have been carried out; a list call on a warm turn, unless the list has changed;
//! a token in an error.

mod answer;
mod hear;
mod list;
mod token;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::to_raw_value;
use tokio::time::timeout;
use toolgate_client::{Along, Answer as Came, Ask, Bearer, Client, Failure as Broken, Progress};

use crate::tools::{Answer, Asking, Call, Failure, Listed, OnProgress, Tools};
use answer::{answered, failed, late};
use hear::{Ear, Hearing};
use list::{Age, List};

pub use token::{Renewal, Renewals, Tokens};

/// How long a list may take.
const LIST: Duration = Duration::from_secs(15);
/// How long a turn waits for a list that has changed. Then it goes by the one that there was.
const SOON: Duration = Duration::from_secs(2);
/// How long the client itself waits at most; turns have shorter limits.
pub(crate) const LONGEST: Duration = Duration::from_secs(900);
/// The name by which the gateway knows the agent.
pub(crate) const NAME: &str = "toolgate-agent";

/// The tools of a gateway.
#[derive(Clone, Debug)]
pub struct Gateway(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Arc<Client>,
    tokens: Tokens,
    list: Arc<List>,
    hearing: Hearing,
}

// === impl Gateway ===

impl Gateway {
    /// The gateway that the client asks, as whoever the tokens say. A list is good for `ttl`.
    #[must_use]
    pub fn new(client: Client, tokens: Tokens, ttl: Duration) -> Self {
        let (client, list) = (Arc::new(client.keeping(NAME)), Arc::new(List::new(ttl)));
        Self(Arc::new(Inner { client, tokens, list, hearing: Hearing::default() }))
    }

    /// How many tools are known, or how the last list went wrong; for `/ready`. Asks nothing.
    #[must_use]
    pub fn known(&self) -> Option<Result<String, String>> {
        self.0.list.known()
    }

    async fn listed(&self) -> Result<Arc<Listed>, Failure> {
        let inner = &self.0;
        match inner.list.get() {
            Some((listed, Age::Good)) => return Ok(listed),
            Some((listed, Age::Old)) => {
                if inner.list.begin_renewal() {
                    let gateway = self.clone();
                    tokio::spawn(async move { gateway.renew().await });
                }
                return Ok(listed);
            }
            Some((listed, Age::Changed)) => return Ok(self.latest(listed).await),
            None => {}
        }
        let _only_one = inner.list.fetching().await;
        if let Some((listed, _)) = inner.list.get() {
            return Ok(listed);
        }
        let before = inner.list.changes();
        let fetched = self.fetch().await;
        inner.list.renewed(&fetched, before);
        if fetched.is_ok() {
            inner.hearing.begin(|| inner.ear());
        }
        fetched.map(Arc::new)
    }

    /// The list after a change, if it comes soon; else the one that there is, while it is renewed.
    async fn latest(&self, there: Arc<Listed>) -> Arc<Listed> {
        let gateway = self.clone();
        let renewal = tokio::spawn(async move {
            let _only_one = gateway.0.list.fetching().await;
            // Somebody may have waited for the same.
            if matches!(gateway.0.list.get(), Some((_, Age::Changed))) {
                gateway.renew().await;
            }
        });
        // Late or broken: then there is the old one.
        drop(timeout(SOON, renewal).await);
        self.0.list.get().map_or(there, |(listed, _)| listed)
    }

    async fn renew(&self) {
        let before = self.0.list.changes();
        let renewed = self.fetch().await;
        self.0.list.renewed(&renewed, before);
    }

    /// Asks for the list.
    async fn fetch(&self) -> Result<Listed, Failure> {
        timeout(LIST, self.fetched()).await.unwrap_or_else(|_| Err(late(LIST, false)))
    }

    async fn fetched(&self) -> Result<Listed, Failure> {
        let along = Along::default();
        let mut token = self.token().await?;
        let mut again = true;
        loop {
            let failure = match self.0.client.tools_of(&along, token.as_deref()).await {
                Ok((tools, meta)) => return Ok(list::read(tools, meta.as_deref())),
                Err(failure) => failure,
            };
            let other = token.as_ref().filter(|_| std::mem::take(&mut again));
            match self.other_token(&failure, other).await? {
                Some(other) => token = Some(other),
                None => return Err(failed(&failure, false)),
            }
        }
    }

    async fn called(&self, call: Call<'_>, on_progress: OnProgress<'_>) -> Result<Answer, Failure> {
        let arguments = to_raw_value(call.arguments).map_err(|error| {
            answer::caller("invalid_params", format!("the arguments cannot be written: {error}"))
        })?;
        let ask = Ask::call(call.tool, &arguments);
        let along = Along {
            request_id: Some(call.request_id.to_owned()),
            traceparent: call.traceparent.map(str::to_owned),
            ..Along::within(call.patience)
        };
        let asked = Box::pin(self.sent(&ask, &along, on_progress));
        let came = timeout(call.patience, asked).await;
        let came = came.unwrap_or_else(|_| Err(late(call.patience, true)));
        if came.as_ref().is_err_and(|failure| failure.reason == "target_unknown") {
            // The list is not what it was.
            self.0.list.changed();
        }
        came.map(|came| answered(&came))
    }

    async fn sent(
        &self,
        ask: &Ask,
        along: &Along,
        on_progress: OnProgress<'_>,
    ) -> Result<Came, Failure> {
        let mut token = self.token().await?;
        let mut again = true;
        loop {
            let mut heard =
                |progress: &Progress| on_progress(progress.progress, progress.message.as_deref());
            let failure = match self.0.client.send(ask, along, token.as_deref(), &mut heard).await {
                Ok(came) => return Ok(came),
                Err(failure) => failure,
            };
            let other = token.as_ref().filter(|_| std::mem::take(&mut again));
            match self.other_token(&failure, other).await? {
                Some(other) => token = Some(other),
                None => return Err(failed(&failure, true)),
            }
        }
    }

    async fn token(&self) -> Result<Option<Arc<Bearer>>, Failure> {
        self.0.tokens.get().await.map_err(|error| token::unavailable(&error))
    }

    /// Another token, if the gateway did not take this one: then nothing was carried out.
    async fn other_token(
        &self,
        failure: &Broken,
        refused: Option<&Arc<Bearer>>,
    ) -> Result<Option<Arc<Bearer>>, Failure> {
        let other = self.0.tokens.after(failure, refused).await;
        other.map_err(|error| token::unavailable(&error))
    }
}

// === impl Inner ===

impl Inner {
    /// What hears of changes. It has no handle of the gateway, whose end is its own.
    fn ear(&self) -> Ear {
        let (client, list) = (Arc::clone(&self.client), Arc::clone(&self.list));
        Ear { client, tokens: self.tokens.clone(), list }
    }
}

impl Tools for Gateway {
    fn list(&self) -> Asking<'_, Result<Arc<Listed>, Failure>> {
        Box::pin(self.listed())
    }

    fn call<'a>(
        &'a self,
        call: Call<'a>,
        on_progress: OnProgress<'a>,
    ) -> Asking<'a, Result<Answer, Failure>> {
        Box::pin(self.called(call, on_progress))
    }
}
