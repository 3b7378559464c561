//! The pages on which users let the gateway do something for them at a target (ADR 31).
//!
//! Enters: browsers with a link, with the user's yes, or back from an authorization server. Leaves: a page
//! that says who asks for what, a way to the authorization server, the end of the story. Never: a script,
//! a frame, anything of another origin; a yes that did not come from such a page; a redirect that nobody
//! has said yes to; a code or a state on a page.

mod file;
mod page;

use std::sync::Arc;

pub(crate) use file::{Keeping, Sealed};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use toolgate_admit::{Making, Pages};
use toolgate_call::Secret;
use toolgate_target::grants::{Back, CALLBACK, Grants, Missed, START};

/// See the module.
#[derive(Debug)]
pub(crate) struct GrantPages {
    grants: Arc<Grants>,
    /// The origin that browsers see.
    origin: String,
}

/// What holds a browser to its yes.
const COOKIE: &str = "toolgate-grant";

// === impl GrantPages ===

impl GrantPages {
    /// The door to them.
    pub(crate) fn door(grants: &Arc<Grants>, origin: &str) -> Arc<dyn Pages> {
        let pages = Self { grants: Arc::clone(grants), origin: origin.to_owned() };
        Arc::new(Door(Arc::new(pages)))
    }

    /// Who asks for what.
    fn start(&self, head: &Parts) -> Response<Bytes> {
        let query = head.uri.query().unwrap_or_default();
        let link = page::member(query, "link").unwrap_or_default();
        let Some(offer) = self.grants.offered(&link) else { return page::gone() };
        // One that is known keeps what it has: it may be on its way with another link.
        let known = self.browser(&head.headers).filter(|known| is_ours(known));
        let Some(browser) = known.map(Secret::new).or_else(|| self.grants.browser()) else {
            return page::gone();
        };
        let mut response = page::offer(&offer, &link, browser.expose());
        let (cookie, path) = (self.cookie(), "/");
        let secure = if self.is_secure() { "; Secure" } else { "" };
        let text = format!(
            "{cookie}={}; Path={path}; Max-Age=900; HttpOnly; SameSite=Lax{secure}",
            browser.expose()
        );
        if let Ok(mut value) = HeaderValue::try_from(text) {
            value.set_sensitive(true);
            response.headers_mut().insert(header::SET_COOKIE, value);
        }
        response
    }

    /// The user says yes. That the page was ours is seen from the cookie that came with it: a page of
    /// another origin can neither read it nor set it.
    fn agreed(&self, head: &Parts, form: &[u8]) -> Response<Bytes> {
        let form = String::from_utf8_lossy(form);
        let link = page::member(&form, "link").unwrap_or_default();
        let proof = page::member(&form, "proof").unwrap_or_default();
        let browser = self.browser(&head.headers).filter(|browser| {
            let same = Secret::new(proof.clone()) == Secret::new(browser.clone());
            same && self.is_own(&head.headers)
        });
        let Some(browser) = browser else { return page::strange() };
        match self.grants.agreed(&link, &browser) {
            Some(url) => page::away(&url),
            None => page::gone(),
        }
    }

    async fn back(&self, head: &Parts) -> Response<Bytes> {
        let query = head.uri.query().unwrap_or_default();
        let state = page::member(query, "state").unwrap_or_default();
        let code = page::member(query, "code");
        let browser = self.browser(&head.headers).unwrap_or_default();
        let back = Back { state: &state, browser: &browser, code: code.as_deref() };
        match self.grants.came_back(back).await {
            Ok(whom) => page::done(&whom),
            Err(Missed::Unknown) => page::gone(),
            Err(Missed::Declined) => page::declined(),
            Err(Missed::Failed) => page::failed(),
        }
    }

    /// Whether the page that has sent this is of this origin, as far as the browser says.
    fn is_own(&self, headers: &HeaderMap) -> bool {
        let says = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        says("origin").is_some_and(|origin| origin.eq_ignore_ascii_case(&self.origin))
            && says("sec-fetch-site").is_none_or(|site| site == "same-origin")
    }

    fn browser(&self, headers: &HeaderMap) -> Option<String> {
        let name = self.cookie();
        let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            all.flat_map(|all| all.split(';')).filter_map(|one| one.trim().split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
    }

    /// Behind https, one that no other host of the domain can set.
    fn cookie(&self) -> String {
        if self.is_secure() { format!("__Host-{COOKIE}") } else { COOKIE.to_owned() }
    }

    fn is_secure(&self) -> bool {
        self.origin.starts_with("https://")
    }

    async fn made(self: Arc<Self>, head: Parts, form: Bytes) -> Response<Bytes> {
        match (head.uri.path(), &head.method) {
            (START, &Method::GET) => self.start(&head),
            (START, &Method::POST) => self.agreed(&head, &form),
            (CALLBACK, &Method::GET) => self.back(&head).await,
            (path, _) => {
                let allow = if path == START { "GET, POST" } else { "GET" };
                let mut response = page::plain(StatusCode::METHOD_NOT_ALLOWED, "Not like this.");
                let allow = HeaderValue::from_static(allow);
                response.headers_mut().insert(header::ALLOW, allow);
                response
            }
        }
    }
}

/// Whether it may be something that a browser was given here.
fn is_ours(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// What pages hand to whoever makes them.
#[derive(Debug)]
struct Door(Arc<GrantPages>);

impl Pages for Door {
    fn serves(&self, path: &str) -> bool {
        path == START || path == CALLBACK
    }

    fn page(&self, head: Parts, form: Bytes) -> Making {
        let pages = Arc::clone(&self.0);
        Box::pin(pages.made(head, form))
    }
}
