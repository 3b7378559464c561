//! Whether what a target is shown can be had, and goes nowhere in the clear.
//!
//! In: a target with `credentials`. Out: mistakes. It never asks a token endpoint.

use crate::config::address::HttpUrl;
use crate::config::code;
use crate::config::file::{File, OAuthClient, Target, TargetCredentials};
use crate::config::report::{Mistake, quote};
use crate::config::review::Review;
use crate::config::text::Text;

/// The ways to show something.
const WAYS: [&str; 5] = ["secret", "client_credentials", "token_exchange", "user_grant", "sigv4"];

pub(super) fn check(name: &str, target: &Target, file: &File, review: &mut Review<'_>) {
    let Some(credentials) = &target.credentials else { return };
    one_way(name, target, review);
    if let Some(mcp) = &target.mcp {
        exposed([name, "mcp"], mcp.url.as_ref(), review);
    }
    if let Some(openapi) = &target.openapi {
        exposed([name, "openapi"], openapi.url.as_ref(), review);
    }
    let is_word = |scheme: &String| scheme.chars().all(|c| c.is_ascii_graphic());
    if credentials.scheme.as_ref().is_some_and(|scheme| !is_word(scheme)) {
        let at = review.at(&["targets", name, "credentials", "scheme"]);
        review.add(
            Mistake::new(code::MALFORMED, at, "`scheme` is not one word")
                .help("write for example `Bearer`, or `\"\"` for none; the space is added"),
        );
    }
    clients(name, credentials, review);
    if credentials.token_exchange.is_some() && file.auth.issuers.is_empty() {
        let path = ["targets", name, "credentials", "token_exchange"];
        review.add(
            Mistake::new(
                code::NO_EFFECT,
                review.key_at(&path),
                "no caller has a token to exchange",
            )
            .label("`auth` has no `issuers`")
            .help("add an issuer to `auth`, or use `client_credentials`"),
        );
    }
}

fn one_way(name: &str, target: &Target, review: &mut Review<'_>) {
    let path = |key: &'static str| ["targets", name, "credentials", key];
    let has: Vec<&'static str> =
        WAYS.into_iter().filter(|way| !review.tree.lacks(&path(way))).collect();
    let only_mcp = has.iter().filter(|way| **way != "secret" && target.builtin.is_some());
    for way in only_mcp {
        let message = format!("`{way}` has no effect: only an `mcp` target has it");
        let at = review.key_at(&path(way));
        review.add(Mistake::new(code::NO_EFFECT, at, message).help("use `secret`"));
    }
    let Some((first, others)) = has.split_first() else {
        let at = review.key_at(&["targets", name, "credentials"]);
        review.add(
            Mistake::new(code::MISSING_KEY, at, "`credentials` does not say what is shown").help(
                "add `secret: env:NAME`, or one of `client_credentials`, `token_exchange`, \
                 `user_grant`, `sigv4`",
            ),
        );
        return;
    };
    for other in others {
        let message = format!("`credentials` has both `{first}` and `{other}`");
        review.add(
            Mistake::new(code::NO_EFFECT, review.key_at(&path(other)), message)
                .label("a target is shown one thing")
                .help("keep one of them"),
        );
    }
    for key in ["header", "scheme"] {
        if *first != "secret" && review.has(&path(key)) {
            let message = format!("`{key}` has no effect: it goes with `secret`");
            let at = review.key_at(&path(key));
            review.add(
                Mistake::new(code::NO_EFFECT, at, message)
                    .label(format!("this target is shown `{first}`"))
                    .help("remove it"),
            );
        }
    }
}

fn exposed([name, kind]: [&str; 2], url: Option<&Text<HttpUrl>>, review: &mut Review<'_>) {
    if !url.is_some_and(|url| url.0.is_exposed()) {
        return;
    }
    let at = review.at(&["targets", name, kind, "url"]);
    review.add(
        Mistake::new(code::INSECURE_URL, at, "credentials would be sent over plain http")
            .label("readable by anyone on the way")
            .help("use `https://`, or remove `credentials`"),
    );
}

fn clients(name: &str, credentials: &TargetCredentials, review: &mut Review<'_>) {
    let both = [
        ("client_credentials", &credentials.client_credentials),
        ("token_exchange", &credentials.token_exchange),
    ];
    for (key, client) in both {
        if let Some(client) = client {
            endpoint(["targets", name, "credentials", key], client, review);
        }
    }
}

/// A token endpoint is named in one way, and asked by https.
fn endpoint(path: [&str; 4], client: &OAuthClient, review: &mut Review<'_>) {
    let below = |key: &'static str| [&path[..], &[key]].concat();
    let (url, issuer) = (below("token_url"), below("issuer"));
    if review.tree.lacks(&url) && review.tree.lacks(&issuer) {
        review.add(
            Mistake::new(
                code::MISSING_KEY,
                review.key_at(&path),
                "nothing says where tokens come from",
            )
            .help("add `token_url: https://…/oauth2/token`, or `issuer: https://…`"),
        );
    }
    if review.has(&url) && review.has(&issuer) {
        review.add(
            Mistake::new(code::NO_EFFECT, review.key_at(&issuer), "`issuer` has no effect")
                .label("`token_url` says where tokens come from")
                .help("keep one of them"),
        );
    }
    for (path, written) in [(url, &client.token_url), (issuer, &client.issuer)] {
        let Some(written) = written.as_ref().filter(|written| written.0.is_exposed()) else {
            continue;
        };
        let message =
            format!("the secret would be sent to {} over plain http", quote(&written.0.text));
        review.add(
            Mistake::new(code::INSECURE_URL, review.at(&path), message)
                .label("readable by anyone on the way")
                .help("use `https://`"),
        );
    }
}
