//! Whether users can let the gateway do something for them, and nobody else can in their place.
//!
//! In: targets with `user_grant`, `grants`, and who may call. Out: mistakes. It never asks an
//! authorization server.

use std::net::SocketAddr;

use crate::config::address::is_loopback;
use crate::config::code;
use crate::config::file::{File, UserGrant};
use crate::config::report::{Mistake, quote};
use crate::config::review::Review;

pub(super) fn check(file: &File, listen: SocketAddr, review: &mut Review<'_>) {
    let granted: Vec<(&str, &UserGrant)> = file
        .targets
        .0
        .iter()
        .filter_map(|(name, target)| {
            Some((name.as_str(), target.credentials.as_ref()?.user_grant.as_ref()?))
        })
        .collect();
    for (name, grant) in &granted {
        urls(name, grant, review);
    }
    let Some((name, _)) = granted.first() else {
        if file.grants.is_some() {
            let at = review.key_at(&["grants"]);
            review.add(
                Mistake::new(code::NO_EFFECT, at, "`grants` has no effect")
                    .label("no target has `credentials.user_grant`")
                    .help("remove it"),
            );
        }
        return;
    };
    let at = ["targets", name, "credentials", "user_grant"];
    if file.auth.anonymous == Some(true) {
        review.add(
            Mistake::new(code::GRANTS, review.key_at(&at), "no caller has an account of their own")
                .label("`auth.anonymous` makes all of them the same")
                .help("add an issuer to `auth`, or use `client_credentials`"),
        );
    }
    let is_exposed = match &file.public_url {
        Some(url) => url.0.is_exposed(),
        None => file.tls.is_none() && !is_loopback(&listen.ip().to_string()),
    };
    if is_exposed {
        let message = "the codes of users would come back over plain http";
        let help = "add `public_url: https://…`, the address by which browsers reach the gateway";
        review.add(
            Mistake::new(code::INSECURE_URL, review.key_at(&at), message)
                .label("readable by anyone on the way")
                .help(help),
        );
    }
}

fn urls(name: &str, grant: &UserGrant, review: &mut Review<'_>) {
    for (key, url) in [("authorize_url", &grant.authorize_url), ("token_url", &grant.token_url)] {
        let Some(url) = url.as_ref().filter(|url| url.0.is_exposed()) else { continue };
        let at = review.at(&["targets", name, "credentials", "user_grant", key]);
        let message = format!("secrets would be sent to {} over plain http", quote(&url.0.text));
        review.add(
            Mistake::new(code::INSECURE_URL, at, message)
                .label("readable by anyone on the way")
                .help("use `https://`"),
        );
    }
}
