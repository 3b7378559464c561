//! What the agent says about itself: metrics, the interaction log and traces of its turns.
//!
//! Enters: facts of turns and of their parts, as plain data. Leaves: `/metrics` text, one JSON line a
//! turn, spans for the collector that the gateway uses. Never: what was said, in any of them; a label
//! value that the user, a model or a tool can choose.

mod facts;
mod ids;
mod line;
mod metrics;
mod spans;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use toolgate_call::trace::{Claims, Remote};
use toolgate_telemetry_catalog::{MemoryOperation, Program, access};

use crate::access::AccessLog;
use crate::cells::{Exemplar, Form, Histogram};
use crate::cloud::{Cloud, CloudConfig, CloudSink, Estimate};
use crate::keeper::Keeper;
use crate::registry::Registry;
use crate::trace::{TraceConfig, Traces};
use crate::{AccessLogTo, openmetrics, process};
use ids::Ids;
use metrics::{AgentMetrics, memory_end};

pub use facts::{
    AgentPlace, ReplyFacts, RetryFacts, StepFacts, StepKind, TimeFacts, TokenFacts, TurnFacts,
};
pub use metrics::ActiveTurn;
pub use toolgate_telemetry_catalog::{
    Budget, ModelRetry, SettingsRefresh, StepEnd, TokenFetch, TurnEnd,
};

/// What telemetry of the agent may cost, and where it goes.
#[derive(Clone, Debug)]
pub struct AgentOptions {
    /// The agent's name, on its spans.
    pub name: String,
    /// The version of the program.
    pub version: String,
    /// Key and provider's id of each configured model: nothing else becomes a label.
    pub models: Vec<(String, String)>,
    /// Where the interaction log goes.
    pub log: AccessLogTo,
    /// Bytes of lines that may wait to be written; lines beyond are dropped and counted.
    pub buffer_bytes: usize,
    /// Label sets of histograms after which tools share `_OTHER`.
    pub histogram_sets: usize,
    /// How traces are sampled, and where they go.
    pub traces: TraceConfig,
    /// What of the metrics CloudWatch is sent; `None` keeps nothing for it.
    pub cloudwatch: Option<CloudConfig>,
}

/// Metrics, interaction log and traces of one agent.
#[derive(Debug)]
pub struct AgentTelemetry {
    name: String,
    version: String,
    metrics: AgentMetrics,
    traces: Traces,
    log: Arc<AccessLog>,
    scrape: Histogram,
    cloud: Option<Cloud>,
    registry: Arc<Registry>,
    /// Ends, with a last write of the log, when telemetry is dropped.
    _keeper: Keeper,
}

// === impl AgentOptions ===

impl Default for AgentOptions {
    /// The log on standard error, a turn in one traced, nothing sent.
    fn default() -> Self {
        Self {
            name: "toolgate-agent".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            models: Vec::new(),
            log: AccessLogTo::Stderr,
            buffer_bytes: 1 << 20,
            histogram_sets: 1_000,
            traces: TraceConfig {
                ratio: 1.0,
                slow: Duration::from_mins(1),
                ..TraceConfig::default()
            },
            cloudwatch: None,
        }
    }
}

// === impl AgentTelemetry ===

impl AgentTelemetry {
    /// Makes the handles, opens the log and starts the thread that writes it.
    ///
    /// # Errors
    /// When the log file cannot be opened for appending, or a thread cannot be started.
    pub fn start(options: AgentOptions) -> io::Result<Arc<Self>> {
        let AgentOptions { name, version, models, log, buffer_bytes, .. } = options;
        let AgentOptions { histogram_sets, traces, cloudwatch, .. } = options;
        let registry = Arc::new(match cloudwatch {
            Some(_) => Registry::publishing(histogram_sets),
            None => Registry::new(histogram_sets),
        });
        let cloud = cloudwatch.and_then(|config| Cloud::new(&registry, config));
        let log = AccessLog::counted_as(access::INTERACTIONS, &registry, &log, buffer_bytes)?;
        let log = Arc::new(log);
        let keeper = Keeper::start(&log, || ())?;
        Ok(Arc::new(Self {
            metrics: AgentMetrics::new(&registry, &version, &models),
            traces: Traces::new(&registry, traces),
            scrape: registry.histogram(&access::SCRAPE_DURATION, &[]),
            name,
            version,
            log,
            cloud,
            registry,
            _keeper: keeper,
        }))
    }

    /// The place of a turn that begins now, by what its caller says (`traceparent`).
    #[must_use]
    pub fn begin(&self, traceparent: Option<&str>) -> AgentPlace {
        let said = traceparent.and_then(Remote::from_traceparent);
        let claims = Claims { header: said.map(|remote| (remote, None)), ..Claims::default() };
        AgentPlace::of(&self.traces.place(&claims, None))
    }

    /// A turn has begun. Keep the guard until it has ended.
    pub fn turn_started(&self) -> ActiveTurn {
        self.metrics.turn_started()
    }

