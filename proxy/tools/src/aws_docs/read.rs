//! `read`: a page of the documentation.
//!
//! Enters: the address of a page, and from where on. Leaves: a piece of it in Markdown, with the
//! place at which the next piece begins. Never: a page of another host, wherever it is sent; or an
//! empty page.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, LOCATION};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Docs, Page};
use crate::context::Context;
use crate::error::{Code, ToolError};
use crate::markdown::document;
use crate::tool::{About, Brief, Effect, Tool, clip};
use crate::upstream::Answer;

pub(super) struct Read(pub(super) Arc<Docs>);

/// How often a page may send its readers on.
const MOST_HOPS: usize = 3;
/// The most text that a page has beside an order to go elsewhere, in characters.
const MOST_PARTING: usize = 500;
/// The longest title, in characters.
const MOST_TITLE: usize = 200;

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// The address of the page, as search gives it.
    #[schemars(length(min = 1, max = 2000))]
    url: String,
    /// How many characters at most.
    #[serde(default = "usual")]
    #[schemars(range(min = 100, max = 50_000))]
    length: usize,
    /// From which character on; `next` of the piece before.
    #[serde(default)]
    #[schemars(range(max = 10_000_000))]
    start: usize,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// The address of the page that was read; it may have been sent on from the one that was given.
    url: String,
    /// Its title.
    title: String,
    /// This piece of it, in Markdown.
    content: String,
    /// From which character on.
    start: usize,
    /// How many characters the page has.
    total: usize,
    /// Whether there is more behind this piece.
    truncated: bool,
    /// The `start` of the next piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<usize>,
}

/// What a page came to.
enum Seen {
    Text { title: String, text: String },
    Elsewhere(String),
}

const fn usual() -> usize {
    5000
}

impl Tool for Read {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "read",
            title: "AWS documentation page",
            description: "Reads a page of the AWS documentation as Markdown, a piece at a time: go \
                on with `start` set to `next`. Use search to find pages.",
            effect: Effect::ReadsTheWorld,
            limit: Duration::from_secs(20),
            aliases: &[("max_length", "length"), ("start_index", "start")],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        let mut page = self.0.page(&input.url)?;
        for _ in 0..=MOST_HOPS {
            let answer = self.0.get(&page, context).await?;
            match seen(&answer, &page)? {
                Seen::Text { title, text } => return piece(&page, &title, &text, &input),
                Seen::Elsewhere(href) => {
                    let next = page.link(&href).and_then(|url| self.0.page(&url).ok());
                    page = next.ok_or_else(|| {
                        let message = format!(
                            "{} sends its readers to {}, which may not be read{}",
                            page.url(),
                            clip(&href, MOST_TITLE),
                            self.0.allowed(),
                        );
                        answer.failed(Code::Refused, message)
                    })?;
                }
            }
        }
        let message = format!("{} is the end of too many redirects", page.url());
        Err(ToolError::new(Code::Garbled, message))
    }
}

/// Reads an answer.
fn seen(answer: &Answer, page: &Page) -> Result<Seen, ToolError> {
    let header = |name| answer.headers.get(name).and_then(|value| value.to_str().ok());
    if answer.status.is_redirection()
        && let Some(location) = header(LOCATION)
    {
        return Ok(Seen::Elsewhere(location.to_owned()));
    }
    if !answer.status.is_success() {
        return Err(answer.by_status());
    }
    let kind = header(CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let body = String::from_utf8_lossy(&answer.body);
    let found = match kind.as_str() {
        "text/html" | "application/xhtml+xml" => document(&body, |href| page.link(href)),
        "text/markdown" | "text/plain" if !body.trim().is_empty() => {
            return Ok(Seen::Text { title: String::new(), text: body.trim().to_owned() });
        }
        _ => return Err(answer.garbled("something that is no page")),
    };
    match found.refresh {
        Some(elsewhere) if found.text.chars().count() <= MOST_PARTING => {
            Ok(Seen::Elsewhere(elsewhere))
        }
        _ if found.text.is_empty() => Err(answer.garbled("a page without any text")),
        _ => Ok(Seen::Text { title: found.title, text: found.text }),
    }
}

/// A piece of a page.
fn piece(page: &Page, title: &str, text: &str, input: &Input) -> Result<Output, ToolError> {
    let total = text.chars().count();
    if input.start >= total {
        let why = format!("is behind the end of the page, which has {total} characters");
        return Err(ToolError::argument("start", &why));
    }
    let content: String = text.chars().skip(input.start).take(input.length).collect();
    let end = input.start.saturating_add(input.length);
    let truncated = end < total;
    Ok(Output {
        url: page.url(),
        title: clip(title, MOST_TITLE).into_owned(),
        content,
        start: input.start,
        total,
        truncated,
        next: truncated.then_some(end),
    })
}

impl Brief for Output {
    fn brief(&self) -> String {
        let Self { url, content, start, total, .. } = self;
        let more = match self.next {
            Some(next) => {
                format!("\n\n(from {start} to {next} of {total}; go on with start {next})")
            }
            None => String::new(),
        };
        format!("{url}\n\n{content}{more}")
    }
}
