//! What went wrong with a request to AWS.
//!
//! In: an error of the SDK. Out: a closed kind, the service's code, the id of the request.
//! Never: what a service writes beside its code, which may quote the request, an account or a role;
//! it is looked at here and not passed on.

use std::error::Error;
use std::iter::successors;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::event_stream::RawMessage;
use aws_types::request_id::RequestId as _;

/// The longest pause that a service can ask for.
const LONGEST: Duration = Duration::from_secs(300);

/// Why a request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) kind: Kind,
    /// The service's own code, if it gave one.
    pub(crate) code: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) hint: Option<Hint>,
}

/// The kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No connection, or it broke.
    Unreachable,
    TimedOut,
    /// There are no credentials here, or AWS does not know them (any more).
    Credentials,
    /// They are good, and not allowed to do this.
    Denied,
    Throttled,
    /// A quota that waiting does not change.
    Quota,
    NotFound,
    /// It is there already, or somebody else is changing it.
    Conflict,
    /// The service does not take the request.
    Invalid,
    /// The service fails.
    Unavailable,
    /// An answer that makes no sense.
    Garbled,
}

/// What the service's sentence is about, where that changes what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// The conversation is too long.
    TooLong,
    /// The model is to be asked through an inference profile.
    Profile,
    /// The model cannot stream, or not with tools.
    Streaming,
    /// The model cannot use tools.
    Tools,
    /// The model cannot cache prompts.
    Caching,
    /// Access to the model was never asked for.
    ModelAccess,
    /// A key of KMS.
    Key,
    /// Tags.
    Tags,
}

/// An answer, as far as there is one.
pub(crate) trait Raw {
    fn status(&self) -> Option<u16>;
    fn header(&self, name: &'static str) -> Option<&str>;
}

// === impl Raw ===

impl Raw for HttpResponse {
    fn status(&self) -> Option<u16> {
        Some(self.status().as_u16())
    }

    fn header(&self, name: &'static str) -> Option<&str> {
        self.headers().get(name)
    }
}

impl Raw for RawMessage {
    fn status(&self) -> Option<u16> {
        None
    }

    fn header(&self, _: &'static str) -> Option<&str> {
        None
    }
}

// === impl Trouble ===

impl Trouble {
    /// Reads an error of the SDK.
    pub(crate) fn of<E, R>(error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: Raw + std::fmt::Debug + 'static,
    {
        match error {
            SdkError::ServiceError(refused) => {
                let meta = refused.err().meta();
                let raw = refused.raw();
                let message = meta.message().unwrap_or_default().to_ascii_lowercase();
                let code = meta.code().map(plain_code);
                Self {
                    kind: kind_of(code.as_deref(), raw.status(), &message),
                    code,
                    request_id: meta.request_id().or_else(|| raw.header(ID)).map(str::to_owned),
                    retry_after: raw.header("retry-after").and_then(pause),
                    hint: hint_of(&message),
                }
            }
            SdkError::TimeoutError(_) => Self::bare(Kind::TimedOut),
            SdkError::DispatchFailure(failed) if failed.is_timeout() => Self::bare(Kind::TimedOut),
            SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_)
                if lacks_credentials(error) =>
            {
                Self::bare(Kind::Credentials)
            }
            SdkError::ResponseError(answer) => Self {
                kind: garbled(answer.raw().status()),
                request_id: answer.raw().header(ID).map(str::to_owned),
                ..Self::bare(Kind::Garbled)
            },
            SdkError::ConstructionFailure(_) => Self::bare(Kind::Invalid),
            // The SDK may grow further kinds; they are failures of the way there.
            SdkError::DispatchFailure(_) | _ => Self::bare(Kind::Unreachable),
        }
    }

    /// What an exception in the middle of a stream means: there the code is the exception's name.
    pub(crate) fn named(code: &str, message: &str) -> Self {
        let message = message.to_ascii_lowercase();
        Self {
            kind: kind_of(Some(code), None, &message),
            code: Some(code.to_owned()),
            hint: hint_of(&message),
            ..Self::bare(Kind::Garbled)
        }
    }

