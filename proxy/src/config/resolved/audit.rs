//! `audit`, as the gateway uses it.
//!
//! In: nothing; `resolve` fills it. Out: typed values. It never opens the log.

use std::path::PathBuf;
use std::time::Duration;

/// The audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// The file.
    pub file: PathBuf,
    /// Whether a call that cannot be recorded is refused.
    pub required: bool,
    /// When records become durable.
    pub durable: Durable,
    /// Whether it is recorded how calls ended.
    pub outcomes: bool,
    /// Bytes of records that may wait.
    pub buffer: usize,
    /// Largest file, in bytes.
    pub file_bytes: u64,
    /// Oldest file; `None`: until it is full.
    pub file_age: Option<Duration>,
    /// Full files kept; `None`: all.
    pub keep: Option<usize>,
    /// Bytes of full files kept; `None`: all.
    pub keep_bytes: Option<u64>,
    /// Where copies go; `None`: nowhere.
    pub copy: Option<AuditCopy>,
}

/// Where in CloudWatch Logs copies of records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditCopy {
    /// The log group.
    pub group: String,
    /// The log stream.
    pub stream: String,
}

/// When records of the audit log become durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durable {
    /// Before their calls go on.
    First,
    /// So often.
    Every(Duration),
    /// When the system wants to.
    Sometime,
}
