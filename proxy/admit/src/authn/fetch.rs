//! Small documents from issuers, over HTTP.
//!
//! Enters: a URL from the configuration or from a discovery document. Leaves: the body, bounded.
//! Never: follows a redirect; an answer with another status than 200.

use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, Uri};
use toolgate_fetch::{Ask, Fetcher, Said};
use toolgate_telemetry::RefreshOutcome;

/// The longest time for one document; whoever fetches keys has a shorter one for all of them.
const LIMIT: Duration = Duration::from_secs(10);

/// Why a document could not be had.
#[derive(Debug)]
pub(super) struct FetchError {
    /// What the metrics count.
    pub(super) outcome: RefreshOutcome,
    /// For the operator.
    pub(super) detail: String,
    /// The server has answered that there is no such document.
    pub(super) absent: bool,
}

// === impl FetchError ===

impl FetchError {
    pub(super) fn new(outcome: RefreshOutcome, detail: impl Into<String>) -> Self {
        Self { outcome, detail: detail.into(), absent: false }
    }
}

impl From<toolgate_fetch::FetchError> for FetchError {
    fn from(error: toolgate_fetch::FetchError) -> Self {
        let outcome = match &error {
            toolgate_fetch::FetchError::Forbidden(_) => RefreshOutcome::Forbidden,
            toolgate_fetch::FetchError::Unreachable(_) => RefreshOutcome::HttpError,
            toolgate_fetch::FetchError::Late(_) => RefreshOutcome::Timeout,
            toolgate_fetch::FetchError::TooLong(_) => RefreshOutcome::Parse,
        };
        Self::new(outcome, error.to_string())
    }
}

/// The body of the document at `url`.
///
/// # Errors
/// An address that may not be asked, no connection, any status but 200, or too long a body.
pub(super) async fn get(fetcher: &Fetcher, url: &Uri, said: Said) -> Result<Bytes, FetchError> {
    let answer = fetcher.ask(Ask::get(url.clone(), said), LIMIT).await?;
    if answer.status == StatusCode::OK {
        return Ok(answer.body);
    }
    let detail = format!("GET {url}: answered {}, not 200", answer.status);
    let absent = answer.status == StatusCode::NOT_FOUND;
    Err(FetchError { absent, ..FetchError::new(RefreshOutcome::HttpError, detail) })
}
