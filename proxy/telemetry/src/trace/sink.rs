//! Where batches of spans go: what a backend must be able to do.
//!
//! Enters: spans, packed once. Leaves: what became of one attempt, span by span, so that the task
//! that sends can repeat the rest and count all of them. Never: repeats or counts by itself.

use std::fmt::Debug;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use opentelemetry_sdk::trace::SpanData;
use toolgate_telemetry_catalog::Export;

/// A future behind a pointer: one a batch, not one a call.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A backend for spans.
pub trait SpanSink: Debug + Send + Sync {
    /// The batch as it goes out. Repetitions send the same bytes.
    fn pack(&self, batch: Vec<SpanData>) -> Packed;

    /// Sends a parcel once.
    fn send<'a>(&'a self, parcel: &'a Parcel) -> Boxed<'a, Sent>;
}

/// Shows a backend who sends.
pub trait Signer: Debug + Send + Sync {
    /// The headers that say so, for these bytes at this moment.
    ///
    /// The error is a sentence for the operator, without a secret in it.
    fn sign<'a>(
        &'a self,
        request: Unsigned<'a>,
    ) -> Boxed<'a, Result<Vec<(HeaderName, HeaderValue)>, String>>;
}

/// A POST that nobody has signed yet.
#[derive(Clone, Copy, Debug)]
pub struct Unsigned<'a> {
    /// Where it goes.
    pub uri: &'a Uri,
    /// Its headers so far.
    pub headers: &'a HeaderMap,
    /// Its body as it goes out.
    pub body: &'a [u8],
}

/// A batch that is ready to be sent.
#[derive(Debug, Default)]
pub struct Packed {
    /// What is to be sent, each for itself.
    pub parcels: Vec<Parcel>,
    /// Spans that are in none of them, by why.
    pub lost: Vec<(Export, u64)>,
    /// Documents of which something was left out.
    pub trimmed: u64,
}

/// What goes out in one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parcel {
    /// The bytes: one body, or one document a span.
    pub parts: Vec<Bytes>,
    /// The spans in it.
    pub spans: u64,
}

/// What became of a parcel: spans that are neither lost nor to be sent again were taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Spans that will never be taken, by why.
    pub lost: Vec<(Export, u64)>,
    /// What may be sent again.
    pub again: Option<Again>,
    /// For the operator; empty when all is well.
    pub detail: String,
}

/// What may be sent again.
#[derive(Debug, PartialEq, Eq)]
pub struct Again {
    /// The rest, or `None` for the whole parcel as it is.
    pub rest: Option<Parcel>,
    /// What its spans count as if it is given up.
    pub fate: Export,
    /// How long to wait at least.
    pub wait: Duration,
}

// === impl Sent ===

impl Sent {
    /// All is lost, for good.
    #[must_use]
    pub fn lost(fate: Export, spans: u64, detail: String) -> Self {
        Self { lost: vec![(fate, spans)], again: None, detail }
    }

    /// Nothing was taken, and all may be sent again.
    #[must_use]
    pub fn again(fate: Export, wait: Duration, detail: String) -> Self {
        Self { lost: Vec::new(), again: Some(Again { rest: None, fate, wait }), detail }
    }
}
