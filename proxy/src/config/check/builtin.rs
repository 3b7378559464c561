//! Whether a built-in target is told whom it asks, and nothing that it does not need.
//!
//! In: a target with `builtin`, alone. Out: mistakes. It never asks anybody.

use crate::config::choice::{Builtin, SearchEngine};
use crate::config::code;
use crate::config::file::Target;
use crate::config::report::Mistake;
use crate::config::review::Review;

/// Keys that say whom a built-in target asks.
const WHOM: [&str; 3] = ["url", "engine", "credentials"];

/// Keys of a built-in target that are written and do nothing, each with the reason.
pub(super) fn useless(builtin: Builtin, target: &Target) -> Vec<(&'static str, &'static str)> {
    let engine = target.engine.unwrap_or_default();
    match builtin {
        Builtin::Clock | Builtin::Gateway => {
            WHOM.map(|key| (key, "has no effect: this target asks nobody")).to_vec()
        }
        Builtin::Prometheus => {
            vec![("engine", "has no effect: only `builtin: web_search` has one")]
        }
        Builtin::WebSearch if engine == SearchEngine::Duckduckgo => {
            vec![("credentials", "has no effect: DuckDuckGo takes none")]
        }
        Builtin::WebSearch => vec![],
    }
}

/// What is missing or cannot be used.
pub(super) fn check(name: &str, target: &Target, review: &mut Review<'_>) {
    let Some(builtin) = target.builtin else { return };
    let path = |key: &'static str| ["targets", name, key];
    let is_searxng = target.engine == Some(SearchEngine::Searxng);
    let needs_url = match builtin {
        Builtin::Prometheus => Some("`url: http://127.0.0.1:9090`"),
        Builtin::WebSearch if is_searxng => Some("`url: http://127.0.0.1:8888`"),
        Builtin::WebSearch | Builtin::Clock | Builtin::Gateway => None,
    };
    if let Some(example) = needs_url.filter(|_| review.tree.lacks(&path("url"))) {
        let at = review.key_at(&["targets", name]);
        review.add(
            Mistake::new(code::MISSING_KEY, at, "this target does not say whom it asks")
                .help(format!("add for example {example}")),
        );
    }
    let needs_key = builtin == Builtin::WebSearch && target.engine == Some(SearchEngine::Brave);
    if needs_key && review.tree.lacks(&path("credentials")) {
        let at = review.at(&path("engine"));
        review.add(
            Mistake::new(code::MISSING_KEY, at, "Brave is asked with a key, and none is given")
                .help("add `credentials: { secret: env:BRAVE_KEY }`"),
        );
    }
    check_url(name, target, review);
}

fn check_url(name: &str, target: &Target, review: &mut Review<'_>) {
    let Some(url) = &target.url else { return };
    let path = ["targets", name, "url"];
    if url.0.uri.query().is_some() {
        let at = review.at(&path);
        review.add(
            Mistake::new(code::MALFORMED, at, "`url` has a query")
                .help("remove everything from the `?` on; paths are added behind it"),
        );
    }
    if target.credentials.is_some() && url.0.is_exposed() {
        let at = review.at(&path);
        review.add(
            Mistake::new(code::INSECURE_URL, at, "credentials would be sent over plain http")
                .label("readable by anyone on the way")
                .help("use `https://`, or remove `credentials`"),
        );
    }
}