    /// A part of a running turn has ended. Say it once a part; [`AgentTelemetry::ended`] does not
    /// count parts again.
    pub fn step(&self, step: &StepFacts<'_>) {
        self.metrics.step(step);
    }

    /// A turn has ended.
    pub fn ended(&self, turn: &TurnFacts<'_>) {
        let now = SystemTime::now();
        let ids = Ids::of(turn.place);
        let took = Duration::try_from_secs_f64(turn.times.total / 1000.0).unwrap_or_default();
        let why = spans::reason(turn.place.sampled, turn.end, took, self.traces.slow());
        let worth = ids.zip(why);
        let kept = worth.is_some_and(|(ids, why)| {
            self.traces.keep(Some(why), || spans::spans(&self.name, turn, (ids, why)))
        });
        let exemplar = ids.filter(|_| kept).map(|Ids { own, .. }| Exemplar {
            trace: own.trace,
            span: own.span,
            at: now,
        });
        self.metrics.ended(turn, exemplar);
        self.log.line(|out| line::write(out, turn, kept, now));
    }

    /// A turn was written to memory after its reply, or was not, for that reason; `place` is that of
    /// the turn.
    pub fn remembered(&self, place: Option<&AgentPlace>, took: Duration, reason: Option<&str>) {
        let end = memory_end(reason);
        self.metrics.remembered(MemoryOperation::Create, took, end);
        if let Some(ids) = place.filter(|place| place.sampled).and_then(Ids::of) {
            self.traces.add(|| spans::written(ids, took, end));
        }
    }

    /// A turn will not be remembered.
    pub fn memory_lost(&self) {
        self.metrics.lost();
    }

    /// Something is missing outside of a turn; what a turn had to do without is in its facts.
    pub fn degraded(&self, what: &str) {
        self.metrics.degraded(what);
    }

    /// A token to show the gateway was asked for.
    pub fn token_renewed(&self, came_to: TokenFetch) {
        self.metrics.renewed(came_to);
    }

    /// Key and provider's id of models that are configured from now on: they have labels of their own.
    pub fn models_configured(&self, models: &[(String, String)]) {
        self.metrics.configured(models);
    }

    /// The settings were read again.
    pub fn settings_refreshed(&self, came_to: SettingsRefresh) {
        self.metrics.refreshed(came_to);
    }

    /// The tools that the model may choose from are these: they have labels of their own from now on.
    pub fn tools_listed<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        self.metrics.listed(names.into_iter());
    }

    /// What sends spans to their backend, to be polled on a runtime until it ends; it ends some
    /// time after [`AgentTelemetry::close`]. `None` when no spans are sent.
    ///
    /// # Errors
    /// A sentence for the operator when the machine has no certificates to trust.
    pub fn exporter(
        &self,
    ) -> Result<Option<impl Future<Output = ()> + Send + 'static + use<>>, String> {
        self.traces.exporter(&self.registry, &self.version)
    }

    /// What takes the numbers of each minute and sends them to CloudWatch, to be polled on a runtime
    /// until it ends; it ends some time after [`AgentTelemetry::close`]. `None` when nothing is kept
    /// for CloudWatch. To be asked for once.
    pub fn publisher(
        &self,
        sink: Arc<dyn CloudSink>,
    ) -> Option<impl Future<Output = ()> + Send + 'static + use<>> {
        Some(self.cloud.as_ref()?.publisher(sink).run(|| (), SystemTime::now))
    }

    /// What CloudWatch will charge for; `None` when nothing is kept for it.
    #[must_use]
    pub fn cloud_estimate(&self) -> Option<Estimate> {
        Some(self.cloud.as_ref()?.estimate(Program::Agent, 0, None))
    }

    /// No turn is under way any more: what is queued goes out, and exporter and publisher end.
    pub fn close(&self) {
        self.traces.close();
        if let Some(cloud) = &self.cloud {
            cloud.close();
        }
    }

    /// The metrics as text (exposition format 0.0.4).
    #[must_use]
    pub fn render(&self) -> String {
        self.shown(Form::Plain)
    }

    /// The metrics as OpenMetrics 1.0.0, with exemplars.
    #[must_use]
    pub fn render_openmetrics(&self) -> String {
        openmetrics::converted(&self.shown(Form::OpenMetrics))
    }

    /// Writes out what waits in the log. It waits for the sink: on shutdown, give it a thread and a
    /// deadline.
    pub fn flush(&self) {
        self.log.drain();
    }

    /// Opens the file of the log again, which may have been renamed; before its next write.
    pub fn reopen_log(&self) {
        self.log.reopen();
    }

    /// The lines of a log that is kept in memory, written out first; nothing for other logs.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.log.drain();
        self.log.lines()
    }

    fn shown(&self, form: Form) -> String {
        let began = Instant::now();
        let mut text = self.registry.render(form);
        process::render(&mut text);
        self.scrape.record(began.elapsed().as_secs_f64());
        text
    }
}

#[cfg(test)]
mod tests;
