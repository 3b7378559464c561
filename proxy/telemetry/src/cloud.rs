//! Numbers for CloudWatch: kept beside those of `/metrics`, handed out once a minute.
//!
//! Enters: what the handles record, when the configuration asks for it. Leaves: a minute's numbers,
//! checked against the limits of CloudWatch, for a sink that sends or writes them. Never: work for a
//! call but a few atomic additions; a call that waits for any of it; a number lost uncounted.

mod backlog;
mod cost;
mod emf;
mod fine;
mod fold;
mod limits;
mod lines;
mod merge;
mod publish;
mod sources;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::watch;
use toolgate_telemetry_catalog::{CloudFate, Dimension, Program};

use crate::registry::Registry;
use publish::Publisher;

pub use cost::Estimate;
pub use emf::{Emf, EmfTo};
pub(crate) use fine::Fine;
pub use limits::{batches, weight};
pub(crate) use sources::Sources;

/// What of the metrics CloudWatch is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudConfig {
    /// The dimensions that may be used; a set with another one is left out.
    pub dimensions: Vec<Dimension>,
    /// How many tools have series of their own: those that were called most since the start.
    pub tools: usize,
    /// Distinct values of a distribution, 150 at most; neighbours beyond are merged.
    pub values: usize,
    /// Whether requests are charged for, once a minute; log lines are charged for otherwise.
    pub requests: bool,
}

/// One metric's numbers of one minute.
#[derive(Clone, Debug, PartialEq)]
pub struct Datum {
    /// The metric.
    pub name: &'static str,
    /// Dimensions with their values.
    pub dimensions: Vec<(Dimension, Box<str>)>,
    /// The unit, as CloudWatch spells it.
    pub unit: &'static str,
    /// Distinct values, ascending.
    pub values: Vec<f64>,
    /// How often each occurred.
    pub counts: Vec<f64>,
    /// The beginning of the minute.
    pub at: SystemTime,
}

/// A batch under way.
pub type Putting<'a> = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send + 'a>>;

/// Where batches go. One call is one attempt, and ends by itself.
pub trait CloudSink: fmt::Debug + Send + Sync + 'static {
    /// Hands a batch over; it is within the limits of `PutMetricData`.
    fn put<'a>(&'a self, batch: &'a [Datum]) -> Putting<'a>;
}

/// Why a batch was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What it counts as if it is given up.
    pub fate: CloudFate,
    /// Whether it is worth another attempt.
    pub again: Retry,
    /// For the operator.
    pub detail: String,
}

/// When another attempt may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// After a pause.
    Soon,
    /// Once somebody has done something, so not before the next minute.
    Later,
    /// Never.
    Never,
}

/// What is kept for CloudWatch.
#[derive(Debug)]
pub(crate) struct Cloud {
    config: CloudConfig,
    registry: Arc<Registry>,
    closed: watch::Sender<bool>,
}

// === impl Cloud ===

impl Cloud {
    /// `None` when the registry keeps nothing.
    pub(crate) fn new(registry: &Arc<Registry>, config: CloudConfig) -> Option<Self> {
        registry.sources()?;
        Some(Self { config, registry: Arc::clone(registry), closed: watch::Sender::new(false) })
    }

    pub(crate) fn publisher(&self, sink: Arc<dyn CloudSink>) -> Publisher {
        let sources = self.registry.sources().cloned().unwrap_or_default();
        Publisher::new(
            &self.registry,
            fold::Fold::new(self.config.clone(), sources),
            (sink, self.closed.subscribe()),
        )
    }

    pub(crate) fn estimate(
        &self,
        program: Program,
        targets: usize,
        tools: Option<usize>,
    ) -> Estimate {
        Estimate::new(program, &self.config, targets, tools)
    }

    /// Nothing more will be recorded.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }
}

#[cfg(test)]
mod tests;
