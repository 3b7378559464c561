//! Traces: one span a call, one an attempt, built when the call has ended.
//!
//! Enters: what a caller says of its trace, and later the record of the call. Leaves: the place of
//! the call in a trace, and finished spans in a bounded queue. Never: a span object on the way of a
//! call; never waits for a backend, and never drops a span without counting it.

mod export;
mod keep;
mod otlp;
mod queue;
mod sample;
mod sink;
pub(crate) mod span;
mod transport;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use toolgate_call::trace::Claims;
use toolgate_call::{SpanContext, SpanId, Trace, TraceId};
use toolgate_telemetry_catalog::{Kept, SampleSource, Sampled, access as family};

use opentelemetry_sdk::trace::SpanData;

use crate::CallRecord;
use crate::cells::Counter;
use crate::handles::{Counters, Pairs};
use crate::registry::Registry;
use keep::Allowance;
use queue::Queue;

pub use otlp::{OtlpConfig, Protocol, try_otlp};
pub use sample::{Beginning, Decided, Refreshes, Sampler};
pub use sink::{Again, Boxed, Packed, Parcel, Sent, Signer, SpanSink, Unsigned};

/// How traces are sampled, and where they go.
#[derive(Clone, Debug)]
pub struct TraceConfig {
    /// Share of the calls without a decision of their caller that are recorded, from 0 to 1.
    pub ratio: f64,
    /// Whether a caller's own decision counts.
    pub trust_remote: bool,
    /// Calls that take longer are kept in any case.
    pub slow: Duration,
    /// Decides before the ratio does.
    pub rules: Option<Arc<dyn Sampler>>,
    /// Where spans go; `None`: nothing is recorded, but targets are still given a context.
    pub to: Option<SpansTo>,
}

/// Where spans go.
#[derive(Clone, Debug)]
pub enum SpansTo {
    /// To a collector, or to whoever speaks like one.
    Otlp(Box<OtlpConfig>),
    /// To a backend that is spoken to elsewhere.
    Sink(Arc<dyn SpanSink>),
}

/// The traces of one gateway.
#[derive(Debug)]
pub(crate) struct Traces {
    config: TraceConfig,
    queue: Option<Arc<Queue>>,
    decisions: Pairs<SampleSource, Sampled>,
    kept: Counters<Kept>,
    skipped: Counter,
    allowance: Allowance,
    refreshes: Arc<Refreshes>,
}

// === impl TraceConfig ===

impl Default for TraceConfig {
    /// One call in twenty, callers trusted, five seconds are slow, nothing is sent.
    fn default() -> Self {
        let slow = Duration::from_secs(5);
        Self { ratio: 0.05, trust_remote: true, slow, rules: None, to: None }
    }
}

// === impl Traces ===

impl Traces {
    pub(crate) fn new(registry: &Registry, config: TraceConfig) -> Self {
        let queue = config.to.is_some().then(|| Arc::new(Queue::new(registry)));
        Self {
            config,
            queue,
            decisions: Pairs::new(registry, &family::SAMPLING_DECISIONS, &[]),
            kept: Counters::new(registry, &family::TRACES_KEPT, &[]),
            skipped: registry.counter(&family::TRACES_SKIPPED, &[]),
            allowance: Allowance::default(),
            refreshes: Arc::new(Refreshes::new(registry)),
        }
    }

    /// Whether anything is recorded at all.
    pub(crate) const fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    /// The place of a call that begins now; `call` is what is known of it once it was let in.
    pub(crate) fn place(&self, claims: &Claims, call: Option<&Beginning<'_>>) -> Trace {
        let remote = claims.chosen();
        let trace = remote.map_or_else(fresh, |remote| remote.trace);
        let said = remote.and_then(|remote| remote.sampled);
        let sampled = match said {
            // Nothing is recorded here, but what the caller decided reaches the target.
            Some(said) if !self.is_on() => said,
            None if !self.is_on() => false,
            Some(said) if self.config.trust_remote => self.decided(SampleSource::Parent, said),
            Some(_) | None => self.chosen(call, position(trace)),
        };
        Trace {
            own: SpanContext { trace, span: SpanId::random(fastrand::u64(..)), sampled },
            parent: remote.and_then(|remote| remote.span),
            link: claims.link(),
            state: claims.state(),
        }
    }

