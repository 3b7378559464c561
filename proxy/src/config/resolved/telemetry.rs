//! What is told of calls, and to whom.
//!
//! In: nothing. Out: logs, traces and CloudWatch's metrics as they are to be. It never holds a secret that
//! is not in a [`Credentials`].

use std::time::Duration;

use http::Uri;

use super::Credentials;
use crate::config::choice::{CloudDimension, CloudMode, LogLevel, OtlpProtocol, XrayMode};
use crate::config::words::{AccessLog, EmfFile};

/// Logs.
#[derive(Debug, Clone)]
pub struct Log {
    /// Where the access log goes.
    pub access: AccessLog,
    /// Least important lines written.
    pub level: LogLevel,
    /// Share of the successful calls that get a line in the access log, from 0 to 1.
    pub sample: f64,
}

/// Which calls are traced, and where their spans go.
#[derive(Debug, Clone)]
pub struct Traces {
    /// Share of the calls recorded whose caller has not decided, from 0 to 1.
    pub sample: f64,
    /// Record what a caller says is recorded.
    pub trust_callers: bool,
    /// Calls that take longer are recorded in any case.
    pub slow: Duration,
    /// The collector.
    pub otlp: Option<Otlp>,
    /// X-Ray; never both, and with neither nothing is recorded.
    pub xray: Option<Xray>,
}

/// AWS X-Ray.
#[derive(Debug, Clone)]
pub struct Xray {
    /// How spans get there.
    pub mode: XrayMode,
    /// Its sampling rules decide.
    pub rules: bool,
    /// Name of this gateway in X-Ray.
    pub service: String,
}

/// An OpenTelemetry collector.
#[derive(Debug, Clone)]
pub struct Otlp {
    /// Its address, absolute.
    pub endpoint: Uri,
    /// How it is spoken to.
    pub protocol: OtlpProtocol,
    /// What the gateway shows it.
    pub credentials: Option<Credentials>,
    /// Longest time for one attempt.
    pub timeout: Duration,
    /// Name of this gateway in traces.
    pub service: String,
}

/// Metrics in CloudWatch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudWatch {
    /// How they get there; not [`CloudMode::Off`].
    pub mode: CloudMode,
    /// The namespace.
    pub namespace: String,
    /// The dimensions that metrics may have.
    pub dimensions: Vec<CloudDimension>,
    /// Tools that have series of their own.
    pub tools: usize,
    /// Where lines go in mode `emf`.
    pub to: EmfFile,
}
