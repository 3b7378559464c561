//! What each reason means for a person at a terminal and for a script: code, exit and remedy.
//!
//! Enters: a reason of the catalogue. Leaves: one entry. Never: a number that was used for
//! something else before; scripts and documents refer to them.

use toolgate_call::Reason;

use crate::exit::Exit;

/// What a reason comes to on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The stable code.
    pub(crate) code: &'static str,
    /// The exit code.
    pub(crate) exit: Exit,
    /// What to do about it.
    pub(crate) help: &'static str,
}

/// No token was sent.
pub(crate) const NO_TOKEN: &str = "TG4010";
/// The token was refused.
pub(crate) const BAD_TOKEN: &str = "TG4011";
/// The issuer gave no token.
pub(crate) const NO_GRANT: &str = "TG4012";
/// A token or a secret is not where the command looks for it.
pub(crate) const NO_SECRET: &str = "TG4013";
/// The tool said `isError`.
pub(crate) const TOOL_ERROR: &str = "TG5001";
/// There are no AWS credentials, or they are refused.
#[cfg(feature = "aws")]
pub(crate) const NO_CLOUD: &str = "TG4014";
/// The AWS credentials do not allow it.
#[cfg(feature = "aws")]
pub(crate) const CLOUD_DENIED: &str = "TG4032";
/// The log level may not be changed from here.
pub(crate) const NOT_FROM_HERE: &str = "TG4033";
/// The log level is none.
pub(crate) const BAD_LEVEL: &str = "TG5006";
/// Nothing says which AWS region is meant.
#[cfg(feature = "aws")]
pub(crate) const NO_REGION: &str = "TG5007";
/// This binary cannot do it.
#[cfg(not(feature = "aws"))]
pub(crate) const NOT_BUILT: &str = "TG5008";
/// CloudWatch would not take it, or complains.
pub(crate) const INVALID: &str = "TG5009";
/// AWS does not answer.
#[cfg(feature = "aws")]
pub(crate) const NO_AWS: &str = "TG6020";
/// AWS answered with an error.
#[cfg(feature = "aws")]
pub(crate) const AWS_FAILED: &str = "TG6021";
/// The arguments are wrong.
pub(crate) const ARGUMENTS: &str = "TG5003";
/// The tool asks for more input (`input_required`).
pub(crate) const INPUT_REQUIRED: &str = "TG5004";
/// The target answered with a JSON-RPC error of its own.
pub(crate) const TARGET_ERROR: &str = "TG6011";
/// Nothing answers there.
pub(crate) const UNREACHABLE: &str = "TG7001";
/// There is no URL, and no `toolgate dev` to find one in.
pub(crate) const NO_GATEWAY: &str = "TG7002";
/// What answers is not a gateway.
pub(crate) const NOT_MCP: &str = "TG7003";
/// The answer was lost.
pub(crate) const NO_ANSWER: &str = "TG7008";
/// The URL cannot be asked.
pub(crate) const BAD_URL: &str = "TG7009";
/// Stopped by the user.
pub(crate) const INTERRUPTED: &str = "TG7010";

/// The entry of a reason.
pub(crate) const fn of(reason: Reason) -> Entry {
    let (code, exit) = number(reason);
    Entry { code, exit, help: help(reason) }
}

