//! A build without AWS.
//!
//! Enters: a configuration that does not ask for it. Leaves: nothing.

use std::sync::Arc;

use tokio::task::JoinSet;
use toolgate_telemetry::audit::AuditSink;
use toolgate_telemetry::{CloudSink, Sampler, SpansTo, Telemetry};

use crate::config::{AuditCopy, Config};

/// Nothing.
#[derive(Debug)]
pub struct Cloud;

// === impl Cloud ===

impl Cloud {
    /// There is nothing to be found.
    ///
    /// # Errors
    /// When the configuration asks for AWS all the same.
    #[expect(clippy::unused_async, reason = "the other build waits here")]
    pub async fn find(config: &Config) -> anyhow::Result<Self> {
        anyhow::ensure!(config.traces.xray.is_none(), "this build has no AWS in it");
        Ok(Self)
    }

    /// Metrics do not go to AWS.
    ///
    /// # Errors
    /// Always.
    pub fn metrics_to(&self, _namespace: &str) -> anyhow::Result<(Arc<dyn CloudSink>, String)> {
        anyhow::bail!("`cloudwatch.mode: put` needs a build with the feature `aws`")
    }

    /// Copies of audit records do not go to AWS.
    ///
    /// # Errors
    /// Always.
    pub fn audit_to(&self, _copy: &AuditCopy) -> anyhow::Result<Arc<dyn AuditSink>> {
        anyhow::bail!("`audit.cloudwatch` needs a build with the feature `aws`")
    }

    /// Spans do not go to AWS.
    #[must_use]
    pub fn spans_to(&self) -> Option<SpansTo> {
        None
    }

    /// Nobody there decides.
    #[must_use]
    pub fn sampler(&self) -> Option<Arc<dyn Sampler>> {
        None
    }

    /// Starts nothing.
    pub fn start(self, _telemetry: &Telemetry, _tasks: &mut JoinSet<()>) {}
}
