//! Which era a child speaks.
//!
//! Enters: a link to a child that has just started. Leaves: the era, once the child is ready for
//! calls. Never: keyed on one error code; whatever is not the modern era is the older one
//! (`basic/versioning`, "stdio").

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use serde::Deserialize;
use tokio::time::timeout;
use toolgate_call::{Answer, Era, RawJson, Refusal, Version};

use super::link::{Ask, Asker, Link, Ticket};
use super::request;

#[derive(Deserialize)]
struct Discovered {
    #[serde(rename = "supportedVersions")]
    versions: Vec<String>,
    #[serde(default)]
    capabilities: Capabilities,
}

#[derive(Default, Deserialize)]
struct Capabilities {
    #[serde(default)]
    tools: ToolsCapability,
}

#[derive(Default, Deserialize)]
struct ToolsCapability {
    #[serde(rename = "listChanged", default)]
    list_changed: bool,
}

#[derive(Deserialize)]
struct Initialized {
    #[serde(rename = "protocolVersion")]
    version: String,
}

/// An error that says which revisions are spoken.
#[derive(Deserialize)]
struct Unsupported {
    #[serde(default)]
    data: Supported,
}

#[derive(Default, Deserialize)]
struct Supported {
    #[serde(default)]
    supported: Vec<String>,
}

/// What the answer to `server/discover` tells.
enum Verdict {
    /// A modern server; and whether it tells of changes of its list.
    Modern { tells: bool },
    /// A modern server, but of no revision that the gateway speaks.
    Stranger,
    /// Not a modern server.
    Older,
}

/// HeaderMismatch, MissingRequiredClientCapability, UnsupportedProtocolVersion: only a modern
/// server knows these.
const MODERN_ERRORS: [i64; 3] = [-32020, -32021, -32022];
const UNSUPPORTED_VERSION: i64 = -32022;
/// Older than the gateway's own revisions, but the same over a pipe as far as tools go.
const OLDEST: &str = "2024-11-05";

/// Agrees with a child on an era: `known`, or the one that it turns out to speak.
///
/// # Errors
/// A sentence for the operator.
pub(super) async fn agree(
    link: &Arc<Link>,
    known: Option<Era>,
    limit: Duration,
) -> Result<Era, String> {
    let agreed = match known {
        None => timeout(limit, detect(link, limit / 4)).await,
        Some(Era::Modern) => timeout(limit, modern(link)).await,
        Some(Era::Legacy) => timeout(limit, legacy(link)).await,
    };
    let seconds = limit.as_secs_f64();
    agreed.unwrap_or_else(|_| Err(format!("it did not finish the handshake within {seconds} s")))
}

/// Asks in the modern way, and in the older one if that leads nowhere. A child that is slow to
/// start gets both questions, and the first good answer decides.
async fn detect(link: &Arc<Link>, patience: Duration) -> Result<Era, String> {
    let mut question = ask(link, request::discover)?;
    if let Ok(answer) = timeout(patience, question.ending()).await {
        return match judge(&answer.map_err(|refusal| say(&refusal))?) {
            Verdict::Older => legacy(link).await,
            verdict @ (Verdict::Modern { .. } | Verdict::Stranger) => settle(link, &verdict),
        };
    }
    let older = pin!(legacy(link));
    let discovered = pin!(question.ending());
    match select(discovered, older).await {
        Either::Left((Ok(answer), older)) => match judge(&answer) {
            Verdict::Older => older.await,
            verdict @ (Verdict::Modern { .. } | Verdict::Stranger) => settle(link, &verdict),
        },
        Either::Left((Err(refusal), _)) => Err(say(&refusal)),
        Either::Right((agreed, _)) => agreed,
    }
}

async fn modern(link: &Arc<Link>) -> Result<Era, String> {
    let answer = ask(link, request::discover)?.ending().await.map_err(|refusal| say(&refusal))?;
    settle(link, &judge(&answer))
}

/// `initialize`, and the notification that ends the handshake.
async fn legacy(link: &Arc<Link>) -> Result<Era, String> {
    let answer = ask(link, request::initialize)?.ending().await.map_err(|refusal| say(&refusal))?;
    let Answer::Result { raw, .. } = answer else {
        return Err("it refused `initialize`; is it an MCP server?".into());
    };
    let Initialized { version } = raw
        .parse()
        .map_err(|_| "its answer to `initialize` names no `protocolVersion`".to_owned())?;
    let spoken = Version::parse(&version).is_some_and(|version| version.era() == Era::Legacy);
    if !spoken && version != OLDEST {
        return Err("it speaks a revision of the protocol that the gateway does not".into());
    }
    link.agree(Era::Legacy);
    link.say(Bytes::from_static(request::INITIALIZED.as_bytes()));
    Ok(Era::Legacy)
}

fn judge(answer: &Answer) -> Verdict {
    match answer {
        Answer::Result { raw, .. } => judge_result(raw),
        Answer::Error { code: UNSUPPORTED_VERSION, raw } => {
            let supported = raw.parse::<Unsupported>().map(|error| error.data.supported);
            judge_versions(&supported.unwrap_or_default(), false)
        }
        Answer::Error { code, .. } if MODERN_ERRORS.contains(code) => {
            Verdict::Modern { tells: false }
        }
        Answer::Error { .. } => Verdict::Older,
    }
}

fn judge_result(raw: &RawJson) -> Verdict {
    let Ok(Discovered { versions, capabilities }) = raw.parse() else { return Verdict::Older };
    judge_versions(&versions, capabilities.tools.list_changed)
}

/// A server that names only revisions of the older era asks for `initialize`.
fn judge_versions(versions: &[String], tells: bool) -> Verdict {
    let eras = || versions.iter().filter_map(|version| Version::parse(version)).map(Version::era);
    if eras().any(|era| era == Era::Modern) {
        return Verdict::Modern { tells };
    }
    if eras().any(|era| era == Era::Legacy) { Verdict::Older } else { Verdict::Stranger }
}

fn settle(link: &Arc<Link>, verdict: &Verdict) -> Result<Era, String> {
    match verdict {
        Verdict::Modern { tells } => {
            link.agree(Era::Modern);
            if *tells {
                link.subscribe();
            }
            Ok(Era::Modern)
        }
        Verdict::Stranger => {
            Err("it speaks a revision of the protocol that the gateway does not".into())
        }
        Verdict::Older => Err("it does not speak 2026-07-28; set `era: auto` or `legacy`".into()),
    }
}

fn ask(link: &Arc<Link>, body: fn(u64) -> Bytes) -> Result<Ticket, String> {
    let ask = Ask { asker: Asker::Handshake, ledger: None, token: None };
    link.ask(ask, |id| Some(body(id))).map_err(|refusal| say(&refusal))
}

fn say(refusal: &Refusal) -> String {
    let detail = refusal.operator_detail().unwrap_or_default();
    format!("the handshake failed: {refusal} {detail}").trim_end().to_owned()
}
