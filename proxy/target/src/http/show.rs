//! A request is sent with the target's credentials.
//!
//! Enters: a request without them. Leaves: the head of its answer. Never: a third time; a second time but
//! for a 401, by which the target says that it has not carried out the request (RFC 9110 section
//! 15.5.2); a request that has no credentials where there should be some.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Full;
use toolgate_call::{Ledger, Phase};

use super::Inner;
use super::exchange::{self, Answered, ERROR_BODY};
use super::failure::Failure;
use super::request::Outgoing;
use super::site::Site;
use crate::credentials::{Credentials, Show, Shown, Unsigned, Whose};

/// How long the rest of a 401 may take, that the connection can be used again.
const REST: Duration = Duration::from_secs(1);

/// Sends a request to an MCP server, with whatever it has to be shown.
pub(super) async fn sent(
    method: Method,
    target: &Inner,
    outgoing: Outgoing,
    ledger: &Ledger,
) -> Result<Answered, Failure> {
    sent_to((method, &target.config.url), &target.site, outgoing, ledger).await
}

/// The same to any absolute URL of a site.
pub(super) async fn sent_to(
    to: (Method, &Uri),
    site: &Site,
    outgoing: Outgoing,
    ledger: &Ledger,
) -> Result<Answered, Failure> {
    let Some(live) = site.credentials.live() else {
        return exchange::send_by(to, site, outgoing, ledger).await;
    };
    Box::pin(with(live, to, site, outgoing, ledger)).await
}

async fn with(
    live: &Arc<dyn Show>,
    (method, url): (Method, &Uri),
    site: &Site,
    outgoing: Outgoing,
    ledger: &Ledger,
) -> Result<Answered, Failure> {
    let shown = show(live, (&method, url), &outgoing, ledger).await?;
    let first = showing(outgoing.clone(), &shown);
    let answered = exchange::send_by((method.clone(), url), site, first, ledger).await?;
    if answered.status != StatusCode::UNAUTHORIZED {
        return Ok(answered);
    }
    // To the call, it is getting its credentials that goes on.
    ledger.enter(Phase::Authenticate);
    if !live.refused(&shown, &outgoing.whose).await {
        return Ok(answered);
    }
    let rest = answered.body.read_all(ERROR_BODY, REST);
    let _read = tokio::time::timeout(REST, rest).await;
    let shown = show(live, (&method, url), &outgoing, ledger).await?;
    exchange::send_by((method, url), site, showing(outgoing, &shown), ledger).await
}

/// What is shown. The time for it is the gateway's own, if there is any to speak of.
async fn show(
    live: &Arc<dyn Show>,
    (method, url): (&Method, &Uri),
    outgoing: &Outgoing,
    ledger: &Ledger,
) -> Result<Shown, Failure> {
    let Outgoing { headers, body, whose } = outgoing;
    let request = Unsigned { method, url, headers, body, whose };
    let mut showing = live.show(request);
    let at_once = poll_fn(|cx| match showing.as_mut().poll(cx) {
        Poll::Ready(shown) => Poll::Ready(Some(shown)),
        Poll::Pending => Poll::Ready(None),
    })
    .await;
    let shown = match at_once {
        Some(shown) => shown,
        None => {
            ledger.enter(Phase::Authenticate);
            showing.await
        }
    };
    shown.map_err(Failure::Credentials)
}

/// Adds what the gateway itself shows to a request that goes another way.
pub(super) async fn own(
    credentials: &Credentials,
    url: &Uri,
    (request, body): (&mut Request<Full<Bytes>>, &Bytes),
) -> Result<Option<Shown>, Failure> {
    let Some(live) = credentials.live() else { return Ok(None) };
    let (method, headers, whose) = (request.method(), request.headers(), &Whose::Gateway);
    let shown = live.show(Unsigned { method, url, headers, body, whose }).await;
    let shown = shown.map_err(Failure::Credentials)?;
    for (name, value) in &shown.headers {
        request.headers_mut().insert(name.clone(), value.clone());
    }
    Ok(Some(shown))
}

/// The target has answered 401 to that.
pub(super) async fn refused(credentials: &Credentials, shown: Option<&Shown>) {
    if let Some((live, shown)) = credentials.live().zip(shown) {
        live.refused(shown, &Whose::Gateway).await;
    }
}

fn showing(mut outgoing: Outgoing, shown: &Shown) -> Outgoing {
    for (name, value) in &shown.headers {
        outgoing.headers.insert(name.clone(), value.clone());
    }
    outgoing
}
