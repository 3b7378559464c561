//! The documentation of AWS: what there is about something, a page, and what goes with a page.
//!
//! Enters: words, or the address of a page. Leaves: addresses with extracts, or a page as Markdown in
//! bounded pieces that say when there is more. Never: a page of a host that is not allowed, also not
//! by way of a redirect; or nothing found where somebody has failed.

mod page;
mod read;
mod recommend;
mod search;

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http::header::{ACCEPT, CONTENT_TYPE};
use serde_json::Value;

use crate::context::Context;
use crate::error::{Code, ToolError};
use crate::pace::Pace;
use crate::toolset::Toolset;
use crate::upstream::{self, Answer, SetupError, Upstream, base, encoded};
use page::Page;

/// The host of the documentation.
const HOST: &str = "docs.aws.amazon.com";
/// Where the pages of AWS search, and where they get what they recommend. Neither is a documented
/// API; AWS's own documentation server for MCP asks both.
const SEARCH: &str = "https://proxy.search.docs.aws.com/search";
const RECOMMENDATIONS: &str = "https://api.contentrecs.docs.aws.com/v1/recommendations";
/// The largest page and the largest list that is read.
const MOST_BYTES: usize = 4 << 20;

/// Where the documentation is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// What stands in for all of it, such as a mirror: pages at `/HOST/PATH`, and `/search` and
    /// `/v1/recommendations`. `None`: AWS itself.
    pub url: Option<String>,
    /// Hosts besides `docs.aws.amazon.com` whose pages may be read.
    pub hosts: Vec<String>,
}

/// The tools of the documentation.
///
/// # Errors
/// A URL or a host that cannot be used.
pub fn toolset(config: Config) -> Result<Toolset, SetupError> {
    let docs = Arc::new(Docs::new(config)?);
    Ok(Toolset::default()
        .with(search::Search(Arc::clone(&docs)))
        .with(read::Read(Arc::clone(&docs)))
        .with(recommend::Recommend(docs)))
}

/// The documentation.
struct Docs {
    mirror: Option<String>,
    hosts: Vec<String>,
    upstream: Upstream,
    pace: Pace,
}

// === impl Docs ===

impl Docs {
    fn new(config: Config) -> Result<Self, SetupError> {
        let mirror = config.url.as_deref().map(base).transpose()?;
        let mut hosts = vec![HOST.to_owned()];
        for host in config.hosts {
            let is_part = |part: &str| {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
                !part.is_empty() && part.bytes().all(plain)
            };
            if !host.split('.').all(is_part) {
                let problem = format!("`{host}` is not the name of a host, such as docs.example");
                return Err(SetupError::new(problem));
            }
            hosts.push(host.to_ascii_lowercase());
        }
        let upstream = Upstream::new("the AWS documentation", MOST_BYTES);
        Ok(Self { mirror, hosts, upstream, pace: Pace::new(10, Duration::from_millis(500)) })
    }

    /// A page that may be read.
    fn page(&self, url: &str) -> Result<Page, ToolError> {
        Page::read(url, &self.hosts)
            .map_err(|problem| ToolError::argument("url", &format!("{problem}{}", self.allowed())))
    }

    /// Which pages may be read, for refusals.
    fn allowed(&self) -> String {
        let hosts: Vec<String> = self.hosts.iter().map(|host| format!("https://{host}/")).collect();
        format!("; give a page of {}", hosts.join(" or "))
    }

    /// What a page sends; a redirect too.
    async fn get(&self, page: &Page, context: &Context) -> Result<Answer, ToolError> {
        let url = match &self.mirror {
            Some(mirror) => format!("{mirror}/{}{}", page.host, page.path),
            None => page.url(),
        };
        let request = Request::get(url).header(ACCEPT, "text/html, text/markdown;q=0.9");
        self.send(upstream::request(request, "")?, context).await
    }

    async fn search(&self, question: &Value, context: &Context) -> Result<Answer, ToolError> {
        let url = self.at("/search", SEARCH);
        let request = Request::post(url).header(CONTENT_TYPE, "application/json");
        self.send(upstream::request(request, question.to_string())?, context).await?.good()
    }

    async fn recommendations(&self, page: &Page, context: &Context) -> Result<Answer, ToolError> {
        let url = self.at("/v1/recommendations", RECOMMENDATIONS);
        let url = format!("{url}?path={}", encoded(&page.url()));
        self.send(upstream::request(Request::get(url), "")?, context).await?.good()
    }

    fn at(&self, path: &str, home: &str) -> String {
        self.mirror.as_ref().map_or_else(|| home.to_owned(), |mirror| format!("{mirror}{path}"))
    }

    async fn send(
        &self,
        request: Request<http_body_util::Full<bytes::Bytes>>,
        context: &Context,
    ) -> Result<Answer, ToolError> {
        self.pace.take().map_err(|wait| {
            let message = "the AWS documentation is asked too often from here";
            ToolError::new(Code::RateLimited, message).after(Some(wait))
        })?;
        let answer = self.upstream.send(request, context).await?;
        // AWS WAF, "CAPTCHA and Challenge actions": 405 and 202 with this header.
        let action = answer.headers.get("x-amzn-waf-action");
        if action.is_some_and(|action| action == "captcha" || action == "challenge") {
            let message = "the AWS documentation takes this for a robot and wants a captcha \
                           solved; use another source for now";
            return Err(answer.failed(Code::Blocked, message));
        }
        Ok(answer)
    }
}

/// Whether a link may be passed on.
fn is_page(url: &str) -> bool {
    const MOST: usize = 2000;
    (url.starts_with("https://") || url.starts_with("http://")) && url.len() <= MOST
}

#[cfg(test)]
mod tests;
