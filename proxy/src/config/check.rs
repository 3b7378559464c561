//! Whether a well-formed configuration makes sense.
//!
//! In: the typed file and its tree. Out: mistakes, all of them. It never looks
//! outside the file; secrets are fetched by `resolve`.

pub(crate) mod amounts;
mod audit;
mod auth;
mod aws;
mod builtin;
mod cloudwatch;
mod credentials;
mod definitions;
mod grants;
mod lambda;
mod log;
mod pins;
mod policy;
mod rates;
mod secrets;
mod servers;
mod targets;
mod tls;
mod tools;
mod traces;

use std::net::SocketAddr;

use super::address::is_loopback;
use super::code;
use super::file::File;
use super::report::Mistake;
use super::resolve::{DEFAULT_ADMIN, DEFAULT_LISTEN};
use super::review::Review;

/// Checks everything.
pub(crate) fn check(file: &File, review: &mut Review<'_>) {
    let listen = file.listen.as_ref().map_or(DEFAULT_LISTEN, |listen| listen.0.0);
    addresses(file, listen, review);
    public_url(file, listen, review);
    tls::check(file, review);
    auth::check(file, listen, review);
    amounts::check(file, review);
    definitions::check(review);
    targets::check(file, review);
    tools::check(file, review);
    pins::check(file, review);
    policy::check(file, review);
    rates::check(file, review);
    servers::check(file, review);
    log::check(file, review);
    audit::check(file, review);
    traces::check(file, review);
    aws::check(file, review);
    secrets::check(file, review);
    grants::check(file, listen, review);
    cloudwatch::check(file, review);
}

fn addresses(file: &File, listen: SocketAddr, review: &mut Review<'_>) {
    let admin = file.admin.as_ref().map_or(Some(DEFAULT_ADMIN), |admin| admin.0.0);
    let Some(admin) = admin else { return };
    let overlaps =
        listen.ip() == admin.ip() || listen.ip().is_unspecified() || admin.ip().is_unspecified();
    if listen.port() == 0 || listen.port() != admin.port() || !overlaps {
        return;
    }
    let key = if review.has(&["admin"]) { "admin" } else { "listen" };
    let other = if key == "admin" { listen } else { admin };
    let other_key = if key == "admin" { "listen" } else { "admin" };
    review.add(
        Mistake::new(
            code::ADDRESS_CLASH,
            review.at(&[key]),
            "`listen` and `admin` are the same address",
        )
        .label(format!("`{other_key}` is {other}"))
        .help("give `admin` another port, or write `admin: off`"),
    );
}

fn public_url(file: &File, listen: SocketAddr, review: &mut Review<'_>) {
    let Some(url) = &file.public_url else {
        let is_nameless = review.tree.is_empty(&["hosts"]) && review.tree.lacks(&["public_url"]);
        if listen.ip().is_unspecified() && is_nameless {
            refuse_nameless(listen, review);
        }
        return;
    };
    if !url.0.is_origin() {
        review.add(
            Mistake::new(code::MALFORMED, review.at(&["public_url"]), "`public_url` has a path")
                .label("expected scheme, host and port only")
                .help("the endpoint is always `/mcp`; write for example `https://gw.example.com`"),
        );
    }
}

/// Whoever calls from elsewhere writes a name into `Host` that must be known here.
fn refuse_nameless(listen: SocketAddr, review: &mut Review<'_>) {
    let message = "callers elsewhere would be refused: no name of this gateway is configured";
    review.add(
        Mistake::new(code::MISSING_KEY, review.at(&["listen"]), message)
            .label(format!("{listen} is every address, and the name of none"))
            .help(
                "add `public_url: https://gw.example.com`, or `hosts: [gw.internal:8800]` with \
                 what callers write",
            ),
    );
}

/// Whether only this machine can reach the address.
fn is_local(address: SocketAddr) -> bool {
    is_loopback(&address.ip().to_string())
}
