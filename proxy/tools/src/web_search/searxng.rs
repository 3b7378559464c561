//! A SearXNG of one's own.
//!
//! Enters: a question; the answer as JSON. Leaves: a query; the results. Never: an empty list when
//! the engines behind it have failed.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::Value;

use super::provider::{Hit, Provider, Question};
use super::{SafeSearch, TimeRange};
use crate::error::{Code, ToolError, words};
use crate::upstream::{self, Answer, SetupError};

pub(super) struct SearXng {
    url: String,
    credentials: Option<(HeaderName, HeaderValue)>,
}

#[derive(Deserialize)]
struct Page {
    results: Vec<Found>,
    #[serde(default)]
    unresponsive_engines: Vec<Value>,
}

#[derive(Deserialize)]
struct Found {
    url: Option<String>,
    #[serde(default)]
    title: String,
    #[serde(default)]
    content: Option<String>,
    #[serde(rename = "publishedDate", default)]
    published: Option<String>,
}

// === impl SearXng ===

impl SearXng {
    pub(super) fn new(
        url: Option<&str>,
        credentials: Option<(HeaderName, HeaderValue)>,
    ) -> Result<Self, SetupError> {
        let url = url.ok_or_else(|| SetupError::new("SearXNG needs the URL at which it runs"))?;
        Ok(Self { url: upstream::base(url)?, credentials })
    }
}

impl Provider for SearXng {
    fn name(&self) -> &'static str {
        "SearXNG"
    }

    fn request(&self, question: &Question<'_>) -> Result<Request<Full<Bytes>>, ToolError> {
        let language = match (question.region.language(), question.region.country()) {
            (Some(language), Some(country)) => format!("{language}-{country}"),
            _ => "all".to_owned(),
        };
        let filter = match question.safe_search {
            SafeSearch::Off => "0",
            SafeSearch::Moderate => "1",
            SafeSearch::Strict => "2",
        };
        let mut query = vec![
            ("q", question.query),
            ("format", "json"),
            ("language", &language),
            ("safesearch", filter),
        ];
        match question.time_range {
            TimeRange::None => {}
            TimeRange::Day => query.push(("time_range", "day")),
            TimeRange::Week => query.push(("time_range", "week")),
            TimeRange::Month => query.push(("time_range", "month")),
            TimeRange::Year => query.push(("time_range", "year")),
        }
        let url = format!("{}/search?{}", self.url, upstream::form(&query));
        let mut request = Request::get(url);
        if let Some((name, value)) = &self.credentials {
            request = request.header(name, value);
        }
        upstream::request(request, "")
    }

    fn read(&self, answer: &Answer) -> Result<Vec<Hit>, ToolError> {
        if answer.status == 403 {
            let message = "SearXNG does not answer in JSON; its operator must allow it \
                           (`search: formats: [html, json]` in its settings)";
            return Err(answer.failed(Code::Denied, message));
        }
        let page: Page = answer.clone().good()?.json()?;
        if page.results.is_empty() && !page.unresponsive_engines.is_empty() {
            let engines = page.unresponsive_engines.iter().map(engine).collect::<Vec<_>>();
            let message =
                format!("the engines behind SearXNG have failed: {}", words(&engines.join(", ")));
            return Err(answer.failed(Code::UpstreamError, message));
        }
        let hits = page.results.into_iter().filter_map(|found| {
            let hit = Hit::new(&found.title, &found.url?, &found.content.unwrap_or_default())?;
            Some(Hit { published: found.published, ..hit })
        });
        Ok(hits.collect())
    }
}

/// An engine and what is wrong with it, which come as a pair.
fn engine(pair: &Value) -> String {
    let both = pair.as_array().map(Vec::as_slice).unwrap_or(std::slice::from_ref(pair));
    both.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(": ")
}
