//! The one value through which every stage reports.
//!
//! Enters: where the access log goes and how much may be kept. Leaves: the handles, the
//! exposition, the log. Never: global state; two of these in one process do not know each other.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use toolgate_call::Trace;
use toolgate_call::trace::Claims;
use toolgate_telemetry_catalog::{Program, access};

use crate::access::{AccessLog, Sample};
use crate::audit::{Audit, AuditConfig, AuditMetrics};
use crate::auth::AuthMetrics;
use crate::calls::{CallMetrics, CallRecord};
use crate::cells::{Form, Histogram};
use crate::cloud::{Cloud, CloudConfig, CloudSink, Estimate};
use crate::gateway::GatewayMetrics;
use crate::handles::Table;
use crate::keeper::Keeper;
use crate::openmetrics;
use crate::process;
use crate::recorder::Recorder;
use crate::registry::Registry;
use crate::store::RateStore;
use crate::target::TargetMetrics;
use crate::tls::TlsMetrics;
use crate::trace::{Beginning, Refreshes, TraceConfig, Traces};

/// How many targets have rows of their own.
const TARGETS: usize = 256;

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLogTo {
    /// Nowhere: no line is made.
    Off,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file, which is appended to.
    File(PathBuf),
    /// Memory, to be read with [`Telemetry::access_lines`]. For tests: it only grows.
    Memory,
}

/// Brings a gauge up to date.
type Asked = Arc<dyn Fn() + Send + Sync>;

/// What is asked at each scrape.
#[derive(Default)]
struct Scrapes(Mutex<Vec<Asked>>);

/// What telemetry may cost, and where it goes.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the access log goes.
    pub access_log: AccessLogTo,
    /// Share of the successful calls that get a line, from 0 to 1; all others always do.
    pub log_sample: f64,
    /// Bytes of lines that may wait to be written; lines beyond are dropped and counted.
    pub buffer_bytes: usize,
    /// Label sets of histograms after which tools share `_OTHER`.
    pub histogram_sets: usize,
    /// How traces are sampled, and where they go.
    pub traces: TraceConfig,
    /// The audit log; `None`: there is none.
    pub audit: Option<AuditConfig>,
    /// What of the metrics CloudWatch is sent; `None` keeps nothing for it.
    pub cloudwatch: Option<CloudConfig>,
    /// The version of the program, for `toolgate_build_info`.
    pub version: String,
}

/// Metrics and access log of one gateway.
#[derive(Debug)]
pub struct Telemetry {
    /// The front door.
    pub gateway: GatewayMetrics,
    /// TLS at it.
    pub tls: TlsMetrics,
    /// Calls; [`Telemetry::finish`] writes to it.
    pub calls: Arc<CallMetrics>,
    /// Authentication and authorization.
    pub auth: AuthMetrics,
    targets: Table<TargetMetrics>,
    traces: Traces,
    version: String,
    scrape: Histogram,
    scrapes: Arc<Scrapes>,
    pub(crate) cloud: Option<Cloud>,
    registry: Arc<Registry>,
    log: Arc<AccessLog>,
    recorder: Arc<Recorder>,
    audit: Option<Arc<Audit>>,
    /// Its series are there also without a log.
    _audit_metrics: Arc<AuditMetrics>,
    /// Ends, with a last write of the log, when telemetry is dropped.
    _keeper: Keeper,
}

// === impl Config ===

