//! The Brave Search API.
//!
//! Enters: a question; the answer as JSON. Leaves: a query with the operator's key; the results.
//! Never: the key anywhere but in its header.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use http_body_util::Full;
use serde::Deserialize;

use super::provider::{Hit, Provider, Question};
use super::{SafeSearch, TimeRange};
use crate::error::ToolError;
use crate::html;
use crate::upstream::{self, Answer, SetupError};

const URL: &str = "https://api.search.brave.com/res/v1";
/// More than any caller is given, so that it is known whether there are more.
const ASKED: &str = "11";

pub(super) struct Brave {
    url: String,
    credentials: (HeaderName, HeaderValue),
}

#[derive(Deserialize)]
struct Page {
    /// Always there; `web` is not, when nothing was found.
    #[serde(rename = "type")]
    _kind: String,
    web: Option<Web>,
}

#[derive(Deserialize)]
struct Web {
    results: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    url: String,
    #[serde(default)]
    title: String,
    /// With the words that were found in `<strong>`.
    #[serde(default)]
    description: String,
    #[serde(default)]
    age: Option<String>,
}

// === impl Brave ===

impl Brave {
    pub(super) fn new(
        url: Option<&str>,
        credentials: Option<(HeaderName, HeaderValue)>,
    ) -> Result<Self, SetupError> {
        let credentials = credentials.ok_or_else(|| SetupError::new("Brave needs a key"))?;
        Ok(Self { url: upstream::base(url.unwrap_or(URL))?, credentials })
    }
}

impl Provider for Brave {
    fn name(&self) -> &'static str {
        "Brave"
    }

    fn request(&self, question: &Question<'_>) -> Result<Request<Full<Bytes>>, ToolError> {
        let country = question.region.country();
        let filter = match question.safe_search {
            SafeSearch::Off => "off",
            SafeSearch::Moderate => "moderate",
            SafeSearch::Strict => "strict",
        };
        let mut query = vec![("q", question.query), ("count", ASKED), ("safesearch", filter)];
        query.extend(country.as_deref().map(|country| ("country", country)));
        query.extend(question.region.language().map(|language| ("search_lang", language)));
        match question.time_range {
            TimeRange::None => {}
            TimeRange::Day => query.push(("freshness", "pd")),
            TimeRange::Week => query.push(("freshness", "pw")),
            TimeRange::Month => query.push(("freshness", "pm")),
            TimeRange::Year => query.push(("freshness", "py")),
        }
        let url = format!("{}/web/search?{}", self.url, upstream::form(&query));
        let (name, value) = &self.credentials;
        upstream::request(Request::get(url).header(name, value), "")
    }

    fn read(&self, answer: &Answer) -> Result<Vec<Hit>, ToolError> {
        let page: Page = answer.clone().good()?.json()?;
        let results = page.web.map(|web| web.results).unwrap_or_default();
        let hits = results.into_iter().filter_map(|found| {
            let (title, snippet) = (html::text(&found.title), html::text(&found.description));
            Some(Hit { published: found.age, ..Hit::new(&title, &found.url, &snippet)? })
        });
        Ok(hits.collect())
    }
}
