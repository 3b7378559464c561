//! `search`: pages of the documentation about something.
//!
//! Enters: words. Leaves: pages in the order of the search, a part of them at a time. Never: no pages
//! from an answer that is no list of pages.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Docs, HOST, is_page};
use crate::context::Context;
use crate::error::ToolError;
use crate::html::text;
use crate::tool::{About, Brief, Effect, Tool, clip};

pub(super) struct Search(pub(super) Arc<Docs>);

/// The longest title and extract, in characters.
const MOST_TITLE: usize = 200;
const MOST_EXTRACT: usize = 500;

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// What to look for: the service and technical words, such as `S3 bucket versioning`.
    #[schemars(length(min = 1, max = 400))]
    query: String,
    /// How many pages at most.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 50))]
    limit: usize,
    /// How many pages to leave out; `next_offset` of the answer before.
    #[serde(default)]
    #[schemars(range(max = 1000))]
    offset: usize,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// What was looked for.
    query: String,
    /// How many pages the search gives.
    total: usize,
    /// The pages, the best first.
    results: Vec<Found>,
    /// Whether there are more than are here.
    truncated: bool,
    /// The `offset` with which to go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_offset: Option<usize>,
}

#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Found {
    /// Its place, from 1.
    rank: usize,
    title: String,
    url: String,
    /// What the page is about, in its own words.
    extract: String,
}

/// An answer of the search. Other kinds of suggestions are no pages.
#[derive(Deserialize)]
struct Answered {
    suggestions: Vec<Suggestion>,
}

#[derive(Deserialize)]
struct Suggestion {
    #[serde(rename = "textExcerptSuggestion")]
    page: Option<Suggested>,
}

#[derive(Deserialize)]
struct Suggested {
    link: String,
    #[serde(default)]
    title: String,
    summary: Option<String>,
    #[serde(rename = "suggestionBody")]
    body: Option<String>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    seo_abstract: Option<String>,
    #[serde(rename = "abstract")]
    abstracted: Option<String>,
}

const fn ten() -> usize {
    10
}

impl Tool for Search {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "search",
            title: "AWS documentation search",
            description: "Searches the documentation of AWS and returns titles, addresses and \
                extracts of pages. Name the service. Then call read with the address of a page.",
            effect: Effect::ReadsTheWorld,
            limit: Duration::from_secs(15),
            aliases: &[("search_phrase", "query")],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        let query = input.query.trim();
        if query.is_empty() {
            return Err(ToolError::argument("query", "is empty; say what to look for"));
        }
        let question = json!({
            "textQuery": { "input": query },
            "contextAttributes": [{ "key": "domain", "value": HOST }],
            "acceptSuggestionBody": "RawText",
            "locales": ["en_us"],
        });
        let answered: Answered = self.0.search(&question, context).await?.json()?;
        let pages = answered.suggestions.into_iter().filter_map(|one| one.page);
        let pages: Vec<Suggested> = pages.filter(|page| is_page(&page.link)).collect();
        let total = pages.len();
        let ranked = (1..).zip(pages).skip(input.offset).take(input.limit);
        let results: Vec<Found> = ranked.map(|(rank, page)| page.found(rank)).collect();
        let next = input.offset.saturating_add(results.len());
        let truncated = next < total && !results.is_empty();
        let next_offset = truncated.then_some(next);
        Ok(Output { query: query.to_owned(), total, results, truncated, next_offset })
    }
}

// === impl Suggested ===

impl Suggested {
    fn found(self, rank: usize) -> Found {
        let (seo, abstracted) =
            self.metadata.map(|data| (data.seo_abstract, data.abstracted)).unwrap_or_default();
        let said = [seo, abstracted, self.summary, self.body].into_iter().flatten();
        let extract = said.map(|said| text(&said)).find(|said| !said.is_empty());
        let title = text(&self.title);
        let title = if title.is_empty() { self.link.clone() } else { title };
        Found {
            rank,
            title: clip(&title, MOST_TITLE).into_owned(),
            url: self.link,
            extract: clip(&extract.unwrap_or_default(), MOST_EXTRACT).into_owned(),
        }
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        if self.results.is_empty() {
            return format!("No page here; {} in all about: {}", self.total, self.query);
        }
        let mut text = format!("{} of {} pages", self.results.len(), self.total);
        if let Some(next) = self.next_offset {
            let _infallible = write!(text, "; go on with offset {next}");
        }
        for found in &self.results {
            let Found { rank, title, url, extract } = found;
            let _infallible = write!(text, "\n\n{rank}. {title}\n{url}\n{extract}");
        }
        text
    }
}
