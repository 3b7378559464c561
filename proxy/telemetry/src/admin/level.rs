//! `/debug/log`: how much is said in the log, and for how long.
//!
//! Enters: GET, or PUT from this machine. Leaves: the level as JSON. Never: a change asked for from
//! elsewhere; a question that is understood in part.

use std::net::SocketAddr;
use std::time::Duration;

use http::header::ALLOW;
use http::{HeaderValue, Method, StatusCode};

use super::Admin;
use super::page::{Answer, JSON, TEXT, respond};
use crate::diagnostics::Level;
use crate::recorder::decoded;

/// How long a level stays unless it is asked for another time, and at most.
const USUAL: Duration = Duration::from_secs(15 * 60);
const LONGEST: Duration = Duration::from_secs(24 * 3600);

pub(super) fn answer(
    admin: &Admin,
    method: &Method,
    query: Option<&str>,
    peer: Option<SocketAddr>,
) -> Answer {
    let Some(levels) = &admin.levels else {
        let advice = "The messages of this process are somebody else's.\n";
        return respond(StatusCode::NOT_FOUND, TEXT, advice);
    };
    let refused = match *method {
        Method::GET | Method::HEAD => {
            query.map(|_| (StatusCode::BAD_REQUEST, "The level is changed with PUT.\n".to_owned()))
        }
        Method::PUT => change(levels, query.unwrap_or_default(), peer).err(),
        _ => {
            let text = "Only GET, HEAD and PUT are served here.\n";
            let mut refused = respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, text);
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, PUT"));
            return refused;
        }
    };
    match refused {
        Some((status, advice)) => respond(status, TEXT, advice),
        None => {
            let shown = serde_json::json!(levels.shown());
            respond(StatusCode::OK, JSON, format!("{shown}\n"))
        }
    }
}

fn change(
    levels: &std::sync::Arc<crate::diagnostics::Levels>,
    query: &str,
    peer: Option<SocketAddr>,
) -> Result<(), (StatusCode, String)> {
    let Some(peer) = peer.filter(|peer| peer.ip().to_canonical().is_loopback()) else {
        let advice =
            "The level is changed only from the machine itself, over a loopback address.\n";
        return Err((StatusCode::FORBIDDEN, advice.to_owned()));
    };
    let wrong = |why| (StatusCode::BAD_REQUEST, why);
    let (level, time) = parse(query).map_err(wrong)?;
    levels.set(level, time, &peer.to_string()).map_err(|why| {
        tracing::error!(error = why, "the log level could not be changed");
        let advice = "The level could not be changed; the log says why.\n";
        (StatusCode::INTERNAL_SERVER_ERROR, advice.to_owned())
    })
}

fn parse(query: &str) -> Result<(Level, Duration), String> {
    const KNOWN: &str = "Write /debug/log?level=info,toolgate_reach=debug&for=10m.";
    let (mut level, mut time) = (None, None);
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let slot = match name {
            "level" => &mut level,
            "for" => &mut time,
            _ => return Err(format!("There is no such parameter. {KNOWN}\n")),
        };
        let value = decoded(value).ok_or("A value is not percent-encoded UTF-8.\n")?;
        if slot.replace(value).is_some() {
            return Err("A parameter can be given once.\n".to_owned());
        }
    }
    let level = level.ok_or_else(|| format!("`level` is missing. {KNOWN}\n"))?;
    let level = Level::parse(&level).map_err(|why| format!("{why}\n"))?;
    let time = time.map_or(Ok(USUAL), |text| {
        let time = duration(&text).filter(|time| !time.is_zero() && *time <= LONGEST);
        time.ok_or("`for` is a number and a unit, s, m or h, and at most 24h: 10m.\n")
    })?;
    Ok((level, time))
}

/// `30s`, `10m` or `2h`.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let plain =
        !number.is_empty() && number.len() <= 9 && number.bytes().all(|b| b.is_ascii_digit());
    let number: u64 = plain.then(|| number.parse().ok())??;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    Some(Duration::from_secs(number * seconds))
}
