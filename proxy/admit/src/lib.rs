//! The HTTP plane: a request becomes a `Call`, a `Reply` or `Refusal` becomes a response.
//!
//! Enters: `Request<Incoming>` from `accept`. Leaves: a `Call` for `guard`, and on the way back an
//! HTTP response with its record written. Never: knows a target.

mod record;

mod cors;
mod front;
mod origin;
mod pages;
mod servers;

pub mod authn;
mod identify;

mod decode;
mod rpc;

mod batch;
mod encode;
mod observe;
mod refuse;
mod sse;

mod body;
mod discard;
mod exchange;

pub use body::Body;
pub use front::{Front, FrontLayer};
pub use identify::{Identify, IdentifyLayer};
pub use origin::OriginConfig;
pub use pages::{Making, Pages};
pub use record::{REQUEST_ID, Record, RecordLayer};
pub use refuse::table as refusal_table;
pub use rpc::{Negotiated, Rpc, RpcConfig, RpcLayer};
pub use servers::Servers;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;

/// A response on its way.
pub(crate) type Answering =
    Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

#[cfg(any(fuzzing, test))]
pub mod fuzzing;
#[cfg(test)]
mod tests;
