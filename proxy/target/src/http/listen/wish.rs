//! What a stream of changes is opened with, and what it stands on.
//!
//! Enters: the target, as it is known at this moment. Leaves: a request, and what is needed to send
//! it without holding the target. Never: asks for what the target does not offer.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Full;
use toolgate_call::{Era, Watched};
use toolgate_telemetry::TargetMetrics;

use crate::credentials::Credentials;
use crate::http::pool::Pool;
use crate::http::session::Session;
use crate::http::{Inner, request};

/// What a stream is opened on: with another session or era, it must be another stream.
#[derive(Clone)]
pub(super) enum Footing {
    Modern,
    Legacy(Arc<Session>),
}

/// A stream that is wanted, with all that it needs of the target.
pub(super) struct Wish {
    pub(super) footing: Footing,
    pub(super) id: u64,
    /// The resources of whose changes it is to tell.
    pub(super) uris: Watched,
    /// The request without the target's credentials.
    pub(super) request: Request<Full<Bytes>>,
    /// Its body once more.
    pub(super) body: Bytes,
    pub(super) credentials: Credentials,
    /// Where the target is: absolute.
    pub(super) url: Uri,
    pub(super) limit: usize,
    pub(super) pool: Arc<Pool>,
    pub(super) metrics: Arc<TargetMetrics>,
}

// === impl Footing ===

impl Footing {
    /// `None` when there is nothing to listen on.
    pub(super) fn of(target: &Inner) -> Option<Self> {
        match target.era.known()?.era {
            Era::Modern => {
                let wanted = !target.era.is_quiet() || !target.config.watched.borrow().is_empty();
                wanted.then_some(Self::Modern)
            }
            Era::Legacy => {
                target.session.current().filter(|session| session.id.is_some()).map(Self::Legacy)
            }
        }
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Modern, Self::Modern) => true,
            (Self::Legacy(one), Self::Legacy(other)) => Arc::ptr_eq(one, other),
            (Self::Modern, Self::Legacy(_)) | (Self::Legacy(_), Self::Modern) => false,
        }
    }
}

// === impl Wish ===

impl Wish {
    /// Whether a session that is not there any more would be missed.
    pub(super) fn is_missed(&self) -> bool {
        matches!(self.footing, Footing::Legacy(_)) && !self.uris.is_empty()
    }

    pub(super) fn of(target: &Inner) -> Option<Self> {
        Self::but(target, None)
    }

    /// The same without these resources, with which the target has taken no subscription at all.
    pub(super) fn but(target: &Inner, refused: Option<&Watched>) -> Option<Self> {
        let footing = Footing::of(target)?;
        let uris = Watched::clone(&target.config.watched.borrow());
        let uris = if refused == Some(&uris) { Watched::default() } else { uris };
        let path = target.site.pool.connector.uri().clone();
        let (id, how, outgoing) = match &footing {
            Footing::Modern => {
                let asked = request::listen(target, !target.era.is_quiet(), &uris);
                (asked.id, Request::post(path), asked.outgoing)
            }
            // Nothing is answered on this stream, so that it needs no id.
            Footing::Legacy(session) => (0, Request::get(path), request::open(target, session)),
        };
        let body = outgoing.body;
        let mut request = how.body(Full::new(body.clone())).ok()?;
        *request.headers_mut() = outgoing.headers;
        let limit = target.config.max_response;
        let (pool, metrics) = (Arc::clone(&target.site.pool), Arc::clone(&target.metrics));
        let (credentials, url) = (target.config.credentials.clone(), target.config.url.clone());
        Some(Self { footing, id, uris, request, body, credentials, url, limit, pool, metrics })
    }
}
