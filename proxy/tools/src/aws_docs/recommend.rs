//! `recommend`: pages that go with a page.
//!
//! Enters: the address of a page. Leaves: pages, each with the reason why it is recommended. Never:
//! no pages from an answer that is no recommendation at all.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Docs, is_page};
use crate::context::Context;
use crate::error::ToolError;
use crate::html::text;
use crate::tool::{About, Brief, Effect, Tool, clip};

pub(super) struct Recommend(pub(super) Arc<Docs>);

/// The longest title and extract, in characters.
const MOST_TITLE: usize = 200;
const MOST_EXTRACT: usize = 300;

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// The address of the page, as search gives it.
    #[schemars(length(min = 1, max = 2000))]
    url: String,
    /// How many pages at most.
    #[serde(default = "twenty")]
    #[schemars(range(min = 1, max = 100))]
    limit: usize,
    /// How many pages to leave out; `next_offset` of the answer before.
    #[serde(default)]
    #[schemars(range(max = 1000))]
    offset: usize,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// The page.
    url: String,
    /// How many pages are recommended.
    total: usize,
    /// The pages.
    results: Vec<Recommended>,
    /// Whether there are more than are here.
    truncated: bool,
    /// The `offset` with which to go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_offset: Option<usize>,
}

#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum Why {
    HighlyRated,
    ReadNext,
    New,
    Similar,
}

#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Recommended {
    title: String,
    url: String,
    /// Why it is recommended; `read_next`: others read it next.
    why: Why,
    /// What it is about, or what for.
    extract: String,
}

/// An answer; what there is nothing of may be missing.
#[derive(Deserialize)]
struct Answered {
    #[serde(rename = "highlyRated")]
    highly_rated: Option<Items<Item>>,
    journey: Option<Items<Journey>>,
    new: Option<Items<Item>>,
    similar: Option<Items<Item>>,
}

#[derive(Deserialize)]
struct Items<T> {
    #[serde(default = "Vec::new")]
    items: Vec<T>,
}

#[derive(Deserialize)]
struct Journey {
    #[serde(default)]
    intent: String,
    #[serde(default)]
    urls: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    url: String,
    #[serde(rename = "assetTitle", default)]
    title: String,
    #[serde(rename = "abstract")]
    about: Option<String>,
    #[serde(rename = "dateCreated")]
    created: Option<String>,
}

const fn twenty() -> usize {
    20
}

impl Tool for Recommend {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "recommend",
            title: "AWS documentation recommendations",
            description: "Lists pages that go with a page of the AWS documentation: highly rated, \
                read next, new and similar ones. Use it with the address of any page of a service \
                to find what is new there.",
            effect: Effect::ReadsTheWorld,
            limit: Duration::from_secs(15),
            aliases: &[],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        let page = self.0.page(&input.url)?;
        let answer = self.0.recommendations(&page, context).await?;
        let answered: Answered = answer.json()?;
        let Some(all) = answered.all() else {
            return Err(answer.garbled("no recommendations of any kind"));
        };
        let total = all.len();
        let results: Vec<_> = all.into_iter().skip(input.offset).take(input.limit).collect();
        let next = input.offset.saturating_add(results.len());
        let truncated = next < total && !results.is_empty();
        let next_offset = truncated.then_some(next);
        Ok(Output { url: page.url(), total, results, truncated, next_offset })
    }
}

// === impl Answered ===

impl Answered {
    /// All pages, each once; `None` when no kind of recommendation is there.
    fn all(self) -> Option<Vec<Recommended>> {
        let Self { highly_rated, journey, new, similar } = self;
        if highly_rated.is_none() && journey.is_none() && new.is_none() && similar.is_none() {
            return None;
        }
        let listed = |items: Option<Items<Item>>, why| {
            items.into_iter().flat_map(|items| items.items).map(move |item| (why, None, item))
        };
        let next = journey.into_iter().flat_map(|journey| journey.items).flat_map(|journey| {
            let intent = journey.intent;
            journey.urls.into_iter().map(move |item| (Why::ReadNext, Some(intent.clone()), item))
        });
        let each = listed(highly_rated, Why::HighlyRated)
            .chain(next)
            .chain(listed(new, Why::New))
            .chain(listed(similar, Why::Similar));
        let (mut all, mut known) = (Vec::new(), HashSet::new());
        for (why, intent, item) in each {
            if is_page(&item.url) && known.insert(item.url.clone()) {
                let said = intent.or(item.about).or(item.created).unwrap_or_default();
                let title = text(&item.title);
                let title = if title.is_empty() { item.url.clone() } else { title };
                all.push(Recommended {
                    title: clip(&title, MOST_TITLE).into_owned(),
                    url: item.url,
                    why,
                    extract: clip(&text(&said), MOST_EXTRACT).into_owned(),
                });
            }
        }
        Some(all)
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        if self.results.is_empty() {
            return format!("No page here; {} recommended with {}", self.total, self.url);
        }
        let mut text = format!("{} of {} pages", self.results.len(), self.total);
        if let Some(next) = self.next_offset {
            let _infallible = write!(text, "; go on with offset {next}");
        }
        for Recommended { title, url, why, extract } in &self.results {
            let why = match why {
                Why::HighlyRated => "highly rated",
                Why::ReadNext => "read next",
                Why::New => "new",
                Why::Similar => "similar",
            };
            let _infallible = write!(text, "\n\n{title} ({why})\n{url}\n{extract}");
        }
        text
    }
}
