//! Whether a built-in target is told whom it asks, and nothing that it does not need.
//!
//! In: a target with `builtin`, alone. Out: mistakes. It never asks anybody.

use crate::config::choice::{Builtin, SearchEngine};
use crate::config::code;
use crate::config::file::{File, Target};
use crate::config::report::Mistake;
use crate::config::review::Review;

/// Keys that say whom a built-in target asks, each with why it does nothing at another one.
const WHOM: [(&str, &str); 10] = [
    ("url", "has no effect: where AWS is stands in `aws`"),
    ("engine", "has no effect: only `builtin: web_search` has one"),
    ("hosts", "has no effect: only `builtin: aws_docs` has some"),
    ("workspace", "has no effect: only `builtin: amp` has one"),
    ("region", "has no effect: only `amp`, `cloudwatch`, `aws_core`, `eks` and `k8s` have one"),
    ("cluster", "has no effect: only `builtin: k8s` has one"),
    ("kubeconfig", "has no effect: only `builtin: k8s` has one"),
    ("context", "has no effect: only `builtin: k8s` has one"),
    ("allow_mutations", "has no effect: only `builtin: k8s` has tools that change something"),
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
        Builtin::Cloudwatch | Builtin::AwsCore | Builtin::Eks => (&["region"], aws),
        Builtin::K8s if target.cluster.is_some() => {
            (&["cluster", "allow_mutations", "region"], aws)
        }
        Builtin::K8s => (
            &["kubeconfig", "context", "allow_mutations", "region"],
            "has no effect: a cluster's stand in its kubeconfig",
        ),
    };
    let asks_nobody = takes.is_empty();
    let others = WHOM.into_iter().filter(|(key, _)| !takes.contains(key));
    let reasoned = others.map(|(key, why)| match key {
        _ if asks_nobody => (key, "has no effect: this target asks nobody"),
        "credentials" => (key, shown),
        "kubeconfig" | "context" if builtin == Builtin::K8s => {
            (key, "has no effect: `cluster` says already which one")
        }
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
        | Builtin::AwsCore
        | Builtin::Eks
        | Builtin::K8s => None,
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
    let is_nowhere = builtin == Builtin::K8s
        && ["cluster", "kubeconfig"].into_iter().all(|key| review.tree.lacks(&path(key)));
    if is_nowhere {
        let at = review.key_at(&["targets", name]);
        review.add(
            Mistake::new(code::MISSING_KEY, at, "this target does not say which cluster it asks")
                .help("add for example `kubeconfig: kubeconfig.yaml`, or `cluster: shop` for one of EKS"),
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
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if target.cluster.as_ref().is_some_and(|cluster| !cluster.bytes().all(plain)) {
        let at = review.at(&["targets", name, "cluster"]);
        review.add(
            Mistake::new(code::MALFORMED, at, "`cluster` is not the name of a cluster of EKS")
                .help("write the name alone, not its ARN"),
        );
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

/// Tools that change something where nobody is known: there is no scope that could be asked for.
pub(super) fn check_mutations(file: &File, review: &mut Review<'_>) {
    if file.auth.anonymous != Some(true) {
        return;
    }
    for (name, target) in &file.targets.0 {
        if target.builtin != Some(Builtin::K8s) || target.allow_mutations != Some(true) {
            continue;
        }
        let at = review.key_at(&["targets", name, "allow_mutations"]);
        let message = "`allow_mutations` next to `auth: { anonymous: true }`";
        review.add(
            Mistake::new(code::MUTATIONS, at, message)
                .label("whoever reaches the gateway could change the cluster")
                .help("remove one of the two; callers that are known need the scope `k8s/write`"),
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
