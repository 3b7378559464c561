//! Prometheus, one's own or Amazon's managed one.
//!
//! Enters: PromQL, times, names. Leaves: series, names and what the server is, in bounded pieces
//! that say when there is more. Never: a query that is judged by its letters; Prometheus itself
//! says what is wrong with one.

#[cfg(feature = "aws")]
mod amp;
mod api;
mod data;
mod info;
mod labels;
mod metadata;
mod metrics;
mod place;
mod query;
mod range;
mod series;
mod workspace;

use std::sync::Arc;

use http::{HeaderName, HeaderValue};

use crate::toolset::Toolset;
use crate::upstream::SetupError;
use api::Api;

/// Where Prometheus is.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its URL, with the prefix of its routes if it has one.
    pub url: String,
    /// What it is shown.
    pub credentials: Option<(HeaderName, HeaderValue)>,
}

/// The tools of a Prometheus.
///
/// # Errors
/// A URL that cannot be used.
pub fn toolset(config: Config) -> Result<Toolset, SetupError> {
    Ok(tools(Arc::new(Api::plain(config)?)))
}

/// Amazon Managed Service for Prometheus, in one region.
#[cfg(feature = "aws")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AmpConfig {
    /// Where AWS is.
    pub aws: crate::aws::Config,
    /// The workspace that every call is about, by id or alias; `None`: each call names one.
    pub workspace: Option<String>,
}

/// The tools of Amazon's Prometheus.
///
/// # Errors
/// A region or an endpoint that cannot be used.
#[cfg(feature = "aws")]
pub fn amp_toolset(config: AmpConfig) -> Result<Toolset, SetupError> {
    Ok(amp_tools(&crate::aws::Aws::new(config.aws)?, config.workspace))
}

#[cfg(feature = "aws")]
fn amp_tools(aws: &Arc<crate::aws::Aws>, workspace: Option<String>) -> Toolset {
    let api = Arc::new(Api::in_place(place::Place::Amp(amp::Amp::new(aws, workspace))));
    tools(Arc::clone(&api))
        .with(amp::ListWorkspaces(Arc::clone(&api)))
        .with(amp::FindWorkspace(api))
}

fn tools(api: Arc<Api>) -> Toolset {
    Toolset::default()
        .with(query::Query(Arc::clone(&api)))
        .with(range::RangeQuery(Arc::clone(&api)))
        .with(metrics::ListMetrics(Arc::clone(&api)))
        .with(labels::Labels(Arc::clone(&api)))
        .with(series::Series(Arc::clone(&api)))
        .with(metadata::Metadata(Arc::clone(&api)))
        .with(info::ServerInfo(api))
}

#[cfg(test)]
mod tests;
