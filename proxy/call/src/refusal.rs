//! The one error of the gateway.
//!
//! Enters: a case, the sentence for the caller and the detail for the operator. Leaves: one value
//! that every report reads. Never: HTTP statuses or JSON-RPC codes (`admit` maps each case), and
//! never operator detail in the caller's sentence.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::{Abilities, Answer, Explanation, Kind, Reason, Scopes, Secret};

/// What exactly went wrong; each case has one [`Reason`] and one answer on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Case {
    /// The path is not served here.
    Path,
    /// The HTTP method is not served on this path.
    HttpMethod,
    /// The `Host` is not ours (DNS rebinding).
    Host,
    /// The `Origin` is not allowed.
    Origin,
    /// `Content-Type` is not `application/json`.
    ContentType,
    /// The caller accepts neither JSON nor an event stream.
    NotAcceptable,
    /// The body is larger than the limit.
    BodyTooLarge,
    /// The body did not arrive whole.
    BodyIncomplete,
    /// The body did not arrive in time.
    BodyLate,
    /// The body is not JSON.
    BodyNotJson,
    /// The body is JSON, but not one request or notification.
    BodyNotRequest,
    /// The body is a batch.
    Batch,
    /// The body is nested too deeply.
    TooDeep,
    /// A header and the body disagree, or a required header is missing.
    HeaderMismatch,
    /// The protocol revision is not spoken here.
    VersionUnsupported,
    /// A required member of `_meta` is missing.
    MetaMissing,
    /// A request of the older era without a session.
    SessionMissing,
    /// The session has ended, or never was, or is someone else's.
    SessionUnknown,
    /// The method does not exist here.
    MethodUnknown,
    /// The parameters are wrong.
    ParamsInvalid,
    /// The client cannot do what the target needs it to do.
    CapabilityMissing,
    /// There is no such tool, or the caller may not know of it.
    ToolUnknown,
    /// There is no such prompt, or the caller may not know of it.
    PromptUnknown,
    /// Nobody has a resource of that URI.
    ResourceUnknown,
    /// No token.
    TokenMissing,
    /// A token that does not hold.
    TokenInvalid,
    /// A good token without a scope that is needed.
    ScopeMissing,
    /// A policy does not allow it, whatever the token.
    PolicyDenied,
    /// The target is called on behalf of whoever asks, and they have shown no token to do that with.
    SubjectMissing,
    /// The target is called with what its user has agreed to, and this one has agreed to nothing yet.
    GrantMissing,
    /// The issuer's keys cannot be had.
    KeysUnavailable,
    /// The caller asks too often.
    RateLimited,
    /// Whether the caller asks too often cannot be found out.
    RatesUnavailable,
    /// The caller asks the same and is told the same, again and again.
    Looping,
    /// The caller left.
    Cancelled,
    /// A fault of the gateway's own.
    Internal,
    /// No capacity left.
    Overloaded,
    /// The gateway is stopping.
    ShuttingDown,
    /// The call cannot be recorded, and must be.
    AuditUnavailable,
    /// The way to the target, or the target, failed with this reason.
    Target(Reason),
}

/// Why a call is not answered with a result.
#[derive(Clone, Debug)]
pub struct Refusal(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    case: Case,
    message: Cow<'static, str>,
    detail: Option<String>,
    target: Option<Arc<str>>,
    scopes: Option<Scopes>,
    abilities: Option<Abilities>,
    requested: Option<String>,
    explanation: Option<Box<Explanation>>,
    page: Option<Box<Secret>>,
    instead: Option<Box<Answer>>,
    retry_after: Option<Duration>,
    sent: bool,
    unsent: bool,
    retry_safe: bool,
}

// === impl Case ===

impl Case {
    /// The reason that metrics, logs and the answer carry.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::BodyNotJson => Reason::ParseError,
            Self::Path
            | Self::HttpMethod
            | Self::ContentType
            | Self::NotAcceptable
            | Self::BodyTooLarge
            | Self::BodyIncomplete
            | Self::BodyLate
            | Self::BodyNotRequest
            | Self::Batch
            | Self::TooDeep
            | Self::VersionUnsupported
            | Self::SessionMissing
            | Self::SessionUnknown => Reason::InvalidRequest,
            Self::HeaderMismatch => Reason::HeaderMismatch,
            Self::MethodUnknown => Reason::MethodNotFound,
            Self::MetaMissing | Self::ParamsInvalid | Self::CapabilityMissing => {
                Reason::InvalidParams
            }
            Self::ToolUnknown | Self::PromptUnknown | Self::ResourceUnknown => {
                Reason::TargetUnknown
            }
            Self::TokenMissing | Self::TokenInvalid => Reason::Unauthenticated,
            Self::Host
            | Self::Origin
            | Self::ScopeMissing
            | Self::PolicyDenied
            | Self::SubjectMissing
            | Self::GrantMissing => Reason::Forbidden,
            Self::RateLimited | Self::Looping => Reason::RateLimited,
            Self::Cancelled => Reason::ClientCancelled,
            Self::KeysUnavailable | Self::RatesUnavailable | Self::Internal => Reason::Internal,
            Self::Overloaded => Reason::Overloaded,
            Self::ShuttingDown => Reason::Shutdown,
            Self::AuditUnavailable => Reason::AuditUnavailable,
            Self::Target(reason) => reason,
        }
    }
}

// === impl Refusal ===

