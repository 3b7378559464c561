//! What the errors of Kubernetes are to a caller.
//!
//! Enters: an answer that is none. Leaves: the failure with a code of ours and the cluster's own words
//! (`meta/v1 Status`). Never: a failure whose kind is read from its sentence.

use serde::Deserialize;

use crate::error::{Code, ToolError, words};
use crate::upstream::Answer;

#[derive(Deserialize)]
struct Status {
    kind: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

/// The failure that an answer tells.
pub(super) fn of(answer: &Answer) -> ToolError {
    let Some(told) = answer.json::<Status>().ok().filter(|told| told.kind == "Status") else {
        return answer.by_status();
    };
    let (code, advice) = match (told.reason.as_str(), answer.status.as_u16()) {
        ("Unauthorized", _) | (_, 401) => {
            (Code::Denied, "the cluster does not take this gateway's credentials")
        }
        ("Forbidden", _) | (_, 403) => {
            (Code::Denied, "the cluster does not allow this gateway that; its operator can")
        }
        ("Expired" | "Gone", _) | (_, 410) => {
            (Code::InvalidArguments, "`next` has ended; begin again without it")
        }
        ("NotFound", _) | (_, 404) => (Code::NotFound, "the cluster does not have that"),
        ("BadRequest" | "Invalid", _) | (_, 400 | 422) => {
            (Code::InvalidArguments, "the cluster cannot take this")
        }
        ("Conflict" | "AlreadyExists", _) | (_, 409) => {
            (Code::Refused, "it was changed by somebody else meanwhile; look at it again first")
        }
        ("TooManyRequests", _) | (_, 429) => {
            (Code::RateLimited, "the cluster takes no more requests for now")
        }
        ("Timeout" | "ServerTimeout", _) | (_, 504) => (Code::Timeout, "the cluster took too long"),
        (_, 500..) => (Code::UpstreamError, "the cluster has failed"),
        _ => (Code::Refused, "the cluster refuses this"),
    };
    answer.failed(code, format!("{advice} ({}): {}", words(&told.reason), words(&told.message)))
}
