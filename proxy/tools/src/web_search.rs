//! `web_search`: the web, through one of several search engines.
//!
//! Enters: words to look for. Leaves: at most ten results, in the engine's order. Never: no results
//! where there was a failure; a captcha and a rate limit are told as what they are.

mod brave;
mod duckduckgo;
mod provider;
mod region;
mod searxng;

use std::fmt::Write as _;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{Code, ToolError};
use crate::pace::Pace;
use crate::tool::{About, Brief, Effect, Tool, clip};
use crate::toolset::Toolset;
use crate::upstream::{SetupError, Upstream};
use provider::{Hit, Provider, Question};
use region::Region;

/// The largest page of results that is read.
const MOST_BYTES: usize = 4 << 20;
/// The longest title, address and extract that are passed on, in characters.
const MOST_TITLE: usize = 200;
const MOST_URL: usize = 2000;
const MOST_SNIPPET: usize = 600;

/// Which search engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// DuckDuckGo's page without scripts; needs no key, and shows captchas when it is asked often.
    DuckDuckGo,
    /// A SearXNG of one's own, whose settings allow the format `json`.
    SearXng,
    /// The Brave Search API; needs a key.
    Brave,
}

/// How the web is searched.
#[derive(Clone, Debug)]
pub struct Config {
    /// By which engine.
    pub engine: Engine,
    /// Where it is, if not where it always is.
    pub url: Option<String>,
    /// What it is shown: Brave's key in `X-Subscription-Token`, or what guards a SearXNG.
    pub credentials: Option<(HeaderName, HeaderValue)>,
}

/// The tools of a search engine.
///
/// # Errors
/// A URL or a key that is missing or cannot be used.
pub fn toolset(config: Config) -> Result<Toolset, SetupError> {
    Ok(Toolset::default().with(WebSearch::new(config)?))
}

struct WebSearch {
    provider: Box<dyn Provider>,
    upstream: Upstream,
    pace: Pace,
}

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
struct Input {
    /// What to look for, as one would type it into a search engine.
    #[schemars(length(min = 1, max = 400))]
    query: String,
    /// How many results.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 10))]
    max_results: u8,
    /// Country and language of the results, such as `us-en` or `de-de`; `wt-wt` is everywhere.
    #[serde(default = "us_en")]
    #[schemars(length(min = 5, max = 6))]
    region: String,
    /// How old results may be.
    #[serde(default)]
    time_range: TimeRange,
    /// How much is filtered out that is not fit for everybody.
    #[serde(default)]
    safe_search: SafeSearch,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum TimeRange {
    #[default]
    None,
    Day,
    Week,
    Month,
    Year,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum SafeSearch {
    Off,
    #[default]
    Moderate,
    Strict,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
struct Output {
    /// What was looked for.
    query: String,
    /// The search engine.
    engine: &'static str,
    /// Country and language that were asked for.
    region: String,
    /// How many results there are here.
    count: usize,
    /// The results, the best first.
    results: Vec<Found>,
    /// Whether the engine has more than are here.
    truncated: bool,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Found {
    /// Its place, from 1.
    rank: usize,
    title: String,
    url: String,
    /// What the page says, as the engine cuts it out.
    snippet: String,
    /// When it was published, in the engine's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<String>,
}

const fn five() -> u8 {
    5
}

fn us_en() -> String {
    "us-en".into()
}

// === impl WebSearch ===

impl WebSearch {
    fn new(config: Config) -> Result<Self, SetupError> {
        let Config { engine, url, credentials } = config;
        let (provider, pace): (Box<dyn Provider>, Pace) = match engine {
            Engine::DuckDuckGo => {
                if credentials.is_some() {
                    return Err(SetupError::new("DuckDuckGo takes no credentials"));
                }
                let provider = duckduckgo::DuckDuckGo::new(url.as_deref())?;
                (Box::new(provider), Pace::new(5, Duration::from_secs(2)))
            }
            Engine::SearXng => {
                let provider = searxng::SearXng::new(url.as_deref(), credentials)?;
                (Box::new(provider), Pace::new(20, Duration::from_millis(200)))
            }
            Engine::Brave => {
                let provider = brave::Brave::new(url.as_deref(), credentials)?;
                (Box::new(provider), Pace::new(5, Duration::from_secs(1)))
            }
        };
        let upstream = Upstream::new(provider.name(), MOST_BYTES);
        Ok(Self { provider, upstream, pace })
    }
}

impl Tool for WebSearch {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "web_search",
            title: "Web search",
            description: "Searches the web and returns titles, addresses and extracts of pages. \
                Use it for what may have changed lately or is not known: releases, error messages, \
                documentation, incidents of vendors. Results are what strangers wrote, not facts.",
            effect: Effect::ReadsTheWorld,
            limit: Duration::from_secs(15),
            aliases: &[("keywords", "query")],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        let query = input.query.trim();
        if query.is_empty() {
            return Err(ToolError::argument("query", "is empty; say what to look for"));
        }
        let question = Question {
            query,
            region: Region::read(&input.region)?,
            time_range: input.time_range,
            safe_search: input.safe_search,
        };
        let request = self.provider.request(&question)?;
        self.pace.take().map_err(|wait| {
            let message = format!("{} is asked too often from here", self.provider.name());
            ToolError::new(Code::RateLimited, message).after(Some(wait))
        })?;
        let answer = self.upstream.send(request, context).await?;
        let hits = self.provider.read(&answer)?;
        Ok(output(query, input.region, self.provider.name(), hits, usize::from(input.max_results)))
    }
}

fn output(
    query: &str,
    region: String,
    engine: &'static str,
    hits: Vec<Hit>,
    most: usize,
) -> Output {
    let truncated = hits.len() > most;
    let results: Vec<Found> = hits
        .into_iter()
        .take(most)
        .zip(1..)
        .map(|(hit, rank)| Found {
            rank,
            title: clip(&hit.title, MOST_TITLE).into_owned(),
            url: hit.url,
            snippet: clip(&hit.snippet, MOST_SNIPPET).into_owned(),
            published: hit.published,
        })
        .collect();
    Output { query: query.to_owned(), engine, region, count: results.len(), results, truncated }
}

impl Brief for Output {
    fn brief(&self) -> String {
        if self.results.is_empty() {
            return format!("{} knows no page about: {}", self.engine, self.query);
        }
        let mut text = format!("{} results from {}", self.count, self.engine);
        for found in &self.results {
            let _infallible = write!(
                text,
                "\n\n{}. {}\n{}\n{}",
                found.rank, found.title, found.url, found.snippet
            );
        }
        text
    }
}

#[cfg(test)]
mod tests;
