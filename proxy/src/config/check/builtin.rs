//! Whether a built-in target is told whom it asks, and nothing that it does not need.
//!
//! In: a target with `builtin`, alone. Out: mistakes. It never asks anybody.

use crate::config::choice::{Builtin, SearchEngine};
use crate::config::code;
use crate::config::file::Target;
use crate::config::report::Mistake;
use crate::config::review::Review;

/// Keys that say whom a built-in target asks, each with why it does nothing at another one.
const WHOM: [(&str, &str); 6] = [
    ("url", "has no effect: where AWS is stands in `aws`"),
    ("engine", "has no effect: only `builtin: web_search` has one"),
    ("hosts", "has no effect: only `builtin: aws_docs` has some"),
    ("workspace", "has no effect: only `builtin: amp` has one"),
    ("region", "has no effect: only `amp`, `cloudwatch` and `aws_core` have one"),
    ("credentials", ""),
];

/// Keys of a built-in target that are written and do nothing, each with the reason.
pub(super) fn useless(builtin: Builtin, target: &Target) -> Vec<(&'static str, &'static str)> {
    let is_duck = target.engine.unwrap_or_default() == SearchEngine::Duckduckgo;
    let aws = "has no effect: AWS's come from the environment, a profile or the machine";
    let (takes, shown): (&[&str], &str) = match builtin {
        Builtin::Clock | Builtin::Gateway => (&[], ""),
        Builtin::Prometheus => (&["url", "credentials"], ""),
        Builtin::WebSearch if is_duck => {
            (&["url", "engine"], "has no effect: DuckDuckGo takes none")
        }
        Builtin::WebSearch => (&["url", "engine", "credentials"], ""),
        Builtin::AwsDocs => (&["url", "hosts"], "has no effect: the documentation takes none"),
        Builtin::Amp => (&["workspace", "region"], aws),
        Builtin::Cloudwatch | Builtin::AwsCore => (&["region"], aws),
    };
    let asks_nobody = takes.is_empty();
    let others = WHOM.into_iter().filter(|(key, _)| !takes.contains(key));
    let reasoned = others.map(|(key, why)| match key {
        _ if asks_nobody => (key, "has no effect: this target asks nobody"),
        "credentials" => (key, shown),
        _ => (key, why),
    });
    reasoned.collect()
}

/// What is missing or cannot be used.
pub(super) fn check(name: &str, target: &Target, review: &mut Review<'_>) {
    let Some(builtin) = target.builtin else { return };
    let path = |key: &'static str| ["targets", name, key];
    let is_searxng = target.engine == Some(SearchEngine::Searxng);
    let needs_url = match builtin {
        Builtin::Prometheus => Some("`url: http://127.0.0.1:9090`"),
        Builtin::WebSearch if is_searxng => Some("`url: http://127.0.0.1:8888`"),
        Builtin::WebSearch
        | Builtin::Clock
        | Builtin::Gateway
        | Builtin::AwsDocs
        | Builtin::Amp
        | Builtin::Cloudwatch
        | Builtin::AwsCore => None,
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
    check_aws(name, target, review);
}

/// Names that AWS would not know.
fn check_aws(name: &str, target: &Target, review: &mut Review<'_>) {
    for (index, host) in target.hosts.iter().enumerate() {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let is_part = |part: &str| !part.is_empty() && part.bytes().all(plain);
        if !host.split('.').all(is_part) {
            let at = review.at(&["targets", name, "hosts", &index.to_string()]);
            review.add(
                Mistake::new(code::MALFORMED, at, "this is not the name of a host")
                    .help("write a name alone, such as `docs.example.com`"),
            );
        }
    }
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if target.region.as_ref().is_some_and(|region| !region.bytes().all(plain)) {
        let at = review.at(&["targets", name, "region"]);
        review.add(
            Mistake::new(code::MALFORMED, at, "`region` is not the name of a region")
                .help("write for example `us-east-1`"),
        );
    }
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
