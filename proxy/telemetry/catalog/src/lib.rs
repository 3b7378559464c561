//! Every metric family, label and log field that Toolgate has, as data.
//!
//! Enters: nothing. Leaves: names, kinds, units, labels with their domains, bucket bounds and help
//! texts, which recorders, documentation, dashboards and alarms read alike. Never: records
//! anything, and never holds a family that nothing records.

pub mod agent_spans;
pub mod audit_fields;
mod buckets;
mod cloudwatch;
mod label;
mod metric;
mod named;
mod words;

mod delivery;
mod document;
mod families;
pub mod fields;
pub mod interaction_fields;
pub mod query;
pub mod records;
pub mod spans;

pub use cloudwatch::{CloudFate, Dimension, NAMESPACE, Published, PublishedUnit, Shows};
pub use document::markdown;
pub use families::{
    ALL, Group, Program, access, agent, audit, auth, gateway, metrics, metrics_of, process,
    published, published_of, resilience, target,
};
pub use label::{Key, Label, OTHER, OUTCOMES, TOOL_ENDS, Values, outcome_index};
pub use metric::{Kind, Metric, Slo, Stability, Unit};
pub use words::{
    AuditKind, AuditLoss, AuthCheck, AuthResult, Budget, CacheEvent, CertificateOf, Circuit,
    ConnectPhase, ConnectionRejected, ContractAction, ContractChange, Decision, Delivery,
    Direction, Export, Flow, GrantEvent, Health, Kept, ListCause, LoopEnd, MemoryEnd,
    MemoryOperation, Missing, ModelEnd, ModelRetry, OverheadPhase, PoolState, QuestionEnd,
    RateScope, Refresh, RefreshCause, RefreshOutcome, Restart, RetryResult, RulesAsked,
    SampleSource, Sampled, SchemaChange, SecretRead, SecretSource, SessionEvent, SettingsRefresh,
    Shed, StepEnd, StoreTake, StreamEnd, Suppressed, TimeoutPhase, TlsEnd, TokenFetch, TokenKind,
    TurnEnd, TurnPart, Verdict, Word, of_word,
};

#[cfg(test)]
mod tests;
