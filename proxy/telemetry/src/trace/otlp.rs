//! OTLP (OpenTelemetry protocol 1.x): spans as protobuf, over HTTP or gRPC.
//!
//! Enters: a batch of spans. Leaves: what became of it, in terms that say whether to repeat. Never:
//! repeats by itself. gRPC is one HTTP/2 exchange with a five-byte prefix, written here: a library
//! for it would hide the status that is counted (ADR 12).

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, RETRY_AFTER, TE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use http_body_util::Full;
use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use prost::Message as _;
use toolgate_telemetry_catalog::Export;

use super::transport::{Answer, Broken, Transport};

/// The path of the service in gRPC.
const SERVICE: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// The path that OTLP over HTTP adds to an endpoint that has none.
const HTTP_PATH: &str = "/v1/traces";
/// gRPC status codes that mean: again, later (OTLP specification, "Failures").
const RETRYABLE: [&str; 7] = ["1", "4", "8", "10", "11", "14", "15"];
/// gRPC's RESOURCE_EXHAUSTED.
const EXHAUSTED: &str = "8";

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
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Taken, but for so many of its spans.
    Taken {
        /// Spans that the collector would not have.
        rejected: u64,
    },
    /// Not taken.
    Failed {
        /// What it counts as if it is given up.
        fate: Export,
        /// Whether it may be sent again, and how long to wait at least.
        again: Option<Duration>,
        /// For the operator.
        detail: String,
    },
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
        headers.extend(config.headers.iter().cloned());
        Ok(Self {
            url: url(config)?,
            protocol: config.protocol,
            headers,
            timeout: config.timeout,
            resource: ResourceAttributesWithSchema::from(&resource),
            transport,
        })
    }

    /// The batch as it goes out.
    pub(super) fn encode(&self, batch: Vec<SpanData>) -> Bytes {
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let message = ExportTraceServiceRequest { resource_spans };
        let length = message.encoded_len();
        let mut body = BytesMut::with_capacity(length + 5);
        if self.protocol == Protocol::Grpc {
            body.put_u8(0);
            body.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
        }
        let encoded = message.encode(&mut body);
        debug_assert!(encoded.is_ok(), "a growing buffer has room");
        body.freeze()
    }

    /// Sends an encoded batch once.
    pub(super) async fn send(&self, body: Bytes) -> Fate {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        match self.transport.send(request, self.timeout).await {
            Ok(answer) if self.protocol == Protocol::Grpc => grpc(&answer),
            Ok(answer) => http(&answer),
            Err(Broken { fate, detail }) => {
                Fate::Failed { fate, again: Some(Duration::ZERO), detail }
            }
        }
    }
}

// === helpers ===

/// What an answer over HTTP means (OTLP specification, "OTLP/HTTP response").
fn http(answer: &Answer) -> Fate {
    let status = answer.status;
    if status.is_success() {
        return taken(&answer.body);
    }
    let (fate, repeatable) = match status.as_u16() {
        429 => (Export::Throttled, true),
        502..=504 => (Export::Http5xx, true),
        500..=599 => (Export::Http5xx, false),
        _ => (Export::Http4xx, false),
    };
    let again = repeatable.then(|| retry_after(&answer.headers));
    Fate::Failed { fate, again, detail: format!("the collector answered {status}") }
}

/// What an answer over gRPC means: the status is in the trailers, or in the headers if there is
/// nothing else.
fn grpc(answer: &Answer) -> Fate {
    let text = |name| answer.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let Some(code) = text("grpc-status") else { return http(answer) };
    if code == "0" {
        return taken(answer.body.get(5..).unwrap_or_default());
    }
    let fate = match code {
        EXHAUSTED => Export::Throttled,
        "4" => Export::Timeout,
        code if RETRYABLE.contains(&code) => Export::Http5xx,
        _ => Export::Http4xx,
    };
    let again = RETRYABLE.contains(&code).then_some(Duration::ZERO);
    let message = text("grpc-message").unwrap_or_default();
    Fate::Failed { fate, again, detail: format!("the collector answered gRPC {code} {message}") }
}

/// An answer that cannot be read has nothing to say against the batch.
fn taken(body: &[u8]) -> Fate {
    let answer = ExportTraceServiceResponse::decode(body).unwrap_or_default();
    let partial = answer.partial_success.unwrap_or_default();
    Fate::Taken { rejected: u64::try_from(partial.rejected_spans).unwrap_or_default() }
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
