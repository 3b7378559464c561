//! One request of a caller, decoded.
//!
//! Enters: what `admit` found in an HTTP request. Leaves: the same, with HTTP left behind. Never:
//! a value that was not checked; never the token, but for targets that exchange it (ADR 36).

use std::net::IpAddr;
use std::sync::Arc;

use crate::{
    Abilities, Deadline, Frame, Holder, Kind, Ledger, Meta, Method, Principal, RawJson, Server,
    SubjectToken, Trace, Version,
};

/// A decoded request or notification.
#[derive(Clone, Debug)]
pub struct Call {
    /// What is asked.
    pub method: Method,
    /// The JSON-RPC id exactly as sent; `None` for a notification.
    pub id: Option<RawJson>,
    /// `params.name`, `params.uri` or `params.taskId`, or what `params.ref` names.
    pub name: Option<String>,
    /// What goes by that name.
    pub kind: Option<Kind>,
    /// `params.cursor`.
    pub cursor: Option<String>,
    /// The revision of this request.
    pub version: Version,
    /// The known members of `params._meta`.
    pub meta: Meta,
    /// Arguments that a modern caller has sent beside the body too (`Mcp-Param-*`), unchecked.
    pub mirrored: Vec<Mirrored>,
    /// The body as sent.
    pub frame: Frame,
    /// What the caller says it can do for a server: with each request of the modern era, and in
    /// `initialize`. Otherwise the session knows.
    pub abilities: Abilities,
    /// Whether the caller takes an event stream for an answer.
    pub hears: bool,
    /// The session of the older era.
    pub session: SessionRef,
    /// Who asks.
    pub principal: Arc<Principal>,
    /// The token of whoever asks, if some target exchanges tokens.
    pub subject: Option<SubjectToken>,
    /// Of which server; `None`: of the gateway as a whole.
    pub server: Option<Arc<Server>>,
    /// The address it came from, if it came over a network.
    pub peer: Option<IpAddr>,
    /// The gateway's id of this request, echoed as `X-Request-Id`.
    pub request_id: Arc<str>,
    /// When an answer is of no use any more.
    pub deadline: Deadline,
    /// Where the time goes.
    pub ledger: Arc<Ledger>,
    /// Its place in a trace.
    pub trace: Arc<Trace>,
}

// === impl Call ===

impl Call {
    /// Whose it is, and at which server.
    #[must_use]
    pub fn holder(&self) -> Holder<'_> {
        Holder { principal: &self.principal, server: self.server.as_deref() }
    }
}

/// An argument that stands beside the body as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirrored {
    /// The name behind `Mcp-Param-`, in lower case.
    pub name: Box<str>,
    /// The value as sent; `None`: not plain ASCII.
    pub value: Option<Box<str>>,
}

/// What a request says of its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionRef {
    /// Nothing (and nothing is needed in the modern era).
    None,
    /// An `Mcp-Session-Id`, not opened yet.
    Claimed(String),
    /// `initialize`: a session is asked for, at this revision.
    Wanted(Version),
}

/// A session of the older era, opened and checked against its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The revision agreed on.
    pub version: Version,
    /// What the client can do for a server.
    pub abilities: Abilities,
    /// When it ends, in seconds since the epoch.
    pub expires: u64,
}
