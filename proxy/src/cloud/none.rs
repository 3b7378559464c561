//! A build without AWS.
//!
//! Enters: a configuration that does not ask for it. Leaves: nothing.

use std::sync::Arc;

use tokio::task::JoinSet;
use toolgate_target::Show;
use toolgate_telemetry::audit::AuditSink;
use toolgate_telemetry::{CloudSink, Sampler, SpansTo, Telemetry};

use crate::config::{AuditCopy, Aws, Config, RemoteSecret};

/// Nothing.
#[derive(Debug)]
pub struct Cloud;

/// There is none.
#[derive(Clone, Debug)]
pub enum Reader {}

// === impl Cloud ===

impl Cloud {
    /// Nothing of AWS.
    #[must_use]
    pub const fn none() -> Self {
        Self
    }

    /// There is nothing to be found.
    ///
    /// # Errors
    /// When the configuration asks for AWS all the same.
    #[expect(clippy::unused_async, reason = "the other build waits here")]
    pub async fn find(config: &Config) -> anyhow::Result<Self> {
        anyhow::ensure!(config.traces.xray.is_none(), "this build has no AWS in it");
        Ok(Self)
    }

    /// There is nothing to be found.
    ///
    /// # Errors
    /// Never.
    #[expect(clippy::unused_async, reason = "the other build waits here")]
    pub async fn for_targets(_config: &Config) -> anyhow::Result<Self> {
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

    /// No secret is in AWS.
    ///
    /// # Errors
    /// Always.
    pub fn reader(&self) -> anyhow::Result<Reader> {
        anyhow::bail!("secrets in AWS need a build with the feature `aws`")
    }

    /// Nothing is signed for AWS.
    ///
    /// # Errors
    /// Always.
    pub fn signed(&self, _service: &str, _region: Option<&str>) -> anyhow::Result<Arc<dyn Show>> {
        anyhow::bail!("`sigv4` needs a build with the feature `aws`")
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

// === impl Reader ===

impl Reader {
    /// There is none to read with.
    ///
    /// # Errors
    /// Never: nobody can ask.
    #[expect(clippy::unused_async, reason = "the other build waits here")]
    pub async fn read(&self, _secret: &RemoteSecret) -> Result<String, String> {
        match *self {}
    }
}

/// Nothing is read from AWS.
///
/// # Errors
/// Always.
pub fn read_at_start(_aws: &Aws, _secret: &RemoteSecret) -> Result<String, String> {
    Err("cannot be read: this build has no AWS in it".to_owned())
}
