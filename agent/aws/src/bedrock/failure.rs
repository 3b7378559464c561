//! Why there is no reply from Bedrock.
//!
//! In: what went wrong. Out: a fault of the seam, and a sentence that names what to do.
//! Never: what Bedrock wrote beside its code.

use toolgate_agent_model::{Fault, ModelError};

use crate::trouble::{Hint, Kind, Trouble};

/// What was asked.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) model: &'a str,
    pub(super) region: &'a str,
    pub(super) streaming: bool,
}

/// An answer that cannot be read.
pub(super) fn garbled(message: &str) -> ModelError {
    ModelError::new(Fault::Protocol, message)
}

/// What the seam calls it.
pub(super) fn failure(trouble: &Trouble, about: About<'_>) -> ModelError {
    ModelError {
        fault: fault(trouble),
        message: sentence(trouble, about),
        retry_after: trouble.retry_after,
        request_id: trouble.request_id.clone(),
    }
}

fn fault(trouble: &Trouble) -> Fault {
    match trouble.kind {
        Kind::Unreachable => Fault::Unreachable,
        Kind::TimedOut => Fault::TimedOut,
        Kind::Credentials | Kind::Denied => Fault::Denied,
        Kind::Throttled | Kind::Quota => Fault::Throttled,
        Kind::NotFound => Fault::NotFound,
        Kind::Invalid if trouble.hint == Some(Hint::TooLong) => Fault::TooLong,
        Kind::Invalid | Kind::Conflict => Fault::Rejected,
        Kind::Unavailable => Fault::Unavailable,
        Kind::Garbled => Fault::Protocol,
    }
}

fn sentence(trouble: &Trouble, about: About<'_>) -> String {
    let About { model, region, streaming } = about;
    let action =
        if streaming { "bedrock:InvokeModelWithResponseStream" } else { "bedrock:InvokeModel" };
    let code = trouble.code();
    match (trouble.kind, trouble.hint) {
        (Kind::Denied, Some(Hint::ModelAccess)) => format!(
            "this account has no access to the model {model} in {region}{code}; ask for it under \"Model access\" in the console of Bedrock"
        ),
        (Kind::Denied, _) => format!(
            "AWS does not allow {action} on the model {model} in {region}{code}; add that action, for the model and for its inference profile, to the policy of the agent's role"
        ),
        (Kind::NotFound, _) => format!(
            "Bedrock has no model {model} in {region}{code}; correct its id in the catalogue, or the region"
        ),
        (Kind::Invalid, Some(Hint::TooLong)) => format!(
            "the conversation is longer than the model {model} reads{code}; begin a new session, or ask for less at once"
        ),
        (Kind::Invalid, Some(Hint::Profile)) => format!(
            "the model {model} is served through an inference profile only{code}; write the profile's id, such as `us.` before the model's, into the catalogue"
        ),
        (Kind::Invalid, Some(Hint::Streaming)) => format!(
            "the model {model} does not stream{code}; write `streaming: false` beside it in the catalogue"
        ),
        (Kind::Invalid, Some(Hint::Tools)) => {
            format!("the model {model} cannot use tools{code}; choose another one")
        }
        (Kind::Invalid, Some(Hint::Caching)) => format!(
            "the model {model} has no cache of prompts{code}; write `caching: false` beside it in the catalogue"
        ),
        (Kind::Unavailable, _) if trouble.code.as_deref() == Some("ModelNotReadyException") => {
            format!("the model {model} is being loaded{code}; ask again in a moment")
        }
        _ => trouble.on_the_way("Bedrock"),
    }
}