    /// A kind and nothing else.
    pub(crate) const fn bare(kind: Kind) -> Self {
        Self { kind, code: None, request_id: None, retry_after: None, hint: None }
    }

    /// The code in brackets, or nothing, to follow a sentence.
    pub(crate) fn code(&self) -> String {
        self.code.as_deref().map_or_else(String::new, |code| format!(" ({code})"))
    }

    /// What happened and what to do about it, where that is the same for every service. `service`
    /// is its name, `host` where it is asked.
    pub(crate) fn on_the_way(&self, service: &str) -> String {
        match self.kind {
            Kind::Unreachable => format!(
                "{service} is not reached; look at the network, the region and the endpoint, if one is configured"
            ),
            Kind::TimedOut => format!("{service} did not answer in time{}", self.code()),
            Kind::Credentials => format!(
                "AWS takes no credentials of this agent{}; give it a role, or set AWS_PROFILE or the keys of AWS in its environment",
                self.code()
            ),
            Kind::Throttled => {
                format!(
                    "{service} has more requests than it takes{}; it is asked again later",
                    self.code()
                )
            }
            Kind::Quota => format!(
                "a quota of {service} is used up{}; raise it in the console of Service Quotas",
                self.code()
            ),
            Kind::Unavailable => format!("{service} has a failure of its own{}", self.code()),
            Kind::Garbled => {
                format!("the answer of {service} makes no sense; is there a proxy in between?")
            }
            Kind::Conflict => {
                format!("{service} is changing the same thing already{}", self.code())
            }
            Kind::Denied => format!("AWS does not allow it{}", self.code()),
            Kind::NotFound => format!("{service} has no such thing{}", self.code()),
            Kind::Invalid => format!("{service} does not take the request as it is{}", self.code()),
        }
    }
}

const ID: &str = "x-amzn-requestid";

/// A code without the name space before and the address behind it.
fn plain_code(code: &str) -> String {
    let code = code.rsplit('#').next().unwrap_or(code);
    let code = code.split(':').next().unwrap_or(code);
    code.chars().filter(char::is_ascii_alphanumeric).take(80).collect()
}

fn kind_of(code: Option<&str>, status: Option<u16>, message: &str) -> Kind {
    let code = code.unwrap_or_default();
    match code {
        "ThrottlingException"
        | "ThrottledException"
        | "Throttling"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "TooManyUpdates"
        | "SlowDown" => Kind::Throttled,
        "ServiceQuotaExceededException" | "ParameterLimitExceeded" | "LimitExceededException" => {
            Kind::Quota
        }
        "ExpiredToken"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => Kind::Credentials,
        "AccessDeniedException" | "AccessDenied" | "NotAuthorized" | "UnauthorizedOperation" => {
            if message.contains("security token") {
                Kind::Credentials
            } else {
                Kind::Denied
            }
        }
        "ResourceNotFoundException" | "ParameterNotFound" => Kind::NotFound,
        "ConflictException" | "RetryableConflictException" | "ParameterAlreadyExists" => {
            Kind::Conflict
        }
        "ModelTimeoutException" | "RequestTimeout" | "RequestTimeoutException" => Kind::TimedOut,
        "ModelNotReadyException"
        | "ModelErrorException"
        | "ModelStreamErrorException"
        | "ServiceUnavailableException"
        | "InternalServerException"
        | "InternalServerError"
        | "InternalFailure"
        | "ServiceException" => Kind::Unavailable,
        "ValidationException" | "InvalidInputException" => Kind::Invalid,
        _ => by_status(status),
    }
}

fn by_status(status: Option<u16>) -> Kind {
    match status {
        Some(401) => Kind::Credentials,
        Some(403) => Kind::Denied,
        Some(404) => Kind::NotFound,
        Some(408 | 504) => Kind::TimedOut,
        Some(409) => Kind::Conflict,
        Some(429) => Kind::Throttled,
        Some(400..=499) => Kind::Invalid,
        Some(500..=599) => Kind::Unavailable,
        Some(_) | None => Kind::Garbled,
    }
}

/// An answer that is none of the service's: what stands in between speaks by its status.
fn garbled(status: Option<u16>) -> Kind {
    match status {
        Some(200..=299) | None => Kind::Garbled,
        other => by_status(other),
    }
}

/// Read from words, as there is no code: the service calls all of these `ValidationException`.
fn hint_of(message: &str) -> Option<Hint> {
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if has(&[
        "too long",
        "context length",
        "context window",
        "maximum context",
        "too many input tokens",
        "exceeds the maximum number of input",
        "maximum tokens",
        "too many total text bytes",
    ]) {
        return Some(Hint::TooLong);
    }
    let table: [(&[&str], Hint); 7] = [
        (&["on-demand throughput", "inference profile"], Hint::Profile),
        (
            &["in streaming mode", "unsupported for streaming", "doesn't support streaming"],
            Hint::Streaming,
        ),
        (&["doesn't support tool use", "does not support tool use"], Hint::Tools),
        (&["cachepoint", "prompt caching", "cache point", "explicit caching"], Hint::Caching),
        (&["have access to the model", "model access"], Hint::ModelAccess),
        (&["kms"], Hint::Key),
        (&["tag"], Hint::Tags),
    ];
    table.into_iter().find(|(words, _)| has(words)).map(|(_, hint)| hint)
}

fn pause(header: &str) -> Option<Duration> {
    header.trim().parse().ok().map(Duration::from_secs).map(|pause| pause.min(LONGEST))
}

/// Whether no credentials could be had, which the SDK calls a failure to send.
fn lacks_credentials(error: &(dyn Error + 'static)) -> bool {
    let mut causes = successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source());
    causes.any(|cause| cause.is::<CredentialsError>())
}

#[cfg(test)]
mod tests {
    //! Codes, statuses and words.

