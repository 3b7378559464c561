//! What is meant?
//!
//! Enters: a `Call`. Leaves: the same; or, of one that only names another in its arguments, that other:
//! all that comes later decides, counts and records as if it had been called by its name. Never: a
//! decision.

use std::sync::Arc;
use std::task::{Context, Poll};

use toolgate_call::{Call, Directory, Method};
use tower::{Layer, Service};

/// Makes [`Meant`].
#[derive(Clone, Debug)]
pub struct MeantLayer(pub Arc<dyn Directory>);

/// See the module.
#[derive(Clone, Debug)]
pub struct Meant<S> {
    inner: S,
    directory: Arc<dyn Directory>,
}

impl<S> Layer<S> for MeantLayer {
    type Service = Meant<S>;

    fn layer(&self, inner: S) -> Meant<S> {
        Meant { inner, directory: Arc::clone(&self.0) }
    }
}

impl<S: Service<Call>> Service<Call> for Meant<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> S::Future {
        let is_tool = call.method == Method::ToolsCall;
        let meant = if is_tool { self.directory.meant(&call) } else { None };
        self.inner.call(meant.unwrap_or(call))
    }
}
