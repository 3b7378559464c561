//! Why a call did not succeed, and who is to blame for it.
//!
//! Enters: nothing. Leaves: two closed enums; the blame is a constant of the reason, so no two
//! reports of one call can disagree. Never: free text.

/// Whom a failure counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The caller sent something wrong, or left. Nobody's SLO.
    Caller,
    /// The gateway itself.
    Gateway,
    /// The way to the target.
    Network,
    /// The target.
    Target,
    /// The tool answered, and said no (`isError`).
    Tool,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $blame:ident;)*) => {
        /// The closed list of reasons: label value, log field and span attribute alike.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// Every reason, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word for it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Whom it counts against.
            #[must_use]
            pub const fn blame(self) -> Blame {
                match self { $(Self::$name => Blame::$blame,)* }
            }
        }
    };
}

reasons! {
    /// The body is not JSON.
    ParseError = "parse_error", Caller;
    /// The body is JSON but not a request, or too large.
    InvalidRequest = "invalid_request", Caller;
    /// A header and the body disagree.
    HeaderMismatch = "header_mismatch", Caller;
    /// The method does not exist here.
    MethodNotFound = "method_not_found", Caller;
    /// The parameters are wrong.
    InvalidParams = "invalid_params", Caller;
    /// No such tool or target.
    TargetUnknown = "target_unknown", Caller;
    /// No token, or not a good one.
    Unauthenticated = "unauthenticated", Caller;
    /// A good token that does not allow this, or a forbidden Host or Origin.
    Forbidden = "forbidden", Caller;
    /// The caller asks too often.
    RateLimited = "rate_limited", Caller;
    /// The caller left before the answer.
    ClientCancelled = "client_cancelled", Caller;
    /// A fault of the gateway's own.
    Internal = "internal", Gateway;
    /// No capacity left for the call.
    Overloaded = "overloaded", Gateway;
    /// The gateway is stopping.
    Shutdown = "shutdown", Gateway;
    /// The audit log cannot take the record that every call must have.
    AuditUnavailable = "audit_unavailable", Gateway;
    /// The gateway has no credentials to show the target; nothing was sent.
    Credentials = "credentials", Gateway;
    /// A retry was due, but the budget for retries is used up.
    RetryBudget = "retry_budget", Gateway;
    /// Nobody listens there.
    ConnectRefused = "connect_refused", Network;
    /// The name does not resolve.
    Dns = "dns", Network;
    /// The TLS handshake failed.
    Tls = "tls", Network;
    /// The connection broke off.
    Reset = "reset", Network;
    /// No connection in time.
    TimeoutConnect = "timeout_connect", Network;
    /// Connected, sent, but no answer began in time.
    TimeoutFirstByte = "timeout_first_byte", Target;
    /// The answer began and then stood still.
    TimeoutIdle = "timeout_idle", Target;
    /// The answer was not complete in time.
    TimeoutTotal = "timeout_total", Target;
    /// The target answered with a 4xx status.
    Upstream4xx = "upstream_4xx", Target;
    /// The target answered 429.
    Upstream429 = "upstream_429", Target;
    /// The target answered with a 5xx status.
    Upstream5xx = "upstream_5xx", Target;
    /// The target's answer is not MCP.
    UpstreamProtocol = "upstream_protocol", Target;
    /// The target answered with a JSON-RPC error.
    UpstreamJsonrpc = "upstream_jsonrpc", Target;
    /// The breaker of the target is open; nothing was sent.
    CircuitOpen = "circuit_open", Target;
    /// The tool's definition is not the approved one; nothing was sent.
    Quarantined = "quarantined", Target;
    /// Sent, then lost: the call may or may not have been carried out.
    OutcomeUnknown = "outcome_unknown", Target;
    /// The tool answered `isError: true`.
    ToolError = "tool_error", Tool;
}

// === impl Blame ===

impl Blame {
    /// Every blame.
    pub const ALL: [Self; 5] =
        [Self::Caller, Self::Gateway, Self::Network, Self::Target, Self::Tool];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Gateway => "gateway",
            Self::Network => "network",
            Self::Target => "target",
            Self::Tool => "tool",
        }
    }
}
