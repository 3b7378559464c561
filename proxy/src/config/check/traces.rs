//! Whether the settings of traces go together.
//!
//! In: the `traces` block. Out: mistakes: settings without a backend, two backends, and a secret that
//! would cross the network in the clear. It never connects to anything.

use std::time::Duration;

use super::amounts;
use crate::config::address::is_loopback;
use crate::config::code;
use crate::config::file::File;
use crate::config::report::Mistake;
use crate::config::review::Review;
use crate::config::text::Text;

pub(super) fn check(file: &File, review: &mut Review<'_>) {
    amounts::time(&file.traces.slow, &["traces", "slow"], review);
    if review.has(&["traces", "xray"]) {
        both(review);
    }
    let Some(otlp) = &file.traces.otlp else {
        ["sample", "trust_callers", "slow"].iter().for_each(|key| without_collector(key, review));
        return;
    };
    let timeout: &Option<Text<Duration>> = &otlp.timeout;
    amounts::time(timeout, &["traces", "otlp", "timeout"], review);
    let (Some(endpoint), Some(_)) = (&otlp.endpoint, &otlp.credentials) else { return };
    let uri = &endpoint.0.uri;
    if uri.scheme_str() == Some("https") || uri.host().is_some_and(is_loopback) {
        return;
    }
    review.add(
        Mistake::new(
            code::INSECURE_URL,
            review.at(&["traces", "otlp", "endpoint"]),
            "the collector's secret would cross the network unencrypted",
        )
        .help("write `https://`, or send to a collector on this machine"),
    );
}

/// Spans go to one place.
fn both(review: &mut Review<'_>) {
    if !review.has(&["traces", "otlp"]) {
        return;
    }
    review.add(
        Mistake::new(
            code::NO_EFFECT,
            review.key_at(&["traces", "xray"]),
            "spans go to one place, and `otlp` names one already",
        )
        .label("`traces` has both")
        .help("remove `otlp` or `xray`; a collector can pass spans on to X-Ray"),
    );
}

fn without_collector(key: &str, review: &mut Review<'_>) {
    let somewhere = review.has(&["traces", "otlp"]) || review.has(&["traces", "xray"]);
    if !review.has(&["traces", key]) || somewhere {
        return;
    }
    // The access log has its own use for it.
    if key == "slow" && review.has(&["log", "sample"]) {
        return;
    }
    review.add(
        Mistake::new(
            code::NO_EFFECT,
            review.key_at(&["traces", key]),
            format!("`{key}` has no effect: spans go nowhere"),
        )
        .label("no spans are recorded")
        .help(
            "add `otlp: { endpoint: \"http://127.0.0.1:4318\" }` or `xray: { mode: otlp }` to \
             `traces`, or remove it",
        ),
    );
}