const fn number(reason: Reason) -> (&'static str, Exit) {
    match reason {
        Reason::Unauthenticated => (BAD_TOKEN, Exit::Identity),
        Reason::Forbidden => ("TG4031", Exit::Identity),
        Reason::RateLimited => ("TG4291", Exit::Identity),
        Reason::ToolError => (TOOL_ERROR, Exit::Tool),
        Reason::TargetUnknown => ("TG5002", Exit::Usage),
        Reason::InvalidParams => (ARGUMENTS, Exit::Usage),
        Reason::ParseError
        | Reason::InvalidRequest
        | Reason::HeaderMismatch
        | Reason::MethodNotFound => ("TG5005", Exit::Usage),
        Reason::ConnectRefused => ("TG6001", Exit::Target),
        Reason::Dns => ("TG6002", Exit::Target),
        Reason::Tls => ("TG6003", Exit::Target),
        Reason::Reset => ("TG6004", Exit::Target),
        Reason::TimeoutConnect => ("TG6005", Exit::Target),
        Reason::TimeoutFirstByte | Reason::TimeoutIdle | Reason::TimeoutTotal => {
            ("TG6006", Exit::Target)
        }
        Reason::Upstream4xx => ("TG6007", Exit::Target),
        Reason::Upstream429 => ("TG6008", Exit::Target),
        Reason::Upstream5xx => ("TG6009", Exit::Target),
        Reason::UpstreamProtocol => ("TG6010", Exit::Target),
        Reason::UpstreamJsonrpc => (TARGET_ERROR, Exit::Target),
        Reason::CircuitOpen => ("TG6012", Exit::Target),
        Reason::OutcomeUnknown => ("TG6013", Exit::Unknown),
        Reason::Quarantined => ("TG6014", Exit::Target),
        Reason::Internal => ("TG7004", Exit::Gateway),
        Reason::Overloaded => ("TG7005", Exit::Gateway),
        Reason::Shutdown => ("TG7006", Exit::Gateway),
        Reason::RetryBudget => ("TG7007", Exit::Gateway),
        Reason::AuditUnavailable => ("TG7011", Exit::Gateway),
        Reason::Credentials => ("TG7012", Exit::Gateway),
        // As where it was not told in time: whoever pressed Ctrl-C reads no answer.
        Reason::ClientCancelled => (NO_ANSWER, Exit::Gateway),
    }
}

const fn help(reason: Reason) -> &'static str {
    match reason {
        Reason::Unauthenticated => "fetch a new token: `toolgate token`",
        Reason::Forbidden => {
            "the gateway's operator sees by which rule: `toolgate explain`, and the audit log"
        }
        Reason::RateLimited => "call less often, or have the limit raised",
        Reason::ToolError => "the tool's own words are above; its arguments may be wrong",
        Reason::TargetUnknown => "`toolgate call --list` prints the tools there are",
        Reason::InvalidParams => "`toolgate call --list --output json` has the tool's schema",
        Reason::ParseError
        | Reason::InvalidRequest
        | Reason::HeaderMismatch
        | Reason::MethodNotFound => {
            "check that the URL is an MCP endpoint, and the arguments' size"
        }
        Reason::ConnectRefused => "start the target, or correct its address in the configuration",
        Reason::Dns => "check the target's host name in the configuration",
        Reason::Tls => "check the target's certificate, and that it speaks TLS on that port",
        Reason::Reset | Reason::Upstream5xx | Reason::UpstreamProtocol => {
            "the target's own log has the cause; the gateway's has the request id"
        }
        Reason::TimeoutConnect => "check that the gateway can reach the target at all",
        Reason::TimeoutFirstByte | Reason::TimeoutIdle | Reason::TimeoutTotal => {
            "ask for less at once, or raise the tool's timeout in the configuration"
        }
        Reason::Upstream4xx => "check the target's URL and credentials in the configuration",
        Reason::Upstream429 | Reason::CircuitOpen | Reason::RetryBudget => {
            "wait until the target has recovered"
        }
        Reason::Quarantined => {
            "look at `toolgate pins diff`, and approve what is meant with `toolgate pins accept`"
        }
        Reason::UpstreamJsonrpc => "the sentence is the target's own; look at the arguments first",
        Reason::OutcomeUnknown => "look at what the tool changes before calling it again",
        Reason::Internal => "the gateway's log has the cause under the request id",
        Reason::Credentials => {
            "the gateway's log says why the target's token endpoint gives it no token"
        }
        Reason::Overloaded => "repeat it later, or raise the gateway's limits",
        Reason::Shutdown => "repeat it once the gateway is back",
        Reason::AuditUnavailable => {
            "have room made for the gateway's audit log; its own log has the cause"
        }
        Reason::ClientCancelled => "give it more time: `--timeout 60s`",
    }
}