    /// Queues the spans of a call if they are worth it, and says whether they are. `unusual` tells
    /// whether the call took longer than its tool usually does; it is asked only if that matters.
    pub(crate) fn finish(&self, record: &CallRecord<'_>, unusual: impl FnOnce() -> bool) -> bool {
        let (true, Some(trace)) = (self.is_on(), record.trace) else { return false };
        let slow = || record.phases.total() > self.config.slow || unusual();
        // Whoever was not let in has no say in what is recorded.
        let sampled = trace.own.sampled && record.principal.is_some();
        let Some(why) = keep::reason(sampled, record.outcome, slow) else { return false };
        self.keep(Some(why), || span::spans(record, trace, (why, SystemTime::now())))
    }

    /// Queues spans that are kept for that reason, and says whether they are. Those that nobody asked
    /// for at the beginning are kept only so many a second.
    pub(crate) fn keep(&self, why: Option<Kept>, spans: impl FnOnce() -> Vec<SpanData>) -> bool {
        let (Some(queue), Some(why)) = (&self.queue, why) else { return false };
        if why != Kept::Head && !self.allowance.take() {
            self.skipped.increment(1);
            return false;
        }
        let queued = queue.push(spans);
        if queued {
            self.kept.add(why);
        }
        queued
    }

    /// Queues one more span of a trace that is kept.
    pub(crate) fn add(&self, span: impl FnOnce() -> SpanData) {
        if let Some(queue) = &self.queue {
            // A span that finds no room is counted there.
            let _queued = queue.push(|| vec![span()]);
        }
    }

    /// How long is too long to be left unrecorded.
    pub(crate) const fn slow(&self) -> Duration {
        self.config.slow
    }

    /// Sends what is queued until [`Traces::close`], and what is left then. `None` when traces are
    /// off.
    ///
    /// # Errors
    /// A sentence for the operator when the machine has no certificates to trust.
    pub(crate) fn exporter(
        &self,
        registry: &Registry,
        version: &str,
    ) -> Result<Option<impl Future<Output = ()> + Send + 'static + use<>>, String> {
        let (Some(queue), Some(to)) = (&self.queue, &self.config.to) else { return Ok(None) };
        let sink: Arc<dyn SpanSink> = match to {
            SpansTo::Otlp(otlp) => Arc::new(otlp::Otlp::new(otlp, version)?),
            SpansTo::Sink(sink) => Arc::clone(sink),
        };
        Ok(Some(export::run(Arc::clone(queue), sink, export::Metrics::new(registry))))
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        if let Some(queue) = &self.queue {
            queue.close();
        }
    }

    /// Counts how often rules were asked for.
    pub(crate) const fn refreshes(&self) -> &Arc<Refreshes> {
        &self.refreshes
    }

    /// Rules first, then the share.
    fn chosen(&self, call: Option<&Beginning<'_>>, position: f64) -> bool {
        let ruled = self.config.rules.as_ref().zip(call);
        match ruled.and_then(|(rules, call)| rules.decide(call, position)) {
            Some(Decided { by, sampled }) => self.decided(by, sampled),
            None => self.decided(SampleSource::Ratio, position < self.config.ratio),
        }
    }

    fn decided(&self, by: SampleSource, sampled: bool) -> bool {
        self.decisions.add(by, if sampled { Sampled::Yes } else { Sampled::No });
        sampled
    }
}

/// A new trace.
fn fresh() -> TraceId {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let epoch = u32::try_from(since.as_secs()).unwrap_or(u32::MAX);
    TraceId::fresh(epoch, fastrand::u128(..))
}

/// Where a trace lies between 0 and 1: by its id, so that everyone who asks decides alike.
#[expect(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
pub(crate) fn position(trace: TraceId) -> f64 {
    /// The lowest 56 bits are random in ids of every kind (W3C Trace Context level 2).
    const RANDOM: u128 = (1 << 56) - 1;
    ((trace.bits() & RANDOM) as f64) / (RANDOM as f64)
}

#[cfg(test)]
mod tests;
