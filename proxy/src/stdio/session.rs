//! The session of the older era, which the client does not know of: over standard input and output
//! there is just one.
//!
//! Enters: the handshake and what the gateway answered. Leaves: the headers of what is sent in the
//! session. Never: a session of 2026-07-28, which has none.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::message::Glance;
use toolgate_client::request::header_value;

/// `Mcp-Session-Id`.
pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// A session that the gateway has opened.
#[derive(Debug)]
pub(super) struct Live {
    id: Option<HeaderValue>,
    version: HeaderValue,
    /// The client's own `initialize`, for another session when this one has run out.
    pub(super) handshake: Bytes,
}

/// The session, if there is one.
#[derive(Debug, Default)]
pub(super) struct Session {
    live: Mutex<Option<Arc<Live>>>,
    /// Held by whoever opens another one.
    pub(super) renewing: tokio::sync::Mutex<()>,
}

// === impl Session ===

impl Session {
    pub(super) fn live(&self) -> Option<Arc<Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Arc::clone)
    }

    /// A session begins, in place of any other.
    pub(super) fn begin(&self, id: Option<HeaderValue>, version: HeaderValue, handshake: Bytes) {
        let live = Arc::new(Live { id, version, handshake });
        *self.live.lock().unwrap_or_else(PoisonError::into_inner) = Some(live);
    }
}

// === impl Live ===

impl Live {
    /// Whether the gateway could have forgotten it.
    pub(super) fn has_id(&self) -> bool {
        self.id.is_some()
    }
}

/// The headers of a message: of 2026-07-28 if it names its revision, else of the session.
pub(super) fn headers(glance: &Glance<'_>, live: Option<&Live>) -> HeaderMap {
    let mut headers = plain();
    let Some(version) = &glance.version else {
        in_session(&mut headers, live);
        return headers;
    };
    // What no header can say is left out: the gateway answers that it is missing.
    let mut put = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put(PROTOCOL_VERSION, version);
    if let Some(method) = glance.method.as_deref() {
        put(METHOD, method);
    }
    if let Some(name) = glance.name.as_deref() {
        put(NAME, &header_value(name));
    }
    headers
}

/// The headers of every message.
pub(super) fn plain() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(6);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    headers
}

/// Names the session.
pub(super) fn in_session(headers: &mut HeaderMap, live: Option<&Live>) {
    let Some(live) = live else { return };
    headers.insert(PROTOCOL_VERSION, live.version.clone());
    if let Some(id) = &live.id {
        headers.insert(SESSION_ID, id.clone());
    }
}
