//! What a target says to the wish for a stream of changes.
//!
//! Enters: the head of its answer, its acknowledgement, its answer. Leaves: why there is no stream, or
//! that there is one. Never: a wait.

use http::Response;
use serde::Deserialize;
use toolgate_call::{Answer, RawJson};

use super::Ending;
use crate::http::reply::{Kind, is_ours};
use crate::session::ACKNOWLEDGED;

const METHOD_UNKNOWN: i64 = -32601;

#[derive(Deserialize)]
struct Acknowledged {
    params: AcknowledgedParams,
}

#[derive(Deserialize)]
struct AcknowledgedParams {
    notifications: Accepted,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    #[serde(default)]
    tools_list_changed: bool,
    #[serde(default)]
    prompts_list_changed: bool,
    #[serde(default)]
    resources_list_changed: bool,
    #[serde(default)]
    resource_subscriptions: Vec<serde::de::IgnoredAny>,
    #[serde(default)]
    task_ids: Vec<serde::de::IgnoredAny>,
}

// === impl Accepted ===

impl Accepted {
    fn is_some(&self) -> bool {
        let lists =
            [self.tools_list_changed, self.prompts_list_changed, self.resources_list_changed];
        let single = self.resource_subscriptions.len() + self.task_ids.len();
        lists.contains(&true) || single > 0
    }
}

/// Whether a notice acknowledges a subscription, and if so, whether anything of it was accepted.
pub(super) fn acknowledged(method: &str, raw: &RawJson) -> Option<bool> {
    let said = (method == ACKNOWLEDGED).then(|| raw.parse::<Acknowledged>())?;
    Some(said.is_ok_and(|said| said.params.notifications.is_some()))
}

/// Why the head of an answer is not that of a stream.
pub(super) fn refused<B>(head: &Response<B>) -> Option<Ending> {
    let status = head.status();
    if status.is_success() {
        let streams = Kind::of(head.headers()) == Kind::Sse;
        let why = || Ending::NotOffered(format!("HTTP {status} without an event stream"));
        return (!streams).then(why);
    }
    let why = format!("HTTP {status}");
    // Some take a second stream only when they have noticed that the first is gone (409).
    let passes = matches!(status.as_u16(), 401 | 403 | 408 | 409 | 425 | 429);
    let broken = status.is_server_error() && status.as_u16() != 501;
    Some(if passes || broken { Ending::Over(why) } else { Ending::NotOffered(why) })
}

/// The answer to a subscription is its end.
pub(super) fn answered(ours: u64, id: &RawJson, answer: &Answer) -> Option<Ending> {
    if !is_ours(id, ours, answer) {
        return None;
    }
    Some(match answer {
        Answer::Error { code: METHOD_UNKNOWN, .. } => {
            Ending::NotOffered("the target knows no subscriptions".to_owned())
        }
        Answer::Error { code, .. } => Ending::Over(format!("error {code}")),
        Answer::Result { .. } => Ending::Over("the target ended the subscription".to_owned()),
    })
}
