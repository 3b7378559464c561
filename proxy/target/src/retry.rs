//! Members of `params` by which a call is taken further, and which only 2026-07-28 knows.
//!
//! Enters: a call for a target of the older era. Leaves: its body without them. Never: a
//! `requestState` that is silently lost: no older target has ever given one, so whoever sends it
//! means another call than the one that would be made.

use bytes::Bytes;
use toolgate_call::{Call, Case, Members, Refusal, member, object};

/// Whether an older target can be sent that call.
///
/// # Errors
/// [`Case::ParamsInvalid`]: it goes on with something that the target has not begun.
pub(crate) fn check(call: &Call) -> Result<(), Refusal> {
    if call.frame.state().is_none() {
        return Ok(());
    }
    let message = "this `requestState` belongs to no call that waits; start anew, without it";
    Err(Refusal::new(Case::ParamsInvalid, message))
}

/// The same body without them.
pub(crate) fn without(call: &Call, body: Bytes) -> Bytes {
    if !call.frame.is_retry() {
        return body;
    }
    rebuilt(&body).unwrap_or(body)
}

fn rebuilt(body: &[u8]) -> Option<Bytes> {
    let Members(members) = serde_json::from_slice(body).ok()?;
    let members = members.iter().map(|(key, value)| {
        let own = (key == "params").then(|| {
            Members::of(value.get().as_bytes()).without(&["requestState", "inputResponses"])
        });
        member(key, own.as_deref().unwrap_or(value.get()))
    });
    Some(object(members).into())
}

#[cfg(test)]
mod tests {
    //! What goes and what stays.

    use super::rebuilt;

    #[test]
    fn only_the_two_members_of_params_go() {
        let body = br#"{"id":1,"params":{"name":"x","inputResponses":{"a":{}},"arguments":{"requestState":"mine"},"requestState":"s"},"requestState":0}"#;
        let wanted = r#"{"id":1,"params":{"name":"x","arguments":{"requestState":"mine"}},"requestState":0}"#;
        assert_eq!(rebuilt(body).unwrap(), wanted);
    }
}
