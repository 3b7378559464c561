//! DuckDuckGo's page without scripts.
//!
//! Enters: a question; the page. Leaves: a form; the results on the page without advertisements.
//! Never: an empty list from a page that does not itself say that it found nothing.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Request, StatusCode};
use http_body_util::Full;

use super::provider::{Hit, Provider, Question};
use super::{SafeSearch, TimeRange};
use crate::error::{Code, ToolError};
use crate::html::{Piece, Tag, pieces};
use crate::upstream::{self, Answer, SetupError, decoded};

const URL: &str = "https://html.duckduckgo.com/html";

pub(super) struct DuckDuckGo {
    url: String,
}

/// What is being collected.
#[derive(Default)]
struct Reader {
    hits: Vec<Hit>,
    title: String,
    url: Option<String>,
    snippet: String,
    /// The element whose text is wanted, and how many of its name are open within.
    inside: Option<(Part, String, usize)>,
    is_ad: bool,
    found_nothing: bool,
    is_challenge: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Title,
    Snippet,
}

// === impl DuckDuckGo ===

impl DuckDuckGo {
    pub(super) fn new(url: Option<&str>) -> Result<Self, SetupError> {
        Ok(Self { url: format!("{}/", upstream::base(url.unwrap_or(URL))?) })
    }
}

impl Provider for DuckDuckGo {
    fn name(&self) -> &'static str {
        "DuckDuckGo"
    }

    fn request(&self, question: &Question<'_>) -> Result<Request<Full<Bytes>>, ToolError> {
        let age = match question.time_range {
            TimeRange::None => "",
            TimeRange::Day => "d",
            TimeRange::Week => "w",
            TimeRange::Month => "m",
            TimeRange::Year => "y",
        };
        let filter = match question.safe_search {
            SafeSearch::Off => "-2",
            SafeSearch::Moderate => "-1",
            SafeSearch::Strict => "1",
        };
        let region = question.region.code();
        let form = [("q", question.query), ("kl", &region), ("df", age), ("kp", filter), ("b", "")];
        let request = Request::post(&self.url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "text/html");
        upstream::request(request, upstream::form(&form))
    }

    fn read(&self, answer: &Answer) -> Result<Vec<Hit>, ToolError> {
        let answer = answer.clone().good()?;
        let mut reader = Reader::default();
        for piece in pieces(&String::from_utf8_lossy(&answer.body)) {
            reader.take(piece);
        }
        reader.finish();
        // 202 is how it answers whom it takes for a robot.
        if reader.is_challenge || answer.status == StatusCode::ACCEPTED {
            let message = "DuckDuckGo wants a captcha solved, since it was asked often from here; \
                           use another source for now";
            return Err(answer.failed(Code::Blocked, message));
        }
        if reader.hits.is_empty() && !reader.found_nothing {
            return Err(answer.garbled("a page with no results that does not say there are none"));
        }
        Ok(reader.hits)
    }
}

// === impl Reader ===

impl Reader {
    fn take(&mut self, piece: Piece) {
        match piece {
            Piece::Start(tag) => self.start(&tag),
            Piece::End(name) => self.end(&name),
            Piece::Text(text) => match &self.inside {
                Some((Part::Title, ..)) => self.title.push_str(&text),
                Some((Part::Snippet, ..)) => self.snippet.push_str(&text),
                None => {}
            },
        }
    }

    fn start(&mut self, tag: &Tag) {
        if let Some((_, name, depth)) = &mut self.inside {
            *depth += usize::from(*name == tag.name);
            return;
        }
        self.is_challenge |= tag.attribute("id") == Some("challenge-form")
            || tag.classes().any(|class| class.starts_with("anomaly"));
        self.found_nothing |= tag.has_class("no-results") || tag.has_class("result--no-result");
        if tag.has_class("result") {
            self.finish();
            self.is_ad = tag.has_class("result--ad");
        }
        let part = if tag.has_class("result__a") {
            // A page without frames around results.
            if self.url.is_some() {
                self.finish();
            }
            self.url = tag.attribute("href").and_then(target);
            Part::Title
        } else if tag.has_class("result__snippet") {
            Part::Snippet
        } else {
            return;
        };
        self.inside = Some((part, tag.name.clone(), 1));
    }

    fn end(&mut self, closed: &str) {
        let Some((_, name, depth)) = &mut self.inside else { return };
        if name == closed {
            *depth -= 1;
            if *depth == 0 {
                self.inside = None;
            }
        }
    }

    /// Puts down what was collected of one result.
    fn finish(&mut self) {
        let (title, snippet) = (std::mem::take(&mut self.title), std::mem::take(&mut self.snippet));
        let url = self.url.take().filter(|_| !self.is_ad);
        self.hits.extend(url.and_then(|url| Hit::new(&title, &url, &snippet)));
    }
}

/// Where a link of the page leads in the end; advertisements lead through `y.js`.
fn target(href: &str) -> Option<String> {
    let Some((before, query)) = href.split_once('?') else { return Some(href.to_owned()) };
    if !before.ends_with("duckduckgo.com/l/") && before != "/l/" {
        return (!before.ends_with("/y.js")).then(|| href.to_owned());
    }
    let mut fields = query.split('&').filter_map(|field| field.split_once('='));
    fields.find(|(name, _)| *name == "uddg").map(|(_, value)| decoded(value))
}
