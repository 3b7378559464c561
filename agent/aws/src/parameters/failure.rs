//! Why parameters could not be read or written.
//!
//! In: what went wrong. Out: a closed kind, and a sentence that names what to do. Never: a value;
//! what the service wrote beside its code.

use crate::trouble::{Hint, Kind, Trouble};

/// Parameters could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParameterError {
    /// Why.
    pub fault: ParameterFault,
    /// What happened and what to do about it: a sentence for the operator.
    pub message: String,
    /// The service's id of the request, if it got there.
    pub request_id: Option<String>,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParameterFault {
    /// The service is not reached, or it fails. Later may do.
    Unavailable,
    /// There are no good credentials, or they may not do this.
    Denied,
    /// There were too many requests, more than the SDK was willing to repeat.
    Throttled,
    /// Somebody else has written the parameter meanwhile.
    Conflict,
    /// It cannot be done like this, neither now nor later.
    Rejected,
}

/// What was done when it failed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed<'a> {
    /// All were read.
    Load,
    /// One was read, before it is written.
    Look,
    /// That key was written.
    Put(&'a str),
}

// === impl ParameterError ===

impl ParameterError {
    pub(super) fn rejected(message: impl Into<String>) -> Self {
        Self { fault: ParameterFault::Rejected, message: message.into(), request_id: None }
    }
}

/// Makes an error of what went wrong.
pub(super) fn failure(trouble: &Trouble, deed: Deed<'_>, prefix: &str) -> ParameterError {
    ParameterError {
        fault: fault(trouble.kind),
        message: sentence(trouble, deed, prefix),
        request_id: trouble.request_id.clone(),
    }
}

const fn fault(kind: Kind) -> ParameterFault {
    match kind {
        Kind::Unreachable | Kind::TimedOut | Kind::Unavailable | Kind::Garbled => {
            ParameterFault::Unavailable
        }
        Kind::Credentials | Kind::Denied => ParameterFault::Denied,
        Kind::Throttled => ParameterFault::Throttled,
        Kind::Conflict => ParameterFault::Conflict,
        Kind::Quota | Kind::NotFound | Kind::Invalid => ParameterFault::Rejected,
    }
}

fn sentence(trouble: &Trouble, deed: Deed<'_>, prefix: &str) -> String {
    let code = trouble.code();
    let (action, key_action) = match deed {
        Deed::Load => ("ssm:GetParametersByPath", "kms:Decrypt"),
        Deed::Look => ("ssm:GetParameter", "kms:Decrypt"),
        Deed::Put(_) => ("ssm:PutParameter", "kms:Encrypt"),
    };
    let path = prefix.trim_end_matches('/');
    match (trouble.kind, trouble.hint, deed) {
        (Kind::Denied, Some(Hint::Key), _) => format!(
            "AWS does not allow {key_action} for secrets below {prefix}{code}; add that action, for the key that they are sealed with, to the policy of the agent's role"
        ),
        (Kind::Denied, Some(Hint::Tags), Deed::Put(_)) => format!(
            "AWS does not allow ssm:AddTagsToResource below {prefix}{code}, and new parameters are tagged; add that action, for `parameter{prefix}*`, to the policy of whoever pushes"
        ),
        (Kind::Denied, ..) => format!(
            "AWS does not allow {action} below {prefix}{code}; add that action, for `parameter{path}` and `parameter{prefix}*`, to the policy of the agent's role"
        ),
        (Kind::Invalid, ..) if trouble.code.as_deref() == Some("InvalidKeyId") => format!(
            "the key of KMS that secrets below {prefix} are sealed with is not there, or switched off{code}; enable it, or name another one"
        ),
        (Kind::Invalid | Kind::NotFound, _, Deed::Put(key)) => format!(
            "the Parameter Store does not take `{key}` as it is{code}; is there something in two braces in it, or has the parameter another type?"
        ),
        (Kind::Conflict, _, Deed::Put(key)) => format!(
            "the parameter {prefix}{key} was written by somebody else meanwhile{code}; look at the difference again, and push again"
        ),
        (Kind::Quota, ..) => format!(
            "the Parameter Store of this account and region is full{code}; delete parameters that nobody needs"
        ),
        _ => trouble.on_the_way("the Parameter Store"),
    }
}
