//! OTLP (OpenTelemetry protocol 1.x): spans as protobuf, over HTTP or gRPC.
//!
//! Enters: a batch of spans. Leaves: what became of it, in terms that say whether to repeat. Never:
//! repeats by itself. gRPC is one HTTP/2 exchange with a five-byte prefix, written here: a library
//! for it would hide the status that is counted (ADR 12).

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, TE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use http_body_util::Full;
use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use prost::Message as _;
use toolgate_telemetry_catalog::Export;

use crate::access::redact;

use super::sink::{Boxed, Packed, Parcel, Sent, Signer, SpanSink, Unsigned};
use super::transport::{Answer, Broken, Transport};

/// The path of the service in gRPC.
const SERVICE: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// The path that OTLP over HTTP adds to an endpoint that has none.
const HTTP_PATH: &str = "/v1/traces";
/// gRPC status codes that mean: again, later (OTLP specification, "Failures").
const RETRYABLE: [&str; 7] = ["1", "4", "8", "10", "11", "14", "15"];
/// gRPC's RESOURCE_EXHAUSTED.
const EXHAUSTED: &str = "8";
/// The largest message in bytes, before it is compressed: what gRPC servers take unless they are
/// told otherwise, and below what X-Ray takes (5 MB).
const LARGEST: usize = 4_000_000;

/// A collector.
#[derive(Clone, Debug)]
pub struct OtlpConfig {
    /// Its address. Without a path: `/v1/traces` over HTTP, and none over gRPC.
    pub endpoint: Uri,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// What it is shown besides, such as a key.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// `service.name` of the resource.
    pub service: String,
    /// Compresses what is sent over HTTP.
    pub gzip: bool,
    /// Signs what is sent over HTTP.
    pub signer: Option<Arc<dyn Signer>>,
}

/// The forms of OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Protobuf in a POST.
    Http,
    /// gRPC over HTTP/2.
    Grpc,
}

/// The way to one collector.
#[derive(Debug)]
pub(super) struct Otlp {
    url: Uri,
    protocol: Protocol,
    headers: HeaderMap,
    timeout: Duration,
    resource: ResourceAttributesWithSchema,
    transport: Transport,
    gzip: bool,
    signer: Option<Arc<dyn Signer>>,
}

/// Sends an export without spans to a collector, as one with spans would go.
///
/// # Errors
/// Why it was not taken, for the operator.
pub async fn try_otlp(config: &OtlpConfig) -> Result<(), String> {
    let otlp = Otlp::new(config, env!("CARGO_PKG_VERSION"))?;
    let nothing = ExportTraceServiceRequest { resource_spans: Vec::new() };
    let sent = otlp.post(otlp.body(&nothing), 0).await;
    let taken = sent.again.is_none() && sent.lost.is_empty() && sent.detail.is_empty();
    if taken { Ok(()) } else { Err(sent.detail) }
}

// === impl Otlp ===

