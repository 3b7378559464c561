//! What the errors of AWS are to a caller.
//!
//! Enters: an answer that is none. Leaves: the failure with a code of ours and AWS's own words. Never:
//! a failure whose kind is read from its sentence.

use serde_json::Value;

use crate::error::{Code, ToolError, words};
use crate::html::{Piece, pieces};
use crate::upstream::Answer;

/// The failure that an answer tells.
pub(super) fn of(answer: &Answer) -> ToolError {
    let text = String::from_utf8_lossy(&answer.body);
    let (kind, said) = in_json(&text).or_else(|| in_xml(&text)).unwrap_or_default();
    let header = answer.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    // `com.amazonaws.logs#ResourceNotFoundException`, `AccessDeniedException:http://…`.
    let kind = if kind.is_empty() { header.unwrap_or_default() } else { &kind };
    let kind = kind.rsplit('#').next().unwrap_or_default();
    let kind = words(kind.split(':').next().unwrap_or_default());
    if kind.is_empty() {
        return answer.by_status();
    }
    let said = words(&said);
    let (code, advice) = meaning(&kind, answer.status.as_u16());
    answer.failed(code, format!("{} ({kind}): {said}", advice))
}

/// What a kind of error means, and what to tell.
fn meaning(kind: &str, status: u16) -> (Code, &'static str) {
    let bare = kind.strip_suffix("Exception").unwrap_or(kind);
    match bare {
        "ExpiredToken" | "RequestExpired" => {
            (Code::Denied, "the AWS credentials of this gateway have expired")
        }
        "AccessDenied" | "UnauthorizedOperation" | "AuthFailure" | "OptInRequired" => {
            (Code::Denied, "AWS does not allow this gateway that; its operator can")
        }
        "UnrecognizedClient"
        | "InvalidClientTokenId"
        | "InvalidSignature"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "NotAuthorized" => (Code::Denied, "AWS does not take this gateway's credentials"),
        "Throttling"
        | "Throttled"
        | "ThrottledRequest"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "LimitExceeded"
        | "SlowDown" => (Code::RateLimited, "AWS takes no more such requests for now"),
        "ResourceNotFound" | "NotFound" | "ResourceNotFoundFault" => {
            (Code::NotFound, "AWS does not have that")
        }
        "Validation"
        | "ValidationError"
        | "MalformedQuery"
        | "InvalidParameter"
        | "InvalidParameterValue"
        | "InvalidParameterCombination"
        | "MissingParameter"
        | "MissingRequiredParameter"
        | "InvalidNextToken"
        | "Serialization"
        | "InvalidFormat" => (Code::InvalidArguments, "AWS cannot take this"),
        "InternalServer"
        | "InternalFailure"
        | "InternalServiceError"
        | "InternalServiceFault"
        | "InternalServerError"
        | "InternalService"
        | "ServiceUnavailable"
        | "Server"
        | "Internal" => (Code::UpstreamError, "AWS has failed"),
        _ if status == 429 => (Code::RateLimited, "AWS takes no more such requests for now"),
        _ if status == 403 || status == 401 => {
            (Code::Denied, "AWS does not allow this gateway that")
        }
        _ if status == 404 => (Code::NotFound, "AWS does not have that"),
        _ if status >= 500 => (Code::UpstreamError, "AWS has failed"),
        _ => (Code::Refused, "AWS refuses this"),
    }
}

/// Kind and sentence of an error of the JSON protocols.
fn in_json(text: &str) -> Option<(String, String)> {
    let error: Value = serde_json::from_str(text).ok()?;
    let member = |names: [&str; 3]| {
        let found = names.iter().find_map(|name| error.get(*name)?.as_str());
        found.unwrap_or_default().to_owned()
    };
    Some((member(["__type", "code", "Code"]), member(["message", "Message", "errorMessage"])))
}

/// The same of the query protocol.
fn in_xml(text: &str) -> Option<(String, String)> {
    let kind = element(text, "code")?;
    Some((kind, element(text, "message").unwrap_or_default()))
}

/// The text of the first element of that name, which is in lower case.
pub(crate) fn element(xml: &str, name: &str) -> Option<String> {
    let mut pieces = pieces(xml);
    pieces.find(|piece| matches!(piece, Piece::Start(tag) if tag.name == name))?;
    let texts = pieces.map_while(|piece| match piece {
        Piece::Text(text) => Some(text),
        Piece::Start(_) | Piece::End(_) => None,
    });
    Some(texts.collect::<String>().trim().to_owned())
}