impl Refusal {
    /// A refusal with the sentence that the caller may read.
    #[must_use]
    pub fn new(case: Case, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            case,
            message: message.into(),
            detail: None,
            target: None,
            scopes: None,
            abilities: None,
            requested: None,
            explanation: None,
            page: None,
            instead: None,
            retry_after: None,
            sent: false,
            unsent: false,
            retry_safe: false,
        }))
    }

    /// A failure of the way to a target, or of the target, before anything was sent.
    #[must_use]
    pub fn target(
        reason: Reason,
        target: &Arc<str>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        let mut refusal = Self::new(Case::Target(reason), message);
        refusal.0.target = Some(Arc::clone(target));
        refusal
    }

    /// There is no such thing, or the caller may not know of it: the words are the same.
    #[must_use]
    pub fn unknown(kind: Kind, exposed: &str) -> Self {
        let shown: String = exposed.chars().filter(|c| !c.is_control()).take(80).collect();
        match kind {
            Kind::Tool => Self::new(
                Case::ToolUnknown,
                format!("unknown tool `{shown}`; tools/list has the names"),
            ),
            Kind::Prompt => Self::new(
                Case::PromptUnknown,
                format!("unknown prompt `{shown}`; prompts/list has the names"),
            ),
            Kind::Task => Self::new(
                Case::ParamsInvalid,
                "no such task: it never was, or is over and forgotten",
            ),
            Kind::Resources => {
                let uri: String = exposed.chars().take(4096).collect();
                Self::new(Case::ResourceUnknown, format!("no target has the resource `{shown}`"))
                    .requested(uri)
            }
        }
    }

    /// A fault of the gateway's own; the detail goes to the log only.
    #[must_use]
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(
            Case::Internal,
            "the gateway failed; its log has the detail under this request id",
        )
        .detail(detail)
    }

    /// Adds what only the operator may read.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Says that the request had left for the target, so that it may have been carried out.
    #[must_use]
    pub fn after_send(mut self) -> Self {
        self.0.sent = true;
        self
    }

    /// Says that the caller's request never left, whatever was sent on the way to it (a handshake,
    /// a question for the list): it cannot have been carried out, and repeating it is safe.
    #[must_use]
    pub fn before_send(mut self) -> Self {
        self.0.sent = false;
        self.0.unsent = true;
        self.0.retry_safe = true;
        self
    }

    /// Names the scopes that would have been enough.
    #[must_use]
    pub fn needing(mut self, scopes: Scopes) -> Self {
        self.0.scopes = Some(scopes);
        self
    }

    /// Names the abilities that would have been enough.
    #[must_use]
    pub fn lacking(mut self, abilities: Abilities) -> Self {
        self.0.abilities = Some(abilities);
        self
    }

    /// Names what was asked for: a revision, a URI.
    #[must_use]
    pub fn requested(mut self, what: impl Into<String>) -> Self {
        self.0.requested = Some(what.into());
        self
    }

    /// Says how the rules came to it, for the operator.
    #[must_use]
    pub fn explained(mut self, explanation: Explanation) -> Self {
        self.0.explanation = Some(Box::new(explanation));
        self
    }

    /// Names the page that the user has to open first.
    #[must_use]
    pub fn open_first(mut self, page: Secret) -> Self {
        self.0.page = Some(Box::new(page));
        self
    }

    /// What the caller is answered with in its stead; all records say what it was all the same.
    #[must_use]
    pub fn answered_by(mut self, answer: Answer) -> Self {
        self.0.instead = Some(Box::new(answer));
        self
    }

    /// Says when another try may succeed.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Says whether repeating the call is safe.
    #[must_use]
    pub fn safe_to_retry(mut self, safe: bool) -> Self {
        self.0.retry_safe = safe;
        self
    }

    /// The same failure under another reason: what the caller is told after the last attempt.
    #[must_use]
    pub fn recast(mut self, reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        self.0.case = Case::Target(reason);
        self.0.message = message.into();
        self
    }

    /// The case.
    #[must_use]
    pub fn case(&self) -> Case {
        self.0.case
    }

    /// The reason of the case.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.0.case.reason()
    }

    /// The sentence for the caller.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The detail for the operator.
    #[must_use]
    pub fn operator_detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// The target concerned.
    #[must_use]
    pub fn target_name(&self) -> Option<&Arc<str>> {
        self.0.target.as_ref()
    }

    /// The scopes that would have been enough.
    #[must_use]
    pub fn scopes(&self) -> Option<&Scopes> {
        self.0.scopes.as_ref()
    }

    /// The abilities that would have been enough.
    #[must_use]
    pub fn missing_abilities(&self) -> Option<Abilities> {
        self.0.abilities
    }

    /// What was asked for.
    #[must_use]
    pub fn what_was_requested(&self) -> Option<&str> {
        self.0.requested.as_deref()
    }

    /// How the rules came to it, if it was they. For the operator: it never goes to the caller.
    #[must_use]
    pub fn explanation(&self) -> Option<&Explanation> {
        self.0.explanation.as_deref()
    }

    /// The page that the user has to open first. Whoever has it can agree in their place.
    #[must_use]
    pub fn page(&self) -> Option<&Secret> {
        self.0.page.as_deref()
    }

    /// What the caller is answered with in its stead.
    #[must_use]
    pub fn instead(&self) -> Option<&Answer> {
        self.0.instead.as_deref()
    }

    /// When another try may succeed.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether the request had left for the target.
    #[must_use]
    pub fn was_sent(&self) -> bool {
        self.0.sent
    }

    /// Whether the request is known not to have left, also where its reason would suggest it.
    #[must_use]
    pub fn was_held_back(&self) -> bool {
        self.0.unsent
    }

    /// Whether repeating the call is safe.
    #[must_use]
    pub fn is_retry_safe(&self) -> bool {
        self.0.retry_safe
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Refusal {}
