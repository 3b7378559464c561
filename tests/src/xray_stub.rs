//! A stub of AWS X-Ray, for what no emulator has: sampling, refusals, and signatures that are checked.
//!
//! In: requests on a loopback port, and what it is told to answer. Out: everything it was sent, in
//! the order of arrival. It takes nothing that is not signed with the secret of the emulators for
//! the service `xray`; what it answers is what the API of X-Ray describes, no more.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::emulator::CREDENTIALS;
use crate::sigv4::{Signed, verify};

/// A running stub; dropping it closes its port.
#[derive(Debug)]
pub struct XrayStub {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Value>,
    targets: Vec<Value>,
    /// Statuses instead of what would be answered to spans.
    refusals: VecDeque<u16>,
    /// What is said of the documents of the next requests: codes, by the place of the document.
    unprocessed: VecDeque<Vec<(usize, &'static str)>>,
    otlp: Vec<ExportTraceServiceRequest>,
    documents: Vec<String>,
    statistics: Vec<Value>,
    asked: Vec<(String, Signed)>,
    unsigned: Vec<String>,
}

// === impl XrayStub ===

impl XrayStub {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("binding")?;
        let (address, state) = (listener.local_addr()?, Arc::new(Mutex::default()));
        let server = tokio::spawn(serve(listener, Arc::clone(&state)));
        Ok(Self { state, address, server })
    }

    /// The endpoint.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The sampling rules from now on, as the API says them.
    pub fn rules(&self, rules: impl IntoIterator<Item = Value>) {
        lock(&self.state).rules = rules.into_iter().collect();
    }

    /// What is answered to statistics from now on, as the API says it.
    pub fn targets(&self, targets: impl IntoIterator<Item = Value>) {
        lock(&self.state).targets = targets.into_iter().collect();
    }

    /// Answers the next requests with spans with these statuses.
    pub fn refuse(&self, statuses: impl IntoIterator<Item = u16>) {
        lock(&self.state).refusals.extend(statuses);
    }

    /// Does not process some documents of the next request that has any: their places, and codes.
    pub fn leave(&self, documents: impl IntoIterator<Item = (usize, &'static str)>) {
        lock(&self.state).unprocessed.push_back(documents.into_iter().collect());
    }

    /// The batches that came as OTLP and were taken.
    #[must_use]
    pub fn otlp(&self) -> Vec<ExportTraceServiceRequest> {
        lock(&self.state).otlp.clone()
    }

    /// The documents that were processed.
    #[must_use]
    pub fn documents(&self) -> Vec<String> {
        lock(&self.state).documents.clone()
    }

    /// The statistics that were sent, one a rule.
    #[must_use]
    pub fn statistics(&self) -> Vec<Value> {
        lock(&self.state).statistics.clone()
    }

    /// The paths of the requests that were signed well, and how.
    #[must_use]
    pub fn asked(&self) -> Vec<(String, Signed)> {
        lock(&self.state).asked.clone()
    }

    /// What was wrong with the signatures of the others.
    #[must_use]
    pub fn unsigned(&self) -> Vec<String> {
        lock(&self.state).unsigned.clone()
    }
}

impl Drop for XrayStub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

// === impl State ===

impl State {
    fn answer(&mut self, head: &Parts, body: &[u8]) -> (u16, Value) {
        let path = head.uri.path().to_owned();
        match signed(head, body) {
            Ok(signed) => self.asked.push((path.clone(), signed)),
            Err(error) => {
                self.unsigned.push(format!("{error:#}"));
                return (403, json!({ "message": "The request signature does not match." }));
            }
        }
        let spans = ["/v1/traces", "/TraceSegments"].contains(&path.as_str());
        if let Some(status) = self.refusals.pop_front_if(|_| spans) {
            return (status, json!({ "message": "as it was told to" }));
        }
        let answered = match path.as_str() {
            "/v1/traces" => self.take(head, body),
            "/TraceSegments" => self.process(body),
            "/GetSamplingRules" => Ok(self.all_rules()),
            "/SamplingTargets" => self.count(body),
            "/GetTraceSegmentDestination" => {
                Ok(json!({ "Destination": "XRay", "Status": "ACTIVE" }))
            }
            _ => return (404, json!({ "message": "no such operation" })),
        };
        answered.map_or_else(
            |error| (400, json!({ "message": format!("{error:#}") })),
            |answer| (200, answer),
        )
    }