impl Default for Config {
    /// The log on standard output, 1 MiB of it in memory, 2,000 label sets.
    fn default() -> Self {
        Self {
            access_log: AccessLogTo::Stdout,
            log_sample: 1.0,
            buffer_bytes: 1 << 20,
            histogram_sets: 2_000,
            traces: TraceConfig::default(),
            audit: None,
            cloudwatch: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

// === impl Telemetry ===

impl Telemetry {
    /// Makes the handles, opens the log and starts the thread that writes it.
    ///
    /// # Errors
    /// When the log file cannot be opened for appending, or a thread cannot be started.
    pub fn new(config: Config) -> io::Result<Arc<Self>> {
        let Config { access_log, log_sample, buffer_bytes, histogram_sets, .. } = config;
        let Config { traces, cloudwatch, version, audit, .. } = config;
        let registry = Arc::new(match cloudwatch {
            Some(_) => Registry::publishing(histogram_sets),
            None => Registry::new(histogram_sets),
        });
        let cloud = cloudwatch.and_then(|config| Cloud::new(&registry, config));
        let log = AccessLog::open(&registry, &access_log, buffer_bytes)?;
        let log = Arc::new(log.sampled(Sample::new(log_sample, traces.slow)));
        let calls = Arc::new(CallMetrics::new(&registry));
        let learning = Arc::clone(&calls);
        let recorder = Arc::new(Recorder::new(&access_log, traces.slow));
        let audit_metrics = Arc::new(AuditMetrics::new(&registry));
        let audit = audit.map(|audit| Audit::open(audit, &audit_metrics, &registry)).transpose()?;
        let keeper = Keeper::start(&log, move || learning.learn())?;
        Ok(Arc::new(Self {
            gateway: GatewayMetrics::new(&registry, &version),
            tls: TlsMetrics::new(&registry),
            calls,
            auth: AuthMetrics::new(&registry),
            targets: Table::new(TARGETS),
            traces: Traces::new(&registry, traces),
            version,
            scrape: registry.histogram(&access::SCRAPE_DURATION, &[]),
            scrapes: Arc::default(),
            cloud,
            registry,
            log,
            recorder,
            audit,
            _audit_metrics: audit_metrics,
            _keeper: keeper,
        }))
    }

    /// Telemetry that keeps everything in memory.
    ///
    /// # Panics
    /// When a thread cannot be started.
    #[must_use]
    pub fn for_tests() -> Arc<Self> {
        let config = Config { access_log: AccessLogTo::Memory, ..Config::default() };
        Self::new(config).unwrap_or_else(|error| unreachable!("no telemetry: {error}"))
    }

    /// The metrics of a configured target: the same value for the same name.
    #[must_use]
    pub fn target(&self, name: &str) -> Arc<TargetMetrics> {
        self.targets.get(name, |name| {
            self.calls.configured(name);
            TargetMetrics::new(&self.registry, name, self.audit.as_ref().map(Arc::clone))
        })
    }

    /// Asks at each scrape, before the numbers are read: for gauges of what changes by itself, such
    /// as with time. What is handed in must not hold on to this telemetry.
    pub fn at_scrape(&self, ask: impl Fn() + Send + Sync + 'static) {
        self.scrapes.lock().push(Arc::new(ask));
    }

    /// A call has ended. Say it once a call, when its last byte is out or its caller is gone.
    pub fn finish(&self, record: &CallRecord<'_>) {
        let kept = self.traces.finish(record, || self.calls.is_unusual(record));
        let record = CallRecord { kept, ..*record };
        let mark = self.calls.record(&record);
        let now = SystemTime::now();
        self.log.record(&record, mark.unusual, now);
        self.recorder.record(&record, mark, now);
        if let Some(audit) = &self.audit {
            audit.ended(&record, now);
        }
    }

    /// The audit log, if there is one.
    #[must_use]
    pub const fn audit(&self) -> Option<&Arc<Audit>> {
        self.audit.as_ref()
    }

    /// What became of the last calls.
    #[must_use]
    pub const fn recorder(&self) -> &Arc<Recorder> {
        &self.recorder
    }

    /// The place of a call that begins now in a trace, by what its caller says. `call` is what is
    /// known of it; `None` for calls that nobody has let in, which no rule is spent on.
    #[must_use]
    pub fn place(&self, claims: &Claims, call: Option<&Beginning<'_>>) -> Trace {
        self.traces.place(claims, call)
    }

    /// Counts how often sampling rules were asked for.
    #[must_use]
    pub fn rule_refreshes(&self) -> Arc<Refreshes> {
        Arc::clone(self.traces.refreshes())
    }

    /// Metrics of the store in which rate buckets are shared. They are there from now on.
    #[must_use]
    pub fn rate_store(&self) -> RateStore {
        RateStore::new(&self.registry)
    }

    /// What sends spans to their backend, to be polled on a runtime until it ends; it ends some
    /// time after [`Telemetry::close`]. `None` when no spans are sent.
    ///
    /// # Errors
    /// A sentence for the operator when the machine has no certificates to trust.
    pub fn exporter(
        &self,
    ) -> Result<Option<impl Future<Output = ()> + Send + 'static + use<>>, String> {
        self.traces.exporter(&self.registry, &self.version)
    }

    /// What takes the numbers of each minute and sends them to CloudWatch, to be polled on a runtime
    /// until it ends; it ends some time after [`Telemetry::close`]. `None` when nothing is kept for
    /// CloudWatch. To be asked for once.
    pub fn publisher(
        &self,
        sink: Arc<dyn CloudSink>,
    ) -> Option<impl Future<Output = ()> + Send + 'static + use<>> {
        let scrapes = Arc::clone(&self.scrapes);
        let publisher = self.cloud.as_ref()?.publisher(sink);
        Some(publisher.run(move || scrapes.ask(), SystemTime::now))
    }

    /// What CloudWatch will charge for, with so many targets and tools; `None` when nothing is kept
    /// for it. `tools` is `None` while the tools are not known.
    #[must_use]
    pub fn cloud_estimate(&self, targets: usize, tools: Option<usize>) -> Option<Estimate> {
        Some(self.cloud.as_ref()?.estimate(Program::Gateway, targets, tools))
    }

    /// No call is under way any more: what is queued goes out, and exporter and publisher end.
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

    fn shown(&self, form: Form) -> String {
        let began = Instant::now();
        self.scrapes.ask();
        let mut text = self.registry.render(form);
        process::render(&mut text);
        self.scrape.record(began.elapsed().as_secs_f64());
        text
    }

    /// Writes out what waits in the access log. It waits for the sink: on shutdown, give it a
    /// thread and a deadline.
    pub fn flush(&self) {
        self.log.drain();
    }

    /// Writes what waits in the audit log, which takes nothing more. It waits for the disk: on
    /// shutdown, give it a thread and a deadline.
    pub fn close_audit(&self) {
        if let Some(audit) = &self.audit {
            audit.close();
        }
    }

    /// Opens the file of the access log again, which may have been renamed; before its next write.
    pub fn reopen_log(&self) {
        self.log.reopen();
    }

    /// The lines of a log that is kept in memory, written out first; nothing for other logs.
    #[must_use]
    pub fn access_lines(&self) -> Vec<String> {
        self.log.drain();
        self.log.lines()
    }
}

// === impl Scrapes ===

impl Scrapes {
    fn ask(&self) {
        let asked = self.lock().clone();
        for ask in asked {
            ask();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Scrapes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scrapes({})", self.lock().len())
    }
}
