//! Whether callers are authenticated in a way that can work.
//!
//! In: `auth`, `listen`, and all lists of scopes. Out: mistakes. It never
//! contacts an issuer.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use toolgate_admit::authn::KEYS_ISSUER;

use crate::config::choice::Profile;
use crate::config::code;
use crate::config::file::{ClaimRule, File, Issuer};
use crate::config::report::{Mistake, quote};
use crate::config::review::Review;

use super::is_local;

/// Widest clock difference forgiven.
const MOST_LEEWAY: Duration = Duration::from_secs(60);

const ISSUER_EXAMPLE: &str = "`auth: { issuers: [{ name: main, profile: oidc, issuer: \
     https://login.example.com, audiences: [https://gw.example.com/mcp] }] }`";

pub(super) fn check(file: &File, listen: SocketAddr, review: &mut Review<'_>) {
    let anonymous = file.auth.anonymous == Some(true);
    if anonymous {
        check_anonymous(file, listen, review);
    } else if review.tree.is_empty(&["auth", "issuers"])
        && review.tree.lacks(&["auth", "keys"])
        && review.tree.is_empty(&["auth", "certificates"])
    {
        refuse_nobody(file, listen, review);
    }
    for (index, issuer) in file.auth.issuers.iter().enumerate() {
        check_issuer(file, issuer, &index.to_string(), review);
    }
    check_unique(&file.auth.issuers, review);
    if file.auth.keys.is_some() {
        check_keys_name(&file.auth.issuers, review);
    }
    check_scopes(file, anonymous, review);
}

fn refuse_nobody(file: &File, listen: SocketAddr, review: &mut Review<'_>) {
    if review.tree.lacks(&["auth", "anonymous"]) || file.auth.anonymous == Some(false) {
        let local = if is_local(listen) {
            ", or for this machine alone `auth: { anonymous: true }`"
        } else {
            ""
        };
        review.add(
            Mistake::new(
                code::NO_AUTH,
                review.key_at(&["auth"]),
                "nobody could call: no authentication is configured",
            )
            .help(format!("write {ISSUER_EXAMPLE}{local}")),
        );
    }
}

fn check_anonymous(file: &File, listen: SocketAddr, review: &mut Review<'_>) {
    let path = ["auth", "anonymous"];
    if !is_local(listen) {
        review.add(
            Mistake::new(
                code::ANONYMOUS,
                review.key_at(&path),
                format!("anonymous access while others can reach {listen}"),
            )
            .label("anyone could call every tool")
            .help("listen on `127.0.0.1`, or remove `anonymous` and name `issuers`"),
        );
    }
    if file.auth.keys.is_some() {
        review.add(
            Mistake::new(
                code::ANONYMOUS,
                review.key_at(&path),
                "anonymous access next to API keys",
            )
            .label("callers without a key would be let in")
            .help("keep `anonymous` or `keys`, not both"),
        );
    }
    if !file.auth.issuers.is_empty() {
        review.add(
            Mistake::new(code::ANONYMOUS, review.key_at(&path), "anonymous access next to issuers")
                .label("callers without a token would be let in")
                .help("keep `anonymous` or `issuers`, not both"),
        );
    }
}

fn check_issuer(file: &File, issuer: &Issuer, index: &str, review: &mut Review<'_>) {
    let within = |key| ["auth", "issuers", index, key];
    match issuer.profile {
        Some(Profile::Cognito) => check_cognito(issuer, index, review),
        Some(Profile::Oidc) => check_oidc(file, index, review),
        None => {}
    }
    let urls = [
        ("issuer", issuer.issuer.as_ref()),
        ("jwks_url", issuer.jwks_url.as_ref()),
        ("discovery_url", issuer.discovery_url.as_ref()),
    ];
    for (key, _) in urls.iter().filter(|(_, url)| url.is_some_and(|url| url.0.is_exposed())) {
        let message = format!("`{key}` is not https");
        review.add(
            Mistake::new(code::INSECURE_URL, review.at(&within(key)), message)
                .label("signing keys could be replaced on the way")
                .help("use `https://`; plain `http://` is taken from this machine only"),
        );
    }
    if issuer.jwks_url.is_some() && issuer.discovery_url.is_some() {
        review.add(
            Mistake::new(
                code::NO_EFFECT,
                review.key_at(&within("discovery_url")),
                "`discovery_url` has no effect next to `jwks_url`",
            )
            .help("discovery only finds the keys; keep one of the two"),
        );
    }
    for (list, rules) in issuer.claims.iter().flat_map(|c| [("all", &c.all), ("any", &c.any)]) {
        for (number, rule) in rules.iter().enumerate() {
            check_claim(rule, &[index, "claims", list, &number.to_string()], review);
        }
    }
    if issuer.leeway.as_ref().is_some_and(|leeway| leeway.0 > MOST_LEEWAY) {
        review.add(
            Mistake::new(
                code::OUT_OF_RANGE,
                review.at(&within("leeway")),
                format!("{} is too long for `leeway`", quote(review.written(&within("leeway")))),
            )
            .help("write at most `60s`, and let the clocks be synchronised"),
        );
    }
}

