//! What the gateway and the agent say about themselves: metrics, logs, traces and the admin server.
//!
//! Enters: typed events from the stages, one record a call, the facts of the agent's turns. Leaves: `/metrics` text, one JSON
//! line a call, spans for a collector, records of the last calls, `/healthz` and `/readyz`. Never: a metric by name string, a label value that a
//! caller can choose, a token or an argument in a log, or a thread woken for a single call.

mod cells;
mod cloud;
mod handles;
mod registry;

mod auth;
mod calls;
mod gateway;
mod process;
mod store;
mod target;
mod tls;

mod access;
pub mod agent;
pub mod audit;
mod keeper;
mod openmetrics;
mod recorder;
mod telemetry;
mod trace;

mod admin;
mod diagnostics;

pub use access::redact;
pub use admin::{Admin, Check, Checks, Exposed, serve};
pub use auth::AuthMetrics;
pub use calls::{CallMetrics, CallRecord};
pub use cloud::{
    CloudConfig, CloudSink, Datum, Emf, EmfTo, Estimate, Putting, Refusal, Retry, batches, weight,
};
pub use diagnostics::{flush_diagnostics, init_tracing, spawn, tell};
pub use gateway::{ActiveConnection, ActiveRequest, ActiveStream, GatewayMetrics, ParkedCall};
pub use recorder::{Query as RecordQuery, Recorded, Recorder, Tried, dump_on_panic};
pub use store::RateStore;
pub use target::{CredentialMetrics, InUse, TargetMetrics, estimated_tokens};
pub use telemetry::{AccessLogTo, Config, Telemetry};
pub use tls::TlsMetrics;
pub use toolgate_telemetry_catalog as catalog;
pub use toolgate_telemetry_catalog::{
    AuditLoss, AuthResult, CacheEvent, CertificateOf, Circuit, ConnectPhase, ConnectionRejected,
    ContractAction, ContractChange, Direction, Export, GrantEvent, ListCause, LoopEnd, QuestionEnd,
    RateScope, RefreshCause, RefreshOutcome, Restart, RulesAsked, SampleSource, SchemaChange,
    SecretRead, SecretSource, SessionEvent, Shed, StoreTake, StreamEnd, Suppressed, TlsEnd,
    TokenFetch, Word,
};
pub use trace::{
    Again, Beginning, Boxed, Decided, OtlpConfig, Packed, Parcel, Protocol, Refreshes, Sampler,
    Sent, Signer, SpanSink, SpansTo, TraceConfig, Unsigned, try_otlp,
};

#[cfg(test)]
mod tests;
