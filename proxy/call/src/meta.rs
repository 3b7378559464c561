//! What the gateway reads of `params._meta`.
//!
//! Enters: the members of `_meta` that `admit` parsed. Leaves: raw values. Never: the unknown
//! members (they travel in the frame, untouched).

use crate::{LogLevel, RawJson};

/// The known members of a request's `_meta` (2026-07-28 `basic/index`, "`_meta`").
#[derive(Clone, Debug, Default)]
pub struct Meta {
    /// `io.modelcontextprotocol/clientCapabilities`, an object.
    pub capabilities: Option<RawJson>,
    /// `io.modelcontextprotocol/clientInfo`: self-reported, for display only.
    pub client_info: Option<RawJson>,
    /// `io.modelcontextprotocol/logLevel` of a modern request: which log messages it wants.
    pub log_level: Option<LogLevel>,
    /// `progressToken`: a string or an integer, as sent.
    pub progress_token: Option<RawJson>,
    /// Whether there are members about a trace that must not travel on: `baggage`, or a
    /// `tracestate` that belongs to no trace.
    pub stray_trace: bool,
    /// Whether a modern caller has declared extensions that cannot be had through the gateway.
    pub stray_extensions: bool,
}
