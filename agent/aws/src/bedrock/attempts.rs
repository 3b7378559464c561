//! How often a request is sent.
//!
//! In: attempts of the SDK, as they begin and end. Out: why each but the last came to nothing. Never: an
//! attempt that is changed, or stopped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_bedrockruntime::config::interceptors::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_bedrockruntime::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_bedrockruntime::error::BoxError;
use toolgate_agent_model::Fault;

/// The attempts of one request.
#[derive(Clone, Debug, Default)]
pub(super) struct Attempts(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// What became of the last one, if it has ended.
    last: Option<Fault>,
    repeated: Vec<Fault>,
}

// === impl Attempts ===

impl Attempts {
    /// Why the request was sent again, each time.
    pub(super) fn repeated(&self) -> Vec<Fault> {
        self.inner().repeated.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Attempts {
    fn name(&self) -> &'static str {
        "Attempts"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut inner = self.inner();
        let last = inner.last.take();
        inner.repeated.extend(last);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let status = context.response().map(|response| response.status().as_u16());
        self.inner().last = Some(fault(status));
        Ok(())
    }
}

/// What an attempt came to that is repeated: those whose answer was good are not.
const fn fault(status: Option<u16>) -> Fault {
    match status {
        None => Fault::Unreachable,
        Some(408 | 504) => Fault::TimedOut,
        Some(429) => Fault::Throttled,
        Some(_) => Fault::Unavailable,
    }
}