impl Otlp {
    pub(super) fn new(config: &OtlpConfig, version: &str) -> Result<Self, String> {
        let tls = config.endpoint.scheme_str() == Some("https");
        let grpc = config.protocol == Protocol::Grpc;
        let transport = Transport::new(tls, grpc)?;
        let resource = Resource::builder_empty()
            .with_service_name(config.service.clone())
            .with_attribute(KeyValue::new("service.version", version.to_owned()))
            .with_attribute(KeyValue::new("service.instance.id", instance()))
            .build();
        let mut headers = HeaderMap::new();
        let agent = HeaderValue::from_static(concat!("toolgate/", env!("CARGO_PKG_VERSION")));
        headers.insert(USER_AGENT, agent);
        let kind = if grpc { "application/grpc" } else { "application/x-protobuf" };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        if grpc {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
        if config.gzip && !grpc {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        headers.extend(config.headers.iter().cloned());
        Ok(Self {
            url: url(config)?,
            protocol: config.protocol,
            headers,
            timeout: config.timeout,
            resource: ResourceAttributesWithSchema::from(&resource),
            transport,
            gzip: config.gzip && !grpc,
            signer: config.signer.clone().filter(|_| !grpc),
        })
    }

    /// The message as it goes out, in halves when it is too large; a span that is too large alone is
    /// lost.
    fn split(&self, mut message: ExportTraceServiceRequest, packed: &mut Packed) {
        let spans = held(&message);
        if message.encoded_len() <= LARGEST {
            packed.parcels.push(Parcel { parts: vec![self.body(&message)], spans });
        } else if let Some(half) = halved(&mut message) {
            self.split(message, packed);
            self.split(half, packed);
        } else {
            packed.lost.push((Export::Oversize, spans));
        }
    }

    fn body(&self, message: &ExportTraceServiceRequest) -> Bytes {
        let length = message.encoded_len();
        let mut body = BytesMut::with_capacity(length + 5);
        if self.protocol == Protocol::Grpc {
            body.put_u8(0);
            body.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
        }
        let encoded = message.encode(&mut body);
        debug_assert!(encoded.is_ok(), "a growing buffer has room");
        if self.gzip { compressed(&body) } else { body.freeze() }
    }

    /// Sends an encoded batch once.
    async fn post(&self, body: Bytes, spans: u64) -> Sent {
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        if let Some(signer) = &self.signer {
            let unsigned = Unsigned { uri: &self.url, headers: &self.headers, body: &body };
            match signer.sign(unsigned).await {
                Ok(headers) => request.headers_mut().extend(headers),
                Err(detail) => return Sent::again(Export::Credentials, Duration::ZERO, detail),
            }
        }
        match self.transport.send(request, self.timeout).await {
            Ok(answer) if self.protocol == Protocol::Grpc => grpc(&answer, spans),
            Ok(answer) => http(&answer, spans),
            Err(Broken { fate, detail }) => Sent::again(fate, Duration::ZERO, detail),
        }
    }
}

impl SpanSink for Otlp {
    fn pack(&self, batch: Vec<SpanData>) -> Packed {
        let mut packed = Packed::default();
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        self.split(ExportTraceServiceRequest { resource_spans }, &mut packed);
        packed
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> Boxed<'a, Sent> {
        let body = parcel.parts.first().cloned().unwrap_or_default();
        Box::pin(self.post(body, parcel.spans))
    }
}

// === helpers ===

/// What an answer over HTTP means (OTLP specification, "OTLP/HTTP response").
fn http(answer: &Answer, spans: u64) -> Sent {
    let status = answer.status;
    if status.is_success() {
        return taken(&answer.body, spans);
    }
    let (fate, repeatable) = match status.as_u16() {
        429 => (Export::Throttled, true),
        502..=504 => (Export::Http5xx, true),
        500..=599 => (Export::Http5xx, false),
        _ => (Export::Http4xx, false),
    };
    let detail = format!("the collector answered {status}{}", said(answer));
    if repeatable {
        Sent::again(fate, retry_after(&answer.headers), detail)
    } else {
        Sent::lost(fate, spans, detail)
    }
}

/// What an answer over gRPC means: the status is in the trailers, or in the headers if there is
/// nothing else.
fn grpc(answer: &Answer, spans: u64) -> Sent {
    let text = |name| answer.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let Some(code) = text("grpc-status") else { return http(answer, spans) };
    if code == "0" {
        return taken(answer.body.get(5..).unwrap_or_default(), spans);
    }
    let fate = match code {
        EXHAUSTED => Export::Throttled,
        "4" => Export::Timeout,
        code if RETRYABLE.contains(&code) => Export::Http5xx,
        _ => Export::Http4xx,
    };
    let message = text("grpc-message").unwrap_or_default();
    let detail = format!("the collector answered gRPC {code} {message}");
    if RETRYABLE.contains(&code) {
        Sent::again(fate, Duration::ZERO, detail)
    } else {
        Sent::lost(fate, spans, detail)
    }
}

/// An answer that cannot be read has nothing to say against the batch.
fn taken(body: &[u8], spans: u64) -> Sent {
    let answer = ExportTraceServiceResponse::decode(body).unwrap_or_default();
    let partial = answer.partial_success.unwrap_or_default();
    let rejected = u64::try_from(partial.rejected_spans).unwrap_or_default().min(spans);
    if rejected == 0 {
        return Sent::default();
    }
    let detail = format!("the collector rejected {rejected} spans");
    Sent::lost(Export::Partial, rejected, detail)
}

/// The first words of a refusal, if they are plain text: AWS says there what it misses.
fn said(answer: &Answer) -> String {
    let text = std::str::from_utf8(&answer.body).unwrap_or_default();
    let short: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    if short.is_empty() { short } else { format!(": {}", redact(&short)) }
}

/// The second half of the spans of a message, which keeps the first; `None` if it holds one.
fn halved(message: &mut ExportTraceServiceRequest) -> Option<ExportTraceServiceRequest> {
    if let [whole] = message.resource_spans.as_mut_slice() {
        if let [scope] = whole.scope_spans.as_mut_slice() {
            let middle = scope.spans.len() / 2;
            let spans = (middle > 0).then(|| scope.spans.split_off(middle))?;
            let scope = ScopeSpans { spans, scope: scope.scope.clone(), ..Default::default() };
            let resource = whole.resource.clone();
            let half = ResourceSpans { resource, scope_spans: vec![scope], ..Default::default() };
            return Some(ExportTraceServiceRequest { resource_spans: vec![half] });
        }
        let middle = whole.scope_spans.len() / 2;
        let scope_spans = (middle > 0).then(|| whole.scope_spans.split_off(middle))?;
        let resource = whole.resource.clone();
        let half = ResourceSpans { resource, scope_spans, ..Default::default() };
        return Some(ExportTraceServiceRequest { resource_spans: vec![half] });
    }
    let middle = message.resource_spans.len() / 2;
    let resource_spans = (middle > 0).then(|| message.resource_spans.split_off(middle))?;
    Some(ExportTraceServiceRequest { resource_spans })
}

fn held(message: &ExportTraceServiceRequest) -> u64 {
    let scopes = message.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.map(|scope| scope.spans.len() as u64).sum()
}

fn compressed(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    let written = encoder.write_all(body);
    debug_assert!(written.is_ok(), "memory takes all bytes");
    encoder.finish().unwrap_or_default().into()
}

fn retry_after(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or_default())
}

fn url(config: &OtlpConfig) -> Result<Uri, String> {
    let mut parts = config.endpoint.clone().into_parts();
    let bare = matches!(config.endpoint.path(), "" | "/");
    let path = match config.protocol {
        Protocol::Grpc => Some(SERVICE),
        Protocol::Http => bare.then_some(HTTP_PATH),
    };
    if let Some(path) = path {
        parts.path_and_query = Some(http::uri::PathAndQuery::from_static(path));
    }
    Uri::from_parts(parts).map_err(|error| format!("{}: {error}", config.endpoint))
}

/// Tells replicas, and lives of one replica, apart.
fn instance() -> String {
    format!("{:032x}", fastrand::u128(..))
}

#[cfg(test)]
mod tests;
