//! The far side: MCP servers over HTTP and as child processes, APIs, functions, and tools that are compiled in.
//!
//! Enters: an `Outbound`, one attempt at a time. Leaves: a `Reply` with the target's own bytes, or a
//! `Refusal` that says whether anything was sent. Never: decides policy, repeats an attempt, or
//! passes a caller's credentials on.

mod builtin;
mod credentials;
mod http;
mod lambda;
mod openapi;
mod stdio;

mod ask;
mod era;
mod lacking;
mod left;
mod meta;
mod progress;
mod retry;
mod session;
mod wire;

pub use builtin::{
    Asked, Builtin, BuiltinTarget, Coming, GatewayFacts, Progress, TargetFact, ToolResult, Tools,
    ToolsTarget, builtin, tools,
};
pub use credentials::grants;
pub use credentials::{
    Boxed, ClientAuth, ClientCredentials, Credentials, Denied, Endpoint, EndpointConfig,
    HeaderSecret, Kept, Place, Show, Shown, Subject, TokenExchange, Unsigned, Vault, Whose,
};
pub use http::{HttpConfig, HttpTarget, UrlError};
pub use lambda::{FunctionConfig, FunctionError, FunctionTarget, FunctionTools};
pub use openapi::{
    Api, ApiConfig, ApiTarget, Candidate, Choice, DocumentError, LeftOut, MOST_OPERATIONS,
};
pub use stdio::lines::{Limits as LineLimits, Line, Lines};
pub use stdio::{
    EraChoice, INHERITED, NoticeSink, StdioConfig, StdioStatus, StdioTarget, TargetNotice, stdio,
};

#[cfg(fuzzing)]
pub mod fuzzing;