    use std::time::Duration;

    use super::{Hint, Kind, hint_of, kind_of, pause, plain_code};

    #[test]
    fn a_code_goes_before_a_status_and_a_status_before_nothing() {
        let cases = [
            (Some("ModelNotReadyException"), Some(429), Kind::Unavailable),
            (Some("ThrottledException"), Some(400), Kind::Throttled),
            (None, Some(429), Kind::Throttled),
            (Some("WhateverException"), Some(503), Kind::Unavailable),
            (Some("WhateverException"), Some(418), Kind::Invalid),
            (Some("AccessDeniedException"), Some(403), Kind::Denied),
            (Some("ExpiredTokenException"), Some(403), Kind::Credentials),
            (None, None, Kind::Garbled),
        ];
        for (code, status, kind) in cases {
            assert_eq!(kind_of(code, status, ""), kind, "{code:?} {status:?}");
        }
        let unknown = "the security token included in the request is invalid.";
        assert_eq!(kind_of(Some("AccessDeniedException"), Some(403), unknown), Kind::Credentials);
    }

    #[test]
    fn a_code_is_a_word() {
        assert_eq!(plain_code("aws.ssm#ParameterNotFound:http://x/"), "ParameterNotFound");
        assert_eq!(plain_code("A\n<b>"), "Ab");
    }

    #[test]
    fn words_that_change_what_to_do_are_known() {
        let cases = [
            ("input is too long for requested model.", Some(Hint::TooLong)),
            ("prompt is too long: 250000 tokens > 200000 maximum", Some(Hint::TooLong)),
            (
                "invocation of model id x with on-demand throughput isn\u{2019}t supported.",
                Some(Hint::Profile),
            ),
            ("this model doesn't support tool use in streaming mode.", Some(Hint::Streaming)),
            ("this model doesn't support tool use.", Some(Hint::Tools)),
            ("messages: final message must be from user", None),
        ];
        for (words, hint) in cases {
            assert_eq!(hint_of(words), hint, "{words}");
        }
    }

    #[test]
    fn a_pause_is_in_seconds_and_bounded() {
        assert_eq!(pause(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(pause("99999"), Some(Duration::from_secs(300)));
        assert_eq!(pause("Wed, 21 Oct"), None);
    }
}
