//! What a search engine must be able to do.
//!
//! Enters: a question. Leaves: a request, and the hits in its answer. Never: I/O.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use super::region::Region;
use super::{MOST_URL, SafeSearch, TimeRange};
use crate::error::ToolError;
use crate::html::squeezed;
use crate::upstream::Answer;

/// What is looked for.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) query: &'a str,
    pub(super) region: Region,
    pub(super) time_range: TimeRange,
    pub(super) safe_search: SafeSearch,
}

/// One result.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) title: String,
    pub(super) url: String,
    pub(super) snippet: String,
    pub(super) published: Option<String>,
}

/// A search engine.
pub(super) trait Provider: Send + Sync {
    /// What people call it.
    fn name(&self) -> &'static str;

    /// The request for a question.
    ///
    /// # Errors
    /// A question that cannot be asked.
    fn request(&self, question: &Question<'_>) -> Result<Request<Full<Bytes>>, ToolError>;

    /// The hits in an answer, the best first.
    ///
    /// # Errors
    /// Anything but an answer to the question; an empty list is one.
    fn read(&self, answer: &Answer) -> Result<Vec<Hit>, ToolError>;
}

// === impl Hit ===

impl Hit {
    /// A hit, its texts in one line; `None` when it is no page of the web.
    pub(super) fn new(title: &str, url: &str, snippet: &str) -> Option<Self> {
        let url = url.trim();
        let is_page = url.starts_with("https://") || url.starts_with("http://");
        let (title, snippet) = (squeezed(title), squeezed(snippet));
        let title = if title.is_empty() { url.to_owned() } else { title };
        (is_page && url.len() <= MOST_URL).then(|| Self {
            title,
            url: url.to_owned(),
            snippet,
            published: None,
        })
    }
}