    /// OTLP as X-Ray wants it: protobuf, compressed with gzip.
    fn take(&mut self, head: &Parts, body: &[u8]) -> Result<Value> {
        let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        ensure!(header("content-type") == Some("application/x-protobuf"), "no protobuf");
        ensure!(header("content-encoding") == Some("gzip"), "not compressed");
        let mut plain = Vec::new();
        GzDecoder::new(body).read_to_end(&mut plain)?;
        self.otlp.push(ExportTraceServiceRequest::decode(&*plain)?);
        Ok(Value::Null)
    }

    fn process(&mut self, body: &[u8]) -> Result<Value> {
        let request: Value = serde_json::from_slice(body)?;
        let documents = request
            .get("TraceSegmentDocuments")
            .and_then(Value::as_array)
            .context("no documents")?;
        ensure!(documents.len() <= 50, "{} documents", documents.len());
        let left = self.unprocessed.pop_front().unwrap_or_default();
        let mut unprocessed = Vec::new();
        for (place, document) in documents.iter().enumerate() {
            let document = document.as_str().context("a document that is no text")?;
            let Some((_, code)) = left.iter().find(|(at, _)| *at == place) else {
                self.documents.push(document.to_owned());
                continue;
            };
            let id = serde_json::from_str::<Value>(document)?.get("id").cloned();
            unprocessed.push(json!({ "Id": id, "ErrorCode": code, "Message": "told to" }));
        }
        Ok(json!({ "UnprocessedTraceSegments": unprocessed }))
    }

    fn all_rules(&self) -> Value {
        let record =
            |rule: &Value| json!({ "SamplingRule": rule, "CreatedAt": 0, "ModifiedAt": 0 });
        json!({ "SamplingRuleRecords": self.rules.iter().map(record).collect::<Vec<_>>() })
    }

    fn count(&mut self, body: &[u8]) -> Result<Value> {
        let request: Value = serde_json::from_slice(body)?;
        let all = request
            .get("SamplingStatisticsDocuments")
            .and_then(Value::as_array)
            .context("no statistics")?;
        ensure!(all.len() <= 25, "{} statistics", all.len());
        self.statistics.extend(all.iter().cloned());
        Ok(json!({
            "SamplingTargetDocuments": self.targets,
            "LastRuleModification": 0,
            "UnprocessedStatistics": [],
        }))
    }
}

// === helpers ===

/// A rule that matches every call, changed as the second argument says.
#[must_use]
pub fn rule(name: &str, change: Value) -> Value {
    let mut rule = json!({
        "RuleName": name, "Priority": 10_000, "FixedRate": 0.0, "ReservoirSize": 0,
        "ResourceARN": "*", "ServiceName": "*", "ServiceType": "*", "Host": "*",
        "HTTPMethod": "*", "URLPath": "*", "Version": 1, "Attributes": {},
    });
    if let (Some(rule), Value::Object(change)) = (rule.as_object_mut(), change) {
        rule.extend(change);
    }
    rule
}

fn signed(head: &Parts, body: &[u8]) -> Result<Signed> {
    let [(_, key), (_, secret), _] = CREDENTIALS;
    let signed = verify(head, body, secret)?;
    ensure!(signed.key == key && signed.service == "xray", "{signed:?}");
    Ok(signed)
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&state), request));
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // A gateway that is killed breaks off, which is no failure of a test.
            drop(served.await);
        });
    }
}

async fn answer(
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let (status, answer) = lock(&state).answer(&head, &body);
    let text = if answer.is_null() { String::new() } else { answer.to_string() };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status.try_into().unwrap_or_default();
    Ok(response)
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
