//! Prometheus, one's own or Amazon's managed one.
//!
//! Enters: PromQL, times, names. Leaves: series, names and what the server is, in bounded pieces
//! that say when there is more. Never: a query that is judged by its letters; Prometheus itself
//! says what is wrong with one.

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