/// A rule asks one thing of a claim, and nothing that the profile checks anyhow.
fn check_claim(rule: &ClaimRule, place: &[&str], review: &mut Review<'_>) {
    let within = |key| [&["auth", "issuers"], place, &[key]].concat();
    let written: Vec<&str> = ["equals", "contains", "contains_any"]
        .into_iter()
        .filter(|key| review.has(&within(key)))
        .collect();
    if let [first, second, ..] = written.as_slice() {
        let message = format!("a rule asks for both `{first}` and `{second}`");
        review.add(
            Mistake::new(code::ISSUER, review.key_at(&within(second)), message)
                .label("one rule asks one thing")
                .help("make two rules of it: under `all` both must hold, under `any` one of them"),
        );
    }
    let checked = ["iss", "exp", "nbf", "iat"];
    if let Some(name) = rule.name.as_deref().filter(|name| checked.contains(name)) {
        let message = format!("a rule about `{name}` has no effect");
        review.add(
            Mistake::new(code::NO_EFFECT, review.at(&within("name")), message)
                .label("the gateway checks this claim itself")
                .help("remove the rule"),
        );
    }
}

fn check_cognito(issuer: &Issuer, index: &str, review: &mut Review<'_>) {
    let within = |key| ["auth", "issuers", index, key];
    if review.tree.is_empty(&within("clients")) {
        let key = if review.has(&within("clients")) { "clients" } else { "profile" };
        let at = review.at(&within(key));
        review.add(
            Mistake::new(code::ISSUER, at, "profile `cognito` needs `clients`")
                .label("its tokens carry no audience, so the client ids decide")
                .help("add `clients: [CLIENT_ID]` with the ids of your app clients"),
        );
    }
    if !issuer.audiences.is_empty() {
        review.add(
            Mistake::new(
                code::NO_EFFECT,
                review.key_at(&within("audiences")),
                "`audiences` has no effect with profile `cognito`",
            )
            .label("Cognito access tokens carry no `aud`")
            .help("remove it; `clients` decides whose tokens are taken"),
        );
    }
}

fn check_oidc(file: &File, index: &str, review: &mut Review<'_>) {
    let within = |key| ["auth", "issuers", index, key];
    let is_known = file.public_url.is_some() || !review.tree.lacks(&["public_url"]);
    if is_known || !review.tree.is_empty(&within("audiences")) {
        return;
    }
    review.add(
        Mistake::new(
            code::ISSUER,
            review.at(&within("profile")),
            "profile `oidc` needs to know its audience",
        )
        .label("tokens meant for others would be taken")
        .help("add `audiences: [URI]` here, or `public_url: https://gw.example.com` at the top"),
    );
}

fn check_unique(issuers: &[Issuer], review: &mut Review<'_>) {
    let mut seen: HashMap<(&str, &str), usize> = HashMap::new();
    for (index, issuer) in issuers.iter().enumerate() {
        let values = [
            ("name", issuer.name.as_deref()),
            ("issuer", issuer.issuer.as_ref().map(|url| url.0.text.as_str())),
        ];
        for (key, value) in values {
            let Some(value) = value else { continue };
            let at = review.at(&["auth", "issuers", &index.to_string(), key]);
            let Some(line) = seen.insert((key, value), at.line) else { continue };
            let (message, help) = if key == "name" {
                ("two issuers have the same name", "give each a name of its own")
            } else {
                (
                    "two issuers have the same `issuer`",
                    "put the `clients` or `audiences` of both into one entry",
                )
            };
            review.add(
                Mistake::new(code::DUPLICATE, at, message)
                    .label("second time here")
                    .help(format!("it is on line {line} already; {help}")),
            );
        }
    }
}

/// In logs and metrics, callers with a key have an issuer as well.
fn check_keys_name(issuers: &[Issuer], review: &mut Review<'_>) {
    for (index, issuer) in issuers.iter().enumerate() {
        if issuer.name.as_deref() == Some(KEYS_ISSUER) {
            let at = review.at(&["auth", "issuers", &index.to_string(), "name"]);
            let message =
                format!("an issuer is named `{KEYS_ISSUER}`, as callers with API keys are");
            review.add(Mistake::new(code::DUPLICATE, at, message).help("give it another name"));
        }
    }
}

/// Scopes that no caller could ever have.
fn check_scopes(file: &File, anonymous: bool, review: &mut Review<'_>) {
    let is_cognito = |issuer: &Issuer| issuer.profile == Some(Profile::Cognito);
    let tokens_only = file.auth.keys.is_none() && file.auth.certificates.is_empty();
    let any_cognito = file.auth.issuers.iter().any(is_cognito) && tokens_only;
    let all_cognito = any_cognito && file.auth.issuers.iter().all(is_cognito);
    let mut lists = vec![(vec!["auth", "scopes"], any_cognito)];
    for (name, target) in &file.targets.0 {
        if !target.scopes.is_empty() {
            lists.push((vec!["targets", name, "scopes"], all_cognito));
        }
    }
    for (name, tool) in &file.tools.0 {
        if !tool.scopes.is_empty() {
            lists.push((vec!["tools", name, "scopes"], all_cognito));
        }
    }
    for (name, server) in &file.servers.0 {
        if !server.scopes.is_empty() {
            lists.push((vec!["servers", name, "scopes"], all_cognito));
        }
    }
    for (path, without_openid) in lists {
        let items = review.tree.items(&path);
        if anonymous && !items.is_empty() {
            review.add(
                Mistake::new(
                    code::NO_EFFECT,
                    review.key_at(&path),
                    "anonymous callers have no scopes",
                )
                .label("nobody could pass")
                .help("remove `scopes`, or name `issuers` instead of `anonymous`"),
            );
        }
        for item in items.iter().filter(|_| without_openid) {
            if item.to_json() == "openid" {
                review.add(
                    Mistake::new(
                        code::ISSUER,
                        item.at,
                        "Cognito machine tokens never carry the scope `openid`",
                    )
                    .label("no such token could pass")
                    .help("require a scope of your resource server, such as `gateway/invoke`"),
                );
            }
        }
    }
}
