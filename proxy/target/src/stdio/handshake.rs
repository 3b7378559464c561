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
use toolgate_call::{Answer, Era, Refusal, Version};

use super::link::{Ask, Asker, Link, Ticket};
use super::request;
use crate::era::{Verdict, judge};

#[derive(Deserialize)]
struct Initialized {
    #[serde(rename = "protocolVersion")]
    version: String,
}

/// How long a child may hesitate over the modern question before it is asked the older one as well.
const HESITATION: Duration = Duration::from_millis(2500);
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
        None => timeout(limit, detect(link, (limit / 4).min(HESITATION))).await,
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
    match Version::parse(&version).filter(|version| version.era() == Era::Legacy) {
        Some(version) => link.agree_on(version),
        None if version == OLDEST => link.agree(Era::Legacy),
        None => {
            return Err("it speaks a revision of the protocol that the gateway does not".into());
        }
    }
    link.introduce(raw);
    link.say(Bytes::from_static(request::INITIALIZED.as_bytes()));
    Ok(Era::Legacy)
}

fn settle(link: &Arc<Link>, verdict: &Verdict) -> Result<Era, String> {
    match verdict {
        Verdict::Modern { tells } => {
            link.tells(*tells == Some(true));
            link.agree_on(Version::LATEST);
            Ok(Era::Modern)
        }
        Verdict::Stranger => {
            Err("it speaks a revision of the protocol that the gateway does not".into())
        }
        Verdict::Older => Err("it does not speak 2026-07-28; set `era: auto` or `legacy`".into()),
    }
}

fn ask(link: &Arc<Link>, body: fn(u64) -> Bytes) -> Result<Ticket, String> {
    let ask = Ask::own(Asker::Handshake, None);
    link.ask(ask, |id| Some(body(id))).map_err(|refusal| say(&refusal))
}

fn say(refusal: &Refusal) -> String {
    let detail = refusal.operator_detail().unwrap_or_default();
    format!("the handshake failed: {refusal} {detail}").trim_end().to_owned()
}
