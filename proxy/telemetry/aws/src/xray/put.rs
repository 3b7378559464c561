//! `PutTraceSegments`: spans as documents, 50 a request.
//!
//! Enters: batches of spans. Leaves: what X-Ray says of each document. Never: a document larger than
//! X-Ray takes, or one that X-Ray did not process and nobody hears of: HTTP 200 does not mean taken.

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use aws_sdk_xray::Client;
use aws_sdk_xray::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_xray::operation::put_trace_segments::PutTraceSegmentsError;
use aws_sdk_xray::types::UnprocessedTraceSegment;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use bytes::Bytes;
use opentelemetry_sdk::trace::SpanData;
use serde_json::Value;
use toolgate_telemetry::{Again, Boxed, Export, Packed, Parcel, Sent, SpanSink};

use super::{segment, trim};

/// Documents in one request: what the service takes, and its own collector sends.
const DOCUMENTS: usize = 50;
/// Words in the codes of documents that would be refused again.
const FOR_GOOD: [&str; 8] =
    ["parse", "json", "format", "missing", "invalid", "malformed", "size", "large"];

/// Sends spans as segment documents.
#[derive(Clone, Debug)]
pub struct Segments {
    client: Client,
    service: String,
}

// === impl Segments ===

impl Segments {
    pub(super) fn new(client: Client, service: &str) -> Self {
        Self { client, service: service.to_owned() }
    }

    async fn put(&self, parcel: &Parcel) -> Sent {
        let documents = parcel.parts.iter().map(|part| String::from_utf8_lossy(part).into_owned());
        let documents: Vec<String> = documents.collect();
        let request = self.client.put_trace_segments().set_trace_segment_documents(Some(documents));
        match Box::pin(request.send()).await {
            Ok(answer) => judged(parcel, &answer.unprocessed_trace_segments.unwrap_or_default()),
            Err(error) => failed(&error, parcel.spans),
        }
    }
}

impl SpanSink for Segments {
    fn pack(&self, batch: Vec<SpanData>) -> Packed {
        packed(&batch, &self.service)
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> Boxed<'a, Sent> {
        Box::pin(self.put(parcel))
    }
}

// === helpers ===

fn packed(batch: &[SpanData], service: &str) -> Packed {
    let (mut documents, mut trimmed) = (Vec::with_capacity(batch.len()), 0);
    for fitted in batch.iter().filter_map(|span| trim::fit(segment::document(span, service))) {
        trimmed += u64::from(fitted.trimmed);
        documents.push(Bytes::from(fitted.bytes));
    }
    let oversize = (batch.len() - documents.len()) as u64;
    let lost = if oversize > 0 { vec![(Export::Oversize, oversize)] } else { Vec::new() };
    let parcels = documents.chunks(DOCUMENTS);
    let parcels = parcels.map(|all| Parcel { parts: all.to_vec(), spans: all.len() as u64 });
    Packed { parcels: parcels.collect(), lost, trimmed }
}

/// What is to become of the documents that were not processed. Those that X-Ray names by an id of
/// ours go out again, unless it could not read them; those that it cannot name are lost.
fn judged(parcel: &Parcel, unprocessed: &[UnprocessedTraceSegment]) -> Sent {
    if unprocessed.is_empty() {
        return Sent::default();
    }
    let mut by_id: HashMap<String, &Bytes> =
        parcel.parts.iter().filter_map(|part| Some((id(part)?, part))).collect();
    let (mut rest, mut lost, mut throttled) = (Vec::new(), 0, false);
    for segment in unprocessed {
        let document = segment.id.as_ref().and_then(|id| by_id.remove(id));
        match document {
            Some(document) if !is_for_good(segment) => {
                throttled |= code(segment).contains("throttl");
                rest.push(document.clone());
            }
            Some(_) | None => lost += 1,
        }
    }
    let spans = rest.len() as u64;
    // No more are lost than there are, however many X-Ray complains of.
    let lost = lost.min(parcel.spans - spans);
    let first = unprocessed.first();
    let message = first.and_then(|first| first.message.as_deref()).unwrap_or_default();
    let detail = format!(
        "X-Ray did not process {} documents; the first: {} {message}",
        unprocessed.len(),
        first.map(code).unwrap_or_default(),
    );
    let fate = if throttled { Export::Throttled } else { Export::Http5xx };
    let rest = (spans > 0).then_some(Parcel { parts: rest, spans });
    let again = rest.map(|rest| Again { rest: Some(rest), fate, wait: Duration::ZERO });
    let lost = if lost > 0 { vec![(Export::Partial, lost)] } else { Vec::new() };
    Sent { lost, again, detail }
}

/// Without a code nobody knows, so it is tried again.
fn is_for_good(segment: &UnprocessedTraceSegment) -> bool {
    let code = code(segment);
    FOR_GOOD.iter().any(|word| code.contains(word))
}

/// The code in lower case; empty if there is none.
fn code(segment: &UnprocessedTraceSegment) -> String {
    segment.error_code.as_deref().unwrap_or_default().to_lowercase()
}

fn id(document: &[u8]) -> Option<String> {
    let document: Value = serde_json::from_slice(document).ok()?;
    Some(document.get("id")?.as_str()?.to_owned())
}

fn failed(error: &SdkError<PutTraceSegmentsError, HttpResponse>, spans: u64) -> Sent {
    let detail = plain(error);
    let again = |fate| Sent::again(fate, Duration::ZERO, detail.clone());
    match error {
        SdkError::TimeoutError(_) => again(Export::Timeout),
        SdkError::DispatchFailure(why) if why.is_timeout() => again(Export::Timeout),
        SdkError::DispatchFailure(why) if why.is_io() => again(Export::Connect),
        SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_) => {
            again(Export::Credentials)
        }
        SdkError::ResponseError(_) => again(Export::Http5xx),
        SdkError::ServiceError(answer) => {
            let throttled = matches!(answer.err(), PutTraceSegmentsError::ThrottledException(_));
            match answer.raw().status().as_u16() {
                429 => again(Export::Throttled),
                _ if throttled => again(Export::Throttled),
                500.. => again(Export::Http5xx),
                _ => Sent::lost(Export::Http4xx, spans, detail.clone()),
            }
        }
        _ => again(Export::Connect),
    }
}

/// An error of the SDK and what caused it, on one line.
pub(super) fn plain<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let SdkError::ServiceError(answer) = error {
        let status = answer.raw().status().as_u16();
        let code = answer.err().code().unwrap_or("no code");
        return format!("{status} {code}: {}", answer.err().message().unwrap_or("no message"));
    }
    let chain = std::iter::successors(Some(error as &dyn Error), |&error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests;
