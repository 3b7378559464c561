//! Why a token was not accepted.
//!
//! Enters: a result for the metrics and a detail for the operator. Leaves: a `Refusal` whose
//! sentence tells the caller nothing but what to do. Never: text of the token.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use toolgate_call::{Case, Refusal};
use toolgate_telemetry::AuthResult;

/// How much of a claim an operator is shown, in characters.
const SHOWN_CHARS: usize = 128;

/// A token that was not accepted, and why.
#[derive(Debug)]
pub(super) struct Denial {
    /// What the metrics count.
    pub(super) result: AuthResult,
    /// The configured name of the issuer; empty while it is not known.
    pub(super) issuer: Arc<str>,
    case: Case,
    detail: Cow<'static, str>,
    retry_after: Option<Duration>,
    /// What the caller is told instead of what is usual.
    sentence: Option<&'static str>,
}

// === impl Denial ===

impl Denial {
    /// There is no token.
    pub(super) fn missing(detail: &'static str) -> Self {
        Self::new(Case::TokenMissing, AuthResult::Missing, detail.into())
    }

    /// There is a token, and it does not hold.
    pub(super) fn invalid(result: AuthResult, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Case::TokenInvalid, result, detail.into())
    }

    /// Nobody can tell, because the issuer's keys cannot be had.
    pub(super) fn unavailable(detail: String, retry_after: Duration) -> Self {
        let mut denial =
            Self::new(Case::KeysUnavailable, AuthResult::JwksUnavailable, detail.into());
        denial.retry_after = Some(retry_after);
        denial
    }

    fn new(case: Case, result: AuthResult, detail: Cow<'static, str>) -> Self {
        Self { result, issuer: Arc::from(""), case, detail, retry_after: None, sentence: None }
    }

    /// The same, of a token that claims to be from this issuer.
    pub(super) fn at(mut self, issuer: &Arc<str>) -> Self {
        self.issuer = Arc::clone(issuer);
        self
    }

    /// The same, with another sentence for the caller.
    pub(super) fn saying(mut self, sentence: &'static str) -> Self {
        self.sentence = Some(sentence);
        self
    }

    /// Whether there was nothing to look at.
    pub(super) fn is_missing(&self) -> bool {
        self.case == Case::TokenMissing
    }

    /// The operator's sentence.
    pub(super) fn into_detail(self) -> String {
        self.detail.into_owned()
    }

    /// The refusal: one sentence for every bad token, the detail for the operator.
    pub(super) fn into_refusal(self) -> Refusal {
        let sentence = if let Some(sentence) = self.sentence {
            sentence
        } else if self.case == Case::TokenMissing {
            "a bearer token is needed: send the header `Authorization: Bearer TOKEN`"
        } else if self.case == Case::KeysUnavailable {
            "the bearer token cannot be verified now; try again shortly"
        } else {
            "the bearer token is not accepted"
        };
        let detail = if self.issuer.is_empty() {
            self.detail.into_owned()
        } else {
            format!("issuer {}: {}", self.issuer, self.detail)
        };
        let refusal = Refusal::new(self.case, sentence).detail(detail);
        match self.retry_after {
            Some(wait) => refusal.retry_after(wait).safe_to_retry(true),
            None => refusal,
        }
    }
}

/// A claim as an operator may see it: short, on one line, nothing that moves a cursor.
pub(super) fn shown(claim: &str) -> String {
    claim.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS).collect()
}
