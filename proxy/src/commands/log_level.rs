//! `toolgate log-level`: how much a running gateway says.
//!
//! Enters: a level, and for how long. Leaves: the level that it has now. Never: a gateway started or
//! stopped; a level for ever, which is the configuration's.

#[cfg(test)]
mod tests;

use std::io::Write;
use std::time::Duration;

use http::Method;
use serde::{Deserialize, Serialize};

use super::call::gateway::Env;
use super::call::report::{Asked, Report};
use super::call::{Screen, code};
use super::say;
use crate::cli::{LogLevelArgs, Output};
use crate::exit::Exit;
use toolgate_client::runfile::RunFile;
use toolgate_client::{self as client, Failure};

/// How long the gateway may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where `serve` has its admin server unless its configuration says otherwise.
const USUAL: &str = "http://127.0.0.1:9464";

/// What the gateway says.
#[derive(Deserialize, Serialize)]
struct Now {
    level: String,
    configured: String,
    returns_in_ms: Option<u64>,
}

/// Runs the command.
pub async fn run(
    args: &LogLevelArgs,
    env: Env<'_>,
    out: &mut impl Write,
    err: &mut impl Write,
) -> Exit {
    let asked = Box::pin(ask(args, env)).await;
    match (asked, args.output) {
        (Ok(now), Output::Text) => {
            say(out, &line(&now));
            Exit::Ok
        }
        (Ok(now), Output::Json) => {
            say(out, &(serde_json::to_string(&now).unwrap_or_default() + "\n"));
            Exit::Ok
        }
        (Err(report), Output::Text) => {
            say(err, &report.render(&Screen::detect(env)));
            report.exit
        }
        (Err(report), Output::Json) => {
            say(out, &format!("{}\n", serde_json::json!({ "error": &*report })));
            report.exit
        }
    }
}

async fn ask(args: &LogLevelArgs, env: Env<'_>) -> Result<Now, Box<Report>> {
    let dev = || RunFile::find(env).map(|dev| dev.admin).filter(|admin| !admin.is_empty());
    let admin = args.admin.clone().or_else(dev).unwrap_or_else(|| USUAL.to_owned());
    let (method, url) = request(args, &admin);
    let answer = client::admin(method, &url, PATIENCE).await;
    let (status, text) = answer.map_err(|failure| unanswered(&failure))?;
    let said = text.trim_end();
    let refused = |code, exit, help: &str| Err(Box::new(Report::new(code, exit, said).help(help)));
    match status {
        200 => serde_json::from_str(&text).map_err(|_| not_an_admin_server(&url)),
        400 => refused(code::BAD_LEVEL, Exit::Usage, "toolgate log-level debug --for 10m"),
        403 => refused(
            code::NOT_FROM_HERE,
            Exit::Identity,
            "run it on the gateway's machine, with --admin http://127.0.0.1:PORT",
        ),
        _ => Err(not_an_admin_server(&url)),
    }
}

fn request(args: &LogLevelArgs, admin: &str) -> (Method, String) {
    let url = format!("{}/debug/log", admin.trim_end_matches('/'));
    let Some(level) = &args.level else { return (Method::GET, url) };
    let time = args.time.as_ref().map(|time| format!("&for={}", encoded(time)));
    (Method::PUT, format!("{url}?level={}{}", encoded(level), time.unwrap_or_default()))
}

/// Percent-encoded but for what a level is made of (RFC 3986, 2.1).
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"_-.~:,=".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn unanswered(failure: &Failure) -> Box<Report> {
    let asked = Asked { is_call: false, token: None, from_dev: false };
    let report = Report::of(failure, asked);
    let help = if matches!(failure, Failure::Url { .. }) {
        "an admin server's URL looks like http://127.0.0.1:9464"
    } else {
        "check that the gateway runs, and what `admin` of its configuration says"
    };
    Box::new(report.help(help))
}

fn not_an_admin_server(url: &str) -> Box<Report> {
    let message = format!("{url} is not answered as an admin server of this version does");
    let help = "name the admin server, not the MCP endpoint: --admin http://127.0.0.1:9464";
    Box::new(Report::new(code::NOT_MCP, Exit::Gateway, message).help(help))
}

fn line(now: &Now) -> String {
    match now.returns_in_ms {
        Some(left) => {
            let (level, back) = (&now.level, &now.configured);
            format!("{level} for {} s, then {back} again\n", left.div_ceil(1000))
        }
        None => format!("{}\n", now.level),
    }
}
